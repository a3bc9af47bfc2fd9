from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.core.labels import BACKGROUND, Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Report
from maskloom.core.taxonomy import Taxonomy
from maskloom.report.crops import (
    LEAST,
    PREDICTED_COLOR,
    SIDE,
    TRUTH_COLOR,
    closeup,
    framed,
    map_pictures,
    object_pictures,
    window,
)
from maskloom.report.gallery import Panel
from maskloom.report.html import render

BOX = (20, 30, 40, 45)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_the_window_lies_in_the_image_and_holds_the_box(height, width, data):
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    left, top, right, bottom = window((x0, y0, x1, y1), (height, width))
    assert 0 <= left <= x0 < x1 <= right <= width
    assert 0 <= top <= y0 < y1 <= bottom <= height
    assert right - left in (width, bottom - top) or bottom - top == height


def test_small_crops_are_magnified_by_whole_factors_and_large_ones_shrunk():
    small = closeup((10, 10, 14, 14), (100, 100), None)
    assert small.window == (0, 0, LEAST, LEAST)
    assert small.size == (SIDE // LEAST * LEAST,) * 2
    large = closeup((0, 0, 1000, 500), (2000, 2000), None)
    assert large.size == (SIDE, SIDE)
    assert large.scale == pytest.approx(SIDE / 1800)


def test_a_magnified_pixel_is_a_block_of_its_colour():
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    image[5, 7] = (255, 10, 20)
    view = closeup((0, 0, 10, 10), (60, 60), image)
    factor = int(view.scale)
    block = view.ground[5 * factor : 6 * factor, 7 * factor : 8 * factor]
    assert (block == (255, 10, 20)).all()


def test_a_dark_crop_is_brightened_and_a_bright_one_is_not():
    dark = np.random.default_rng(0).integers(5, 25, (60, 60), dtype=np.uint8)
    assert closeup((0, 0, 10, 10), (60, 60), dark).ground.max() > 150
    bright = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
    view = closeup((0, 0, 10, 10), (60, 60), bright)
    assert np.array_equal(np.unique(view.ground), np.unique(bright[:48, :48]))


def rows(*boxes):
    masks = np.zeros((len(boxes), 80, 90), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    return Rows.make(Masks.from_dense(masks), [0] * len(boxes))


def has(picture, color):
    return bool((np.abs(picture.astype(int) - color).max(axis=2) < 12).any())


def test_objects_in_the_box_are_in_the_colour_of_their_side_and_others_faint():
    view = closeup(BOX, (80, 90), None)
    near, far = (5, 30, 15, 40), (80, 70, 90, 80)
    pictures = dict(object_pictures(view, rows(BOX, near, far), rows(near), BOX))
    assert has(pictures["Truth"], TRUTH_COLOR)
    assert not has(pictures["Prediction"], PREDICTED_COLOR)
    assert not has(pictures["Prediction"], TRUTH_COLOR)
    assert pictures["Prediction"].max() > 100  # the neighbour's faint outline
    alone = dict(object_pictures(view, rows(), rows(BOX), BOX))
    assert has(alone["Prediction"], PREDICTED_COLOR)
    assert alone["Truth"].max() == 40


def test_maps_are_painted_over_the_ground_in_the_colours_of_their_classes():
    taxonomy = Taxonomy.from_names(["a", "b"])
    truth, predicted = (np.full((80, 90), v, np.uint8) for v in (0, BACKGROUND))
    truth[30:45, 20:40] = 1
    view = closeup(BOX, (80, 90), None)
    pictures = dict(map_pictures(view, truth, predicted, taxonomy))
    assert len(np.unique(pictures["Truth"].reshape(-1, 3), axis=0)) == 2
    assert len(np.unique(pictures["Prediction"].reshape(-1, 3), axis=0)) == 1
    assert pictures["Truth"].shape[:2] == view.size
    assert np.array_equal(pictures["Prediction"], view.ground)  # background is left as it is


def test_the_frame_is_drawn_inside_the_picture_at_any_border():
    for box in ((0, 0, 90, 80), (0, 0, 1, 1), (89, 79, 90, 80), BOX):
        drawn = framed(closeup(box, (80, 90), None), box)
        assert (drawn == 245).any()


def test_a_page_of_close_ups_links_to_the_region_and_keeps_names_as_text():
    picture = np.zeros((20, 30, 3), np.uint8)
    panel = Panel(
        "<b>key", "1. extra: <i>", 0.5, (("Image", picture),), group="Worst regions",
        link="http://127.0.0.1:8471/#/review/1/1-1", close=True,
    )  # fmt: skip
    text = render(Report("t", "instance", {}), panels=[panel])
    assert 'class="closeups"' in text
    assert re.findall(r'href="(http[^"]*)"', text) == ["http://127.0.0.1:8471/#/review/1/1-1"]
    assert "<b>key" not in text
    assert "&lt;b&gt;key" in text
