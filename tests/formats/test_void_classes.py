"""Class maps of several void classes: which one a pixel has is kept, or told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.rename import renamed
from maskloom.formats.transfer import transfer

VALUES = np.array([[0, 1, 2], [3, 255, 0], [3, 2, 1]], np.uint8)
CLASSES = [
    {"id": 0, "name": "bg", "kind": "stuff"},
    {"id": 1, "name": "road", "kind": "stuff"},
    {"id": 2, "name": "ego", "void": True},
    {"id": 3, "name": "static", "void": True},
]


def street(root: Path, values: np.ndarray = VALUES, classes: list[dict] = CLASSES) -> Path:
    for folder, pixels in (("images", np.zeros((*values.shape, 3), np.uint8)), ("masks", values)):
        (root / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(root / folder / "a.png")
    (root / "taxonomy.json").write_text(json.dumps({"categories": classes}))
    return root


def convert(source: Path, target: Path, fmt: str, of: str = "bitmap"):
    to = load_format(fmt)
    return transfer(read_dataset(source, of), target, to, options=to.WriteOptions())


@pytest.mark.parametrize(("fmt", "ending"), [("bitmap", "png"), ("geotiff", "tif")])
def test_maps_of_numbers_keep_which_void_class_a_pixel_has(tmp_path, fmt, ending):
    if fmt == "geotiff":
        pytest.importorskip("rasterio", reason="needs the extra geo")
    done = convert(street(tmp_path / "in"), tmp_path / "out", fmt)
    assert done.written
    assert not done.losses
    assert np.array(Image.open(tmp_path / f"out/masks/a.{ending}")).tolist() == VALUES.tolist()
    side = json.loads((tmp_path / "out/taxonomy.json").read_text())
    found = {c["name"]: (c["ids"]["bitmap"], c.get("void", False)) for c in side["categories"]}
    assert found == {"bg": (0, False), "road": (1, False), "ego": (2, True), "static": (3, True)}
    assert not convert(tmp_path / "out", tmp_path / "again", "bitmap", fmt).losses
    assert np.array(Image.open(tmp_path / "again/masks/a.png")).tolist() == VALUES.tolist()


def test_void_of_no_class_stays_apart_from_the_only_void_class(tmp_path):
    values = np.where(VALUES == 3, 2, VALUES)
    assert not convert(
        street(tmp_path / "in", values, CLASSES[:3]), tmp_path / "o", "bitmap"
    ).losses
    assert np.array(Image.open(tmp_path / "o/masks/a.png")).tolist() == values.tolist()


@pytest.mark.parametrize("fmt", ["nnunet", "voc", "camvid"])
def test_a_format_of_one_void_tells_which_classes_it_drops(tmp_path, fmt):
    values = np.where(VALUES == 0, 1, VALUES)  # camvid has no background
    done = convert(street(tmp_path / "in", values), tmp_path / "out", fmt)
    assert done.written
    (told,) = (loss for loss in done.losses if loss.kind == "void_classes")
    assert "ego, static" in told.named
    assert not any("void_classes" in loss.named for loss in done.losses)


def test_cityscapes_labels_go_to_bitmap_and_back_with_their_void_classes(tmp_path):
    done = convert(street(tmp_path / "in"), tmp_path / "city", "cityscapes")
    assert not [loss for loss in done.losses if loss.kind != "ids"]
    assert convert(tmp_path / "city", tmp_path / "out", "bitmap", "cityscapes").written
    side = json.loads((tmp_path / "out/taxonomy.json").read_text())
    name = {c["ids"]["bitmap"]: c["name"] for c in side["categories"]}
    back = np.array(Image.open(next((tmp_path / "out/masks").rglob("*.png"))))
    for number, own in ((1, "road"), (2, "ego"), (3, "static")):
        assert {name[v] for v in back[number == VALUES].tolist()} == {own}


def test_camvid_keeps_void_classes_that_its_table_can_name(tmp_path):
    classes = [*CLASSES[:2], {"id": 2, "name": "Void", "void": True}]
    classes.append({"id": 3, "name": "Unlabelled", "void": True})
    values = np.where(VALUES == 255, 2, np.where(VALUES == 0, 1, VALUES))
    assert not convert(street(tmp_path / "in", values, classes), tmp_path / "out", "camvid").losses
    lines = (tmp_path / "out/label_colors.txt").read_text().splitlines()
    color = {line.split(None, 3)[3]: [int(v) for v in line.split()[:3]] for line in lines}
    pixels = np.array(Image.open(tmp_path / "out/trainannot/a.png"))
    for number, own in ((1, "road"), (2, "Void"), (3, "Unlabelled")):
        assert (pixels[values == number] == color[own]).all()


def test_a_void_class_of_another_name_is_void_in_camvid_and_its_name_told(tmp_path):
    values = np.where(VALUES == 3, 2, np.where(VALUES == 0, 1, VALUES))
    values[values == 255] = 2
    done = convert(street(tmp_path / "in", values, CLASSES[:3]), tmp_path / "out", "camvid")
    assert [(loss.kind, loss.named) for loss in done.losses] == [("void_classes", "of images: ego")]
    lines = (tmp_path / "out/label_colors.txt").read_text().splitlines()
    color = {line.split(None, 3)[3]: [int(v) for v in line.split()[:3]] for line in lines}
    assert sorted(color) == ["Void", "bg", "road"]
    assert (np.array(Image.open(tmp_path / "out/trainannot/a.png"))[values == 2] == 0).all()


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        (["static=parked"], {2: "ego", 3: "parked"}),
        (["static=ego"], {2: "ego", 3: "ego"}),
        (["static=ego", "ego=static"], {2: "static", 3: "ego"}),
        (["static=car", "ego=car"], {2: "car", 3: "car"}),
    ],
)
def test_renamed_void_classes_keep_their_pixels(tmp_path, pairs, names):
    to = load_format("bitmap")
    source = renamed(read_dataset(street(tmp_path / "in"), "bitmap"), pairs)
    done = transfer(source, tmp_path / "out", to, options=to.WriteOptions())
    assert not done.losses
    side = json.loads((tmp_path / "out/taxonomy.json").read_text())
    name = {c["ids"]["bitmap"]: c["name"] for c in side["categories"]}
    back = np.array(Image.open(tmp_path / "out/masks/a.png"))
    for number, own in names.items():
        assert {name[v] for v in back[number == VALUES].tolist()} == {own}
