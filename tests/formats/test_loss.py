from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import VOID, Coverage, Labels, RowKind
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.loss import Holds, losses_of
from maskloom.formats.tally import Tally

from .conftest import objects

THINGS = Taxonomy.from_names(["cat"], kind="thing")
STUFF = Taxonomy.from_names(["sky", "road"], kind="stuff")
CLASSES = Holds(dense=True, void=True)
OBJECTS = Holds(instances=True)


def box(x0, x1, size=(2, 6)):
    mask = np.zeros(size, bool)
    mask[:, x0:x1] = True
    return mask


def told(holds, labels, taxonomy=THINGS):
    return {
        loss.kind: (loss.objects, loss.pixels) for loss in losses_of(holds, "k", labels, taxonomy)
    }


def test_overlap_counts_the_pixels_that_are_claimed_more_than_once():
    labels = objects([box(0, 3), box(2, 4), box(5, 6)])
    assert told(OBJECTS, labels) == {"overlap": (2, 2)}
    assert told(Holds(instances=True, overlap=True), labels) == {}


def test_objects_in_a_class_map_are_merged():
    assert told(CLASSES, objects([box(0, 1), box(2, 3)])) == {"instances": (2, 0)}


def test_one_region_a_class_of_stuff_is_no_loss_in_a_class_map():
    assert told(CLASSES, objects([box(0, 3), box(3, 6)], [0, 1]), STUFF) == {}
    assert told(CLASSES, objects([box(0, 1), box(3, 6)], [1, 1]), STUFF) == {"instances": (2, 0)}


def test_areas_of_things_in_a_class_map_are_no_objects():
    taxonomy = Taxonomy((*THINGS, *STUFF, Category("void", "void", void=True)))
    pixels = np.array([[0, 0, 1, 3], [0, 2, VOID, 1]], np.uint8)
    labels = Labels((2, 4), class_map=pixels)
    (loss,) = losses_of(Holds(instances=True, void=True), "k", labels, taxonomy)
    assert (loss.kind, loss.objects, loss.pixels, loss.refused) == ("dense", 1, 3, True)
    assert "objects of cat apart" in loss.detail
    assert told(Holds(instances=True, dense=True, void=True), labels, taxonomy) == {}
    assert told(CLASSES, labels, taxonomy) == {}
    stuff = labels.replace(class_map=np.where(pixels == 0, 1, pixels).astype(np.uint8))
    assert told(Holds(instances=True, void=True), stuff, taxonomy) == {}


def test_what_labels_leave_open_is_no_background():
    holds = Holds(instances=True, background=False, coverage=True)
    partly = objects([box(0, 1)]).replace(coverage=Coverage(area=Masks.from_dense(box(0, 3))))
    assert told(holds, partly) == {"background": (0, 4)}
    seen = partly.replace(coverage=Coverage(area=Masks.from_dense(box(0, 1))))
    assert told(holds, seen) == {}
    assert told(holds, objects([box(0, 1)])) == {"background": (0, 10)}
    nothing = objects([box(0, 1)])
    nothing = nothing.replace(rows=nothing.rows.take(slice(0, 0)))
    assert told(holds, nothing) == {"background": (0, 12)}


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("crowd", [True, False], "crowd"),
        ("score", [0.5, np.nan], "score"),
        ("track", [4, -1], "tracks"),
        ("attributes", [{"a": 1}, None], "attributes"),
        ("instance", [1, 1], "parts"),
        ("kind", [RowKind.POINT, RowKind.MASK], "drawings"),
        ("source", [{"id": 3}, None], "fields"),
    ],
)
def test_every_column_that_is_dropped_is_told(column, value, kind):
    labels = objects([box(0, 1), box(2, 3)], **{column: value})
    assert list(told(OBJECTS, labels)) == [kind]
    assert told(Holds(instances=True, **{kind: True}), labels) == {}


def test_what_parts_say_otherwise_than_the_first_of_their_object_is_told():
    holds = Holds(instances=True, attributes=True, fields=True)
    labels = objects(
        [box(0, 1), box(2, 4), box(5, 6), box(4, 5)],
        instance=[7, 7, 3, 3],
        attributes=[{"a": 1}, {"a": 1, "b": 2}, None, {}],
        source=[None, {"note": "right"}, {"note": "x"}, None],
    )
    assert told(holds, labels) == {"parts": (2, 0), "attributes": (1, 4), "fields": (2, 6)}
    assert told(Holds(instances=True), labels) == {
        "parts": (2, 0),
        "attributes": (2, 6),
        "fields": (2, 6),
    }
    whole = Holds(instances=True, attributes=True, fields=True, parts=True)
    assert told(whole, labels) == {}
    alike = objects([box(0, 1), box(2, 4)], instance=[7, 7], attributes=[{"a": 1}] * 2)
    assert told(holds, alike) == {"parts": (1, 0)}


def test_order_in_depth_is_told_where_objects_share_pixels():
    deep = Holds(instances=True, overlap=True)
    boxes = [box(0, 2), box(1, 3), box(3, 4)]
    assert told(deep, objects(boxes, z_order=[1, 2, 3])) == {"z_order": (2, 0)}
    assert told(deep, objects(boxes, z_order=[1, 1, 3])) == {}
    assert told(deep, objects([box(0, 1), box(2, 3)], z_order=[1, 2])) == {}
    assert (
        told(Holds(instances=True, overlap=True, z_order=True), objects(boxes, z_order=[1, 2, 3]))
        == {}
    )
    planes = objects(boxes, z_order=[1, 2, 3], plane=[0, 1, 0])
    assert told(deep, planes) == {}


def test_void_and_background_pixels_are_counted():
    classes = np.array([[0, 255, 255], [254, 1, 1]], np.uint8)
    labels = Labels((2, 3), class_map=classes)
    assert told(Holds(), labels, STUFF) == {"void": (0, 2)}
    assert told(Holds(dense=True, void=True, background=False), labels, STUFF) == {
        "background": (0, 1)
    }


def test_void_rows_empty_rows_ids_and_partial_coverage_are_told():
    taxonomy = Taxonomy((Category("a", "a"), Category("v", "v", void=True)))
    labels = objects([box(0, 1), box(2, 4)], [0, 1])
    assert told(OBJECTS, labels, taxonomy) == {"void": (1, 4)}
    assert told(OBJECTS, objects([box(0, 1), box(0, 0)])) == {"empty": (1, 0)}
    assert told(Holds(instances=True, max_ids=1), objects([box(0, 1), box(2, 3)])) == {
        "ids": (2, 0)
    }
    partly = objects([box(0, 1)]).replace(coverage=Coverage(area=Masks.from_dense(box(0, 3))))
    assert list(told(OBJECTS, partly)) == ["coverage"]


def test_totals_add_samples_and_know_what_is_refused():
    tally = Tally()
    tally += losses_of(
        OBJECTS, "a", objects([box(0, 3), box(2, 4)], source=[{"x": 1}, None]), THINGS
    )
    assert tally.refused
    tally += losses_of(OBJECTS, "b", objects([box(0, 3), box(1, 4)]), THINGS)
    totals = tally.totals()
    assert [(t.kind, t.samples, t.pixels, t.refused) for t in totals] == [
        ("overlap", 2, 6, True),
        ("fields", 1, 6, False),
    ]
