"""What happened to a sample since somebody looked, in portions that fit into memory.

Stored operations are the project's (`store/project/operations.py`); which of them to show, and
when a page should rather load the document again, is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from maskloom.edits.operations import Operation

if TYPE_CHECKING:
    from maskloom.store.project.operations import Committed
    from maskloom.store.project.project import Project

MOST_BYTES = 16 << 20
_CHUNK = 50


@dataclass(frozen=True, slots=True)
class History:
    """Operations that follow a revision.

    Args:
        revision: the one after the last operation; the present one if there is no more.
        operations: in order, one revision each.
        more: whether others follow them.
        replaced: whether an import came between, or the revision never was: the document has to
            be loaded again, and no operations are told.
    """

    revision: int
    operations: Sequence[Committed]
    more: bool
    replaced: bool


def history(project: Project, sample: int, layer: str, *, after: int, head: int) -> History:
    """The operations after a revision.

    Args:
        project: open.
        sample: its id.
        layer: the layer.
        after: a revision that the asking page has.
        head: the present revision.
    """
    found: list[Committed] = []
    at, size = after, 0
    while at < head and size < MOST_BYTES:
        portion = project.operations(sample, layer, after=at, until=min(at + _CHUNK, head))
        found += portion
        size += sum(_weight(one.op) for one in portion)
        at += _CHUNK
    reached = min(at, head)
    revisions = [after, *(one.revision for one in found), reached + 1]
    if any(b != a + 1 for a, b in pairwise(revisions)):
        return History(head, (), more=False, replaced=True)
    return History(reached, tuple(found), more=reached < head, replaced=False)


def first_portion(found: Sequence[Committed]) -> Sequence[Committed]:
    """As many operations from the first as make an answer of bearable size, at least one."""
    sizes = accumulate(_weight(one.op) for one in found)
    return found[: sum(size < MOST_BYTES for size in sizes) or 1]


def _weight(operation: Operation) -> int:
    """About how many bytes an operation is as JSON."""
    tiles = sum(
        len(runs) * 4 // 3 for change in operation.changes for runs in change.tiles.values()
    )
    return tiles + 200 * (1 + len(operation.changes))
