"""Images that stand in several splits: both places are kept, or the loss of one is told."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maskloom import registry
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.formats.camvid.classes import SEGNET
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.quality.leaks import split_findings
from maskloom.verbs.import_ import import_
from maskloom.verbs.init import init

from .conftest import NUCLEUS, dataset_of

SIZE = (6, 5)
SPLITS = {"train": ("a", "b"), "val": ("b", "c")}
DENSE = ("camvid", "nnunet")
TELLING = ("camvid",)  # an image lies in the folder of its split
WRITTEN = [
    name for name in sorted(registry.FORMATS) if (f := load_format(name)).written and 2 in f.dims
]


def listed(folder, train="ab", val="bc"):
    """A YOLO data set whose lists share images, and what they say."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for i, name in enumerate("abc"):
        pixels = np.random.default_rng(i).integers(0, 256, (*SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"images/{name}.png")
        (folder / f"labels/{name}.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    for name, keys in (("train", train), ("val", val)):
        (folder / f"{name}.txt").write_text("".join(f"./images/{key}.png\n" for key in keys))
    text = "path: .\ntrain: train.txt\nval: val.txt\nnames:\n  0: nucleus\n"
    (folder / "data.yaml").write_text(text)
    return folder


def labelled(name, folder):
    """Labels that the format holds: of objects that cover the image, or of one class."""
    if name in DENSE:
        one = Labels(SIZE, class_map=np.zeros(SIZE, np.uint8))
        return dataset_of(SEGNET, dict.fromkeys("abc", one), folder, SPLITS)
    rows = Rows.make(Masks.from_dense(np.ones((1, *SIZE), bool)), np.zeros(1))
    return dataset_of(NUCLEUS, dict.fromkeys("abc", Labels(SIZE, rows=rows)), folder, SPLITS)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_format_keeps_both_splits_of_an_image_or_tells(tmp_path, name):
    data = labelled(name, tmp_path / "photos")
    done = transfer(data, tmp_path / "out", load_format(name))
    assert done.written, done.losses
    told = [loss.named for loss in done.losses if loss.kind == "splits"]
    if name in TELLING:
        assert told == ["of the data set: val"]
        return
    assert told == []
    back = read_dataset(tmp_path / "out", name)
    assert {split: sorted(keys) for split, keys in back.splits.items()} == {
        split: sorted(keys) for split, keys in SPLITS.items()
    }


def test_lists_of_yolo_that_share_an_image_keep_it_in_both(tmp_path):
    data = read_dataset(listed(tmp_path / "src"))
    assert [s.key for s in data.samples] == ["a", "b", "c"]
    assert data.splits == SPLITS
    (found,) = split_findings(data)
    assert (found.check, found.key, found.value) == ("split-overlap", "b", ["train", "val"])
    assert transfer(data, tmp_path / "out", load_format("yolo")).written
    assert (tmp_path / "out/train.txt").read_text() == "./images/a.png\n./images/b.png\n"
    assert (tmp_path / "out/val.txt").read_text() == "./images/b.png\n./images/c.png\n"


def test_an_image_without_a_label_file_counts_once_in_two_splits(tmp_path):
    folder = listed(tmp_path / "src")
    (folder / "labels/b.txt").unlink()
    data = read_dataset(folder)
    assert data.warnings[0] == "1 images have no label file and are taken as empty"
    assert data.splits == SPLITS


@pytest.mark.parametrize("val", ["images", "./images/", "train.txt", "[train.txt]"])
def test_one_folder_or_list_named_by_two_splits_is_both(tmp_path, val):
    folder = listed(tmp_path / "src", train="abc")
    train = "train.txt" if "txt" in val else "images"
    field = "" if "txt" in val else "root: images\n"  # no split
    text = f"train: {train}\nval: {val}\n{field}names: [nucleus]\n"
    (folder / "data.yaml").write_text(text)
    assert read_dataset(folder, "yolo").splits == dict.fromkeys(SPLITS, ("a", "b", "c"))


def test_a_folder_inside_that_of_another_split_adds_no_image(tmp_path):
    folder = listed(tmp_path / "src")
    for kind, end in (("images", "png"), ("labels", "txt")):
        (folder / kind / "val").mkdir()
        (folder / kind / f"c.{end}").rename(folder / kind / f"val/c.{end}")
    (folder / "data.yaml").write_text("train: images\nval: images/val\nnames: [nucleus]\n")
    data = read_dataset(folder, "yolo")
    assert [s.key for s in data.samples] == ["a", "b", "val/c"]
    assert data.splits == {"train": ("a", "b", "val/c"), "val": ("val/c",)}


def test_a_project_keeps_both_splits_of_an_image(tmp_path):
    folder = listed(tmp_path / "src")
    init(tmp_path / "project")
    assert import_(folder, tmp_path / "project").exit_code == 0
    assert {k: set(v) for k, v in read_dataset(tmp_path / "project").splits.items()} == {
        "train": {"a", "b"},
        "val": {"b", "c"},
    }
