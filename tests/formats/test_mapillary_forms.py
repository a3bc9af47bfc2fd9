"""Mapillary Vistas as panoptic maps and as polygons, beside its label and instance maps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.labels import VOID
from maskloom.core.views import class_map
from maskloom.errors import FormatError, UsageError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import write_png

from .test_kitti_mapillary import put_vistas

FORMS = "datumaro/mapillary_vistas_dataset"
# Two birds, stuff, and what is not labelled: id 9 by the silent label, id 0 by none.
IDS = np.array([[1, 1, 257], [70000, 9, 0]], np.uint32)
CATEGORIES = [
    {"id": 5, "name": "animal--bird", "isthing": 1},
    {"id": 6, "name": "b--sign", "isthing": 0},
    {"id": 7, "name": "void--unlabeled", "isthing": 0},
]
SEGMENTS = [
    {"id": 1, "category_id": 5, "area": 2, "bbox": [], "iscrowd": 0},
    {"id": 257, "category_id": 5, "area": 1, "bbox": [2, 0, 1, 1], "iscrowd": 1},
    {"id": 70000, "category_id": 6, "area": 1, "bbox": []},
    {"id": 9, "category_id": 7, "area": 1},
]
POLYGONS = [
    {"id": 0, "label": "b--sign", "polygon": [[0, 0], [2, 0], [2, 0]]},
    {"id": 1, "label": "animal--bird", "polygon": [[1, 0, 2, 0, 2, 0]]},
    {"id": 2, "label": "void--unlabeled", "polygon": [[0, 1], [2, 1], [2, 1]]},
]


def put_panoptic(root, segments=SEGMENTS, ids=IDS, **more):
    folder = put_vistas(root, None) / "training/v1.2/panoptic"
    folder.mkdir(parents=True)
    write_png(folder / "a.png", np.stack([ids & 255, ids >> 8 & 255, ids >> 16], -1).astype("u1"))
    told = {"image_id": "a", "file_name": "a.png", "segments_info": segments}
    data = {"categories": CATEGORIES, "annotations": [told], "images": [], **more}
    (folder / "panoptic_2018.json").write_text(json.dumps(data))
    return root


def put_polygons(root, objects=POLYGONS, **more):
    folder = put_vistas(root, None) / "training/v1.2/polygons"
    folder.mkdir(parents=True)
    told = {"heigth": 2, "width": 3, "objects": objects, **more}
    (folder / "a.json").write_text(json.dumps(told))
    return root


def only(data):
    (sample,) = data.samples
    return data.labels_of(sample)


def test_panoptic_maps_are_read_where_no_others_are(tmp_path):
    assert detect_format(put_panoptic(tmp_path)).name == "mapillary"
    data = read_dataset(tmp_path)
    labels = only(data)
    names = [data.taxonomy[c].name for c in labels.rows.category.tolist()]
    assert names == ["Bird", "Bird", "b--sign"]
    assert labels.rows.masks.areas.tolist() == [2, 1, 1]
    assert labels.rows.crowd.tolist() == [False, True, False]
    assert labels.rows.instance.tolist() == [1, 257, 70000]
    assert labels.coverage.area.dense(0).tolist() == [[True] * 3, [True, False, False]]
    assert data.splits == {"training": ("a",)}


def test_polygons_are_objects_over_those_before_them(tmp_path):
    assert detect_format(put_polygons(tmp_path)).name == "mapillary"
    data = read_dataset(tmp_path)
    labels = only(data)
    assert [data.taxonomy[c].name for c in labels.rows.category.tolist()] == ["b--sign", "Bird"]
    assert labels.rows.masks.areas.tolist() == [3, 2]
    assert labels.rows.z_order.tolist() == [0, 1]
    assert [g.rule for g in labels.rows.geometry] == ["pil", "pil"]
    assert labels.coverage.area.dense(0).tolist() == [[True] * 3, [False] * 3]
    bird, sign = data.taxonomy.find("animal--bird"), data.taxonomy.find("b--sign")
    assert class_map(labels, data.taxonomy)[0].tolist() == [sign, bird, bird]


def test_maps_go_first_and_the_form_can_be_named(tmp_path):
    put_vistas(put_panoptic(tmp_path), np.array([[0, 0, 1], [512, 1024, 1024]], np.uint16))
    assert only(read_dataset(tmp_path)).rows.instance.tolist() == [0, 1, 512]
    named = read_dataset(tmp_path, "mapillary", settings=("source=panoptic",))
    assert only(named).rows.instance.tolist() == [1, 257, 70000]
    with pytest.raises(UsageError, match="no polygons of this version"):
        read_dataset(tmp_path, "mapillary", settings=("source=polygons",))


@pytest.mark.parametrize("put", [put_panoptic, put_polygons])
def test_what_is_read_is_written_as_maps(tmp_path, put):
    data = read_dataset(put(tmp_path / "in"))
    done = transfer(data, tmp_path / "out", load_format("mapillary"), allow_loss=True)
    assert done.written
    back = read_dataset(tmp_path / "out")
    assert np.array_equal(
        class_map(only(back), back.taxonomy), class_map(only(data), data.taxonomy)
    )


@pytest.mark.parametrize(
    ("segments", "more", "told"),
    [
        ([{"id": 1, "category_id": 8}], {}, "no category has this id"),
        (SEGMENTS[:1], {}, "lacks a segment"),
        (SEGMENTS, {"annotations": []}, "the JSON lists no such map"),
        (SEGMENTS, {"annotations": [{"file_name": 3}]}, "segments_info"),
        (SEGMENTS, {"categories": [{"id": 5}]}, "without a name"),
        (SEGMENTS, {"categories": [{"name": "x"}]}, "without an id"),
        ([], {"categories": [{"id": 5, "name": "cat"}]}, "does not list"),
    ],
)
def test_bad_panoptic_files_are_one_error(tmp_path, segments, more, told):
    with pytest.raises(FormatError, match=told) as error:
        only(read_dataset(put_panoptic(tmp_path, segments, **more)))
    assert "panoptic" in error.value.message


def test_bad_segments_are_left_out_and_counted(tmp_path):
    bad = [*SEGMENTS[:1], {"id": -3, "category_id": 5}, *SEGMENTS[1:]]
    with pytest.raises(FormatError, match="a segment id"):
        only(read_dataset(put_panoptic(tmp_path, bad)))
    data = read_dataset(tmp_path, skip_bad=True)
    assert len(only(data).rows) == 3
    assert any("1 invalid segment was left out" in text for text in data.warnings)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"label": "cat", "polygon": [[0, 0, 1, 0, 1, 1]]}, "configuration does not list"),
        ({"polygon": [[0, 0, 1, 0, 1, 1]]}, "without a label"),
        ({"label": "b--sign", "polygon": [[0, 0, 1, 0, 1]]}, "pairs of numbers"),
        ({"label": "b--sign", "polygon": [[0, 0], [1, 1]]}, "fewer than 3 vertices"),
        ({"label": "b--sign", "polygon": [[0, 0], [1, float("nan")], [1, 1]]}, "not finite"),
        ({"label": "b--sign", "polygon": [[0, 0], [1e12, 0], [1, 1]]}, "objects"),
        (7, "without a label"),
    ],
)
def test_bad_objects_of_polygon_files_are_named_or_left_out(tmp_path, bad, told):
    put_polygons(tmp_path, [*POLYGONS, bad])
    with pytest.raises(FormatError, match=told) as error:
        only(read_dataset(tmp_path))
    assert "objects[3]" in error.value.message
    labels = only(read_dataset(tmp_path, skip_bad=True))
    assert len(labels.rows) == 2
    assert "1 invalid object was left out" in labels.extra["notes"][0]


@pytest.mark.parametrize("more", [{"width": 0}, {"width": 4}, {"width": 1 << 30}, {"objects": 1}])
def test_bad_polygon_files_are_one_error(tmp_path, more):
    with pytest.raises(FormatError, match=r"a\.json"):
        only(read_dataset(put_polygons(tmp_path, **more)))


@pytest.mark.shared
def test_the_three_forms_of_datumaros_sample_agree(shared):
    root = shared / "conformance" / FORMS
    found = {}
    for form in ("maps", "panoptic", "polygons"):
        data = read_dataset(root, "mapillary", settings=(f"source={form}",))
        found[form] = {
            sample.key: class_map(data.labels_of(sample), data.taxonomy).tolist()
            for sample in data.samples
        }
    assert found["maps"] == found["panoptic"]
    # A ring of image 1 crosses itself and leaves four pixels that no polygon has.
    bare = np.array(found["polygons"]["1"]) == VOID
    assert np.argwhere(bare).tolist() == [[y, 0] for y in range(1, 5)]
    for key, told in found["maps"].items():
        seen = np.array(found["polygons"][key])
        assert np.array_equal(np.where(bare & (key == "1"), VOID, told), seen)
