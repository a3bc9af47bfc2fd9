"""Large maps as pyramidal TIFF: tiles, deflate, each level half of the one before, in SubIFDs.

The map is asked for in rows of tiles and never held as a whole. Reading windows back is
`rasters/`; pictures and maps that fit in memory are `images.py`.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from maskloom.errors import UsageError
from maskloom.store.files import atomic_file
from maskloom.store.rasters.raster import Georeference

Read = Callable[[int, int, int, int], NDArray[Any]]
Reduce = Literal["nearest", "mean"]

_TYPES = tuple(np.dtype(kind) for kind in (np.uint8, np.uint16, np.uint32, np.int32))
# Of class maps level 4 makes 9 bytes one at 130 MB/s, level 6 makes 12 at 50 (one core).
_DEFLATE_LEVEL = 4
# Classic TIFF ends at 4 GiB, and many readers of it at 2.
_CLASSIC_BYTES = 1 << 31
_REDUCED_IMAGE = 1  # TIFF 6.0, tag 254


@dataclass(frozen=True, slots=True)
class Layout:
    """How a pyramid is cut.

    Args:
        tile: side of a tile in pixels, a multiple of 16.
        levels: how many reduced levels there are, down to one pixel at most; None makes them
            until one fits in a tile.
    """

    tile: int = 512
    levels: int | None = None


def write_pyramid(
    path: Path,
    read: Read,
    size_hw: tuple[int, int],
    dtype: DTypeLike,
    *,
    layout: Layout = Layout(),
    reduce: Reduce = "nearest",
    palette: NDArray[np.uint8] | None = None,
    georeference: Georeference | None = None,
) -> None:
    """Write a map of any size, by temp file and rename; equal maps are equal bytes.

    In memory are one row of tiles (tile × W pixels) and less than one more of its reductions.
    Small maps are classic TIFF, which every reader takes; those that could pass 2 GiB BigTIFF.

    Args:
        path: the target, .tif.
        read: gives the (y1 − y0, x1 − x0) pixels of y0, y1, x0, x1; asked once for each row of
            tiles, from the top down, over the whole width.
        size_hw: (H, W) of the map.
        dtype: uint8, uint16, uint32 or int32.
        layout: tiles and levels.
        reduce: "nearest" takes the upper left of four pixels, for classes and ids (so level k is
            `map[::2**k, ::2**k]`); "mean" their mean, halves rounded up, for confidence.
        palette: (n, 3) colours shown for the values of a uint8 map.
        georeference: that of the image of which this is a map (`Raster.georeference`).

    Raises:
        WriteError: the target cannot be written; nothing is left of it.
        UsageError: a size, type, layout or palette that cannot be, or `read` gave another part.
    """
    kind = np.dtype(dtype)
    shapes = _shapes(path, size_hw, layout)
    _refuse(path, kind, reduce, palette)
    tags: dict[str, Any] = {
        "tile": (layout.tile, layout.tile),
        "compression": "deflate",
        "photometric": "minisblack" if palette is None else "palette",
        "colormap": None if palette is None else _colormap(palette),
        "dtype": kind,
        "metadata": None,
        "software": False,
    }
    with (
        atomic_file(path) as temporary,
        tempfile.TemporaryFile(dir=path.parent) as spilled,
        temporary.open("w+b") as file,
    ):
        cascade = _Cascade(layout.tile, reduce, len(shapes) - 1, spilled)
        _write_levels(file, cascade, _Source(path, read, kind), shapes, tags, georeference)
        file.flush()
        os.fsync(file.fileno())


def _write_levels(
    file: IO[bytes],
    cascade: _Cascade,
    source: _Source,
    shapes: list[tuple[int, int]],
    tags: dict[str, Any],
    georeference: Georeference | None,
) -> None:
    import tifffile

    most = sum((h + cascade.tile) * (w + cascade.tile) for h, w in shapes)
    big = most * tags["dtype"].itemsize > _CLASSIC_BYTES
    extra = [(code, *entry, True) for code, entry in sorted((georeference or {}).items())]
    with tifffile.TiffWriter(file, bigtiff=big, byteorder="<") as writer:
        first = cascade.tiles(source.slabs(shapes[0], cascade.tile))
        writer.write(first, shape=shapes[0], subifds=len(shapes) - 1, extratags=extra, **tags)
        cascade.finish()
        for level, shape in enumerate(shapes[1:]):
            again = cascade.spilled_tiles(level)
            writer.write(again, shape=shape, subfiletype=_REDUCED_IMAGE, **tags)


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of tiles of the map, checked."""

    path: Path
    read: Read
    kind: np.dtype[Any]

    def slabs(self, shape: tuple[int, int], tile: int) -> Iterator[NDArray[Any]]:
        height, width = shape
        for y in range(0, height, tile):
            end = min(y + tile, height)
            slab = self.read(y, end, 0, width)
            if slab.shape != (end - y, width) or slab.dtype != self.kind:
                raise UsageError(
                    "the map to write gave a part of another size or type",
                    where=self.path,
                    seen=f"{slab.shape} {slab.dtype} for {(end - y, width)} {self.kind}",
                )
            yield slab


@dataclass(slots=True)
class _Cascade:
    """Encodes level 0 as it passes, and the levels below, whose tiles wait in a file."""

    tile: int
    reduce: Reduce
    levels: int
    spilled: IO[bytes]
    waiting: list[list[NDArray[Any]]] = field(init=False)
    places: list[list[tuple[int, int]]] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = [[] for _ in range(self.levels)]
        self.places = [[] for _ in range(self.levels)]

    def tiles(self, slabs: Iterator[NDArray[Any]]) -> Iterator[bytes]:
        """Encoded tiles of level 0, whose reductions are taken on the way."""
        for slab in slabs:
            # Before the tiles: the writer asks for no more than the last, and never for the end.
            self._add(0, slab)
            yield from _encoded(slab, self.tile)

    def finish(self) -> None:
        """Encode what waits for rows that do not come."""
        for level in range(self.levels):
            self._flush(level)

    def spilled_tiles(self, level: int) -> Iterator[bytes]:
        """Encoded tiles of a reduced level, 0 the largest."""
        for offset, count in self.places[level]:
            self.spilled.seek(offset)
            yield self.spilled.read(count)

    def _add(self, level: int, slab: NDArray[Any]) -> None:
        """Reduce rows of the level above into a level."""
        if level == self.levels:
            return
        self.waiting[level].append(_halved(slab, self.reduce))
        if sum(len(rows) for rows in self.waiting[level]) >= self.tile:
            self._flush(level)

    def _flush(self, level: int) -> None:
        if not self.waiting[level]:
            return
        slab = np.concatenate(self.waiting[level])
        self.waiting[level].clear()
        for data in _encoded(slab, self.tile):
            self.places[level].append((self.spilled.tell(), len(data)))
            self.spilled.write(data)
        self._add(level + 1, slab)


def _encoded(slab: NDArray[Any], tile: int) -> Iterator[bytes]:
    """One row of tiles, those at the border filled up with 0."""
    little = slab.dtype.newbyteorder("<")
    for x in range(0, slab.shape[1], tile):
        part = slab[:, x : x + tile]
        lacks = [(0, tile - part.shape[0]), (0, tile - part.shape[1])]
        if lacks != [(0, 0), (0, 0)]:
            part = np.pad(part, lacks)
        yield zlib.compress(np.ascontiguousarray(part, little).data, _DEFLATE_LEVEL)


def _halved(slab: NDArray[Any], reduce: Reduce) -> NDArray[Any]:
    """(ceil(h / 2), ceil(w / 2)); a mean at an odd border is that of the pixels there are."""
    if reduce == "nearest":
        return slab[::2, ::2].copy()
    if slab.shape[0] % 2 or slab.shape[1] % 2:
        slab = np.pad(slab, [(0, n % 2) for n in slab.shape], mode="edge")
    wide = np.uint16 if slab.dtype.itemsize == 1 else np.int64
    rows = slab[::2].astype(wide) + slab[1::2]
    total = rows[:, ::2] + rows[:, 1::2]
    mean: NDArray[Any] = ((total + 2) // 4).astype(slab.dtype)
    return mean


def _shapes(path: Path, size_hw: tuple[int, int], layout: Layout) -> list[tuple[int, int]]:
    """(H, W) of all levels, the map itself first."""
    tile, levels = layout.tile, layout.levels
    height, width = size_hw
    if tile < 16 or tile % 16 or (levels is not None and levels < 0):
        raise UsageError(
            "a pyramid has tiles whose side is a multiple of 16, and no negative levels",
            where=path,
            seen=layout,
        )
    if height < 1 or width < 1:
        raise UsageError("a map has at least one pixel", where=path, seen=size_hw)
    shapes = [(height, width)]
    while max(shapes[-1]) > (tile if levels is None else 1) and len(shapes) - 1 != levels:
        shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
    return shapes


def _refuse(
    path: Path, kind: np.dtype[Any], reduce: Reduce, palette: NDArray[np.uint8] | None
) -> None:
    if kind not in _TYPES:
        raise UsageError(
            "a pyramid holds whole numbers",
            where=path,
            seen=kind,
            hint="give uint8, uint16, uint32 or int32",
        )
    if palette is None:
        return
    if kind != np.uint8 or palette.ndim != 2 or palette.shape[1] != 3 or len(palette) > 256:
        raise UsageError(
            "a palette is (n, 3) colours for the values of a uint8 map",
            where=path,
            seen=f"{palette.shape} for {kind}",
        )
    if reduce == "mean":
        raise UsageError("values with a palette have no mean", where=path, hint="use nearest")


def _colormap(palette: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """TIFF's table of 16-bit values (TIFF 6.0, tag 320)."""
    table = np.zeros((3, 256), np.uint16)
    table[:, : len(palette)] = palette.T.astype(np.uint16) * 257
    return table
