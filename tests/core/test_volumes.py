from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maskloom.core.labels import Labels, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map, instance_map, instance_rows
from maskloom.core.volumes import (
    displacement,
    paint_planes,
    plane_of,
    spacing_of,
    stacked,
    unstacked,
)
from maskloom.errors import DataError

AB = Taxonomy.from_names(["a", "b"])
SIZES = st.tuples(*[st.integers(1, 6)] * 3)
MAPS = SIZES.flatmap(lambda s: arrays(np.uint8, s, elements=st.sampled_from([0, 1, 254, 255])))


def rows_of(array, size):
    """Rows of ids 1.. in a volume, made slice by slice."""
    masks, category, instance, plane = [], [], [], []
    for z, pixels in enumerate(array):
        for value in np.unique(pixels[pixels > 0]):
            masks.append(pixels == value)
            category.append((value - 1) % 2)
            instance.append(value)
            plane.append(z)
    batch = Masks.from_dense(masks) if masks else Masks.empty(0, size[1:])
    return Labels(size, rows=Rows.make(batch, category, instance=instance, plane=plane))


@given(MAPS)
def test_rows_of_a_class_map_paint_the_same_class_map(pixels):
    labels = Labels(pixels.shape, class_map=pixels)
    rows = instance_rows(labels)
    again = class_map(Labels(pixels.shape, rows=rows), AB)
    void, background = codes(pixels.dtype)
    assert np.array_equal(again, np.where(pixels == void, background, pixels))


def test_rows_of_one_class_in_several_planes_are_one_object():
    pixels = np.zeros((3, 2, 2), np.uint8)
    rows = instance_rows(Labels(pixels.shape, class_map=pixels))
    assert rows.plane.tolist() == [0, 1, 2]
    assert set(rows.instance.tolist()) == {1}


@given(SIZES.flatmap(lambda s: arrays(np.uint8, s, elements=st.integers(0, 4))))
def test_a_stacked_volume_comes_back_plane_by_plane(array):
    labels = rows_of(array, array.shape)
    tall = stacked(labels)
    assert len(tall.rows) == len(np.unique(array[array > 0]))
    assert np.array_equal(class_map(tall, AB).reshape(array.shape), class_map(labels, AB))
    back = unstacked(tall.rows, array.shape)
    out = np.zeros(array.shape, np.uint8)
    paint_planes(back.masks, back.plane, out, back.instance)
    assert np.array_equal(out, array)


def test_two_rows_of_one_object_in_one_plane_stay_two_rows_when_stacked():
    masks = Masks.from_dense(
        [np.eye(3, dtype=bool), np.eye(3, dtype=bool)[::-1], np.eye(3, dtype=bool)]
    )
    labels = Labels(
        (2, 3, 3), rows=Rows.make(masks, [0, 0, 0], instance=[5, 5, 5], plane=[0, 0, 1])
    )
    assert stacked(labels).rows.masks.areas.tolist() == [6, 3]


def test_an_object_without_a_voxel_survives_stacking():
    labels = Labels((2, 3, 3), rows=Rows.make(Masks.empty(1, (3, 3)), [0], instance=[9]))
    tall = stacked(labels).rows
    assert tall.instance.tolist() == [9]
    assert unstacked(tall, (2, 3, 3)).instance.tolist() == [9]


def test_instance_map_of_a_volume_numbers_objects_over_planes():
    array = np.zeros((2, 2, 2), np.uint8)
    array[0, 0, 0], array[1, 0, 0], array[1, 1, 1] = 7, 7, 3
    rows = rows_of(array, array.shape).rows
    assert instance_map(rows, array.shape).tolist() == [[[1, 0], [0, 0]], [[1, 0], [0, 2]]]


def test_a_plane_of_a_volume_is_an_image():
    array = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    labels = rows_of(array, array.shape)
    flat = plane_of(labels, 1)
    assert flat.size == (2, 2)
    assert flat.rows.instance.tolist() == [4, 5, 6, 7]
    assert not flat.rows.plane.any()


def test_a_plane_that_is_not_there_is_refused():
    rows = Rows.make(Masks.from_dense(np.ones((1, 2, 2), bool)), [0], plane=[3])
    with pytest.raises(DataError, match="Planes are 0 to 1"):
        class_map(Labels((2, 2, 2), rows=rows), AB)


def test_displacement_is_that_of_the_worst_corner_in_voxels():
    one = ((2.0, 0, 0, 5), (0, 2.0, 0, 6), (0, 0, 4.0, 7), (0, 0, 0, 1))
    scaled = ((2.0, 0, 0, 5), (0, 2.0, 0, 6), (0, 0, 4.1, 7), (0, 0, 0, 1))
    assert spacing_of(one) == (4, 2, 2)
    assert displacement(one, one, (11, 5, 5)) == 0
    assert displacement(one, scaled, (11, 5, 5)) == pytest.approx(10 * 0.1 / 2)
    assert displacement((), (), (1, 1, 1)) == 0
    assert displacement(one, (), (1, 1, 1)) == float("inf")
