"""Outline scores of class maps: per class, over a data set, in parts."""

from __future__ import annotations

import numpy as np
import pytest
from tests.metrics.boundary_cases import FUZZ, class_map, random_side

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.boundary.class_maps import class_boxes
from maskloom.metrics.boundary.contours import boundary_f1, contour_counts
from maskloom.metrics.boundary.dense_bands import boundary_iou
from maskloom.metrics.boundary.family import BOUNDARY_METRICS, BoundaryMetrics
from maskloom.metrics.boundary.rules import BOUNDARY_RULES, CONTOUR_RULES

AB = Taxonomy.from_names(["a", "b"])
KEYS = [category.key for category in AB]
CONVENTIONS = [
    ("maskloom", "maskloom"),
    ("boundary-iou-api", "davis"),
    ("metrics-reloaded", "bsds"),
]


def metrics_of(samples, convention=CONVENTIONS[0], taxonomy=AB):
    made = BoundaryMetrics(taxonomy, BOUNDARY_RULES[convention[0]], CONTOUR_RULES[convention[1]])
    for order, (truth, predicted) in enumerate(samples):
        made.update(truth, predicted, order=order)
    return made


def samples_of(seed, n=6, k=2):
    rng = np.random.default_rng(seed)
    shapes = [(random_side(rng) + 3, random_side(rng) + 3) for _ in range(n)]
    return [(class_map(rng, *s, k), class_map(rng, *s, k)) for s in shapes]


def halves(column, width=40):
    """Class 0 left of a column, class 1 right of it."""
    out = np.zeros((20, width), np.uint8)
    out[:, column:] = 1
    return out


def test_two_halves_whose_border_moves_by_two_columns():
    """Width 1: bands of 20 x 20 and 20 x 22 px frames of pixels, contours of 20 pixels each."""
    scores = BoundaryMetrics(AB).update(halves(20), halves(22))
    one = boundary_iou(halves(20) == 0, halves(22) == 0)
    two = boundary_iou(halves(20) == 1, halves(22) == 1)
    assert scores == {"boundary_iou": (one + two) / 2, "boundary_f1": 0.0}
    assert one == 58 / (76 + 80 - 58)
    near = CONTOUR_RULES["pixels"].within(2)
    made = BoundaryMetrics(AB, contour_rules=near)
    assert made.update(halves(20), halves(22))["boundary_f1"] == 1.0
    row = made.result().per_class[KEYS[0]]
    assert row["truth_contour"] == row["predicted_met"] == 20
    assert (row["band_shared"], row["band_union"], row["samples"]) == (58, 98, 1)


def test_pixels_are_summed_or_samples_averaged():
    samples = [(halves(20), halves(22)), (halves(10), halves(10))]
    pooled = metrics_of(samples).result()
    parts = [metrics_of([s]).result().per_class[KEYS[0]] for s in samples]
    shared, union = (sum(p[f"band_{w}"] for p in parts) for w in ("shared", "union"))
    assert pooled.per_class[KEYS[0]]["boundary_iou"] == shared / union
    averaged = metrics_of(samples, ("metrics-reloaded", "maskloom")).result()
    parts = [
        metrics_of([s], ("metrics-reloaded", "maskloom")).result().per_class[KEYS[0]]
        for s in samples
    ]
    for name in BOUNDARY_METRICS:
        mean = (parts[0][name] + parts[1][name]) / 2
        assert averaged.per_class[KEYS[0]][name] == mean
    summed = metrics_of(samples, ("maskloom", "bsds")).result().per_class[KEYS[0]]
    assert summed["boundary_f1"] == 20 / 40


def test_what_is_undefined_is_none_and_says_why():
    made = BoundaryMetrics(AB)
    none = made.result()
    assert none.metrics == {"boundary_iou": None, "boundary_f1": None}
    assert set(none.reasons.values()) == {"no class occurs in the truth or the prediction"}
    assert none.per_class[KEYS[0]]["reason"] == "absent from truth and prediction"
    full = np.zeros((9, 9), np.uint8)
    assert made.update(full, full) == {"boundary_iou": 1.0, "boundary_f1": None}
    scores = made.result()
    assert scores.metrics["boundary_f1"] is None
    assert "contour" in scores.reasons["boundary_f1"]
    assert "no contour" in scores.per_class[KEYS[0]]["reason"]
    assert scores.per_class[KEYS[1]]["boundary_iou"] is None
    assert "1 times" in scores.notes[0]
    void = np.full((9, 9), 255, np.uint8)
    made = BoundaryMetrics(AB)
    assert made.update(void, full) == {"boundary_iou": None, "boundary_f1": None}
    assert "void" in made.result().per_class[KEYS[0]]["reason"]


def test_void_categories_are_not_scored():
    taxonomy = Taxonomy((Category("a", "a"), Category("v", "v", void=True)))
    made = BoundaryMetrics(taxonomy)
    made.update(halves(20), halves(22))
    assert list(made.result().per_class) == ["a"]


@pytest.mark.parametrize("convention", CONVENTIONS, ids=str)
def test_every_class_scores_as_its_masks_alone(convention):
    """Windows about a class, blocks of equal pixels and void change nothing."""
    taxonomy = Taxonomy.from_names(list("abcd"))
    rng = np.random.default_rng(4)
    for _ in range(max(FUZZ // 10, 10)):
        shape = random_side(rng), random_side(rng)
        truth, predicted = (class_map(rng, *shape, 4) for _ in range(2))
        if rng.random() < 0.3:
            truth, predicted = (
                np.where(m >= 254, m.astype(np.uint16) + 65280, m) for m in (truth, predicted)
            )
        made = metrics_of([(truth, predicted)], convention, taxonomy)
        void = truth == np.iinfo(truth.dtype).max
        assert set(np.unique(truth[void])) <= {255, 65535}
        for k, row in enumerate(made.result().per_class.values()):
            if row["samples"] == 0:
                assert not (truth == k).any()
                assert not (predicted == k).any()
                continue
            both = truth == k, predicted == k
            assert row["boundary_iou"] == boundary_iou(*both, made.rules, void=void)
            assert row["boundary_f1"] == boundary_f1(*both, made.contour_rules, void=void)
            counts = contour_counts(*both, made.contour_rules, void=void)
            assert row["predicted_contour"] == counts.predicted


def test_boxes_are_those_of_the_pixels():
    rng = np.random.default_rng(2)
    for _ in range(FUZZ):
        values = class_map(rng, random_side(rng), random_side(rng), 3)
        boxes = class_boxes(values, 3, "truth")
        for k, value in enumerate((0, 1, 2, 255)):
            y, x = np.nonzero(values == value)
            if len(y):
                assert boxes[k].tolist() == [y.min(), x.min(), y.max() + 1, x.max() + 1]
            else:
                assert boxes[k, 3] == 0


@pytest.mark.parametrize("convention", CONVENTIONS, ids=str)
def test_any_division_of_the_work_gives_the_same_bits(convention):
    samples = samples_of(11)
    whole = metrics_of(samples, convention).result()
    first, second = (metrics_of([], convention) for _ in range(2))
    for order in (5, 0, 3):
        first.update(*samples[order], order=order)
    for order in (4, 2, 1):
        second.update(*samples[order], order=order)
    travelled = metrics_of([], convention)
    travelled.load(second.state())
    travelled.merge(first)
    again = travelled.result()
    assert again.metrics == whole.metrics
    assert again.per_class == whole.per_class
    assert again.notes == whole.notes
    assert travelled.samples == 6
    assert all(a.dtype != object for a in travelled.state().values())


def test_a_state_that_is_none_is_refused():
    state = metrics_of(samples_of(1, 2)).state()
    for broken in (
        {},
        {**state, "more": np.zeros(1)},
        {**state, "samples": np.zeros(2, np.int64)},
        {**state, "samples": np.zeros(1)},
        {**state, "categories": state["categories"] + 9},
        {**state, "values": state["values"][:, :3]},
        {**state, "orders": state["orders"][1:]},
    ):
        with pytest.raises(ValueError, match=r"state|samples|row|values"):
            BoundaryMetrics(AB).load(broken)


def test_maps_that_do_not_fit_are_refused():
    made = BoundaryMetrics(AB)
    with pytest.raises(DataError, match="differ in size"):
        made.update(halves(3), halves(3, 41))
    with pytest.raises(DataError, match="prediction holds a value"):
        made.update(halves(3), halves(3) + 7)
    with pytest.raises(DataError, match="uint8 or uint16"):
        made.update(halves(3).astype(np.int64), halves(3))
    assert made.samples == 0
    assert len(made.counts) == 0
