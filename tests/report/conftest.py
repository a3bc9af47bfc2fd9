"""A small report with everything that a page can show."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.report import Confusion, Curve, Report

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def report():
    names = ("sky", HOSTILE, 'tree" onload="x')
    return Report(
        title="a & b <i>against</i> c",
        task="semantic",
        metrics={"miou": 0.5, "dice": 0.6, "hd95": 12.25, "ece": None, "own_score": 0.25},
        reasons={"ece": "no probabilities"},
        per_class={
            f"k{i}": {"name": n, "kind": "stuff", "iou": v, "truth_pixels": 1000 * (i + 1)}
            for i, (n, v) in enumerate(zip(names, (0.9, 0.1, None), strict=True))
        },
        per_slice={"site=A": {"miou": 0.4, "samples": 2}},
        per_sample=tuple({"key": f"folder/{HOSTILE}-{i}", "miou": i / 10} for i in range(15)),
        confusion=Confusion(
            np.array([[90, 10, 0], [5, 5, 0], [0, 0, 0]]), names, names, ("k0", "k1", "k2")
        ),
        curves=(
            Curve("training", (0.0, 1.0, 2.0), (1.0, float("nan"), 0.5), "step", "loss"),
            Curve("validation", (0.0, 2.0), (1.2, 0.7), "step", "loss"),
            Curve(HOSTILE, (0.0,), (0.001,), "step", "rate"),
        ),
        provenance={"data": {"hash": "ab" * 32}, "list": ["x", "y"], HOSTILE: HOSTILE},
        notes=("a note with <b>marks</b>",),
    )
