"""Random data sets evaluated here and by pycocotools: every number is the same, bit for bit."""

from __future__ import annotations

import copy
import os

import numpy as np
import pytest
from pycocotools import coco as their_coco
from pycocotools.cocoeval import COCOeval as TheirEval
from tests.compat.coco_sets import quiet, random_set, with_boxes

from maskloom.compat.coco import COCO, COCOeval

ROUNDS = int(os.environ.get("MASKLOOM_FUZZ", "300"))
CHUNKS = 10


def odd_params(rng, truth):
    """Now and then a choice that is not COCO's."""
    choices = {
        "useCats": lambda: 0,
        "iouThrs": lambda: np.sort(rng.random(int(rng.integers(1, 20)))),
        "recThrs": lambda: rng.random(int(rng.integers(1, 20))),
        "maxDets": lambda: [int(n) for n in rng.integers(1, 6, int(rng.integers(1, 4)))],
        "areaRng": lambda: [[0, 50], [50, 1e10]],
        "imgIds": lambda: [one["id"] for one in truth["images"]][:3],
        "catIds": lambda: [one["id"] for one in truth["categories"]][:2],
    }
    out = {name: make() for name, make in choices.items() if rng.random() < 0.2}
    if rng.random() < 0.1:
        out["iouThrs"] = np.array([0.0, 0.5, 1.0])
    return out


def evaluated(api, evaluator, truth, results, kind, params):
    """An evaluation of copies, and what it printed."""
    with quiet() as said:
        gt = api()
        gt.dataset = copy.deepcopy(truth)
        gt.createIndex()
        done = evaluator(gt, gt.loadRes(copy.deepcopy(results)), kind)
        for name, value in copy.deepcopy(params).items():
            setattr(done.params, name, value)
        done.evaluate()
        done.accumulate()
        if not set(params) & {"maxDets", "areaRng", "iouThrs", "recThrs"}:
            done.summarize()
    return done, [line for line in said.getvalue().splitlines() if "@" in line]


def assert_same(one, two):
    """Equal values of equal shape, however they are nested."""
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_same(one[key], two[key])
    elif isinstance(one, list) and one and (one[0] is None or isinstance(one[0], dict)):
        assert len(one) == len(two)
        for left, right in zip(one, two, strict=True):
            assert_same(left, right)
    elif one is None or two is None:
        assert one is two
    else:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two), strict=False)
        assert np.shape(one) == np.shape(two)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_number_is_that_of_pycocotools(chunk):
    for seed in range(chunk, ROUNDS, CHUNKS):
        rng = np.random.default_rng(seed)
        truth, results = random_set(rng)
        if not results:
            continue
        results = with_boxes(results) if rng.random() < 0.4 else results
        kind = str(rng.choice(["segm", "bbox"]))
        params = odd_params(rng, truth)
        theirs, their_lines = evaluated(their_coco.COCO, TheirEval, truth, results, kind, params)
        ours, lines = evaluated(COCO, COCOeval, truth, results, kind, params)
        for name in ("precision", "recall", "scores", "counts"):
            assert_same(theirs.eval[name], ours.eval[name])
        assert_same(theirs.stats, ours.stats)
        assert lines == their_lines
        assert_same(theirs.evalImgs, ours.evalImgs)
        assert_same(theirs.ious, ours.ious)


@pytest.mark.parametrize("seed", range(20))
def test_results_become_the_annotations_of_pycocotools(seed):
    rng = np.random.default_rng(seed)
    truth, results = random_set(rng)
    results = with_boxes(results) if seed % 2 else results
    if not results:
        return
    theirs, _ = evaluated(their_coco.COCO, TheirEval, truth, results, "bbox", {})
    ours, _ = evaluated(COCO, COCOeval, truth, results, "bbox", {})
    assert_same(theirs.cocoDt.dataset, ours.cocoDt.dataset)
    assert theirs.cocoDt.anns.keys() == ours.cocoDt.anns.keys()


@pytest.mark.parametrize("seed", range(10))
def test_two_threads_give_the_same_bits(seed, monkeypatch):
    monkeypatch.setattr("maskloom.metrics.coco.matched.BLOCK", 3)
    truth, results = random_set(np.random.default_rng(seed))
    one, _ = evaluated(COCO, COCOeval, truth, results, "segm", {})
    two, _ = evaluated(COCO, lambda *a: COCOeval(*a, threads=2), truth, results, "segm", {})
    for name in ("precision", "recall", "scores"):
        assert one.eval[name].tobytes() == two.eval[name].tobytes()
