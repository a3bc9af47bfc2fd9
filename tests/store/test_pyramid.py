"""Pyramidal TIFF: every reader gets the same pixels, in bounded memory, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import UsageError, WriteError
from maskloom.store import pyramid
from maskloom.store.images import read_image, read_map
from maskloom.store.pyramid import Layout, write_pyramid
from maskloom.store.rasters import open_raster

RNG = np.random.default_rng(7)
PALETTE = np.array([[0, 0, 0], [200, 10, 0], [0, 130, 255]], np.uint8)
SMALL = Layout(tile=32)


def write(path: Path, array: np.ndarray, **options) -> None:
    write_pyramid(
        path, lambda y0, y1, x0, x1: array[y0:y1, x0:x1], array.shape, array.dtype, **options
    )


@pytest.mark.parametrize("shape", [(1, 1), (31, 200), (200, 33), (129, 257), (128, 256)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
def test_every_reader_gets_the_map_back(tmp_path: Path, dtype, shape) -> None:
    info = np.iinfo(dtype)
    array = RNG.integers(info.min, info.max, shape, dtype, endpoint=True)
    path = tmp_path / "m.tif"
    write(path, array, layout=SMALL)
    assert np.array_equal(tifffile.imread(path), array)
    back = read_map(path)
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    with open_raster(path, kind="map") as raster:
        assert raster.chunk == (32, 32)
        assert raster.dtype == array.dtype
        assert np.array_equal(raster.read(0, shape[0], 0, shape[1])[:, :, 0], array)
    if dtype != np.uint32:  # which Pillow shows as signed
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), array)


def test_gdal_reads_the_map_and_knows_its_levels_place_and_palette(tmp_path: Path) -> None:
    import rasterio

    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(2, 0, 5e5, 0, -2, 5e6)}
    source, target = tmp_path / "source.tif", tmp_path / "m.tif"
    with rasterio.open(source, "w", driver="GTiff", width=150, height=100, count=1,
                       dtype="uint8", **place) as file:  # fmt: skip
        file.write(np.zeros((1, 100, 150), np.uint8))
    array = RNG.integers(0, 3, (100, 150)).astype(np.uint8)
    with open_raster(source) as raster:
        write(target, array, layout=SMALL, palette=PALETTE, georeference=raster.georeference)
    with rasterio.open(target) as file:
        assert np.array_equal(file.read(1), array)
        assert file.overviews(1) == [2, 4, 8]
        assert (file.crs, file.transform) == (place["crs"], place["transform"])
        assert file.colormap(1)[1] == (200, 10, 0, 255)
    with open_raster(target) as copy, open_raster(source) as raster:
        assert copy.georeference == raster.georeference


@pytest.mark.parametrize("shape", [(33, 95), (200, 129), (64, 500)])
def test_each_level_takes_every_second_pixel_of_the_one_before(tmp_path: Path, shape) -> None:
    array = RNG.integers(0, 60000, shape).astype(np.uint16)
    write(tmp_path / "m.tif", array, layout=SMALL)
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert len(file.pages) == 1
        levels = file.series[0].levels
        assert max(levels[-1].shape) <= 32 < max(levels[-2].shape)
        for power, level in enumerate(levels):
            step = 2**power
            assert np.array_equal(level.asarray(), array[::step, ::step])


def test_a_mean_is_rounded_half_up_and_a_border_has_fewer_pixels(tmp_path: Path) -> None:
    array = np.array([[0, 1, 9], [1, 0, 8], [5, 4, 255]], np.uint8)
    write(tmp_path / "m.tif", array, layout=Layout(tile=16, levels=2), reduce="mean")
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        levels = [level.asarray().tolist() for level in file.series[0].levels]
    # (0+1+1+0)/4 = 0.5; (9+8)/2 = 8.5; (5+4)/2 = 4.5; then (1+9+5+255)/4 = 67.5
    assert levels[1:] == [[[1, 9], [5, 255]], [[68]]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
def test_means_of_extremes_do_not_overflow(tmp_path: Path, dtype) -> None:
    top = np.iinfo(dtype).max
    write(tmp_path / "m.tif", np.full((64, 64), top, dtype), layout=SMALL, reduce="mean")
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert (file.series[0].levels[1].asarray() == top).all()


def test_the_number_of_levels_may_be_given_and_ends_with_one_pixel(tmp_path: Path) -> None:
    array = RNG.integers(0, 9, (100, 100)).astype(np.uint8)
    for levels, sides in ((0, []), (1, [50]), (20, [50, 25, 13, 7, 4, 2, 1])):
        write(tmp_path / "m.tif", array, layout=Layout(tile=32, levels=levels))
        with tifffile.TiffFile(tmp_path / "m.tif") as file:
            assert [page.imagelength for page in file.pages[0].pages or ()] == sides


def test_a_palette_colours_the_picture_and_leaves_the_indexes(tmp_path: Path) -> None:
    array = RNG.integers(0, 3, (70, 80)).astype(np.uint8)
    write(tmp_path / "m.tif", array, palette=PALETTE, layout=SMALL)
    assert np.array_equal(read_map(tmp_path / "m.tif"), array)
    assert np.array_equal(read_image(tmp_path / "m.tif"), PALETTE[array])
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert file.pages[0].colormap[:, 2].tolist() == [0, 130 * 257, 65535]
    with Image.open(tmp_path / "m.tif") as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), PALETTE[array])


def test_equal_maps_are_equal_bytes(tmp_path: Path) -> None:
    array = RNG.integers(0, 3, (100, 150)).astype(np.uint8)
    write(tmp_path / "a.tif", array, layout=SMALL, palette=PALETTE)
    write(tmp_path / "other.tif", array.copy(), layout=SMALL, palette=PALETTE)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "other.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert not {"Software", "DateTime", "ImageDescription"} & {
            tag.name for tag in file.pages[0].tags
        }


def test_small_maps_are_classic_and_those_that_could_pass_2_gib_bigtiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pyramid._CLASSIC_BYTES == 2**31
    monkeypatch.setattr(pyramid, "_CLASSIC_BYTES", 1 << 20)
    array = RNG.integers(0, 9, (800, 800)).astype(np.uint8)
    for dtype, magic in ((np.uint8, b"II*\0"), (np.uint16, b"II+\0")):  # 0.9 and 1.8 MB
        write(tmp_path / "m.tif", array.astype(dtype), layout=SMALL)
        assert (tmp_path / "m.tif").read_bytes()[:4] == magic
        assert np.array_equal(read_map(tmp_path / "m.tif"), array)


def test_each_row_of_tiles_is_asked_for_once_from_the_top_down(tmp_path: Path) -> None:
    asked: list[tuple[int, int, int, int]] = []

    def read(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        asked.append((y0, y1, x0, x1))
        return np.zeros((y1 - y0, x1 - x0), np.uint8)

    write_pyramid(tmp_path / "m.tif", read, (100, 77), np.uint8, layout=SMALL)
    assert asked == [(y, min(y + 32, 100), 0, 77) for y in range(0, 100, 32)]


PEAK = """
import sys
from pathlib import Path
import numpy as np
from maskloom.store.pyramid import write_pyramid
from maskloom.store.rasters import open_raster
import tifffile
def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
part = np.random.default_rng(0).integers(0, 3, (512, 8192)).astype(np.uint8)
path = Path(sys.argv[1])
before = peak()
write_pyramid(path, lambda y0, y1, x0, x1: part[: y1 - y0, x0:x1], (8192, 8192), np.uint8)
written = peak()
with open_raster(path, cache_bytes=1 << 23) as raster:
    for y in range(0, 8192, 512):
        for x in range(0, 8192, 512):
            assert (raster.read(y, y + 512, x, x + 512)[:, :, 0] == part[:, x : x + 512]).all()
print(written - before, peak() - written)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_is_a_row_of_tiles_to_write_and_the_cache_to_read(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "m.tif")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    writing, reading = map(float, done.stdout.split())
    # The map is 64 MiB, a row of its tiles 4.
    assert writing < 24
    assert reading < 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": Layout(tile=100)}, "multiple of 16"),
        ({"layout": Layout(tile=0)}, "multiple of 16"),
        ({"layout": Layout(levels=-1)}, "negative"),
        ({"palette": PALETTE, "reduce": "mean"}, "no mean"),
        ({"palette": PALETTE[:, :2]}, "palette"),
        ({"palette": np.zeros((257, 3), np.uint8)}, "palette"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(tmp_path: Path, options, message) -> None:
    with pytest.raises(UsageError, match=message):
        write(tmp_path / "m.tif", np.zeros((40, 40), np.uint8), **options)
    assert not list(tmp_path.iterdir())


def test_other_types_sizes_and_parts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    with pytest.raises(UsageError, match="whole numbers"):
        write(path, np.zeros((4, 4), np.float32))
    with pytest.raises(UsageError, match="palette"):
        write(path, np.zeros((4, 4), np.uint16), palette=PALETTE)
    with pytest.raises(UsageError, match="at least one pixel"):
        write(path, np.zeros((0, 4), np.uint8))
    with pytest.raises(UsageError, match=r"\(4, 3\) uint8 for \(4, 4\) uint8"):
        write_pyramid(path, lambda *_: np.zeros((4, 3), np.uint8), (4, 4), np.uint8)
    with pytest.raises(UsageError, match="int64"):
        write_pyramid(path, lambda *_: np.zeros((4, 4), np.int64), (4, 4), np.uint8)
    assert not list(tmp_path.iterdir())


def test_a_map_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    write(path, np.ones((64, 64), np.uint8))
    before = path.read_bytes()

    def read(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        if y0 >= 64:
            raise UsageError("no more")
        return np.zeros((y1 - y0, x1 - x0), np.uint8)

    with pytest.raises(UsageError, match="no more"):
        write_pyramid(path, read, (200, 64), np.uint8, layout=SMALL)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.tif"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    try:
        done = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("mounting a disk needs more rights")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("side", [400, 500, 900, 3000])
def test_a_disk_that_fills_up_leaves_nothing_and_says_so(small_disk: Path, side: int) -> None:
    array = RNG.integers(0, 256, (side, side)).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(WriteError, match="No space left on device") as caught:
            write(small_disk / "m.tif", array, layout=Layout(tile=64))
    assert caught.value.where == str(small_disk / "m.tif")
    assert not list(small_disk.iterdir())


LIMITED = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from maskloom.errors import WriteError
from maskloom.store.pyramid import write_pyramid
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
array = np.random.default_rng(0).integers(0, 256, (1000, 1000)).astype(np.uint8)
try:
    write_pyramid(Path(sys.argv[1]), lambda y0, y1, x0, x1: array[y0:y1, x0:x1], array.shape, np.uint8)
except WriteError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of files")
def test_a_file_that_may_not_grow_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "m.tif")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "File too large" in done.stdout
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())
