from __future__ import annotations

import numpy as np
import pytest

from maskloom.errors import UsageError
from maskloom.labelling.windowing import (
    Window,
    choose_window,
    measure_values,
    shown_channels,
    to_bytes,
)


def test_eight_bit_images_are_shown_as_they_are():
    array = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    values = measure_values(array)
    assert values.window == Window(0, 255)
    assert to_bytes(array, values.window) is array


def test_sixteen_bits_go_from_the_lowest_to_the_highest_thousandth():
    array = np.arange(10_001, dtype=np.uint16).reshape(73, 137, 1)
    values = measure_values(array)
    assert (values.minimum, values.maximum) == (0, 10_000)
    assert (values.window.low, values.window.high) == pytest.approx((10, 9990))
    shown = to_bytes(np.array([0, 10, 5000, 9990, 10_000, 60_000], np.uint16), Window(10, 9990))
    assert shown.tolist() == [0, 0, 128, 255, 255, 255]


def test_a_window_is_linear_between_its_ends():
    shown = to_bytes(np.array([100, 151, 202, 355], np.uint16), Window(100, 355))
    assert shown.tolist() == [0, 51, 102, 255]
    assert to_bytes(np.array([10, 20, 30], np.uint8), Window(10, 30)).tolist() == [0, 128, 255]


def test_what_is_no_number_is_black_and_does_not_count():
    array = np.full((4, 4, 1), 0.25, np.float32)
    array[0, :, 0] = [np.nan, np.inf, -np.inf, 0.75]
    values = measure_values(array)
    assert (values.minimum, values.maximum) == (0.25, 0.75)
    shown = to_bytes(array[0, :, 0], Window(0.25, 0.75))
    assert shown.tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("fill", [0.0, 7.0, np.nan])
def test_a_flat_image_is_black(fill):
    array = np.full((3, 3, 1), fill, np.float32)
    assert to_bytes(array, measure_values(array).window).tolist() == [[[0]] * 3] * 3


def test_a_single_bright_pixel_still_gets_a_window():
    array = np.zeros((200, 200, 1), np.uint16)
    array[7, 7] = 900
    assert measure_values(array).window == Window(0, 900)


def test_a_large_image_is_measured_on_a_grid():
    array = np.zeros((3000, 3000, 1), np.uint16)
    array[:, 1500:] = 1000
    values = measure_values(array)
    assert (values.minimum, values.maximum) == (0, 1000)
    assert values.window == Window(0, 1000)


def test_three_channels_are_colours_and_fewer_are_grey():
    assert shown_channels(np.zeros((2, 3, 1))).shape == (2, 3)
    assert shown_channels(np.zeros((2, 3, 2))).shape == (2, 3)
    assert shown_channels(np.zeros((2, 3, 3))).shape == (2, 3, 3)
    assert shown_channels(np.zeros((2, 3, 7))).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("low", "high"), [(5.0, 5.0), (9.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))]
)
def test_a_window_that_is_none_is_refused(low, high):
    with pytest.raises(UsageError, match="lower value"):
        choose_window(Window(0, 255), low, high)


def test_an_end_that_is_not_given_is_the_default():
    assert choose_window(Window(3, 9), None, None) == Window(3, 9)
    assert choose_window(Window(3, 9), None, 5) == Window(3, 5)
    assert choose_window(Window(3, 9), 4, None) == Window(4, 9)
