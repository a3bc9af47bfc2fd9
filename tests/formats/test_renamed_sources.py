"""What a source said in its own words, written again after classes were renamed or joined.

Judged by json and Pillow: the file must not say otherwise than the labels beside it.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.cityscapes.labels import LABELS, numbers_of
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.rename import renamed
from maskloom.formats.transfer import transfer

PLACE = "gtFine/train/ulm/ulm_000001_000019_gtFine"
LABEL_OF = {label.id: label.name for label in LABELS}
STREET = [
    {"label": "road", "polygon": [[0, 0], [59, 0], [59, 39], [0, 39]]},
    {"label": "car", "polygon": [[5, 5], [20, 5], [20, 20], [5, 20]], "user": "x"},
    {"label": "truck", "polygon": [[30, 5], [45, 5], [45, 20], [30, 20]]},
    {"label": "cargroup", "polygon": [[5, 25], [20, 25], [20, 35], [5, 35]]},
    {"label": "license plate", "polygon": [[6, 6], [8, 6], [8, 8]]},
    {"label": "bicycle", "polygon": [[50, 25], [58, 25], [58, 35], [50, 35]]},
    {"label": "person", "deleted": 1, "polygon": [[1, 1], [9, 1], [9, 9]]},
]


def street(root, *, maps):
    """A polygon file, and maps whose edges are not those that Pillow paints now."""
    (root / PLACE).parent.mkdir(parents=True)
    data = {"imgHeight": 40, "imgWidth": 60, "objects": STREET}
    (root / f"{PLACE}_polygons.json").write_text(json.dumps(data))
    if maps:
        values = np.full((40, 60), 7, np.uint16)
        values[5:20, 5:20], values[5:20, 30:45] = 26000, 27000
        values[25:35, 5:20], values[25:35, 50:58] = 26, 33000
        Image.fromarray(values).save(root / f"{PLACE}_instanceIds.png")
    return root


def convert(source, target, name, *pairs):
    data = renamed(read_dataset(source, name), pairs)
    return transfer(data, target, load_format(name), allow_loss=True)


def json_names(target):
    listed = json.loads((target / "taxonomy.json").read_text())["categories"]
    return {dict(c["ids"])["cityscapes"]: c["name"] for c in listed}


def labels_of_pixels(target):
    """The name that taxonomy.json and the label map give each label of the polygon file."""
    names = json_names(target)
    objects = json.loads((target / f"{PLACE}_polygons.json").read_text())["objects"]
    ids = np.asarray(Image.open(target / f"{PLACE}_labelIds.png"))
    for one in objects:
        if one.get("deleted") or one["label"] == "license plate":
            continue
        inside = Image.new("1", ids.shape[::-1])
        ImageDraw.Draw(inside).polygon([tuple(p) for p in one["polygon"]], fill=1)
        number = np.bincount(ids[np.asarray(inside)]).argmax()
        yield one["label"], names[int(number)]


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize(
    "pairs", [("car=bicycle", "bicycle=car"), ("car=vehicle",), ("car=truck", "truck=car")]
)
def test_polygons_of_cityscapes_have_the_new_names(tmp_path, pairs, maps):
    target = tmp_path / "out"
    done = convert(street(tmp_path / "in", maps=maps), target, "cityscapes", *pairs)
    assert not {loss.kind for loss in done.losses} & {"vertices", "fields"}
    told = list(labels_of_pixels(target))
    assert [label.removesuffix("group") for label, _ in told] == [name for _, name in told]
    before, after = STREET, json.loads((target / f"{PLACE}_polygons.json").read_text())["objects"]
    assert [{**one, "label": ""} for one in after] == [{**one, "label": ""} for one in before]
    assert [one["label"].endswith("group") for one in after].count(True) == 1
    if "bicycle=car" in pairs or "truck=car" in pairs:  # labels of the table have its numbers
        ids = json_names(target)
        assert all(LABEL_OF[number] == name for number, name in ids.items())
        train = np.asarray(Image.open(target / f"{PLACE}_labelTrainIds.png"))
        assert set(np.unique(train).tolist()) == {0, 13, 14, 18}
    back = read_dataset(target, "cityscapes")
    assert not back.labels_of(back.samples[0]).extra.get("notes")


def test_polygons_of_cityscapes_that_say_otherwise_are_dropped_and_told(tmp_path):
    source, target = street(tmp_path / "in", maps=True), tmp_path / "out"
    done = convert(source, target, "cityscapes", "car=truck")
    assert not (target / f"{PLACE}_polygons.json").exists()
    found = {loss.kind: loss for loss in done.losses}
    assert "vertices" in found
    assert "user" in found["fields"].named
    assert "license plate" in found["fields"].named


def test_joined_classes_of_painted_polygons_have_the_joined_name(tmp_path):
    source, target = street(tmp_path / "in", maps=False), tmp_path / "out"
    convert(source, target, "cityscapes", "truck=car")
    told = list(labels_of_pixels(target))
    assert [name for _, name in told] == ["road", "car", "car", "car", "bicycle"]
    assert [label.removesuffix("group") for label, _ in told] == [name for _, name in told]


def test_what_polygons_of_cityscapes_say_besides_is_told_to_others(tmp_path):
    data = read_dataset(street(tmp_path / "in", maps=True), "cityscapes")
    done = transfer(data, tmp_path / "out.json", load_format("coco"), allow_loss=True)
    named = next(loss.named for loss in done.losses if loss.kind == "fields")
    assert all(word in named for word in ("user", "deleted", "license plate"))


VISTAS = [
    {"name": "object--car", "readable": "Car", "instances": True, "evaluate": True},
    {"name": "object--truck", "readable": "Truck", "instances": True, "evaluate": True, "x": [1]},
    {"name": "nature--sky", "readable": "Sky", "instances": False, "evaluate": True},
    {"name": "void--unlabeled", "readable": "Unlabeled", "instances": False, "evaluate": False},
]


def vistas(root):
    """A map in which object n is of label n, and its configuration."""
    labels = [{**label, "color": [i, 2, 3]} for i, label in enumerate(VISTAS)]
    (root / "training/v1.2/instances").mkdir(parents=True)
    config = {"labels": labels, "version": "1.1", "folder_structure": "{split}"}
    (root / "config_v1.2.json").write_text(json.dumps(config))
    values = np.array([[0, 256, 512, 768]], np.uint16)
    Image.fromarray(values).save(root / "training/v1.2/instances/a.png")
    return root


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        (("Car=Truck", "Truck=Car"), [("object--truck", "Truck"), ("object--car", "Car")]),
        (("Car=Van",), [("Van", "Van"), ("object--truck", "Truck")]),
        (("Truck=Car",), [("object--car", "Car"), ("object--car", "Car")]),
    ],
)
def test_the_configuration_of_mapillary_has_the_new_names_and_its_fields(tmp_path, pairs, names):
    done = convert(vistas(tmp_path / "in"), tmp_path / "out", "mapillary", *pairs)
    assert "fields" not in {loss.kind for loss in done.losses}
    config = json.loads((tmp_path / "out/config_v1.2.json").read_text())
    assert (config["version"], config["folder_structure"]) == ("1.1", "{split}")
    values = np.asarray(Image.open(tmp_path / "out/training/v1.2/instances/a.png"))
    shown = [config["labels"][v // 256] for v in values[0].tolist()]
    assert [(one["name"], one["readable"]) for one in shown[:2]] == names
    assert [one["readable"] for one in shown[2:]] == ["Sky", "Unlabeled"]
    assert config["labels"][1]["x"] == [1]
    listed = json.loads((tmp_path / "out/taxonomy.json").read_text())["categories"]
    assert all(
        config["labels"][dict(c["ids"])["mapillary"]]["readable"] == c["name"] for c in listed
    )


def test_a_configuration_of_mapillary_that_cannot_be_kept_is_told(tmp_path):
    pairs = ("Car=Van", "Truck=Van", "Sky=Truck")
    done = convert(vistas(tmp_path / "in"), tmp_path / "out", "mapillary", *pairs)
    named = next(loss.named for loss in done.losses if loss.kind == "fields")
    assert "config" in named
    config = json.loads((tmp_path / "out/config_v1.2.json").read_text())
    values = np.asarray(Image.open(tmp_path / "out/training/v1.2/instances/a.png"))
    shown = [config["labels"][v // 256]["readable"] for v in values[0].tolist()]
    assert shown == ["Van", "Van", "Truck", "Unlabeled"]


def test_exchanged_classes_of_kitti_have_the_numbers_of_the_table(tmp_path):
    values = np.array([[26 * 256 + 1, 33 * 256 + 1, 7 * 256]], np.uint16)
    (tmp_path / "in/training/instance").mkdir(parents=True)
    Image.fromarray(values).save(tmp_path / "in/training/instance/a.png")
    convert(tmp_path / "in", tmp_path / "out", "kitti", "car=bicycle", "bicycle=car")
    after = np.asarray(Image.open(tmp_path / "out/training/semantic/a.png"))
    assert after.tolist() == [[33, 26, 7]]


def test_numbers_of_another_table_stay(tmp_path):
    names = {"categories": [{"id": 1, "name": "car"}, {"id": 26, "name": "cow"}]}
    taxonomy = Taxonomy.from_json(
        {"categories": [{**c, "ids": {"cityscapes": c["id"]}} for c in names["categories"]]}
    )
    assert numbers_of(taxonomy) == {0: 1, 1: 26}
