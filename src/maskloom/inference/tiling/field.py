"""What a network sees: how far around a pixel, and by which shifts it repeats itself.

Measured once per network with two tests on thin strips, not derived from its layers:
an impulse of NaN spreads to every output that depends on it, through any layer; and an input
shifted by the total stride must give the output shifted alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Axis = Literal[0, 1]

_FIRST_LENGTH = 1024
_LONGEST = 8192
_SAME = 2e-5  # of the range of the logits: what rounding may differ


@dataclass(frozen=True, slots=True)
class Field:
    """How far an output depends on its input, in px, for outputs that start at the stride.

    Args:
        stride: shifts by multiples of it shift the output and change nothing else.
        before: (rows above, columns left) that outputs depend on, multiples of the stride.
        after: (rows below, columns right), likewise.
        bounded: whether these are all; not so with global pooling, global attention or
            normalisation over the image. Then the numbers are 0.
    """

    stride: int
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    bounded: bool = True

    @property
    def margin(self) -> int:
        """The largest of the four, px."""
        return max(*self.before, *self.after)


def measure_field(logits: Logits, channels: int, stride: int) -> Field:
    """Probe a network.

    Args:
        logits: (H, W, C) float32 → (K, H, W) float32; must hand NaN on, as torch does.
        channels: C.
        stride: what H and W must be multiples of; a first guess of the total stride.
    """
    reach = [_reach(logits, channels, stride, axis) for axis in (0, 1)]
    if None in reach:
        return Field(stride, bounded=False)
    (above, below), (left, right) = (r for r in reach if r is not None)
    step = _total_stride(logits, channels, stride, max(above, below, left, right))
    if step is None:
        return Field(stride, bounded=False)

    def aligned(n: int) -> int:
        return -(-n // step) * step

    # An input that reaches n px to the right is what outputs see n px to their left.
    return Field(step, (aligned(below), aligned(right)), (aligned(above), aligned(left)))


def _reach(logits: Logits, channels: int, stride: int, axis: Axis) -> tuple[int, int] | None:
    """How far one stride of input reaches back and forth along an axis; None is everywhere."""
    length = _FIRST_LENGTH
    while length <= _LONGEST:
        length = -(-length // (2 * stride)) * 2 * stride
        strip = np.zeros(_strip_shape(length, stride, channels, axis), np.float32)
        middle = length // 2
        np.moveaxis(strip, axis, 0)[middle : middle + stride] = np.nan
        touched = np.flatnonzero(np.isnan(logits(strip)).any(axis=(0, 2 - axis)))
        if len(touched) == 0:  # the network hides NaN: nothing is known
            return None
        first, last = int(touched[0]), int(touched[-1])
        if first >= stride and last < length - stride:
            return max(0, middle - first), max(0, last + 1 - middle - stride)
        length *= 2
    return None


def _total_stride(logits: Logits, channels: int, stride: int, reach: int) -> int | None:
    """The smallest of stride, 2 stride, 4 stride by which shifts commute; None if none does."""
    edge = -(-(reach + stride) // stride) * stride
    rng = np.random.default_rng(0)
    for step in (stride, 2 * stride, 4 * stride):
        length = 2 * edge + 4 * step
        for axis in (0, 1):
            shape = _strip_shape(length, stride, channels, 0 if axis == 0 else 1)
            strip = rng.standard_normal(shape).astype(np.float32)
            whole = np.moveaxis(logits(strip), axis + 1, 1)
            part = np.moveaxis(strip, axis, 0)[step:]
            moved = np.moveaxis(
                logits(np.ascontiguousarray(np.moveaxis(part, 0, axis))), axis + 1, 1
            )
            inside = slice(edge, length - step - edge)
            difference = np.abs(whole[:, step:][:, inside] - moved[:, inside]).max()
            if difference > _SAME * max(float(np.ptp(whole)), 1e-6):
                break
        else:
            return step
    return None


def _strip_shape(length: int, width: int, channels: int, axis: Axis) -> tuple[int, int, int]:
    return (length, width, channels) if axis == 0 else (width, length, channels)
