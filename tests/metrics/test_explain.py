"""The same data under every convention, and what a data set's families say together."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from monai.metrics import DiceMetric, HausdorffDistanceMetric, MeanIoU
from torchmetrics.segmentation import DiceScore
from torchmetrics.segmentation import MeanIoU as TorchIoU

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError
from maskloom.metrics.conventions import CONVENTIONS, MASKLOOM, Convention
from maskloom.metrics.judging.explain import differences, explain
from maskloom.metrics.judging.families import FAMILIES, TASKS, metrics_of
from maskloom.metrics.judging.judge import Terms, judge
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
    assert all(MASKLOOM.rules(field.name) for field in fields(Convention)[2:-1])


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
    # The same numbers as a judgement under this convention alone.
    report = judge(*both(sides, SPACING), Terms(convention=CONVENTIONS["monai"]))
    for metric in ("hd95", "nsd", "miou"):
        assert report.metrics[metric] == found[metric, "monai"].value
    assert report.metrics["area_error"] is not None
    assert "boundary_iou" not in report.metrics  # volumes have surfaces


def maps_with_absences(seed):
    """Images in which classes come and go, on one side or on both."""
    rng = np.random.default_rng(seed)
    sides = {}
    for n in range(6):
        truth = rng.integers(0, 2, (3, 4)).astype(np.uint8)
        predicted = np.where(rng.random((3, 4)) < 0.3, 1 - truth, truth)
        if n % 3 == 0:
            truth[:] = 0
            predicted[0, 0] = n % 2
        if n == 4:
            truth[:] = predicted[:] = 0
        sides[f"m{n}"] = truth, predicted.astype(np.uint8)
    return sides


@pytest.mark.parametrize("seed", range(6))
def test_means_of_pixels_are_those_of_each_reference_where_classes_are_absent(seed):
    sides = maps_with_absences(seed)
    found = {(m.metric, m.convention): m.value for m in explain(*both(sides), Terms())}
    y, y_pred = (torch.tensor(np.stack(maps)).long() for maps in zip(*sides.values(), strict=True))
    one_hot = [torch.nn.functional.one_hot(m, 2).movedim(-1, 1) for m in (y_pred, y)]
    for name, metric in (
        ("miou", MeanIoU(reduction="mean")),
        ("dice", DiceMetric(reduction="mean")),
    ):
        metric(*one_hot)
        assert found[name, "monai"] == pytest.approx(float(metric.aggregate()), abs=1e-6)
    iou = TorchIoU(num_classes=2, input_format="index")
    iou.update(y_pred, y)
    assert found["miou", "torchmetrics"] == pytest.approx(float(iou.compute()), abs=1e-6)
    dice = DiceScore(num_classes=2, input_format="index", average="macro")
    dice.update(y_pred, y)
    assert found["dice", "torchmetrics"] == pytest.approx(float(dice.compute()), abs=1e-6)
    for name in ("cityscapes", "mmseg"):
        assert found["miou", name] == found["miou", "maskloom"]


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_resamples_follow_the_convention(name):
    sides = maps_with_absences(0)
    terms = Terms(convention=CONVENTIONS[name], resamples=30, metrics=("miou", "dice"))
    report = judge(*both(sides), terms)
    for metric in ("miou", "dice"):
        once = judge(*both(sides), replace(terms, resamples=0)).metrics[metric]
        assert report.metrics[metric] == once
        low, high, _ = report.intervals[metric]
        assert low <= once <= high
    assert "resamples of 6 samples" in report.provenance["intervals"]
    governs = CONVENTIONS[name].pixels is not None
    assert report.provenance["convention"] == (name if governs else "maskloom")


def test_few_samples_have_no_interval_and_what_was_asked_for_has_a_reason():
    sides = dict(list(maps_with_absences(0).items())[:5])
    terms = Terms(resamples=30, metrics=("miou", "ece", "hd"), convention=CONVENTIONS["monai"])
    report = judge(*both(sides), terms)
    assert report.intervals == {}
    assert report.provenance["intervals"].startswith("none: 5 samples")
    assert report.metrics["ece"] is None
    assert "no confidence" in report.reasons["ece"]
    assert report.metrics["hd"] == np.inf
    assert "infinite" in report.reasons["hd"]
    assert report.provenance["governs"] == "miou, dice, assd, hd, hd95, nsd"
    assert report.provenance["unit of distances"] == "px"
    with pytest.raises(UsageError, match=r"resamples are 0 or more.*-5"):
        judge(*both(sides), Terms(resamples=-5))


def test_what_differs_is_named_and_what_does_not_is_not():
    moves = explain(*both(volumes(1)), Terms(metrics=("miou", "hd")))
    assert {move.metric for move in moves} == {"miou", "hd"}
    for move in moves:
        if move.convention in ("maskloom", "cityscapes", "mmseg"):
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
    more = {f"z{n}": squares((n, n), (n, 20)) for n in range(6)}
    truth = dataset({"x": squares((0, 0), (0, 20)), "y": squares((0, 0), (4, 4)), **more})
    report = judge(truth, truth, Terms(task="instance", resamples=20))
    assert "vi_split, vi_merge, rand_f are of 7 of 8 samples: objects of the others overlap" in (
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
