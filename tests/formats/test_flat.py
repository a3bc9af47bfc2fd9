from __future__ import annotations

import numpy as np

from maskloom.core.labels import BACKGROUND, VOID, Labels, RowKind
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.shared.flat import flat_losses, flat_rows

from .conftest import objects

TAXONOMY = Taxonomy(
    (
        Category("cat", "cat", "thing"),
        Category("sky", "sky", "stuff"),
        Category("void", "void", "stuff", void=True),
    )
)


def row(*columns, width=6):
    mask = np.zeros((1, width), bool)
    mask[0, list(columns)] = True
    return mask


def pixels(rows):
    return [np.flatnonzero(mask).tolist() for mask in rows.masks.decode()]


def test_parts_are_united_and_stuff_is_one_region_per_class_and_crowd():
    labels = objects(
        [row(0), row(1), row(2), row(3), row(4)],
        [0, 0, 1, 1, 1],
        instance=[7, 7, 8, 9, 10],
        crowd=[False, False, False, False, True],
    )
    rows = flat_rows(labels, TAXONOMY)
    assert pixels(rows) == [[0, 1], [2, 3], [4]]
    assert rows.category.tolist() == [0, 1, 1]
    assert rows.crowd.tolist() == [False, False, True]
    found = flat_losses(labels.rows, TAXONOMY)
    assert [(x.kind, x.objects) for x in found] == [("parts", 2)]


def test_the_front_keeps_the_pixel_by_depth_then_score_then_order():
    masks = [row(0, 1, 2), row(2, 3), row(3, 4)]
    assert pixels(flat_rows(objects(masks), TAXONOMY)) == [[0, 1], [2], [3, 4]]
    scored = objects(masks, score=[0.9, 0.5, 0.7])
    assert pixels(flat_rows(scored, TAXONOMY)) == [[0, 1, 2], [3, 4]]
    deep = objects(masks, score=[0.9, 0.5, 0.7], z_order=[0, 1, 0])
    assert pixels(flat_rows(deep, TAXONOMY)) == [[0, 1], [2, 3], [4]]
    unscored = objects(masks, score=[0.9, np.nan, 0.7])
    assert pixels(flat_rows(unscored, TAXONOMY)) == [[0, 1], [2, 3], [4]]


def test_what_is_hidden_empty_void_or_drawn_is_no_segment():
    labels = objects(
        [row(0), row(0, 1), row(), row(2), row(3)],
        [0, 0, 0, 2, 0],
        kind=[RowKind.MASK] * 4 + [RowKind.SCRIBBLE],
    )
    rows = flat_rows(labels, TAXONOMY)
    assert pixels(rows) == [[0, 1]]
    assert rows.instance.tolist() == [2]


def test_a_class_map_is_one_segment_per_class():
    labels = Labels((1, 4), class_map=np.array([[1, VOID, 0, BACKGROUND]], np.uint8))
    assert pixels(flat_rows(labels, TAXONOMY)) == [[2], [0]]
    assert flat_losses(flat_rows(labels, TAXONOMY), TAXONOMY) == []


def test_no_rows_are_no_segments():
    labels = objects([row(0)])
    nothing = labels.replace(rows=labels.rows.take(slice(0, 0)))
    assert len(flat_rows(nothing, TAXONOMY)) == 0
    assert flat_losses(nothing.rows, TAXONOMY) == []


def test_objects_of_which_nothing_is_seen_are_told_by_number_and_name():
    labels = objects([row(0, 1), row(0, 1, 2), row(4), row(3, 4, 5)], [0, 0, 1, 0])
    assert pixels(flat_rows(labels, TAXONOMY)) == [[0, 1, 2], [3, 4, 5]]
    (found,) = flat_losses(labels.rows, TAXONOMY)
    assert (found.kind, found.objects, found.pixels, found.refused) == ("covered", 2, 3, True)
    assert found.detail == "2 objects lie wholly under others and vanish, first one of cat"
    apart = objects([row(0, 1), row(1, 2)], [0, 0])
    assert flat_losses(apart.rows, TAXONOMY) == []
