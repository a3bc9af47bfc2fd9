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
        ("train val", "train", "val", ""),
        ("train2017 val2017", "train2017", "val2017", ""),
        ("test2017 val2017 train2017", "train2017", "val2017", ""),
        ("Valid Training", "Training", "Valid", ""),
        ("trainA trainB valA", "trainA trainB", "valA", ""),
        ("train1 train2 val", "train1 train2", "val", ""),
        ("trainval test", "trainval", "trainval", "val"),
        ("trainval train2017 val2017", "train2017", "val2017", ""),
        ("train2007 val2007 trainval2007", "train2007", "val2007", ""),
        ("train_val val train", "train", "val", ""),
        ("trainval_2012 val", "trainval_2012", "val", ""),
        ("valid validation train", "train", "valid validation", ""),
        ("fold1 fold2 eval", "fold1", "eval", ""),
        ("testdev val", "val", "val", "train"),
        ("test-dev val", "val", "val", "train"),
        ("valid test", "valid", "valid", "train"),
        ("val2017", "val2017", "val2017", "train"),
        ("train test", "train", "train", "val"),
        ("test fold1", "fold1", "fold1", "train or val"),
        ("test", "test", "test", "train or val"),
        ("valley trainer", "valley", "valley", "train or val"),
    ],
)
def test_splits_stand_for_what_their_names_say(splits, train, val, told):
    lists = {name: f"{name}.txt" for name in splits.split()}
    entries, note = train_and_val(lists)
    for use, names in (("train", train), ("val", val)):
        found = [lists[name] for name in names.split()]
        assert entries[use] == (found[0] if len(found) == 1 else found)
    assert f"no split is for {told} by its name" in note if told else "no split" not in note


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        ("val2 val train_b train", "'val2', 'train_b' is neither trained on nor validated on"),
        ("trainval val", "'trainval' holds the images of 'val', too"),
        ("trainval2007 val2007", "'trainval2007' holds the images of 'val2007', too"),
        ("train_val val", "'train_val' holds the images of 'val', too"),
        ("trainval train2017 val2017", "'trainval' is not trained on, and may hold images"),
        ("train2007 val2007 trainval2012", "'trainval2012' is not trained on, and may hold"),
        ("train_1 val_1 trainval", "'trainval' is not trained on, and may hold images"),
        ("train_a val_a trainval_b", "'trainval_b' is not trained on, and may hold images"),
        ("train extra", "'extra' is neither trained on nor validated on"),
        ("fold1 fold2", "'fold2' is neither trained on nor validated on"),
        ("trainval val extra", "'extra' is neither trained on nor validated on"),
        ("train2017 val2017 extra test2017", "'extra' is neither trained on nor validated on"),
    ],
)
def test_what_a_training_leaves_out_is_told(splits, told):
    assert told in train_and_val({name: f"{name}.txt" for name in splits.split()})[1]


@pytest.mark.parametrize(
    ("splits", "train"),
    [
        ("train_valencia train_berlin val_berlin", "train_valencia train_berlin"),
        ("train_valley val_valley", "train_valley"),
        ("trainVal_2012 val", "trainVal_2012"),
        ("train-validation val", "train-validation"),
    ],
)
def test_towns_that_begin_with_val_are_no_lists_of_both(splits, train):
    lists = {name: f"{name}.txt" for name in splits.split()}
    found, note = train_and_val(lists)
    named = [lists[name] for name in train.split()]
    assert found["train"] == (named if len(named) > 1 else named[0])
    assert ("too" in note) == ("al_2012" in splits or "validation" in splits)


@pytest.mark.parametrize("splits", ["train val trainval", "train2007 val2007 trainval2007"])
def test_a_list_of_both_beside_train_and_val_leaves_no_image_out(splits):
    lists = {name: f"{name}.txt" for name in splits.split()}
    train, val, _ = splits.split()
    assert train_and_val(lists) == ({"train": lists[train], "val": lists[val]}, "")


def test_without_splits_all_images_are_both():
    assert train_and_val({}) == ({"train": "images", "val": "images"}, "")


def test_several_lists_of_one_use_are_read_back_as_the_splits_they_were(tmp_path):
    for split in ("train1", "train2", "val"):
        coco(tmp_path / "coco", split)
    assert convert(tmp_path / "coco", tmp_path / "yolo", to="yolo").results["written"]
    said = yaml.safe_load((tmp_path / "yolo/data.yaml").read_text())
    assert said["train"] == ["train1.txt", "train2.txt"]
    assert convert(tmp_path / "yolo", tmp_path / "back", to="coco").results["written"]
    names = {path.name for path in (tmp_path / "back/annotations").iterdir()}
    assert names == {f"instances_{split}.json" for split in ("train1", "train2", "val")}


def test_a_split_of_another_name_is_no_field_of_data_yaml(tmp_path):
    for split in ("training", "validation"):
        coco(tmp_path / "coco", split)
    convert(tmp_path / "coco", tmp_path / "yolo", to="yolo")
    done = convert(tmp_path / "yolo", tmp_path / "back", to="coco")
    assert "fields" not in done.results["losses"]


def coco(root, split):
    """One image with one object, in the file of its split."""
    write_photo(root / split / f"{split}.png", (40, 50))
    said = {
        "images": [{"id": 1, "file_name": f"{split}.png", "height": 40, "width": 50}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 100,
             "bbox": [5, 5, 10, 10], "segmentation": [[5, 5, 15, 5, 15, 15, 5, 15]]}
        ],
        "categories": [{"id": 1, "name": "cell"}],
    }  # fmt: skip
    path = root / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said))


def test_coco_2017_is_validated_on_its_own_images(tmp_path):
    for split in ("train2017", "val2017"):
        coco(tmp_path / "coco", split)
    done = convert(tmp_path / "coco", tmp_path / "yolo", to="yolo")
    assert not any("validation" in text for text in done.warnings)
    said = yaml.safe_load((tmp_path / "yolo/data.yaml").read_text())
    listed = {use: (tmp_path / "yolo" / said[use]).read_text().split() for use in ("train", "val")}
    assert listed == {"train": ["./images/train2017.png"], "val": ["./images/val2017.png"]}
