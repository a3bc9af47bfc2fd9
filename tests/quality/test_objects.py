from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from maskloom.core.labels import Geometry, RowKind
from maskloom.core.masks import Masks
from maskloom.errors import UsageError
from maskloom.quality.objects import Limits, inner_width_at_most

SIZE = (48, 64)


def test_a_clean_set_has_no_finding(block, labels, dataset, found):
    clean = labels(block(2, 2, 20, 20), block(30, 5, 50, 25), block(20, 30, 60, 47))
    assert found(dataset({"a": clean, "b": clean})) == {}


def test_an_object_without_a_pixel_is_an_error(block, labels, dataset, found):
    (finding,) = found(dataset({"a": labels(block(0, 0, 9, 9), block(5, 5, 5, 5))}))["empty-object"]
    assert (finding.severity, finding.key, finding.object) == ("error", "a", 2)


def test_rows_that_are_not_masks_may_be_empty(block, labels, dataset, found):
    only = labels(block(5, 5, 5, 5), kind=[RowKind.POINT])
    assert found(dataset({"a": only})) == {}


def test_equal_objects_of_one_class_are_errors_and_of_two_classes_warnings(
    block, labels, dataset, found
):
    mask = block(4, 4, 20, 20)
    twice = found(dataset({"a": labels(mask, mask, category=[0, 0])}))
    assert [(f.severity, f.object, f.value) for f in twice["duplicate-object"]] == [("error", 2, 1)]
    assert set(twice) == {"duplicate-object"}
    assert set(found(dataset({"a": labels(mask, mask, category=[0, 1])}))) == {"same-mask"}


def test_equal_masks_on_two_planes_are_one_object(block, labels, dataset, found):
    mask = block(4, 4, 20, 20)
    rows = labels(mask, mask, category=[0, 0], plane=[0, 1], instance=[7, 7])
    assert found(dataset({"a": rows})) == {}


def test_objects_that_nearly_coincide_are_found_once(block, labels, dataset, found):
    pair = labels(block(0, 0, 40, 40), block(0, 0, 40, 41), category=[0, 0])
    result = found(dataset({"a": pair}))
    assert set(result) == {"near-duplicate"}
    assert result["near-duplicate"][0].value == pytest.approx(40 / 41, abs=1e-6)


def test_overlaps_are_counted_and_are_errors_only_in_exclusive_data(block, labels, dataset, found):
    three = labels(block(0, 0, 20, 20), block(10, 0, 30, 20), block(18, 10, 40, 40))
    (finding,) = found(dataset({"a": three}))["overlaps"]
    assert finding.value == {"pairs": 3, "pixels": 10 * 20 + 2 * 10 + 12 * 10}
    assert finding.severity == "warning"
    (finding,) = found(dataset({"a": three}), Limits(exclusive=True))["overlap"]
    assert finding.severity == "error"


def test_a_part_may_lie_in_its_whole(block, labels, dataset, found):
    nested = labels(block(0, 0, 30, 30), block(5, 5, 15, 15), parent=[-1, 1])
    assert found(dataset({"a": nested})) == {}


def test_crowds_may_overlap(block, labels, dataset, found):
    pair = labels(block(0, 0, 30, 30), block(5, 5, 15, 15), crowd=[True, False])
    assert found(dataset({"a": pair})) == {}


def test_a_long_thin_object_is_a_sliver_and_a_short_or_wider_one_is_not(
    block, labels, dataset, found
):
    result = found(dataset({"a": labels(
        block(0, 0, 2, 30), block(10, 0, 12, 10), block(20, 0, 23, 30)
    )}))  # fmt: skip
    assert [f.object for f in result["sliver"]] == [1]
    thin = dataset({"a": labels(block(0, 0, 2, 30))})
    assert found(thin, Limits(sliver=0)) == {}
    assert found(thin, Limits(sliver_length=30)) == {}


def test_small_holes_are_counted_and_large_ones_are_meant(block, labels, dataset, found):
    mask = block(0, 0, 30, 30)
    mask[5, 5] = mask[10, 10:12] = False
    mask[15:25, 15:25] = False
    (finding,) = found(dataset({"a": labels(mask)}))["hole"]
    assert finding.value == {"holes": 2, "pixels": 3}
    assert found(dataset({"a": labels(mask)}), Limits(hole=0)) == {}


def test_stray_specks_and_too_many_parts_are_fragments(block, labels, dataset, found):
    mask = block(0, 0, 10, 10) | block(40, 40, 41, 42)
    (finding,) = found(dataset({"a": labels(mask)}))["fragment"]
    assert finding.value == {"parts": 2, "specks": 1}
    assert found(dataset({"a": labels(block(0, 0, 10, 10) | block(30, 30, 40, 40))})) == {}
    dots = np.zeros(SIZE, bool)
    dots[::8, ::8] = dots[1::8, ::8] = dots[::8, 1::8] = dots[1::8, 1::8] = True
    (finding,) = found(dataset({"a": labels(dots)}))["fragment"]
    assert finding.value == {"parts": 48, "specks": 0}


def test_vertices_and_boxes_outside_the_image_are_found_beyond_the_tolerance(
    block, labels, dataset, found
):
    ring = np.array([[-3.5, 2.0], [10.0, 2.0], [10.0, 12.0]])
    near = np.array([[30.0, 30.0], [64.8, 30.0], [40.0, 44.0]])
    rows = labels(
        block(0, 2, 10, 12), block(30, 30, 50, 44), block(50, 2, 60, 12),
        geometry=[Geometry((ring,), "coco"), Geometry((near,), "coco"), None],
        source=[{"id": 77}, None, {"id": "x", "bbox": [50, 2, 10, 60]}],
    )  # fmt: skip
    result = found(dataset({"a": rows}))["outside"]
    assert [(f.object, f.value) for f in result] == [(77, 3.5), ("x", 14.0)]


@given(arrays(bool, (9, 11)), st.integers(1, 4))
def test_inner_width_agrees_with_erosion_by_scipy(mask, width):
    eroded = ndimage.binary_erosion(
        np.pad(mask, width), np.ones((width + 1, width + 1)), border_value=0
    )
    assert inner_width_at_most(Masks.from_dense(mask[None]), width)[0] == (not eroded.any())


def test_limits_out_of_range_are_refused():
    with pytest.raises(UsageError, match=r"check\.near"):
        Limits(near=1.5)
