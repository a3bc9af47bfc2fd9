"""Tiles against dense arrays: round trips, XOR, boxes, and garbled runs."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.core.masks import Masks
from maskloom.edits.tiles import (
    TILE,
    check_tile,
    decode_tile,
    encode_tile,
    mask_to_tiles,
    masks_to_tiles,
    measure_tiles,
    shared_pixel,
    tiles_to_masks,
    xor_tiles,
)
from maskloom.errors import DataError, MaskError


def frames(rng, kind):
    """(2, H, W) of noise, rectangles over many tiles, lines, full frames, nothing."""
    h, w = (int(v) for v in rng.integers(1, 700, 2))
    out = np.zeros((2, h, w), np.bool_)
    if kind == "noise":
        out = rng.random((2, h, w)) < rng.choice([0.001, 0.3, 0.999])
    elif kind == "full":
        out[:] = True
    elif kind == "lines":
        out[:, rng.integers(h)] = True
        out[:, :, rng.integers(w)] = True
    elif kind == "rectangles":
        for one in out:
            for _ in range(3):
                y, x = rng.integers(h), rng.integers(w)
                one[y : y + rng.integers(1, 500), x : x + rng.integers(1, 500)] ^= True
    return out


@pytest.mark.parametrize("kind", ["noise", "full", "lines", "rectangles", "nothing"])
def test_masks_and_tiles_are_the_same_pixels(kind):
    rng = np.random.default_rng(3)
    for _ in range(12):
        dense = frames(rng, kind)
        size = dense.shape[1:]
        masks = Masks.from_dense(dense)
        tiles = masks_to_tiles(masks)
        for own, pixels in zip(tiles, dense, strict=True):
            seen = np.zeros((-(-size[0] // TILE) * TILE, -(-size[1] // TILE) * TILE), np.bool_)
            for (tx, ty), runs in own.items():
                check_tile((tx, ty), runs, size)
                part = decode_tile(runs)
                assert part.any()
                assert encode_tile(part) == runs
                seen[ty * TILE :, tx * TILE :][:TILE, :TILE] = part
            assert np.array_equal(seen[: size[0], : size[1]], pixels)
            assert not seen[size[0] :].any()
            assert not seen[:, size[1] :].any()
        assert tiles_to_masks(tiles, size).validate() == masks
        boxes, areas = measure_tiles(tiles)
        assert np.array_equal(boxes, masks.boxes)
        assert np.array_equal(areas, masks.areas)


def test_xor_is_the_symmetric_difference_and_its_own_inverse():
    rng = np.random.default_rng(4)
    for kind in ("noise", "full", "lines", "rectangles", "nothing") * 3:
        dense = frames(rng, kind)
        a, b = masks_to_tiles(Masks.from_dense(dense))
        both = xor_tiles(a, b)
        assert tiles_to_masks([both], dense.shape[1:]) == Masks.from_dense(dense[0] ^ dense[1])
        assert xor_tiles(both, b) == a
        assert xor_tiles(a, a) == {}


def test_the_first_shared_pixel_is_found():
    a, b = np.zeros((2, TILE, TILE), np.bool_)
    a[10:20, 5:9] = True
    b[19:30, 8:12] = True
    assert shared_pixel((2, 1), [encode_tile(a), encode_tile(b)]) == (2 * TILE + 8, TILE + 19)
    b[19, 8] = False
    assert shared_pixel((2, 1), [encode_tile(a), encode_tile(b)]) is None


@given(st.binary(max_size=40))
def test_bytes_are_refused_or_are_the_only_form_of_their_pixels(data):
    try:
        pixels = decode_tile(data)
    except DataError:
        return
    assert encode_tile(pixels) == data


def test_a_mask_in_a_huge_frame_costs_its_own_pixels():
    size = (2**30, 2**30)
    ring = np.array([[0, 0], [600, 0], [600, 600], [0, 600]]) + 2**24 - 601
    tracemalloc.start()
    mask = Masks.from_polygons([[ring]], size, rule="grid")
    tiles = mask_to_tiles(mask)
    assert tiles_to_masks([tiles], size) == mask
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_what_is_no_tile_is_refused():
    with pytest.raises(MaskError, match="256"):
        encode_tile(np.zeros((256, 255), np.bool_))
    with pytest.raises(MaskError, match="not one mask"):
        mask_to_tiles(Masks.empty(2, (3, 3)))
    whole = encode_tile(np.ones((TILE, TILE), np.bool_))
    for tile in ((-1, 0), (0, 1), (2**40, 0)):
        with pytest.raises(DataError, match="outside the frame"):
            tiles_to_masks([{tile: whole}], (TILE, TILE))
    with pytest.raises(DataError, match="outside the frame"):
        tiles_to_masks([{(0, 0): whole}], (TILE, TILE - 1))
    with pytest.raises(DataError, match="row 1, tile"):
        tiles_to_masks([{(0, 0): whole}, {(0, 0): b"\x05"}], (TILE, TILE))
