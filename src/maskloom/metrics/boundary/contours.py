"""Contours of masks as bit planes, and how many pixels of two contours meet within a tolerance.

Three contours are known: between pixels and drawn on the upper left one (DAVIS, BSDS), the
pixels inside that have a neighbour outside, and a map that is a contour already. Which one a
convention takes is in `rules.py`; meeting one to one is `pairing.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from maskloom.core.kernel import Ints, kernel
from maskloom.core.report import Score
from maskloom.errors import DataError
from maskloom.metrics.boundary.bits import (
    ONE,
    Words,
    as_pixels,
    count_bits,
    frame_bits,
    mask_plane,
)
from maskloom.metrics.boundary.pairing import most_pairs
from maskloom.metrics.boundary.planes import disk, gap_for, near
from maskloom.metrics.boundary.rules import CONTOUR_RULES, ContourRules


@dataclass(frozen=True, slots=True)
class ContourCounts:
    """Contour pixels of both sides and how many of each meet the other."""

    truth: int
    predicted: int
    truth_met: int
    predicted_met: int

    def precision(self) -> Score:
        """Share of the predicted contour that meets the truth's; None without one."""
        return self.predicted_met / self.predicted if self.predicted else None

    def recall(self) -> Score:
        """Share of the truth's contour that the predicted one meets; None without one."""
        return self.truth_met / self.truth if self.truth else None

    def f1(self, both_empty: Score) -> Score:
        """Harmonic mean of both; 0 where one contour is empty, `both_empty` where both are."""
        precision, recall = self.precision(), self.recall()
        if precision is None and recall is None:
            return both_empty
        if not precision or not recall:
            return 0.0
        return 2 * precision * recall / (precision + recall)


def boundary_f1(
    truth: Any,
    predicted: Any,
    rules: ContourRules = CONTOUR_RULES["maskloom"],
    *,
    void: Any = None,
) -> Score:
    """F1 of the contours of two masks within a tolerance.

    Args:
        truth: (H, W) bools or whole numbers, inside where not 0.
        predicted: likewise, of one shape with the truth.
        rules: of a convention; see `CONTOUR_RULES`.
        void: (H, W) pixels that are not judged, where not 0.

    Returns:
        in [0, 1]; what the rules say, maybe None, where neither mask has a contour.

    Raises:
        DataError: no masks, or shapes that differ.

    Source: Martin, Fowlkes, Malik 2004; Csurka et al. 2013; Perazzi et al. 2016 (DAVIS).

    >>> a, b = np.zeros((2, 20, 20), bool)
    >>> a[5:15, 5:15] = b[5:15, 6:16] = True
    >>> boundary_f1(a, b), round(boundary_f1(a, b, CONTOUR_RULES["pixels"].within(0)), 3)
    (1.0, 0.5)
    """
    return contour_counts(truth, predicted, rules, void=void).f1(rules.both_empty)


def contour_counts(
    truth: Any,
    predicted: Any,
    rules: ContourRules = CONTOUR_RULES["maskloom"],
    *,
    void: Any = None,
) -> ContourCounts:
    """What `boundary_f1` is made of; same arguments, same errors."""
    t, p = as_pixels(truth, what="truth"), as_pixels(predicted, what="prediction")
    height, width = t.shape
    halves = disk(rules.reach_squared(height, width), height, width)
    gap = gap_for(halves.size - 1)
    v = None if void is None else as_pixels(void, what="void area")
    if p.shape != t.shape or (v is not None and v.shape != t.shape):
        raise DataError(
            "truth, prediction and void area differ in size",
            seen=" and ".join(str(one.shape) for one in (t, p, v) if one is not None),
        )
    void_plane = None if v is None else mask_plane(v, gap)
    return plane_counts(mask_plane(t, gap), mask_plane(p, gap), void_plane, width, halves, rules)


def plane_counts(
    truth: Words,
    predicted: Words,
    void: Words | None,
    width: int,
    halves: Ints,
    rules: ContourRules,
) -> ContourCounts:
    """The counts of two masks that are planes already, the gap made for the disk of `halves`."""
    t = contour_plane(truth, void, width, rules)
    p = contour_plane(predicted, void, width, rules)
    if rules.one_to_one:
        pairs = int(most_pairs(t, p, halves))
        return ContourCounts(int(count_bits(t)), int(count_bits(p)), pairs, pairs)
    return ContourCounts(*(int(n) for n in _met(t, p, halves)))


def contour_plane(mask: Words, void: Words | None, width: int, rules: ContourRules) -> Words:
    """The contour of a mask; see `ContourRules` for which one."""
    if void is not None and rules.void == "removed":
        mask, void = mask & ~void, None
    if rules.contour == "given":
        return mask if void is None else mask & ~void
    if rules.contour == "between":
        plane: Words = _between(mask, mask[:0] if void is None else void, width)
        return plane
    solid = mask if void is None else mask | void
    outside = ~solid
    if not rules.frame_edge:
        gap = mask.shape[1] - (width + 63) // 64
        outside &= frame_bits(mask.shape[0] - 2, width, gap)
    inner: Words = _beside(mask if void is None else mask & ~void, outside)
    return inner


@kernel
def _between(mask: Words, void: Words, width: int) -> Words:
    """Pixels that differ from the one right, below or right below, where none of both is void.

    In the last row and column only the neighbours in the frame are asked.

    Args:
        mask: a plane.
        void: a plane of the same layout, or one without a row.
        width: of the frame.
    """
    out = np.zeros_like(mask)
    height, last = mask.shape[0] - 2, (width - 1) >> 6
    edge = ONE << np.uint64((width - 1) & 63)
    blank = np.zeros(mask.shape[1], np.uint64)
    # Below the last row and right of the last column stands a copy of it.
    copies = blank.copy()
    copies[last] = edge
    for y in range(1, height + 1):
        below = min(y + 1, height)
        if void.shape[0]:
            _differ((mask[y], mask[below]), (void[y], void[below]), copies, out[y])
        else:
            _differ((mask[y], mask[below]), (blank, blank), copies, out[y])
    return out


@kernel
def _differ(
    mask: tuple[Words, Words], void: tuple[Words, Words], copies: Words, out: Words
) -> None:
    """A row of `_between`, from it and the one below."""
    here, below = mask
    void_here, void_below = void
    right, right_below, void_right, void_corner = here[1:], below[1:], void_here[1:], void_below[1:]
    one, side = ONE, np.uint64(63)
    for k in range(right.size):
        c, s = here[k], below[k]
        e = (c >> one) | (right[k] << side) | (c & copies[k])
        se = (s >> one) | (right_below[k] << side) | (s & copies[k])
        ve = (void_here[k] >> one) | (void_right[k] << side)
        vse = (void_below[k] >> one) | (void_corner[k] << side)
        differs = ((c ^ e) & ~ve) | ((c ^ s) & ~void_below[k]) | ((c ^ se) & ~vse)
        out[k] = differs & ~void_here[k]


@kernel
def _beside(mask: Words, outside: Words) -> Words:
    """Bits of the mask with a neighbour left, right, above or below that is outside."""
    stride = mask.shape[1]
    out = np.zeros_like(mask)
    m, o, line = mask.reshape(-1), outside.reshape(-1), out.reshape(-1)
    one, side = ONE, np.uint64(63)
    for i in range(stride, m.size - stride):
        beside = (o[i] << one) | (o[i - 1] >> side) | (o[i] >> one) | (o[i + 1] << side)
        line[i] = m[i] & (beside | o[i - stride] | o[i + stride])
    return out


@kernel
def _met(a: Words, b: Words, halves: Ints) -> tuple[int, int, int, int]:
    """Bits of both contours, and of each those that are within the disk of the other's."""
    top, bottom = a.shape[0], 0
    for y in range(1, a.shape[0] - 1):
        for k in range(a.shape[1]):
            if a[y, k] | b[y, k]:
                top, bottom = min(top, y), y
                break
    if bottom == 0:
        return 0, 0, 0, 0
    one, two = a[top - 1 : bottom + 2], b[top - 1 : bottom + 2]
    return (
        count_bits(one),
        count_bits(two),
        near(one, two, halves)[1],
        near(two, one, halves)[1],
    )
