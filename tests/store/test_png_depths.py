"""PNG of every depth as a label map: the numbers that stand in the file, by its specification."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.store.png_files import GREY, GREY_ALPHA, RGB, RGBA, png

from maskloom.errors import ImageError
from maskloom.store.images import image_bytes, read_image, read_map

IDS = np.array([[0, 1, 255, 256], [300, 301, 65280, 65535], [5, 70, 299, 4]], np.uint16)


def channels(ids: np.ndarray, color: int, alpha: int = 65535) -> np.ndarray:
    count = {RGB: 3, GREY_ALPHA: 1, RGBA: 3}[color]
    opaque = [np.full(ids.shape, alpha)] if color in (GREY_ALPHA, RGBA) else []
    return np.stack([ids] * count + opaque, axis=-1)


@pytest.mark.parametrize("color", [RGB, GREY_ALPHA, RGBA])
@pytest.mark.parametrize("alpha", [0, 1, 65535])
def test_ids_of_16_bit_in_several_channels_keep_their_low_byte(tmp_path, color, alpha):
    file = png(tmp_path / "a.png", channels(IDS, color, alpha), 16, color)
    found = read_map(file)
    assert found.dtype == np.uint16
    assert found.ndim == (2 if color == GREY_ALPHA else 3)
    assert np.array_equal(found if found.ndim == 2 else found[..., 2], IDS)


def test_channels_of_16_bit_stay_in_their_order_and_what_follows_the_end_is_nothing(tmp_path):
    colors = np.stack([IDS, IDS[::-1], IDS[:, ::-1]], axis=-1)
    file = png(tmp_path / "a.png", colors, 16, RGB, tail=b"a comment of some tool")
    assert np.array_equal(read_map(file), colors)
    assert np.array_equal(read_image(file), colors)


def test_grey_with_alpha_in_16_bit_is_grey_as_a_picture(tmp_path):
    file = png(tmp_path / "a.png", channels(IDS, GREY_ALPHA), 16, GREY_ALPHA)
    found = read_image(file)
    assert np.array_equal(found, IDS[..., None])
    assert image_bytes(file) == found.nbytes


@pytest.mark.parametrize("color", [RGB, GREY_ALPHA, RGBA])
def test_a_map_of_16_bit_that_is_cut_off_is_one_error(tmp_path, color):
    file = png(tmp_path / "a.png", channels(IDS, color), 16, color)
    whole = file.read_bytes()
    for end in (len(whole) - 8, len(whole) - 20, 45):
        file.write_bytes(whole[:end])
        with pytest.raises(ImageError, match="damaged or truncated"):
            read_map(file)


@pytest.mark.parametrize(("depth", "step"), [(2, 85), (4, 17)])
def test_grey_of_2_and_4_bit_is_ids_as_a_map_and_shades_as_a_picture(tmp_path, depth, step):
    ids = np.arange(35).reshape(5, 7) % (1 << depth)
    file = png(tmp_path / "a.png", ids, depth, GREY)
    assert np.array_equal(read_map(file), ids)
    assert np.array_equal(read_image(file)[..., 0], ids * step)
    with Image.open(file) as shown:
        assert np.array_equal(np.asarray(shown), ids * step)


def test_grey_of_1_8_and_16_bit_is_as_before(tmp_path):
    for depth, ids, shown in ((1, IDS % 2, IDS % 2 * 255), (8, IDS % 256, None), (16, IDS, None)):
        file = png(tmp_path / f"{depth}.png", ids, depth, GREY)
        assert np.array_equal(read_map(file), ids if shown is None else shown)
