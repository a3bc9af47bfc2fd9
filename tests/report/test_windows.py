from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.core.labels import BACKGROUND
from maskloom.report import windows
from maskloom.report.windows import SIDE, shrunk_in_bands, worst_windows


def maps(height, width, *errors):
    truth = np.full((height, width), BACKGROUND, np.uint8)
    truth[:300, :300] = 0
    predicted = truth.copy()
    for x, y, side in errors:
        predicted[y : y + side, x : x + side] = 1
    return truth, predicted


def test_windows_hold_the_largest_differences_worst_first_and_do_not_overlap():
    boxes = worst_windows(*maps(2000, 3000, (2500, 1500, 90), (700, 800, 60), (1500, 300, 30)), 3)
    for (x0, y0, x1, y1), (x, y, side) in zip(
        boxes, ((2500, 1500, 90), (700, 800, 60), (1500, 300, 30)), strict=True
    ):
        assert (x1 - x0, y1 - y0) == (SIDE, SIDE)
        assert x0 <= x
        assert y0 <= y
        assert x + side <= x1
        assert y + side <= y1


def test_where_nothing_differs_the_labels_are_shown():
    assert worst_windows(*maps(2000, 3000), 3) == [(0, 0, SIDE, SIDE)]


def test_no_more_windows_than_there_are_differences():
    assert len(worst_windows(*maps(2000, 3000, (2500, 1500, 90)), 3)) == 1


@given(st.integers(1, 1200), st.integers(1, 1200), st.data())
def test_windows_lie_in_images_of_any_size(height, width, data):
    at = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    for x0, y0, x1, y1 in worst_windows(*maps(height, width, (*at, 5)), 3):
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bands_are_shrunk_as_the_whole_would_be(dtype, monkeypatch):
    image = np.random.default_rng(0).integers(0, 255, (800, 600, 3)).astype(dtype)
    monkeypatch.setattr(windows, "_BAND_PIXELS", 600 * 40)
    seen = []

    def read(y0, y1):
        seen.append(y1 - y0)
        return image[y0:y1]

    small = shrunk_in_bands(read, (800, 600), (80, 60))
    whole = cv2.resize(image.astype(np.float32), (60, 80), interpolation=cv2.INTER_AREA)
    assert np.abs(small - whole).max() <= 1
    assert max(seen) <= 40
