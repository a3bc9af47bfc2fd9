from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from maskloom.edits.gestures import make, set_verdict
from maskloom.errors import DataError, MaskloomError, TaxonomyError, UsageError, WriteError
from maskloom.faces.cli import main
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_
from maskloom.verbs.review import review

SIZE = (40, 60)
BOXES = ((2, 2, 12, 12), (30, 10, 50, 30))


def coco(path, *objects, names=("coin",), images=("a.png",), size=SIZE):
    """A COCO file: objects are (box, category id, score or None, image number)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    annotations = []
    for i, (box, category, score, image) in enumerate(objects, 1):
        x0, y0, x1, y1 = box
        ring = [x0, y0, x1, y0, x1, y1, x0, y1]
        area = (x1 - x0) * (y1 - y0)
        one = {"id": i, "image_id": image, "category_id": category, "iscrowd": 0, "area": area,
               "bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": [ring]}  # fmt: skip
        annotations.append(one if score is None else one | {"score": score})
    data = {
        "images": [{"id": i, "file_name": name, "height": size[0], "width": size[1]}
                   for i, name in enumerate(images, 1)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
        "annotations": annotations,
    }  # fmt: skip
    path.write_text(json.dumps(data), "utf-8")
    return path


@pytest.fixture
def pair(tmp_path):
    """Two coins, one of which is not labelled, and a prediction of both; with their image."""
    write_png(tmp_path / "images" / "a.png", np.full((*SIZE, 3), 90, np.uint8))
    truth = coco(tmp_path / "truth.json", (BOXES[0], 1, None, 1))
    both = ((BOXES[0], 1, 0.9, 1), (BOXES[1], 1, 0.97, 1))
    return truth, coco(tmp_path / "found" / "predicted.json", *both)


@pytest.fixture
def project(pair, tmp_path):
    """The same as layers of a project."""
    root = tmp_path / "project"
    import_(pair[0], root, images=tmp_path / "images")
    import_(pair[1], root, layer="model/net@12ab", images=tmp_path / "images")
    return root


def layer(project):
    """The address of the predictions in it."""
    return Path(f"{project}::model/net@12ab")


@pytest.fixture
def unwritable(project, tmp_path):
    """The project on a disk that cannot be written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    commands = (["mount", "--bind", str(project), str(disk)],
                ["mount", "-o", "remount,bind,ro", str(disk)])  # fmt: skip
    for command in commands:
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a disk needs more rights")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_list_has_a_rank_a_box_a_severity_and_a_reason(pair):
    outcome = review(*pair)
    assert outcome.exit_code == 0
    results = outcome.results
    assert results["counts"] == {"missing": 0, "extra": 1, "wrong-class": 0, "boundary": 0}
    assert (results["task"], results["samples"], results["agreement"]) == ("instance", 1, 0.5)
    assert results["review"] is None
    radius = (400 / np.pi) ** 0.5
    assert results["rows"] == [
        {
            "rank": 1, "sample": "a", "kind": "extra", "category": "coin", "other": None,
            "box": [30, 10, 50, 30], "area": 400,
            "severity": pytest.approx(0.97 * radius / (radius + 2), abs=1e-6),
            "reason": "predicted coin (0.97), 400 px, where the truth has nothing",
            "object": "2", "link": None,
        }
    ]  # fmt: skip
    assert outcome.lines[0] == "1 region in 1 image: 1 extra; both agree on 50.0 % of the objects."
    assert any("images that it never saw" in line for line in outcome.lines)


def test_labels_against_themselves_list_nothing(pair, tmp_path):
    outcome = review(pair[0], pair[0], report=tmp_path / "r.html")
    assert outcome.results["rows"] == []
    assert outcome.tables == ()
    assert outcome.lines[0] == "No disagreement in 1 image."
    assert "No disagreement in 1 image." in (tmp_path / "r.html").read_text("utf-8")


def test_the_table_fits_a_hundred_columns_whatever_the_names(tmp_path, capsys):
    names = ("a category of a very long name indeed " * 3, "another one of a long name " * 3)
    image = "folder/" * 20 + "image-0001.png"
    files = [
        coco(tmp_path / f"{i}.json", (BOXES[1], i, 0.5, 1), names=names, images=(image,))
        for i in (1, 2)
    ]
    assert main(["review", *map(str, files)]) == 0
    shown = capsys.readouterr().out.splitlines()
    rows = shown[: shown.index("")] if "" in shown else shown
    assert "rank  image" in rows[1]
    assert max(map(len, rows)) <= 100


def test_top_limits_the_list_and_not_the_counts(tmp_path):
    boxes = [(x, 2, x + 3, 5) for x in range(0, 60, 6)]
    truth = coco(tmp_path / "t.json", *((box, 1, None, 1) for box in boxes))
    empty = coco(tmp_path / "p.json")
    outcome = review(truth, empty, top=3)
    assert [row["rank"] for row in outcome.results["rows"]] == [1, 2, 3]
    assert outcome.results["counts"]["missing"] == 10
    many = review(truth, empty)
    assert many.results["rows"][:3] == outcome.results["rows"]
    with pytest.raises(UsageError, match="nothing to list"):
        review(truth, empty, top=0)


def test_confidence_maps_beside_a_prediction_are_used(tmp_path):
    for name, value in (("t", 1), ("p", 0)):
        pixels = np.zeros(SIZE, np.uint8)
        pixels[10:30, 30:50] = value
        pixels[0, :2] = 0, 1
        write_png(tmp_path / name / "a.png", pixels)
    write_png(tmp_path / "p" / "confidence" / "a.png", np.full(SIZE, 204, np.uint8))
    settings = ("from.kind=class", "predicted.kind=class")
    outcome = review(tmp_path / "t", tmp_path / "p", set_=settings)
    assert (
        outcome.results["rows"][0]["reason"] == "predicted 0 (0.80), 400 px, where the truth has 1"
    )


def test_a_project_keeps_the_review_and_every_row_links_to_its_page(project):
    outcome = review(project, layer(project))
    results = outcome.results
    assert results["review"] == 1
    with Project.open(project, readonly=True) as opened:
        here = opened.id[:8]
    assert results["rows"][0]["link"] == f"http://127.0.0.1:8471/#/review/1/1-1?in={here}"
    assert results["rows"][0]["reason"] == "predicted coin (0.97), 400 px, where main has nothing"
    assert f"open    maskloom label {project}" in outcome.lines
    with Project.open(project) as opened:
        (kept,) = opened.reviews()
        (item,), _ = opened.review_items(1)
        numbers = [layer.sequence for layer in opened.layers()]
        object_ = opened.document(item.sample_id, "model/net@12ab").objects[item.object]
    assert (kept.truth, kept.predicted) == (
        f"main#{max(numbers)}",
        f"model/net@12ab#{max(numbers)}",
    )
    assert (item.kind, item.score, item.reason) == (
        "extra",
        results["rows"][0]["severity"],
        results["rows"][0]["reason"],
    )
    assert object_.score == 0.97
    assert str(results["truth"]).endswith(f"project::main#{max(numbers)}")


@pytest.mark.parametrize("verdict", ["kept", "void", "unsure", "fixed"])
def test_what_somebody_has_judged_for_good_is_not_listed_again(project, verdict):
    review(project, layer(project))
    with Project.open(project) as opened:
        ((item,), _) = opened.review_items(1)
        document = opened.document(item.sample, "main")
        op = make(document, "main", "verdict", [set_verdict(document, item.id, verdict)])
        opened.commit(item.sample_id, op, author="ann")
    again = review(project, layer(project), store=False)
    settled = verdict in ("kept", "void")
    assert len(again.results["rows"]) == again.results["counts"]["extra"] == (not settled)
    assert ("1 region is left out" in " ".join(again.warnings)) == settled
    assert len(review(project, layer(project), store=False, judged=True).results["rows"]) == 1


def test_no_store_leaves_the_project_alone_and_an_empty_list_too(project):
    predicted = layer(project)
    for outcome in (review(project, predicted, store=False), review(project, project)):
        assert outcome.results["review"] is None
        assert not any("maskloom label" in line for line in outcome.lines)
    with Project.open(project) as opened:
        assert opened.reviews() == []


def test_a_project_is_compared_with_data_elsewhere_and_the_other_way_round(project, pair):
    review(project, pair[1])
    with Project.open(project) as opened:
        assert [r.predicted for r in opened.reviews()] == [str(pair[1])]
    turned = review(pair[1], project)
    assert turned.results["review"] is None
    assert [row["kind"] for row in turned.results["rows"]] == ["missing"]


def test_a_project_that_cannot_be_written_is_said_before_the_work(unwritable):
    with pytest.raises(WriteError, match="Say --no-store"):
        review(unwritable, Path("nowhere"))
    assert len(review(unwritable, layer(unwritable), store=False).results["rows"]) == 1


def test_the_report_is_one_file_with_close_ups_and_links(project, tmp_path):
    file = tmp_path / "review.html"
    outcome = review(project, layer(project), report=file)
    text = file.read_text("utf-8")
    assert outcome.results["report"] == file
    assert text.count("data:image/webp") == 3
    assert re.findall(r'href="(http[^"]*)"', text) == [outcome.results["rows"][0]["link"]]
    assert "predicted coin (0.97), 400 px, where main has nothing" in text
    assert "project::model/net@12ab#" in text
    assert outcome.warnings == ()


def test_a_report_without_images_shows_masks_and_says_so(pair, tmp_path):
    (tmp_path / "images" / "a.png").unlink()
    file = tmp_path / "review.html"
    outcome = review(*pair, report=file)
    assert file.read_text("utf-8").count("data:image/webp") == 2
    assert "report: 1 of 1 regions are shown without their image" in outcome.warnings


def test_hostile_names_stay_text_in_the_report(tmp_path):
    name = "<script>alert(1)</script>"
    truth = coco(
        tmp_path / "t.json",
        (BOXES[1], 1, None, 1),
        names=(name,),
        images=(f"{name.replace('/', '')}.png",),
    )
    empty = coco(tmp_path / "p.json", names=(name,), images=(f"{name.replace('/', '')}.png",))
    file = tmp_path / "r.html"
    assert review(truth, empty, report=file).results["rows"][0]["category"]
    text = file.read_text("utf-8")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"map_": ("a",)}, UsageError, "OLD=NEW"),
        ({"set_": ("review.nothing=1",)}, UsageError, "unknown setting"),
        ({"split": "val"}, UsageError, "no such split"),
        ({"task": "instance", "predicted_from": "nothing"}, UsageError, "unknown name"),
        ({"void": "car"}, TaxonomyError, "no such category to be void"),
    ],
)
def test_wrong_options_are_one_clear_error(pair, options, error, match):
    with pytest.raises(error, match=match):
        review(*pair, **options)


def test_data_that_do_not_belong_together_are_refused(pair, tmp_path):
    other = coco(tmp_path / "o.json", (BOXES[0], 1, 0.5, 1), names=("dog", "cat"))
    with pytest.raises(TaxonomyError, match="--map 'dog=NAME'"):
        review(pair[0], other)
    assert review(pair[0], other, map_=("dog=coin",)).results["rows"] == []
    small = coco(tmp_path / "small" / "s.json", size=(10, 10))
    with pytest.raises(DataError, match="truth and prediction differ in size"):
        review(pair[0], small)
    two = coco(tmp_path / "two.json", images=("a.png", "b.png"))
    with pytest.raises(DataError, match="no prediction for 1 of 2 samples: b"):
        review(two, pair[1])
    assert review(two, pair[1], missing="skip").results["samples"] == 1
    with pytest.raises(MaskloomError, match="nowhere"):
        review(pair[0], tmp_path / "nowhere")


def test_the_machine_form_is_plain_json(project, tmp_path):
    file = tmp_path / "out.json"
    words = [
        "review",
        str(project),
        f"{project}::model/net@12ab",
        "--top",
        "5",
        "--json",
        str(file),
    ]
    assert main(words) == 0
    answer = json.loads(file.read_text("utf-8"))
    assert answer["verb"] == "review"
    assert answer["inputs"]["store"] is True
    assert answer["results"]["rows"][0]["link"].startswith("http://127.0.0.1:8471/#/review/")
    assert main([*words[:-2], "--no-store"]) == 0
    assert os.path.lexists(project / "labels.sqlite")
