"""Supervisely's geometries that are not read, its instances, and polygons outside of the image."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.rename import renamed

from .conftest import NUCLEUS, dataset_of
from .test_supervisely import DISC, bitmap, drawn, put_project, sdk_mask
from .tool_cases import SIZE, exact, hard_masks, put, stable

CORNERS = {"exterior": [[1, 1], [5, 5]], "interior": []}
UNREAD = {
    "cuboid": {"points": [[1, 1]], "faces": []},
    "graph": {"nodes": {"a": {"loc": [1, 2]}}},
    "alpha_mask": {"bitmap": {"data": "", "origin": [0, 0]}},
    "oriented_bbox": {"points": CORNERS, "angle": 3},
    "cuboid_3d": {},
}


def entry(kind, number=2, title="car"):
    return {"id": number, "classTitle": title, "geometryType": kind, "tags": [], **UNREAD[kind]}


def said(root, name="a.png"):
    (path,) = root.rglob(f"{name}.json")
    return json.loads(path.read_text())["objects"]


@pytest.mark.parametrize("kind", UNREAD)
def test_a_geometry_that_is_not_read_comes_back_where_it_stood(tmp_path, kind):
    put_project(tmp_path / "src", bitmap(1, DISC), entry(kind), bitmap(3, DISC, (30, 20)))
    source = read_dataset(tmp_path / "src")
    assert any("not read" in text and kind in text for text in source.warnings)
    stable(tmp_path / "src", tmp_path, "supervisely")
    back = said(tmp_path / "one")
    assert [one["id"] for one in back] == [1, 2, 3]
    assert back[1] == entry(kind)
    meta = json.loads((tmp_path / "one/meta.json").read_text())
    assert [one["shape"] for one in meta["classes"]] == ["any", "bitmap"]


def test_other_formats_are_refused_what_is_not_read(tmp_path):
    put_project(tmp_path / "src", bitmap(1, DISC), entry("cuboid"), entry("graph", 3))
    source = read_dataset(tmp_path / "src")
    done = put(source, tmp_path / "out", "coco")
    (loss,) = [loss for loss in done.losses if loss.kind == "drawings"]
    assert (done.written, loss.objects) == (False, 2)
    assert "1 cuboid, 1 graph" in loss.example
    assert put(source, tmp_path / "out", "coco", allow_loss=True).written


def test_what_is_not_read_gets_the_new_name_of_its_class(tmp_path):
    put_project(tmp_path / "src", bitmap(1, DISC, classTitle="sky"), entry("graph"))
    source = renamed(read_dataset(tmp_path / "src"), ["car=lorry"])
    assert put(source, tmp_path / "out", "supervisely").written
    assert [(one["id"], one["classTitle"]) for one in said(tmp_path / "out")] == [
        (1, "sky"),
        (2, "lorry"),
    ]


def test_a_class_that_meta_lacks_is_refused_also_of_what_is_not_read(tmp_path):
    put_project(tmp_path, bitmap(1, DISC), entry("graph", title="nobody"))
    with pytest.raises(FormatError, match=r"object 1.*nobody|object 1.*not read"):
        data = read_dataset(tmp_path)
        data.labels_of(data.samples[0])


def test_skip_bad_leaves_out_what_is_invalid_and_keeps_what_is_not_read(tmp_path):
    bad = drawn(9, "polygon", [[1, 1], ["x", 2], [3, 3]])
    put_project(tmp_path / "src", entry("graph", title="nobody"), bad, entry("graph", 5), {"id": 6})
    fmt = load_format("supervisely")
    data = fmt.read(tmp_path / "src", fmt.ReadOptions(skip_bad=True), None)
    assert any(text.startswith("3 ") for text in data.warnings)
    exact(data, tmp_path / "out", "supervisely")
    assert said(tmp_path / "out") == [entry("graph", 5)]


def test_instances_are_kept_to_the_letter(tmp_path):
    told = ["abc", "abc", 7, "7", "", "", None, "9"]
    entries = [
        bitmap(i, np.ones((2, 2)), (4 * i, 3), instance=value) for i, value in enumerate(told, 1)
    ]
    put_project(tmp_path / "src", *entries)
    stable(tmp_path / "src", tmp_path, "supervisely")
    assert [one.get("instance") for one in said(tmp_path / "one")] == told
    rows = read_dataset(tmp_path / "src").labels_of(read_dataset(tmp_path / "src").samples[0]).rows
    parts = rows.instance.tolist()
    assert parts[0] == parts[1]
    assert parts[2] == parts[3] == 7
    assert len(set(parts)) == 6


def test_instances_that_two_objects_cannot_share_are_told(tmp_path):
    masks = Masks.concatenate([Masks.from_dense(mask) for mask in hard_masks()[:4]])
    source = tuple({"instance": value} for value in ("x", "x", None, None))
    rows = Rows.make(masks, [0] * 4, instance=[1, 2, 3, 3], source=source)
    data = dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}, tmp_path / "photos")
    done = exact(data, tmp_path / "out", "supervisely")
    (loss,) = [loss for loss in done.losses if loss.kind == "fields"]
    assert loss.objects == 1
    assert "instance" in loss.example
    assert [one.get("instance") for one in said(tmp_path / "out")] == ["x", None, "3", "3"]


def test_a_polygon_outside_of_the_image_stays_an_object(tmp_path):
    outside = drawn(2, "polygon", [[150, 150], [160, 150], [160, 160]])
    assert not sdk_mask(outside).any()
    put_project(tmp_path / "src", bitmap(1, DISC), outside)
    stable(tmp_path / "src", tmp_path, "supervisely")
    assert said(tmp_path / "one")[1]["points"] == outside["points"]


def test_an_empty_mask_without_a_polygon_is_refused(tmp_path):
    empty = Masks.empty(1, SIZE)
    rows = Rows.make(empty, [0], kind=[RowKind.MASK])
    data = dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}, tmp_path / "photos")
    done = put(data, tmp_path / "out", "supervisely")
    assert [(loss.kind, loss.objects) for loss in done.refused] == [("empty", 1)]


@pytest.mark.parametrize("tool", ["labelme", "supervisely"])
@pytest.mark.parametrize("score", [7.5, -1.0, 1e-320, 1.0, 0.0])
def test_scores_beyond_one_come_back(tmp_path, tool, score):
    rows = Rows.make(Masks.from_dense(hard_masks()[0]), [0], score=[score])
    data = dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}, tmp_path / "photos")
    exact(data, tmp_path / "out", tool)
    (path,) = (path for path in (tmp_path / "out").rglob("a*.json"))
    text = json.loads(path.read_text())
    (one,) = text["shapes" if tool == "labelme" else "objects"]
    assert one["score"] == score
    back = read_dataset(tmp_path / "out")
    assert back.labels_of(back.samples[0]).rows.score.tolist() == [score]
