"""What Label Studio gets back of a region of which something was changed elsewhere."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.formats.detect import read_dataset
from maskloom.formats.shared.brush_rle import decode_brush

from . import tool_cases
from .test_labelstudio import SIDES, SIZE, put, region, task, tasks_in, triangle

# pycocotools copies by an older rule of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
KEPT = {"id": "p", "hidden": False, "locked": True, "parentID": "q", "meta": {"text": ["note"]}}
PLACE = {"points": [[10, 10], [50, 15], [30.5, 80]], "closed": True}


def said(name, kind, value, **more):
    return {"id": "p", "from_name": name, "to_name": "image", "type": kind, "value": value, **SIDES}


def source(tmp_path):
    region_of = triangle(score=0.5, **KEPT)
    others = [
        said("state", "choices", {**PLACE, "choices": ["wet", "old"]}),
        said("words", "textarea", {"text": ["Hello"]}),
        said("count", "number", {"number": 1}),
        said("kind", "labels", {**PLACE, "labels": ["cat"]}),
    ]
    return put(tmp_path, task(region_of, *others)), [region_of, *others]


def edited(path, **columns):
    """The data set of a file with other columns of its rows."""
    data = read_dataset(path)
    labels = data.labels_of(data.samples[0])
    own = {name: getattr(labels.rows, name) for name in Rows.__slots__}
    rows = Rows(**{**own, **columns})
    return Dataset(data.taxonomy, data.samples, lambda _: labels.replace(rows=rows))


def written(data, target, **options):
    done = tool_cases.put(data, target, "labelstudio", **options)
    assert done.written
    assert (done.changed_pixels, done.exact_objects) == (0, done.objects)
    return tasks_in(target)[0]["annotations"][-1]["result"], done


def test_an_attribute_that_changes_keeps_all_else_of_its_region(tmp_path):
    path, before = source(tmp_path)
    read = {"state": ["wet", "old"], "words": "Hello", "count": 1}
    data = read_dataset(path)
    assert data.labels_of(data.samples[0]).rows.attributes == (read,)
    changed = {"state": "dry", "words": ["a", "b"], "count": 2.5, "new": {"x": [1]}}
    results, done = written(edited(path, attributes=(changed,)), tmp_path / "a")
    wanted = copy.deepcopy(before)
    wanted[1]["value"]["choices"] = ["dry"]
    wanted[2]["value"]["text"] = ["a", "b"]
    wanted[3]["value"]["number"] = 2.5
    wanted[0]["meta"] = {"text": ["note"], "attributes": {"new": {"x": [1]}}}
    assert results == wanted
    assert not done.losses
    # What is gone is gone; the rest stays.
    results, done = written(edited(path, attributes=({"count": 1},)), tmp_path / "b")
    assert results == [before[0], before[3], before[4]]
    assert not done.losses


def test_a_value_that_its_control_cannot_say_is_told_and_stands_in_meta(tmp_path):
    path, before = source(tmp_path)
    changed = {"state": ["wet", "old"], "words": "Hello", "count": True}
    results, done = written(edited(path, attributes=(changed,)), tmp_path / "a")
    assert [loss.kind for loss in done.losses] == ["fields"]
    assert results[1:] == [before[1], before[2], before[4]]
    assert results[0]["meta"] == {"text": ["note"], "attributes": {"count": True}}
    assert results[0]["meta"]["attributes"]["count"] is True


def test_a_mask_that_changes_keeps_all_else_of_its_region(tmp_path):
    path, before = source(tmp_path)
    mask = np.zeros(SIZE, bool)
    mask[3:9, 4:20:2] = True
    columns = {"masks": Masks.from_dense([mask]), "geometry": ()}
    results, done = written(edited(path, **columns), tmp_path / "a")
    first = results[0]
    assert {k: first[k] for k in KEPT} == KEPT
    assert (first["type"], first["from_name"], first["score"]) == ("brushlabels",) * 2 + (0.5,)
    for one in (first, results[1], results[4]):
        assert "points" not in one["value"]
        found = decode_brush(one["value"]["rle"], SIZE).dense(0)
        np.testing.assert_array_equal(found, mask)
    assert [one["value"].get("choices") for one in results[1:2]] == [["wet", "old"]]
    assert results[2:4] == before[2:4]
    assert results[4]["value"]["labels"] == first["value"]["brushlabels"] == ["cat"]
    # Another tool drew it, so that its control is another one.
    assert [loss.kind for loss in done.losses] == ["fields"]


def test_a_region_without_a_label_gets_the_one_of_its_class(tmp_path):
    bare = {**region("polygon", PLACE), "type": "polygon", "value": PLACE}
    data = read_dataset(put(tmp_path, task(bare)))
    names = [replace(one, name="lion") for one in data.taxonomy]
    renamed = Dataset(type(data.taxonomy)(tuple(names)), data.samples, data.labels_of)
    (found,), _ = written(renamed, tmp_path / "a")
    assert found["value"] == {**PLACE, "polygonlabels": ["lion"]}


def test_texts_of_a_region_are_attributes_in_every_format(tmp_path):
    path, _ = source(tmp_path)
    for to, file in (("datumaro", "default.json"), ("cvat", "annotations.xml")):
        tool_cases.put(read_dataset(path), tmp_path / to, to, allow_loss=True)
        text = next((tmp_path / to).rglob(file)).read_text()
        if to == "cvat":
            named = ElementTree.fromstring(text).iter("attribute")
            found = {one.get("name"): one.text for one in named if one.get("name")}
            assert found["words"] == "Hello"
        else:
            (one,) = json.loads(text)["items"][0]["annotations"]
            assert one["attributes"]["words"] == "Hello"
