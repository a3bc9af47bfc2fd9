"""What targets cannot hold of boxes and other drawings is refused or told before it is written."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import write_photo
from .drawn_sets import coco, cvat, shape

PLAIN = ["coco", "yolo", "voc", "via", "labelstudio"]
"""Targets of boxes that have neither groups nor depth."""


def convert(data, folder, name, **options):
    return transfer(data, folder, load_format(name), **options)


def told(done):
    return {loss.kind: loss for loss in done.losses}


def box(x, y, right, bottom, **said):
    return shape("box", {"xtl": x, "ytl": y, "xbr": right, "ybr": bottom}, **said)


def rectangles(folder):
    found = []
    for path in folder.rglob("ann/*.json"):
        found += [one["points"]["exterior"] for one in json.loads(path.read_text())["objects"]]
    return found


THIN = {"nothing": [20, 20, 0, 0], "low": [20, 20, 5, 0], "narrow": [20, 20, 0.5, 9]}


@pytest.mark.parametrize("place", THIN.values(), ids=THIN)
def test_a_box_under_a_pixel_is_refused_by_supervisely_and_named(tmp_path, place):
    data = coco(tmp_path / "in", [[3, 4, 5, 6], place])
    done = convert(data, tmp_path / "out", "supervisely")
    assert not done.written
    loss = told(done)["drawings"]
    assert (loss.objects, str(loss.first[0])) == (1, "car 2 of a (0 px)")
    assert "less than a pixel" in loss.example
    # What is allowed is dropped, not written elsewhere.
    done = convert(data, tmp_path / "out", "supervisely", allow_loss=True)
    assert (done.objects, done.exact_objects) == (2, 1)
    assert rectangles(tmp_path / "out") == [[[3, 4], [7, 9]]]


def test_a_box_of_one_pixel_is_one_pixel_of_supervisely(tmp_path):
    done = convert(coco(tmp_path / "in", [[20, 20, 1, 1]]), tmp_path / "out", "supervisely")
    assert (done.written, done.exact_objects) == (True, 1)
    assert rectangles(tmp_path / "out") == [[[20, 20], [20, 20]]]


def test_a_box_of_labelme_without_sides_is_refused_by_supervisely(tmp_path):
    write_photo(tmp_path / "in/a.png", (40, 60))
    one = {"label": "car", "points": [[9, 9], [9, 9]], "group_id": None, "shape_type": "rectangle",
           "flags": {}}  # fmt: skip
    data = {"version": "5.0.1", "flags": {}, "shapes": [one], "imagePath": "a.png",
            "imageData": None, "imageHeight": 40, "imageWidth": 60}  # fmt: skip
    (tmp_path / "in/a.json").write_text(json.dumps(data))
    fmt = load_format("labelme")
    data = fmt.read(tmp_path / "in", fmt.ReadOptions(rectangles="box"), None)
    assert "drawings" in told(convert(data, tmp_path / "out", "supervisely"))


@pytest.mark.parametrize("target", [*PLAIN, "labelme", "supervisely"])
def test_the_depth_of_boxes_that_overlap_is_refused(tmp_path, target):
    data = cvat(
        tmp_path / "in",
        box(5, 5, 25, 25, z=1),
        box(15, 15, 35, 35, z=2),
        box(40, 2, 50, 9, z=7),
    )
    done = convert(data, tmp_path / "out", target)
    assert not done.written
    # The third lies over nothing.
    assert told(done)["z_order"].objects == 2


@pytest.mark.parametrize("target", ["coco", "labelstudio", "datumaro", "cvat"])
def test_boxes_side_by_side_have_no_depth_and_targets_of_depth_keep_it(tmp_path, target):
    apart = cvat(tmp_path / "in", box(5, 5, 15, 25, z=1), box(15, 5, 35, 25, z=2))
    assert "z_order" not in told(convert(apart, tmp_path / "apart", target))
    over = cvat(tmp_path / "over", box(5, 5, 25, 25, z=1), box(15, 5, 35, 25, z=2))
    done = convert(over, tmp_path / "out", target)
    assert done.written == (target in ("datumaro", "cvat"))


def test_depth_kept_by_cvat_stands_in_its_file(tmp_path):
    data = cvat(tmp_path / "in", box(5, 5, 25, 25, z=1), box(15, 15, 35, 35, z=-2))
    convert(data, tmp_path / "out.xml", "cvat")
    found = ElementTree.parse(tmp_path / "out.xml").iter("box")
    assert [one.get("z_order") for one in found] == ["1", "-2"]


@pytest.mark.parametrize(
    ("tag", "place", "target"),
    [
        ("points", {"points": "20,20"}, "supervisely"),
        ("polyline", {"points": "0,20;59,20"}, "supervisely"),
        ("ellipse", {"cx": 20, "cy": 28, "rx": 4, "ry": 9}, "labelstudio"),
    ],
)
def test_the_depth_of_points_lines_and_ellipses_over_a_box_is_refused(tmp_path, tag, place, target):
    data = cvat(tmp_path / "in", box(5, 5, 25, 25, z=1), shape(tag, place, z=2))
    lost = told(convert(data, tmp_path / "out", target))
    assert (lost["z_order"].objects, "drawings" in lost) == (2, False)


GROUP = ' group_id="3"'


@pytest.mark.parametrize("target", PLAIN)
def test_boxes_of_one_object_are_refused_by_targets_without_groups(tmp_path, target):
    data = cvat(
        tmp_path / "in",
        box(2, 2, 12, 12, label="dog", more=GROUP),
        box(22, 2, 32, 12, label="dog", more=GROUP),
        box(42, 2, 52, 12),
    )
    done = convert(data, tmp_path / "out", target)
    assert not done.written
    loss = told(done)["parts"]
    assert loss.example == "a: 2 boxes of one object become objects of their own"
    assert (loss.objects, loss.first[0].category) == (2, "dog")
    assert convert(data, tmp_path / "out", target, allow_loss=True).written


@pytest.mark.parametrize("target", ["cvat", "datumaro", "labelme", "supervisely", "parquet"])
def test_boxes_of_one_object_stay_one_where_there_are_groups(tmp_path, target):
    pair = (box(x, 2, x + 9, 12, label="dog", more=GROUP) for x in (2, 22))
    done = convert(cvat(tmp_path / "in", *pair), tmp_path / "out", target)
    assert done.written, done.losses
    assert (done.objects, done.exact_objects) == (1, 1)


def test_a_box_and_a_polygon_of_one_object_are_refused_by_coco(tmp_path):
    write_photo(tmp_path / "in/images/train/a.png", (40, 60))
    common = {"attributes": {}, "group": 5, "label_id": 0, "z_order": 0}
    listed = [
        {"id": 1, "type": "bbox", "bbox": [1, 1, 9, 9], **common},
        {"id": 2, "type": "polygon", "points": [1, 1, 9, 1, 9, 9], **common},
    ]
    labels = {"labels": [{"name": "cat", "parent": "", "attributes": []}], "attributes": []}
    item = {"id": "a", "annotations": listed, "image": {"path": "a.png", "size": [40, 60]}}
    (tmp_path / "in/annotations").mkdir()
    (tmp_path / "in/annotations/train.json").write_text(
        json.dumps({"info": {}, "categories": {"label": labels}, "items": [item]})
    )
    done = convert(read_dataset(tmp_path / "in"), tmp_path / "out", "coco")
    assert not done.written
    assert told(done)["parts"].example == "a: 1 box of one object becomes an object of its own"


@pytest.mark.parametrize("target", ["cvat", "labelstudio", "datumaro"])
def test_where_a_box_lies_is_no_field_that_is_dropped(tmp_path, target):
    data = coco(tmp_path / "in", [[3, 4, 5, 6]], foo=1)
    done = convert(data, tmp_path / "out", target)
    assert done.written
    assert told(done)["fields"].named == "of objects: area, foo, id"


def test_where_a_box_of_datumaro_lies_is_no_field_that_is_dropped(tmp_path):
    convert(coco(tmp_path / "in", [[3, 4, 5, 6]]), tmp_path / "d", "datumaro")
    done = convert(read_dataset(tmp_path / "d"), tmp_path / "out", "cvat")
    assert done.written
    assert "bbox" not in told(done)["fields"].named


def test_the_box_of_a_mask_is_a_field(tmp_path):
    square = [[3, 4, 8, 4, 8, 10, 3, 10]]
    data = coco(tmp_path / "in", [[3, 4, 5, 6]], segmentation=square)
    assert "bbox" in told(convert(data, tmp_path / "out", "cvat"))["fields"].named
