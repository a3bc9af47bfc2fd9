"""What data.yaml tells trainers to train and to validate on."""

from __future__ import annotations

import json

import pytest
import yaml

from maskloom.formats.yolo.trained_on import train_and_val
from maskloom.verbs.convert import convert

from .conftest import write_photo


@pytest.mark.parametrize(
    ("splits", "train", "val", "told"),
    [
        ("", "images", "images", False),
        ("train val", "train", "val", False),
        ("train2017 val2017", "train2017", "val2017", False),
        ("test2017 val2017 train2017", "train2017", "val2017", False),
        ("Valid Training", "Training", "Valid", False),
        ("val2 val train_b train", "train", "val", False),
        ("train test", "train", "train", True),
        ("test fold1", "fold1", "fold1", True),
        ("test", "test", "test", True),
        ("val", "val", "val", False),
        ("valley trainer", "valley", "valley", True),
    ],
)
def test_splits_stand_for_what_their_names_say(splits, train, val, told):
    lists = {name: f"{name}.txt" for name in splits.split()}
    entries, note = train_and_val(lists)
    assert entries == {"train": lists.get(train, "images"), "val": lists.get(val, "images")}
    assert bool(note) == told
    assert not told or repr(train) in note


def test_coco_2017_is_validated_on_its_own_images(tmp_path):
    for number, split in enumerate(("train2017", "val2017"), start=1):
        write_photo(tmp_path / "coco" / split / f"{split}.png", (40, 50))
        said = {
            "images": [{"id": number, "file_name": f"{split}.png", "height": 40, "width": 50}],
            "annotations": [
                {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "area": 100,
                 "bbox": [5, 5, 10, 10], "segmentation": [[5, 5, 15, 5, 15, 15, 5, 15]]}
            ],
            "categories": [{"id": 1, "name": "cell"}],
        }  # fmt: skip
        path = tmp_path / "coco" / "annotations" / f"instances_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(said))
    done = convert(tmp_path / "coco", tmp_path / "yolo", to="yolo")
    assert not any("validation" in text for text in done.warnings)
    said = yaml.safe_load((tmp_path / "yolo/data.yaml").read_text())
    listed = {use: (tmp_path / "yolo" / said[use]).read_text().split() for use in ("train", "val")}
    assert listed == {"train": ["./images/train2017.png"], "val": ["./images/val2017.png"]}
