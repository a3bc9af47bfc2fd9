"""Label files that claim sizes, numbers and depths that no machine holds: one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maskloom.errors import FormatError, WriteError
from maskloom.formats.shared.folders import read_side_file
from maskloom.verbs.check import check
from maskloom.verbs.convert import convert


def coco(path: Path, image: str, annotations: str = "") -> Path:
    path.write_text(
        '{"images": [{"id": 1, "file_name": "a.png", ' + image + "}], "
        '"categories": [{"id": 1, "name": "car"}], "annotations": [' + annotations + "]}"
    )
    return path


HUGE = 2**31 - 1


@pytest.mark.parametrize(
    "to", ["bitmap", "voc", "yolo", "coco-panoptic", "cityscapes", "geotiff", "objects", "via"]
)
def test_a_size_that_no_memory_holds_is_not_painted(tmp_path: Path, to: str) -> None:
    file = coco(tmp_path / "x.json", f'"width": {HUGE}, "height": {HUGE}')
    with pytest.raises(WriteError, match=rf"out: an image is too large .*{HUGE} × {HUGE} px"):
        convert(file, tmp_path / "out", to=to, allow_loss=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("to", ["coco", "labelme", "supervisely", "geojson"])
def test_what_is_not_painted_is_of_any_size(tmp_path: Path, to: str) -> None:
    file = coco(tmp_path / "x.json", f'"width": {HUGE}, "height": {HUGE}')
    assert convert(file, tmp_path / "out", to=to, allow_loss=True).results["written"]


def test_a_side_file_names_the_image_of_too_many_pixels(tmp_path: Path) -> None:
    sizes = {"fine": [4, 4], "zz": [2**20, 2**20]}
    (tmp_path / "taxonomy.json").write_text(json.dumps({"categories": [], "sizes": sizes}))
    with pytest.raises(FormatError, match=r"taxonomy\.json: sizes, zz: an image of more than"):
        read_side_file(tmp_path)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('"x": ' + "9" * 5000, "a number of thousands of digits"),
        ('"x": ' + "[" * 100_000 + "]" * 100_000, "too deep to be read"),
    ],
)
def test_valid_json_beyond_what_is_read_is_not_called_damaged(
    tmp_path: Path, more: str, message: str
) -> None:
    file = coco(tmp_path / "x.json", f'"width": 8, "height": 8, {more}')
    for run in (
        lambda: check(file),
        lambda: convert(file, tmp_path / "out.json", to="coco"),
    ):
        with pytest.raises(FormatError, match=message) as caught:
            run()
        assert "opy it again" not in caught.value.message
        assert str(file) in caught.value.message


BAD = ",".join(
    [
        '{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}',
        '{"id": 2, "image_id": 1, "category_id": 1, "segmentation": [[1, 1]]}',
        '{"id": 3, "image_id": 1, "category_id": 9, "segmentation": [[1, 1, 5, 1, 5, 5]]}',
        '{"id": 4, "image_id": 7, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}',
    ]
)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_check_finds_every_annotation_that_cannot_be_read(tmp_path: Path, skip_bad: bool) -> None:
    file = coco(tmp_path / "x.json", '"width": 8, "height": 8', BAD)
    done = check(file, skip_bad=skip_bad)
    name, severity = ("left-out", "warning") if skip_bad else ("labels", "error")
    found = [one for one in done.results["findings"] if one["check"] == name]
    assert [one["severity"] for one in found] == [severity] * 3
    for number, one in zip((2, 3, 4), found, strict=True):
        assert f"annotation {number}, " in one["what"]
        assert "--skip-bad" not in one["what"]
    assert done.exit_code == int(not skip_bad)
    # The sound one is looked at, too.
    assert next(one for one in done.results["classes"] if one["name"] == "car")["objects"] == 1
    assert not any("left out" in line for line in done.warnings)


def test_advice_that_was_taken_is_not_given_again(tmp_path: Path) -> None:
    file = coco(tmp_path / "x.json", '"width": 8, "height": 8', BAD)
    done = convert(file, tmp_path / "out.json", to="coco", skip_bad=True)
    (line,) = [line for line in done.warnings if "left out" in line]
    assert line.startswith("3 invalid annotations were left out, first: ")
    assert "--skip-bad" not in line


def test_a_file_that_is_damaged_is_still_one_error(tmp_path: Path) -> None:
    file = coco(tmp_path / "x.json", '"width": 8, "height": 8', BAD)
    file.write_text(file.read_text()[:-20])
    with pytest.raises(FormatError, match="not valid JSON"):
        check(file)
