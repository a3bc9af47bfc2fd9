"""Pictures of images that are too large to be looked at whole."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile

from maskloom.core.dataset import Dataset
from maskloom.core.labels import BACKGROUND, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.judging import large_pictures
from maskloom.metrics.judging.judge import Terms, judge
from maskloom.metrics.judging.pictures import error_panels
from maskloom.report import windows
from maskloom.report.windows import SIDE
from maskloom.store.rasters import Raster

SIZE = 2000, 2600
LOST, ADDED = (2000, 1500), (300, 200)


@pytest.fixture
def image(tmp_path):
    pixels = np.random.default_rng(0).integers(60, 90, (*SIZE, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "scan.tif", pixels, tile=(256, 256))
    return tmp_path / "scan.tif"


def dataset(image, corners, task):
    polygons = [[[x, y, x + 40, y, x + 40, y + 40, x, y + 40]] for x, y in corners]
    masks = Masks.from_polygons(polygons, SIZE)
    labels = Labels(SIZE, rows=Rows.make(masks, [0] * len(polygons)))
    if task == "semantic":
        classes = np.full(SIZE, BACKGROUND, np.uint8)
        masks.paint(classes, [0] * len(polygons))
        labels = Labels(SIZE, class_map=classes)
    sample = Sample("scan", ImageRef(image), file_name="scan.tif")
    return Dataset(Taxonomy.from_names(["cell"]), (sample,), lambda _: labels)


def panels_of(image, task="instance"):
    both = [(x, y) for x in range(100, 2500, 400) for y in range(700, 1200, 200)]
    truth, predicted = (dataset(image, [*both, one], task) for one in (LOST, ADDED))
    terms = Terms(task=task)
    return error_panels(judge(truth, predicted, terms), truth, predicted, terms)


@pytest.mark.parametrize("task", ["instance", "semantic"])
def test_the_worst_parts_are_shown_pixel_by_pixel_below_the_whole(image, task):
    whole, *parts = panels_of(image, task)
    assert dict(whole.pictures)["Image"].shape == (492, 640, 3)
    assert "2,600 × 2,000 px, shown at 25 %" in whole.caption
    assert (dict(whole.pictures)["Image"] == 245).all(axis=2).any()  # the frames
    assert [p.full for p in (whole, *parts)] == [False, True, True]
    assert {picture.shape for p in parts for _, picture in p.pictures} == {(SIDE, SIDE, 3)}
    assert {text for p in parts for text, _ in p.errors} - {"matched"} == {"missed", "extra"}
    pixels = tifffile.imread(image)
    for panel in parts:
        x, y = (int(v.replace(",", "")) for v in re.findall(r"[xy] ([\d,]+)–", panel.caption))
        cut = pixels[y : y + SIDE, x : x + SIDE]
        assert np.array_equal(dict(panel.pictures)["Image"], cut)


def test_no_window_is_as_large_as_the_image(image, monkeypatch):
    areas, read = [], Raster.read

    def noted(self, y0, y1, x0, x1):
        areas.append((y1 - y0) * (x1 - x0))
        return read(self, y0, y1, x0, x1)

    monkeypatch.setattr(Raster, "read", noted)
    monkeypatch.setattr(windows, "_BAND_PIXELS", 1 << 19)
    panels_of(image)
    assert areas
    assert max(areas) <= 1 << 20


@pytest.mark.parametrize("drawn", [500, 1])
def test_an_absent_image_and_many_objects_are_drawn_without_it(tmp_path, monkeypatch, drawn):
    monkeypatch.setattr(large_pictures, "_DRAWN", drawn)
    whole, *parts = panels_of(tmp_path / "absent.tif")
    assert [label for label, _ in whole.pictures] == ["Truth", "Prediction", "Errors"]
    assert len(parts) == 2


def test_an_object_on_the_edge_of_a_window_is_matched_as_a_whole():
    masks = Masks.from_polygons([[[480, 10, 540, 10, 540, 30, 480, 30]]], SIZE)
    other = Masks.from_polygons([[[505, 10, 545, 10, 545, 30, 505, 30]]], SIZE)
    maps = np.full((2, *SIZE), BACKGROUND, np.uint8)
    both = Rows.make(masks, [0]), Rows.make(other, [0])
    sides = large_pictures.LargeSides((maps[0], maps[1]), both)
    cut, states = large_pictures._cut(sides, (0, 0, SIDE, SIDE))
    assert [rows.masks.areas.tolist() for rows in cut.rows] == [[32 * 20], [7 * 20]]
    assert [state.tolist() for state in states] == [[1], [1]]
