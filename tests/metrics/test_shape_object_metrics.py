"""The family of objects: id maps and rows alike, void, crowds, conventions, data sets."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from tests.metrics.test_shape_oracles import (
    cellpose_aji,
    cellpose_average_precision,
    moved,
    random_ids,
    stardist_dataset,
)

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, UsageError
from maskloom.metrics.shape.object_metrics import COUNT_METRICS, ObjectShapeMetrics
from maskloom.metrics.shape.objects import OBJECT_RULES, ObjectRules

N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "400"))
CELLS = Taxonomy((Category("cell", "cell"), Category("void", "void", void=True)))
TWO = Taxonomy((Category("a", "a"), Category("b", "b"), Category("void", "void", void=True)))


def rows_of(ids, category=0, **columns):
    masks, found = Masks.from_id_map(np.asarray(ids))
    given = np.broadcast_to(category, len(found))
    return Rows.make(masks, given, instance=found, **columns)


def data_set(n, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        truth = random_ids(rng, (20, 20), 8)
        predicted = moved(rng, truth)
        truth[0, 0] = predicted[0, 0] = 0
        yield tuple(
            np.unique(ids, return_inverse=True)[1].reshape(20, 20) for ids in (truth, predicted)
        )


def test_a_data_set_of_two_images_by_hand():
    metric = ObjectShapeMetrics(CELLS, ObjectRules(levels=(0.5,)))
    own = metric.update_maps(np.array([[1, 1, 1, 0, 2]]), np.array([[3, 3, 0, 4, 0]]))
    # one of two found with 2/3, one missed, one extra
    assert own == {
        "aji": 0.4, "aji_plus": 0.4, "f1_50": 0.5, "count_error": 0.0,
        "truth_objects": 2, "predicted_objects": 2,
    }  # fmt: skip
    metric.update_maps(np.array([[0, 0, 0, 0, 0]]), np.array([[1, 2, 3, 0, 0]]))
    found = metric.result()
    assert found.metrics["aji"] == 0.2
    assert found.metrics["f1_50"] == 2 / (2 + 4 + 1)
    assert found.metrics["mean_matched_score_50"] == 2 / 3
    assert found.metrics["object_pq_50"] == pytest.approx((2 / 3) / (1 + 2 + 0.5))
    assert {name: found.metrics[name] for name in COUNT_METRICS} == {
        "count_error": 1.5, "count_rmse": math.sqrt(4.5), "count_bias": 1.5,
        "count_error_matched": 2.5, "count_rmse_matched": math.sqrt(6.5),
    }  # fmt: skip
    cell = found.per_class["cell"]
    assert (cell["truth_objects"], cell["predicted_objects"], cell["samples"]) == (2, 5, 2)
    assert (cell["name"], cell["kind"]) == ("cell", "thing")


def test_an_image_without_an_object_is_left_out_but_for_stardist():
    nothing = np.zeros((3, 3), int)
    metric = ObjectShapeMetrics(CELLS)
    assert metric.update_maps(nothing, nothing)["f1_50"] is None
    found = metric.result()
    assert set(found.metrics.values()) == {None}
    assert set(found.reasons) == set(metric.metrics) == set(found.metrics)
    assert found.per_class["cell"]["reason"] == "no object on either side"
    stardist = ObjectShapeMetrics(CELLS, OBJECT_RULES["stardist"])
    assert stardist.update_maps(nothing, nothing)["f1_50"] == 0.0


@pytest.mark.parametrize("by_image", [False, True])
def test_stardist_scores_a_data_set_the_same(by_image):
    images = [*data_set(30), (np.zeros((4, 4), int),) * 2]
    levels = (0.3, 0.5, 0.75)
    rules = ObjectRules(levels, by_image=by_image, undefined=0.0, single_precision=True)
    metric = ObjectShapeMetrics(CELLS, rules)
    for truth, predicted in images:
        metric.update_maps(truth, predicted)
    found = metric.result().metrics
    for level in levels:
        wanted = stardist_dataset(images, level, by_image=by_image)
        for ours, theirs in (("f1", "f1"), ("object_accuracy", "accuracy"), ("object_precision", "precision"),
                             ("object_recall", "recall"), ("mean_true_score", "mean_true_score"),
                             ("mean_matched_score", "mean_matched_score"), ("object_pq", "panoptic_quality")):  # fmt: skip
            assert found[f"{ours}_{100 * level:.0f}"] == pytest.approx(wanted[theirs], abs=1e-6)


def test_cellpose_scores_images_the_same_and_they_are_averaged():
    images = [pair for pair in data_set(30, seed=3) if pair[0].any() or pair[1].any()]
    metric = ObjectShapeMetrics(CELLS, OBJECT_RULES["cellpose"])
    own = [metric.update_maps(*pair) for pair in images]
    for pair, scores in zip(images, own, strict=True):
        assert scores["aji"] == pytest.approx(cellpose_aji(*pair), abs=1e-12)
    found = metric.result().metrics
    for level, name in ((0.5, "50"), (0.75, "75"), (0.9, "90")):
        wanted = np.mean([cellpose_average_precision(*pair, level)[0] for pair in images])
        assert found[f"object_accuracy_{name}"] == pytest.approx(wanted, abs=1e-12)


def test_rows_score_as_their_maps_do():
    for truth, predicted in data_set(N_CASES // 8, seed=1):
        maps, rows = ObjectShapeMetrics(CELLS), ObjectShapeMetrics(CELLS)
        one = maps.update_maps(truth, predicted)
        two = rows.update(rows_of(truth), rows_of(predicted))
        assert two == pytest.approx(one, abs=1e-12, nan_ok=False)
        assert rows.result().metrics == pytest.approx(maps.result().metrics, abs=1e-12)


def test_void_of_maps_rows_and_areas_that_were_not_labelled_are_one():
    for truth, predicted in data_set(N_CASES // 8, seed=2):
        void = 4
        by_map = ObjectShapeMetrics(CELLS).update_maps(truth, predicted, void=void)
        masks, ids = Masks.from_id_map(truth)
        named = Rows.make(masks, (ids == void).astype(int), instance=ids)
        assert ObjectShapeMetrics(CELLS).update(named, rows_of(predicted)) == pytest.approx(by_map)
        crowd = rows_of(truth, crowd=ids == void)
        assert ObjectShapeMetrics(CELLS).update(crowd, rows_of(predicted)) == pytest.approx(by_map)
        real = named.take(ids != void)
        ignore = Masks.from_dense((truth == void)[None])
        found = ObjectShapeMetrics(CELLS).update(real, rows_of(predicted), ignore=ignore)
        assert found == pytest.approx(by_map)
        other = ObjectShapeMetrics(CELLS, OBJECT_RULES["cellpose"])
        own = other.update(real, rows_of(predicted), ignore=ignore)["aji"]
        dense = np.where(truth == void, 0, truth), np.where(truth == void, 0, predicted)
        if own is not None and not (predicted[truth == void]).any():
            assert own == pytest.approx(cellpose_aji(*dense))


def test_classes_are_matched_apart_and_averaged():
    truth = rows_of([[1, 1, 2, 2]], [0, 1])
    swapped = rows_of([[1, 1, 2, 2]], [1, 0])
    metric = ObjectShapeMetrics(TWO)
    assert metric.update(truth, truth)["aji"] == 1.0
    assert metric.update(truth, swapped)["aji"] == 0.0
    assert metric.result().metrics["aji"] == 0.5
    assert metric.result().per_class["a"]["f1_50"] == 0.5
    part = ObjectShapeMetrics(TWO)
    assert part.update(truth, swapped, unlabelled=(1,))["truth_objects"] == 1
    assert part.result().per_class["b"]["reason"] == "no object on either side"


def test_parts_of_one_object_drawings_and_rows_without_a_pixel():
    masks = Masks.from_dense(np.array([[[1, 0, 0]], [[0, 0, 1]], [[0, 1, 0]]]))
    parts = Rows.make(masks, [0, 0, 0], instance=[1, 1, 2],
                      kind=[RowKind.MASK, RowKind.MASK, RowKind.BOX])  # fmt: skip
    whole = Rows.make(Masks.from_dense(np.array([[[1, 0, 1]]])), [0])
    metric = ObjectShapeMetrics(CELLS)
    assert metric.update(parts, whole)["aji"] == 1.0
    assert metric.result().notes == (
        "1 drawing of the truth without a mask: counted only where boxes are compared",
    )
    none = Rows.make(Masks.empty(1, (1, 3)), [0])
    own = ObjectShapeMetrics(CELLS).update(none, none)
    assert (own["truth_objects"], own["predicted_objects"]) == (1, 0)
    assert (
        ObjectShapeMetrics(CELLS).update(Rows.make(Masks.empty(0, (1, 3)), []), whole)["aji"] == 0.0
    )


def test_masks_that_overlap_are_objects_of_their_own():
    stack = Masks.from_dense(np.array([[[1, 1, 1, 0]], [[0, 1, 1, 1]]]))
    both = Rows.make(stack, [0, 0])
    own = ObjectShapeMetrics(CELLS).update(both, both)
    assert (own["aji"], own["f1_90"]) == (1.0, 1.0)


def test_a_map_of_several_classes_must_say_which():
    ids = np.array([[1, 0]])
    with pytest.raises(UsageError, match="one class"):
        ObjectShapeMetrics(TWO).update_maps(ids, ids)
    metric = ObjectShapeMetrics(TWO)
    metric.update_maps(ids, ids, category=1)
    assert metric.result().per_class["b"]["aji"] == 1.0
    with pytest.raises(DataError, match="differ in size"):
        metric.update_maps(ids, ids.T, category=1)


def test_volumes_are_objects_too():
    ids = np.zeros((3, 4, 5), np.int64)
    ids[:2, 1:3, 1:3], ids[2, 3, 3:] = 2**40, 7
    assert ObjectShapeMetrics(CELLS).update_maps(ids, np.roll(ids, 1, axis=0))["truth_objects"] == 2


def test_workers_merge_to_the_same_bits_and_states_travel():
    images = list(data_set(12))
    whole, parts = ObjectShapeMetrics(CELLS), [ObjectShapeMetrics(CELLS) for _ in range(3)]
    for i, (truth, predicted) in enumerate(images):
        whole.update_maps(truth, predicted)
        parts[i % 3].update_maps(truth, predicted, order=i)
    joined = ObjectShapeMetrics(CELLS)
    for part in reversed(parts):
        sent = ObjectShapeMetrics(CELLS)
        sent.load(part.state())
        joined.merge(sent)
    assert joined.result().metrics == whole.result().metrics
    assert joined.result().per_class == whole.result().per_class
    with pytest.raises(ValueError, match="values are"):
        ObjectShapeMetrics(CELLS, ObjectRules((0.5,))).load(whole.state())
