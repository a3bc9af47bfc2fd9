"""Segment ids that are colours: near the category's, apart from one another, always the same.

panopticapi's `IdGenerator` draws colours at random; here the n-th try for a category is always
the same colour, so that equal labels make equal files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_ID = (1 << 24) - 1
_REACH = 48
_TRIES = 64
_APART = 24
_BASES = (2, 3, 5)
_STEP = 10368889  # odd, so that a walk in such steps visits every id before it repeats
_CROWDED = 256  # more colours than this are not told apart, only unequal


def segment_ids(
    category: NDArray[np.int32], colors: Sequence[tuple[int, int, int]], own: Sequence[object]
) -> NDArray[np.int64]:
    """One id per segment, unique and in 1..2^24 - 1: R + 256 G + 65536 B.

    Args:
        category: (N,) positions of categories.
        colors: RGB of every category.
        own: N ids to be kept where they fit and are free, or nothing.

    Returns:
        (N,) ids. A new one differs by 24 in one channel at least from all others of its image,
        while the neighbourhood of its category's colour has room for that; then by less.
    """
    ids = np.zeros(len(category), np.int64)
    taken: set[int] = set()
    for i, value in enumerate(own):
        if type(value) is int and 0 < value <= MAX_ID and value not in taken:
            ids[i] = value
            taken.add(value)
    used = np.zeros((len(category), 3), np.int16)
    n = len(taken)
    used[:n] = [_split(value) for value in sorted(taken)] if taken else np.zeros((0, 3))
    begun: dict[int, int] = {}
    walked = 0
    for i in np.flatnonzero(ids == 0).tolist():
        position = int(category[i])
        color, start = colors[position], begun.get(position, 0)
        chosen, begun[position] = _free(color, start, taken, used[:n])
        if not chosen:
            # One walk for the whole image, so that no id is looked at twice.
            chosen = walked = _any_free(walked or _joined(color), taken)
        ids[i] = chosen
        taken.add(chosen)
        used[n] = _split(chosen)
        n += 1
    return ids


def _free(
    color: tuple[int, int, int], start: int, taken: set[int], used: NDArray[np.int16]
) -> tuple[int, int]:
    """The first try that lies far enough from all used colours, else 0; and the next try."""
    for number in range(start, start + _TRIES if len(taken) < _CROWDED else start):
        tried = _near(color, number)
        far = np.abs(used - np.array(tried, np.int16)).max(axis=1).min(initial=255)
        # What a category begins with is its own colour; then distance is asked for less and less.
        if far >= _APART * (start + _TRIES - number) // _TRIES:
            value = _joined(tried)
            if value and value not in taken:
                return value, number + 1
    return 0, start


def _any_free(value: int, taken: set[int]) -> int:
    """The next free id of a walk over all of them, whose steps are long: the golden ratio."""
    while value == 0 or value in taken:
        value = (value + _STEP) & MAX_ID
    return value


def _near(color: tuple[int, int, int], number: int) -> list[int]:
    """The n-th colour near one: a Halton sequence over a cube around it, its centre first."""
    if number == 0:
        return list(color)
    shift = [round((2 * _radical(number, base) - 1) * _REACH) for base in _BASES]
    return [min(max(c + s, 0), 255) for c, s in zip(color, shift, strict=True)]


def _radical(number: int, base: int) -> float:
    """The radical inverse: the digits of a number behind the point, in reverse."""
    value, scale = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        scale /= base
        value += digit * scale
    return value


def _joined(color: Sequence[int]) -> int:
    return color[0] | color[1] << 8 | color[2] << 16


def _split(value: int) -> tuple[int, int, int]:
    return value & 255, value >> 8 & 255, value >> 16
