from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maskloom.core.masks import Masks
from maskloom.errors import MaskError
from maskloom.formats.shared.brush_rle import decode_brush, encode_brush

from . import tool_torture as torture


class Bits:
    """The stream read bit by bit from a text of 0 and 1, as the specification tells it."""

    def __init__(self, data):
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def read(self, count):
        value = int(self.text[self.at : self.at + count], 2)
        self.at += count
        return value


def rgba(data):
    """Every byte of the image that a stream says."""
    bits = Bits(data)
    number = bits.read(32)
    word = bits.read(5) + 1
    widths = [bits.read(4) + 1 for _ in range(4)]
    out = []
    while len(out) < number:
        repeated = bits.read(1)
        length = bits.read(widths[bits.read(2)]) + 1
        if repeated:
            out += [bits.read(word)] * length
        else:
            out += [bits.read(word) for _ in range(length)]
    return np.array(out, np.uint8)


def stream(values, *, literal=False, widths=(3, 4, 8, 16)):
    """A stream of RGBA bytes, in blocks of at most eight, repeated or not."""
    text = f"{len(values):032b}{7:05b}" + "".join(f"{w - 1:04b}" for w in widths)
    for i in range(0, len(values), 4):
        block = values[i : i + 4]
        if literal:
            text += f"000{3:0{widths[0]}b}" + "".join(f"{v:08b}" for v in block)
        else:
            text += "".join(f"100{0:0{widths[0]}b}{v:08b}" for v in block)
    text += "0" * (8 - len(text) % 8)
    return [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_alpha_makes_the_mask_whatever_the_colours_are(height, width, seed, literal):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 256, (height, width, 4)) * rng.integers(0, 2, (height, width, 1))
    mask = decode_brush(stream(values.ravel().tolist(), literal=literal), (height, width))
    np.testing.assert_array_equal(mask.dense(0), values[..., 3] > 0)


@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_label_studio_382_masks_go_along_the_rows_both_ways(height, width, seed, fill):
    pixels = np.random.default_rng(seed).random((height, width)) < fill
    data = encode_brush(Masks.from_dense(pixels))
    wanted = np.repeat(pixels.ravel().astype(np.uint8) * 255, 4)
    np.testing.assert_array_equal(rgba(data), wanted)
    assert decode_brush(data, (height, width)) == Masks.from_dense(pixels)


@pytest.mark.parametrize("name", torture.shapes())
def test_hard_masks_come_back(name):
    mask = Masks.from_dense(torture.shapes()[name])
    assert decode_brush(encode_brush(mask), torture.SIZE) == mask


def test_runs_longer_than_the_widest_length_go_in_pieces():
    pixels = np.zeros((300, 400), bool)
    pixels[100:250] = True
    mask = Masks.from_dense(pixels)
    data = encode_brush(mask)
    assert len(data) < 60
    np.testing.assert_array_equal(rgba(data)[3::4].reshape(300, 400) > 0, pixels)
    assert decode_brush(data, (300, 400)) == mask


def test_the_bytes_are_those_of_label_studios_own_tools():
    # mask2rle of label-studio-sdk 2.1.2 on [[0, 255, 255], [0, 0, 255]].
    mask = Masks.from_dense(np.array([[0, 1, 1], [0, 0, 1]], bool))
    assert encode_brush(mask) == SDK


OF_IMAGE = "386639c32da28478663e44c30c571e156e305d159737bebd5f782d449019c728"
SDK = [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]


def test_a_stream_may_have_lengths_of_other_widths():
    values = [0, 0, 0, 255] * 6
    assert decode_brush(stream(values, widths=(2, 5, 9, 12)), (2, 3)).areas.tolist() == [6]


GOOD = encode_brush(Masks.from_dense(np.eye(4, dtype=bool)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("abc", "a list of bytes"),
        ([0, 256], "bytes 0..255"),
        ([0, 1.5], "bytes 0..255"),
        ([0, None], "bytes 0..255"),
        ([], "without its head"),
        (GOOD[:9], "end inside a block"),
        ([*GOOD[:3], 63, *GOOD[4:]], "another size"),
        ([255] * 4 + GOOD[4:], "another size"),
        ([*GOOD[:4], 1 << 3, *GOOD[5:]], "words are not bytes"),
    ],
)
def test_damaged_streams_are_refused(data, said):
    with pytest.raises(MaskError, match=said):
        decode_brush(data, (4, 4))


def test_a_block_that_runs_past_the_image_is_refused():
    text = f"{16:032b}{7:05b}" + "".join(f"{w - 1:04b}" for w in (3, 4, 8, 16))
    text += "111" + f"{65535:016b}" + "1" * 8 + "0" * 8
    data = [int(text[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(text), 8)]
    with pytest.raises(MaskError, match="runs past"):
        decode_brush(data, (2, 2))


@given(st.lists(st.integers(0, 255), max_size=40))
def test_any_bytes_are_a_mask_or_refused(data):
    try:
        found = decode_brush([0, 0, 0, 64, *data], (4, 4))
    except MaskError:
        return
    assert found.validate().areas[0] <= 16


@pytest.mark.shared
def test_the_brush_of_the_sdks_own_test_image_is_the_sdks(shared):
    """What image2rle of label-studio-sdk 2.1.2 makes of it: grey above 128."""
    path = shared / "conformance/label-studio-sdk/test_brush/test.png"
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L")) > 128
    data = encode_brush(Masks.from_dense(pixels))
    assert hashlib.sha256(bytes(data)).hexdigest() == OF_IMAGE
    np.testing.assert_array_equal(decode_brush(data, pixels.shape).dense(0), pixels)
