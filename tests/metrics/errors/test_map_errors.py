"""Errors of class maps: by hand, against brute force, and merged in any way."""

from __future__ import annotations

import numpy as np
import pytest
from tests.metrics.errors import map_rule

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.errors.distance import wrong_by_distance
from maskloom.metrics.errors.map_family import MapErrors
from maskloom.metrics.errors.regions import REGION_COUNTS, region_counts

V, B = 255, 254
ABC = Taxonomy.from_names(["a", "b", "c"])


def maps(*lines):
    return np.array(lines, np.uint8)


def named(truth, predicted, k=3):
    found = region_counts(truth, predicted, k)
    return dict(zip(REGION_COUNTS, found.counts.tolist(), strict=True)), found.taken.tolist()


def test_distances_by_hand():
    truth = np.zeros((1, 40), np.uint8)
    truth[0, 20:] = 1
    predicted = truth.copy()
    predicted[0, [19, 18, 15, 3, 20, 39]] = [1, 1, 2, 1, B, V]
    missed, extra = wrong_by_distance(truth, predicted, 3)
    # the pixels of a are 1, 2, 5 and 17 from the first of b; those of b 1 and 20 from the last of a
    assert missed.tolist() == [[1, 1, 0, 1, 0, 1], [1, 0, 0, 0, 0, 1], [0] * 6, [0] * 6]
    assert extra.tolist() == [[0] * 6, [1, 1, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 1]]


def test_distances_go_over_corners_and_through_void_and_not_beyond_the_frame():
    truth = np.zeros((9, 9), np.uint8)
    predicted = np.full((9, 9), 1, np.uint8)
    assert wrong_by_distance(truth, predicted, 2)[0].tolist()[0] == [0, 0, 0, 0, 0, 81]
    truth[1:4, :] = V
    truth[0, 0] = 1
    missed, _ = wrong_by_distance(truth, predicted, 2)
    # of the first column, rows 4 to 8 are as many pixels from the one in the corner
    near = [np.hypot(y, x) for y in (0, 4, 5, 6, 7, 8) for x in range(9) if y or x]
    assert missed[0].tolist() == [sum(low < d <= high for d in near) for low, high in (
        (0, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 99))]  # fmt: skip


def random_maps(rng, case):
    shape = tuple(rng.integers(1, 30, 2)) if case % 3 else tuple(rng.integers(1, 8, 3))
    odds = [0.9, 0.04, 0.02, 0.02, 0.02] if case % 2 else [0.3, 0.3, 0.2, 0.1, 0.1]
    truth = rng.choice([0, 1, 2, B, V], shape, p=odds).astype(np.uint8)
    if case % 5 == 0:
        for axis in range(truth.ndim):
            truth = np.repeat(truth, 6 if truth.ndim == 2 else 2, axis)
        truth = truth[tuple(slice(40 if truth.ndim == 2 else 9) for _ in range(truth.ndim))]
    noise = rng.choice([0, 1, 2, B, V], truth.shape).astype(np.uint8)
    predicted = np.where(rng.random(truth.shape) < rng.choice([0.1, 0.4]), noise, truth)
    return truth, predicted if case % 7 else np.roll(predicted, 2, axis=-1)


def test_distances_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    for case in range(150):
        truth, predicted = random_maps(rng, case)
        expected = map_rule.wrong_by_distance(truth, predicted, 3)
        found = wrong_by_distance(truth, predicted, 3)
        assert np.array_equal(found[0], expected[0]), case
        assert np.array_equal(found[1], expected[1]), case


def test_distances_deep_inside_classes_of_volumes_are_those_of_brute_force():
    rng = np.random.default_rng(5)
    seen = np.zeros(len(map_rule.REACHES) + 1, int)
    for case in range(24):
        shape = rng.permutation([int(rng.integers(1, 5)), *rng.integers(12, 40, 2)])
        truth = np.zeros(shape, np.uint8)
        truth[tuple(slice(int(rng.integers(1, n + 1)), None) for n in shape)] = 1
        truth[rng.random(shape) < 0.002] = rng.choice([2, B])
        # void next to two classes is asked for by both
        truth[rng.random(shape) < (0.0, 0.3, 0.9)[case % 3]] = V
        predicted = np.where(truth == 2, 0, 2).astype(np.uint8)
        predicted[rng.random(shape) < 0.5] = 0
        expected = map_rule.wrong_by_distance(truth, predicted, 3)
        found = wrong_by_distance(truth, predicted, 3)
        assert np.array_equal(found[0], expected[0]), case
        assert np.array_equal(found[1], expected[1]), case
        seen += found[0].sum(axis=0)
    assert seen.min() > 500


def test_regions_are_those_of_brute_force():
    rng = np.random.default_rng(1)
    seen = dict.fromkeys((*REGION_COUNTS, "taken"), 0)
    for case in range(300):
        truth, predicted = random_maps(rng, case)
        counts, taken = map_rule.region_counts(truth, predicted, 3)
        found, found_taken = named(truth, predicted)
        assert found == {name: values.tolist() for name, values in counts.items()}, case
        assert found_taken == taken.tolist(), case
        for name, values in {**counts, "taken": taken}.items():
            seen[name] += int(values.sum())
    assert min(seen.values()) > 20


def test_regions_by_hand():
    truth = maps(
        [0, 0, 0, 0, 1, 1, 2, 2],
        [0, 0, 0, 0, 1, 1, 2, 2],
        [1, 1, 1, 1, 1, 1, B, 0],
    )
    cut = truth.copy()
    cut[:2, 1] = 1
    # a in two parts of 2 and 4 of 8 px; its region in the corner is another
    assert named(truth, cut)[0] == {
        "regions": [2, 1, 1],
        "found": [2, 1, 1],
        "split": [1, 0, 0],
        "merged": [0, 0, 0],
        "missed": [0, 0, 0],
        "predicted": [3, 1, 1],
        "extra": [0, 0, 0],
    }
    joined = truth.copy()
    joined[2, :] = 0
    joined[:2, 4:] = B
    found, taken = named(truth, joined)
    assert (found["merged"], found["found"]) == ([2, 0, 0], [2, 0, 0])
    # 6 of the 10 px of b are taken for a; all 4 of c are background
    assert (found["missed"], taken[1]) == ([0, 0, 1], [1, 0, 0])
    other = truth.copy()
    other[truth == 1] = 2
    found, taken = named(truth, other)
    assert (taken, found["missed"]) == ([[0, 0, 0], [0, 0, 1], [0, 0, 0]], [0, 0, 0])
    # 4 of its 14 px are right
    assert (found["predicted"], found["extra"]) == ([2, 0, 1], [0, 0, 1])


def test_diagonal_neighbours_are_one_region_also_across_slices():
    one = np.full((2, 3, 3), B, np.uint8)
    one[0, 0, 0] = one[1, 1, 1] = 0
    assert named(one, one)[0]["regions"] == [1, 0, 0]
    one[1, 1, 1], one[1, 2, 2] = B, 0
    assert named(one, one)[0]["regions"] == [2, 0, 0]


def test_a_predicted_region_on_void_is_none_and_one_through_void_is_one():
    truth, predicted = maps([0, 0, V, 0, 0, V, V]), maps([0, 0, 0, 0, 0, B, 1])
    found, _ = named(truth, predicted)
    assert (found["regions"], found["predicted"]) == ([2, 0, 0], [1, 0, 0])


def test_slices_of_one_row_are_joined_with_the_next_slice_alone():
    one = np.full((3, 1, 2), B, np.uint8)
    one[0, 0, 0] = one[2, 0, 0] = 0
    assert named(one, one)[0]["regions"] == [2, 0, 0]


@pytest.mark.parametrize("count", [wrong_by_distance, region_counts])
def test_maps_that_do_not_belong_together_are_refused(count):
    truth = maps([0, 1, 2])
    with pytest.raises(DataError, match="differ in size"):
        count(truth, truth.T, 3)
    with pytest.raises(DataError, match="no category"):
        count(truth, maps([0, 7, 2]), 3)
    with pytest.raises(DataError, match="uint8 or uint16"):
        count(truth.astype(int), truth.astype(int), 3)


def test_types_of_both_sides_may_differ():
    truth, predicted = maps([0, 0, B, B, V, 1]), maps([0, 1, B, V, 1, 1])
    wide = predicted.astype(np.uint16)
    wide[wide >= B] += 65535 - V
    for count in (wrong_by_distance, lambda *given: vars_of(region_counts(*given))):
        for one, other in zip(count(truth, predicted, 2), count(truth, wide, 2), strict=True):
            assert np.array_equal(one, other)


def vars_of(found):
    return found.counts, found.taken


def test_no_pixel_and_no_class_are_nothing():
    none = np.zeros((0, 5), np.uint8)
    assert wrong_by_distance(none, none, 2)[0].sum() == 0
    assert region_counts(none, none, 2).counts.sum() == 0
    assert region_counts(none.T, none.T, 2).counts.sum() == 0


def test_tables_say_what_was_counted():
    family = MapErrors(ABC)
    truth = maps([0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1])
    family.update(truth, maps([0, 0, 0, 1, 0, 1], [0, 1, 0, 0, 1, 1]))
    tables = {name: t.records() for name, t in family.result().breakdowns.items()}
    assert [row["wrong pixels"] for row in tables["error_distance"]] == [2, 0, 1, 0, 0, 0]
    assert [row["share up to here"] for row in tables["error_distance"]][:3] == [
        0.6667,
        0.6667,
        1.0,
    ]
    by_class = {(r["class"], r["error"]): r for r in tables["error_distance_by_class"]}
    assert set(by_class) == {("a", "missed"), ("a", "extra"), ("b", "missed"), ("b", "extra")}
    assert by_class["a", "missed"]["pixels"] == 2
    assert by_class["a", "missed"]["2 to 4 px"] == 0.5
    # one of the two predicted regions of b is extra, and none of a
    assert [row["class"] for row in tables["regions"]] == ["b", "a"]


def test_nothing_counted_has_no_tables_and_no_errors_have_no_shares():
    assert MapErrors(ABC).result().breakdowns == {}
    family = MapErrors(ABC)
    family.update(maps([0, 1]), maps([0, 1]))
    rows = family.result().breakdowns["error_distance"].records()
    assert {row["share"] for row in rows} == {None}


def test_any_division_of_the_samples_gives_the_same_tables():
    rng = np.random.default_rng(2)
    pairs = [random_maps(rng, case) for case in range(12)]
    whole, one, other = MapErrors(ABC), MapErrors(ABC), MapErrors(ABC)
    for i, pair in enumerate(pairs):
        whole.update(*pair)
        (one if i % 3 else other).update(*pair, order=i)
    travelled = MapErrors(ABC)
    travelled.load(other.state())
    travelled.merge(one)
    assert travelled.result().breakdowns == whole.result().breakdowns
    with pytest.raises(ValueError, match="missed"):
        MapErrors(Taxonomy((*ABC, Category("d", "d")))).load(other.state())
