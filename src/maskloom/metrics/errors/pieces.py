"""Objects that are split into several predictions, and predictions that merge several objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskloom.core.algebra import overlaps
from maskloom.core.kernel import Ints, Rows, Segments, kernel
from maskloom.metrics.errors.pairs import Pairs
from maskloom.metrics.objects.matching import Flags
from maskloom.metrics.objects.rows import Objects


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """What is in pieces in one sample.

    Args:
        split: (G,) bool of true objects.
        merged: (D,) bool of predictions.
        joined: (G,) bool, true objects in a merged prediction.
    """

    split: Flags
    merged: Flags
    joined: Flags


def pieces_of(pairs: Pairs, predicted: Objects, truth: Objects, counts: Flags) -> Pieces:
    """Which true objects are split, and which predictions are merged.

    A prediction is a piece of a true object of its category if more than half of the prediction
    lies in the object and it is at least a tenth of the object. An object is split if a piece is
    distinct from its largest piece: they share at most half of the smaller one, so that duplicates
    are none, nor is any piece beside one that covers the object. The largest shares most pixels
    with the object; of equals, the first by falling score. The other way round, a prediction is
    merged if it has distinct pieces among the true objects; of equals, the first of the rows.

    Args:
        pairs: of both sides.
        predicted: of one sample.
        truth: likewise; crowds are never split nor joined.
        counts: (D,) predictions that are judged.
    """
    able = pairs.alike & ~truth.crowd[pairs.truth] & counts[pairs.predicted]
    p, t, shared = pairs.predicted[able], pairs.truth[able], pairs.shared[able]
    p_area, t_area = predicted.masks.areas[p], truth.masks.areas[t]
    of_truth = (2 * shared > p_area) & (10 * shared >= t_area)
    of_predicted = (2 * shared > t_area) & (10 * shared >= p_area)
    split = _in_pieces((t, p, shared), of_truth, predicted, len(truth))
    merged = _in_pieces((p, t, shared), of_predicted, truth, len(predicted))
    within = np.zeros(len(truth), np.bool_)
    within[t[of_predicted & merged[p]]] = True
    return Pieces(split, merged, within)


def _in_pieces(pairs: tuple[Ints, Ints, Ints], able: Flags, objects: Objects, n: int) -> Flags:
    """Which of n wholes have two distinct pieces.

    Args:
        pairs: (C,) positions of wholes and of pieces, and px shared.
        able: (C,) whether the piece is one.
        objects: that are pieces.
        n: wholes.
    """
    whole, piece, shared = (column[able] for column in pairs)
    found = np.zeros(n, np.bool_)
    several = np.bincount(whole, minlength=n)[whole] > 1
    if several.any():
        by = np.flatnonzero(several)[np.argsort(whole[several], kind="stable")]
        columns = objects.columns()
        _mark_distinct((whole[by], piece[by], shared[by]), columns[:3], columns[3], found)
    return found


@kernel
def _mark_distinct(
    pairs: tuple[Ints, Ints, Ints],
    masks: tuple[Segments, Ints, Rows],
    areas: Ints,
    found: Flags,
) -> None:
    """Mark the wholes, which come sorted, of which a piece is distinct from the largest.

    Each piece is compared with one other: many predictions of one object cost in line with
    their number.
    """
    whole, piece, shared = pairs
    segments, offsets, boxes = masks
    first = 0
    while first < whole.size:
        last, largest = first, first
        while last < whole.size and whole[last] == whole[first]:
            if shared[last] > shared[largest]:
                largest = last
            last += 1
        a = piece[largest]
        for k in range(first, last):
            b = piece[k]
            if k == largest:
                continue
            sides = segments, offsets[a : a + 2], boxes[a : a + 1]
            others = segments, offsets[b : b + 2], boxes[b : b + 1]
            if 2 * overlaps(*sides, *others)[0, 0] <= min(areas[a], areas[b]):
                found[whole[first]] = True
                break
        first = last
