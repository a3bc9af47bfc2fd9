"""Connected regions of class maps: found, split, merged, missed, or taken for another class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel
from maskloom.errors import DataError
from maskloom.metrics.errors.runs import regions_of, runs_of, shared_runs

REGION_COUNTS = ("regions", "found", "split", "merged", "missed", "predicted", "extra")


@dataclass(frozen=True, slots=True, eq=False)
class RegionCounts:
    """Whole numbers of one sample.

    Args:
        counts: (len(REGION_COUNTS), K) of each class.
        taken: (K, K) true regions of a class of which most was predicted as another.
    """

    counts: Ints
    taken: Ints


def region_counts(truth: NDArray[Any], predicted: NDArray[Any], n_categories: int) -> RegionCounts:
    """Judge every connected region of two class maps; regions touch by corners, too.

    A true region is

    - found, if more than half of its pixels are predicted as its class. Such a region is split
      if two or more predicted regions of its class each hold a tenth of it or more; and merged
      if one predicted region holds more than half of it and of another region that is found.
    - of a wrong class, if more than half of it is predicted as one other class.
    - missed else.

    A predicted region is extra if no more than half of its pixels are truly of its class. Void
    pixels of the truth are of no true region and count in no predicted one; a predicted region
    without other pixels is none.

    Args:
        truth: (H, W) or (D, H, W) uint8 or uint16: positions, void and background codes.
        predicted: the same shape.
        n_categories: K; positions are below it.

    Raises:
        DataError: shapes or types are wrong, or a value is not a category.
    """
    if truth.shape != predicted.shape:
        raise DataError(
            "truth and prediction differ in size", seen=f"{truth.shape} and {predicted.shape}"
        )
    t, p = runs_of(truth, n_categories, "truth"), runs_of(predicted, n_categories, "prediction")
    (t_regions, t_classes), (p_regions, p_classes) = (regions_of(r, n_categories) for r in (t, p))
    one, two, pixels = shared_runs(t.starts, p.starts)
    valid = t.values[one] <= n_categories
    one, two, pixels = one[valid], two[valid], pixels[valid]
    own, other = t_regions[one], p_regions[two]
    area, p_area = _sums(own, pixels, len(t_classes)), _sums(other, pixels, len(p_classes))
    alike = (t.values[one] == p.values[two]) & (own >= 0)
    hit, p_hit = (
        _sums(of[alike], pixels[alike], len(n)) for of, n in ((own, area), (other, p_area))
    )
    found = 2 * hit > area
    split, merged = _in_pieces(own[alike], other[alike], pixels[alike], area, len(p_area))
    real, extra = p_area > 0, (p_area > 0) & (2 * p_hit <= p_area)
    wrong, taken_for = _mistaken((own, p.values[two], pixels), area, found, n_categories)
    missed = ~found
    missed[wrong] = False
    counts = [
        np.bincount(classes[which], minlength=n_categories)
        for classes, which in (
            *((t_classes, w) for w in (area > 0, found, found & split, merged, missed)),
            *((p_classes, w) for w in (real, extra)),
        )
    ]
    cells = t_classes[wrong].astype(np.int64) * n_categories + taken_for
    taken = np.bincount(cells, minlength=n_categories**2).reshape(n_categories, n_categories)
    return RegionCounts(np.stack(counts), taken)


def _in_pieces(
    own: Ints, other: Ints, pixels: Ints, area: Ints, n: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which true regions have two pieces, and which share the prediction of most of them."""
    one, two, shared = _joint(own, other, pixels, len(area), n)
    piece, most = 10 * shared >= area[one], 2 * shared > area[one]
    split = np.bincount(one[piece], minlength=len(area)) > 1
    holder, held = two[most], one[most]
    merged = np.zeros(len(area), np.bool_)
    if len(holder):
        merged[held[np.bincount(holder)[holder] > 1]] = True
    return split, merged


def _mistaken(
    stretches: tuple[Ints, NDArray[np.int32], Ints],
    area: Ints,
    found: NDArray[np.bool_],
    n_categories: int,
) -> tuple[Ints, Ints]:
    """The true regions of which more than half is predicted as one other class, and the class."""
    own, value, pixels = stretches
    rest = (own >= 0) & (value < n_categories)
    rest[rest] = ~found[own[rest]]
    one, taken_for, shared = _joint(own[rest], value[rest], pixels[rest], len(area), n_categories)
    most = 2 * shared > area[one]
    return one[most], taken_for[most]


@kernel
def _joint(one: Ints, two: NDArray[Any], pixels: Ints, n: int, m: int) -> tuple[Ints, Ints, Ints]:
    """The pixels of each pair of numbers below n and m that occurs, by rising first number."""
    bounds = np.zeros(n + 1, np.int64)
    for i in range(one.size):
        bounds[one[i] + 1] += 1
    bounds = np.cumsum(bounds)
    order, fill = np.empty(one.size, np.int64), bounds[:-1].copy()
    for i in range(one.size):
        order[fill[one[i]]] = i
        fill[one[i]] += 1
    # where the pair of a second number is, if it is one of the first number at hand
    place, k = np.full(m, -1, np.int64), 0
    firsts, seconds, sums = np.empty_like(order), np.empty_like(order), np.empty_like(order)
    for a in range(n):
        start = k
        for j in range(bounds[a], bounds[a + 1]):
            b = two[order[j]]
            if place[b] < start:
                firsts[k], seconds[k], sums[k] = a, b, 0
                place[b] = k
                k += 1
            sums[place[b]] += pixels[order[j]]
    return firsts[:k].copy(), seconds[:k].copy(), sums[:k].copy()


def _sums(places: Ints, pixels: Ints, n: int) -> Ints:
    """(n,) pixels of each place; those of -1 are of none."""
    # Doubles hold whole numbers of pixels exactly.
    return np.bincount(places + 1, pixels, n + 1)[1:].astype(np.int64)
