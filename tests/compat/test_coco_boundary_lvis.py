"""Boundary AP and LVIS: by hand, and beside faster-coco-eval on random sets."""

from __future__ import annotations

import copy
import os
import warnings

import faster_coco_eval
import numpy as np
import pytest
from tests.compat.coco_sets import quiet, random_set

from maskloom.compat.coco import COCO, COCOeval

ROUNDS = int(os.environ.get("MASKLOOM_FUZZ", "300"))
CHUNKS = 5


def by_faster(truth, results, kind, *, lvis):
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore", UserWarning)  # it warns of an annotation with id 0
        gt = faster_coco_eval.COCO(copy.deepcopy(truth))
        done = faster_coco_eval.COCOeval_faster(
            gt, gt.loadRes(copy.deepcopy(results)), kind, lvis_style=lvis, print_function=print
        )
        if lvis:
            done.params.maxDets = [300]
        done.evaluate()
        done.accumulate()
        return done.eval


def by_us(truth, results, kind, *, lvis=False):
    with quiet():
        gt = COCO(copy.deepcopy(truth))
        done = COCOeval(gt, gt.loadRes(copy.deepcopy(results)), kind, lvis_style=lvis)
        done.evaluate()
        done.accumulate()
        done.summarize()
    return done


def assert_close(theirs, ours):
    for name in ("precision", "recall", "scores"):
        wanted = np.asarray(theirs[name]).reshape(ours[name].shape)
        np.testing.assert_allclose(ours[name], wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_boundary_ap_is_that_of_faster_coco_eval(chunk):
    for seed in range(chunk, ROUNDS, CHUNKS):
        truth, results = random_set(np.random.default_rng(seed))
        if results:
            theirs = by_faster(truth, results, "boundary", lvis=False)
            assert_close(theirs, by_us(truth, results, "boundary").eval)


def lvis_set(rng):
    """A random set without crowds, as LVIS has none, that tells what was looked for."""
    truth, results = random_set(rng)
    classes = [one["id"] for one in truth["categories"]]
    for one in truth["annotations"]:
        one["iscrowd"] = 0
        one["id"] += 1
        one.pop("ignore", None)
    for one in truth["images"]:
        one["neg_category_ids"] = [k for k in classes if rng.random() < 0.4]
        one["not_exhaustive_category_ids"] = [k for k in classes if rng.random() < 0.4]
    return truth, [one for one in results if one["category_id"] in classes]


@pytest.mark.parametrize("kind", ["segm", "bbox"])
def test_lvis_ap_is_that_of_faster_coco_eval(kind):
    compared = 0
    for seed in range(ROUNDS):
        truth, results = lvis_set(np.random.default_rng(seed))
        if not results:
            continue
        try:
            theirs = by_faster(truth, results, kind, lvis=True)
        except IndexError:
            # It looks up the size of an image of which all detections were left out.
            continue
        compared += 1
        assert_close(theirs, by_us(truth, results, kind, lvis=True).eval)
    assert compared > ROUNDS // 2


def box_set(**fields):
    """One image with one object and three classes; results are boxes."""
    image = {"id": 1, "height": 100, "width": 100, **fields}
    box = {"bbox": [10, 10, 20, 20], "area": 400, "iscrowd": 0}
    return {
        "images": [image],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, **box}],
        "categories": [
            {"id": k, "name": str(k), "frequency": kind}
            for k, kind in ((1, "r"), (2, "c"), (3, "f"))
        ],
    }


def found(category, score, x=10):
    return {"image_id": 1, "category_id": category, "score": score, "bbox": [x, 10, 20, 20]}


def test_lvis_leaves_out_what_an_image_does_not_tell_of():
    results = [found(1, 0.5), found(2, 0.9), found(3, 0.9)]
    done = by_us(box_set(neg_category_ids=[2]), results, "bbox", lvis=True)
    # AP of the one class with an object, and with it APr; there is no common or frequent object.
    assert done.stats.tolist() == pytest.approx([1, 1, 1, 1, -1, -1, 1, 1, -1, -1, 1, -1, -1])
    assert done._matching.rows.tolist() == [0, 1]


def test_lvis_does_not_judge_a_detection_where_objects_may_be_unlisted():
    results = [found(1, 0.9, x=60), found(1, 0.5)]
    judged = by_us(box_set(), results, "bbox", lvis=True)
    spared = by_us(box_set(not_exhaustive_category_ids=[1]), results, "bbox", lvis=True)
    assert judged.stats[0] == pytest.approx(0.5)
    assert spared.stats[0] == pytest.approx(1)


def test_lvis_keeps_the_best_300_detections_of_an_image_whatever_they_are():
    results = [found(2, 0.9 - i / 1000, x=50) for i in range(300)] + [found(1, 0.1)]
    truth = box_set(neg_category_ids=[2])
    assert by_us(truth, results, "bbox", lvis=True).stats[0] == 0
    assert by_us(truth, results[1:], "bbox", lvis=True).stats[0] == pytest.approx(1)


def test_a_boundary_is_compared_only_with_what_is_no_crowd():
    truth = box_set()
    truth["annotations"][0]["segmentation"] = [[10, 10, 10, 30, 30, 30, 30, 10]]
    hole = [[10, 10, 10, 30, 30, 30, 30, 10]]
    results = [{**found(1, 0.5), "segmentation": hole}]
    assert by_us(truth, results, "boundary").ious[1, 1].tolist() == [[1.0]]
    truth["annotations"][0]["iscrowd"] = 1
    assert by_us(truth, results, "boundary").ious[1, 1].tolist() == [[1.0]]
    # Half of the object, at its left: half of the area, and 57 of the 111 pixels of both bands.
    half = [{**found(1, 0.5), "segmentation": [[10, 10, 10, 30, 20, 30, 20, 10]]}]
    assert by_us(truth, half, "boundary").ious[1, 1].tolist() == [[1.0]]
    truth["annotations"][0]["iscrowd"] = 0
    # Bands are 3 px wide: 204 px of the object, 144 of the half, 102 of both.
    assert by_us(truth, half, "boundary").ious[1, 1][0, 0] == pytest.approx(102 / 246)
