"""What LabelMe files say that is easily lost: flags beside attributes, names that mean something."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import WriteError
from maskloom.formats.detect import read_dataset

from .conftest import NUCLEUS, dataset_of, objects
from .test_labelme import put_file, shape
from .tool_cases import exact, hard_masks, put, stable

SAID = [
    ({"occ": True}, {"occ": "heavily", "t": False}),
    ({"x": False, "y": None}, {"z": True, "n": None, "e": ""}),
    ({"a": True}, {"b": 1}),
    ({}, {"a": True}),
    ({"a": 1}, {}),
]


def divisions(root):
    shapes = json.loads((root / "a.json").read_text())["shapes"]
    return [(one["flags"], one.get("attributes", {})) for one in shapes]


def test_flags_stay_flags_and_attributes_stay_attributes(tmp_path):
    shapes = [
        shape("cat", [[4, y], [9, y], [9, y + 4]], flags=flags, attributes=others)
        for y, (flags, others) in enumerate(SAID, 1)
    ]
    stable(put_file(tmp_path / "src", *shapes), tmp_path, "labelme")
    assert divisions(tmp_path / "one") == SAID


@pytest.mark.parametrize("way", ["coco", "parquet"])
def test_a_flag_that_an_attribute_hides_survives_a_detour(tmp_path, way):
    said = shape(flags={"occ": True}, attributes={"occ": "heavily"})
    exact(read_dataset(put_file(tmp_path / "src", said)), tmp_path / "way", way)
    exact(read_dataset(tmp_path / "way"), tmp_path / "out", "labelme")
    (path,) = (tmp_path / "out").glob("**/a.json")
    assert divisions(path.parent) == [({"occ": True}, {"occ": "heavily"})]


def test_a_flag_that_an_attribute_hides_is_told_where_it_is_dropped(tmp_path):
    said = shape(flags={"occ": True}, attributes={"occ": "heavily"})
    source = read_dataset(put_file(tmp_path / "src", said))
    (loss,) = [x for x in put(source, tmp_path / "o", "cvat").losses if x.kind == "fields"]
    assert "flags" in loss.example


def test_objects_of_a_class_named_as_a_hole_are_refused_by_name(tmp_path):
    taxonomy = Taxonomy((Category("cat", "cat"), Category("background", "_background_")))
    masks = hard_masks()[:2]
    data = dataset_of(taxonomy, {"a": objects(masks, [0, 1])}, tmp_path / "photos")
    for allow in (False, True):
        with pytest.raises(
            WriteError, match=r"_background_.*object 2 of a.*--map _background_=NEW"
        ):
            put(data, tmp_path / "out", "labelme", allow_loss=allow)
    unused = dataset_of(taxonomy, {"a": objects(masks, [0, 0])}, tmp_path / "photos")
    exact(unused, tmp_path / "out", "labelme")
    assert [c.name for c in read_dataset(tmp_path / "out").taxonomy] == ["cat", "_background_"]


@pytest.mark.parametrize("key", [".hidden", "sub/.hidden/a", "sub/taxonomy", "a\\b"])
def test_images_whose_files_would_not_be_read_again_are_refused(tmp_path, key):
    data = dataset_of(NUCLEUS, {key: objects(hard_masks()[:1])}, tmp_path / "photos")
    with pytest.raises(WriteError, match=r"no place.*Rename the image"):
        put(data, tmp_path / "out", "labelme")


EMPTY = [
    {"score": None, "attributes": {}},
    {"score": None, "attributes": {"color": "red", "n": None}},
    {"score": 0.0, "attributes": None, "flags": None},
    {"kind": "window", "flags": {"a": 1}, "attributes": {}},
    {"kind": None},
    {"kind": "box"},
    {},
]


def said(root):
    names = ("score", "attributes", "flags", "kind")
    (path,) = root.glob("**/a.json")
    shapes = json.loads(path.read_text())["shapes"]
    return [{name: one[name] for name in names if name in one} for one in shapes]


@pytest.mark.parametrize("way", [None, "coco", "parquet"])
def test_fields_that_say_null_or_nothing_come_back(tmp_path, way):
    shapes = [shape("cat", [[4, y], [9, y], [9, y + 4]]) | own for y, own in enumerate(EMPTY, 1)]
    source = read_dataset(put_file(tmp_path / "src", *shapes))
    if way:
        exact(source, tmp_path / "way", way)
        source = read_dataset(tmp_path / "way")
    exact(source, tmp_path / "out", "labelme")
    assert said(tmp_path / "out") == [{"flags": {}} | own for own in EMPTY]


def test_a_kind_that_a_box_cannot_keep_is_told(tmp_path):
    box = shape("cat", [[4, 3], [9, 8]], "rectangle") | {"kind": "window"}
    source = read_dataset(put_file(tmp_path / "src", box), settings=["rectangles=box"])
    (loss,) = put(source, tmp_path / "o", "labelme").losses
    assert (loss.kind, "kind" in loss.named) == ("fields", True)


RING = shape("cat", [[2, 2], [20, 2], [20, 20], [2, 20]], description="ring")
HOLE = shape("_background_", [[5, 5], [9, 9]], "rectangle", description="pond", by="me")
CUT = [
    RING,
    shape("dog", [[30, 3]], "point"),
    HOLE,
    shape("dog", [[4, 4], [8, 8]], "rectangle"),
    shape("_background_", [[25, 25], [28, 26], [26, 28]], flags={"sure": False}),
]


def shapes_of(root):
    (path,) = root.glob("**/a.json")
    return json.loads(path.read_text())["shapes"]


def told(shapes):
    """What the tool would show of them."""
    names = ("label", "points", "shape_type", "description", "flags", "by")
    return [{name: one[name] for name in names if one.get(name)} for one in shapes]


@pytest.mark.parametrize("way", [None, "parquet"])
def test_shapes_that_are_holes_come_back_as_they_were(tmp_path, way):
    source = read_dataset(put_file(tmp_path / "src", *CUT))
    if way:
        exact(source, tmp_path / "way", way)
        source = read_dataset(tmp_path / "way")
    exact(source, tmp_path / "out", "labelme")
    assert told(shapes_of(tmp_path / "out")) == told(CUT)
    stable(tmp_path / "out", tmp_path, "labelme")


def test_shapes_that_are_holes_are_told_where_they_cannot_stand_again(tmp_path):
    source = read_dataset(put_file(tmp_path / "src", *CUT))

    def edited(sample):
        labels = source.labels_of(sample)
        rows = labels.rows
        full = Masks.from_dense(np.ones((1, *labels.size), bool))
        masks = Masks.concatenate([full, *(rows.masks[i] for i in range(1, len(rows)))])
        return labels.replace(rows=replace(rows, masks=masks))

    done = put(replace(source, labels_of=edited), tmp_path / "out", "labelme")
    (loss,) = [one for one in done.losses if one.kind == "fields"]
    assert "of images: _background_" in loss.named
    assert [one["label"] for one in shapes_of(tmp_path / "out")] == ["cat", "dog", "dog"]
    for to in ("cvat", "coco"):
        done = put(source, tmp_path / to, to)
        named = [one.named for one in done.losses if one.kind == "fields"]
        assert any("_background_" in one for one in named)
