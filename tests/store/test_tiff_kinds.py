"""TIFF of many makers: channels in pages, codecs, BigTIFF, tiles, slides of any size."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import ImageError
from maskloom.labelling.decoding import weigh
from maskloom.store.images import MAX_PIXELS, image_size, is_color, read_image, read_map
from maskloom.store.project import Project
from maskloom.store.rasters import open_raster, raster_size
from maskloom.verbs.check import check
from maskloom.verbs.import_ import import_

RNG = np.random.default_rng(11)
PLANES = RNG.integers(0, 60_000, (5, 150, 200)).astype(np.uint16)
RGB = RNG.integers(0, 256, (150, 200, 3)).astype(np.uint8)
APERIO = "Aperio Image Library v12.0.15\r\n{w}x{h} [0,0 {w}x{h}] (64x64) RAW|AppMag = 20|MPP = 0.5"


def pyramid(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        options = {"tile": (64, 64), "photometric": "minisblack", "compression": "deflate"}
        file.write(PLANES, subifds=1, metadata={"axes": "CYX"}, **options)
        file.write(PLANES[:, ::2, ::2], subfiletype=1, **options)


def imagej(path: Path) -> None:
    tifffile.imwrite(path, PLANES, imagej=True, metadata={"axes": "CYX"})


def ome(path: Path, axes: str = "CYX", array=PLANES, **options) -> None:
    tifffile.imwrite(
        path, array, ome=True, photometric="minisblack", metadata={"axes": axes}, **options
    )


CHANNELS = {
    "OME": ome,
    "OME, BigTIFF": lambda path: ome(path, bigtiff=True),
    "OME, tiled": lambda path: ome(path, tile=(64, 64), compression="deflate"),
    "OME, pyramid": pyramid,
    "OME, one depth and time": lambda path: ome(path, "TCZYX", PLANES[None, :, None]),
    "ImageJ": imagej,
}


def same_by_every_door(path: Path, want: np.ndarray) -> None:
    height, width = want.shape[:2]
    assert image_size(path) == raster_size(path) == (height, width)
    got = read_image(path)
    assert got.dtype == want.dtype
    assert np.array_equal(got, want)
    with open_raster(path) as raster:
        assert (raster.size, raster.channels) == ((height, width), want.shape[2])
        assert np.array_equal(raster.read(0, height, 0, width), want)
        assert np.array_equal(raster.read(60, 131, 33, 70), want[60:131, 33:70])
    assert weigh(path).kept == want.nbytes


@pytest.mark.parametrize("kind", CHANNELS)
def test_channels_in_pages_of_their_own_are_channels(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.ome.tif"
    CHANNELS[kind](path)
    same_by_every_door(path, np.moveaxis(PLANES, 0, -1))
    assert is_color(path)
    with pytest.raises(ImageError, match="channels in pages of their own are no label map"):
        read_map(path)


@pytest.mark.parametrize(("axes", "shape"), [("ZYX", (5,)), ("TYX", (5,)), ("TCYX", (5, 1)),
                                             ("ZCYX", (2, 2)), ("TCZYX", (1, 2, 2))])  # fmt: skip
def test_depths_and_times_are_a_volume(tmp_path: Path, axes: str, shape: tuple[int, ...]) -> None:
    many = int(np.prod(shape))
    ome(tmp_path / "a.ome.tif", axes, PLANES[:many].reshape(*shape, *PLANES.shape[1:]))
    for door in (image_size, read_image, read_map, open_raster):
        with pytest.raises(ImageError, match="a TIFF of several pages is a volume"):
            door(tmp_path / "a.ome.tif")


def described(path: Path, array: np.ndarray, entries: str) -> None:
    """Pages of which OME tells where their channels lie; UUID stands for the file's own."""
    ome(path)
    with tifffile.TiffFile(path) as file:
        text = file.ome_metadata
    own = re.search('UUID="([^"]+)"', text)[1]
    text = text.replace('<TiffData IFD="0" PlaneCount="5"/>', entries.replace("OWN", own))
    with tifffile.TiffWriter(path) as file:
        for i, page in enumerate(array):
            more = {"description": text} if i == 0 else {}
            file.write(page, photometric="minisblack", metadata=None, **more)


def test_other_files_that_a_description_names_are_not_opened(tmp_path: Path, capfd) -> None:
    ome(tmp_path / "secret.ome.tif")
    (tmp_path / "in").mkdir()
    entry = '<TiffData IFD="0"><UUID FileName="../secret.ome.tif">urn:uuid:other</UUID></TiffData>'
    described(tmp_path / "in/a.ome.tif", PLANES[:1], entry)
    same_by_every_door(tmp_path / "in/a.ome.tif", PLANES[0][..., None])
    assert capfd.readouterr().err == ""


def test_a_renamed_file_that_names_itself_keeps_its_channels(tmp_path: Path) -> None:
    entries = (
        f'<TiffData FirstC="{i}" IFD="{i}"><UUID FileName="old.ome.tif">OWN</UUID></TiffData>'
        for i in range(5)
    )
    described(tmp_path / "new.ome.tif", PLANES, "".join(entries))
    same_by_every_door(tmp_path / "new.ome.tif", np.moveaxis(PLANES, 0, -1))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_of_ome_are_colours(tmp_path: Path, planar: str) -> None:
    path, separate = tmp_path / "a.ome.tif", planar == "separate"
    array = np.moveaxis(RGB, -1, 0) if separate else RGB
    axes = {"axes": "SYX" if separate else "YXS"}
    tifffile.imwrite(path, array, ome=True, photometric="rgb", planarconfig=planar, metadata=axes)
    same_by_every_door(path, RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("suffix", ["tif", "btf", "tf8"])
def test_tiles_bigtiff_and_floats(tmp_path: Path, dtype: type, big: bool, suffix: str) -> None:
    array = np.moveaxis(PLANES, 0, -1)[:, :, :1].astype(dtype)
    path = tmp_path / f"a.{suffix}"
    tifffile.imwrite(path, array[:, :, 0], tile=(64, 32), bigtiff=big, compression="deflate")
    same_by_every_door(path, array)


@pytest.mark.parametrize("codec", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate"])
def test_codecs_that_tifffile_lacks_are_read_as_well(tmp_path: Path, codec: str) -> None:
    pytest.importorskip("rasterio", reason="needs the extra geo")
    Image.fromarray(RGB).save(tmp_path / "a.tif", compression=codec)
    same_by_every_door(tmp_path / "a.tif", RGB)
    Image.fromarray(RGB[..., 0]).save(tmp_path / "m.tif", compression=codec)
    assert np.array_equal(read_map(tmp_path / "m.tif"), RGB[..., 0])


def test_a_map_in_a_tiff_of_jpeg_has_lost_its_ids(tmp_path: Path) -> None:
    pytest.importorskip("rasterio", reason="needs the extra geo")
    Image.fromarray(RGB[..., 0]).save(tmp_path / "m.tif", compression="jpeg")
    assert read_image(tmp_path / "m.tif").shape == (150, 200, 1)
    with pytest.raises(ImageError, match="a label map stored as JPEG has lost its ids"):
        read_map(tmp_path / "m.tif")


def slide(path: Path, picture: np.ndarray, **options) -> None:
    """Level 0, thumbnail, level 1, label and macro view, in the order of Aperio's scanners."""
    height, width = picture.shape[:2]
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        more = {"photometric": "rgb", "metadata": None}
        text = APERIO.format(w=width, h=height)
        file.write(picture, tile=(64, 64), description=text, **more, **options)
        file.write(picture[::8, ::8], description=text + "\r\nthumbnail", **more)
        file.write(picture[::4, ::4], tile=(64, 64), description=text, **more, **options)
        file.write(picture[:40, :90], subfiletype=1, description="Aperio\r\nlabel 90x40", **more)
        file.write(picture[:60, :99], subfiletype=9, description="Aperio\r\nmacro 99x60", **more)


def test_of_a_slide_the_full_level_is_the_image(tmp_path: Path) -> None:
    picture = np.tile(RGB, (3, 4, 1))
    slide(tmp_path / "a.svs", picture, compression="deflate")
    with tifffile.TiffFile(tmp_path / "a.svs") as file:
        assert file.is_svs
        assert [s.name for s in file.series] == ["Baseline", "Thumbnail", "Label", "Macro"]
    same_by_every_door(tmp_path / "a.svs", picture)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("photometric", ["YCBCR", "RGB"])
def test_slides_of_jpeg_tiles_are_read_by_windows(tmp_path: Path, photometric: str) -> None:
    rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
    smooth = np.kron(RGB[:10, :12], np.ones((16, 16, 1), np.uint8))
    tags = {"TIFFTAG_IMAGEDESCRIPTION": APERIO.format(w=192, h=160)}
    profile = {"driver": "GTiff", "width": 192, "height": 160, "count": 3, "dtype": "uint8"}
    with rasterio.open(
        tmp_path / "a.svs", "w", tiled=True, blockxsize=64, blockysize=64, compress="JPEG",
        photometric=photometric, jpeg_quality=95, **profile,
    ) as file:  # fmt: skip
        file.update_tags(**tags)
        file.write(np.moveaxis(smooth, -1, 0))
    got = read_image(tmp_path / "a.svs").astype(int)
    assert np.abs(got - smooth).mean() < (12 if photometric == "YCBCR" else 1)
    with open_raster(tmp_path / "a.svs") as raster:
        assert np.array_equal(raster.read(30, 130, 50, 150), got[30:130, 50:150])


def test_a_slide_beyond_what_is_read_whole_is_taken_into_a_project(tmp_path: Path) -> None:
    side = 17 * 1024  # one tile, many times
    with tifffile.TiffWriter(tmp_path / "a.svs", bigtiff=True) as file:
        tiles = (np.full((1024, 1024), 7, np.uint8) for _ in range((side // 1024) ** 2))
        file.write(
            tiles, shape=(side, side), dtype=np.uint8, tile=(1024, 1024), compression="deflate",
            photometric="minisblack", metadata=None,
            description=APERIO.format(w=side, h=side),
        )  # fmt: skip
    assert side * side > MAX_PIXELS
    assert image_size(tmp_path / "a.svs") == (side, side)
    with pytest.raises(ImageError, match="claims more than"):
        read_image(tmp_path / "a.svs")
    assert import_(tmp_path / "a.svs", tmp_path / "p").exit_code == 0
    labels = {
        "images": [{"id": 1, "file_name": "a.svs", "height": side, "width": side}],
        "categories": [{"id": 1, "name": "gland"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 1000.0,
             "segmentation": [[17_000, 17_000, 17_100, 17_000, 17_000, 17_020]],
             "bbox": [17_000, 17_000, 100, 20]}
        ],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(labels))
    assert import_(tmp_path / "a.json", tmp_path / "p").results["new_samples"] == 0
    with Project.open(tmp_path / "p") as project:
        assert [s.image.size for s in project.samples()] == [(side, side)]
    assert "claims" not in str(check(tmp_path / "p", deep=True).results)
