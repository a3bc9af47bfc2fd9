"""What a format has once written, it writes again as the same bytes, whatever the first source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskloom import registry
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.camvid.classes import SEGNET
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import dataset_of, folder_bytes, write_photo
from .torture import hard_masks, rows_of

SIZE = (48, 64)
PLANAR = sorted(n for n in registry.FORMATS if load_format(n).written and 2 in load_format(n).dims)
PLACE = ((0.5, 0.0, 400000.0), (0.0, -0.5, 5000000.0), (0.0, 0.0, 1.0))


def sparse(root, *, kind="thing", crowd=True):
    """Seventy classes with ids that have gaps, among them a crowd; one is as in Cityscapes."""
    names = ["car", *(f"part {i}" for i in range(69))]
    ids = [3, *(70 + 37 * i for i in range(69))]
    categories = tuple(
        Category(name.replace(" ", "-"), name, kind, ids=(("coco", number),))
        for name, number in zip(names, ids, strict=True)
    )
    hard = hard_masks()
    rows = rows_of(
        [hard["ring"], hard["two parts"] & ~hard["ring"], hard["row"] & ~hard["ring"]],
        [69, 0, 12],
        crowd=[False, crowd, False],
    )
    free = rows.masks.merge().complement()
    ground = replace(rows.take(slice(0, 1)), masks=free, category=np.array([40], np.int32))
    ground = replace(ground, instance=np.array([99], ground.instance.dtype))
    labels = {"a": rows, "b": ground}
    samples = []
    for key in labels:
        path = root / f"{key}.png"
        write_photo(path, SIZE)
        samples.append(Sample(key, ImageRef(path, SIZE, affine=PLACE, crs="EPSG:32633")))
    return Dataset(
        Taxonomy(categories),
        tuple(samples),
        lambda sample: Labels(SIZE, rows=labels[sample.key]),
        {"train2017": ("a",), "val2017": ("b",)},
        name="sparse",
    )


@pytest.mark.parametrize("kind", ["thing", "stuff"])
@pytest.mark.parametrize("fmt", PLANAR)
def test_sparse_ids_of_foreign_classes_are_written_twice_as_the_same_bytes(tmp_path, fmt, kind):
    form = load_format(fmt)
    source = sparse(tmp_path / "photos", kind=kind)
    assert transfer(source, tmp_path / "one", form, allow_loss=True).written
    for first, second in (("one", "two"), ("two", "three")):
        back = read_dataset(tmp_path / first, fmt)
        done = transfer(back, tmp_path / second, form, allow_loss=True)
        assert (done.written, done.changed_pixels) == (True, 0)
        assert folder_bytes(tmp_path / first) == folder_bytes(tmp_path / second)
    # What formats hold of names at all, they hold of all of these.
    names = {c.name for c in source.taxonomy}
    assert names <= {c.name for c in back.taxonomy} | {"background"}


@pytest.mark.parametrize("fmt", PLANAR)
def test_a_detour_by_any_format_that_holds_all_gives_the_same_bytes(tmp_path, fmt):
    form, coco = load_format(fmt), load_format("coco")
    source = sparse(tmp_path / "photos", crowd=False)
    source = replace(source, samples=tuple(
        replace(s, image=replace(s.image, affine=(), crs=None)) for s in source.samples
    ))  # fmt: skip
    assert transfer(source, tmp_path / "a", coco).written
    there = transfer(read_dataset(tmp_path / "a", "coco"), tmp_path / "b", form)
    if not there.written:
        pytest.skip(f"{fmt} does not hold it: {[loss.kind for loss in there.refused]}")
    assert there.exact_objects == there.objects
    back = transfer(read_dataset(tmp_path / "b", fmt), tmp_path / "c", coco)
    assert back.written, back.losses
    assert back.exact_objects == back.objects == there.objects
    again = read_dataset(tmp_path / "c", "coco")
    ids = {c.name: dict(c.ids).get("coco") for c in again.taxonomy}
    assert ids == {c.name: dict(c.ids).get("coco") for c in source.taxonomy}


@pytest.mark.parametrize("fmt", [name for name in PLANAR if name != "yolo"])
@pytest.mark.parametrize("classes", [8, 11])
def test_void_of_class_maps_is_held_or_told_to_the_pixel(tmp_path, fmt, classes):
    pixels = np.random.default_rng(1).integers(0, classes, SIZE).astype(np.uint8)
    pixels[:2] = 255
    source = dataset_of(SEGNET, {"0001TP_1": Labels(SIZE, class_map=pixels)}, tmp_path / "photos")
    done = transfer(source, tmp_path / "out", load_format(fmt), allow_loss=True)
    told = {loss.kind: loss.pixels for loss in done.losses}
    assert done.changed_pixels == told.get("void", 0) in (0, 2 * SIZE[1])
    assert "pixels" not in told


def test_a_split_of_which_nothing_is_chosen_is_not_written(tmp_path):
    fmt = load_format("coco-panoptic")
    source = sparse(tmp_path / "photos").split("val2017")
    assert transfer(source, tmp_path / "out", fmt, allow_loss=True).written
    assert not list((tmp_path / "out").rglob("*train2017*"))
