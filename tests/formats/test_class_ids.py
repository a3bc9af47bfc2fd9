"""Numbers of classes come back from every detour: evaluators and models know classes by them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_

DETOURS = (
    "cityscapes", "cvat", "datumaro", "labelme", "labelstudio", "lvis", "objects",
    "parquet", "supervisely", "via", "voc", "yolo",
)  # fmt: skip
NAMES = ("person", "bicycle", "car", "street sign", "boat")
NUMBERS = {
    "gaps": (1, 2, 3, 13, 90),
    "behind": (13, 90, 3, 4, 5),
    "zero": (0, 1, 2, 3, 4),
    "plain": (1, 2, 3, 4, 5),
}


@pytest.fixture(params=sorted(NUMBERS))
def source(tmp_path, request):
    (tmp_path / "in/images").mkdir(parents=True)
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(tmp_path / "in/images/a.png")
    ids = NUMBERS[request.param]
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": 30, "width": 40}],
        "categories": [{"id": i, "name": n} for i, n in zip(ids, NAMES, strict=True)],
        "annotations": [
            {"id": n + 1, "image_id": 1, "category_id": i, "iscrowd": 0, "area": 24,
             "bbox": [6 * n, 3, 4, 6],
             "segmentation": [[6 * n, 3, 6 * n + 4, 3, 6 * n + 4, 9, 6 * n, 9]]}
            for n, i in enumerate(ids[:-1])
        ],
    }  # fmt: skip
    (tmp_path / "in/instances.json").write_text(json.dumps(data))
    return tmp_path / "in"


def numbers(path):
    data = json.loads(path.read_text())
    names = {one["name"]: one["id"] for one in data["categories"]}
    drawn = {one["bbox"][0]: one["category_id"] for one in data["annotations"]}
    return names, drawn


@pytest.mark.parametrize("detour", DETOURS)
def test_class_numbers_of_coco_come_back_from_a_detour(source, tmp_path, detour):
    done = transfer(read_dataset(source), tmp_path / "via", load_format(detour), allow_loss=True)
    assert done.written
    back = transfer(
        read_dataset(tmp_path / "via", detour),
        tmp_path / "back.json",
        load_format("coco"),
        allow_loss=True,
    )
    assert back.written
    assert numbers(tmp_path / "back.json") == numbers(source / "instances.json")


def test_class_numbers_of_coco_come_back_from_a_project(source, tmp_path):
    import_(source, tmp_path / "p")
    export(tmp_path / "p", tmp_path / "back.json", to="coco")
    assert numbers(tmp_path / "back.json") == numbers(source / "instances.json")
