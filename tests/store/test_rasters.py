"""Windows of images: pixel for pixel those of the whole image, of every kind of file."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import ImageError, MissingExtra, UsageError
from maskloom.store.images import read_image, read_map, write_png
from maskloom.store.orientation import stored_window, upright, upright_size
from maskloom.store.rasters import Raster, open_raster, raster_size

RNG = np.random.default_rng(5)


def agree(path: Path, whole: np.ndarray, kind: str = "image", windows: int = 6) -> None:
    """Random windows, the corners, one pixel and all of it, against the whole image."""
    whole = whole.reshape(*whole.shape[:2], -1)
    height, width = whole.shape[:2]
    with open_raster(path, kind=kind) as raster:
        assert (raster.size, raster.channels, raster.dtype) == (
            (height, width), whole.shape[2], whole.dtype,
        )  # fmt: skip
        assert raster_size(path) == (height, width)
        asked = [(0, height, 0, width), (height - 1, height, width - 1, width), (0, 1, 0, 1)]
        for _ in range(windows):
            y0, x0 = RNG.integers(0, height), RNG.integers(0, width)
            asked.append(
                (y0, RNG.integers(y0 + 1, height + 1), x0, RNG.integers(x0 + 1, width + 1))
            )
        for y0, y1, x0, x1 in asked:
            part = raster.read(y0, y1, x0, x1)
            assert part.flags.c_contiguous
            assert part.dtype == whole.dtype
            assert np.array_equal(part, whole[y0:y1, x0:x1]), (y0, y1, x0, x1)


@pytest.mark.parametrize("tile", [None, (16, 32)], ids=["strips", "tiles"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_windows_are_parts_of_read_image(tmp_path: Path, dtype, planar: str, tile) -> None:
    path = tmp_path / "t.tif"
    layouts = itertools.product([1, 2, 3, 4, 6], [None, "deflate"], [(False, "<"), (True, ">")])
    for orientation, (channels, codec, (big, order)) in enumerate(layouts):
        array = (RNG.random((37, 53, channels)) * 250).astype(dtype)
        alpha = channels in (2, 4)
        tifffile.imwrite(
            path,
            array[:, :, 0] if channels == 1 else np.moveaxis(array, -1, 0) if planar == "separate" else array,
            photometric="rgb" if channels in (3, 4) else "minisblack",
            planarconfig=planar if channels > 1 else None,
            extrasamples=["unassalpha"] if alpha else None,
            tile=tile, rowsperstrip=None if tile else 7, compression=codec, bigtiff=big,
            byteorder=order, metadata=None, extratags=[(274, 3, 1, orientation % 8 + 1, True)],
        )  # fmt: skip
        whole = read_image(path)
        assert whole.shape[2] == channels - alpha
        agree(path, whole, windows=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_windows_of_turned_images_are_parts_of_the_upright_one(
    tmp_path: Path, orientation: int
) -> None:
    array = RNG.integers(0, 255, (40, 70, 3)).astype(np.uint8)
    path = tmp_path / "o.tif"
    tifffile.imwrite(path, array, photometric="rgb", tile=(16, 16), compression="deflate",
                     extratags=[(274, 3, 1, orientation, True)])  # fmt: skip
    agree(path, read_image(path), windows=20)


@pytest.mark.parametrize("orientation", range(9))
def test_a_stored_window_turned_upright_is_the_window(orientation: int) -> None:
    stored = np.arange(6 * 4).reshape(6, 4)
    whole = upright(stored, orientation)
    assert upright_size(stored.shape, orientation) == whole.shape
    y0, y1, x0, x1 = stored_window((1, 3, 0, 3), whole.shape, orientation)
    assert np.array_equal(upright(stored[y0:y1, x0:x1], orientation), whole[1:3, 0:3])


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("white", [False, True])
def test_one_bit_palette_and_white_as_zero_are_seen_as_by_read_image(
    tmp_path: Path, *, white: bool, tile
) -> None:
    path = tmp_path / "b.tif"
    bits = RNG.random((21, 45)) > 0.5
    shown = "miniswhite" if white else "minisblack"
    options = {"photometric": shown, "compression": "deflate", "metadata": None}
    if tile is None:
        Image.fromarray(bits).save(path, tiffinfo={262: 0 if white else 1})
        with tifffile.TiffFile(path) as file:
            assert (file.pages[0].photometric, file.pages[0].bitspersample) == (int(not white), 1)
        agree(path, read_image(path))
    for dtype in (np.uint8, np.uint16):
        tifffile.imwrite(path, bits.astype(dtype) * dtype(99), tile=tile, **options)
        agree(path, read_image(path))
        agree(path, read_map(path), "map")
    table = RNG.integers(0, 65536, (3, 256)).astype(np.uint16)
    values = RNG.integers(0, 256, (21, 45)).astype(np.uint8)
    tifffile.imwrite(path, values, tile=tile, photometric="palette", colormap=table)
    assert read_image(path).shape == (21, 45, 3)
    agree(path, read_image(path))
    agree(path, values, "map")


@pytest.mark.parametrize("codec", ["lzw", "packbits", "jpeg", "zstd", "lerc", "ccittfax4"])
def test_codecs_that_tifffile_lacks_are_decoded_by_gdal(tmp_path: Path, codec: str) -> None:
    import rasterio

    path = tmp_path / "c.tif"
    bands = 1 if codec == "ccittfax4" else 3
    smooth = np.add.outer(np.arange(90), np.arange(130)).astype(np.uint8)
    array = np.stack([smooth + 3 * i for i in range(bands)])
    options = {"nbits": 1} if bands == 1 else {"photometric": "YCBCR"} if codec == "jpeg" else {}
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="GTiff", width=130, height=90, count=bands, dtype="uint8",
                      compress=codec, tiled=True, blockxsize=64, blockysize=32, **options) as file,
    ):  # fmt: skip
        file.write(array % 2 if bands == 1 else array)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(path) as file:
        want = np.moveaxis(file.read(), 0, -1) * (255 if bands == 1 else 1)
    agree(path, want.astype(np.uint8))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_predictors_are_undone(tmp_path: Path, dtype: str) -> None:
    import rasterio

    path = tmp_path / "p.tif"
    array = (RNG.random((1, 70, 90)) * 200).astype(dtype)
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="GTiff", width=90, height=70, count=1, dtype=dtype,
                      compress="deflate", predictor=3 if dtype == "float32" else 2) as file,
    ):  # fmt: skip
        file.write(array)
    agree(path, array[0])


def test_without_rasterio_a_codec_that_tifffile_lacks_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "z.tif", compression="tiff_lzw")
    monkeypatch.setitem(__import__("sys").modules, "rasterio", None)
    with pytest.raises(MissingExtra, match=r"LZW.*maskloom\[geo\]"):
        open_raster(tmp_path / "z.tif")


@pytest.mark.parametrize("suffix", ["jp2", "img"])
def test_formats_of_gdal_are_read_by_blocks(tmp_path: Path, suffix: str) -> None:
    import rasterio

    path = tmp_path / f"g.{suffix}"
    array = RNG.integers(0, 255, (3, 150, 170)).astype(np.uint8)
    driver, options = {
        "jp2": ("JP2OpenJPEG", {"QUALITY": 100, "REVERSIBLE": "YES"}), "img": ("HFA", {}),
    }[suffix]  # fmt: skip
    with rasterio.open(path, "w", driver=driver, width=170, height=150, count=3, dtype="uint8",
                       crs="EPSG:32633", transform=rasterio.Affine(2, 0, 5e5, 0, -2, 5e6),
                       **options) as file:  # fmt: skip
        file.write(array)
    agree(path, np.moveaxis(array, 0, -1))
    with open_raster(path) as raster:
        assert raster.georeference is not None
        assert raster.georeference[33550][2] == (2.0, 2.0, 0.0)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_small_pictures_are_windowed_in_memory(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    array = RNG.integers(0, 255, (30, 41, 3)).astype(np.uint8)
    Image.fromarray(array).save(tmp_path / f"s.{suffix}", exif=exif)
    agree(tmp_path / f"s.{suffix}", read_image(tmp_path / f"s.{suffix}"))


def test_a_map_of_a_png_keeps_its_indexes(tmp_path: Path) -> None:
    values = RNG.integers(0, 3, (20, 30)).astype(np.uint8)
    write_png(tmp_path / "m.png", values, palette=np.eye(3, dtype=np.uint8) * 255)
    agree(tmp_path / "m.png", values, "map")
    agree(tmp_path / "m.png", (np.eye(3, dtype=np.uint8) * 255)[values])


def test_one_pixel_is_an_image(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "1.tif", np.array([[7]], np.uint8))
    tifffile.imwrite(tmp_path / "2.tif", np.array([[9]], np.uint16), tile=(16, 16),
                     compression="deflate")  # fmt: skip
    agree(tmp_path / "1.tif", np.array([[7]], np.uint8))
    agree(tmp_path / "2.tif", np.array([[9]], np.uint16))


@pytest.mark.parametrize(
    "window",
    [(0, 0, 0, 5), (-1, 3, 0, 5), (0, 11, 0, 5), (0, 5, 3, 3), (0, 5, 0, 21), (6, 2, 0, 5)],
)
def test_a_window_that_leads_out_is_refused(tmp_path: Path, window) -> None:
    tifffile.imwrite(tmp_path / "t.tif", np.zeros((10, 20), np.uint8))
    with (
        open_raster(tmp_path / "t.tif") as raster,
        pytest.raises(UsageError, match=r"of 10 × 20"),
    ):
        raster.read(*window)


def test_a_closed_raster_says_so(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "t.tif", np.zeros((10, 20), np.uint8))
    with open_raster(tmp_path / "t.tif") as raster:
        raster.read(0, 1, 0, 1)
    with pytest.raises(UsageError, match="closed"):
        raster.read(0, 1, 0, 1)


def test_what_a_window_gives_is_the_callers_own(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    with open_raster(tmp_path / "a.png") as raster:
        raster.read(0, 4, 0, 4)[:] = 9
        assert not raster.read(0, 4, 0, 4).any()


class Counted:
    """A backend that counts how often each chunk is decoded."""

    size, channels, dtype, chunk = (64, 64), 1, np.dtype(np.uint8), (16, 16)
    orientation, georeference = 1, None

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def decode(self, row: int, column: int) -> np.ndarray:
        self.seen.append((row, column))
        return np.full((16, 16, 1), 4 * row + column, np.uint8)

    def close(self) -> None:
        pass


def test_only_the_chunks_that_a_window_touches_are_decoded_and_the_last_are_kept() -> None:
    source = Counted()
    raster = Raster(Path("x"), source, cache_bytes=3 * 256)
    raster.read(15, 17, 40, 41)
    assert source.seen == [(0, 2), (1, 2)]
    raster.read(0, 16, 32, 48)
    assert len(source.seen) == 2  # kept
    raster.read(48, 64, 0, 32)
    raster.read(0, 16, 32, 48)
    assert len(source.seen) == 4  # of three kept ones (1, 2) was the longest unused
    raster.read(16, 32, 32, 48)
    assert source.seen[4:] == [(1, 2)]


def test_a_cache_that_is_too_small_keeps_what_the_last_window_touched() -> None:
    source = Counted()
    raster = Raster(Path("x"), source, cache_bytes=0)
    raster.read(0, 40, 0, 8)
    raster.read(8, 48, 8, 16)
    assert source.seen == [(0, 0), (1, 0), (2, 0)]
    raster.read(40, 41, 40, 41)
    raster.read(40, 41, 8, 9)
    assert source.seen[3:] == [(2, 2), (2, 0)]


def test_threads_share_a_raster(tmp_path: Path) -> None:
    array = RNG.integers(0, 255, (300, 300, 3)).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "t.tif", array, photometric="rgb", tile=(32, 32), compression="deflate"
    )
    wrong: list[tuple[int, int]] = []
    with open_raster(tmp_path / "t.tif", cache_bytes=1 << 15) as raster:

        def read(seed: int) -> None:
            own = np.random.default_rng(seed)
            for _ in range(40):
                y, x = own.integers(0, 200, 2)
                if not np.array_equal(
                    raster.read(y, y + 90, x, x + 90), array[y : y + 90, x : x + 90]
                ):
                    wrong.append((y, x))

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_of_huge_uncompressed_rows_only_the_window_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        # A hole of 16 GB, in one strip.
        writer.write(shape=(1 << 17, 1 << 17), dtype=np.uint8, data=None, metadata=None)
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(start + 100_000 * (1 << 17) + 70_000)
        file.write(b"\x07")
    with open_raster(path) as raster:
        assert raster.size == (1 << 17, 1 << 17)
        part = raster.read(99_999, 100_002, 69_999, 70_002)
    assert part[:, :, 0].tolist() == [[0, 0, 0], [0, 7, 0], [0, 0, 0]]


def test_georeferences_are_kept_but_not_of_turned_images(tmp_path: Path) -> None:
    scale = (33550, 12, 3, (0.5, 0.5, 0.0), True)
    path = tmp_path / "g.tif"
    tifffile.imwrite(path, np.zeros((5, 5), np.uint8), extratags=[scale])
    with open_raster(path) as raster:
        assert raster.georeference == {33550: (12, 3, (0.5, 0.5, 0.0))}
    tifffile.imwrite(path, np.zeros((5, 5), np.uint8), extratags=[scale, (274, 3, 1, 6, True)])
    with open_raster(path) as raster:
        assert raster.georeference is None


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no")
    with pytest.raises(ImageError, match=r"\.tif.*\.zarr"):
        open_raster(tmp_path / "a.txt")
    for name in ("none.tif", "none.zarr", "none.png", "none.jp2"):
        with pytest.raises(ImageError, match="no such"):
            open_raster(tmp_path / name)
    (tmp_path / "e.tif").touch()
    with pytest.raises(ImageError, match="empty"):
        open_raster(tmp_path / "e.tif")
