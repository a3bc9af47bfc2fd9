from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.outcome import plain
from maskloom.errors import DataError, FormatError, MaskloomError, TaxonomyError, UsageError
from maskloom.formats.detect import read_dataset
from maskloom.store.images import write_png
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.import_ import import_
from maskloom.verbs.sides import side_warnings


def folder(path, maps):
    for key, values in maps.items():
        target = path / f"{key}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_png(target, np.array(values, np.uint8))
    return path


@pytest.fixture
def pair(tmp_path):
    """Bare class maps: one error of eight valid pixels, one void pixel."""
    truth = folder(tmp_path / "truth", {"a": [[0, 0, 1, 1]], "b": [[2, 2, 1, 1], [255, 0, 0, 0]]})
    predicted = folder(tmp_path / "pred", {"a": [[0, 0, 1, 1]], "b": [[2, 0, 1, 1], [1, 0, 0, 0]]})
    return truth, predicted


def test_bare_class_maps_are_scored_from_one_matrix(pair):
    results = plain(evaluate(*pair).results)
    # class 0: 5 right, one extra; class 1: 4 right; class 2: one of two
    assert results["task"] == "semantic"
    assert results["per_class"]["0"]["iou"] == pytest.approx(5 / 6)
    assert results["per_class"]["1"]["iou"] == 1.0
    assert results["per_class"]["2"]["iou"] == 0.5
    assert results["metrics"]["miou"] == pytest.approx((5 / 6 + 1 + 0.5) / 3)
    assert results["metrics"]["pixel_accuracy"] == pytest.approx(10 / 11)
    assert [row["key"] for row in results["per_sample"]] == ["a", "b"]
    assert len(results["provenance"]["truth_hash"]) == 64
    json.dumps(results)


def test_people_see_scores_classes_and_the_worst_samples(pair):
    outcome = evaluate(*pair)
    assert outcome.exit_code == 0
    titles = [table.title for table in outcome.tables]
    assert (titles[1], titles[-1]) == ("per class", "worst samples")
    # where the errors are, stands between both
    assert len(titles) == 6


def test_zero_and_255_alone_are_background_and_foreground(tmp_path):
    truth = folder(tmp_path / "t", {"a": [[0, 255, 255, 0]]})
    predicted = folder(tmp_path / "p", {"a": [[0, 255, 0, 0]]})
    results = evaluate(truth, predicted).results
    assert results["metrics"]["miou"] == 0.5
    assert results["metrics"]["pixel_accuracy"] == 0.75
    assert list(results["per_class"]) == ["foreground"]


@pytest.mark.parametrize("blank", ["truth", "predicted"])
def test_zeros_alone_are_class_zero_beside_class_ids(tmp_path, blank):
    zeros, ids = folder(tmp_path / "z", {"a": [[0, 0]]}), folder(tmp_path / "i", {"a": [[0, 1]]})
    results = evaluate(*((zeros, ids) if blank == "truth" else (ids, zeros))).results
    assert results["metrics"]["pixel_accuracy"] == 0.5
    assert results["per_class"]["0"]["iou"] == 0.5


def test_a_taxonomy_file_names_classes_and_void(pair, tmp_path):
    file = tmp_path / "names.json"
    names = ["sky", "road", "car"]
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    file.write_text(json.dumps({"categories": categories, "void": 255}), "utf-8")
    results = evaluate(*pair, taxonomy=file).results
    assert results["per_class"]["car"]["iou"] == 0.5
    file.write_text(json.dumps({"categories": categories, "void": 2}), "utf-8")
    assert "car" not in evaluate(*pair, taxonomy=file).results["per_class"]


@pytest.mark.parametrize("void", ["2"])
def test_a_void_id_counts_nowhere_in_the_truth(tmp_path, void):
    truth = folder(tmp_path / "t", {"a": [[0, 1, 2, 2]]})
    predicted = folder(tmp_path / "p", {"a": [[0, 1, 1, 0]]})
    results = evaluate(truth, predicted, void=void).results
    assert results["metrics"]["miou"] == 1.0
    assert results["metrics"]["pixel_accuracy"] == 1.0


def test_a_void_name_counts_nowhere(tmp_path):
    truth = folder(tmp_path / "t", {"a": [[0, 1, 1]]})
    file = tmp_path / "names.json"
    names = [{"id": i, "name": n} for i, n in enumerate(["sky", "road"])]
    file.write_text(json.dumps({"categories": names}), "utf-8")
    results = evaluate(truth, truth, taxonomy=file, void="road").results
    assert list(results["per_class"]) == ["sky"]
    with pytest.raises(TaxonomyError, match="Known: sky, road"):
        evaluate(truth, truth, taxonomy=file, void="car")


def test_missing_predictions_are_refused_by_default(pair):
    (pair[1] / "b.png").unlink()
    with pytest.raises(DataError, match="no prediction for 1 of 2 samples: b"):
        evaluate(*pair)
    assert evaluate(*pair, missing="skip").results["metrics"]["miou"] == 1.0
    assert evaluate(*pair, missing="empty").results["metrics"]["pixel_accuracy"] < 0.5


def test_maps_of_another_size_are_refused(tmp_path):
    truth = folder(tmp_path / "t", {"a": [[0, 1, 2]]})
    predicted = folder(tmp_path / "p", {"a": [[0], [1], [2]]})
    with pytest.raises(DataError, match="truth 3 × 1 px, prediction 1 × 3 px"):
        evaluate(truth, predicted)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"set_": ("metric.max_detections=-1",)}, "0 or more"),
        ({"set_": ("metric.nothing=1",)}, "unknown setting"),
        ({"metrics": ("iou9",)}, "no such metric"),
        ({"map_": ("a",)}, "OLD=NEW"),
        ({"by": "site"}, "no sample has this tag"),
    ],
)
def test_wrong_options_are_one_clear_error(pair, arguments, match):
    with pytest.raises(UsageError, match=match):
        evaluate(*pair, **arguments)


def test_a_path_that_is_not_there_is_named(pair, tmp_path):
    with pytest.raises(MaskloomError, match="nowhere"):
        evaluate(pair[0], tmp_path / "nowhere")


def test_instance_maps_give_ap_and_iou_in_one_command(tmp_path):
    truth = folder(tmp_path / "t", {"a": [[1, 1, 0, 2, 2, 2, 2]]})
    predicted = folder(tmp_path / "p", {"a": [[5, 5, 0, 9, 9, 9, 0]]})
    settings = ("from.kind=instance", "predicted.kind=instance")
    results = evaluate(truth, predicted, set_=settings).results
    assert results["metrics"]["ap50"] == 1.0
    assert results["metrics"]["ap75"] == 1.0
    assert results["metrics"]["ap"] == pytest.approx((6 + 4 * 51 / 101) / 10, abs=1e-3)
    assert results["metrics"]["miou"] == pytest.approx(5 / 6)


def coco(path, annotations, **head):
    path.write_text(json.dumps({**head, "annotations": annotations}), "utf-8")
    return path


@pytest.fixture
def coco_pair(tmp_path):
    """Truth with two squares, and a bare results list that finds one of them."""
    head = {
        "images": [{"id": 4, "file_name": "x.jpg", "height": 10, "width": 10}],
        "categories": [{"id": 9, "name": "cell"}],
    }
    squares = [[0, 0, 4, 0, 4, 4, 0, 4], [5, 5, 9, 5, 9, 9, 5, 9]]
    truth = [
        {
            "id": i + 1, "image_id": 4, "category_id": 9, "iscrowd": 0, "area": 16,
            "bbox": [ring[0], ring[1], 4, 4], "segmentation": [ring],
        }
        for i, ring in enumerate(squares)
    ]  # fmt: skip
    found = [
        {"image_id": 4, "category_id": 9, "score": 0.9, "segmentation": [squares[0]]},
        {"image_id": 4, "category_id": 9, "score": 0.5, "segmentation": [[0, 5, 4, 5, 4, 9, 0, 9]]},
    ]
    results = tmp_path / "results.json"
    results.write_text(json.dumps(found), "utf-8")
    return coco(tmp_path / "truth.json", truth, **head), results


def test_a_coco_results_list_takes_images_and_classes_from_the_truth(coco_pair):
    results = evaluate(*coco_pair, convention="coco").results
    assert results["task"] == "instance"
    assert results["metrics"]["ap"] == pytest.approx(51 / 101)
    assert results["metrics"]["ar100"] == 0.5
    assert results["provenance"]["max_detections"] == 100


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_scores_that_differ_late_rank_as_in_pycocotools(coco_pair, capsys):
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, found = coco_pair
    entries = json.loads(found.read_text("utf-8"))
    for entry, score in zip(entries, (0.3, 0.3 + 1e-9), strict=True):
        runs = coco_mask.frPyObjects(entry["segmentation"], 10, 10)[0]
        runs["counts"] = runs["counts"].decode()
        entry |= {"score": score, "segmentation": runs}
    found.write_text(json.dumps(entries), "utf-8")
    peer = COCO(str(truth))
    judged = COCOeval(peer, peer.loadRes(str(found)), "segm")
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    capsys.readouterr()
    metrics = evaluate(truth, found, convention="coco").results["metrics"]
    assert metrics["ap"] == pytest.approx(judged.stats[0], abs=1e-12)
    assert metrics["ap"] < 0.3  # the false alarm comes first


def test_the_limit_on_predictions_can_be_set(coco_pair):
    results = evaluate(*coco_pair, set_=("metric.max_detections=1",)).results
    assert results["per_class"]["cell"]["predicted_objects"] == 1


def test_the_report_is_one_file_with_the_scores(pair, tmp_path):
    file = tmp_path / "report.html"
    outcome = evaluate(*pair, report=file)
    text = file.read_text("utf-8")
    assert outcome.results["report"] == file
    assert "pred against truth" in text
    assert "data:image" in text


def test_pictures_are_missed_on_the_side_that_shows_them_alone(pair):
    truth, predicted = (replace(read_dataset(path), warnings=()) for path in pair)
    absent = ("2 of 2 images are missing, first 'a'", "odd")
    ours, theirs = (replace(side, warnings=absent) for side in (truth, predicted))
    assert side_warnings((truth, theirs), pictures=True) == ["predicted: odd"]
    assert side_warnings((ours, predicted), pictures=False) == ["truth: odd"]
    assert side_warnings((ours, predicted), pictures=True) == [
        "truth: 2 of 2 pictures are missing, first 'a'",
        "truth: odd",
    ]


@pytest.fixture
def project(pair, tmp_path):
    """A project whose `main` is the truth and whose machine layer is the prediction."""
    root = tmp_path / "cells"
    for source, layer in zip(pair, ("main", "model/net@ab12"), strict=True):
        import_(source, root, from_="bitmap", layer=layer, set_=("kind=class",))
    return root


def test_layers_of_one_project_are_told_apart_in_title_and_report(project, tmp_path):
    file = tmp_path / "report.html"
    outcome = evaluate(project, Path(f"{project}::model/net"), report=file)
    assert outcome.tables[0].title == "cells::model/net against cells::main"
    text = file.read_text("utf-8")
    assert "cells::main, 2 images" in text
    assert "cells::model/net" in text


def test_a_list_of_samples_is_found_in_the_project_as_a_run_is(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layer = Path("cells::model/net@ab12")
    (project / "runs/1").mkdir(parents=True)
    (project / "runs/1/val.txt").write_text("b\n")
    scored = evaluate(Path("cells"), layer, split="@runs/1/val.txt").results["per_sample"]
    assert [row["key"] for row in scored] == ["b"]
    (tmp_path / "runs/1").mkdir(parents=True)
    (tmp_path / "runs/1/val.txt").write_text("a\n")  # the working folder comes first
    scored = evaluate(Path("cells"), layer, split="@runs/1/val.txt").results["per_sample"]
    assert [row["key"] for row in scored] == ["a"]
    with pytest.raises(FormatError, match=r"no such list.*runs/2/val.txt and cells/runs/2") as told:
        evaluate(Path("cells"), layer, split="@runs/2/val.txt")
    assert "Errno" not in str(told.value)


@pytest.mark.shared
def test_coco_mini_against_itself_is_perfect(shared):
    file = shared / "coco_mini/instances_train2017.json"
    metrics = evaluate(file, file).results["metrics"]
    assert (metrics["ap"], metrics["miou"], metrics["f1_50"]) == (1.0, 1.0, 1.0)


def test_in_16_bit_maps_255_is_a_class_and_void_is_what_is_named(tmp_path):
    file = tmp_path / "names.json"
    entries = [{"id": 0, "name": "Road"}, {"id": 255, "name": "road"}, {"id": 7, "name": "sky"}]
    file.write_text(json.dumps({"categories": entries}), "utf-8")
    for side, values in (("t", [0, 255, 7, 7, 65535]), ("p", [0, 255, 7, 255, 0])):
        (tmp_path / side).mkdir()
        write_png(tmp_path / side / "a.png", np.array([values], np.uint16))
    truth, predicted = tmp_path / "t", tmp_path / "p"
    results = evaluate(truth, predicted, taxonomy=file).results
    assert results["metrics"]["pixel_accuracy"] == 0.75
    named = evaluate(truth, predicted, taxonomy=file, void="road").results
    assert named["metrics"]["pixel_accuracy"] == pytest.approx(2 / 3)
    numbered = evaluate(truth, predicted, taxonomy=file, void="7").results
    assert numbered["metrics"]["pixel_accuracy"] == 1
    with pytest.raises(UsageError, match="'Road' or 'road'"):
        evaluate(truth, predicted, taxonomy=file, void="ROAD")
