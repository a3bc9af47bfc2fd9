from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.panoptic.segments import VOID_SEGMENT, map_segments, segment_rows

TAXONOMY = Taxonomy(
    (
        Category("car", "car"),
        Category("road", "road", kind="stuff"),
        Category("sky", "sky", kind="stuff"),
        Category("void", "void", void=True),
    )
)


def test_rows_that_are_segments_already_stay_as_they_are():
    masks, _ = Masks.from_id_map(np.array([[1, 1, 2, 3]]))
    rows = Rows.make(masks, [0, 0, 1])
    assert segment_rows(rows, TAXONOMY).masks is rows.masks


def test_segments_come_in_order_of_first_appearance():
    masks, _ = Masks.from_id_map(np.arange(1, 8).reshape(1, 7))
    rows = Rows.make(masks, [2, 0, 1, 0, 2, 3, 1], instance=[1, 5, 3, 5, 9, 8, 4])
    found = segment_rows(rows, TAXONOMY)
    assert found.category.tolist() == [2, 0, 1, VOID_SEGMENT]
    dense = found.masks.decode()[:, 0]
    assert [np.flatnonzero(row).tolist() for row in dense] == [[0, 4], [1, 3], [2, 6], [5]]
    assert segment_rows(rows, TAXONOMY, void=False, unlabelled=(1,)).category.tolist() == [2, 0]


def test_one_instance_id_in_two_categories_is_two_segments():
    masks, _ = Masks.from_id_map(np.array([[1, 2]]))
    both = Taxonomy.from_names(["a", "b"])
    assert len(segment_rows(Rows.make(masks, [0, 1], instance=[4, 4]), both)) == 2


@pytest.mark.parametrize(("dtype", "void"), [(np.uint8, 255), (np.uint16, 65535)])
def test_a_class_map_is_one_segment_per_stuff_class_and_one_of_void(dtype, void):
    values = np.array([[1, 2, 1, void, void - 1]], dtype)
    found = map_segments(values, TAXONOMY, side="truth", where="x")
    assert found.category.tolist() == [1, 2, VOID_SEGMENT]
    assert found.masks.areas.tolist() == [2, 1, 1]
    for last_is_void in (TAXONOMY, Taxonomy(TAXONOMY.categories[:3])):
        assert segment_rows(found, last_is_void).category.tolist() == [1, 2, VOID_SEGMENT]
        assert segment_rows(found, last_is_void, void=False).category.tolist() == [1, 2]


def test_a_class_map_of_things_is_refused_with_what_to_do():
    values = np.array([[1, 0]], np.uint8)
    with pytest.raises(DataError, match=r"^x: the truth is a class map.*saw 'car'.*task semantic"):
        map_segments(values, TAXONOMY, side="truth", where="x")
