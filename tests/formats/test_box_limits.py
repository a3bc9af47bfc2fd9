"""Boxes that lie outside of images, end before they begin or are too many for maps of objects."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer


def picture(path, size=(80, 100)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path)


def convert(data, folder, name, **options):
    return transfer(data, folder, load_format(name), **options)


def told(done):
    return {loss.kind: loss for loss in done.losses}


@pytest.mark.parametrize("turned", ["", 'rotation="30.0"'])
def test_a_box_of_cvat_is_the_same_whichever_corners_are_named(tmp_path, turned):
    picture(tmp_path / "in/images/a.png")

    def boxes(place):
        (tmp_path / "in/annotations.xml").write_text(
            "<annotations><version>1.1</version><meta><task><labels><label><name>cat</name>"
            '</label></labels></task></meta><image id="0" name="a.png" width="100" height="80">'
            f'<box label="cat" occluded="0" {place} {turned} z_order="0"/></image></annotations>'
        )
        return read_dataset(tmp_path / "in", "cvat")

    plain = boxes('xtl="20" ytl="30" xbr="40" ybr="45"')
    want = plain.labels_of(plain.samples[0]).rows
    for i, place in enumerate(
        ('xtl="40" ytl="45" xbr="20" ybr="30"', 'xtl="40" ytl="30" xbr="20" ybr="45"')
    ):
        data = boxes(place)
        rows = data.labels_of(data.samples[0]).rows
        assert rows.source == want.source
        assert np.array_equal(rows.geometry[0].parts[0], want.geometry[0].parts[0])
        if not turned:
            done = convert(data, tmp_path / f"via{i}", "via")
            assert done.written, done.losses
            texts = [file.read_text() for file in (tmp_path / f"via{i}").rglob("*.json")]
            said = "".join(json.dumps(json.loads(text)) for text in texts)
            assert '"width": 20' in said
            assert '"height": 15' in said


def coco(root, *boxes, sizes=((80, 100),)):
    """A file of boxes of `car`, the n-th of image i as (i, box)."""
    for i, size in enumerate(sizes):
        picture(root / f"images/{i}.png", size)
    data = {
        "images": [
            {"id": i, "file_name": f"{i}.png", "height": size[0], "width": size[1]}
            for i, size in enumerate(sizes)
        ],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": 50 + n, "image_id": i, "category_id": 1, "iscrowd": 0, "segmentation": [],
             "area": box[2] * box[3], "bbox": box}
            for n, (i, box) in enumerate(boxes)
        ],
    }  # fmt: skip
    (root / "instances.json").write_text(json.dumps(data))
    return read_dataset(root)


def test_yolo_boxes_beyond_the_image_are_refused_by_name_or_cut_off(tmp_path):
    data = coco(
        tmp_path / "in", (0, [90, 70, 30, 30]), (0, [150, 10, 20, 20]), (0, [80, 60, 30, 9])
    )
    done = convert(data, tmp_path / "o", "yolo")
    assert not done.written
    (lost,) = [loss for loss in done.losses if loss.refused]
    assert [(one.image, one.object) for one in lost.first] == [("0", 50), ("0", 51)]
    assert "90, 70, 120, 100" in lost.what
    assert "100 × 80 px: cut off" in lost.what
    assert "150, 10, 170, 30 in an image of 100 × 80 px: left out" in lost.what
    done = convert(data, tmp_path / "o", "yolo", allow_loss=True)
    assert done.written
    lines = (tmp_path / "o/labels/0.txt").read_text().splitlines()
    x, y, w, h = np.array([line.split()[1:] for line in lines], float).T * [
        [100],
        [80],
        [100],
        [80],
    ]
    places = np.stack([x - w / 2, y - h / 2, w, h], axis=1)
    # The last reaches over the edge, which its line can say.
    assert np.allclose(places, [[90, 70, 10, 10], [80, 60, 30, 9]])


def labelme(root):
    picture(root / "a.png")
    shapes = [
        {"label": label, "points": [[10 + x, 20], [40 + x, 60]], "shape_type": "rectangle",
         "group_id": None, "flags": {}}
        for label, x in (("cat", 0), ("__ignore__", 40))
    ]  # fmt: skip
    said = {"version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": "a.png",
            "imageData": None, "imageHeight": 80, "imageWidth": 100}  # fmt: skip
    (root / "a.json").write_text(json.dumps(said))
    return read_dataset(root, "labelme", settings=["rectangles=box"])


def test_yolo_a_box_of_a_void_class_is_refused_or_left_out(tmp_path):
    data = labelme(tmp_path / "in")
    done = convert(data, tmp_path / "o", "yolo")
    assert told(done)["void"].objects == 1
    assert not done.written
    assert convert(data, tmp_path / "o", "yolo", allow_loss=True).written
    assert (tmp_path / "o/labels/a.txt").read_text().split() == ["0", "0.25", "0.5", "0.3", "0.5"]


def test_yolo_a_line_beside_boxes_takes_no_box_with_it(tmp_path):
    labelme(tmp_path / "in")
    file = tmp_path / "in/a.json"
    said = json.loads(file.read_text())
    said["shapes"][1] |= {"label": "way", "shape_type": "line"}
    file.write_text(json.dumps(said))
    data = read_dataset(tmp_path / "in", "labelme", settings=["rectangles=box"])
    done = convert(data, tmp_path / "o", "yolo", allow_loss=True)
    assert told(done)["drawings"].objects == 1
    (line,) = (tmp_path / "o/labels/a.txt").read_text().splitlines()
    assert line.split()[1:] == ["0.25", "0.5", "0.3", "0.5"]


def xml_objects(path):
    root = ElementTree.parse(path).getroot()
    return [
        (one.findtext("name"), *(float(side.text) for side in one.find("bndbox")))
        for one in root.iter("object")
    ]


def test_voc_a_box_of_a_void_class_is_refused_or_left_out_and_becomes_no_void_pixels(tmp_path):
    data = labelme(tmp_path / "in")
    done = convert(data, tmp_path / "o", "voc")
    assert not done.written
    assert "ignored" not in told(done)
    lost = told(done)["drawings"]
    assert lost.objects == 1
    assert "__ignore__" in lost.what
    assert lost.first[0].category == "__ignore__"
    assert convert(data, tmp_path / "o", "voc", allow_loss=True).written
    assert xml_objects(tmp_path / "o/Annotations/a.xml") == [("cat", 11, 21, 40, 60)]


@pytest.mark.parametrize("box", [[20, 20, 0, 0], [1e-7, 0.1, 0.3, 1], [30, 30, 10, 0.5]])
def test_voc_boxes_thinner_than_a_pixel_are_refused_by_name_or_left_out(tmp_path, box):
    data = coco(tmp_path / "in", (0, [10, 20, 30, 40]), (0, box))
    done = convert(data, tmp_path / "o", "voc")
    assert not done.written
    (lost,) = [loss for loss in done.losses if loss.refused]
    assert [(one.image, one.object) for one in lost.first] == [("0", 51)]
    assert "less than 1 px" in lost.what
    assert convert(data, tmp_path / "o", "voc", allow_loss=True).written
    assert xml_objects(tmp_path / "o/Annotations/0.xml") == [("car", 11, 21, 40, 60)]


def test_voc_boxes_a_pixel_wide_are_kept(tmp_path):
    data = coco(tmp_path / "in", (0, [0.1, 20, 1, 40]), (0, [99, 79, 1, 1]))
    assert convert(data, tmp_path / "o", "voc").written
    back = read_dataset(tmp_path / "o")
    rows = back.labels_of(back.samples[0]).rows
    assert np.allclose([own["bbox"] for own in rows.source], [[0.1, 20, 1, 40], [99, 79, 1, 1]])


def test_voc_lists_any_number_of_boxes_and_numbers_objects_with_pixels_first(tmp_path):
    boxes = [(0, [n % 60, n // 60, 20, 30]) for n in range(300)]
    done = convert(coco(tmp_path / "in", *boxes), tmp_path / "o", "voc")
    assert done.written, done.losses
    assert len(xml_objects(tmp_path / "o/Annotations/0.xml")) == 300
    file = tmp_path / "in/instances.json"
    said = json.loads(file.read_text())
    ring = [50, 50, 60, 50, 60, 60, 50, 60]
    said["annotations"].append(
        {"id": 999, "image_id": 0, "category_id": 1, "iscrowd": 0, "segmentation": [ring],
         "area": 100, "bbox": [50, 50, 10, 10]}
    )  # fmt: skip
    file.write_text(json.dumps(said))
    done = convert(read_dataset(tmp_path / "in"), tmp_path / "m", "voc")
    assert done.written, done.losses
    assert done.exact_objects == done.objects
    assert xml_objects(tmp_path / "m/Annotations/0.xml")[0] == ("car", 51, 51, 60, 60)


def test_lvis_holds_boxes_without_a_mask_as_coco_does(tmp_path):
    boxes = [[10.5, 20, 30, 40], [50, 10, 20.25, 20]]
    data = coco(tmp_path / "in", *((0, box) for box in boxes))
    done = convert(data, tmp_path / "l.json", "lvis")
    assert done.written, done.losses
    done = convert(read_dataset(tmp_path / "l.json"), tmp_path / "m.json", "lvis")
    assert done.written, done.losses
    for name in ("l.json", "m.json"):
        entries = json.loads((tmp_path / name).read_text())["annotations"]
        assert [one["bbox"] for one in entries] == boxes
        assert [one["segmentation"] for one in entries] == [[], []]
        # The API looks for objects by their area.
        assert [one["area"] for one in entries] == [1200, 405]
    back = read_dataset(tmp_path / "m.json", "lvis")
    assert back.labels_of(back.samples[0]).coverage.full


def test_lvis_does_not_count_what_it_leaves_out_among_the_present(tmp_path):
    data = labelme(tmp_path / "in")
    file = tmp_path / "in/a.json"
    said = json.loads(file.read_text())
    said["shapes"][1] |= {"label": "way", "shape_type": "line"}
    file.write_text(json.dumps(said))
    data = read_dataset(tmp_path / "in", "labelme", settings=["rectangles=box"])
    done = convert(data, tmp_path / "o.json", "lvis", allow_loss=True)
    assert told(done)["drawings"].objects == 1
    said = json.loads((tmp_path / "o.json").read_text())
    names = {one["id"]: one["name"] for one in said["categories"]}
    assert [names[one["category_id"]] for one in said["annotations"]] == ["cat"]
    assert [names[n] for n in said["images"][0]["neg_category_ids"]] == ["way"]
