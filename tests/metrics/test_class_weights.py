"""Weights of classes, as they are typed and as they weigh."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import UsageError
from maskloom.metrics.class_weights import parse_weights
from maskloom.metrics.pixels import PixelMetrics

TAXONOMY = Taxonomy(
    (
        Category("sky", "Sky"),
        Category("road", "Road", aliases=("street",)),
        Category("none", "none", void=True),
    )
)


def metric_of(weights):
    metric = PixelMetrics(TAXONOMY, weights=weights)
    truth = np.array([[0, 0, 0, 0, 1, 1, 1, 1]], np.uint8)
    found = np.array([[0, 0, 0, 1, 1, 1, 1, 1]], np.uint8)
    metric.update(truth, found)
    metric.update(truth[:, :4], found[:, :4])
    return metric


def test_classes_that_are_not_named_weigh_one():
    assert parse_weights("street=2.5", TAXONOMY) == (1.0, 2.5)
    assert parse_weights("", TAXONOMY) is None


def test_given_weights_weigh_the_iou_of_classes():
    iou = metric_of(None).result().per_class
    sky, road = iou["sky"]["iou"], iou["road"]["iou"]
    assert (sky, road) == (6 / 8, 4 / 6)
    found = metric_of((1.0, 3.0)).result().metrics["weighted_iou"]
    assert found == pytest.approx((sky + 3 * road) / 4)


def test_a_class_on_neither_side_weighs_nothing():
    metric = PixelMetrics(TAXONOMY, weights=(1.0, 3.0))
    sky = np.zeros((2, 2), np.uint8)
    metric.update(sky, sky)
    assert metric.result().metrics["weighted_iou"] == 1.0


@pytest.mark.parametrize("weights", [None, (1.0, 3.0), (0.0, 1.0)])
def test_resamples_weigh_as_the_whole_does(weights):
    metric = metric_of(weights)
    draws = metric.resampled(np.array([[1, 1], [2, 0]]), np.array([0, 1]))["weighted_iou"]
    assert draws[0] == pytest.approx(metric.result().metrics["weighted_iou"])
    alone = PixelMetrics(TAXONOMY, weights=weights)
    truth = np.array([[0, 0, 0, 0, 1, 1, 1, 1]], np.uint8)
    found = np.array([[0, 0, 0, 1, 1, 1, 1, 1]], np.uint8)
    alone.update(truth, found)
    assert draws[1] == pytest.approx(alone.result().metrics["weighted_iou"])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("sea=1", "no class to weigh"),
        ("none=1", "no class to weigh"),
        ("sky=1,Sky=2", "no class to weigh"),
        ("sky", "no class to weigh"),
        ("sky=-1", "0 or more"),
        ("sky=much", "0 or more"),
        ("sky=nan", "0 or more"),
        ("sky=0,road=0", "no class weighs anything"),
    ],
)
def test_what_weighs_nothing_is_refused(text, what):
    with pytest.raises(UsageError, match=what):
        parse_weights(text, TAXONOMY)
