from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.outcome import plain
from maskloom.errors import DataError, UsageError
from maskloom.store.images import write_png
from maskloom.verbs.evaluate import evaluate

CATEGORIES = [
    {"id": 5, "name": "grass", "isthing": 0},
    {"id": 1, "name": "cat", "isthing": 1},
    {"id": 2, "name": "dog", "isthing": 1},
]
GRASS, CAT, DOG = 5, 1, 2

TRUTH = {
    "a": (["1111", "1122", "1122"], {1: (GRASS, 0), 2: (CAT, 0)}),
    "b": (["3330", "3344", "3344"], {3: (GRASS, 0), 4: (DOG, 0)}),
}
PREDICTED = {
    "a": (["1111", "1112", "1122"], {1: (GRASS, 0), 2: (CAT, 0)}),
    "b": (["3335", "3333", "3333"], {3: (GRASS, 0), 5: (CAT, 0)}),
}


def panoptic(root, images, name="panoptic"):
    """A COCO panoptic file with its PNG folder, from lines of digits."""
    head, annotations = [], []
    (root / name).mkdir(parents=True)
    for n, (key, (lines, segments)) in enumerate(images.items()):
        ids = np.array([[int(c) for c in line] for line in lines])
        png = np.zeros((*ids.shape, 3), np.uint8)
        png[..., 0] = ids
        write_png(root / name / f"{key}.png", png)
        size = {"height": ids.shape[0], "width": ids.shape[1]}
        head.append({"id": n, "file_name": f"{key}.jpg", **size})
        said = [segment(ids == i, i, k, crowd) for i, (k, crowd) in segments.items()]
        annotations.append({"image_id": n, "file_name": f"{key}.png", "segments_info": said})
    file = root / f"{name}.json"
    whole = {"images": head, "annotations": annotations, "categories": CATEGORIES}
    file.write_text(json.dumps(whole), "utf-8")
    return file


def segment(mask, i, category, crowd):
    y, x = np.nonzero(mask)
    box = [int(v) for v in (x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1)]
    return {
        "id": i, "category_id": category, "iscrowd": crowd, "area": int(mask.sum()), "bbox": box
    }  # fmt: skip


@pytest.fixture
def pair(tmp_path):
    return panoptic(tmp_path / "t", TRUTH), panoptic(tmp_path / "p", PREDICTED)


def test_auto_is_panoptic_where_both_sides_hold_things_and_stuff(pair):
    results = plain(evaluate(*pair).results)
    assert results["task"] == "panoptic"
    # grass: 8/9 and 7/11, cat: 3/4 found, the other lies on void; the dog is missed
    grass = (8 / 9 + 7 / 11) / 2
    metrics = results["metrics"]
    assert metrics["pq_stuff"] == pytest.approx(grass)
    assert metrics["pq_things"] == pytest.approx((0.75 + 0) / 2)
    assert metrics["pq"] == pytest.approx((grass + 0.75 + 0) / 3)
    assert metrics["pixel_accuracy"] == pytest.approx(18 / 23)
    assert "ap" not in metrics
    assert results["per_class"]["cat"]["tp"] == 1
    assert results["per_class"]["cat"]["fp"] == 0
    assert results["provenance"]["convention"] == "panopticapi"
    assert [row["key"] for row in results["per_sample"]] == ["a", "b"]
    assert results["per_sample"][0]["pq"] == pytest.approx((8 / 9 + 0.75) / 2)
    json.dumps(results)


def test_truth_against_itself_is_one(pair):
    metrics = evaluate(pair[0], pair[0]).results["metrics"]
    assert {
        metrics[f"{q}{of}"] for q in ("pq", "sq", "rq") for of in ("", "_things", "_stuff")
    } == {1.0}


def test_tables_list_things_first_and_the_worst_by_pq(pair):
    outcome = evaluate(*pair)
    classes, worst = outcome.tables[1], outcome.tables[2]
    assert [row[:2] for row in classes.rows] == [
        ("cat", "thing"), ("dog", "thing"), ("grass", "stuff")
    ]  # fmt: skip
    assert tuple(classes.columns[2:8]) == ("pq", "sq", "rq", "tp", "fp", "fn")
    assert worst.columns[1] == "pq"
    assert [row[0] for row in worst.rows] == ["b", "a"]


def test_classes_that_nobody_has_are_left_out_of_the_table_and_counted(pair):
    table = evaluate(pair[0], pair[0], split=None).tables[1]
    assert table.note == ""
    for file in pair:
        said = json.loads(file.read_text("utf-8"))
        said["categories"].append({"id": 9, "name": "emu", "isthing": 1})
        file.write_text(json.dumps(said), "utf-8")
    table = evaluate(*pair).tables[1]
    assert "emu" not in [row[0] for row in table.rows]
    assert table.note == "1 class is on neither side"
    assert evaluate(*pair).results["per_class"]["emu"]["pq"] is None


def test_the_report_shows_segments_and_their_scores(pair, tmp_path):
    file = tmp_path / "report.html"
    evaluate(*pair, report=file)
    text = file.read_text("utf-8")
    assert "Panoptic quality (PQ) is" in text
    assert "the weakest image is b" in text
    assert text.count("data:image") >= 6
    assert "void (not counted)" in text


def test_what_lies_on_void_is_not_drawn_as_extra(tmp_path):
    truth = panoptic(tmp_path / "t", {"a": (["1100", "1100"], {1: (GRASS, 0)})})
    found = {"a": (["1122", "1122"], {1: (GRASS, 0), 2: (CAT, 0)})}
    predicted = panoptic(tmp_path / "p", found)
    file = tmp_path / "report.html"
    results = evaluate(truth, predicted, report=file).results
    assert results["per_class"]["cat"]["fp"] == 0
    assert "extra</" not in file.read_text("utf-8")


def test_a_folder_of_instances_and_panoptic_files_is_panoptic_where_asked(tmp_path):
    home = tmp_path / "o"
    overlapping(home)
    panoptic(home, {"a": TRUTH["a"]})
    assert evaluate(home, home).results["task"] == "instance"
    metrics = evaluate(home, home, task="panoptic").results["metrics"]
    assert (metrics["pq_things"], metrics["pq_stuff"]) == (1.0, 1.0)


def test_slices_and_chosen_metrics_carry_pq(pair):
    outcome = evaluate(*pair, metrics=("pq", "miou"))
    assert set(outcome.results["metrics"]) == {"pq", "miou"}
    with pytest.raises(UsageError, match=r"say --task panoptic|Say --task panoptic"):
        evaluate(*pair, task="semantic", metrics=("sq",))
    with pytest.raises(UsageError, match=r"saw 'ap'.*task instance"):
        evaluate(*pair, metrics=("ap",))


@pytest.mark.parametrize("convention", ["maskloom", "coco", "panopticapi"])
def test_every_convention_means_the_one_rule(pair, convention):
    results = evaluate(*pair, convention=convention).results
    assert results["provenance"]["convention"] == "panopticapi"
    assert results["metrics"]["pq"] == evaluate(*pair).results["metrics"]["pq"]


def test_instances_can_be_asked_for(pair):
    results = evaluate(*pair, task="instance", convention="panopticapi").results
    assert results["task"] == "instance"
    assert results["provenance"]["convention"] == "maskloom"
    assert "pq" not in results["metrics"]


def test_missing_predictions_are_missed_segments(pair):
    truth, predicted = pair
    said = json.loads(predicted.read_text("utf-8"))
    for part in ("images", "annotations"):
        del said[part][1]
    predicted.write_text(json.dumps(said), "utf-8")
    results = evaluate(truth, predicted, missing="empty").results
    assert (results["per_class"]["grass"]["fn"], results["per_class"]["dog"]["fn"]) == (1, 1)


def overlapping(root):
    """A COCO instances file of one cat over the grass of image a."""
    images = [{"id": 0, "file_name": "a.jpg", "height": 3, "width": 4}]
    rings = {CAT: [2, 0, 4, 0, 4, 3, 2, 3], GRASS: [0, 0, 4, 0, 4, 2, 0, 2]}
    annotations = [
        {
            "id": n + 1, "image_id": 0, "category_id": k, "iscrowd": 0, "area": 6,
            "bbox": [ring[0], 0, 4 - ring[0], 3], "segmentation": [ring],
        }
        for n, (k, ring) in enumerate(rings.items())
    ]  # fmt: skip
    root.mkdir()
    file = root / "instances.json"
    whole = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    file.write_text(json.dumps(whole), "utf-8")
    return file


def test_overlapping_rows_are_instances_and_refused_as_panoptic(tmp_path):
    truth = panoptic(tmp_path / "t", {"a": TRUTH["a"]})
    objects = overlapping(tmp_path / "o")
    assert evaluate(truth, objects).results["task"] == "instance"
    with pytest.raises(
        DataError, match=r"^a: segments of the prediction overlap, by 4 pixels"
    ) as e:
        evaluate(truth, objects, task="panoptic")
    assert "cat (instance 1) and grass at x=2, y=0" in e.value.message
    assert "--task instance" in e.value.message


def test_a_class_map_of_stuff_is_judged_and_one_of_things_refused(tmp_path):
    truth = panoptic(tmp_path / "t", {"a": (["1111", "1111"], {1: (GRASS, 0)})})
    maps = tmp_path / "maps"
    maps.mkdir()
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"categories": [{"id": i, "name": n} for i, n in (
        (5, "grass"), (1, "cat"))]}), "utf-8")  # fmt: skip
    settings = ("predicted.kind=class", f"predicted.taxonomy={names}")
    write_png(maps / "a.png", np.array([[5, 5, 5, 5], [5, 5, 255, 255]], np.uint8))
    results = evaluate(truth, maps, task="panoptic", set_=settings).results
    assert results["metrics"]["pq_stuff"] == 0.75
    assert evaluate(truth, maps, set_=settings).results["task"] == "semantic"
    write_png(maps / "a.png", np.array([[5, 5, 5, 5], [5, 5, 1, 1]], np.uint8))
    with pytest.raises(DataError, match=r"prediction is a class map.*saw 'cat'.*--task semantic"):
        evaluate(truth, maps, task="panoptic", set_=settings)


@pytest.mark.shared
def test_coco_mini_against_itself_is_perfect(shared):
    file = shared / "coco_mini/panoptic_train2017.json"
    results = evaluate(file, file).results
    assert results["task"] == "panoptic"
    assert (results["metrics"]["pq"], results["metrics"]["miou"]) == (1.0, 1.0)


def test_sides_of_one_name_are_told_apart_by_their_folders(tmp_path):
    import numpy as np

    from maskloom.store.images import write_png

    for side in ("truth", "mine"):
        write_png(tmp_path / side / "masks" / "a.png", np.eye(8, dtype=np.uint8))
    said = evaluate(tmp_path / "truth" / "masks", tmp_path / "mine" / "masks")
    assert said.tables[0].title == "mine/masks against truth/masks"
