"""Images that are painted and written a slab of rows at a time."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.labels import BACKGROUND, VOID, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import WriteError
from maskloom.formats.detect import load_format
from maskloom.formats.shared import slabs
from maskloom.formats.shared.flat import flat_rows
from maskloom.store.images import read_map

from .conftest import folder_bytes, objects

TAXONOMY = Taxonomy(
    (
        Category("cat", "cat", "thing"),
        Category("sky", "sky", "stuff"),
        Category("void", "void", "stuff", void=True),
    )
)
SIZE = (37, 29)
SAMPLE = Sample("a", ImageRef(None))
FORMATS = pytest.mark.parametrize("name", ["coco-panoptic", "voc"])


def blobs(seed, n=14):
    """Objects with holes that overlap, in front of one another by depth, score and order."""
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(n):
        mask = np.zeros(SIZE, bool)
        y, x = rng.integers(0, SIZE[0] - 4), rng.integers(0, SIZE[1] - 4)
        part = mask[y : y + rng.integers(3, 25), x : x + rng.integers(3, 25)]
        part[:] = rng.random(part.shape) < 0.8
        masks.append(mask)
    category = rng.integers(0, 3, n)
    score = np.where(category == 0, rng.random(n), np.nan)
    return objects(masks, category, score=score, z_order=rng.integers(0, 3, n))


def cases():
    area = np.zeros((1, *SIZE), bool)
    area[0, 5:30, 3:20] = True
    found = {f"overlap {seed}": blobs(seed) for seed in range(3)}
    found["no rows"] = blobs(0).replace(rows=blobs(0).rows.take(slice(0, 0)))
    found["area"] = blobs(3).replace(coverage=Coverage(area=Masks.from_dense(area)))
    found["categories"] = blobs(4).replace(coverage=Coverage(categories=frozenset({"cat"})))
    pixels = np.random.default_rng(5).choice([0, 1, VOID, BACKGROUND], SIZE).astype(np.uint8)
    found["class map"] = Labels(SIZE, class_map=pixels)
    found["class map, area"] = Labels(SIZE, class_map=pixels, coverage=found["area"].coverage)
    return found


CASES = pytest.mark.parametrize("labels", cases().values(), ids=cases())


def write(name, root, labels, taxonomy=TAXONOMY):
    fmt = load_format(name)
    writer = fmt.writer(root, taxonomy, fmt.WriteOptions(images="none"), {})
    losses = writer.losses(SAMPLE, labels)
    writer.put(SAMPLE, labels)
    writer.finish({})
    return losses


def content(root):
    """Pixels of maps, bytes of other files."""
    return {
        name: read_map(root / name).tolist() if name.endswith(".png") else data
        for name, data in folder_bytes(root).items()
    }


@FORMATS
@CASES
def test_small_slabs_write_the_same_pixels_files_and_losses_as_one(
    tmp_path, monkeypatch, name, labels
):
    whole = write(name, tmp_path / "whole", labels)
    monkeypatch.setattr(slabs, "PIXELS", 4 * SIZE[1])
    assert write(name, tmp_path / "slabs", labels) == whole
    assert content(tmp_path / "slabs") == content(tmp_path / "whole")
    maps = list((tmp_path / "slabs").rglob("*.png"))
    assert maps
    assert all(path.read_bytes().count(b"IDAT") > 1 for path in maps)


@CASES
def test_segments_and_class_maps_are_the_same_by_slabs(monkeypatch, labels):
    whole = flat_rows(labels, TAXONOMY)
    monkeypatch.setattr(slabs, "PIXELS", 4 * SIZE[1])
    rows = flat_rows(labels, TAXONOMY)
    assert rows.masks == whole.masks.validate()
    assert rows.category.tolist() == whole.category.tolist()
    parts = [class_map(slabs.cut(labels, *s), TAXONOMY) for s in slabs.slabs(SIZE)]
    np.testing.assert_array_equal(np.concatenate(parts), class_map(labels, TAXONOMY))


def test_slabs_cover_every_row_once_whatever_the_width(monkeypatch):
    monkeypatch.setattr(slabs, "PIXELS", 10)
    assert list(slabs.slabs((5, 5))) == [(0, 2), (2, 4), (4, 5)]
    assert list(slabs.slabs((2, 99))) == [(0, 1), (1, 2)]
    assert list(slabs.slabs((2, 5))) == [(0, 2)]


@FORMATS
@pytest.mark.parametrize("overlap", [False, True])
def test_memory_for_writing_does_not_grow_with_the_pixels(tmp_path, monkeypatch, name, overlap):
    """The old arrays of the whole image took 9 bytes a pixel and more; runs take next to none."""
    monkeypatch.setattr(slabs, "PIXELS", 1 << 17)
    side, step = 3000, 150
    radius = 90 if overlap else 70
    squares = [
        [np.array([[x, y], [x + radius, y], [x + radius, y + radius], [x, y + radius]], float)]
        for y in range(0, side - step, step)
        for x in range(0, side - step, 80)
    ]
    masks = Masks.from_polygons(squares, (side, side))
    labels = Labels((side, side), rows=Rows.make(masks, np.zeros(len(masks), np.int32)))
    tracemalloc.start()
    try:
        write(name, tmp_path, labels)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.0 * side * side


@FORMATS
def test_losses_of_a_volume_are_refused_as_its_writing_is(tmp_path, name):
    fmt = load_format(name)
    writer = fmt.writer(tmp_path / "out", TAXONOMY, fmt.WriteOptions(images="none"), {})
    volume = Labels((2, 3, 4), class_map=np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(WriteError, match="images, not volumes"):
        writer.losses(SAMPLE, volume)


def test_a_voc_image_whose_object_map_cannot_be_written_has_no_class_map(tmp_path):
    (tmp_path / "SegmentationObject").write_text("in the way")
    fmt = load_format("voc")
    writer = fmt.writer(tmp_path, TAXONOMY, fmt.WriteOptions(images="none"), {})
    with pytest.raises(WriteError, match="SegmentationObject"):
        writer.put(SAMPLE, blobs(0))
    assert list((tmp_path / "SegmentationClass").iterdir()) == []


def test_voc_regions_leave_void_of_the_object_map_by_slabs_too(tmp_path, monkeypatch):
    """A region of sky that reaches out of the labelled area is void in the object map there."""
    monkeypatch.setattr(slabs, "PIXELS", 4)
    sky = np.ones((4, 4), bool)
    sky[0] = False
    area = Masks.from_dense(np.eye(4, dtype=bool)[None])
    labels = replace(objects([sky], [1]), coverage=Coverage(area=area))
    write("voc", tmp_path, labels)
    numbers = read_map(tmp_path / "SegmentationObject/a.png")
    assert numbers.tolist() == [[0, 255, 255, 255], [0] * 4, [0] * 4, [0] * 4]
