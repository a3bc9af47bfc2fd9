"""Masks as sparse tiles of 256 × 256 bits: the unit in which pages paint and history is kept.

Tile (tx, ty) covers columns 256 tx .. and rows 256 ty .. of the frame; its bytes are run
lengths (see `tile_runs`). A mask is the mapping of its tiles that have a pixel, so equal
masks are equal mappings. Gestures over tiles are in `operations`, whole masks in `masks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.mask_inputs import checked_size
from maskloom.core.masks import Masks
from maskloom.edits import tile_cuts, tile_runs
from maskloom.errors import DataError, MaskError

TILE = tile_runs.TILE
"""Pixels of a side."""
Tile = tuple[int, int]
"""Tile column and tile row."""
Tiles = Mapping[Tile, bytes]
"""The runs of every tile with a pixel."""

MAX_TILE_BYTES = 65537
"""The longest runs of a tile: every count 1 after a first 0."""


def encode_tile(pixels: NDArray[np.bool_]) -> bytes:
    """Runs of a tile (256, 256) of bools.

    Raises:
        MaskError: another shape or type.
    """
    given = np.asarray(pixels)
    if given.shape != (TILE, TILE) or given.dtype != np.bool_:
        raise MaskError("a tile is (256, 256) of bools", seen=f"{given.dtype} {given.shape}")
    return tile_runs.encode(np.ascontiguousarray(given).view(np.uint8)).tobytes()


def decode_tile(runs: bytes) -> NDArray[np.bool_]:
    """(256, 256) bools of a tile.

    Raises:
        DataError: the runs are not those that `encode_tile` writes.
    """
    pixels = np.empty((TILE, TILE), np.uint8)
    fault = tile_runs.decode(np.frombuffer(runs, np.uint8), pixels)
    if fault:
        raise DataError(f"a tile's runs: {tile_runs.FAULTS[fault]}", seen=runs[:16].hex())
    return pixels.view(np.bool_)


def check_tile(tile: Tile, runs: bytes, size_hw: Sequence[int], where: object = None) -> None:
    """Check foreign runs of a tile that has a pixel.

    Raises:
        DataError: it lies outside the frame, is not canonical, or sets a pixel outside.
    """
    inside = [
        min(side - place * TILE, TILE) for side, place in zip(size_hw, tile[::-1], strict=True)
    ]
    if min(tile) < 0 or min(inside) <= 0:
        frame = " x ".join(str(side) for side in size_hw)
        raise DataError(f"a tile outside the frame {frame}", where=where, seen=tile)
    fault = tile_runs.find_fault(np.frombuffer(runs, np.uint8), *inside)
    if fault:
        raise DataError(
            f"a tile's runs: {tile_runs.FAULTS[fault]}", where=where, seen=runs[:16].hex()
        )


def masks_to_tiles(masks: Masks) -> list[dict[Tile, bytes]]:
    """The tiles of every row."""
    places, runs, offsets = tile_cuts.cut(*masks.segments())
    out: list[dict[Tile, bytes]] = [{} for _ in range(len(masks))]
    data, ends = runs.tobytes(), offsets.tolist()
    for t, (row, tx, ty) in enumerate(places.tolist()):
        out[row][tx, ty] = data[ends[t] : ends[t + 1]]
    return out


def mask_to_tiles(mask: Masks) -> dict[Tile, bytes]:
    """The tiles of one mask.

    Raises:
        MaskError: not exactly one row.
    """
    if len(mask) != 1:
        raise MaskError("not one mask", seen=f"{len(mask)} rows")
    return masks_to_tiles(mask)[0]


def tiles_to_masks(tiles: Sequence[Tiles], size_hw: Any) -> Masks:
    """One mask per mapping of tiles, in the frame (H, W).

    Raises:
        DataError: a tile is garbled or lies outside the frame.
    """
    size = checked_size(size_hw)
    order = [sorted(own) for own in tiles]
    listed = [(own, tile) for own, keys in zip(tiles, order, strict=True) for tile in keys]
    data, offsets = _pack(own[tile] for own, tile in listed)
    places = np.array([tile for _, tile in listed], np.int64).reshape(-1, 2)
    owners = np.repeat(np.arange(len(tiles)), [len(keys) for keys in order])
    first = np.ones(len(owners), np.bool_)
    first[1:] = (owners[1:] != owners[:-1]) | (places[1:, 0] != places[:-1, 0])
    groups = np.append(np.flatnonzero(first), len(owners)).astype(np.int64)
    if len(places) and (places.min() < 0 or (places * TILE >= size[::-1]).any()):
        bad = int(np.flatnonzero((places < 0).any(1) | (places * TILE >= size[::-1]).any(1))[0])
        raise DataError("a tile outside the frame", seen=tuple(places[bad].tolist()))
    segments, ends, bad, fault = tile_runs.join(data, offsets, places, groups)
    if bad >= 0:
        where = f"row {owners[bad]}, tile {tuple(places[bad].tolist())}"
        raise DataError(f"a tile's runs: {tile_runs.FAULTS[fault]}", where=where)
    beyond = (segments[:, 0] >= size[1]) | (segments[:, 2] > size[0])
    if beyond.any():
        raise DataError("a tile's runs: a pixel outside the frame is set", seen=size.tolist())
    bounds = np.searchsorted(owners[groups[:-1]], np.arange(len(tiles) + 1))
    return Masks._from_segments((segments, ends[bounds]), np.tile(size, (len(tiles), 1)))


def xor_tile(a: bytes, b: bytes) -> bytes:
    """Runs of the pixels in one of two sound tiles but not both; b"" is no pixel at all."""
    if not a or not b:
        return a or b
    return tile_runs.combine(np.frombuffer(a, np.uint8), np.frombuffer(b, np.uint8)).tobytes()


def xor_tiles(a: Tiles, b: Tiles) -> dict[Tile, bytes]:
    """The symmetric difference of two masks; costs what `b` holds."""
    out = dict(a)
    for tile, runs in b.items():
        left = xor_tile(out.get(tile, b""), runs)
        if left:
            out[tile] = left
        else:
            out.pop(tile, None)
    return out


def measure_tiles(tiles: Sequence[Tiles]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Boxes (N, 4) [x0, y0, x1, y1] and areas (N,) of some masks; an empty one is all 0."""
    boxes, areas = np.zeros((len(tiles), 4), np.int64), np.zeros(len(tiles), np.int64)
    if not any(tiles):
        return boxes, areas
    data, offsets = _pack(runs for own in tiles for runs in own.values())
    found = tile_runs.measure(data, offsets)
    corners = np.array([tile for own in tiles for tile in own], np.int64) * TILE
    found[:, 0:2] += corners
    found[:, 2:4] += corners
    filled = [i for i, own in enumerate(tiles) if own]
    starts = np.cumsum([0] + [len(tiles[i]) for i in filled])[:-1]
    boxes[filled, :2] = np.minimum.reduceat(found[:, :2], starts)
    boxes[filled, 2:] = np.maximum.reduceat(found[:, 2:4], starts)
    areas[filled] = np.add.reduceat(found[:, 4], starts)
    return boxes, areas


def shared_pixel(tile: Tile, layers: Iterable[bytes]) -> tuple[int, int] | None:
    """The first pixel (x, y) that two of some tiles at one place share, or None."""
    data, offsets = _pack(layers)
    place = tile_runs.find_overlap(data, offsets)
    return None if place < 0 else (tile[0] * TILE + (place >> 8), tile[1] * TILE + (place & 255))


def _pack(parts: Iterable[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Some runs behind each other, and their bounds."""
    listed = list(parts)
    offsets = np.zeros(len(listed) + 1, np.int64)
    np.cumsum([len(part) for part in listed], out=offsets[1:])
    return np.frombuffer(b"".join(listed), np.uint8), offsets
