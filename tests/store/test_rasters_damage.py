"""Rasters that are cut off, damaged or lie about themselves: one clear error, never other pixels."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import ImageError, MaskloomError
from maskloom.store.rasters import open_raster, raster_size, samples

RNG = np.random.default_rng(11)
ARRAY = RNG.integers(0, 255, (61, 83, 3)).astype(np.uint8)
KINDS = {
    "rows": {},
    "strips": {"rowsperstrip": 8, "compression": "deflate"},
    "tiles": {"tile": (16, 32), "compression": "deflate"},
    "plain tiles": {"tile": (16, 32)},
    "planes": {"planarconfig": "separate", "tile": (16, 16), "compression": "deflate"},
    "bigtiff": {"bigtiff": True, "tile": (32, 32), "compression": "deflate"},
}


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "lzw":
        Image.fromarray(ARRAY).save(buffer, "TIFF", compression="tiff_lzw")
        return buffer.getvalue()
    array = np.moveaxis(ARRAY, -1, 0) if kind == "planes" else ARRAY
    tifffile.imwrite(buffer, array, photometric="rgb", metadata=None, **KINDS[kind])
    return buffer.getvalue()


def whole(path: Path) -> np.ndarray:
    with open_raster(path) as raster:
        return raster.read(0, raster.size[0], 0, raster.size[1])


@pytest.mark.parametrize("kind", [*KINDS, "lzw"])
def test_a_file_that_is_cut_anywhere_is_an_error(tmp_path: Path, kind: str) -> None:
    if kind == "lzw":
        import rasterio  # noqa: F401 - of the extras that the tests are made with
    data = encoded(kind)
    path = tmp_path / "t.tif"
    for length in [*range(1, 500, 7), *RNG.integers(500, len(data), 60), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(ImageError) as caught:
            whole(path)
        assert caught.value.where == str(path)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_error_says_what_is_not_whole_and_how_far_the_file_goes(
    tmp_path: Path, kind: str
) -> None:
    data = encoded(kind)
    path = tmp_path / "t.tif"
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(ImageError, match=r"truncated: (row|tile|strip) \d+") as caught:
        open_raster(path)
    assert f"{len(data) * 2 // 3} bytes" in caught.value.message


def test_a_tile_that_does_not_inflate_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.tif"
    path.write_bytes(encoded("tiles"))
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].dataoffsets[4]  # of three tiles in a row: row 16, column 32
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 40)
    with open_raster(path) as raster:
        assert np.array_equal(raster.read(0, 16, 0, 83), ARRAY[:16])
        with pytest.raises(ImageError, match="tile at row 16, column 32"):
            raster.read(10, 20, 30, 40)


def test_a_file_that_is_cut_while_open_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.tif"
    array = RNG.integers(0, 255, (900, 900)).astype(np.uint8)
    for options in ({}, {"tile": (64, 64), "compression": "deflate"}):
        tifffile.imwrite(path, array, metadata=None, **options)
        with open_raster(path) as raster:
            raster.read(0, 1, 0, 1)
            with path.open("r+b") as file:
                file.truncate(400_000)
            with pytest.raises(
                ImageError, match=r"truncated: (row \d+|tile at row \d+, column \d+)"
            ):
                raster.read(0, 900, 0, 900)


@pytest.mark.parametrize("kind", list(KINDS))
def test_damaged_bytes_never_raise_anything_but_our_errors(tmp_path: Path, kind: str) -> None:
    data = encoded(kind)
    path = tmp_path / "t.tif"
    refused = 0
    for _ in range(150):
        broken = bytearray(data)
        for at in RNG.integers(0, 420, RNG.integers(1, 4)):
            broken[at] = RNG.integers(0, 256)
        path.write_bytes(broken)
        # Most are refused, some damage does no harm; anything else ends the test.
        try:
            with open_raster(path) as raster:
                height, width = raster.size
                raster.read(0, 1, 0, 1)
                raster.read(height - 1, height, width - 1, width)
        except MaskloomError:
            refused += 1
    assert refused > 0


def header(entries: dict[int, tuple[int, int, int]], data: bytes = b"") -> bytes:
    """A classic TIFF of these tags (code: type, count, value) and then data, at byte 512."""
    ifd = struct.pack("<H", len(entries))
    for code, (kind, count, value) in sorted(entries.items()):
        ifd += struct.pack("<HHII", code, kind, count, value)
    return (b"II*\0\x08\0\0\0" + ifd + b"\0\0\0\0").ljust(512, b"\0") + data


def claiming(width: int, height: int, tile: int, *, data: bytes = b"x" * 64, **tags: int) -> bytes:
    entries = {
        256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 8),
        262: (3, 1, 1), 277: (3, 1, tags.get("samples", 1)), 322: (4, 1, tile),
        323: (4, 1, tile), 324: (4, 1, 512), 325: (4, 1, len(data)),
    }  # fmt: skip
    return header(entries, data)


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ((1 << 31, 1 << 31, 512), "fewer tiles|more than"),
        ((1 << 31, 1 << 31, 1 << 31), "more than 1099511627776 pixels"),
        ((1 << 16, 1 << 16, 1 << 16), "too large for chunks"),
        ((10, 10, 1 << 20), "too large for chunks"),
        ((1 << 12, 1 << 12, 512), "fewer tiles than its size asks for"),
        ((64, 64, 0), "damaged"),
        ((0, 10, 16), "no pixels|damaged"),
    ],
)
def test_hostile_headers_are_refused_without_the_memory_they_claim(
    tmp_path: Path, claim, message: str
) -> None:
    path = tmp_path / "h.tif"
    path.write_bytes(claiming(*claim))
    with pytest.raises(ImageError, match=message):
        open_raster(path)


def test_more_channels_than_any_camera_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.tif"
    path.write_bytes(claiming(16, 16, 16, samples=65535))
    with pytest.raises(ImageError, match="65535"):
        open_raster(path)


def test_a_tile_that_inflates_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "_UNCOUNTED_BYTES", 1 << 12)
    path = tmp_path / "h.tif"
    path.write_bytes(claiming(16, 16, 16, data=zlib.compress(bytes(1 << 20))))
    with open_raster(path) as raster, pytest.raises(ImageError, match="more than 512 bytes"):
        raster.read(0, 16, 0, 16)
    path.write_bytes(claiming(16, 16, 16, data=zlib.compress(bytes(range(256)))))
    assert np.array_equal(whole(path).ravel(), np.arange(256))


def test_tiles_that_were_never_written_are_the_files_nodata(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    tiles = (None if i % 2 else np.full((16, 16), 7, np.uint8) for i in range(4))
    tifffile.imwrite(path, tiles, shape=(32, 32), dtype=np.uint8, tile=(16, 16),
                     compression="deflate", metadata=None)  # fmt: skip
    want = np.zeros((32, 32), np.uint8)
    want[:, :16] = 7
    assert np.array_equal(whole(path)[:, :, 0], want)


def test_volumes_and_inks_are_refused_as_by_read_image(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros((3, 20, 30), np.uint8), photometric="minisblack")
    with pytest.raises(ImageError, match="volume"):
        open_raster(tmp_path / "v.tif")
    tifffile.imwrite(tmp_path / "z.tif", np.zeros((4, 16, 32), np.uint8), volumetric=True,
                     tile=(4, 16, 16), photometric="minisblack", metadata=None)  # fmt: skip
    with pytest.raises(ImageError, match="volume"):
        open_raster(tmp_path / "z.tif")
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((20, 30, 4), np.uint8), photometric="separated")
    with pytest.raises(ImageError, match="CMYK"):
        open_raster(tmp_path / "c.tif")
    tifffile.imwrite(tmp_path / "d.tif", np.zeros((20, 30)))
    with pytest.raises(ImageError, match="float64"):
        open_raster(tmp_path / "d.tif")


def test_differences_without_compression_are_undone(tmp_path: Path) -> None:
    array = RNG.integers(0, 256, (16, 16)).astype(np.uint8)
    stored = np.diff(array, axis=1, prepend=np.uint8(0))
    entries = {
        256: (4, 1, 16), 257: (4, 1, 16), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1),
        273: (4, 1, 512), 277: (3, 1, 1), 278: (4, 1, 16), 279: (4, 1, 256), 317: (3, 1, 2),
    }  # fmt: skip
    (tmp_path / "p.tif").write_bytes(header(entries, stored.tobytes()))
    assert np.array_equal(whole(tmp_path / "p.tif")[:, :, 0], array)


def test_sizes_come_from_headers_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "h.tif").write_bytes(claiming(100_000, 90_000, 512))
    assert raster_size(tmp_path / "h.tif") == (90_000, 100_000)
