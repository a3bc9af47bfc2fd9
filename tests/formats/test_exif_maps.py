"""Label maps that lie on their side: turned upright like images, in every kind of file."""

from __future__ import annotations

import json
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from maskloom.errors import ImageError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import image_size, is_color, map_size, read_image, read_map, write_png
from maskloom.store.rasters import open_raster, raster_size
from maskloom.verbs.convert import convert
from maskloom.verbs.evaluate import evaluate

SIZE = (12, 18)
IDS = np.random.default_rng(7).integers(0, 4, SIZE).astype(np.uint8)
UNDO = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
"""Orientation → Pillow's transposition of the upright map to the stored one."""


def turned(path, orientation, array=IDS, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(array)
    if mode == "P":
        picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    if UNDO[orientation] is not None:
        picture = picture.transpose(Image.Transpose(UNDO[orientation]))
    exif = Image.Exif()
    exif[274] = orientation
    picture.save(path, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "P.png", "16.png", "RGB.png"])
def test_maps_are_turned_upright(tmp_path, orientation, suffix):
    path = tmp_path / f"a.{suffix}"
    meant = IDS
    if suffix == "16.png":
        meant = IDS.astype(np.uint16) * 9000
    if suffix == "RGB.png":
        meant = np.stack([IDS, IDS * 2, IDS * 3], axis=2)
    turned(path, orientation, meant, "P" if suffix == "P.png" else None)
    with Image.open(path) as stored:
        if suffix != "tif":
            assert stored.size[::-1] == (SIZE if orientation < 5 else SIZE[::-1])
    assert map_size(path) == image_size(path) == raster_size(path) == SIZE
    found = read_map(path)
    assert found.dtype == meant.dtype
    assert np.array_equal(found, meant)
    assert found.flags.c_contiguous
    assert is_color(path) == (suffix == "RGB.png")
    with open_raster(path, kind="map") as raster:
        assert raster.size == SIZE
        window = raster.read(2, 9, 3, 17)
    assert np.array_equal(window, meant.reshape(*SIZE, -1)[2:9, 3:17])
    if suffix == "P.png":
        assert np.array_equal(read_map(path, colors=True)[..., 0], np.where(IDS == 1, 200, 0))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_turned_maps_of_turned_images_are_evaluated_and_converted_as_upright(
    tmp_path, orientation, suffix
):
    photo = np.random.default_rng(8).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    turned(tmp_path / "turned" / "images" / "a.png", orientation, photo)
    turned(tmp_path / "turned" / "masks" / f"a.{suffix}", orientation)
    for folder, array in (("images", photo), ("masks", IDS)):
        (tmp_path / "upright" / folder).mkdir(parents=True)
        write_png(tmp_path / "upright" / folder / "a.png", array)
    outcome = evaluate(tmp_path / "upright", tmp_path / "turned")
    assert outcome.results["metrics"]["pixel_accuracy"] == 1
    convert(tmp_path / "turned", tmp_path / "out", to="coco", allow_loss=True)
    convert(tmp_path / "upright", tmp_path / "meant", to="coco", allow_loss=True)
    out, meant = (
        json.loads(next((tmp_path / name).rglob("*.json")).read_text()) for name in ("out", "meant")
    )
    assert out["annotations"] == meant["annotations"]
    assert [(i["height"], i["width"]) for i in out["images"]] == [SIZE]
    assert transfer(
        read_dataset(tmp_path / "turned"), tmp_path / "again", load_format("bitmap")
    ).written
    back = read_dataset(tmp_path / "again")
    assert (back.labels_of(back.samples[0]).class_map == IDS).all()


def test_deep_colour_png_is_turned_as_its_size_says(tmp_path):
    pixels = np.random.default_rng(9).integers(0, 65536, (*SIZE, 3)).astype(np.uint16)
    stored = np.ascontiguousarray(np.rot90(pixels))  # orientation 6: turn it clockwise
    plain = cv2.imencode(".png", stored[..., ::-1])[1].tobytes()
    exif = Image.Exif()
    exif[274] = 6
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data
    chunk += struct.pack(">I", zlib.crc32(b"eXIf" + data))
    path = tmp_path / "a.png"
    path.write_bytes(plain[:33] + chunk + plain[33:])
    assert image_size(path) == SIZE
    assert np.array_equal(read_image(path), pixels)


def test_a_turned_tiff_by_another_name_is_refused(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(IDS).save(tmp_path / "a.png", format="TIFF", exif=exif)
    for read in (image_size, map_size, read_image, read_map):
        with pytest.raises(ImageError, match=r"a TIFF by another name.*Name it \.tif"):
            read(tmp_path / "a.png")
