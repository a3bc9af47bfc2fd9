"""Segmentations of COCO entries as compressed strings: polygons, listed runs and strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.coco_rle import compress, crop_to_frame
from maskloom.core.kernel import Bytes, Counts, Ints, Rows, kernel
from maskloom.core.masks import Masks
from maskloom.errors import DataError, MaskError
from maskloom.metrics.coco.ends import LEAD, read_ends

Entry = dict[str, Any]


def runs_of(one: Entry, image: Entry) -> dict[str, Any]:
    """The runs of an annotation as pycocotools' `annToRLE` gives them.

    Raises:
        DataError: it has no segmentation, or one of which no mask can be made.
    """
    drawn = one.get("segmentation")
    if isinstance(drawn, dict) and isinstance(drawn.get("counts"), str | bytes):
        return drawn
    try:
        sides = drawn["size"] if isinstance(drawn, dict) else (image["height"], image["width"])
        height, width = (int(side) for side in sides)
    except (KeyError, TypeError, ValueError):
        raise _no_mask("the size of the frame is not told", _name(one), drawn) from None
    text = made_texts([drawn], (height, width), [_name(one)])[0]
    return {"size": [height, width], "counts": text}


def _name(one: Entry) -> str:
    """How an annotation is named in errors."""
    return f"annotation {one.get('id')}"


def outline_of(box: Sequence[float]) -> list[float]:
    """The corners of a box x, y, width, height as a polygon, in pycocotools' order.

    Raises:
        TypeError, ValueError: not four numbers.
    """
    x, y, width, height = box
    right, bottom = x + width, y + height
    return [x, y, x, bottom, right, bottom, right, y]


def mask_of(runs: dict[str, Any]) -> NDArray[np.uint8]:
    """Runs as an array (H, W) of 0 and 1, in columns."""
    return Masks.from_coco([runs]).dense(0, order="F").view(np.uint8)


def made_texts(drawn: Sequence[Any], size_hw: Sequence[int], names: Sequence[Any]) -> list[bytes]:
    """Compressed strings of polygons and listed runs, all in one frame.

    Args:
        drawn: lists of polygons, or {"size": ..., "counts": list of runs}.
        size_hw: the frame.
        names: of the annotations, for errors.

    Raises:
        DataError: one of which no mask can be made; names it.
    """
    texts = [b""] * len(drawn)
    polygons: list[int] = []
    for i, one in enumerate(drawn):
        if isinstance(one, list) and one:
            polygons.append(i)
        elif isinstance(one, dict) and isinstance(one.get("counts"), list):
            texts[i] = _listed(one["counts"], names[i])
        else:
            raise _no_mask("there is no mask", names[i], one)
    if polygons:
        rings = [_rings(drawn[i]) for i in polygons]
        try:
            masks = Masks.from_polygons(rings, size_hw, rule="coco")
        except MaskError as error:
            for i, own in zip(polygons, rings, strict=True):
                try:
                    Masks.from_polygons([own], size_hw, rule="coco")
                except MaskError as single:
                    raise _no_mask(single.what, names[i], single.seen) from None
            raise error from None
        height, width = (int(side) for side in size_hw)
        whole, offsets = _strings(
            masks.boxes.copy(), masks.counts.copy(), masks.offsets.copy(), height, width
        )
        line = whole.tobytes()
        for n, i in enumerate(polygons):
            texts[i] = line[offsets[n] : offsets[n + 1]]
    return texts


def _no_mask(what: str, name: object, seen: object) -> DataError:
    return DataError(
        what,
        where=f"{name}, segmentation",
        seen=seen,
        hint="a mask is polygons, or runs with their size",
    )


def _rings(drawn: list[Any]) -> list[Any]:
    """Polygons of an annotation; lists of four numbers are boxes, as pycocotools takes them."""
    if not (isinstance(drawn[0], list) and len(drawn[0]) == 4):
        return drawn
    return [outline_of(box) if len(box) == 4 else box for box in drawn]


def _listed(counts: list[Any], name: object) -> bytes:
    try:
        runs = np.asarray(counts)
    except (ValueError, OverflowError):
        runs = np.zeros(0, np.float64)
    if runs.ndim != 1 or runs.dtype.kind not in "iu" or (runs < 0).any():
        raise _no_mask("counts are whole numbers from 0 on", name, counts)
    return compress(runs.astype(np.int64)).tobytes()


@kernel
def _strings(
    boxes: Rows, counts: Counts, offsets: Ints, height: int, width: int
) -> tuple[Bytes, Ints]:
    """The compressed strings of masks in one frame, end to end."""
    n = offsets.size - 1
    out = np.zeros(n + 1, np.int64)
    text = np.empty(4 * counts.size + 64, np.uint8)
    for i in range(n):
        own = compress(crop_to_frame(boxes[i], counts[offsets[i] : offsets[i + 1]], height, width))
        while out[i] + own.size > text.size:
            text = np.concatenate((text, np.empty_like(text)))
        text[out[i] : out[i] + own.size] = own
        out[i + 1] = out[i] + own.size
    return text[: out[n]].copy(), out


def boxes_and_areas(
    texts: Sequence[str | bytes], pixels: Ints, heights: Ints
) -> tuple[NDArray[np.float64], Ints, int, int]:
    """Boxes (N, 4) x, y, width, height and areas (N,) of strings, or the first fault.

    Source: cocoapi common/maskApi.c, rleToBbox.
    """
    from maskloom.metrics.coco.columns import ListedTexts

    rows = np.arange(len(texts), dtype=np.int32)
    text, offsets = ListedTexts(texts).block(rows)
    ends = np.empty(len(text) - LEAD, np.int32)
    starts, areas, bad, fault = read_ends(text, offsets, pixels, np.ones(len(rows), bool), ends)
    return _boxes(ends, starts, heights), areas, bad, fault


@kernel
def _boxes(ends: Rows, starts: Ints, heights: Ints) -> NDArray[np.float64]:
    boxes = np.zeros((heights.size, 4), np.float64)
    for i in range(heights.size):
        first, h = starts[i], heights[i]
        n = (starts[i + 1] - first) & ~1
        x0 = y0 = np.int64(1) << 40
        x1 = y1 = past = np.int64(0)
        for j in range(n):
            # An end is the first pixel of a run inside, or the one after its last.
            place = np.int64(ends[first + j]) - (j & 1)
            y, x = place % h, place // h
            if j & 1 == 0:
                past = x
            elif past < x:
                y0, y1 = np.int64(0), h - 1
            x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
        if n:
            boxes[i, 0], boxes[i, 1] = x0, y0
            boxes[i, 2], boxes[i, 3] = x1 - x0 + 1, y1 - y0 + 1
    return boxes
