from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from maskloom.core.labels import Labels
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.camvid.classes import SEGNET
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, SIZE, dataset_of, folder_bytes, objects, random_objects

OBJECT_FORMATS = ("coco", "objects", "bitmap")


def put(dataset, dst, to, **options):
    fmt = load_format(to)
    done = transfer(dataset, dst, fmt, options=fmt.WriteOptions(**options) if options else None)
    assert done.written, done.losses
    assert done.changed_pixels == 0
    assert done.exact_objects == done.objects
    return done


def street(seed=0, *, void=True):
    """A class map of the eleven CamVid classes without things, with void if asked."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 8, SIZE).astype(np.uint8)
    if void:
        classes[:2] = 255
    return Labels(SIZE, class_map=classes)


@pytest.mark.parametrize("first", OBJECT_FORMATS)
@pytest.mark.parametrize("second", OBJECT_FORMATS)
def test_objects_come_back_as_the_same_bytes(nuclei, tmp_path, first, second):
    put(nuclei, tmp_path / "a", first)
    put(read_dataset(tmp_path / "a"), tmp_path / "b", second)
    put(read_dataset(tmp_path / "b"), tmp_path / "c", first)
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "c")


@pytest.mark.parametrize("fmt", OBJECT_FORMATS)
def test_what_is_written_is_detected_and_keeps_names_splits_and_masks(nuclei, tmp_path, fmt):
    put(nuclei, tmp_path / "a", fmt)
    assert detect_format(tmp_path / "a").name == fmt
    back = read_dataset(tmp_path / "a")
    assert [c.name for c in back.taxonomy] == ["nucleus"]
    assert back.splits == {"train": ("im0", "im1"), "val": ("im2",)}
    for sample, labels in back:
        assert labels.rows.masks == nuclei.labels_of(sample).rows.masks
        assert (
            sample.image.path.read_bytes()
            == (tmp_path / "photos" / f"{sample.key}.png").read_bytes()
        )


@pytest.mark.parametrize("second", ["bitmap", "camvid"])
def test_class_maps_with_void_come_back_as_the_same_bytes(tmp_path, second):
    data = dataset_of(SEGNET, {"0001TP_1": street(1), "0001TP_2": street(2)}, tmp_path / "photos")
    put(data, tmp_path / "a", "camvid")
    put(read_dataset(tmp_path / "a"), tmp_path / "b", second)
    put(read_dataset(tmp_path / "b"), tmp_path / "c", "camvid")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "c")


@pytest.mark.parametrize("second", ["coco", "objects"])
def test_class_maps_of_stuff_without_void_survive_formats_of_objects(tmp_path, second):
    data = dataset_of(SEGNET, {"0001TP_1": street(1, void=False)}, tmp_path / "photos")
    put(data, tmp_path / "a", "camvid")
    put(read_dataset(tmp_path / "a"), tmp_path / "b", second)
    put(read_dataset(tmp_path / "b"), tmp_path / "c", "camvid")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "c")


def drive(seed):
    """A class map of the eleven CamVid classes, things among them, with void."""
    classes = np.random.default_rng(seed).integers(0, 11, SIZE).astype(np.uint8)
    classes[:2], classes[5, 5] = 255, 255
    return Labels(SIZE, class_map=classes)


@pytest.mark.parametrize("fmt", ["coco", "coco-panoptic", "objects"])
def test_areas_of_things_in_class_maps_are_no_objects_of_other_formats(tmp_path, fmt):
    data = dataset_of(SEGNET, {"0001TP_1": drive(1), "0001TP_2": drive(2)})
    done = transfer(data, tmp_path / "a", load_format(fmt))
    assert not done.written
    told = {loss.kind: loss for loss in done.refused}
    things = sum(np.isin(drive(seed).class_map, [8, 9, 10]).sum() for seed in (1, 2))
    assert (told["dense"].samples, told["dense"].objects, told["dense"].pixels) == (2, 6, things)
    assert "Car, Pedestrian, Bicyclist" in told["dense"].example
    assert not (tmp_path / "a").exists()


def test_voc_keeps_class_maps_with_things_as_class_maps(tmp_path):
    data = dataset_of(SEGNET, {"0001TP_1": drive(1)})
    done = put(data, tmp_path / "a", "voc")
    assert (done.losses, done.objects) == ((), 0)
    back = read_dataset(tmp_path / "a")
    found = back.labels_of(back.samples[0])
    assert found.rows is None
    np.testing.assert_array_equal(found.class_map, drive(1).class_map)


def test_void_of_camvid_is_void_again_behind_coco_panoptic(tmp_path):
    data = dataset_of(SEGNET, {"0001TP_1": drive(1), "0001TP_2": drive(2)}, tmp_path / "photos")
    put(data, tmp_path / "a", "camvid")
    there = transfer(
        read_dataset(tmp_path / "a"), tmp_path / "b", load_format("coco-panoptic"), allow_loss=True
    )
    assert [loss.kind for loss in there.losses] == ["dense", "fields"]
    assert there.losses[1].named == "of images: index, sequence"
    around = transfer(
        read_dataset(tmp_path / "b"), tmp_path / "c", load_format("camvid"), allow_loss=True
    )
    assert "background" not in [loss.kind for loss in around.losses]
    assert (there.changed_pixels, around.changed_pixels) == (0, 0)
    for sample, labels in read_dataset(tmp_path / "c"):
        seed = int(sample.key[-1])
        np.testing.assert_array_equal(labels.class_map, drive(seed).class_map)
    maps = [folder_bytes(tmp_path / name / "trainannot") for name in ("a", "c")]
    assert maps[0] == maps[1]


def test_class_maps_tell_how_many_labelled_pixels_came_back(tmp_path):
    data = dataset_of(SEGNET, {"0001TP_1": street(1), "0001TP_2": street(2, void=False)})
    done = put(data, tmp_path / "a", "camvid")
    assert (done.objects, done.labelled_pixels) == (0, 2 * SIZE[0] * SIZE[1] - 2 * SIZE[1])
    objects_only = put(dataset_of(NUCLEUS, {"a": drawn()}), tmp_path / "b", "coco")
    assert (objects_only.objects, objects_only.labelled_pixels) == (1, 0)


def drawn():
    """One object in a corner."""
    mask = np.zeros(SIZE, bool)
    mask[:3, :3] = True
    return objects([mask])


def test_colour_maps_hold_any_classes(tmp_path):
    taxonomy = Taxonomy.from_names(["a", "b", "two words"], kind="stuff")
    classes = np.array([[0, 1, 2], [255, 1, 0]], np.uint8)
    data = dataset_of(taxonomy, {"x_1": Labels((2, 3), class_map=classes)})
    put(data, tmp_path / "a", "camvid")
    assert (tmp_path / "a/label_colors.txt").read_text().count("\n") == 4
    back = read_dataset(tmp_path / "a")
    assert [c.name for c in back.taxonomy] == ["a", "b", "two words", "Void"]
    np.testing.assert_array_equal(back.labels_of(back.samples[0]).class_map, classes)


def test_binary_and_many_class_maps_with_background_survive_bitmaps(tmp_path):
    one = Labels((2, 2), class_map=np.array([[0, 254], [254, 0]], np.uint8))
    put(
        dataset_of(Taxonomy.from_names(["crack"], kind="stuff"), {"a": one}),
        tmp_path / "one",
        "bitmap",
    )
    from maskloom.store.images import read_map

    assert read_map(tmp_path / "one/masks/a.png").tolist() == [[255, 0], [0, 255]]
    np.testing.assert_array_equal(
        read_dataset(tmp_path / "one")
        .labels_of(read_dataset(tmp_path / "one").samples[0])
        .class_map,
        one.class_map,
    )
    many = Labels((2, 2), class_map=np.array([[0, 254], [1, 255]], np.uint8))
    put(
        dataset_of(Taxonomy.from_names(["a", "b"], kind="stuff"), {"a": many}),
        tmp_path / "m",
        "bitmap",
    )
    back = read_dataset(tmp_path / "m")
    np.testing.assert_array_equal(back.labels_of(back.samples[0]).class_map, many.class_map)


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["coco", "objects"]), st.booleans())
def test_any_overlapping_masks_with_holes_and_parts_are_exact(seed, fmt, polygon):
    labels = random_objects(np.random.default_rng(seed), overlap=True)
    options = {"segmentation": "polygon"} if polygon and fmt == "coco" else {}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "out")
        put(dataset_of(NUCLEUS, {"a": labels}), target, fmt, **options)
        back = read_dataset(target)
        assert back.labels_of(back.samples[0]).rows.masks == labels.rows.masks


def test_objects_without_pixels_and_images_without_objects_survive(tmp_path):
    nothing = np.zeros(SIZE, bool)
    some = nothing.copy()
    some[3, 4] = True
    empty = Labels(SIZE, rows=objects([some]).rows.take(slice(0, 0)))
    data = dataset_of(NUCLEUS, {"a": objects([some, nothing]), "b": empty})
    for fmt in ("coco", "objects"):
        put(data, tmp_path / fmt, fmt)
        back = read_dataset(tmp_path / fmt)
        assert [len(labels.rows) for _, labels in back] == [2, 0]
        assert back.labels_of(back.samples[1]).size == SIZE


def test_a_bitmap_holds_more_than_255_objects(tmp_path):
    ids = np.zeros((20, 30), np.int64)
    ids.ravel()[:] = np.arange(600)
    masks, _ = Masks.from_id_map(ids)
    from maskloom.core.labels import Rows

    labels = Labels((20, 30), rows=Rows.make(masks, np.zeros(599)))
    put(dataset_of(NUCLEUS, {"a": labels}), tmp_path / "a", "bitmap")
    back = read_dataset(tmp_path / "a")
    assert back.labels_of(back.samples[0]).rows.masks == masks


def test_more_than_65535_objects_are_refused_with_their_number_where_maps_are_png(tmp_path):
    from maskloom.core.labels import Rows

    masks, _ = Masks.from_id_map(np.arange(1, 257 * 256 + 1).reshape(257, 256))
    labels = Labels((257, 256), rows=Rows.make(masks, np.zeros(len(masks))))
    data, parquet = dataset_of(NUCLEUS, {"a": labels}), load_format("parquet")
    options = parquet.WriteOptions(layout="pictures", images="none")
    done = transfer(data, tmp_path / "a", parquet, options=options)
    assert [(loss.kind, loss.objects) for loss in done.refused] == [("ids", 65792)]
    assert not (tmp_path / "a").exists()
    assert transfer(data, tmp_path / "a", load_format("bitmap")).written
    back = tifffile.imread(tmp_path / "a/masks/a.tif")
    assert np.array_equal(back, np.arange(1, 257 * 256 + 1).reshape(257, 256))


def test_the_order_of_files_does_not_change_a_byte(nuclei, tmp_path):
    from dataclasses import replace

    turned = replace(nuclei, samples=nuclei.samples[::-1])
    for fmt in OBJECT_FORMATS:
        put(nuclei, tmp_path / fmt, fmt)
        put(turned, tmp_path / f"{fmt}2", fmt)
        assert folder_bytes(tmp_path / fmt) == folder_bytes(tmp_path / f"{fmt}2")
