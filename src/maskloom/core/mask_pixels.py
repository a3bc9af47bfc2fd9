"""Masks back to pixels: decoding and painting. Encoding is in `mask_inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core import dense, mask_regions
from maskloom.errors import MaskError

if TYPE_CHECKING:
    from maskloom.core.masks import Masks


def decode(masks: Masks, order: str) -> NDArray[np.bool_]:
    """(N, H, W) bool; see `Masks.decode`."""
    if order not in ("C", "F"):
        raise MaskError("unknown memory order", seen=order, hint="use C or F")
    height, width = mask_regions.common_size(masks)
    if order == "C":
        out = np.zeros((len(masks), height, width), np.uint8)
    else:
        out = np.zeros((len(masks), width, height), np.uint8)
    write = dense.decode_rows if order == "C" else dense.decode_columns
    for i, frame in enumerate(out):
        run = masks.counts[masks.offsets[i] : masks.offsets[i + 1]]
        if run.size:
            write(masks.boxes[i], run, frame)
    pixels = out.view(np.bool_)
    return pixels if order == "C" else pixels.transpose(0, 2, 1)


def crop_pixels(masks: Masks, i: int) -> NDArray[np.bool_]:
    """The tight crop of row i, (h, w) bool."""
    x0, y0, x1, y1 = masks.boxes[i]
    out = np.zeros((y1 - y0, x1 - x0), np.uint8)
    box = np.array([0, 0, x1 - x0, y1 - y0], np.int32)
    box.flags.writeable = False
    dense.decode_rows(box, masks.counts[masks.offsets[i] : masks.offsets[i + 1]], out)
    return out.view(np.bool_)


def paint(masks: Masks, into: NDArray[Any], values: ArrayLike) -> None:
    """Write values[i] where mask i is; see `Masks.paint`."""
    given = np.asarray(values)
    if given.shape != (len(masks),):
        raise MaskError("painting needs one value per mask", seen=given.shape, where="values")
    colours = given.astype(into.dtype)
    if not np.array_equal(colours, given):
        lost = given[colours != given][0]
        raise MaskError(f"a value does not fit in {into.dtype}", seen=lost, where="values")
    if len(masks) and into.shape != mask_regions.common_size(masks):
        raise MaskError(
            f"the array is not the masks' frame {mask_regions.common_size(masks)}", seen=into.shape
        )
    for i in range(len(masks)):
        x0, y0, x1, y1 = masks.boxes[i]
        if x1 > x0:
            np.copyto(into[y0:y1, x0:x1], colours[i], where=crop_pixels(masks, i))
