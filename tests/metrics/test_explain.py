"""The same data under every convention, and what a data set's families say together."""

from __future__ import annotations

import warnings
from dataclasses import fields
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from monai.metrics import HausdorffDistanceMetric, MeanIoU

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.conventions import CONVENTIONS, MASKLOOM, Convention
from maskloom.metrics.explain import differences, explain
from maskloom.metrics.families import FAMILIES, TASKS, metrics_of
from maskloom.metrics.judge import Terms, judge
from maskloom.verbs.evaluate import Convention as Named

AB = Taxonomy.from_names(["a", "b"])
SPACING = (1.5, 1.0, 1.0)


def dataset(labels, spacing=()):
    samples = tuple(
        Sample(key, ImageRef(None, one.size, spacing=spacing)) for key, one in labels.items()
    )
    return Dataset(AB, samples, lambda sample: labels[sample.key])


def volumes(seed):
    rng = np.random.default_rng(seed)
    sides = {}
    for n in range(4):
        truth = np.full((8, 20, 22), 254, np.uint8)
        for k in range(2):
            y, x = rng.integers(1, 8, 2)
            truth[1:6, y + 6 * k : y + 6 * k + 5, x : x + 8] = k
        sides[f"v{n}"] = truth, np.roll(truth, rng.integers(0, 3), axis=1)
    return sides


def both(sides, spacing=()):
    return (
        dataset({key: Labels(t.shape, class_map=t) for key, (t, _) in sides.items()}, spacing),
        dataset({key: Labels(p.shape, class_map=p) for key, (_, p) in sides.items()}, spacing),
    )


def test_the_command_line_knows_every_convention():
    assert get_args(Named) == tuple(CONVENTIONS)
    assert all(MASKLOOM.rules(field.name) for field in fields(Convention)[2:])


def test_every_rule_is_of_a_score_that_the_family_has():
    for name, kind in FAMILIES.items():
        assert set(kind.rules) <= set(kind.metrics), name
        assert all(hasattr(MASKLOOM, rules) for rules in kind.rules.values())
    for task in TASKS:
        names = metrics_of(task)
        assert len(names) == len(set(names))


def test_a_convention_gives_what_its_reference_gives_on_a_data_set():
    sides = volumes(0)
    moves = explain(*both(sides, SPACING), Terms())
    found = {(move.metric, move.convention): move for move in moves}

    def one_hot(maps):
        return np.stack([[m == k for k in range(2)] for m in maps]).astype(np.float32)

    truth, predicted = (one_hot(maps) for maps in zip(*sides.values(), strict=True))
    y, y_pred = torch.tensor(truth), torch.tensor(predicted)
    hd95 = HausdorffDistanceMetric(include_background=True, percentile=95, reduction="mean")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        hd95(y_pred, y, spacing=SPACING)
    assert found["hd95", "monai"].value == pytest.approx(float(hd95.aggregate()), rel=1e-6)
    iou = MeanIoU(include_background=True, reduction="mean")
    iou(y_pred, y)
    assert found["miou", "monai"].value == pytest.approx(float(iou.aggregate()), rel=1e-6)
    # The same numbers as a judgement under this convention alone.
    report = judge(*both(sides, SPACING), Terms(convention=CONVENTIONS["monai"]))
    for metric in ("hd95", "nsd", "miou"):
        assert report.metrics[metric] == found[metric, "monai"].value
    assert report.metrics["area_error"] is not None
    assert "boundary_iou" not in report.metrics  # volumes have surfaces


def test_what_differs_is_named_and_what_does_not_is_not():
    moves = explain(*both(volumes(1)), Terms(metrics=("miou", "hd")))
    assert {move.metric for move in moves} == {"miou", "hd"}
    for move in moves:
        if move.convention in ("maskloom", "cityscapes"):
            assert move.because == ()
            assert move.difference == 0
    assert differences(CONVENTIONS["medpy"], "surface")[:2] == (
        "surface: faces (maskloom: corners)",
        "percentile_of: pooled (maskloom: directions)",
    )


def squares(*places):
    dense = np.zeros((len(places), 30, 30), bool)
    for one, (y, x) in zip(dense, places, strict=True):
        one[y : y + 8, x : x + 8] = True
    return Labels(
        (30, 30), rows=Rows.make(Masks.from_dense(dense), np.zeros(len(places), np.int32))
    )


def test_scores_of_some_samples_say_of_how_many():
    truth = dataset({"x": squares((0, 0), (0, 20)), "y": squares((0, 0), (4, 4))})
    report = judge(truth, truth, Terms(task="instance", resamples=20))
    assert "vi_split, vi_merge, rand_f are of 1 of 2 samples: objects of the others overlap" in (
        report.notes
    )
    assert report.metrics["rand_f"] == 1.0
    assert report.metrics["aji"] == 1.0
    assert set(report.intervals) == {n for n, v in report.metrics.items() if v is not None}
    only = dataset({"y": squares((0, 0), (4, 4))})
    assert "rand_f" not in judge(only, only, Terms(task="instance")).metrics


def test_the_docs_list_every_convention():
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
    for one in CONVENTIONS.values():
        assert f"| `{one.name}` | {one.about} |" in page
    for task in TASKS:
        for name in metrics_of(task):
            assert f"`{name}`" in page, name
