"""Boxes without a mask: written where a target has them, and what they say beside is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.quality.census import Census

BOX = [12, 6, 20, 10]


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path)


@pytest.fixture
def coco(tmp_path):
    def make(**fields):
        picture(tmp_path / "in/images/a.png")
        one = {"id": 55, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [],
               "bbox": BOX, **fields}  # fmt: skip
        data = {
            "images": [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}],
            "categories": [{"id": 1, "name": "car"}],
            "annotations": [one],
        }
        (tmp_path / "in/instances.json").write_text(json.dumps(data))
        return read_dataset(tmp_path / "in")

    return make


def convert(data, folder, name, **options):
    return transfer(data, folder, load_format(name), **options)


def told(done):
    return {loss.kind: loss for loss in done.losses}


def test_boxes_of_coco_become_boxes_of_yolo_and_come_back(coco, tmp_path):
    done = convert(coco(), tmp_path / "y", "yolo")
    assert done.written, done.losses
    (line,) = (tmp_path / "y/labels/a.txt").read_text().split("\n")[:1]
    number, *values = line.split()
    assert number == "0"
    x, y, w, h = np.array(values, float) * (60, 40, 60, 40)
    assert np.allclose([x - w / 2, y - h / 2, w, h], BOX)
    back = convert(read_dataset(tmp_path / "y"), tmp_path / "b.json", "coco")
    assert back.written, back.losses
    (one,) = json.loads((tmp_path / "b.json").read_text())["annotations"]
    assert np.allclose(one["bbox"], BOX)
    # COCO's tools leave out what has no area.
    assert one["area"] == pytest.approx(200)


@pytest.mark.parametrize("target", ["yolo", "voc"])
def test_what_boxes_say_is_refused_or_told_by_targets_without_a_place_for_it(
    coco, tmp_path, target
):
    data = coco(score=0.75, foo="bar", area=77.5, attributes={"color": "red"})
    done = convert(data, tmp_path / "o", target)
    assert not done.written
    losses = told(done)
    assert losses["score"].first[0].object == 55
    assert ("attributes" in losses) == (target == "yolo")
    assert losses["fields"].named == "of objects: area, foo, id"


def test_tracks_of_boxes_are_refused_by_coco_and_voc(tmp_path):
    picture(tmp_path / "in/images/frame_000000.png")
    shape = (
        '<box frame="0" keyframe="1" outside="0" occluded="0" '
        'xtl="12" ytl="6" xbr="32" ybr="16" z_order="0"></box>'
    )
    (tmp_path / "in/annotations.xml").write_text(
        "<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version><meta><task>"
        "<size>1</size><mode>interpolation</mode><start_frame>0</start_frame>"
        "<stop_frame>0</stop_frame><labels><label><name>car</name><attributes></attributes>"
        "</label></labels><original_size><width>60</width><height>40</height></original_size>"
        f'</task></meta><track id="3" label="car" source="manual">{shape}</track></annotations>'
    )
    data = read_dataset(tmp_path / "in", "cvat")
    for target in ("coco", "voc", "yolo"):
        done = convert(data, tmp_path / target, target)
        assert not done.written
        assert told(done)["tracks"].objects == 1, target


def test_a_set_of_boxes_as_labelimg_writes_it_is_no_set_labelled_in_part(tmp_path):
    picture(tmp_path / "in/JPEGImages/a.png")
    (tmp_path / "in/Annotations").mkdir()
    (tmp_path / "in/Annotations/a.xml").write_text(
        "<annotation><filename>a.png</filename><size><width>60</width><height>40</height>"
        "<depth>3</depth></size><object><name>car</name><bndbox><xmin>13</xmin><ymin>7</ymin>"
        "<xmax>32</xmax><ymax>16</ymax></bndbox></object></annotation>"
    )
    data = read_dataset(tmp_path / "in")
    for target in ("coco", "yolo", "cvat"):
        done = convert(data, tmp_path / target, target)
        assert done.written, (target, done.losses)
        assert not done.changed_pixels
    census = Census(data.taxonomy)
    census.add(data.labels_of(data.samples[0]))
    assert not [found for found in census.classes() if not found["images"]]
    (file,) = (tmp_path / "coco").rglob("*.json")
    (one,) = json.loads(file.read_text())["annotations"]
    assert one["bbox"] == BOX


ORDINARY = {"difficult": False, "truncated": 0, "occluded": False, "pose": "Unspecified"}


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_what_tools_say_of_every_object_is_told_and_not_refused(coco, tmp_path, kind):
    shape = {} if kind == "box" else {"segmentation": [[12, 6, 32, 6, 32, 16, 12, 16]]}
    done = convert(coco(attributes={**ORDINARY, "rotation": 0.0}, **shape), tmp_path / "y", "yolo")
    assert done.written, done.losses
    assert told(done)["defaults"].objects == 1
    assert "pose" in told(done)["defaults"].what
    assert "attributes" not in told(done)


@pytest.mark.parametrize(
    "said",
    [{"difficult": True}, {"pose": "Left"}, {"rotation": 30}, {"checked": False}, {"grade": 0}],
)
def test_attributes_that_say_more_are_refused_by_name(coco, tmp_path, said):
    done = convert(coco(attributes={**ORDINARY, **said}), tmp_path / "y", "yolo")
    assert not done.written
    (name,) = said
    assert told(done)["attributes"].what.endswith(f"(of objects: {name})")
    rest = sorted(set(ORDINARY) - set(said))
    assert told(done)["defaults"].what.endswith(f"(of objects: {', '.join(rest)})")


def test_voc_of_labelimg_goes_to_yolo_without_a_word_of_allowing(tmp_path):
    picture(tmp_path / "in/JPEGImages/a.png")
    (tmp_path / "in/Annotations").mkdir()
    (tmp_path / "in/Annotations/a.xml").write_text(
        "<annotation><folder>in</folder><filename>a.png</filename><size><width>60</width>"
        "<height>40</height><depth>3</depth></size><segmented>0</segmented><object>"
        "<name>car</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
        "<bndbox><xmin>13</xmin><ymin>7</ymin><xmax>32</xmax><ymax>16</ymax></bndbox></object>"
        "</annotation>"
    )
    done = convert(read_dataset(tmp_path / "in"), tmp_path / "y", "yolo")
    assert done.written, done.losses
    values = np.array((tmp_path / "y/labels/a.txt").read_text().split()[1:], float)
    assert np.allclose(values * (60, 40, 60, 40), [22, 11, 20, 10])
