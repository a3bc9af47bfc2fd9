"""Boundary F1: contours, tolerances, empties, void."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tests.metrics.boundary_cases import (
    FUZZ,
    correspond_pixels,
    disturbed,
    edges_within,
    f_measure,
    pair,
    random_mask,
    random_side,
    seg2bmap,
    smooth_mask,
)

from maskloom.errors import DataError, UsageError
from maskloom.metrics.boundary.contours import ContourCounts, boundary_f1, contour_counts
from maskloom.metrics.boundary.rules import CONTOUR_RULES, ContourRules

DAVIS, BSDS = CONTOUR_RULES["davis"], CONTOUR_RULES["bsds"]
OURS, PIXELS = CONTOUR_RULES["maskloom"], CONTOUR_RULES["pixels"]


def squares(shift):
    a, b = np.zeros((2, 30, 30), bool)
    a[5:15, 5:15] = True
    b[5:15, 5 + shift : 15 + shift] = True
    return a, b


def inner_contour(mask):
    """Pixels of the mask with a neighbour in the frame that is outside."""
    return mask & ndimage.binary_dilation(~mask)


def test_a_square_moved_by_one_column():
    """36 contour pixels each; the two columns of 10 miss by one, 8 of each row stay met."""
    a, b = squares(1)
    counts = contour_counts(a, b, PIXELS.within(0))
    assert counts == ContourCounts(36, 36, 18, 18)
    assert counts.precision() == counts.recall() == 0.5
    assert boundary_f1(a, b, PIXELS.within(0)) == 0.5
    assert boundary_f1(a, b, PIXELS.within(1)) == 1.0


def test_a_pixel_is_met_at_the_tolerance_and_not_beyond():
    a, b = np.zeros((2, 40, 40), bool)
    a[10, 10] = b[13, 14] = True
    assert boundary_f1(a, b, PIXELS.within(5)) == 1.0
    assert boundary_f1(a, b, PIXELS.within(4.999)) == 0.0


def test_precision_and_recall_are_of_the_prediction_and_the_truth():
    a, b = np.zeros((2, 40, 40), bool)
    a[10, 10] = a[30, 30] = b[10, 11] = True
    counts = contour_counts(a, b, PIXELS.within(1))
    assert (counts.precision(), counts.recall()) == (1.0, 0.5)
    assert boundary_f1(a, b, PIXELS.within(1)) == 2 / 3


def test_tolerances_follow_the_frame():
    """A frame of 300 x 400 has a diagonal of 500 px, one of 30 x 40 of 50."""
    found = [CONTOUR_RULES[n].reach_squared(300, 400) for n in ("maskloom", "davis", "bsds")]
    assert found == [16.0, 16.0, 3.75**2]
    found = [CONTOUR_RULES[n].reach_squared(30, 40) for n in ("maskloom", "davis", "bsds")]
    assert found == [1.0, 1.0, 0.375**2]
    assert (
        OURS.within(0.5).reach_squared(300, 400) == PIXELS.within(0.5).reach_squared(9, 9) == 0.25
    )
    assert [OURS.reach_squared(360, 480), DAVIS.reach_squared(360, 480)] == [4.8**2, 25]


def test_contours_between_pixels_stand_to_the_upper_left():
    mask = np.zeros((4, 4), bool)
    mask[2, 2] = True
    between = ContourRules(0, "px", contour="between")
    counts = contour_counts(mask, seg2bmap(mask), ContourRules(0, "px", contour="given"))
    assert counts.predicted == contour_counts(mask, mask, between).truth == 4


def test_davis_moves_with_a_flip_and_ours_does_not():
    """Contours between pixels lie half a pixel off, at another place after a flip."""
    rng = np.random.default_rng(3)
    moved = 0
    for _ in range(60):
        truth = smooth_mask(rng, 70, 90)
        predicted = disturbed(rng, truth)
        for flip in (np.flipud, np.fliplr, np.transpose):
            flipped = flip(truth), flip(predicted)
            assert boundary_f1(*flipped, OURS) == boundary_f1(truth, predicted, OURS)
            moved += boundary_f1(*flipped, DAVIS) != boundary_f1(truth, predicted, DAVIS)
    assert moved > 0


def test_what_nothing_to_find_is_worth():
    empty, full = np.zeros((2, 9, 9), bool)
    full[:] = True
    some = np.zeros((9, 9), bool)
    some[3:6, 3:6] = True
    assert [boundary_f1(empty, empty, r) for r in (OURS, DAVIS, BSDS)] == [None, 1.0, 0.0]
    for rules in CONTOUR_RULES.values():
        assert boundary_f1(some, empty, rules) == boundary_f1(empty, some, rules) == 0.0
        # A full frame has no contour: by any of these rules it is as good as an empty one.
        assert boundary_f1(full, empty, rules) == boundary_f1(empty, empty, rules)
    edged = ContourRules(0, "px", frame_edge=True)
    assert contour_counts(full, empty, edged) == ContourCounts(32, 0, 0, 0)


def test_void_is_removed_before_the_contour_is_taken_or_stands_apart():
    """davis2017-evaluation test_void_masks, one frame; ours has no contour along void either."""
    truth, predicted, void = np.zeros((3, 200, 200))
    truth[100:150, 100:150] = 1
    void[50:100, 100:150] = 1
    predicted[50:150, 100:150] = 1
    truth, predicted, void = (m.astype(bool) for m in (truth, predicted, void))
    assert boundary_f1(truth, predicted, DAVIS, void=void) == 1.0
    assert boundary_f1(truth, predicted, OURS, void=void) == 1.0
    assert contour_counts(truth, predicted, PIXELS.within(0), void=void).truth == 50 + 49 + 49


def test_what_makes_no_contour_is_refused():
    mask = np.ones((3, 4), bool)
    with pytest.raises(DataError, match="differ in size"):
        boundary_f1(mask, mask.T)
    with pytest.raises(DataError, match="differ in size"):
        boundary_f1(mask, mask, void=mask.T)
    with pytest.raises(DataError, match="no mask"):
        boundary_f1(mask * 0.5, mask)
    with pytest.raises(DataError, match="no mask"):
        boundary_f1(mask[None], mask[None])
    for tolerance in (-1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="0 or more"):
            ContourRules(tolerance)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int64, np.uint64])
@pytest.mark.parametrize("layout", ["C", "F", "strided"])
def test_any_whole_numbers_in_any_layout_are_masks(dtype, layout):
    rng = np.random.default_rng(1)
    truth, predicted = (smooth_mask(rng, 67, 131).astype(dtype) * 3 for _ in range(2))
    expected = boundary_f1(truth != 0, predicted != 0, DAVIS)
    if layout == "F":
        truth = np.asfortranarray(truth)
    if layout == "strided":
        truth = np.repeat(np.repeat(truth, 2, 0), 3, 1)[::2, ::3]
    assert boundary_f1(truth, predicted, DAVIS) == expected


@pytest.mark.parametrize("seed", range(10))
def test_davis_f_equals_the_reference(seed):
    rng = np.random.default_rng(seed)
    for _ in range(FUZZ // 10):
        truth, predicted = pair(rng)
        void = random_mask(rng, *truth.shape) if rng.random() < 0.4 else None
        ours = boundary_f1(truth, predicted, DAVIS, void=void)
        assert ours == pytest.approx(f_measure(predicted, truth, void), abs=1e-12)
        reach = int(rng.choice([1, 2, 7, 13, 31, 32, 33, 60, 64, 100, 129]))
        ours = boundary_f1(truth, predicted, DAVIS.within(reach), void=void)
        assert ours == pytest.approx(f_measure(predicted, truth, void, reach), abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_the_tolerance_is_exact_euclidean(seed):
    """Counts equal those of all distances, for tolerances that are no whole numbers too."""
    rng = np.random.default_rng(50 + seed)
    for _ in range(FUZZ // 10):
        truth = random_mask(rng, random_side(rng) % 50 + 1, random_side(rng) % 90 + 1)
        predicted = disturbed(rng, truth)
        reach = float(rng.choice([0, 1, 1.4, 1.5, 2.9, 5, 40, 500, rng.uniform(0, 12)]))
        close, _ = edges_within(inner_contour(truth), inner_contour(predicted), reach)
        expected = ContourCounts(
            *close.shape, int(close.any(axis=1).sum()), int(close.any(axis=0).sum())
        )
        assert contour_counts(truth, predicted, PIXELS.within(reach)) == expected


@pytest.mark.parametrize("seed", range(10))
def test_lone_pixels_at_edges_and_corners_are_met_exactly(seed):
    """What helps a lone pixel to its reach leaves the frame on the way, and comes back."""
    rng = np.random.default_rng(70 + seed)
    for _ in range(FUZZ // 3):
        shape = random_side(rng), random_side(rng)
        masks = np.zeros((2, *shape), bool)
        for mask in masks:
            for _ in range(int(rng.integers(1, 5))):
                y, x = (rng.choice([0, n - 1, rng.integers(n)]) for n in shape)
                mask[y, x] = True
        reach = float(rng.choice([2, 5, 19, 31, 32, 64, 129, rng.uniform(0, 150)]))
        close, _ = edges_within(*masks, reach)
        counts = contour_counts(*masks, ContourRules(reach, "px", contour="given"))
        assert counts.truth_met == int(close.any(axis=1).sum())
        assert counts.predicted_met == int(close.any(axis=0).sum())


def test_a_pixel_may_meet_one_other_only():
    a, b = np.zeros((2, 9, 9), bool)
    a[4, 4] = b[4, 3] = b[4, 5] = True
    many = ContourRules(2, "px", contour="given")
    one = ContourRules(2, "px", contour="given", one_to_one=True)
    assert contour_counts(a, b, many) == ContourCounts(1, 2, 1, 2)
    assert contour_counts(a, b, one) == ContourCounts(1, 2, 1, 1)


def test_the_most_pairs_are_found_where_the_nearest_would_block_them():
    """Nearest first pairs the two in the middle and leaves both ends alone."""
    a, b = np.zeros((2, 1, 9), bool)
    a[0, [1, 4]] = True
    b[0, [3, 6]] = True
    rules = ContourRules(2, "px", contour="given", one_to_one=True)
    assert contour_counts(a, b, rules).truth_met == 2


def test_bsds_pairs_at_lowest_cost_are_the_most_pairs():
    """correspondPixels solved exactly has as many pairs as there can be."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    rng = np.random.default_rng(9)
    for i in range(FUZZ):
        truth = random_mask(rng, random_side(rng) % 40 + 1, random_side(rng) % 40 + 1)
        predicted = disturbed(rng, truth)
        reach = float(rng.choice([1, 1.5, 2.2, 4.33]))
        counts = contour_counts(truth, predicted, BSDS.within(reach))
        contours = seg2bmap(truth), seg2bmap(predicted)
        close, _ = edges_within(*contours, reach)
        most = (
            maximum_bipartite_matching(csr_matrix(close), perm_type="column") if close.size else []
        )
        assert counts.truth_met == counts.predicted_met == int((np.asarray(most) >= 0).sum())
        if i < 60 and sum(close.shape) < 150:
            assert counts.truth_met == correspond_pixels(*contours, reach)


def test_correspond_pixels_forgoes_a_pair_only_where_a_lone_pixel_is_cheap():
    """A chain: one pair more lengthens five others. At 100 times the reach it is worth that."""
    a, b = np.zeros((2, 1, 40), bool)
    a[0, 0:30:5] = True
    b[0, 3:33:5] = True
    b[0, 28] = False
    reach = 3
    rules = ContourRules(reach, "px", contour="given", one_to_one=True)
    assert contour_counts(a, b, rules).truth_met == correspond_pixels(a, b, reach)
    assert correspond_pixels(a, b, reach, outlier=0.1) < correspond_pixels(a, b, reach)


def test_f_is_symmetric_bounded_and_grows_with_the_tolerance():
    rng = np.random.default_rng(8)
    for rules in CONTOUR_RULES.values():
        for _ in range(30):
            truth, predicted = pair(rng)
            scores = [
                boundary_f1(truth, predicted, rules.within(reach)) for reach in (0, 1, 2.5, 9, 200)
            ]
            assert boundary_f1(predicted, truth, rules.within(2.5)) == scores[2]
            assert boundary_f1(truth, truth, rules) in (1.0, rules.both_empty)
            if scores[0] is not None:
                assert 0 <= scores[0] <= scores[1] <= scores[2] <= scores[3] <= scores[4] <= 1
