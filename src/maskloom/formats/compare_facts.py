"""What objects and images say beside their pixels, compared after a conversion.

A safety net: writers tell beforehand what they drop (`loss.py`), and what comes back otherwise
all the same is told here. Only what the target holds is asked for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Rows
from maskloom.formats.loss import Holds

_ASKED = ("score", "crowd", "attributes", "z_order", "tracks")
NUMBERS = "numbers"
"""Numbers of objects as the file gave them: ids of an instance map, say."""


def asked_of(holds: Holds | None) -> tuple[str, ...]:
    """The kinds of facts of objects that a target holds, and their numbers, which each gives."""
    if holds is None:
        return ()
    return (*(kind for kind in _ASKED if getattr(holds, kind)), NUMBERS)


def same_facts(one: Rows, two: Rows, kinds: Sequence[str]) -> bool:
    """Whether rows that are the same objects in the same order say the same."""
    return all(
        _said(one, kind) == _said(two, kind)
        for kind in kinds
        if (_numbered(one) if kind == NUMBERS else _any((one, two), kind))
    )


def changed_facts(
    one: tuple[Rows, Sequence[Hashable]],
    two: tuple[Rows, Sequence[Hashable]],
    kinds: Sequence[str],
) -> dict[str, int]:
    """How many objects that came back say otherwise, by kind.

    Args:
        one: rows of the source, and what identifies each.
        two: likewise what came back.
        kinds: of facts.
    """
    changed, back = {}, set(two[1])
    for kind in kinds:
        if not (_numbered(one[0]) if kind == NUMBERS else _any((one[0], two[0]), kind)):
            continue
        said = Counter(x for x in zip(one[1], _said(one[0], kind), strict=True) if x[0] in back)
        said.subtract(zip(two[1], _said(two[0], kind), strict=True))
        # Links that were not there are none lost: a form for videos makes a track of any object.
        counted = (n for (_, fact), n in said.items() if kind != "tracks" or any(fact))
        if (count := sum(n for n in counted if n > 0)) > 0:
            changed[kind] = count
    return changed


def _numbered(rows: Rows) -> bool:
    """Whether objects have other numbers than those that a reader counts, which say nothing."""
    numbers = np.unique(rows.instance)
    return not np.array_equal(numbers, np.arange(1, len(numbers) + 1))


def _any(sides: Iterable[Rows], kind: str) -> bool:
    """Whether one of the sides says something of this kind."""
    asked: dict[str, Callable[[Rows], bool]] = {
        "score": lambda rows: not bool(np.isnan(rows.score).all()),
        "crowd": lambda rows: bool(rows.crowd.any()),
        "attributes": lambda rows: any(rows.attributes),
        "z_order": lambda rows: bool(rows.z_order.any()),
        "tracks": lambda rows: bool(_links(rows).any()),
    }
    return any(len(rows) > 0 and asked[kind](rows) for rows in sides)


def _said(rows: Rows, kind: str) -> list[Any]:
    """What each row says; identities are renumbered, so that of links only their kind counts."""
    if kind == "attributes":
        return [_text(own) for own in rows.attributes] or [""] * len(rows)
    if kind == NUMBERS:
        return list(rows.instance.tolist())
    if kind in ("crowd", "z_order"):
        return list(getattr(rows, kind).tolist())
    if kind == "score":  # no score equals no score
        return [None if np.isnan(score) else score for score in rows.score.tolist()]
    return list(map(tuple, _links(rows).tolist()))


def _links(rows: Rows) -> NDArray[np.bool_]:
    """(N, 3) whether each row has a track, a parent, an object whose hidden extent it is."""
    return np.stack([rows.track >= 0, rows.parent >= 0, rows.amodal_of >= 0], axis=1)


def _text(attributes: Mapping[str, Any] | None) -> str:
    """The same for the same attributes: 1, 1.0, "1" and true are not the same."""
    return json.dumps(attributes, sort_keys=True, default=repr) if attributes else ""


def changed_splits(source: Dataset, back: Dataset, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Names of the source's splits that lost or got images; one without images is none.

    Formats whose folders are splits give one to images that were in none: that is no loss.

    Args:
        source: what was written.
        back: what was read again.
        pairs: the keys of samples that are the same, in both.
    """
    called = {theirs: ours for ours, theirs in pairs}
    chosen = set(called.values())
    ours = {name: chosen.intersection(keys) for name, keys in source.splits.items()}
    theirs = {name: {called[k] for k in keys if k in called} for name, keys in back.splits.items()}
    return [name for name, keys in ours.items() if keys != theirs.get(name, set())]
