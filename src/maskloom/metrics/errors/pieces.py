"""Objects that are split into several predictions, and predictions that merge several objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.algebra import overlapping
from maskloom.core.kernel import Ints, kernel
from maskloom.metrics.errors.pairs import Pairs
from maskloom.metrics.matching import Flags
from maskloom.metrics.row_objects import Objects


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
    lies in the object and it is at least a tenth of the object. An object is split if two of its
    pieces are distinct: they share at most half of the smaller one, so that duplicates are none.
    The other way round, a prediction is merged if it has two distinct pieces among the true
    objects. Scores make no difference.

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
    split, _ = _in_pieces(t[of_truth], p[of_truth], predicted, len(truth))
    merged, joined = _in_pieces(p[of_predicted], t[of_predicted], truth, len(predicted))
    within = np.zeros(len(truth), np.bool_)
    within[t[of_predicted][joined]] = True
    return Pieces(split, merged, within)


def _in_pieces(
    whole: NDArray[np.int64], piece: NDArray[np.int64], objects: Objects, n: int
) -> tuple[Flags, Flags]:
    """Which of n wholes have two distinct pieces, and of which pairs the whole is one of these."""
    found = np.zeros(n, np.bool_)
    several = np.bincount(whole, minlength=n)[whole] > 1
    if not several.any():
        return found, several
    members, place = np.unique(piece[several], return_inverse=True)
    side = objects.take(members).columns()
    by = np.argsort(whole[several], kind="stable")
    alike = overlapping(*side[:3], *side[:3])
    found[_with_distinct(whole[several][by], place.reshape(-1)[by], alike, side[3])] = True
    return found, found[whole]


@kernel
def _with_distinct(whole: Ints, piece: Ints, shared: tuple[Ints, Ints, Ints], areas: Ints) -> Ints:
    """The wholes, which come sorted, of which two pieces share at most half of the smaller."""
    offsets, index, pixels = shared
    out, n = np.empty(whole.size, np.int64), 0
    first = 0
    for a in range(whole.size):
        if whole[a] != whole[first]:
            first = a
        if n and out[n - 1] == whole[a]:
            continue
        start, stop = offsets[piece[a]], offsets[piece[a] + 1]
        for b in range(first, a):
            c = start + np.searchsorted(index[start:stop], piece[b])
            common = pixels[c] if c < stop and index[c] == piece[b] else 0
            if 2 * common <= min(areas[piece[a]], areas[piece[b]]):
                out[n] = whole[a]
                n += 1
                break
    return out[:n].copy()
