from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.metrics import surface_cases as cases

from maskloom.metrics.surface.borders import KINDS, mark
from maskloom.metrics.surface.pair import grid, packed
from maskloom.metrics.surface.surfels import areas


def bits(words, width):
    """Bits of words, without the free word in front, as an array."""
    line = np.ascontiguousarray(words[:, :, 1:]).view(np.uint8)
    return np.unpackbits(line, axis=-1, bitorder="little")[..., :width].astype(bool)


def marked(one, kind, *, outside=True):
    deep = one.ndim == 3
    with grid(one.shape, None, 1) as at:
        words = packed(one, at, 0, others=True).words
    extra = kind == "corners"
    size = (at.shape[0] + (extra and deep), at.shape[1] + extra)
    out = np.zeros((*size, words.shape[2]), np.uint64)
    counts = np.zeros(size[0] * size[1], np.int64)
    rule = (KINDS[kind], int(outside), int(deep), at.shape[2])
    mark(words, rule, (0, 0), (0, len(counts)), out, (0, 0), counts)
    found = bits(out, at.shape[2] + extra)
    assert counts.tolist() == found.reshape(len(counts), -1).sum(axis=1).tolist()
    return found if deep else found[0]


SQUARE = np.zeros((5, 5), bool)
SQUARE[1:4, 1:4] = True


def test_faces_of_a_square_are_all_but_its_middle():
    wanted = SQUARE.copy()
    wanted[2, 2] = False
    assert (marked(SQUARE, "faces") == wanted).all()


def test_a_pixel_that_misses_only_a_corner_is_on_the_full_border_alone():
    one = np.ones((5, 5), bool)
    one[0, 0] = False
    assert not marked(one, "faces")[1, 1]
    assert marked(one, "full")[1, 1]


def test_the_edge_of_the_image_is_a_border_only_where_it_is_outside():
    one = np.ones((3, 70), bool)
    for kind in KINDS:
        assert marked(one, kind).any()
        assert not marked(one, kind, outside=False).any()


def test_corners_of_one_pixel_are_four():
    one = np.zeros((3, 3), bool)
    one[1, 1] = True
    wanted = np.zeros((4, 4), bool)
    wanted[1:3, 1:3] = True
    assert (marked(one, "corners") == wanted).all()


def test_a_slice_of_a_volume_is_all_border_and_an_image_is_not():
    assert marked(SQUARE[None], "faces")[0].sum() == 9
    assert marked(SQUARE, "faces").sum() == 8


def test_borders_are_what_erosion_takes_away():
    rng = np.random.default_rng(1)
    for _ in range(cases.FUZZ):
        one, _, _ = cases.pair(rng)
        for kind, outside in itertools.product(("faces", "full"), (True, False)):
            wanted = cases.border(one, full=kind == "full", outside=outside)
            assert (marked(one, kind, outside=outside) == wanted).all(), (one.shape, kind, outside)
        wanted = cases.corners(one)
        assert (marked(one, "corners") == wanted).all()
        inner = np.zeros_like(wanted)
        within = (slice(1, -1),) * one.ndim
        inner[within] = wanted[within]
        assert (marked(one, "corners", outside=False) == inner).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_words_hold_the_pixels_of_a_value(dtype):
    rng = np.random.default_rng(2)
    for width in (1, 5, 63, 64, 65, 100, 128, 129):
        values = rng.integers(0, 3, (3, 4, width)).astype(dtype)
        with grid(values.shape, None, 1) as at:
            one = packed(values, at, 2).words
            other = packed(values, at, 2, others=True).words
        assert (bits(one, 200)[1:-1, 1:-1, :width] == (values == 2)).all()
        assert (bits(other, 200)[1:-1, 1:-1, :width] == (values != 2)).all()
        assert bits(one, 200).sum() == (values == 2).sum()


def test_rows_of_a_mask_are_those_with_a_pixel():
    one = np.zeros((6, 7, 5), bool)
    one[2, 3, 4] = one[4, 1, 0] = True
    with grid(one.shape, None, 1) as at:
        found = packed(one, at, 0, others=True)
        assert (found.rows == one.any(axis=2)).all()
        assert not found.without(found).words.any()


def reverse(code, n):
    return int(format(code, f"0{n}b")[::-1], 2)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (1.5, 1, 1), (3, 0.7, 0.11), (0.2, 5, 1)])
def test_areas_are_those_of_the_table_of_surface_distance(spacing):
    tables = cases.deepmind().lookup_tables
    theirs = tables.create_table_neighbour_code_to_surface_area(spacing)
    wanted = [theirs[reverse(code, 8)] for code in range(256)]
    np.testing.assert_allclose(areas(spacing), wanted, rtol=1e-14)
    theirs = tables.create_table_neighbour_code_to_contour_length(spacing[:2])
    wanted = [theirs[reverse(code, 4)] for code in range(16)]
    np.testing.assert_allclose(areas(spacing[:2]), wanted, rtol=1e-14)


def test_areas_by_hand():
    table = areas((2.0, 3.0, 5.0))
    # A slice inside: the whole rectangle across it, of rows and columns.
    assert table[0b00001111] == pytest.approx(15)
    assert table[0b00110011] == pytest.approx(10)
    assert table[0b01010101] == pytest.approx(6)
    # One pixel inside: a triangle through the middles of three edges.
    assert areas((1.0, 1.0, 1.0))[1] == pytest.approx(np.sqrt(3) / 8)
    assert table[[0, 255]].tolist() == [0, 0]
    assert (table == table[255 - np.arange(256)]).all()
