from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.outcome import envelope
from maskloom.errors import FormatError, UsageError
from maskloom.faces.tables import plain_table
from maskloom.store.images import write_png
from maskloom.verbs.check import check

BOX = [2, 2, 12, 2, 12, 10, 2, 10]


@pytest.fixture
def coco(tmp_path):
    """Writes a COCO file of one image with the given polygons, and the image."""

    def write(*polygons, image=(32, 48)):
        folder = tmp_path / "data"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        if image is not None:
            write_png(folder / "images" / "a.png", np.zeros((*image, 3), np.uint8))
        annotations = [
            {"id": i, "image_id": 1, "category_id": 1, "segmentation": [p], "iscrowd": 0,
             "area": 1, "bbox": [min(p[::2]), min(p[1::2]), 1, 1]}
            for i, p in enumerate(polygons, 1)
        ]  # fmt: skip
        text = json.dumps({
            "images": [{"id": 1, "file_name": "a.png", "width": 48, "height": 32}],
            "categories": [{"id": 1, "name": "cell"}],
            "annotations": annotations,
        })  # fmt: skip
        (folder / "labels.json").write_text(text)
        return folder / "labels.json"

    return write


def names(outcome):
    return {row["check"] for row in outcome.results["checks"] if row["count"]}


def test_a_clean_set_ends_with_0_and_says_so(coco):
    outcome = check(coco(BOX))
    assert outcome.exit_code == 0
    assert outcome.results["findings"] == []
    assert "No fault found in 1 image." in outcome.lines


def test_an_error_ends_with_1_and_a_warning_only_if_asked(coco):
    twice = coco(BOX, BOX)
    assert check(twice).exit_code == 1
    assert check(twice, fail_on="never").exit_code == 0
    overlapping = coco(BOX, [6, 2, 20, 2, 20, 10, 6, 10])
    assert names(check(overlapping)) == {"overlaps"}
    assert check(overlapping).exit_code == 0
    assert check(overlapping, fail_on="warning").exit_code == 1
    assert check(overlapping, set_=("check.exclusive=true",)).exit_code == 1


def test_many_classes_in_no_image_are_named_below_the_table(coco):
    path = coco(BOX)
    data = json.loads(path.read_text())
    data["categories"] += [{"id": i, "name": f"odd {i}"} for i in range(2, 42)]
    path.write_text(json.dumps(data))
    outcome = check(path)
    table = next(t for t in outcome.tables if t.title == "Classes")
    assert [row[0] for row in table.rows] == ["cell"]
    assert table.note.startswith("40 classes in no image: odd 2, odd 3,")
    assert len(outcome.results["classes"]) == 41
    assert max(map(len, plain_table(table, 80).splitlines())) <= 80


def test_labels_without_images_are_checked_and_the_absence_is_a_warning(coco):
    path = coco(BOX, image=None)
    outcome = check(path)
    assert names(outcome) == {"missing-image"}
    assert outcome.exit_code == 0
    assert outcome.results["missing_images"] == 1


def test_findings_name_sample_object_and_value_as_plain_json(coco):
    outcome = check(coco(BOX, BOX))
    (finding,) = outcome.results["findings"]
    assert finding == {
        "severity": "error", "check": "duplicate-object", "sample": "a", "object": 2,
        "what": "has the same pixels as object 1", "value": 1,
    }  # fmt: skip
    json.dumps(envelope("check", {}, outcome))
    (row,) = outcome.results["classes"]
    assert (row["name"], row["objects"], row["images"]) == ("cell", 2, 1)


def test_the_report_is_a_page_with_the_findings(coco, tmp_path):
    check(coco(BOX, BOX), report=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "duplicate-object" in text
    assert "has the same pixels as object 1" in text
    assert "1 error in 1 image." in text


def test_unknown_limits_and_absent_data_are_refused(coco, tmp_path):
    with pytest.raises(UsageError, match="unknown setting"):
        check(coco(BOX), set_=("check.nonsense=1",))
    with pytest.raises(FormatError, match="no such file"):
        check(tmp_path / "absent")


def test_a_map_with_an_unknown_colour_is_one_finding_beside_the_rest(tmp_path):
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
    good = np.zeros((20, 20), np.uint8)
    bad = good.copy()
    bad[3, 4] = 77
    for name, array in (("s_1", good), ("s_2", bad)):
        write_png(tmp_path / "train" / f"{name}.png", np.zeros((20, 20, 3), np.uint8))
        write_png(tmp_path / "trainannot" / f"{name}.png", array)
    outcome = check(tmp_path)
    assert outcome.results["unreadable"] == 1
    (finding,) = [f for f in outcome.results["findings"] if f["check"] == "labels"]
    assert finding["sample"] == "s_2"
    assert "x=4, y=3" in finding["what"]
    assert outcome.exit_code == 1


@pytest.mark.shared
@pytest.mark.parametrize("name", ["camvid", "dsb2018", "coco_mini", "pennfudan"])
def test_real_data_is_checked_to_the_end(shared, name):
    outcome = check(shared / name, split="val" if name == "camvid" else None)
    assert outcome.results["unreadable"] == 0
    assert outcome.results["samples"] > 10
    assert outcome.results["errors"] == 0
    assert sum(row["pixels"] for row in outcome.results["classes"]) > 0


@pytest.mark.shared
def test_camvid_shares_a_drive_between_its_splits(shared):
    outcome = check(shared / "camvid", set_=("check.speck=0",))
    (error,) = [f for f in outcome.results["findings"] if f["severity"] == "error"]
    assert error["value"] == {"group": "0016E5", "splits": ["train", "val"]}
    assert outcome.exit_code == 1
