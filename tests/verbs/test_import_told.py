"""What an import tells of counts and of images: the same words as other verbs, and only what is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskloom.verbs.check import check
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_
from maskloom.verbs.listing import list_

SQUARE = [[5, 5, 15, 5, 15, 15, 5, 15]]


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """One image with two objects and a box."""
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "in" / "a.png")
    entry: dict[str, Any] = {"image_id": 1, "category_id": 1, "iscrowd": 0}
    data = {
        "images": [{"id": 1, "file_name": "a.png", "width": 30, "height": 20}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {**entry, "id": 1, "segmentation": SQUARE},
            {**entry, "id": 2, "segmentation": [[1, 1, 4, 1, 4, 4]]},
            {**entry, "id": 3, "bbox": [2, 2, 6, 6]},
        ],
    }
    file = tmp_path / "in" / "labels.json"
    file.write_text(json.dumps(data))
    return file


def test_import_and_export_count_objects_alike(truth: Path, tmp_path: Path) -> None:
    taken = import_(truth, tmp_path / "p")
    given = export(tmp_path / "p", tmp_path / "out.json", to="coco")
    assert taken.results["objects"] == given.results["objects"] == 3
    assert taken.results["without_mask"] == 1
    assert "3 objects, among them 1 without a mask" in taken.lines[0]
    written = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert len(written) == 3


def test_images_that_the_project_has_are_not_called_missing(truth: Path, tmp_path: Path) -> None:
    import_(truth, tmp_path / "p")
    results = tmp_path / "elsewhere" / "results.json"
    results.parent.mkdir()
    results.write_text(
        json.dumps([{"image_id": 1, "category_id": 1, "segmentation": SQUARE, "score": 0.5}])
    )
    done = import_(results, tmp_path / "p", layer="by/net", set_=(f"from.like={truth}",))
    assert done.warnings == ()
    shown = export(Path(f"{tmp_path / 'p'}::by/net"), tmp_path / "out", to="coco")
    assert shown.warnings == ()
    assert (tmp_path / "out" / "images" / "a.png").is_file()


def test_images_that_nobody_has_are_missing(truth: Path, tmp_path: Path) -> None:
    (truth.parent / "a.png").unlink()
    done = import_(truth, tmp_path / "p")
    (told,) = [line for line in done.warnings if "missing" in line]
    assert told == "1 of 1 images are missing, first 'a.png'"


def test_the_list_of_formats_says_which_take_volumes() -> None:
    done = list_("formats")
    dims = {row["name"]: row["dims"] for row in done.results["rows"]}
    assert dims["nifti"] == dims["nrrd"] == [3]
    assert dims["coco"] == [2]
    assert dims["nnunet"] == [2, 3]
    assert "nifti, nrrd take volumes alone" in done.tables[-1].note


def test_a_name_that_leads_out_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shape = {"label": "car", "points": [[1, 1], [8, 1], [8, 8]], "shape_type": "polygon"}
    data = {
        "imagePath": "../../a.png",
        "imageData": None,
        "imageHeight": 20,
        "imageWidth": 30,
        "shapes": [shape],
    }
    (tmp_path / "in" / "a.json").write_text(json.dumps(data))
    for done in (
        import_(tmp_path / "in", tmp_path / "p"),
        check(tmp_path / "in"),
    ):
        (told,) = [line for line in done.warnings if "missing" in line or "lead out" in line]
        assert told.startswith("file names that lead out of the data's folder are not followed: 1,")


def test_check_and_list_count_the_same_objects(truth: Path, tmp_path: Path) -> None:
    import_(truth, tmp_path / "p")
    for path in (truth, tmp_path / "p"):
        (row,) = check(path).results["classes"]
        assert (row["objects"], row["images"]) == (3, 1)
    (layer,) = list_("layers", tmp_path / "p").results["rows"]
    assert layer["objects"] == 3
