"""Colours of PNG files as numbers against Pillow: all filters, and files that are left to others."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from maskloom.store.png_colors import color_numbers

N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "150"))
PLAIN = (8, 2, 0, 0, 0)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(lines, size, *, head=PLAIN, level=6, pieces=1, extra=b""):
    """A PNG of filtered lines as they are, in so many IDAT chunks."""
    packed = zlib.compress(lines, level)
    step = -(-len(packed) // pieces)
    parts = [packed[i : i + step] for i in range(0, len(packed), step)]
    first = struct.pack(">IIBBBBB", size[1], size[0], *head)
    body = b"".join(chunk(b"IDAT", part) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", first) + extra + body + chunk(b"IEND", b"")


def by_pillow(path):
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(np.uint32)
    return pixels[..., 0] | pixels[..., 1] << 8 | pixels[..., 2] << 16


def some_lines(rng, height, width):
    """Lines of any filter whose differences are mostly zeros, or are not."""
    lines = np.zeros((height, 1 + 3 * width), np.uint8)
    lines[:, 1:] = rng.integers(0, 256, (height, 3 * width))
    busy = np.repeat(rng.random((height, -(-width // 7))) < rng.choice([0.02, 0.2, 1.0]), 7, axis=1)
    lines[:, 1:][~np.repeat(busy[:, :width], 3, axis=1)] = 0
    lines[:, 0] = rng.integers(0, 5, height) if rng.random() < 0.7 else rng.integers(5)
    return lines.tobytes()


def test_every_filter_equals_pillow(tmp_path):
    path = tmp_path / "map.png"
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        size = tuple(int(v) for v in rng.integers(1, 90, 2))
        lines = some_lines(rng, *size)
        path.write_bytes(
            png(lines, size, level=int(rng.integers(10)), pieces=int(rng.integers(1, 4)))
        )
        np.testing.assert_array_equal(color_numbers(path), by_pillow(path), err_msg=str(seed))


def test_maps_as_pillow_writes_them(tmp_path):
    path = tmp_path / "map.png"
    for seed in range(20):
        rng = np.random.default_rng(seed)
        blocks = rng.integers(0, 256, (9, 12, 3), np.uint8)
        pixels = np.kron(blocks, np.ones((1, 1, 1), np.uint8)).repeat(17, 0).repeat(23, 1)
        pixels = np.roll(pixels, np.cumsum(rng.integers(-1, 2)), 1)
        told = PngInfo()
        told.add_text("Software", "x")
        Image.fromarray(pixels).save(path, pnginfo=told, optimize=bool(seed % 2))
        found = color_numbers(path)
        assert found is not None
        assert found.dtype == np.uint32
        np.testing.assert_array_equal(found, by_pillow(path))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "I;16", "1"])
def test_other_kinds_of_pixels_are_left_to_others(tmp_path, mode):
    path = tmp_path / "map.png"
    Image.new(mode, (8, 5)).save(path)
    assert color_numbers(path) is None


def test_turned_interlaced_moving_and_deep_files_are_left_to_others(tmp_path):
    path, lines = tmp_path / "map.png", bytes(5 * (1 + 3 * 4))
    path.write_bytes(png(lines, (5, 4)))
    assert color_numbers(path) is not None
    for extra in (chunk(b"eXIf", b"MM\x00*\x00\x00\x00\x08\x00\x00"), chunk(b"acTL", bytes(8))):
        path.write_bytes(png(lines, (5, 4), extra=extra))
        assert color_numbers(path) is None
    for head in ((8, 2, 0, 0, 1), (16, 2, 0, 0, 0), (8, 2, 0, 1, 0)):
        path.write_bytes(png(lines, (5, 4), head=head))
        assert color_numbers(path) is None
    Image.new("RGB", (4, 5)).save(tmp_path / "map.jpg")
    assert color_numbers(tmp_path / "map.jpg") is None


def test_whatever_is_damaged_is_left_to_others(tmp_path):
    path = tmp_path / "map.png"
    rng = np.random.default_rng(3)
    whole = png(some_lines(rng, 9, 11), (9, 11))
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert color_numbers(path) is None, end
    for place in range(8, len(whole)):
        bad = bytearray(whole)
        bad[place] ^= 16
        path.write_bytes(bad)
        found = color_numbers(path)
        assert found is None, place
    path.write_bytes(png(bytes([5]) + bytes(12), (1, 4)))  # there is no filter 5
    assert color_numbers(path) is None
    for size in ((9, 12), (10, 11), (0, 11), (1 << 20, 1 << 20)):
        path.write_bytes(png(some_lines(rng, 9, 11), size))
        assert color_numbers(path) is None
