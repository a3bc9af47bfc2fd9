"""Bad input is one error that says what and where; what is odd but right is evaluated."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from tests.compat.coco_sets import quiet, random_set, with_boxes

from maskloom.compat.coco import COCO, COCOeval, Params
from maskloom.errors import DataError, MaskloomError, UsageError

RUNS = {"size": [4, 4], "counts": "52203"}
"""Rows 1 and 2 of columns 1 and 2 of a frame of 4 x 4: runs 5, 2, 2, 2, 5."""
ONE = 1 / (1 + np.spacing(1))
"""What pycocotools calls the precision of one hit."""


def tiny():
    return {
        "images": [{"id": 7, "height": 4, "width": 4}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 3,
                "iscrowd": 0,
                "area": 4,
                "bbox": [1, 1, 2, 2],
                "segmentation": copy.deepcopy(RUNS),
            }
        ],
        "categories": [{"id": 3, "name": "three"}],
    }


def result(**fields):
    return {"image_id": 7, "category_id": 3, "score": 0.5, "segmentation": dict(RUNS), **fields}


def evaluate(truth, results, kind="segm"):
    with quiet():
        gt = COCO(truth)
        done = COCOeval(gt, gt.loadRes(results), kind)
        done.evaluate()
        done.accumulate()
        done.summarize()
    return done


def test_one_object_found_has_an_average_precision_of_one():
    assert evaluate(tiny(), [result()]).stats[:4] == pytest.approx(1)


@pytest.mark.parametrize("kind", ["segm", "bbox"])
def test_no_results_find_nothing(kind):
    done = evaluate(tiny(), [], kind)
    assert done.stats[0] == 0
    assert done.eval["recall"].max() == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": 8}, "result 1, image_id: the data set has no image of this id (saw 8)"),
        ({"score": float("nan")}, "score holds what is no finite number"),
        ({"score": "0.5"}, "this is no score (saw '0.5')"),
        ({"score": None}, "this is no score"),
        ({"segmentation": {"size": [4, 4], "counts": "5220"}}, "do not sum to the pixels"),
        ({"segmentation": {"size": [4, 4], "counts": "5220Q"}}, "ends inside a number"),
        ({"segmentation": {"size": [4, 4], "counts": "5 203"}}, "is no run-length code"),
        ({"segmentation": {"size": [4, 4], "counts": "52é03"}}, "is no run-length code"),
        ({"segmentation": {"size": [4, 4], "counts": "5220L"}}, "a run is negative"),
        ({"segmentation": {"size": [5, 4], "counts": "52203"}}, "another size than its image"),
        ({"segmentation": {"size": [4], "counts": "52203"}}, "size"),
        ({"segmentation": {"counts": "52203"}}, "size"),
        ({"segmentation": {"size": [4, 4]}}, "counts"),
        ({"segmentation": []}, "there is no mask"),
        ({"segmentation": [[1, 1, 2]]}, "polygon"),
        ({"segmentation": None}, "there is no mask"),
        ({"segmentation": {"size": [4, 4], "counts": [5, -2, 13]}}, "whole numbers from 0 on"),
    ],
)
def test_a_bad_result_is_one_error_that_says_what_and_where(change, said, tmp_path):
    results = [result(), result(**change)]
    with pytest.raises(DataError) as told:
        evaluate(tiny(), results)
    assert said in told.value.message
    assert told.value.where
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    with pytest.raises(DataError) as told:
        evaluate(tiny(), file)
    assert said in told.value.message


@pytest.mark.parametrize("field", ["image_id", "category_id", "score", "segmentation"])
def test_a_missing_field_of_a_result_is_named(field):
    bad = result()
    del bad[field]
    with pytest.raises(DataError, match=field):
        evaluate(tiny(), [result(), bad])


@pytest.mark.parametrize("field", ["id", "image_id", "category_id", "area", "segmentation"])
def test_a_missing_field_of_an_annotation_is_named(field):
    truth = tiny()
    del truth["annotations"][0][field]
    with pytest.raises(DataError, match=field):
        evaluate(truth, [result()])


@pytest.mark.parametrize("kind", ["images", "categories"])
def test_images_and_categories_need_ids(kind):
    truth = tiny()
    del truth[kind][0]["id"]
    with pytest.raises(DataError, match='there is no "id"'):
        evaluate(truth, [result()])


def test_two_annotations_of_one_id_are_refused():
    truth = tiny()
    truth["annotations"] *= 2
    with pytest.raises(DataError, match=r"share an id \(saw 1\)"):
        evaluate(truth, [result()])


def test_files_that_cannot_be_read_are_errors(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        COCO(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"images": [')
    with quiet(), pytest.raises(DataError, match="no JSON"):
        COCO(tmp_path / "cut.json")
    (tmp_path / "list.json").write_text("[]")
    with quiet(), pytest.raises(DataError, match="is a JSON object"):
        COCO(tmp_path / "list.json")
    with quiet(), pytest.raises(DataError, match="results are a list"):
        COCO(tiny()).loadRes(str(tmp_path / "object.json")) if (
            (tmp_path / "object.json").write_text("{}")
        ) else None
    with quiet(), pytest.raises(DataError, match="cannot be read"):
        COCO(tiny()).loadRes(tmp_path / "none.json")


def test_keypoints_are_refused_by_name():
    with pytest.raises(UsageError, match="keypoints"):
        Params("keypoints")


def test_steps_out_of_order_are_usage_errors():
    with quiet():
        done = COCOeval()
        for step in (done.evaluate, done.accumulate, done.summarize):
            with pytest.raises(UsageError):
                step()


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", ["segm", "bbox", "boundary"])
def test_a_file_gives_the_bits_that_its_dicts_give(seed, kind, tmp_path, monkeypatch):
    rng = np.random.default_rng(seed)
    truth, results = random_set(rng)
    results = with_boxes(results) if seed % 3 else results
    file = tmp_path / "results.json"
    indent, separators = (None, 1)[seed % 2], ((",", ":"), (", ", ": "))[seed % 2]
    file.write_text(json.dumps(results, indent=indent, separators=separators))
    monkeypatch.setattr("maskloom.metrics.coco.results_file.PART", 300)
    one, two = evaluate(truth, copy.deepcopy(results), kind), evaluate(truth, file, kind)
    assert two.cocoDt.results.file is not None
    assert two.cocoDt.unread() is not None or (kind == "bbox" and not seed % 3)
    for name in ("precision", "recall", "scores"):
        assert one.eval[name].tobytes() == two.eval[name].tobytes()
    assert len(one.cocoDt.dataset["annotations"]) == len(two.cocoDt.dataset["annotations"])


@pytest.mark.parametrize(
    "text",
    [
        ' [ {"score":5e-1,"extra":{"a":[1]},"image_id":7,"category_id":3,'
        '"segmentation":{"counts":"52203","size":[4,4]}} ] ',
        '[{"\\u0073core":0.5,"image_id":7,"category_id":3,'
        '"segmentation":{"counts":"52203","size":[4,4]}}]',
        '[{"score":0.5,"score":0.25,"image_id":7,"category_id":3,'
        '"segmentation":{"counts":"52203","size":[4,4]}}]',
        '[{"score":0.50000000000000000000001,"image_id":7,"category_id":3,"name":null,'
        '"segmentation":{"counts":"52203","size":[4,4]}}]',
        '[{"score":0.5,"image_id":7,"category_id":3,"seen":true,"of":false,"id":-1.5e3,'
        '"segmentation":{"counts":"\\u0035\\u0032203","size":[4,4]}}]',
        '[{"score":0.5,"image_id":7,"category_id":3,"bbox":[],'
        '"segmentation":{"counts":"52203","size":[4,4]}}]\n',
    ],
)
def test_odd_but_right_json_is_read_like_any(text, tmp_path):
    file = tmp_path / "results.json"
    file.write_text(text)
    assert evaluate(tiny(), file).stats[0] == ONE


def test_backslashes_of_runs_are_undone(tmp_path):
    # A run of 44: as a code of 32 + 12 it begins with character 92.
    truth = tiny()
    truth["images"][0] |= {"height": 10, "width": 10}
    from maskloom.core.masks import Masks

    mask = np.zeros((10, 10), bool)
    mask[4:8, 4] = True
    runs = Masks.from_dense(mask).to_coco(0)
    assert "\\" in runs["counts"]
    truth["annotations"][0] |= {"segmentation": runs, "area": 4}
    file = tmp_path / "results.json"
    file.write_text(json.dumps([result(segmentation=runs)]))
    assert evaluate(truth, file).stats[0] == ONE


@pytest.mark.parametrize(
    "text", ["[1]", "[[]]", "null", "[{}]", "[{},", "[nothing]", "", "[}", "[,]"]
)
def test_no_text_makes_anything_but_an_error_of_ours(text, tmp_path):
    file = tmp_path / "results.json"
    file.write_text(text)
    with pytest.raises(MaskloomError):
        evaluate(tiny(), file)


def test_every_cut_of_a_file_is_an_error_of_ours(tmp_path):
    text = json.dumps([result(), result(score=0.25, bbox=[1, 1, 2.5, 2])])
    file = tmp_path / "results.json"
    for end in range(len(text)):
        file.write_text(text[:end])
        with pytest.raises(MaskloomError):
            evaluate(tiny(), file)


def test_a_copy_of_results_of_a_file_is_read_like_they_are(tmp_path):
    file = tmp_path / "results.json"
    file.write_text(json.dumps([result()]))
    with quiet():
        gt = COCO(tiny())
        done = COCOeval(gt, pickle.loads(pickle.dumps(gt.loadRes(file))), "segm")
        done.evaluate()
        done.accumulate()
        done.summarize()
    assert done.stats[0] == ONE


def test_arrays_are_results_too():
    with quiet():
        gt = COCO(tiny())
        found = gt.loadRes(np.array([[7, 1, 1, 2, 2, 0.5, 3]]))
        done = COCOeval(gt, found, "bbox")
        done.evaluate()
        done.accumulate()
        done.summarize()
        with pytest.raises(DataError, match="N, 7"):
            gt.loadRes(np.zeros((2, 6)))
    assert done.stats[0] == ONE
    assert found.anns[1]["area"] == 4


def test_dicts_that_were_looked_at_are_what_is_evaluated():
    with quiet():
        gt = COCO(tiny())
        found = gt.loadRes([result()])
        found.anns[1]["category_id"] = 4
        done = COCOeval(gt, found, "segm")
        done.evaluate()
        done.accumulate()
        done.summarize()
    assert done.stats[0] == 0


def test_a_truth_without_crowd_flags_has_no_crowds():
    truth = tiny()
    del truth["annotations"][0]["iscrowd"]
    assert evaluate(truth, [result()]).stats[0] == ONE


def test_accumulating_some_of_what_was_matched_takes_it_by_its_value():
    truth = tiny()
    truth["categories"].append({"id": 4, "name": "four"})
    truth["annotations"].append({**truth["annotations"][0], "id": 2, "category_id": 4})
    with quiet():
        done = evaluate(truth, [result(category_id=4)])
        some = copy.deepcopy(done.params)
        some.catIds, some.maxDets = [4], [5, 100]
        done.accumulate(some)
    assert done.eval["precision"].shape == (10, 101, 1, 4, 2)
    assert done.eval["precision"][0, 0, 0, 0].tolist() == [ONE, -1]
    some.iouThrs = [0.1]
    with pytest.raises(UsageError, match="other IoU thresholds"):
        done.accumulate(some)
