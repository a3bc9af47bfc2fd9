"""Images without an object in sets of boxes: looked at, and empty, in every format of boxes."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.core.labels import FULL, Coverage, Labels
from maskloom.errors import FormatError, WriteError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.shared.safe_xml import Bounds
from maskloom.formats.transfer import transfer
from maskloom.formats.voc import write as voc_write

SIZE = (40, 60)


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(path)


def voc(root, **objects):
    """An XML file per key with so many boxes, as labelImg writes it."""
    for key, count in objects.items():
        picture(root / f"JPEGImages/{key}.png")
        (root / "Annotations").mkdir(exist_ok=True)
        boxes = "".join(
            f"<object><name>car</name><bndbox><xmin>{n + 3}</xmin><ymin>7</ymin><xmax>32</xmax>"
            "<ymax>16</ymax></bndbox></object>"
            for n in range(count)
        )
        (root / f"Annotations/{key}.xml").write_text(
            f"<annotation><filename>{key}.png</filename><size><width>60</width><height>40</height>"
            f"<depth>3</depth></size>{boxes}</annotation>"
        )
    return read_dataset(root)


def coverages(data):
    return {sample.key: data.labels_of(sample).coverage for sample in data.samples}


def convert(data, folder, name, **options):
    return transfer(data, folder, load_format(name), **options)


@pytest.mark.parametrize(
    "target", ["coco", "yolo", "cvat", "labelstudio", "labelme", "via", "datumaro", "voc"]
)
def test_an_xml_without_an_object_is_an_empty_image_of_its_set(tmp_path, target):
    data = voc(tmp_path / "in", a=2, b=0)
    assert coverages(data)["b"] is FULL
    done = convert(data, tmp_path / "o", target)
    assert done.written, done.losses
    assert not done.changed_pixels
    back = read_dataset(tmp_path / "o")
    assert [len(back.labels_of(sample).rows) for sample in back.samples] == [2, 0]
    assert coverages(back)["b"].full


def test_voc_empty_images_of_a_set_of_boxes_get_no_maps(tmp_path):
    done = convert(voc(tmp_path / "in", a=2, b=0), tmp_path / "o", "voc")
    assert done.written
    assert not (tmp_path / "o/SegmentationClass").exists()
    assert {p.name for p in (tmp_path / "o/Annotations").iterdir()} == {"a.xml", "b.xml"}


def test_beside_maps_an_xml_without_an_object_says_nothing_of_pixels(tmp_path):
    voc(tmp_path, a=1, b=0, c=1)
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "SegmentationObject").mkdir()
    for folder in ("SegmentationClass", "SegmentationObject"):
        Image.fromarray(np.eye(*SIZE, dtype=np.uint8), "L").save(tmp_path / folder / "a.png")
    data = read_dataset(tmp_path, "voc", settings=["boxes=true"])
    found = coverages(data)
    assert found["a"].full
    assert found["b"].nothing
    assert found["c"].nothing


def test_voc_an_image_that_nobody_labelled_has_no_xml_which_would_call_it_empty(tmp_path):
    box = {"from_name": "label", "to_name": "image", "type": "rectanglelabels",
           "original_width": 60, "original_height": 40, "id": "r",
           "value": {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0,
                     "rectanglelabels": ["car"]}}  # fmt: skip
    said = {"a": [{"id": 1, "result": [box]}], "b": [{"id": 2, "result": []}], "c": []}
    tasks = [
        {"id": number, "data": {"image": f"{key}.png"}, "annotations": annotations}
        for number, (key, annotations) in enumerate(said.items(), start=1)
    ]
    for key in said:
        picture(tmp_path / f"in/{key}.png")
    (tmp_path / "in/export.json").write_text(json.dumps(tasks))
    data = read_dataset(tmp_path / "in")
    done = convert(data, tmp_path / "o", "voc", options=voc_write.Write(images="none"))
    assert done.written, done.losses
    assert {p.stem for p in (tmp_path / "o/Annotations").iterdir()} == {"a", "b"}
    assert (tmp_path / "o/ImageSets/Main/trainval.txt").read_text().split() == ["a", "b"]
    back = read_dataset(tmp_path / "o")
    found = coverages(back)
    assert found["c"].nothing
    assert found["b"].full
    assert next(back.labels_of(s).size for s in back.samples if s.key == "c") == SIZE
    (tmp_path / "o/taxonomy.json").unlink()
    assert [s.key for s in read_dataset(tmp_path / "o").samples] == ["a", "b"]


def test_voc_an_image_that_nobody_labelled_comes_back_as_such(tmp_path):
    source = voc(tmp_path / "in", a=2, b=0)
    nothing = Coverage(nothing=True)

    def labels_of(sample):
        labels = source.labels_of(sample)
        return labels if len(labels.rows) else Labels(SIZE, rows=labels.rows, coverage=nothing)

    done = convert(replace(source, labels_of=labels_of), tmp_path / "o", "voc")
    assert done.written, done.losses
    found = coverages(read_dataset(tmp_path / "o"))
    assert found["b"].nothing
    side = json.loads((tmp_path / "o/taxonomy.json").read_text())
    assert (side["unlabelled"], side["sizes"]) == (["b"], {"b": [*SIZE]})


@pytest.mark.parametrize("form", ["coco", "yolo", "cvat", "datumaro", "labelstudio"])
def test_sets_of_boxes_with_empty_images_go_from_each_format_to_others(tmp_path, form):
    assert convert(voc(tmp_path / "in", a=2, b=0), tmp_path / "mid", form).written
    data = read_dataset(tmp_path / "mid")
    for target in ("coco", "yolo", "voc"):
        done = convert(data, tmp_path / target, target)
        kinds = {loss.kind for loss in done.losses if loss.refused}
        assert not kinds & {"coverage", "pixels"}, (target, done.losses)


def yolo(root, **lines):
    """A label file per key with these lines, as a detector's training set has them."""
    for key, text in lines.items():
        picture(root / f"images/{key}.png")
        (root / "labels").mkdir(exist_ok=True)
        (root / f"labels/{key}.txt").write_text(text)
    (root / "data.yaml").write_text("train: images\nval: images\nnames: [car, van]\n")
    return read_dataset(root)


BOX = "0 0.5 0.5 0.3 0.4\n"
POLYGON = "1 0.1 0.1 0.6 0.1 0.6 0.6 0.1 0.6\n"


def segmented(root):
    return {
        path.stem: ElementTree.parse(path).findtext("segmented")
        for path in (root / "Annotations").iterdir()
    }


def test_boxes_of_yolo_become_no_maps_that_say_background(tmp_path):
    done = convert(yolo(tmp_path / "in", a="", b=BOX, c=""), tmp_path / "o", "voc")
    assert done.written
    assert (done.objects, done.exact_objects, done.changed_pixels) == (1, 1, 0)
    assert {p.name for p in (tmp_path / "o").iterdir()} & {"SegmentationClass"} == set()
    assert segmented(tmp_path / "o") == {"a": "0", "b": "0", "c": "0"}
    assert (tmp_path / "o/ImageSets/Main").is_dir()


@pytest.mark.parametrize("order", ["abc", "cab", "bac"])
def test_beside_masks_empty_images_have_maps_and_boxes_have_none(tmp_path, order):
    said = dict(zip(order, ("", BOX, POLYGON), strict=True))
    done = convert(yolo(tmp_path / "in", **said), tmp_path / "o", "voc")
    assert done.written, done.losses
    empty, box, mask = order
    maps = {p.stem for p in (tmp_path / "o/SegmentationClass").iterdir()}
    assert maps == {p.stem for p in (tmp_path / "o/SegmentationObject").iterdir()}
    assert maps == {empty, mask}
    assert segmented(tmp_path / "o") == {empty: "1", box: "0", mask: "1"}
    assert not np.asarray(Image.open(tmp_path / f"o/SegmentationClass/{empty}.png")).any()
    back = read_dataset(tmp_path / "o")
    counts = {s.key: len(back.labels_of(s).rows) for s in back.samples}
    assert counts == {empty: 0, box: 1, mask: 1}
    assert convert(back, tmp_path / "again", "voc").written
    assert segmented(tmp_path / "again") == segmented(tmp_path / "o")


def test_voc_more_objects_than_are_read_again_are_refused_before_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(voc_write, "BOUNDS", Bounds(1 << 20, elements=50))
    with pytest.raises(WriteError, match=r"a: more objects than .* '9 objects'"):
        convert(voc(tmp_path / "in", a=9), tmp_path / "o", "voc")
    assert not list(tmp_path.glob("o*"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"unlabelled": {"b": [1, 2]}}, "unlabelled: no list of images"),
        ({"unlabelled": ["b"], "sizes": {"b": [1e999, 3]}}, "no sizes of images"),
        ({"unlabelled": ["b"], "sizes": {"b": [10**9, 10**9]}}, "sizes, b: an image of more than"),
    ],
)
def test_voc_a_damaged_side_file_is_one_error(tmp_path, said, why):
    voc(tmp_path / "in", a=1)
    text = json.dumps({"kind": "voc", "categories": [], **said})
    (tmp_path / "in/taxonomy.json").write_text(text)
    with pytest.raises(FormatError, match=rf"taxonomy\.json: {why}"):
        read_dataset(tmp_path / "in")


def test_voc_a_list_of_unlabelled_images_needs_no_sizes(tmp_path):
    voc(tmp_path / "in", a=1, b=0)
    picture(tmp_path / "in/JPEGImages/c.png")
    said = {"kind": "voc", "categories": [], "unlabelled": ["b", "c", "gone"]}
    (tmp_path / "in/taxonomy.json").write_text(json.dumps(said))
    data = read_dataset(tmp_path / "in")
    assert {key: one.nothing for key, one in coverages(data).items()} == dict.fromkeys("abc", True)
    assert [line for line in data.warnings if "'gone'" in line and line.startswith("1 images")]


@pytest.mark.parametrize("with_xml", [False, True])
def test_voc_the_size_of_an_unlabelled_image_is_that_of_its_picture(tmp_path, with_xml):
    voc(tmp_path / "in", a=1)
    picture(tmp_path / "in/JPEGImages/b.png")
    if with_xml:
        (tmp_path / "in/Annotations/b.xml").write_text("<annotation></annotation>")
    said = {"kind": "voc", "categories": [], "unlabelled": ["b"], "sizes": {"b": [5, 5]}}
    (tmp_path / "in/taxonomy.json").write_text(json.dumps(said))
    data = read_dataset(tmp_path / "in")
    with pytest.raises(FormatError, match=r"taxonomy\.json: the mask is 5 × 5 px, its image"):
        data.labels_of(data.samples[1])
    (tmp_path / "in/JPEGImages/b.png").unlink()
    data = read_dataset(tmp_path / "in")
    assert data.labels_of(data.samples[1]).size == (5, 5)


def test_voc_an_unlabelled_image_may_be_an_ome_tiff(tmp_path):
    voc(tmp_path / "in", a=1)
    tifffile.imwrite(tmp_path / "in/JPEGImages/b.ome.tif", np.zeros(SIZE, np.uint8), ome=True)
    said = {"kind": "voc", "categories": [], "unlabelled": ["b"]}
    (tmp_path / "in/taxonomy.json").write_text(json.dumps(said))
    data = read_dataset(tmp_path / "in")
    assert coverages(data)["b"].nothing
    assert data.warnings == ()


def test_voc_boxes_of_an_unlabelled_image_are_not_called_left_out(tmp_path):
    done = convert(yolo(tmp_path / "in", a=POLYGON, b=BOX), tmp_path / "o", "voc")
    assert done.written
    said = json.loads((tmp_path / "o/taxonomy.json").read_text())
    (tmp_path / "o/taxonomy.json").write_text(json.dumps(said | {"unlabelled": ["b"]}))
    data = read_dataset(tmp_path / "o")
    assert len(data.labels_of(next(s for s in data.samples if s.key == "b")).rows) == 1
    assert not [line for line in data.warnings if "left out" in line]
