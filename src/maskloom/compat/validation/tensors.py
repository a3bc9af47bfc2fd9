"""Tensors of any library as numpy arrays, copied only where they must be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel, wide
from maskloom.core.labels import BACKGROUND, VOID
from maskloom.errors import DataError

MOST = BACKGROUND
"""Classes that a map of bytes can hold."""


def array_of(tensor: Any) -> NDArray[Any]:
    """The values of a tensor; those of one on the CPU are shared, not copied."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach()
        tensor = tensor if tensor.device.type == "cpu" else tensor.cpu()
        return np.asarray(tensor.numpy())
    return np.asarray(tensor)


def class_maps(tensor: Any, n_classes: int, *, ignored: int | None, scores: bool) -> NDArray[Any]:
    """Class maps (B, H, W) of bytes: ignored pixels are void.

    Args:
        tensor: (B, H, W) whole numbers, or with `scores` (B, K, H, W), of which the highest along
            axis 1 is the class.
        n_classes: K, at most `MOST`.
        ignored: the number of pixels that count nowhere.
        scores: whether the tensor holds scores.

    Raises:
        DataError: a number is no class.
    """
    if scores:
        best = tensor.argmax(1)
        # One byte a pixel is copied from a device instead of eight.
        out = array_of(best.byte() if hasattr(best, "byte") else best).astype(np.uint8, copy=False)
        # As where classes are given: what is predicted to be ignored is a miss.
        return out if ignored is None else np.where(out == ignored, np.uint8(VOID), out)
    values = array_of(tensor)
    if values.dtype.kind not in "iub":
        raise DataError("a class map holds whole numbers", seen=f"{values.dtype}")
    flat = np.ascontiguousarray(values).reshape(-1)
    out, bad = _codes(flat, n_classes, n_classes if ignored is None else ignored, VOID)
    if bad >= 0 and (ignored is None or int(flat[bad]) != ignored):
        raise DataError(
            "a value is no class",
            seen=int(flat[bad]),
            hint=f"there are {n_classes} classes, counted from 0; name another by ignore_index",
        )
    return out.reshape(values.shape)


@kernel
def _codes(values: Ints, n_classes: int, ignored: int, void: int) -> tuple[NDArray[np.uint8], int]:
    """Numbers as bytes, and the first that is neither a class nor ignored, or -1."""
    out = np.empty(values.size, np.uint8)
    bad = -1
    for i in range(values.size):
        value = wide(values[i])
        if value == ignored:
            out[i] = void
        elif 0 <= value < n_classes:
            out[i] = value
        elif bad < 0:
            bad = i
    return out, bad
