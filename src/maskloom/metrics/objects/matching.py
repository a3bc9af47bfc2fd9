"""Which prediction is which object: COCO's greedy matching.

Kernels over objects as columns; nothing is decoded to pixels. What is counted over a data set,
and what the counts mean, is `family.py`; curves of precision are `coco/curves.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.algebra import overlapping
from maskloom.core.kernel import Ints, Rows, Segments, kernel

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Bits = NDArray[np.uint16]

_IGNORED, _CROWD, _UNSEEN = 1, 2, 4
LOWEST_IOU = 0.5
"""Pairs below the lowest threshold of any convention are not kept."""


@kernel
def candidates(
    predicted: tuple[Segments, Ints, Rows, Ints, Rows],
    truth: tuple[Segments, Ints, Rows, Ints, Rows],
    crowd: Flags,
) -> tuple[Ints, Ints, Floats]:
    """Pairs of one category that overlap by at least `LOWEST_IOU`.

    Each side is (segments, offsets, boxes, areas, category), sorted by category; truth of
    category -1 may be met by predictions of any. Against a crowd the union is the prediction's
    own area.

    Returns:
        CSR over predictions: offsets (D + 1), truth positions in rising order, IoU.
    """
    _, p_offsets, p_boxes, p_areas, p_category = predicted
    _, t_offsets, t_boxes, t_areas, t_category = truth
    n = p_category.size
    offsets = np.zeros(n + 1, np.int64)
    index, value = np.empty(n + 16, np.int64), np.empty(n + 16, np.float64)
    free = np.searchsorted(t_category, 0)
    k, i0 = 0, 0
    while i0 < n:
        i1 = np.searchsorted(p_category, p_category[i0], side="right")
        j0 = np.searchsorted(t_category, p_category[i0], side="left")
        j1 = np.searchsorted(t_category, p_category[i0], side="right")
        rows, boxes = p_offsets[i0 : i1 + 1], p_boxes[i0:i1]
        # Truth of any category comes before that of one, so positions rise.
        both = (
            overlapping(predicted[0], rows, boxes, truth[0], t_offsets[: free + 1], t_boxes[:free]),
            overlapping(
                predicted[0], rows, boxes, truth[0], t_offsets[j0 : j1 + 1], t_boxes[j0:j1]
            ),
        )
        for i in range(i0, i1):
            for side in range(2):
                found, near, shared = both[side]
                for c in range(found[i - i0], found[i - i0 + 1]):
                    j = near[c] + (j0 if side else 0)
                    union = p_areas[i] if crowd[j] else p_areas[i] + t_areas[j] - shared[c]
                    if shared[c] / union < LOWEST_IOU:
                        continue
                    if k == index.size:
                        index = np.concatenate((index, np.empty_like(index)))
                        value = np.concatenate((value, np.empty_like(value)))
                    index[k], value[k] = j, shared[c] / union
                    k += 1
            offsets[i + 1] = k
        i0 = i1
    return offsets, index[:k].copy(), value[:k].copy()


@kernel
def match(
    pairs: tuple[Ints, Ints, Floats], crowd: Flags, ignored: Flags, outside: Flags, levels: Floats
) -> tuple[Bits, Bits]:
    """Greedy matching in score order, per area range and IoU level.

    Each prediction takes the free object of highest IoU, an object that counts before one that
    is ignored, the later of equals; a crowd can be taken any number of times.

    Args:
        pairs: of `candidates`; within a category predictions come in falling score.
        crowd: (G,) objects that are regions of many.
        ignored: (A, G) objects that do not count, crowds among them.
        outside: (A, D) predictions whose own area is outside the range.
        levels: (T,) IoU thresholds, at most 16.

    Returns:
        hit and ignored, each (D, A) uint16 with bit t set for level t.

    Source: pycocotools 2.0.11 `COCOeval.evaluateImg`. Deviation: there a match with an
    annotation whose id is 0 counts as none.
    """
    shape = (outside.shape[1], outside.shape[0])
    hit, drop = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
    unseen = (np.zeros(crowd.size, np.bool_), np.zeros(outside.shape[1], np.bool_))
    nobody = np.zeros((0, 0, 0), np.int32)
    match_into(pairs, (crowd, ignored), outside, levels, unseen, (hit, drop), nobody)
    return hit, drop


@kernel
def match_into(
    pairs: tuple[Ints, Ints, Floats],
    truth: tuple[Flags, Flags],
    outside: Flags,
    levels: Floats,
    unseen: tuple[Flags, Flags],
    out: tuple[Bits, Bits],
    partner: NDArray[np.int32],
) -> None:
    """`match`, written into arrays, with what pycocotools makes of ids that are not positive.

    Args:
        pairs: as there.
        truth: crowd and ignored, as there.
        outside: as there.
        levels: as there.
        unseen: (G,) objects whose match counts as none; (D,) predictions that leave the object
            that they take free.
        out: hit and drop (D, A), zeros.
        partner: (A, T, D), set to the object that was taken; or empty.
    """
    # Arrays are taken out of their tuples here, once: each time costs as much as a comparison.
    offsets, index, value = pairs
    keeps, (hit, drop) = ~unseen[1], out
    reach, kinds = _reached(value, levels), _kinds(truth[0], truth[1], unseen[0])
    taken = np.zeros(kinds.shape, np.uint16)
    every = np.uint16((1 << levels.size) - 1)
    for d in range(outside.shape[1]):
        first, last = offsets[d], offsets[d + 1]
        # Most have one candidate or none, and a call costs more than what is to be done then.
        alone = last - first == 1 and partner.size == 0
        for a in range(outside.shape[0]):
            if alone:
                g = index[first]
                bits, kind = reach[first] & ~taken[a, g], kinds[a, g]
                if keeps[d] and not kind & _CROWD:
                    taken[a, g] |= bits
                hit[d, a] = 0 if kind & _UNSEEN else bits
                drop[d, a] = bits if kind & _IGNORED else 0
            elif first < last:
                at = (a, d, first, last, keeps[d])
                own = _take(index, value, reach, kinds, taken, partner, at, ~every)
                hit[d, a], drop[d, a] = own
            if outside[a, d]:
                drop[d, a] |= every & ~hit[d, a]


@kernel
def _kinds(crowd: Flags, ignored: Flags, unseen: Flags) -> NDArray[np.uint8]:
    """(A, G) what an object is, as bits: `_IGNORED`, `_CROWD`, `_UNSEEN`."""
    kinds = np.zeros(ignored.shape, np.uint8)
    for a in range(ignored.shape[0]):
        for g in range(crowd.size):
            kinds[a, g] = ignored[a, g] * _IGNORED + crowd[g] * _CROWD + unseen[g] * _UNSEEN
    return kinds


@kernel
def _reached(ious: Floats, levels: Floats) -> Bits:
    """The levels that each IoU reaches, as bits."""
    reach = np.zeros(ious.size, np.uint16)
    for c in range(ious.size):
        for t in range(levels.size):
            if ious[c] >= min(levels[t], 1 - 1e-10):
                reach[c] |= np.uint16(1 << t)
    return reach


@kernel
def _take(
    index: Ints,
    ious: Floats,
    reach: Bits,
    kinds: NDArray[np.uint8],
    taken: Bits,
    partner: NDArray[np.int32],
    at: tuple[int, int, int, int, bool],
    done: Any,
) -> tuple[Any, Any]:
    """Let one prediction take objects in one area range; levels of a match, and ignored ones.

    Args:
        index: objects of all pairs.
        ious: of all pairs.
        reach: the levels that these reach.
        kinds: (A, G) of `_kinds`.
        taken: (A, G) levels at which each object is taken; those of this prediction are added.
        partner: (A, T, D) the object taken, or empty.
        at: area range, prediction, its first pair and the one behind its last, and whether what
            it takes is free no more.
        done: levels at which nothing is to be taken.
    """
    a, d, _, _, keeps = at
    done, hit, drop = np.uint16(done), np.uint16(0), np.uint16(0)
    while done != 0xFFFF:
        best = _best(index, ious, reach, kinds, taken, at, done)
        if best < 0:
            break
        g = index[best]
        bits = np.uint16(reach[best] & ~taken[a, g] & ~done)
        done |= bits
        if keeps and not kinds[a, g] & _CROWD:
            taken[a, g] |= bits
        if not kinds[a, g] & _UNSEEN:
            hit |= bits
        if kinds[a, g] & _IGNORED:
            drop |= bits
        if partner.size:
            for t in range(partner.shape[1]):
                if bits >> t & 1:
                    partner[a, t, d] = g
    return hit, drop


@kernel
def _best(
    index: Ints,
    ious: Floats,
    reach: Bits,
    kinds: NDArray[np.uint8],
    taken: Bits,
    at: tuple[int, int, int, int, bool],
    done: Any,
) -> int:
    """The candidate to be taken next: those that count first, then by IoU, the last of equals.

    It is free at a level that it reaches and at which nothing is taken yet; -1 if there is none.
    """
    best, level, counts = -1, -np.inf, False
    for c in range(at[2], at[3]):
        g = index[c]
        ignored = kinds[at[0], g] & _IGNORED != 0
        if not reach[c] & ~taken[at[0], g] & ~done or (counts and ignored):
            continue
        if ious[c] >= level or counts == ignored:
            best, level, counts = c, ious[c], not ignored
    return best
