"""Boxes and boundaries as objects overlap by them; curves of ranked predictions."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import Geometry, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.objects.overlaps import BOUNDARIES, BOXES

SIZE = (40, 60)
ONE = Taxonomy.from_names(["a"])


def boxes_as_rows(*edges, **columns):
    """Boxes that were drawn, without a mask."""
    drawn = [np.array([e[:2], e[2:]], float) for e in edges]
    return Rows.make(
        Masks.empty(len(edges), SIZE),
        np.zeros(len(edges), np.int32),
        kind=np.full(len(edges), int(RowKind.BOX)),
        geometry=tuple(Geometry((one,), "box") for one in drawn),
        **columns,
    )


def masks_as_rows(*edges, category=0, **columns):
    dense = np.zeros((len(edges), *SIZE), bool)
    for one, (x0, y0, x1, y1) in zip(dense, edges, strict=True):
        one[y0:y1, x0:x1] = True
    kinds = np.broadcast_to(np.asarray(category, np.int32), len(edges))
    return Rows.make(Masks.from_dense(dense), kinds, **columns)


def result_of(truth, predicted, overlap, taxonomy=ONE):
    metric = InstanceMetrics(taxonomy, overlap=overlap)
    metric.update(truth, predicted)
    return metric.result()


def test_boxes_without_masks_are_objects_where_boxes_are_compared():
    truth = boxes_as_rows((2, 2, 12, 12), (20.5, 5, 30.5, 15))
    found = boxes_as_rows((2, 2, 12, 12), (20.5, 5, 30.5, 13), score=[0.9, 0.8])
    # The second has an IoU of 0.8: found at seven of ten levels, up to 0.8.
    metrics = result_of(truth, found, BOXES).metrics
    assert metrics["box_ap50"] == 1.0
    assert metrics["box_ap"] == pytest.approx((7 + 3 * 51 / 101) / 10)


def test_a_drawn_box_meets_the_box_of_a_mask():
    ring = np.zeros(SIZE, bool)
    ring[5:25, 10:40] = True
    ring[7:23, 12:38] = False
    truth = Rows.make(Masks.from_dense(ring), np.zeros(1, np.int32))
    metrics = result_of(truth, boxes_as_rows((10, 5, 40, 25)), BOXES)
    assert metrics.metrics["box_ap"] == 1.0
    assert result_of(truth, boxes_as_rows((10, 5, 40, 25)), BOUNDARIES).notes


def test_corners_of_a_box_come_in_any_order():
    truth = boxes_as_rows((30, 20, 10, 5))
    assert result_of(truth, boxes_as_rows((10, 5, 30, 20)), BOXES).metrics["box_ap"] == 1.0


def test_boxes_on_what_is_void_are_not_judged():
    taxonomy = Taxonomy((Category("a", "a"), Category("v", "v", void=True)))
    truth = masks_as_rows((2, 2, 12, 12), (30, 0, 60, 40), category=[0, 1])
    found = boxes_as_rows((40, 5, 50, 30), (2, 2, 12, 12), score=[0.9, 0.5])
    assert result_of(truth, found, BOXES, taxonomy).metrics["box_ap"] == 1.0
    off = boxes_as_rows((14, 5, 24, 30), (2, 2, 12, 12), score=[0.9, 0.5])
    assert result_of(truth, off, BOXES, taxonomy).metrics["box_ap"] == 0.5


def test_a_mask_whose_outline_is_off_scores_less_by_its_boundary():
    truth = masks_as_rows((5, 5, 45, 35))
    found = masks_as_rows((6, 6, 46, 36))
    whole = result_of(truth, found, BOXES).metrics["box_ap"]
    assert result_of(truth, found, BOUNDARIES).metrics["boundary_ap"] < whole


def test_many_boxes_of_one_image_score_as_often_as_they_are_given():
    rng = np.random.default_rng(3)
    corners = rng.integers(0, 30, (200, 2))
    edges = np.concatenate([corners, corners + rng.integers(4, 10, (200, 2))], axis=1)
    truth, found = boxes_as_rows(*edges[:120]), boxes_as_rows(*edges[80:] + 1)
    wanted = result_of(truth, found, BOXES).metrics
    parts = InstanceMetrics(ONE, overlap=BOXES)
    for k in range(3):
        parts.update(truth, found, order=k)
    tripled = parts.result().metrics
    assert tripled["box_ar_all"] == wanted["box_ar_all"]


def test_precision_falls_with_recall_and_f1_has_its_best_score():
    truth = masks_as_rows((0, 0, 10, 10), (20, 0, 30, 10))
    found = masks_as_rows((0, 0, 10, 10), (40, 20, 50, 30), (20, 0, 30, 10), score=[0.9, 0.6, 0.3])
    metric = InstanceMetrics(ONE)
    metric.update(truth, found)
    drawn = {(curve.y_label, curve.name): curve for curve in metric.result().curves}
    curve = drawn["precision", "IoU 0.50"]
    assert (curve.y[0], curve.y[50], curve.y[51], curve.y[100]) == (1.0, 1.0, 2 / 3, 2 / 3)
    scores = drawn["F1 at IoU 0.50", "all classes"]
    by_score = dict(zip(np.round(scores.x, 2).tolist(), scores.y, strict=True))
    assert by_score[0.9] == pytest.approx(2 / 3)
    assert by_score[0.95] == 0.0
    assert by_score[0.6] == pytest.approx(0.5)
    assert by_score[0.3] == pytest.approx(0.8)


def test_predictions_that_are_not_sure_have_no_curve_over_scores():
    truth = masks_as_rows((0, 0, 10, 10))
    metric = InstanceMetrics(ONE)
    metric.update(truth, truth)
    assert {curve.y_label for curve in metric.result().curves} == {"precision"}
