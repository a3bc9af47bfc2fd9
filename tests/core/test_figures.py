"""Figures on a cut canvas are what the programs paint on the whole frame."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.draw import disk, ellipse

from maskloom.core import painters
from maskloom.core.figures import FIGURES, figure
from maskloom.core.masks import Masks
from maskloom.errors import MaskError

SIZE = (40, 60)


def whole_frame(rule, points):
    """Called as readers of LabelMe and VIA files call them, on the whole frame."""
    canvas = np.zeros(SIZE, bool)
    if rule.startswith("pil"):
        image = Image.new("1", (SIZE[1], SIZE[0]))
        draw = ImageDraw.Draw(image)
        if rule == "pil-rectangle":
            (x0, y0), (x1, y1) = np.sort(points, axis=0).tolist()
            draw.rectangle([x0, y0, x1, y1], outline=1, fill=1)
        else:
            (cx, cy), (px, py) = points.tolist()
            d = math.sqrt((cx - px) ** 2 + (cy - py) ** 2)
            draw.ellipse([cx - d, cy - d, cx + d, cy + d], outline=1, fill=1)
        return np.array(image)
    x, y = points[0]
    if rule == "skimage-disk":
        canvas[disk((y, x), math.hypot(*(points[1] - points[0])), shape=SIZE)] = True
    else:
        a, b = points[1] - points[0], points[2] - points[0]
        turn = -math.atan2(a[1], a[0])
        canvas[ellipse(y, x, math.hypot(*b), math.hypot(*a), shape=SIZE, rotation=turn)] = True
    return canvas


@pytest.mark.parametrize("rule", sorted(FIGURES))
@pytest.mark.parametrize("whole", [True, False])
def test_a_cut_canvas_paints_what_the_whole_frame_would(rule, whole):
    rng = np.random.default_rng(3)
    for _ in range(150):
        points = rng.uniform(-20, 70, (FIGURES[rule][0], 2))
        if rule == "skimage-ellipse":
            points[1:] = points[0] + rng.uniform(-25, 25, (2, 2))
        points = np.round(points) if whole else np.round(points * 8) / 8
        wanted = whole_frame(rule, points)
        np.testing.assert_array_equal(figure(points, SIZE, rule).dense(0), wanted)


def test_a_rectangle_has_both_its_corners():
    square = figure(np.array([[7, 2], [3, 5.0]]), SIZE, "pil-rectangle")
    assert square.boxes.tolist() == [[3, 2, 8, 6]]
    assert square.areas.tolist() == [20]


def test_figures_outside_the_frame_have_no_pixels():
    far = np.array([[100.0, 100], [103, 100], [100, 102]])
    for rule, (count, *_) in FIGURES.items():
        assert figure(far[:count], SIZE, rule) == Masks.empty(1, SIZE)


def test_a_figure_of_another_number_of_points_or_none_is_refused():
    for bad in (np.zeros((3, 2)), np.array([[0, 0], [math.nan, 1]]), np.array([[0, 0], [1e9, 1]])):
        with pytest.raises(MaskError):
            figure(bad, SIZE, "pil-circle")


def test_what_spans_more_than_can_be_painted_is_refused_before_memory_is_taken():
    huge = (2**24, 2**24)
    with pytest.raises(MaskError, match="spans more than"):
        figure(np.array([[0, 0], [2.0**24, 2.0**24]]), huge, "pil-rectangle")
    corners = np.array([[0, 0], [2.0**24, 0], [2.0**24, 2.0**24]])
    with pytest.raises(MaskError, match="spans more than"):
        painters.paint([corners], np.array(huge), "opencv")
