"""Maps of one class: 0/255 where every pixel is labelled, else class maps with void."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskloom.core.labels import BACKGROUND, VOID, Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.base import LargeMap
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import dataset_of

BURNT = Taxonomy((Category("burnt", "burnt", "stuff", ids=(("bitmap", 1),)),))
FULL = np.array([[0, BACKGROUND], [0, 0]], np.uint8)
OPEN = np.array([[0, VOID], [BACKGROUND, 0]], np.uint8)
NAMES = {0: "class", BACKGROUND: "background", VOID: "void"}


def convert(root: Path, fmt: str, maps: dict[str, np.ndarray], taxonomy: Taxonomy = BURNT):
    """What a conversion says; maps are classes and codes."""
    labels = {key: Labels((2, 2), class_map=one) for key, one in maps.items()}
    to = load_format(fmt)
    source = dataset_of(taxonomy, labels, root / "photos")
    return transfer(source, root / "out", to, options=to.WriteOptions())


def stored(out: Path, ending: str = "png") -> dict[str, list[list[str]]]:
    """By the numbers that the side file gives, what each pixel of each map is."""
    side = json.loads((out / "taxonomy.json").read_text())
    assert side["kind"] == "class"
    (category,) = side["categories"]
    meaning = {
        category["ids"]["bitmap"]: "class",
        side["background_id"]: "background",
        side["void_id"]: "void",
    }
    return {
        file.stem: [[meaning[v] for v in row] for row in np.array(Image.open(file)).tolist()]
        for file in sorted((out / "masks").glob(f"*.{ending}"))
    }


def meant(maps: dict[str, np.ndarray]) -> dict[str, list[list[str]]]:
    return {key: [[NAMES[v] for v in row] for row in one.tolist()] for key, one in maps.items()}


@pytest.mark.parametrize(("fmt", "ending"), [("bitmap", "png"), ("geotiff", "tif")])
@pytest.mark.parametrize("order", [(OPEN,), (OPEN, FULL), (FULL, OPEN), (FULL, FULL, OPEN, FULL)])
@pytest.mark.parametrize("own", [True, False])
def test_void_pixels_of_one_class_are_kept_wherever_they_come(tmp_path, fmt, ending, order, own):
    if fmt == "geotiff":
        pytest.importorskip("rasterio", reason="needs the extra geo")
    maps = dict(zip("abcd", order, strict=False))
    taxonomy = BURNT if own else Taxonomy((Category("burnt", "burnt", "stuff"),))
    done = convert(tmp_path, fmt, maps, taxonomy)
    assert done.written
    assert not done.losses
    assert stored(tmp_path / "out", ending) == meant(maps)
    back = read_dataset(tmp_path / "out", fmt)
    to = load_format(fmt)
    assert transfer(back, tmp_path / "again", to, options=to.WriteOptions()).written
    assert stored(tmp_path / "again", ending) == meant(maps)


def test_a_number_that_gives_way_to_maps_of_0_and_255_is_told(tmp_path):
    done = convert(tmp_path, "bitmap", {"a": FULL, "b": OPEN})
    assert any("burnt 1 → 255" in warning for warning in done.warnings)
    assert not convert(tmp_path / "c", "bitmap", {"a": OPEN, "b": FULL}).warnings


def test_without_void_one_class_is_written_as_0_and_255(tmp_path):
    assert convert(tmp_path, "bitmap", {"a": FULL}).written
    assert np.array(Image.open(tmp_path / "out/masks/a.png")).tolist() == [[255, 0], [255, 255]]


def test_maps_as_gdal_burns_them_come_back_with_their_no_data(tmp_path):
    rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
    values = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
    place = rasterio.transform.Affine(0.5, 0, 500000, 0, -0.5, 5000000)
    for folder, bands in (("images", np.zeros((3, 2, 3), np.uint8)), ("masks", values[None])):
        (tmp_path / "in" / folder).mkdir(parents=True)
        profile = {"driver": "GTiff", "height": 2, "width": 3, "dtype": "uint8"}
        profile |= {"crs": "EPSG:32633", "transform": place, "count": len(bands)}
        profile |= {"nodata": 0} if folder == "masks" else {}
        with rasterio.open(tmp_path / "in" / folder / "a.tif", "w", **profile) as file:
            file.write(bands)
    fmt = load_format("geotiff")
    done = transfer(
        read_dataset(tmp_path / "in", "geotiff"), tmp_path / "out", fmt, options=fmt.WriteOptions()
    )
    assert done.written
    assert not done.losses
    with rasterio.open(tmp_path / "out/masks/a.tif") as file:
        assert (file.read(1)[values == 1] == 1).all()
        assert ((file.dataset_mask() > 0) == (values == 1)).all()


def test_large_maps_beside_have_the_numbers_of_the_others(tmp_path):
    fmt = load_format("bitmap")
    writer = fmt.writer(tmp_path, BURNT, fmt.WriteOptions(images="none"))
    for key, one in (("a", FULL), ("b", OPEN)):
        labels, sample = Labels((2, 2), class_map=one), Sample(key, ImageRef(None))
        assert not writer.losses(sample, labels)
        writer.put(sample, labels)
    large = LargeMap((2, 2), lambda y0, y1, x0, x1: OPEN[y0:y1, x0:x1])
    writer.put_large(Sample("c", ImageRef(None)), large)
    writer.finish({})
    assert stored(tmp_path) == meant({"a": FULL, "b": OPEN})
    assert stored(tmp_path, "tif") == meant({"c": OPEN})
