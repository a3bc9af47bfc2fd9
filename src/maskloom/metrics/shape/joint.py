"""Joint pixel counts of two labellings: one sparse table, from id maps or from masks.

Clusters, objects and counts follow from it. The kernel that reads maps is `id_runs.py`, the sweep
over runs of masks `metrics/contingency.py`; class maps of few classes are `confusion.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import DataError
from maskloom.metrics.contingency import Columns, shared_pixels
from maskloom.metrics.shape.id_runs import count_runs, ranked_pairs

Ids = NDArray[np.int64]
_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(frozen=True, slots=True, eq=False)
class JointCounts:
    """Pixels that each pair of ids shares; pairs without a pixel are not in it.

    Args:
        truth_ids: (N,) int64 rising, the ids of the truth.
        predicted_ids: (M,) int64 rising.
        truth: (P,) int64 places in `truth_ids`, of pairs sorted by truth, then prediction.
        predicted: (P,) int64 places in `predicted_ids`.
        pixels: (P,) int64, at least 1 each.
    """

    truth_ids: Ids
    predicted_ids: Ids
    truth: Ids
    predicted: Ids
    pixels: Ids

    @property
    def truth_areas(self) -> Ids:
        """(N,) int64 pixels of each id of the truth."""
        return _sums(self.truth, self.pixels, len(self.truth_ids))

    @property
    def predicted_areas(self) -> Ids:
        """(M,) int64 pixels of each predicted id."""
        return _sums(self.predicted, self.pixels, len(self.predicted_ids))

    def without(self, truth_ids: Collection[int]) -> JointCounts:
        """The table of the pixels whose true id is none of these; ids that vanish leave it."""
        if not len(truth_ids):
            return self
        kept = ~np.isin(self.truth_ids, list(truth_ids))[self.truth]
        return _from_ids(
            self.truth_ids[self.truth[kept]],
            self.predicted_ids[self.predicted[kept]],
            self.pixels[kept],
        )


def joint_ids(truth: NDArray[Any], predicted: NDArray[Any]) -> JointCounts:
    """Count the pixels of every pair of ids of two maps.

    Args:
        truth: (H, W), (D, H, W) or any shape, of any integer dtype; ids may be sparse, negative,
            and as large as int64 holds.
        predicted: the same shape, of any integer dtype.

    Raises:
        DataError: shapes differ, values are no whole numbers, or an id is 2**63 or more.

    >>> table = joint_ids(np.array([[0, 5, 5]]), np.array([[0, 0, 9]]))
    >>> table.truth_ids, table.predicted_ids, table.pixels
    (array([0, 5]), array([0, 9]), array([1, 1, 1]))
    """
    if truth.shape != predicted.shape:
        raise DataError(
            "truth and prediction differ in size", seen=f"{truth.shape} and {predicted.shape}"
        )
    for side, array in (("truth", truth), ("prediction", predicted)):
        if array.dtype.kind not in "iub":
            raise DataError(f"ids of the {side} are no whole numbers", seen=array.dtype)
    if not truth.size:
        none = np.zeros(0, np.int64)
        return JointCounts(none, none, none, none, none)
    t, p = _lines(truth, predicted)
    ids, pixels = count_runs(_as_words(t), _as_words(p))
    one, two = _as_ids(ids[:, 0], t.dtype, "truth"), _as_ids(ids[:, 1], p.dtype, "prediction")
    return _from_ids(one, two, pixels)


def joint_masks(
    truth: Columns, predicted: Columns, n_truth: int, n_predicted: int, *, frame_px: int
) -> JointCounts:
    """The table of masks that do not overlap, without decoding: row i is id i + 1, 0 the rest.

    Args:
        truth: of N masks of one frame, by column (`contingency.columns_of`).
        predicted: of M masks of the same frame.
        n_truth: N.
        n_predicted: M.
        frame_px: pixels of the frame.
    """
    t, p, pixels = shared_pixels(truth, predicted, n_predicted)
    t_only = _lengths(truth, n_truth) - _sums(t, pixels, n_truth)
    p_only = _lengths(predicted, n_predicted) - _sums(p, pixels, n_predicted)
    neither = frame_px - int(t_only.sum() + p_only.sum() + pixels.sum())
    rows, columns = np.arange(n_truth + 1), np.arange(n_predicted + 1)
    # Each mask's pixels that no other has, and those that nobody has, are pairs with id 0.
    one = np.concatenate([t + 1, rows[1:], 0 * columns])
    two = np.concatenate([p + 1, 0 * rows[1:], np.roll(columns, -1)])
    counts = np.concatenate([pixels, t_only, p_only, np.array([neither])])
    return _from_ids(one[counts > 0], two[counts > 0], counts[counts > 0])


def _lines(truth: NDArray[Any], predicted: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both maps as contiguous lines in one order of pixels, of one width."""
    if truth.dtype.itemsize != predicted.dtype.itemsize:
        truth, predicted = (
            a.astype(np.int64 if a.dtype.kind == "i" else np.uint64) for a in (truth, predicted)
        )
    if truth.flags.f_contiguous and predicted.flags.f_contiguous:
        truth, predicted = truth.T, predicted.T
    return (
        np.ascontiguousarray(truth).reshape(-1),
        np.ascontiguousarray(predicted).reshape(-1),
    )


def _as_words(line: NDArray[Any]) -> NDArray[Any]:
    """The same bytes as unsigned, so that the kernel is compiled once for each width."""
    return line.view(_UNSIGNED[line.dtype.itemsize])


def _as_ids(words: NDArray[np.uint64], dtype: np.dtype[Any], side: str) -> Ids:
    """Words of the table as the ids they were."""
    if dtype.kind == "i":
        return words.astype(_UNSIGNED[dtype.itemsize]).view(dtype).astype(np.int64)
    if words.max(initial=0) >= 2**63:
        raise DataError(f"an id of the {side} does not fit in 64 signed bits", seen=words.max())
    return words.astype(np.int64)


def _from_ids(one: Ids, two: Ids, pixels: Ids) -> JointCounts:
    """The table of pairs of ids that are all different."""
    return JointCounts(*ranked_pairs(one, two, pixels))


def _sums(places: Ids, pixels: Ids, n: int) -> Ids:
    out = np.zeros(n, np.int64)
    np.add.at(out, places, pixels)
    return out


def _lengths(columns: Columns, n: int) -> Ids:
    """(n,) pixels of each owner."""
    segments, owners = columns
    return _sums(owners, (segments[:, 2] - segments[:, 1]).astype(np.int64), n)
