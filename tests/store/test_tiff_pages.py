"""What pages a TIFF may have beside its picture, and what makes it a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import ImageError
from maskloom.store.images import image_size, read_image, read_map
from maskloom.store.rasters import open_raster, raster_size

STACK = np.random.default_rng(3).integers(0, 256, (4, 200, 200)).astype(np.uint8)
DOORS = {
    "read_image": read_image,
    "read_map": read_map,
    "image_size": image_size,
    "open_raster": open_raster,
    "open_raster of a map": lambda path: open_raster(path, kind="map"),
    "raster_size": raster_size,
}


def one_by_one(path: Path, **options) -> None:
    """Pages of which each says that it is a picture by itself."""
    with tifffile.TiffWriter(path) as file:
        for page in STACK:
            file.write(page, photometric="minisblack", contiguous=False, **options)


def of_pillow(path: Path, **options) -> None:
    first, *others = [Image.fromarray(page) for page in STACK]
    first.save(path, save_all=True, append_images=others, **options)


def of_gdal(path: Path, codec: str) -> None:
    """Appended datasets of a codec that only GDAL decodes."""
    import rasterio

    profile = {"driver": "GTiff", "width": 200, "height": 200, "count": 1, "dtype": "uint8"}
    for page in STACK:
        more = {"APPEND_SUBDATASET": "YES"} if path.exists() else {}
        with rasterio.open(path, "w", **profile, compress=codec, **more) as file:
            file.write(page[None])


DEPTHS = {"axes": "ZYX"}
STACKS = {
    "one by one": one_by_one,
    "one by one, tiled": lambda path: one_by_one(path, tile=(64, 64), compression="deflate"),
    "one by one, pages of a document": lambda path: one_by_one(path, subfiletype=2),
    "one by one, undescribed": lambda path: one_by_one(path, metadata=None),
    "at once": lambda path: tifffile.imwrite(path, STACK, photometric="minisblack"),
    "ImageJ": lambda path: tifffile.imwrite(path, STACK, imagej=True, metadata=DEPTHS),
    "OME": lambda path: tifffile.imwrite(
        path, STACK, ome=True, photometric="minisblack", metadata=DEPTHS
    ),
    "Pillow": of_pillow,
    "Pillow, LZW": lambda path: of_pillow(path, compression="tiff_lzw"),
    "GDAL, LERC": lambda path: of_gdal(path, "lerc"),
}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", STACKS)
def test_further_pages_as_large_as_the_first_make_a_volume(
    tmp_path: Path, kind: str, door: str
) -> None:
    STACKS[kind](tmp_path / "v.tif")
    with pytest.raises(ImageError, match=r"v\.tif: a TIFF of several pages is a volume") as caught:
        DOORS[door](tmp_path / "v.tif")
    assert "4 pages of 200 × 200" in str(caught.value)


def test_pages_of_other_types_make_a_volume_too(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "v.tif") as file:
        file.write(STACK[0])
        file.write(STACK[1].astype(np.uint16))
    for door in DOORS.values():
        with pytest.raises(ImageError, match="volume"):
            door(tmp_path / "v.tif")


def readable(path: Path, want: np.ndarray) -> None:
    """By every door the first page alone."""
    want = want.reshape(*want.shape[:2], -1)
    assert image_size(path) == raster_size(path) == want.shape[:2]
    assert np.array_equal(read_image(path), want)
    with open_raster(path) as raster:
        assert np.array_equal(raster.read(0, want.shape[0], 0, want.shape[1]), want)


@pytest.mark.parametrize("said", [0, 1], ids=["smaller", "reduced by its tag"])
def test_smaller_pages_are_overviews_or_thumbnails(tmp_path: Path, said: int) -> None:
    with tifffile.TiffWriter(tmp_path / "p.tif") as file:
        for step in (1, 2, 4):
            reduced = said if step > 1 else 0
            file.write(STACK[0, ::step, ::step], subfiletype=reduced, metadata=None)
    readable(tmp_path / "p.tif", STACK[0])


def test_levels_below_the_page_are_no_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "s.tif") as file:
        file.write(STACK[0], subifds=2, tile=(64, 64))
        for step in (2, 4):
            file.write(STACK[0, ::step, ::step], subfiletype=1, tile=(64, 64))
    readable(tmp_path / "s.tif", STACK[0])


def test_a_slide_may_have_a_label_and_a_view_of_all_of_it(tmp_path: Path) -> None:
    slide = np.moveaxis(STACK[:3], 0, -1)
    with tifffile.TiffWriter(tmp_path / "s.tif") as file:
        text = "Aperio Image Library v12\r\n200x200 [0,0 200x200] (64x64)|AppMag = 20"
        file.write(slide, photometric="rgb", tile=(64, 64), description=text, metadata=None)
        file.write(slide[::4, ::4], photometric="rgb", metadata=None)  # thumbnail
        file.write(slide[::2, ::2], photometric="rgb", tile=(64, 64), metadata=None)
        file.write(slide[:40, :90], photometric="rgb", subfiletype=1, metadata=None)  # label
        file.write(slide[:60, :99], photometric="rgb", subfiletype=9, metadata=None)  # macro
    readable(tmp_path / "s.tif", slide)


@pytest.mark.parametrize("bits", [1, 8])
def test_a_mask_as_large_as_the_picture_is_no_further_page(tmp_path: Path, bits: int) -> None:
    mask = STACK[0] > 9 if bits == 1 else np.where(STACK[0] > 9, 255, 0).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "m.tif") as file:
        file.write(STACK[0], tile=(64, 64), metadata=None)
        file.write(STACK[0, ::2, ::2], tile=(64, 64), subfiletype=1, metadata=None)
        if bits == 1:
            file.write(mask, tile=(64, 64), photometric=4, subfiletype=4, metadata=None)
        else:  # as old GDAL has them, which tifffile does not write
            file.write(mask, tile=(64, 64), subfiletype=1, metadata=None)
    if bits == 8:
        with tifffile.TiffFile(tmp_path / "m.tif", mode="r+") as file:
            file.pages[2].tags[254].overwrite(4)
    readable(tmp_path / "m.tif", STACK[0])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("driver", ["GTiff", "COG"])
@pytest.mark.parametrize("codec", ["deflate", "lerc"])
def test_overviews_and_masks_of_gdal_are_no_further_pages(
    tmp_path: Path, driver: str, codec: str
) -> None:
    import rasterio
    from rasterio.shutil import copy

    picture = np.tile(STACK[0], (3, 3))
    path = tmp_path / "first.tif"
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver="GTiff", width=600, height=600, count=1, dtype="uint8",
                      tiled=True, blockxsize=64, blockysize=64, compress=codec) as file,
    ):  # fmt: skip
        file.write(picture[None])
        file.write_mask(picture > 9)
        file.build_overviews([2, 4])
    if driver == "COG":
        copy(path, tmp_path / "cog.tif", driver="COG", blocksize=128, compress=codec)
        path = tmp_path / "cog.tif"
    with tifffile.TiffFile(path) as file:
        kinds = [int(page.subfiletype) for page in file.pages]
    assert {0, 1, 4} <= set(kinds)
    with open_raster(path) as raster:
        assert np.array_equal(raster.read(0, 600, 0, 600)[:, :, 0], picture)
    if codec == "deflate":  # read_image knows no LERC
        readable(path, picture)
