"""Matching objects and AJI: by hand, properties, then StarDist, Cellpose and HoVer-Net."""

from __future__ import annotations

import os

import numpy as np
import pytest
from tests.metrics.test_shape_oracles import (
    cellpose_aji,
    cellpose_average_precision,
    cellpose_iou,
    hover_net_aji,
    hover_net_pairs,
    moved,
    random_ids,
    stardist_matching,
)

from maskloom.errors import UsageError
from maskloom.metrics.shape.aji import AJI_RULES, aggregated_jaccard
from maskloom.metrics.shape.assignment import best_assignment
from maskloom.metrics.shape.joint import joint_ids
from maskloom.metrics.shape.objects import (
    OBJECT_RULES,
    Matched,
    ObjectRules,
    level_names,
    match_scores,
    matched_at,
)
from maskloom.metrics.shape.pairs import ObjectPairs, object_pairs

N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "400"))
STARDIST = {
    "accuracy": "object_accuracy", "precision": "object_precision", "recall": "object_recall",
    "f1": "f1", "mean_true_score": "mean_true_score", "mean_matched_score": "mean_matched_score",
    "panoptic_quality": "object_pq",
}  # fmt: skip


def pairs_of(truth, predicted, void=None):
    return object_pairs(joint_ids(np.asarray(truth), np.asarray(predicted)), void=void)


def cases():
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(2, 24, 2)) if seed % 4 else tuple(rng.integers(2, 9, 3))
        truth = random_ids(rng, shape, 9)
        predicted = moved(rng, truth) if rng.random() < 0.8 else random_ids(rng, shape, 9)
        # every reference takes the first id for background
        truth.flat[0] = predicted.flat[0] = 0
        yield (
            seed,
            *(np.unique(ids, return_inverse=True)[1].reshape(shape) for ids in (truth, predicted)),
        )


def test_two_objects_one_found_by_hand():
    pairs = pairs_of([[1, 1, 1, 0, 2]], [[3, 3, 0, 4, 0]])
    assert matched_at(pairs, 0.5) == Matched(1, 1, 1, 2 / 3)
    assert matched_at(pairs, 2 / 3).tp == 1
    assert matched_at(pairs, 0.7) == Matched(0, 2, 2, 0.0)
    scores = match_scores(Matched(1, 1, 1, 2 / 3))
    assert scores == {
        "f1": 0.5, "object_accuracy": 1 / 3, "object_precision": 0.5, "object_recall": 0.5,
        "mean_true_score": 1 / 3, "mean_matched_score": 2 / 3, "object_pq": 1 / 3,
    }  # fmt: skip


def test_an_iou_of_exactly_the_level_matches():
    assert matched_at(pairs_of([[1, 1, 0]], [[2, 0, 0]]), 0.5).tp == 1


def test_where_two_fit_count_goes_before_overlap():
    # greedily 1 with 1 (IoU 1/2) leaves one pair; 1 with 2 and 2 with 1 are two at 0.2
    truth = np.array([[1, 1, 1, 1, 1, 2, 2, 0, 0]])
    predicted = np.array([[2, 1, 1, 1, 1, 1, 0, 0, 0]])
    pairs = pairs_of(truth, predicted)
    assert sorted(pairs.iou.round(3)) == [0.167, 0.2, 0.667]
    assert matched_at(pairs, 0.5).tp == 1
    assert matched_at(pairs, 0.15) == Matched(2, 0, 0, pytest.approx(0.2 + 1 / 6))


def test_scores_without_objects_are_undefined_or_what_the_convention_says():
    nothing = Matched(0, 0, 0, 0.0)
    assert set(match_scores(nothing).values()) == {None}
    assert set(match_scores(nothing, OBJECT_RULES["stardist"].undefined).values()) == {0.0}
    assert match_scores(Matched(0, 0, 3, 0.0))["object_precision"] is None


def test_levels_are_shares():
    with pytest.raises(UsageError, match="levels"):
        ObjectRules(levels=(0.0,))
    with pytest.raises(UsageError, match="levels"):
        ObjectRules(levels=())
    assert level_names((0.5, 0.625)) == {0.5: "50", 0.625: "62.5"}


def test_predictions_on_void_are_cut_and_excused():
    truth = np.array([[9, 9, 9, 1, 1, 0]])
    predicted = np.array([[2, 2, 2, 2, 2, 3]])
    pairs = pairs_of(truth, predicted, void=9)
    # prediction 2 has 2 judged pixels, which are the object; 3 is extra
    assert matched_at(pairs, 0.9) == Matched(1, 1, 0, 1.0)
    assert pairs.foreground == 3
    mostly = pairs_of([[9, 9, 9, 0, 1, 1]], [[2, 2, 2, 2, 0, 0]], void=9)
    assert matched_at(mostly, 0.5) == Matched(0, 0, 1, 0.0)
    assert aggregated_jaccard(mostly) == 0.0
    half = pairs_of([[9, 9, 0, 0, 1, 1]], [[2, 2, 2, 2, 0, 0]], void=9)
    assert matched_at(half, 0.5).fp == 1


def test_aji_by_hand():
    # truth 1 (3 px) takes 3 (2 px shared), truth 2 is missed, 4 is extra: 2 / (3 + 1 + 1)
    pairs = pairs_of([[1, 1, 1, 0, 2]], [[3, 3, 0, 4, 0]])
    assert aggregated_jaccard(pairs) == 0.4
    assert aggregated_jaccard(pairs, AJI_RULES["cellpose"]) == 0.4
    # both objects take prediction 1 (unions 4 and 4); AJI+ lets only one have it
    joined = pairs_of([[1, 1, 2, 2]], [[1, 1, 1, 1]])
    assert aggregated_jaccard(joined) == 4 / 8
    assert aggregated_jaccard(joined, AJI_RULES["maskloom-plus"]) == 2 / 6
    assert aggregated_jaccard(joined, AJI_RULES["cellpose"]) == 2 / 4


def test_aji_of_nothing_is_undefined_and_of_one_side_zero():
    none, some = np.zeros((2, 2), int), np.ones((2, 2), int)
    for rules in AJI_RULES.values():
        assert aggregated_jaccard(pairs_of(none, none), rules) is None
        assert aggregated_jaccard(pairs_of(none, some), rules) == 0.0
        assert aggregated_jaccard(pairs_of(some, none), rules) == 0.0
        assert aggregated_jaccard(pairs_of(some, some), rules) == 1.0


def test_of_equal_ious_the_larger_overlap_is_the_partner():
    truth = np.array([[0, 0, 1, 1, 1, 1, 0, 0, 0, 0]])
    predicted = np.array([[2, 2, 2, 3, 3, 3, 3, 3, 0, 0]])
    pairs = pairs_of(truth, predicted)
    assert pairs.iou.tolist() == [1 / 6, 0.5]
    equal = pairs_of([[1, 1, 1, 1, 0, 0, 0, 0]], [[2, 3, 3, 0, 3, 3, 0, 0]])
    assert equal.pixels.tolist() == [1, 2]
    first = pairs_of([[1, 1, 1, 0, 0, 0]], [[2, 3, 3, 3, 3, 3]])
    assert first.iou.tolist() == [1 / 3, 1 / 3]
    # with prediction 3: 2 / (6 + 1), with 2 it would be 1 / (3 + 5)
    assert aggregated_jaccard(first) == 2 / 7


def test_the_epsilon_of_hover_net_changes_the_partner_only_of_giants():
    """One prediction inside an object of 4 Mpx, one round it: IoUs that differ by 3e-14."""
    truth, inside, around = 4_000_000, 846_257, 18_906_786
    pairs = ObjectPairs(
        truth_areas=np.array([truth]),
        predicted_areas=np.array([inside, around]),
        blind=np.zeros(2, np.int64),
        truth=np.zeros(2, np.int64),
        predicted=np.arange(2),
        pixels=np.array([inside, truth]),
        foreground=around,
    )
    assert pairs.iou[0] > pairs.iou[1]
    assert aggregated_jaccard(pairs) == inside / (truth + around)
    assert aggregated_jaccard(pairs, AJI_RULES["hover-net"]) == truth / (around + inside)


def test_an_assignment_by_components_is_as_good_as_a_whole_one():
    from scipy.optimize import linear_sum_assignment

    for seed in range(N_CASES // 4):
        rng = np.random.default_rng(seed)
        table = rng.random((6, 8)) * (rng.random((6, 8)) < 0.3)
        t, p = np.nonzero(table)
        chosen = best_assignment(t, p, table[t, p])
        assert len(np.unique(t[chosen])) == len(np.unique(p[chosen])) == len(chosen)
        whole = table[linear_sum_assignment(table, maximize=True)].sum()
        assert table[t, p][chosen].sum() == pytest.approx(whole, abs=1e-12)


def test_matching_is_symmetric_and_never_better_at_a_higher_level():
    for _, truth, predicted in cases():
        one, two = pairs_of(truth, predicted), pairs_of(predicted, truth)
        found = [matched_at(one, level) for level in (0.1, 0.3, 0.5, 0.7, 0.9)]
        assert [m.tp for m in found] == sorted((m.tp for m in found), reverse=True)
        for m, level in zip(found, (0.1, 0.3, 0.5, 0.7, 0.9), strict=True):
            other = matched_at(two, level)
            assert (m.tp, m.fp, m.fn) == (other.tp, other.fn, other.fp)


def test_stardist_matches_the_same():
    for seed, truth, predicted in cases():
        pairs = pairs_of(truth, predicted)
        for level in (0.1, 0.2, 1 / 3, 0.5, 0.55, 0.7, 0.9, 1.0):
            wanted = stardist_matching(truth, predicted, level)
            found = matched_at(pairs, level, single_precision=True)
            assert (found.tp, found.fp, found.fn) == tuple(wanted[n] for n in ("tp", "fp", "fn")), (
                seed
            )
            scores = match_scores(found, 0.0)
            for theirs, ours in STARDIST.items():
                assert scores[ours] == pytest.approx(wanted[theirs], abs=1e-6), (seed, level, ours)


def test_single_precision_lets_a_level_of_six_tenths_and_a_bit_match():
    level = 0.1 * 6
    pairs = pairs_of([[1, 1, 1, 1, 1]], [[1, 1, 1, 0, 0]])
    assert level > 0.6
    assert matched_at(pairs, level).tp == 0
    assert matched_at(pairs, level, single_precision=True).tp == 1


def test_cellpose_has_the_same_average_precision():
    for seed, truth, predicted in cases():
        pairs = pairs_of(truth, predicted)
        for level in (0.1, 0.25, 0.5, 0.75, 0.9):
            ap, *counts = cellpose_average_precision(truth, predicted, level)
            found = matched_at(pairs, level)
            assert [found.tp, found.fp, found.fn] == counts, seed
            accuracy = match_scores(found)["object_accuracy"]
            assert np.isnan(ap) if accuracy is None else accuracy == ap


def test_cellpose_and_hover_net_have_the_same_aji():
    ties = 0
    for seed, truth, predicted in cases():
        pairs = pairs_of(truth, predicted)
        found = {name: aggregated_jaccard(pairs, rules) for name, rules in AJI_RULES.items()}
        if found["maskloom"] is None or not predicted.any():
            continue
        wanted = {
            "hover-net": hover_net_aji(truth, predicted),
            "hover-net-plus": hover_net_aji(truth, predicted, plus=True),
            "cellpose": cellpose_aji(truth, predicted),
        }
        wanted["maskloom"], wanted["maskloom-plus"] = wanted["hover-net"], wanted["hover-net-plus"]
        for name, value in wanted.items():
            if found[name] != pytest.approx(value, abs=1e-12):
                # another of several best pairings: only a one-to-one choice can be tied
                assert AJI_RULES[name].one_to_one, (seed, name)
                assert tied(truth, predicted, name), (seed, name)
                ties += 1
    assert ties <= N_CASES // 20


def tied(truth, predicted, name):
    """Whether some other pairing has the same objective as the reference's to 1e-9."""
    from itertools import permutations

    if name == "cellpose":
        iou = cellpose_iou(truth, predicted)[1:, 1:]
        worth = (iou >= 0.5) + iou / (2 * min(iou.shape))
    else:
        inter, union, _, _ = hover_net_pairs(truth, predicted)
        worth = inter / (union + (1e-6 if name.startswith("hover") else 1e-12))
    worth = worth if worth.shape[0] <= worth.shape[1] else worth.T
    n, m = worth.shape
    if m > 9:
        return True
    sums = {}
    for columns in permutations(range(m), n):
        real = tuple((i, j) for i, j in enumerate(columns) if worth[i, j] > 0)
        sums[real] = sum(worth[i, j] for i, j in real)
    best = max(sums.values())
    return sum(value > best - 1e-6 for value in sums.values()) > 1


def test_ids_that_are_large_sparse_or_absent_change_nothing():
    for _, truth, predicted in cases():
        rng = np.random.default_rng(5)
        names = np.sort(rng.choice(2**40, 40, replace=False))
        names[0] = 0
        one = pairs_of(truth, predicted)
        two = pairs_of(names[truth], names[predicted])
        for rules in AJI_RULES.values():
            assert aggregated_jaccard(one, rules) == aggregated_jaccard(two, rules)
        assert matched_at(one, 0.3) == matched_at(two, 0.3)
