"""What comes back otherwise beside pixels is found by reading back, whoever wrote it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.labels import Rows
from maskloom.formats.base import Format
from maskloom.formats.compare import compare
from maskloom.formats.compare_facts import changed_splits
from maskloom.formats.detect import load_format
from maskloom.formats.loss import Holds
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of, objects

LEFT, RIGHT = np.zeros((2, 4, 6), bool)
LEFT[1:3, :2], RIGHT[:, 4:] = True, True
ALL = Holds(crowd=True, attributes=True, tracks=True, score=True)


def with_columns(**columns):
    labels = objects([LEFT, RIGHT])
    own = {name: getattr(labels.rows, name) for name in Rows.__slots__}
    return labels.replace(rows=Rows(**{**own, **columns}))


def difference(one, two, holds=ALL):
    sides = (dataset_of(NUCLEUS, {"a": with_columns(**side)}) for side in (one, two))
    return compare(*sides, holds)


@pytest.mark.parametrize(
    ("kind", "one", "two"),
    [
        ("crowd", {"crowd": np.array([True, False])}, {}),
        ("crowd", {}, {"crowd": np.array([False, True])}),
        ("attributes", {"attributes": ({"a": 1}, None)}, {}),
        ("attributes", {"attributes": ({"a": 1}, None)}, {"attributes": ({"a": True}, None)}),
        ("attributes", {"attributes": ({"a": ""}, {})}, {"attributes": ({}, {})}),
        ("tracks", {"track": np.array([3, -1])}, {}),
    ],
)
def test_a_fact_that_came_back_otherwise_is_counted_where_it_is_held(kind, one, two):
    found = difference(one, two)
    assert dict(found.facts) == {kind: 1}
    assert [(loss.kind, loss.objects, loss.refused) for loss in found.losses()] == [(kind, 1, True)]
    assert (found.objects, found.exact_objects, found.changed_pixels) == (2, 2, 0)
    assert not difference(one, two, Holds()).facts
    assert not difference(one, one).facts


def test_a_new_number_of_a_track_and_a_track_that_was_none_are_no_loss():
    one, two = ({"track": np.array([n, n + 1])} for n in (3, 70))
    assert not difference(one, two).losses()
    assert not difference({}, one).facts


def test_numbers_of_objects_that_a_file_gave_are_told_when_others_come_back():
    own, other = ({"instance": np.array(ids)} for ids in ([3, 7], [1, 2]))
    found = difference(own, other)
    assert dict(found.facts) == {"numbers": 2}
    assert not found.losses()[0].refused
    assert not difference(own, own).facts
    # Those that a reader counts say nothing.
    assert not difference(other, own).facts


def test_objects_that_did_not_come_back_are_no_changed_facts():
    columns = {"crowd": np.array([True, False])}
    one = dataset_of(NUCLEUS, {"a": with_columns(**columns)})
    labels = with_columns(**columns)
    two = dataset_of(NUCLEUS, {"a": labels.replace(rows=labels.rows.take(np.array([1])))})
    found = compare(one, two, ALL)
    assert (found.exact_objects, dict(found.facts)) == (1, {})


def test_splits_that_lost_or_got_images_are_named():
    labels = {key: objects([LEFT]) for key in "abc"}
    data = dataset_of(NUCLEUS, labels)
    pairs = [(key, f"x/{key}") for key in "abc"]
    ours = replace(data, splits={"train": ("a", "b"), "val": ("b", "c"), "none": ()})
    same = replace(data, splits={"val": ("x/c", "x/b"), "train": ("x/a", "x/b")})
    assert changed_splits(ours, same, pairs) == []
    less = replace(data, splits={"train": ("x/a", "x/b"), "val": ("x/c",)})
    assert changed_splits(ours, less, pairs) == ["val"]
    assert changed_splits(ours, data, pairs) == ["train", "val"]
    assert changed_splits(data, less, pairs) == []


def test_one_coco_file_tells_the_splits_that_it_drops(tmp_path):
    labels = {key: objects([LEFT]) for key in "ab"}
    data = replace(dataset_of(NUCLEUS, labels), splits={"train": ("a",), "val": ("b",)})
    fmt: Format = load_format("coco")
    done = transfer(data, tmp_path / "one.json", fmt)
    assert done.written
    told = {loss.kind: loss for loss in done.losses}
    assert told["splits"].named == "of the data set: train, val"
    assert not transfer(data, tmp_path / "folder", fmt).losses
