"""What was built on a gesture that somebody wants to take back.

An undo is made for the newest revision like any other operation, so the rule for late operations
does not see that others went on from what it takes away. The page asks the same before it makes
one (`web/app/history.js`); the rule here holds for every client. Accepting is `operations.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from maskloom.edits.operations import Operation, canonical, inverse, to_json

if TYPE_CHECKING:
    from maskloom.store.project.operations import Committed

UNDO = "undo"
REDO = "redo"


def takes_back(op: Operation) -> bool:
    """Whether an operation says that it undoes another, or an undo."""
    return op.kind in (UNDO, REDO)


def in_effect_since(past: Iterable[Committed], sent: Operation, author: str) -> list[Committed]:
    """What came after the gesture that an undo takes back and is still there.

    A gesture and its undo are nothing together, an undo and its redo too.

    Args:
        past: accepted operations, the newest first; read only as far as needed.
        sent: an undo or a redo.
        author: whose; a gesture of theirs is meant before one of others.

    Returns:
        From the first; nothing where no such gesture is found.
    """
    wanted = (sent.kind == REDO, _reversed(sent))
    live: list[Committed] = []
    waiting: dict[tuple[bool, bytes], list[Committed]] = {}
    of_others: list[Committed] | None = None
    for one in past:
        own = (one.op.kind == UNDO, canonical(to_json(one.op)["changes"]))
        if waiting.get(own):
            live.remove(waiting[own].pop())
            continue
        if own == wanted:
            if one.author == author:
                return live[::-1]
            of_others = live[::-1] if of_others is None else of_others
        if takes_back(one.op):
            waiting.setdefault((one.op.kind == REDO, _reversed(one.op)), []).append(one)
        live.append(one)
    return of_others or []


def _reversed(op: Operation) -> bytes:
    """The changes of what an operation takes back, to compare."""
    return canonical(to_json(inverse(op, op.id))["changes"])
