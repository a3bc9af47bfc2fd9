"""Fields and attributes that are named like what a target keeps, or hold what XML cannot."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from maskloom.faces.cli import main
from maskloom.formats.detect import read_dataset

from .conftest import write_photo

SIZE = (16, 20)
RING = [[2, 2, 8, 2, 8, 8, 2, 8]]
ODD = {"shape": 3, "result": 3, "tags": 3, "group": "x", "id": "q", "attributes": 3}


def coco(root, *annotations):
    """A COCO folder of one image with these annotations."""
    write_photo(root / "images/a.png", SIZE)
    listed = [
        {"id": 7 + i, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 36,
         "bbox": [2, 2, 6, 6], "segmentation": RING, **one}
        for i, one in enumerate(annotations)
    ]  # fmt: skip
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": listed,
    }
    (root / "instances.json").write_text(json.dumps(data))
    return root


def convert(src, dst, to, *more):
    return main(["convert", str(src), str(dst), "--to", to, *more])


def row_of(path):
    data = read_dataset(path)
    return data.labels_of(data.samples[0]).rows


@pytest.mark.parametrize(
    ("name", "value", "more"),
    [
        ("is_crowd", True, {}),
        ("is_crowd", False, {"iscrowd": 1}),
        ("track_id", 3, {}),
        ("score", "high", {"score": 0.5}),
        ("score", 0.9, {}),
    ],
)
def test_datumaro_says_which_attributes_its_columns_would_take(tmp_path, capsys, name, value, more):
    runs = {"counts": [34, 36, 250], "size": list(SIZE)}
    more = more | ({"segmentation": runs} if "iscrowd" in more else {})
    src = coco(tmp_path / "src", {"attributes": {name: value, "fur": "red"}, **more})
    assert convert(src, tmp_path / "out", "datumaro") == 1
    assert re.search(rf"attributes.*{name}", " ".join(capsys.readouterr().out.split()))
    assert convert(src, tmp_path / "out", "datumaro", "--allow-loss") == 0
    said = json.loads((tmp_path / "out/annotations/default.json").read_text())
    told = said["items"][0]["annotations"][0]["attributes"]
    assert told.pop("fur") == "red"
    columns = {"score": more["score"]} if "score" in more else {}
    assert told == columns | ({"is_crowd": True} if "iscrowd" in more else {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("is_crowd", False), ("is_crowd", "no"), ("track_id", -3), ("track_id", "t"), ("score", "x")],
)
def test_datumaro_keeps_attributes_that_no_column_takes(tmp_path, name, value):
    src = coco(tmp_path / "src", {"attributes": {name: value}})
    assert convert(src, tmp_path / "out", "datumaro") == 0
    rows = row_of(tmp_path / "out")
    assert rows.attributes == ({name: value},)
    assert not rows.crowd.any()
    assert (rows.track == -1).all()


@pytest.mark.parametrize("fmt", ["cvat", "datumaro", "labelstudio", "via", "supervisely"])
@pytest.mark.parametrize("value", [1, "x", [1], ODD, {"points": "0,0"}, {"a b": "c"}])
def test_a_field_of_coco_that_is_named_like_a_format_is_told_and_breaks_nothing(
    tmp_path, capsys, fmt, value
):
    src = coco(tmp_path / "src", {fmt: value})
    assert convert(src, tmp_path / "out", fmt) == 0
    capsys.readouterr()
    if fmt in ("cvat", "labelstudio") or not isinstance(value, dict) or value is ODD:
        assert convert(src, tmp_path / "again", fmt) == 0
        assert "fields" in capsys.readouterr().out
    assert int(row_of(tmp_path / "out").masks.areas.sum()) == 36
    # COCO itself keeps the field.
    assert convert(src, tmp_path / "coco", "coco") == 0
    (path,) = (tmp_path / "coco").rglob("*.json")
    assert json.loads(path.read_text())["annotations"][0][fmt] == value


HALF = "a\ud800b"
JSON_FORMATS = ["coco", "labelme", "supervisely", "labelstudio", "datumaro", "via", "lvis"]


@pytest.mark.parametrize("fmt", JSON_FORMATS)
def test_half_a_character_in_an_attribute_is_kept_as_json_escapes_it(tmp_path, fmt):
    src = coco(tmp_path / "src", {"attributes": {"k": HALF, "l": "\u00fc"}})
    assert convert(src, tmp_path / "out", fmt) == 0
    texts = [path.read_bytes() for path in (tmp_path / "out").rglob("*.json")]
    assert any(rb"a\ud800b" in text for text in texts)
    for text in texts:
        json.loads(text.decode("utf-8"))
    assert row_of(tmp_path / "out").attributes == ({"k": HALF, "l": "\u00fc"},)


def test_half_a_character_goes_through_parquet_and_out_again(tmp_path):
    src = coco(tmp_path / "src", {"attributes": {"k": HALF}})
    assert convert(src, tmp_path / "table", "parquet") == 0
    assert convert(tmp_path / "table", tmp_path / "out", "coco") == 0
    assert row_of(tmp_path / "out").attributes == ({"k": HALF},)


ODD_TEXTS = ["a\x00b", "\x07", "\ufffe", HALF, " x ", "  ", "a\nb", "\ta", "a\rb", '"q"', "5", ""]


@pytest.mark.parametrize("fmt", ["cvat", "voc"])
def test_texts_that_xml_cannot_hold_are_escaped_and_blanks_are_kept(tmp_path, fmt):
    said = {f"k{i}": text for i, text in enumerate(ODD_TEXTS)} | {"list": ["\x00", 1]}
    src = coco(tmp_path / "src", {"attributes": said})
    more = ("--allow-loss",) if fmt == "voc" else ()
    assert convert(src, tmp_path / "out", fmt, *more) == 0
    assert row_of(tmp_path / "out").attributes == (said,)
    (path,) = (p for p in (tmp_path / "out").rglob("*.xml"))
    ElementTree.parse(path)


def test_cvat_refuses_attributes_of_whose_name_xml_holds_a_part(tmp_path, capsys):
    src = coco(tmp_path / "src", {"attributes": {"a\x00b": 1, " lead": 2}})
    assert convert(src, tmp_path / "out", "cvat") == 1
    assert "attributes" in capsys.readouterr().out
    assert convert(src, tmp_path / "out", "cvat", "--allow-loss") == 0
    assert row_of(tmp_path / "out").attributes == ({" lead": 2},)


def test_voc_refuses_attributes_whose_names_lose_blanks_or_signs(tmp_path, capsys):
    for n, name in enumerate((" lead", "a\x00b", "end ")):
        src = coco(tmp_path / f"src{n}", {"attributes": {name: 1, "plain": 2}})
        assert convert(src, tmp_path / f"out{n}", "voc") == 1
        assert "attributes" in capsys.readouterr().out
        assert convert(src, tmp_path / f"out{n}", "voc", "--allow-loss") == 0
        assert row_of(tmp_path / f"out{n}").attributes == ({"plain": 2},)


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<image id="0" name="a.png" width="20" height="16">
<polygon label="cat" source="manual" occluded="0" points="2,2;8,2;8,8;2,8" z_order="" group_id="">
<attribute name="k"> x </attribute><attribute name="blank">  </attribute>
</polygon>
<tag label="seen" source="manual"><attribute name="value"> y </attribute></tag>
</image></annotations>
"""


def test_cvat_keeps_texts_to_the_letter_and_takes_an_empty_order_as_none(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/annotations.xml").write_text(CVAT)
    rows = row_of(tmp_path / "src")
    assert rows.attributes == ({"k": " x ", "blank": "  "},)
    assert rows.z_order.tolist() == [0]
    assert convert(tmp_path / "src", tmp_path / "out", "cvat") == 0
    root = ElementTree.parse(tmp_path / "out/annotations.xml").getroot()
    texts = {one.get("name"): one.text for one in root.find("image").iter("attribute")}
    assert texts == {"k": " x ", "blank": "  ", "value": " y "}
    assert convert(tmp_path / "src", tmp_path / "coco", "coco", "--allow-loss") == 0
    (path,) = (tmp_path / "coco").rglob("*.json")
    assert json.loads(path.read_text())["annotations"][0]["attributes"]["k"] == " x "


def test_cvat_keeps_how_occluded_a_shape_is_where_it_is_outside(tmp_path):
    shape = (
        '<box frame="{}" keyframe="1" outside="{}" occluded="{}" xtl="1" ytl="1" xbr="5" ybr="5" '
        'z_order="0"></box>'
    )
    told = [(0, 0, 1), (2, 1, 0), (3, 0, 0), (4, 1, 1)]
    meta = (
        "<meta><task><start_frame>0</start_frame><stop_frame>4</stop_frame><labels><label>"
        "<name>cat</name></label></labels><original_size><width>20</width><height>16</height>"
        "</original_size></task></meta>"
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "src/annotations.xml").write_text(
        f'<annotations><version>1.1</version>{meta}<track id="0" label="cat" source="manual">'
        f"{''.join(shape.format(*one) for one in told)}</track></annotations>"
    )
    assert convert(tmp_path / "src", tmp_path / "out", "cvat") == 0
    root = ElementTree.parse(tmp_path / "out/annotations.xml").getroot()
    names = ("frame", "outside", "occluded")
    found = [tuple(int(box.get(name)) for name in names) for box in root.iter("box")]
    assert found == [(0, 0, 1), (1, 0, 1), (2, 1, 0), (3, 0, 0), (4, 1, 1)]
    assert "outside-" not in (tmp_path / "out/annotations.xml").read_text()
    images = ("--set", "to.form=images", "--allow-loss")
    assert convert(tmp_path / "src", tmp_path / "images", "cvat", *images) == 0
    assert "outside-" not in (tmp_path / "images/annotations.xml").read_text()
