"""What is evaluated, as columns: true objects, detections, and the rules they are matched by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, Rows
from maskloom.metrics.coco.ends import LEAD
from maskloom.metrics.objects.matching import Flags, Floats

MOST_PIXELS = 2**31 - 1
"""Pixels of the largest frame whose masks can be compared."""


class Texts(Protocol):
    """Masks as COCO's compressed strings, fetched a block at a time."""

    def block(self, rows: Rows) -> tuple[Bytes, Ints]:
        """The strings of some rows end to end after `LEAD` zeros, and where each begins (N+1)."""


class ListedTexts:
    """Strings that are Python objects already: str or bytes."""

    def __init__(self, texts: Sequence[str | bytes]) -> None:
        self._texts = texts

    def block(self, rows: Rows) -> tuple[Bytes, Ints]:
        """The strings of some rows; see `Texts`."""
        texts = self._texts
        if len(rows) > 1:
            own = itemgetter(*rows.tolist())(texts)
        else:
            own = tuple(texts[i] for i in rows.tolist())
        offsets = np.empty(len(own) + 1, np.int64)
        offsets[0] = LEAD
        np.cumsum(np.fromiter(map(len, own), np.int64, len(own)), out=offsets[1:])
        offsets[1:] += LEAD
        try:
            whole = "".join(("0" * LEAD, *own)).encode("ascii")
        except (TypeError, UnicodeEncodeError):
            whole = b"0" * LEAD + b"".join(map(_as_bytes, own))
        return np.frombuffer(whole, np.uint8), offsets


def _as_bytes(text: str | bytes) -> bytes:
    """A string as bytes; a character beyond ASCII is none of the code and becomes a 0."""
    if isinstance(text, bytes):
        return text
    return bytes(code if code < 128 else 0 for code in map(ord, text))


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Where N objects are: masks as strings, boxes (N, 4) x, y, width, height, or both."""

    texts: Texts | None = None
    boxes: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """G true objects in the order of their file.

    Args:
        image: (G,) int32 positions of images.
        category: (G,) int32 positions of categories.
        ids: (G,) int64 of annotations.
        area: (G,) float64 px, as the file states it.
        crowd: (G,) bool, regions of many: any number of detections may match.
        ignore: (G,) bool, objects that need not be found.
        shapes: of the objects.
    """

    image: Rows
    category: Rows
    ids: Ints
    area: Floats
    crowd: Flags
    ignore: Flags
    shapes: Shapes


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """N detections in the order of their file.

    Args:
        image, category, ids, shapes: as of `Truth`.
        score: (N,) float64, finite.
        area: (N,) float64 px; NaN where it is that of the mask.
        partial: (N,) bool: the truth does not list all objects of this category in this image,
            so a detection without an object counts nowhere (LVIS).
        gone: (N,) bool: detections that do not take part.
    """

    image: Rows
    category: Rows
    ids: Ints
    score: Floats
    area: Floats
    shapes: Shapes
    partial: Flags | None = None
    gone: Flags | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MatchRules:
    """How detections are matched.

    Args:
        levels: (T,) IoU thresholds.
        areas: (A, 2) least and greatest area, px.
        most: detections kept of each image and category.
        categories: how many there are; with one, all objects are of one kind.
        kind: what overlaps: "segm", "bbox" or "boundary".
        reach: part of a frame's diagonal that a boundary is wide.
        threads: that share the images; any number gives the same bits.
    """

    levels: Floats
    areas: NDArray[np.float64]
    most: int
    categories: int
    kind: str = "segm"
    reach: float = 0.02
    threads: int = field(default=1, compare=False)
