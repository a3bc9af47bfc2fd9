"""AP by masks, boxes and boundaries through `evaluate`, beside pycocotools and faster-coco-eval."""

from __future__ import annotations

import copy
import json
import os

import numpy as np
import pytest
from pycocotools import coco as their_coco
from pycocotools import cocoeval as their_eval
from tests.compat.coco_sets import quiet, random_set, with_boxes
from tests.compat.test_coco_boundary_lvis import by_faster, lvis_set

from maskloom.verbs.evaluate import evaluate

ROUNDS = int(os.environ.get("MASKLOOM_FUZZ", "60"))
SIZED = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


def scores_of(root, truth, results, **options):
    root.mkdir()
    for name, said in (("truth.json", truth), ("found.json", results)):
        (root / name).write_text(json.dumps(said))
    found = evaluate(
        root / "truth.json", root / "found.json", task="instance", resamples=0, **options
    )
    return found.results


def prepared(rng):
    """A set that both sides take alike: no results of unknown classes, no id 0, no `ignore`."""
    truth, results = random_set(rng)
    classes = {one["id"] for one in truth["categories"]}
    for one in truth["annotations"]:
        one["id"] += 1
        one.pop("ignore", None)
    return truth, [one for one in results if one["category_id"] in classes]


def averages(done, most=2):
    precision = np.asarray(done["precision"])

    def mean(values):
        known = values[values > -1]
        return float(known.mean()) if known.size else None

    own = [precision[..., 0, most], precision[0, ..., 0, most], precision[5, ..., 0, most]]
    own += [precision[..., a, most] for a in (1, 2, 3)]
    return dict(zip(SIZED, map(mean, own), strict=True))


def by_pycocotools(truth, results, kind):
    with quiet():
        ours = their_coco.COCO()
        ours.dataset = copy.deepcopy(truth)
        ours.createIndex()
        done = their_eval.COCOeval(ours, ours.loadRes(copy.deepcopy(results)), kind)
        done.evaluate()
        done.accumulate()
    return averages(done.eval)


def assert_same(metrics, wanted, prefix):
    for name, value in wanted.items():
        ours = metrics[f"{prefix}{name}"]
        assert (ours is None) == (value is None), name
        assert value is None or ours == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("boxed", [False, True])
def test_masks_and_boxes_score_as_in_pycocotools(tmp_path, boxed):
    compared = 0
    for seed in range(ROUNDS):
        truth, results = prepared(np.random.default_rng(seed))
        results = with_boxes(results) if boxed else results
        if not results:
            continue
        found = scores_of(tmp_path / str(seed), truth, results, convention="coco")["metrics"]
        for kind, prefix in (("segm", ""), ("bbox", "box_")):
            assert_same(found, by_pycocotools(truth, results, kind), prefix)
        compared += 1
    assert compared > ROUNDS // 2


def test_boundaries_score_as_in_faster_coco_eval(tmp_path):
    compared = 0
    for seed in range(ROUNDS):
        truth, results = prepared(np.random.default_rng(seed))
        if results:
            found = scores_of(tmp_path / str(seed), truth, results, convention="coco")["metrics"]
            wanted = averages(by_faster(truth, results, "boundary", lvis=False))
            assert_same(found, wanted, "boundary_")
            compared += 1
    assert compared > ROUNDS // 2


def test_lvis_scores_as_in_faster_coco_eval(tmp_path):
    compared = 0
    for seed in range(2 * ROUNDS):
        truth, results = lvis_set(np.random.default_rng(seed))
        try:
            done = by_faster(truth, results, "segm", lvis=True) if results else None
        except IndexError:
            continue
        if done is None:
            continue
        found = scores_of(tmp_path / str(seed), truth, results, convention="lvis", from_="lvis")
        shaped = {"precision": np.asarray(done["precision"]).reshape(10, 101, -1, 4, 1)}
        assert_same(found["metrics"], averages(shaped, 0), "")
        frequencies = {str(one["id"]): one["frequency"] for one in truth["categories"]}
        for name, kind in (("ap_rare", "r"), ("ap_common", "c"), ("ap_frequent", "f")):
            own = [
                row["ap"]
                for row in found["per_class"].values()
                if frequencies[row["name"]] == kind and row["ap"] is not None
            ]
            assert found["metrics"].get(name) == (pytest.approx(np.mean(own)) if own else None)
        compared += 1
    assert compared > ROUNDS
