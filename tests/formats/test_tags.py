"""What tools say of whole images becomes tags, and comes back from any format that holds tags."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage
from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import FormatError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.tags import attributed, fresh_tags, tag_text, tags_of_pairs
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, folder_bytes, objects, write_photo
from .tool_cases import hard_masks

SIZE = (40, 56)
HOLDING = ("cvat", "datumaro", "labelme", "labelstudio", "parquet", "supervisely", "via")


def png(root, name="a.png"):
    write_photo(root / name, SIZE)


def as_json(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


def cvat(root):
    png(root, "images/a.png")
    labels = "".join(
        f"<label><name>{name}</name><type>{kind}</type></label>"
        for name, kind in (("night", "tag"), ("cat", "any"), ("weather", "tag"))
    )
    (root / "annotations.xml").write_text(
        "<annotations><version>1.1</version>"
        f"<meta><task><labels>{labels}</labels></task></meta>"
        '<image id="0" name="a.png" width="56" height="40">'
        '<mask label="cat" rle="0,4" left="1" top="1" width="2" height="2" z_order="0"/>'
        '<tag label="night" source="manual"></tag>'
        '<tag label="weather" source="manual"><attribute name="value">rain</attribute>'
        '<attribute name="since">06:00</attribute><attribute name="until"></attribute></tag>'
        '<tag label="cat" source="auto"></tag>'
        "</image></annotations>"
    )
    return {"night": "true", "weather": "rain", "weather.since": "06:00", "cat": "true"}


def via(root):
    png(root)
    said = {"caption": "a <b> & c", "quality": {"sharp": True, "dark": True}, "site": "", "n": 3}
    region = {
        "shape_attributes": {"name": "circle", "cx": 20, "cy": 20, "r": 9},
        "region_attributes": {"class": "cat"},
    }
    entry = {"filename": "a.png", "size": 9, "regions": [region], "file_attributes": said}
    as_json(root / "via_region_data.json", {"a.png9": entry})
    return {"caption": "a <b> & c", "quality": "sharp, dark", "n": "3"}


def supervisely(root):
    png(root, "ds/img/a.png")
    names = ("night", "site", "depth")
    tags = [{"name": n, "value_type": "any_string", "color": "#102030"} for n in names]
    as_json(root / "meta.json", {"classes": [], "tags": tags, "projectType": "images"})
    said = [("night", None), ("site", "north"), ("site", "gate 2"), ("depth", 2.5)]
    data = {
        "description": "x", "tags": [{"name": n, "value": v, "labelerLogin": "ann"} for n, v in said],
        "size": {"height": 40, "width": 56}, "objects": [],
    }  # fmt: skip
    as_json(root / "ds/ann/a.png.json", data)
    return {"night": "true", "site": "north, gate 2", "depth": "2.5"}


def labelstudio(root):
    png(root)
    sides = {"original_width": 56, "original_height": 40}
    square = {"x": 10, "y": 10, "width": 50, "height": 50, "rectanglelabels": ["cat"]}
    said = [
        ("weather", "choices", {"choices": ["sunny", "dry"]}),
        ("stars", "rating", {"rating": 4}),
        ("remark", "textarea", {"text": ["two\nlines"]}),
        ("kind", "taxonomy", {"taxonomy": [["animal", "cat"]]}),
    ]
    results = [
        {"id": "r", "type": "rectanglelabels", "from_name": "t", "to_name": "i", "value": square}
        | sides,
        {"id": "r", "type": "choices", "from_name": "of", "value": {"choices": ["region"]}},
        {"id": "q", "type": "relation", "from_id": "r", "to_id": "r"},
    ]
    results += [
        {"id": name, "type": kind, "from_name": name, "to_name": "i", "value": value}
        for name, kind, value in said
    ]
    task = {"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 5, "result": results}]}
    as_json(root / "export.json", [task])
    return {"weather": "sunny, dry", "stars": "4", "remark": "two\nlines", "kind": "animal/cat"}


def labelme(root):
    png(root)
    data = {
        "version": "5.5.0", "flags": {"night": True, "blurred": False}, "imagePath": "a.png",
        "shapes": [{"label": "cat", "points": [[3, 3], [30, 4], [9, 20]], "shape_type": "polygon"}],
        "imageData": None, "imageHeight": 40, "imageWidth": 56,
    }  # fmt: skip
    as_json(root / "a.json", data)
    return {"night": "true", "blurred": "false"}


def datumaro(root):
    png(root, "images/default/a.png")
    labels = [{"name": n, "parent": "", "attributes": []} for n in ("cat", "indoor")]
    bare = {"id": 0, "group": 0, "label_id": 1}
    item = {
        "id": "a", "attr": {"frame": 7, "site": "north", "ok": True},
        "image": {"path": "a.png", "size": [40, 56]},
        "annotations": [
            {**bare, "type": "label", "attributes": {"sure": "very"}},
            {"id": 0, "group": 0, "type": "caption", "caption": "a cat", "attributes": {}},
        ],
    }  # fmt: skip
    head = {"infos": {}, "categories": {"label": {"labels": labels}}}
    as_json(root / "annotations/default.json", {**head, "items": [item]})
    return {
        "site": "north", "ok": "true", "indoor": "true", "indoor.sure": "very", "caption": "a cat",
    }  # fmt: skip


TOOLS = {one.__name__: one for one in (cvat, via, supervisely, labelstudio, labelme, datumaro)}


def opened(tool, root):
    (root / tool).mkdir(parents=True)
    return TOOLS[tool](root / tool), read_dataset(root / tool, tool)


def tags_in(data):
    (sample,) = data.samples
    return dict(sample.tags)


def kinds(done):
    return {loss.kind: loss for loss in done.losses}


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_tool_says_of_an_image_is_its_tags(tmp_path, tool):
    told, data = opened(tool, tmp_path)
    assert tags_in(data) == told
    if tool == "cvat":
        assert [c.name for c in data.taxonomy] == ["cat"]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_same_format_says_it_with_the_same_bytes(tmp_path, tool):
    told, data = opened(tool, tmp_path)
    done = transfer(data, tmp_path / "one", load_format(tool))
    assert done.written
    assert not {"tags", "fields"} & kinds(done).keys()
    back = read_dataset(tmp_path / "one", tool)
    assert tags_in(back) == told
    transfer(back, tmp_path / "two", load_format(tool))
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")


@pytest.mark.parametrize("target", HOLDING)
@pytest.mark.parametrize("tool", TOOLS)
def test_tags_come_back_through_another_format(tmp_path, tool, target):
    told, data = opened(tool, tmp_path)
    done = transfer(data, tmp_path / "there", load_format(target), allow_loss=True)
    there = read_dataset(tmp_path / "there", target)
    lost = kinds(done).get("tags")
    if target != "labelme" or tool == target:
        assert lost is None
        assert tags_in(there) == told
    else:
        flags = {name: text for name, text in told.items() if text in ("true", "false")}
        assert tags_in(there) == flags
        assert (lost is not None) == (flags != told)
    again = transfer(there, tmp_path / "back", load_format(tool), allow_loss=True)
    assert "tags" not in kinds(again) or tool == "labelme"
    assert tags_in(read_dataset(tmp_path / "back", tool)) == tags_in(there)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("target", ["coco", "bitmap", "geojson"])
def test_a_format_without_tags_refuses_and_names_them(tmp_path, tool, target):
    told, data = opened(tool, tmp_path)
    refused = transfer(data, tmp_path / "out", load_format(target))
    assert not refused.written
    assert not (tmp_path / "out").exists()
    loss = kinds(refused)["tags"]
    assert (loss.samples, loss.refused) == (1, True)
    assert loss.named == f"of images: {', '.join(sorted(told))}"
    assert loss.named in loss.example
    assert loss.named in loss.what
    done = transfer(data, tmp_path / "out", load_format(target), allow_loss=True)
    assert done.written
    assert tags_in(read_dataset(tmp_path / "out", target)) == {}


def tagged(tmp_path, tags, **changes):
    write_photo(tmp_path / "a.png", SIZE)
    labels = objects(hard_masks()).replace(**changes)
    sample = Sample("a", ImageRef(tmp_path / "a.png", SIZE), tags=tags)
    return Dataset(NUCLEUS, (sample,), lambda _: labels)


ODD = {"a b": "x, y", "ä.漢": "yes & <no>", 'q"': "1", "value": "true", "frame": "3", "id": "7"}


@pytest.mark.parametrize("target", sorted(set(HOLDING) - {"labelme"}))
def test_odd_names_and_texts_come_back(tmp_path, target):
    done = transfer(tagged(tmp_path, ODD), tmp_path / "out", load_format(target), allow_loss=True)
    assert "tags" not in kinds(done)
    back = read_dataset(tmp_path / "out", target)
    assert tags_in(back) == ODD
    assert [c.name for c in back.taxonomy] == ["nucleus"]
    transfer(back, tmp_path / "two", load_format(target), allow_loss=True)
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "two")


@pytest.mark.parametrize(
    ("target", "options", "changes"),
    [
        ("labelstudio", {"form": "min"}, {}),
        ("labelstudio", {}, {"nothing": True}),
        ("parquet", {"layout": "pictures"}, {}),
        ("labelme", {}, {}),
    ],
)
def test_forms_that_hold_no_such_tag_refuse_it(tmp_path, target, options, changes):
    fmt = load_format(target)
    data = tagged(tmp_path, {"site": "north"})
    if changes:
        (sample,) = data.samples
        labels = data.labels_of(sample)
        labels = labels.replace(rows=labels.rows.take(slice(0, 0)), coverage=Coverage(nothing=True))
        data = Dataset(NUCLEUS, (sample,), lambda _: labels)
    done = transfer(data, tmp_path / "out", fmt, options=fmt.WriteOptions(**options))
    assert not done.written
    assert kinds(done)["tags"].named == "of images: site"


@pytest.mark.parametrize("tags", [{"a": "x\x00"}, {"a": "\x01"}, {"a\0": "true"}, {" a ": "1"}])
def test_what_xml_cannot_say_is_refused_by_cvat_and_left_out(tmp_path, tags):
    data = tagged(tmp_path, {**tags, "site": "a\r\nb"})
    refused = transfer(data, tmp_path / "out", load_format("cvat"))
    (name,) = tags
    assert kinds(refused)["tags"].named == f"of images: {name}"
    assert transfer(data, tmp_path / "out", load_format("cvat"), allow_loss=True).written
    assert tags_in(read_dataset(tmp_path / "out")) == {"site": "a\r\nb"}


@pytest.mark.parametrize("text", [" x", "\t", "  ", "a\nb "])
def test_cvat_keeps_blanks_of_a_tag(tmp_path, text):
    assert transfer(tagged(tmp_path, {"a": text}), tmp_path / "out", load_format("cvat")).written
    assert tags_in(read_dataset(tmp_path / "out")) == {"a": text}


def test_frames_of_a_cvat_video_have_no_tags(tmp_path):
    fmt = load_format("cvat")
    labels = objects(hard_masks())
    sample = Sample("frame_000000", ImageRef(None, SIZE), "frame", "v", 0, tags={"site": "north"})
    data = Dataset(NUCLEUS, (sample,), lambda _: labels)
    done = transfer(data, tmp_path / "out", fmt, options=fmt.WriteOptions(form="video"))
    assert not done.written
    assert "tags" in kinds(done)


def test_a_via_project_and_supervisely_declare_new_tags(tmp_path):
    data = tagged(tmp_path, {"site": "north", "night": "true"})
    fmt = load_format("via")
    transfer(data, tmp_path / "v", fmt, options=fmt.WriteOptions(form="project"), allow_loss=True)
    project = json.loads((tmp_path / "v/via_project.json").read_text())
    assert set(project["_via_attributes"]["file"]) == {"site", "night"}
    transfer(data, tmp_path / "s", load_format("supervisely"), allow_loss=True)
    meta = json.loads((tmp_path / "s/meta.json").read_text())
    assert {t["name"]: t["value_type"] for t in meta["tags"]} == {
        "site": "any_string", "night": "none",
    }  # fmt: skip


def test_labels_of_images_keep_their_class_when_numbers_change(tmp_path):
    from maskloom.formats.rename import renamed

    told, data = opened("datumaro", tmp_path)
    merged = renamed(data, ("cat=indoor",))
    transfer(merged, tmp_path / "one", load_format("datumaro"))
    assert tags_in(read_dataset(tmp_path / "one")) == told
    other = renamed(data, ("indoor=inside",))
    transfer(other, tmp_path / "two", load_format("datumaro"))
    back = read_dataset(tmp_path / "two")
    assert tags_in(back) == told
    assert [c.name for c in back.taxonomy] == ["cat", "inside"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), ("", ""), (True, "true"), (False, "false"), (3, "3"), (0.5, "0.5"),
        (["a", "b", "a"], "a, b"), ({"x": True, "y": False, "z": True}, "x, z"), ({}, ""),
        ({"x": 1}, '{"x": 1}'), ("ü", "ü"),
    ],
)  # fmt: skip
def test_each_value_is_one_text(value, text):
    assert tag_text(value) == text


def test_a_tag_of_any_depth_is_one_text_or_one_error():
    deep = []
    for _ in range(300):
        deep = [deep]
    assert tag_text(deep).startswith("[[[")
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(FormatError, match="nested too deeply"):
        tag_text(deep)


def test_items_of_datumaro_that_an_older_version_kept_are_written(tmp_path):
    told, data = opened("datumaro", tmp_path)
    (sample,) = data.samples
    own = {k: v for k, v in sample.extra["datumaro"].items() if k != "labels"}
    old = replace(sample, extra={"datumaro": own}, tags={})
    transfer(replace(data, samples=(old,)), tmp_path / "out", load_format("datumaro"))
    assert tags_in(read_dataset(tmp_path / "out")) == told


def test_values_of_one_name_are_joined_and_what_is_empty_says_nothing():
    pairs = [("a", "x"), ("b", ""), ("a", None), ("a", "y"), ("", "z"), ("a", "x")]
    assert tags_of_pairs(pairs) == {"a": "x, y"}
    assert attributed("t", [("value", "1"), ("of", True)]) == [("t", "1"), ("t.of", True)]
    assert tags_of_pairs(attributed("t", [("value", ""), ("of", "")])) == {}
    assert attributed("t", []) == [("t", True)]
    assert fresh_tags({"a": "1", "b": "2"}, {"a": "1", "b": "3"}) == {"b": "2"}
