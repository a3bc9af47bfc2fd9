"""Boxes, points and lines that come back otherwise than they were are found by reading back."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.formats.coco.write import HOLDS
from maskloom.formats.compare import compare
from maskloom.formats.cvat.write import HOLDS as CVAT
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.difference import Difference
from maskloom.formats.fields import beside_places
from maskloom.formats.tally import Tally
from maskloom.formats.transfer import transfer

from .drawn_sets import coco, cvat, shape

BOXES = [[12, 6, 20, 10], [1.5, 2.25, 8, 9], [30, 20, 20, 15], [30, 20, 20, 15]]


def difference(tmp_path, one, two, holds=HOLDS):
    return compare(coco(tmp_path / "one", one), coco(tmp_path / "two", two), holds)


def counted(found):
    return found.objects, found.exact_objects, dict(found.facts)


def test_boxes_that_came_back_are_objects_that_are_exact(tmp_path):
    assert counted(difference(tmp_path, BOXES, BOXES)) == (4, 4, {})


def test_boxes_in_another_order_are_the_same_but_for_their_numbers(tmp_path):
    found = difference(tmp_path, BOXES, BOXES[::-1])
    assert (found.exact_objects, "drawings" in found.facts) == (4, False)


@pytest.mark.parametrize(
    ("by", "exact"), [(17, 0), (0.01, 0), (0.0005, 4)], ids=["far", "visible", "rounded"]
)
def test_boxes_that_were_moved_differ_unless_only_rounded(tmp_path, by, exact):
    found = difference(tmp_path, BOXES, [[x + by, y, w, h] for x, y, w, h in BOXES])
    gone = {"drawings": 4} if by > 0.001 else {}
    assert counted(found) == (4, exact, gone)
    assert [(one.kind, one.objects, one.refused) for one in found.losses()] == [
        (kind, count, True) for kind, count in gone.items()
    ]


def test_boxes_of_another_size_differ(tmp_path):
    other = [*BOXES[:3], [30, 20, 21, 15]]
    assert counted(difference(tmp_path, BOXES, other)) == (4, 3, {"drawings": 1})


def test_rounded_boxes_are_matched_one_to_one(tmp_path):
    near = [[30, 20, 20, 15], [30.0004, 20, 20, 15]]
    back = [[30.0008, 20, 20, 15], [30.0003, 20, 20, 15]]
    assert difference(tmp_path, near, back).exact_objects == 2
    assert counted(difference(tmp_path / "x", near, [*back[:1] * 2, near[0]]))[2] == {"drawings": 1}


def test_boxes_that_are_gone_or_new_differ(tmp_path):
    assert counted(difference(tmp_path, BOXES, BOXES[:1])) == (4, 1, {"drawings": 3})
    assert counted(difference(tmp_path / "x", BOXES[:1], BOXES)) == (1, 1, {"drawings": 3})


def test_what_boxes_say_is_compared_as_of_masks(tmp_path):
    one = coco(tmp_path / "one", BOXES, score=0.5, attributes={"a": 1})
    two = coco(tmp_path / "two", BOXES, score=0.25, attributes={"a": 2})
    found = compare(one, two, HOLDS)
    assert (found.changed_scores, dict(found.facts)) == (4, {"attributes": 4})


POINTS = {"points": "1,2;3,4;9,9"}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("points", POINTS), ("points", {"points": "1,2;3,5;9,9"})),
        (("points", POINTS), ("polyline", POINTS)),
        (("points", POINTS), ("points", {"points": "1,2;3,4"})),
        (("ellipse", {"cx": 20, "cy": 20, "rx": 9, "ry": 5}),
         ("box", {"xtl": 20, "ytl": 20, "xbr": 9, "ybr": 5})),
    ],
    ids=["moved", "kind", "number", "rule"],
)  # fmt: skip
def test_points_lines_and_ellipses_are_compared(tmp_path, one, two):
    sides = [cvat(tmp_path / str(n), shape(*said)) for n, said in enumerate((one, two))]
    assert counted(compare(*sides, CVAT)) == (1, 0, {"drawings": 1})
    assert counted(compare(sides[0], sides[0], CVAT)) == (1, 1, {})


def test_a_box_has_the_same_place_whichever_corners_are_named(tmp_path):
    one = cvat(tmp_path / "one", shape("box", {"xtl": 4, "ytl": 3, "xbr": 20, "ybr": 12}))
    two = cvat(tmp_path / "two", shape("box", {"xtl": 20, "ytl": 3, "xbr": 4, "ybr": 12}))
    assert counted(compare(one, two, CVAT)) == (1, 1, {})


def test_boxes_of_one_object_that_come_back_as_two_are_told(tmp_path):
    pair = [shape("box", {"xtl": x, "ytl": 3, "xbr": x + 9, "ybr": 9}) for x in (2, 30)]
    grouped = [one.replace("z_order", 'group_id="3" z_order') for one in pair]
    one, two = cvat(tmp_path / "one", *grouped), cvat(tmp_path / "two", *pair)
    found = compare(one, two, CVAT)
    assert (found.objects, found.exact_objects, found.facts["parts"]) == (1, 0, 1)
    assert found.losses()[0].refused
    assert counted(compare(one, one, CVAT)) == (1, 1, {})


def test_the_depth_of_objects_is_compared_where_it_is_held(tmp_path):
    place = {"xtl": 4, "ytl": 3, "xbr": 20, "ybr": 12}
    one, two = (cvat(tmp_path / str(z), shape("box", place, z=z)) for z in (1, 2))
    assert compare(one, two, CVAT).facts == {"z_order": 1}
    assert compare(one, two, HOLDS).facts == {}


@pytest.mark.parametrize(
    "target",
    ["coco", "yolo", "voc", "cvat", "labelme", "labelstudio", "supervisely", "via", "datumaro",
     "parquet"],
)  # fmt: skip
def test_every_target_of_boxes_counts_them_as_exact(tmp_path, target):
    done = transfer(coco(tmp_path / "in", BOXES[:3]), tmp_path / "out", load_format(target))
    assert done.written, done.losses
    assert (done.objects, done.exact_objects) == (3, 3)
    back = read_dataset(tmp_path / "out", target)
    rows = back.labels_of(back.samples[0]).rows
    places = sorted(np.ravel(part).tolist() for own in rows.geometry for part in own.parts)
    if places:
        corners = sorted([x, y, x + w, y + h] for x, y, w, h in BOXES[:3])
        assert np.allclose(places, corners, atol=1e-3, rtol=0)


def test_a_writer_that_moves_a_box_is_refused(tmp_path, monkeypatch):
    """The last net: whatever a writer does, what it wrote is compared before it is kept."""
    from maskloom.formats.via import drawing

    own = drawing.box_of
    monkeypatch.setattr(drawing, "box_of", lambda rows, i: [v + 1 for v in own(rows, i)])
    done = transfer(coco(tmp_path / "in", BOXES), tmp_path / "out", load_format("via"))
    assert not done.written
    assert {loss.kind: loss.objects for loss in done.losses if loss.refused} == {"drawings": 4}


def test_each_kind_names_the_first_image_that_differs_so_and_counts_them():
    some = [Difference(1, 1, 0), Difference(1, 1, 0, facts={"numbers": 2}), Difference(1, 0, 9),
            Difference(1, 0, 5, facts={"numbers": 1})]  # fmt: skip
    total = sum((one.at(key) for one, key in zip(some, "abcd", strict=True)), Difference(0, 0, 0))
    tally = Tally()
    tally += total.losses()
    found = {loss.kind: loss for loss in tally.totals()}
    assert [(found[k].samples, found[k].example[0]) for k in ("numbers", "pixels")] == [
        (2, "b"),
        (2, "c"),
    ]
    assert (found["numbers"].objects, found["pixels"].pixels) == (3, 14)


def test_fields_that_begin_with_a_line_are_fields():
    """Mongo's `_id`, say; only what GeoJSON's reader notes for its writer is none."""
    mask = Masks.from_dense(np.ones((2, 2), bool))
    for source, kept in (
        ({"labelme": {"_id": 1}, "_x": 2}, {"labelme": {"_id": 1}, "_x": 2}),
        ({"geojson": {"_unnamed": True, "_geometry": {}}}, {}),
    ):
        rows = Rows.make(mask, np.zeros(1, np.int32), source=(source,))
        assert beside_places(rows) == (kept,)
