"""Contours through pixel centres: painted as OpenCV and Pillow paint, they are the mask again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from maskloom.core.contours import contours_of, one_ring, part_rings, straightened
from maskloom.core.masks import Masks


def painted(rings, size):
    canvas = np.zeros(size, np.uint8)
    cv2.fillPoly(canvas, list(rings), 1)
    return canvas > 0


def random_mask(rng, kind, size=(40, 50)):
    if kind == "noise":
        return rng.random(size) < rng.uniform(0.1, 0.9)
    field = ndimage.gaussian_filter(rng.standard_normal(size), 1.5)
    return field < np.quantile(field, rng.uniform(0.05, 0.95))


@pytest.mark.parametrize("kind", ["noise", "blobs"])
def test_all_contours_in_one_call_and_parts_one_by_one_are_the_mask_again(kind):
    rng = np.random.default_rng(1)
    for _ in range(80):
        pixels = random_mask(rng, kind)
        pixels[0, 0] = True
        mask = Masks.from_dense(pixels)
        every = [straightened(points) for points in contours_of(mask).points]
        np.testing.assert_array_equal(painted(every, pixels.shape), pixels)
        image = Image.new("1", pixels.shape[::-1])
        parts = part_rings(mask)
        assert len(parts) == ndimage.label(pixels, np.ones((3, 3)))[1]
        for ring in parts:
            ImageDraw.Draw(image).polygon([tuple(p) for p in ring.tolist()], 1, 1)
            # Every part alone, too: nothing of it lies outside the object.
            assert not (painted([ring], pixels.shape) & ~pixels).any()
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_one_ring_is_exact_for_one_part_however_many_holes_it_has():
    rng = np.random.default_rng(2)
    holes = 0
    for _ in range(60):
        field = ndimage.gaussian_filter(rng.standard_normal((60, 60)), 1)
        labels, _ = ndimage.label(field < 0.3, np.ones((3, 3)))
        pixels = labels == np.bincount(labels.ravel())[1:].argmax() + 1
        mask = Masks.from_dense(pixels)
        holes += int(mask.topology(8)[0, 1])
        np.testing.assert_array_equal(painted([one_ring(mask)], pixels.shape), pixels)
    assert holes > 200


def test_parts_in_one_ring_add_no_more_than_the_shortest_bridges():
    pixels = np.zeros((20, 30), bool)
    pixels[2:5, 2:5] = pixels[2:5, 8:11] = pixels[15:18, 8:11] = True
    seen = painted([one_ring(Masks.from_dense(pixels))], pixels.shape)
    # Columns 5 to 7 between the first two, rows 5 to 14 between the last two.
    assert (seen & ~pixels).sum() == 3 + 10
    assert not (pixels & ~seen).any()


def test_a_ring_has_no_points_on_the_way_and_three_at_least():
    square = np.array([[0, 0], [1, 0], [2, 0], [2, 0], [2, 2], [0, 2], [0, 1]], np.int32)
    assert straightened(square).tolist() == [[0, 0], [2, 0], [2, 2], [0, 2]]
    assert straightened(square[:1]).tolist() == [[0, 0]] * 3
    line = np.array([[0, 0], [1, 0], [2, 0], [1, 0]], np.int32)
    assert straightened(line).tolist() == [[0, 0], [2, 0], [2, 0]]


def test_the_number_of_parts_counts_corners_as_touching():
    assert contours_of(Masks.from_dense(np.eye(5, dtype=bool))).parts == 1
    ring = np.pad(np.pad(np.ones((1, 1), bool), 1), 1, constant_values=True)
    contours = contours_of(Masks.from_dense(ring))
    assert (contours.parts, len(contours.points)) == (2, 3)
