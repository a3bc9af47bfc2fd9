"""Published data sets and a real one, beside pycocotools.

Their published numbers are replayed in tests/metrics/test_replayed.py.
"""

from __future__ import annotations

import copy
import json
import re
import warnings

import numpy as np
import pytest
from pycocotools import coco as their_coco
from pycocotools.cocoeval import COCOeval as TheirEval
from tests.compat.coco_sets import quiet
from tests.compat.test_coco_fuzz import assert_same, evaluated

from maskloom.compat.coco import COCO, COCOeval
from maskloom.core.masks import Masks

pytestmark = pytest.mark.shared


def stats_of(truth, results, kind, said=None):
    with quiet() as lines:
        gt = COCO(truth)
        done = COCOeval(gt, gt.loadRes(results), kind)
        done.evaluate()
        done.accumulate()
        done.summarize()
    if said is not None:
        said.append(lines.getvalue())
    return np.asarray(done.stats)


@pytest.mark.parametrize("kind", ["segm", "bbox"])
def test_what_is_printed_is_what_cocoapi_printed(shared, kind):
    folder = shared / "conformance"
    said = []
    stats_of(
        folder / "faster_coco_eval/cocoapi/instances_val2014_100.json",
        folder / f"cocoapi/instances_val2014_fake{kind}100_results.json",
        kind,
        said,
    )
    published = (folder / "cocoapi/val2014_fake_eval_res.txt").read_text()
    wanted = published.split(f"type={kind}")[1].split("-----")[0]
    found = [line for line in said[0].splitlines() if "@" in line]
    # Since then pycocotools pads "Average Recall" by three characters more.
    assert [re.findall(r"\S+", line) for line in found] == [
        re.findall(r"\S+", line) for line in wanted.splitlines() if "@" in line
    ]


@pytest.mark.parametrize("kind", ["segm", "bbox"])
def test_fake_results_are_to_the_bit_what_pycocotools_makes_of_them(shared, kind):
    folder = shared / "conformance/faster_coco_eval/cocoapi"
    truth = json.loads((folder / "instances_val2014_100.json").read_text())
    name = f"instances_val2014_fake{kind}100_results.json"
    results = json.loads((folder / name).read_text())
    theirs, lines = evaluated(their_coco.COCO, TheirEval, truth, results, kind, {})
    ours, own = evaluated(COCO, COCOeval, truth, results, kind, {})
    for key in ("precision", "recall", "scores"):
        assert_same(theirs.eval[key], ours.eval[key])
    assert_same(theirs.stats, ours.stats)
    assert_same(theirs.evalImgs, ours.evalImgs)
    assert own == lines


def real_results(shared):
    """The real masks, moved and of random score, and now and then of another class."""
    truth = json.loads((shared / "coco_mini/instances_train2017.json").read_text())
    rng = np.random.default_rng(0)
    with quiet():
        gt = COCO(copy.deepcopy(truth))
    classes = gt.getCatIds()
    results = []
    for one in truth["annotations"]:
        for _ in range(3):
            image = gt.imgs[one["image_id"]]
            size = (image["height"], image["width"])
            mask = Masks.from_coco([gt.annToRLE(one)]).shift(*rng.integers(-6, 7, 2).tolist())
            category = one["category_id"] if rng.random() < 0.8 else int(rng.choice(classes))
            assert tuple(mask.sizes[0]) == size
            results.append(
                {
                    "image_id": one["image_id"],
                    "category_id": category,
                    "score": round(float(rng.random()), 2),
                    "segmentation": mask.to_coco(0),
                }
            )
    return truth, results


@pytest.mark.parametrize("use_cats", [1, 0])
def test_real_masks_are_scored_to_the_bit_as_by_pycocotools(shared, use_cats):
    truth, results = real_results(shared)
    params = {"useCats": use_cats}
    theirs, lines = evaluated(their_coco.COCO, TheirEval, truth, results, "segm", params)
    ours, own = evaluated(COCO, COCOeval, truth, results, "segm", params)
    for key in ("precision", "recall", "scores"):
        assert_same(theirs.eval[key], ours.eval[key])
    assert_same(theirs.evalImgs, ours.evalImgs)
    assert own == lines


def test_real_annotations_become_the_masks_of_pycocotools(shared):
    truth = json.loads((shared / "coco_mini/instances_train2017.json").read_text())
    with quiet():
        ours, theirs = COCO(truth), their_coco.COCO()
        theirs.dataset = truth
        theirs.createIndex()
    for one in truth["annotations"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its own arrays
            mask, right = theirs.annToMask(one), theirs.annToRLE(one)
        np.testing.assert_array_equal(ours.annToMask(one), mask)
        left = ours.annToRLE(one)
        assert left["size"] == right["size"]
        assert left["counts"] == right["counts"]
