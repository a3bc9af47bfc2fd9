"""Splits, heads and categories of files of several splits come back as they were, or are told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from maskloom.faces.cli import main
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of, objects, write_photo

SIZE = (16, 20)
RING = [[2, 2, 8, 2, 8, 8, 2, 8]]


def image(name, number, **more):
    return {"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1], **more}


def annotation(number, picture, category=1, **more):
    return {"id": number, "image_id": picture, "category_id": category, "iscrowd": 0, "area": 36,
            "bbox": [2, 2, 6, 6], "segmentation": RING, **more}  # fmt: skip


def put(root, split, images, annotations, categories=None, **head):
    for one in images:
        write_photo(root / "images" / one["file_name"], SIZE, seed=one["id"])
    path = root / "annotations" / f"{'_'.join(filter(None, ('instances', split)))}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = categories or [{"id": 1, "name": "cat"}]
    data = {**head, "images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(data))


def convert(src, dst, to, *more):
    return main(["convert", str(src), str(dst), "--to", to, *more])


def parsed(folder, name):
    return json.loads((folder / f"annotations/{name}.json").read_text())


def mask():
    out = np.zeros(SIZE, bool)
    out[2:8, 3:9] = True
    return out


def split_data(root, splits):
    """Images a, b, c with one object each, in these splits."""
    labels = {key: objects([mask()]) for key in "abc"}
    return dataset_of(NUCLEUS, labels, root / "photos", splits)


SHARED = {"train": ("a", "b"), "val": ("c",), "mini": ("b", "c")}
FOLDERS = ["coco", "lvis", "coco-panoptic", "datumaro", "cvat", "labelstudio", "parquet"]


@pytest.mark.parametrize(
    "splits",
    [
        SHARED,
        {"train": ("a",), "val": ()},
        {"default": ("a",), "train": ("b",)},
        {"default": ("a", "b", "c")},
        {"rest": ("a",), "train": ("b",)},
        {"train": ("a", "b", "c"), "val": ("a", "b", "c")},
    ],
)
@pytest.mark.parametrize("fmt", FOLDERS)
def test_splits_come_back_as_they_were(tmp_path, fmt, splits):
    data = split_data(tmp_path, splits)
    done = transfer(data, tmp_path / "one", load_format(fmt), allow_loss=fmt == "coco-panoptic")
    assert done.written
    assert "splits" not in {loss.kind for loss in done.losses}
    back = read_dataset(tmp_path / "one", fmt)
    assert {s.key for s in back.samples} == set("abc")
    assert {n: set(keys) for n, keys in back.splits.items()} == {
        n: set(keys) for n, keys in splits.items()
    }
    again = transfer(back, tmp_path / "two", load_format(fmt), allow_loss=fmt == "coco-panoptic")
    assert again.written
    bytes_of = [
        {p.relative_to(r).as_posix(): p.read_bytes() for p in r.rglob("*.*") if p.is_file()}
        for r in (tmp_path / "one", tmp_path / "two")
    ]
    if fmt != "parquet":
        assert bytes_of[0] == bytes_of[1]


def test_an_image_of_two_splits_stands_in_both_files_under_one_id(tmp_path):
    data = split_data(tmp_path, SHARED)
    assert transfer(data, tmp_path / "out", load_format("coco")).written
    listed = {}
    for name, keys in SHARED.items():
        own = COCO(tmp_path / f"out/annotations/instances_{name}.json")
        listed[name] = {own.imgs[i]["file_name"]: i for i in own.imgs}
        assert len(own.anns) == len(keys)
    assert listed["train"]["b.png"] == listed["mini"]["b.png"]
    assert listed["val"]["c.png"] == listed["mini"]["c.png"]


def test_images_that_two_coco_files_describe_otherwise_stay_two(tmp_path):
    put(tmp_path / "src", "train", [image("x.png", 1)], [annotation(1, 1)])
    put(tmp_path / "src", "val", [image("x.png", 1)], [annotation(1, 1, score=0.5)])
    data = read_dataset(tmp_path / "src")
    assert data.splits == {"train": ("train/x",), "val": ("val/x",)}


def test_single_files_tell_splits_that_they_cannot_say(tmp_path):
    for fmt, name in (("coco", "a.json"), ("cvat", "a.xml"), ("labelstudio", "a.json")):
        done = transfer(split_data(tmp_path, SHARED), tmp_path / fmt / name, load_format(fmt))
        assert "splits" in {loss.kind for loss in done.losses}


def two_files(root):
    """Two splits whose heads and categories differ."""
    named = {"id": 2, "name": "dog", "supercategory": "b"}
    for split, first, count in (("train", 0, 10), ("val", 3, 3)):
        licenses = [{"id": 1, "name": split}, {"id": 2, "name": "both"}]
        more = [{"id": 3, "name": "bird", "x": 1}] if split == "val" else []
        cat = {"id": 1, "name": "cat", "supercategory": "a", "image_count": count}
        put(
            root,
            split,
            [image(f"{split}{i}.png", first + i, license=1 + i % 2) for i in range(3)],
            [annotation(100 + first + i, first + i, 1 + i % 2) for i in range(3)],
            [cat, named, *more],
            info={"split": split},
            licenses=licenses,
        )
    return root


def test_files_of_splits_keep_their_own_categories(tmp_path):
    src = two_files(tmp_path / "src")
    assert convert(src, tmp_path / "out", "coco") == 0
    for split in ("train", "val"):
        one, two = (parsed(root, f"instances_{split}") for root in (src, tmp_path / "out"))
        for name in ("categories", "info", "licenses"):
            assert one[name] == two[name]
    swap = ("--map", "cat=dog", "--map", "dog=cat")
    assert convert(src, tmp_path / "swapped", "coco", *swap) == 0
    told = {
        split: {one["name"]: one for one in parsed(tmp_path / "swapped", f"instances_{split}")["categories"]}
        for split in ("train", "val")
    }  # fmt: skip
    assert [told[s]["dog"]["image_count"] for s in ("train", "val")] == [10, 3]
    assert [sorted(told[s]) for s in ("train", "val")] == [["cat", "dog"], ["bird", "cat", "dog"]]


def test_one_file_of_two_splits_numbers_licences_apart_and_tells_other_heads(tmp_path, capsys):
    src = two_files(tmp_path / "src")
    assert convert(src, tmp_path / "one.json", "coco", "--allow-loss") == 0
    told = capsys.readouterr()
    assert "info" in told.out + told.err
    data = json.loads((tmp_path / "one.json").read_text())
    names = {one["id"]: one["name"] for one in data["licenses"]}
    assert sorted(names.values()) == ["both", "train", "val"]
    for one in data["images"]:
        number = int(one["file_name"][-5])
        assert names[one["license"]] == ("both" if number % 2 else one["file_name"][:-5])


def test_images_of_no_split_stand_beside_a_split_that_is_called_rest(tmp_path):
    data = split_data(tmp_path, {"rest": ("a",), "train": ("b",)})
    assert transfer(data, tmp_path / "out", load_format("coco")).written
    files = {p.name: json.loads(p.read_text()) for p in (tmp_path / "out/annotations").iterdir()}
    assert {n: [i["file_name"] for i in f["images"]] for n, f in files.items()} == {
        "instances_rest.json": ["a.png"],
        "instances_train.json": ["b.png"],
        "instances.json": ["c.png"],
    }


def test_panoptic_maps_lie_beside_the_file_that_names_them(tmp_path):
    data = split_data(tmp_path, {"train": ("a", "b"), "mini": ("b",)})
    assert transfer(data, tmp_path / "out", load_format("coco-panoptic"), allow_loss=True).written
    for name in ("panoptic_train", "panoptic_mini", "panoptic"):
        listed = {one["file_name"] for one in parsed(tmp_path / "out", name)["annotations"]}
        assert {p.name for p in (tmp_path / "out/annotations" / name).iterdir()} == listed


def test_images_of_no_split_keep_their_licence_in_one_file(tmp_path):
    for name, split, number in (("x", "train", 1), ("y", "", 2)):
        licenses = [{"id": 1, "name": name}]
        put(tmp_path / "src", split, [image(f"{name}.png", number, license=1)],
            [annotation(number, number)], licenses=licenses)  # fmt: skip
    assert read_dataset(tmp_path / "src").splits == {"train": ("x",)}
    assert convert(tmp_path / "src", tmp_path / "one.json", "coco") == 0
    data = json.loads((tmp_path / "one.json").read_text())
    names = {one["id"]: one["name"] for one in data["licenses"]}
    assert {i["file_name"]: names[i["license"]] for i in data["images"]} == {
        "x.png": "x", "y.png": "y",
    }  # fmt: skip
