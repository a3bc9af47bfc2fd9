"""Rules of other programs: on the whole frame they paint what `Masks.from_polygons` says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.draw import polygon as skimage_polygon

from maskloom.core.masks import Masks
from maskloom.core.painters import PAINTERS
from maskloom.errors import MaskError

from .test_fill import SQUARE, polygon


def whole_frame(rings, size, rule):
    """What the program paints on a canvas of the whole frame, called as its users call it."""
    canvas = np.zeros(size, np.uint8)
    if rule.startswith("opencv"):
        cast = np.rint if rule == "opencv-round" else np.trunc
        cv2.fillPoly(canvas, [cast(r).astype(np.int32) for r in rings], 1)
        return canvas > 0
    if rule.startswith("pil"):
        image = Image.new("L", (size[1], size[0]))
        for ring in rings:
            outline = 1 if rule == "pil-outline" else None
            ImageDraw.Draw(image).polygon([tuple(p) for p in ring.tolist()], 1, outline)
        return np.asarray(image) > 0
    for ring in rings:
        canvas[skimage_polygon(ring[:, 1], ring[:, 0], size)] = 1
    return canvas > 0


@pytest.mark.parametrize("rule", sorted(PAINTERS))
@pytest.mark.parametrize("kind", range(8))
def test_a_cut_canvas_paints_what_the_whole_frame_would(rule, kind):
    rng = np.random.default_rng(kind)
    differ = 0
    for _ in range(60):
        size = tuple(int(v) for v in rng.integers(1, 70, 2))
        rings = [polygon(rng, kind, *size) for _ in range(rng.integers(1, 3))]
        mine = Masks.from_polygons([rings], size, rule=rule).validate()
        differ += int((mine.dense(0) != whole_frame(rings, size, rule)).sum())
    assert differ == 0


def test_a_square_of_side_9_has_100_pixels_where_outlines_are_painted():
    areas = {
        rule: int(Masks.from_polygons([[SQUARE]], (12, 12), rule=rule).areas[0])
        for rule in PAINTERS
    }
    assert areas == dict.fromkeys(PAINTERS, 100)


def test_opencv_takes_all_rings_of_an_object_at_once_and_pillow_one_after_the_other():
    inner = [(3, 3), (6, 3), (6, 6), (3, 6)]
    areas = [
        int(Masks.from_polygons([[SQUARE, inner]], (12, 12), rule=rule).areas[0])
        for rule in ("opencv", "pil-outline", "skimage")
    ]
    # The hole's own outline is painted: of its 4 × 4 pixels the inner 2 × 2 stay open.
    assert areas == [96, 100, 100]


def test_nothing_outside_the_frame_and_no_memory_for_a_huge_one():
    far = [(100.0, 100.0), (120.0, 100.0), (120.0, 120.0)]
    for rule in PAINTERS:
        empty = Masks.from_polygons([[far], []], (50, 50), rule=rule)
        assert empty.areas.tolist() == [0, 0]
        small = Masks.from_polygons([[far]], (2**31 - 1, 2**31 - 1), rule=rule)
        assert 0 < int(small.areas[0]) < 400


def test_a_painter_refuses_what_the_other_rules_refuse():
    for rule in PAINTERS:
        with pytest.raises(MaskError, match="not finite"):
            Masks.from_polygons([[[(0, 0), (float("nan"), 1), (2, 2)]]], (9, 9), rule=rule)
    with pytest.raises(MaskError, match="unknown polygon rule"):
        Masks.from_polygons([[SQUARE]], (9, 9), rule="paint")


def test_rings_between_pixels_are_filled_as_scikit_image_fills_them():
    """Written masks have thousands of corners, with which scikit-image takes minutes."""
    rng = np.random.default_rng(8)
    for share in (0.1, 0.5, 0.9):
        for _ in range(25):
            mask = Masks.from_dense(rng.random((14, 17)) < share)
            rings = [ring - 0.5 for ring in mask.rings(0)]
            start = rings[0][:1]
            joined = [rings[0], start]
            for ring in rings[1:]:
                bend = np.array([[ring[0, 0], start[0, 1]]])
                joined += [bend, ring, ring[:1], bend, start]
            moved = np.concatenate(joined) + rng.integers(-6, 7, 2)
            canvas = np.zeros((14, 17), bool)
            canvas[skimage_polygon(moved[:, 1], moved[:, 0], canvas.shape)] = True
            found = Masks.from_polygons([[moved]], canvas.shape, rule="skimage")
            np.testing.assert_array_equal(found.dense(0), canvas)
