"""Scores of pixels in a validation loop, beside torchmetrics."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from maskloom.compat.validation.semantic import SemanticScores
from maskloom.compat.validation.tensors import array_of
from maskloom.errors import DataError


def batches(seed, n=4, classes=5):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        truth = torch.tensor(rng.integers(0, classes, (2, 12, 17)))
        truth[torch.tensor(rng.random((2, 12, 17)) < 0.2)] = 255
        yield torch.tensor(rng.normal(0, 1, (2, classes, 12, 17)), dtype=torch.float32), truth


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("form", ["logits", "classes", "arrays", "int16"])
def test_a_loop_gives_what_torchmetrics_gives(seed, form):
    ours = SemanticScores(5, ignore_index=255)
    theirs = [
        MulticlassJaccardIndex(5, ignore_index=255),
        MulticlassAccuracy(5, ignore_index=255, average="macro"),
        MulticlassAccuracy(5, ignore_index=255, average="micro"),
    ]
    for logits, truth in batches(seed):
        for metric in theirs:
            metric.update(logits, truth)
        preds = logits if form == "logits" else logits.argmax(1)
        if form == "arrays":
            ours.update(preds.numpy(), truth.numpy())
        else:
            kind = torch.int16 if form == "int16" else torch.int64
            ours.update(preds if form == "logits" else preds.to(kind), truth.to(kind))
    found = ours.compute()
    for name, metric in zip(("miou", "mean_accuracy", "pixel_accuracy"), theirs, strict=True):
        assert found[name] == pytest.approx(float(metric.compute()), abs=1e-6)


@pytest.mark.parametrize("ignored", [0, 4])
def test_a_class_can_be_ignored_however_the_prediction_comes(ignored):
    ways = [SemanticScores(5, ignore_index=ignored) for _ in range(2)]
    reference = MulticlassJaccardIndex(5, ignore_index=ignored)
    for logits, truth in batches(2):
        truth[truth == 255] = ignored
        ways[0].update(logits, truth)
        ways[1].update(logits.argmax(1), truth)
        reference.update(logits.argmax(1), truth)
    assert ways[0].compute() == ways[1].compute()
    # torchmetrics' mean leaves the ignored class out, ours has no pixel of it.
    assert ways[0].compute()["miou"] == pytest.approx(float(reference.compute()), abs=1e-6)


def test_processes_merge_and_reset_forgets():
    whole, parts = SemanticScores(5, ignore_index=255), []
    for batch in batches(0):
        whole.update(*batch)
        part = SemanticScores(5, ignore_index=255)
        part.update(*batch)
        parts.append(part.state())
    merged = SemanticScores(5, ignore_index=255)
    for state in parts:
        merged.merge(state)
    assert merged.compute() == whole.compute()
    merged.reset()
    assert all(math.isnan(value) for value in merged.compute().values())


def test_tensors_on_the_cpu_are_not_copied():
    tensor = torch.zeros(3, 4)
    assert np.shares_memory(array_of(tensor), tensor.numpy())


@pytest.mark.parametrize(
    ("preds", "target", "message"),
    [
        (np.zeros((1, 2, 2), int), np.full((1, 2, 2), 3), "no class.*3"),
        (np.full((1, 2, 2), -1), np.zeros((1, 2, 2), int), "no class.*-1"),
        (np.zeros((1, 3, 2, 2)), np.zeros((1, 2, 2), int), "other classes.*3 of 2"),
        (np.zeros((1, 2, 3), int), np.zeros((1, 2, 2), int), "differ in size"),
        (np.zeros((1, 2, 2)), np.zeros((1, 2, 2), int), "whole numbers.*float64"),
    ],
)
def test_what_does_not_fit_is_one_error(preds, target, message):
    with pytest.raises(DataError, match=message):
        SemanticScores(2).update(preds, target)
    with pytest.raises(DataError, match="1 to 254 classes"):
        SemanticScores(255)


def test_it_does_not_load_torch():
    code = "import sys, maskloom.compat.validation.semantic; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
