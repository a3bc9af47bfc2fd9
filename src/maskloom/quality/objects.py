"""Faults of single objects and pairs of objects, found on runs without decoding pixels.

Rows that are not masks are left out; crowds are looked at only for being empty or outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.errors import UsageError
from maskloom.quality.findings import Finding


def _limit(text: str, *, default: Any) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a check begins to speak; raises UsageError for a value outside its range."""

    exclusive: bool = _limit("overlapping objects are errors, not warnings", default=False)
    near: float = _limit("IoU from which two objects of one class nearly coincide", default=0.95)
    sliver: int = _limit("largest inner width of a sliver in px; 0: no check", default=2)
    sliver_length: int = _limit("a sliver is longer than this, in px", default=10)
    hole: int = _limit("largest area of a small hole in px; 0: no check", default=4)
    speck: int = _limit("largest area of a stray speck in px; 0: no check", default=3)
    parts: int = _limit("more parts than this in one object are too many", default=20)
    outside: float = _limit("how far vertices and boxes may reach outside, in px", default=1.0)
    void: float = _limit("share of void from which an image is mostly void", default=0.5)
    imbalance: float = _limit(
        "ratio of pixels of the largest to the smallest class", default=1000.0
    )
    keep: int = _limit("findings listed per check; all are counted", default=1000)

    def __post_init__(self) -> None:
        checks = {
            "near": 0 < self.near <= 1,
            "sliver": 0 <= self.sliver <= 50,
            "sliver_length": self.sliver_length >= 0,
            "hole": self.hole >= 0,
            "speck": self.speck >= 0,
            "parts": self.parts >= 1,
            "outside": self.outside >= 0,
            "void": 0 <= self.void <= 1,
            "imbalance": self.imbalance >= 1,
            "keep": self.keep >= 1,
        }
        for name, good in checks.items():
            if not good:
                raise UsageError(
                    f"check.{name} is out of range", where="--set", seen=getattr(self, name)
                )


def object_findings(
    key: str, rows: Rows, limits: Limits, *, shapes: bool = True
) -> Iterator[Finding]:
    """All faults of the objects of one sample.

    Args:
        key: the sample's key.
        rows: its annotations, in one frame.
        limits: where each check begins to speak.
        shapes: look at slivers, holes and fragments too.
    """
    yield from _outside(key, rows, limits)
    mask = rows.kind == RowKind.MASK
    areas = rows.masks.areas
    for i in np.flatnonzero(mask & (areas == 0)):
        yield Finding("empty-object", "the object has no pixel", key, object_id(rows, int(i)))
    solid = rows.take(mask & (areas > 0) & ~rows.crowd)
    if len(solid):
        if shapes:
            yield from _shapes(key, solid, limits)
        yield from _pairs(key, solid, limits)


def object_id(rows: Rows, i: int) -> int | str:
    """The file's own id of a row, else its instance id."""
    source = rows.source[i] if rows.source else None
    own = source.get("id") if source else None
    return own if isinstance(own, int | str) else int(rows.instance[i])


def inner_width_at_most(masks: Masks, width: int) -> NDArray[np.bool_]:
    """(N,) whether no square of `width` + 1 px fits into the mask."""
    across = masks
    for step in range(1, width + 1):
        across = across.intersection(masks.shift(step, 0))
    inner = across
    for step in range(1, width + 1):
        inner = inner.intersection(across.shift(0, step))
    narrow: NDArray[np.bool_] = inner.areas == 0
    return narrow


def _shapes(key: str, rows: Rows, limits: Limits) -> Iterator[Finding]:
    masks = rows.masks
    if limits.sliver:
        sides = (masks.boxes[:, 2:] - masks.boxes[:, :2]).max(axis=1)
        long = np.flatnonzero(sides > limits.sliver_length)
        for i in long[inner_width_at_most(masks[long], limits.sliver)].tolist():
            what = f"{sides[i]} px long and nowhere wider than {limits.sliver} px"
            yield Finding("sliver", what, key, object_id(rows, i), int(sides[i]))
    topology = masks.topology()
    if limits.hole and topology[:, 1].any():
        holes, owners = masks.holes()
        small = (holes.areas <= limits.hole) & (holes.areas > 0)
        for i, n in zip(*np.unique(owners[small], return_counts=True), strict=True):
            pixels = int(holes.areas[small & (owners == i)].sum())
            what = f"{n} {'hole' if n == 1 else 'holes'} of at most {limits.hole} px"
            value = {"holes": int(n), "pixels": pixels}
            yield Finding("hole", what, key, object_id(rows, int(i)), value)
    yield from _fragments(key, rows, limits, topology[:, 0])


def _fragments(
    key: str, rows: Rows, limits: Limits, n_parts: NDArray[np.int64]
) -> Iterator[Finding]:
    many = np.flatnonzero(n_parts > 1)
    if not len(many):
        return
    parts, owners = rows.masks[many].components()
    for position, i in enumerate(many.tolist()):
        specks = int((parts.areas[owners == position] <= limits.speck).sum())
        what = f"{n_parts[i]} parts, {specks} of them of at most {limits.speck} px"
        if specks or n_parts[i] > limits.parts:
            value = {"parts": int(n_parts[i]), "specks": specks}
            yield Finding("fragment", what, key, object_id(rows, i), value)


def _pairs(key: str, rows: Rows, limits: Limits) -> Iterator[Finding]:
    equal = _equal_masks(rows)
    for i, j in sorted(equal):
        same = rows.category[i] == rows.category[j]
        check = "duplicate-object" if same else "same-mask"
        what = f"has the same pixels as object {object_id(rows, i)}"
        yield Finding(check, what, key, object_id(rows, j), object_id(rows, i))
    areas = rows.masks.areas
    first: tuple[int, int] | None = None
    pairs = pixels = 0
    met = (column.tolist() for column in rows.masks.overlapping(rows.masks))
    for i, j, shared in zip(*met, strict=True):
        if i >= j or (i, j) in equal or _related(rows, i, j):
            continue
        iou = shared / (areas[i] + areas[j] - shared)
        if iou >= limits.near and rows.category[i] == rows.category[j]:
            what = f"nearly coincides with object {object_id(rows, i)}, IoU {iou:.3f}"
            yield Finding("near-duplicate", what, key, object_id(rows, j), round(float(iou), 6))
        else:
            first = first or (i, j)
            pairs, pixels = pairs + 1, pixels + shared
    if first is not None:
        a, b = (object_id(rows, i) for i in first)
        what = f"{pairs} {'pair' if pairs == 1 else 'pairs'} of objects overlap, first {a} and {b}"
        value = {"pairs": pairs, "pixels": pixels}
        yield Finding("overlap" if limits.exclusive else "overlaps", what, key, None, value)


def _related(rows: Rows, i: int, j: int) -> bool:
    """Parts of one object, part and whole, and amodal extents may overlap."""
    a, b = int(rows.instance[i]), int(rows.instance[j])
    return (
        a == b
        or int(rows.parent[i]) == b
        or int(rows.parent[j]) == a
        or int(rows.amodal_of[i]) >= 0
        or int(rows.amodal_of[j]) >= 0
        or int(rows.plane[i]) != int(rows.plane[j])
    )


def _equal_masks(rows: Rows) -> set[tuple[int, int]]:
    """Pairs (first, later) of equal masks on one plane; equal masks are equal bytes."""
    masks = rows.masks
    seen: dict[tuple[int, bytes, bytes], int] = {}
    pairs = set()
    for i in range(len(masks)):
        counts = masks.counts[masks.offsets[i] : masks.offsets[i + 1]]
        same = (int(rows.plane[i]), masks.boxes[i].tobytes(), counts.tobytes())
        first = seen.setdefault(same, i)
        if first != i:
            pairs.add((first, i))
    return pairs


def _outside(key: str, rows: Rows, limits: Limits) -> Iterator[Finding]:
    reach: dict[int, float] = defaultdict(float)
    for i in range(len(rows)):
        height, width = (float(side) for side in rows.masks.sizes[i])
        for x0, y0, x1, y1 in _extents(rows, i):
            reach[i] = max(reach[i], -x0, -y0, x1 - width, y1 - height)
    for i, far in reach.items():
        if far > limits.outside:
            what = f"reaches {far:g} px outside the image"
            yield Finding("outside", what, key, object_id(rows, i), round(far, 6))


def _extents(rows: Rows, i: int) -> Iterator[tuple[float, float, float, float]]:
    geometry = rows.geometry[i] if rows.geometry else None
    for part in geometry.parts if geometry is not None else ():
        if len(part):
            (x0, y0), (x1, y1) = part.min(axis=0), part.max(axis=0)
            yield float(x0), float(y0), float(x1), float(y1)
    source = rows.source[i] if rows.source else None
    box = source.get("bbox") if source else None
    if isinstance(box, list | tuple) and len(box) == 4:
        x, y, w, h = (float(v) for v in box)
        yield x, y, x + w, y + h
