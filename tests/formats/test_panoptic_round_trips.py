"""Holes, parts, lines, crowds, void and touching objects through every pair of formats."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskloom.core.labels import VOID, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, SIZE, dataset_of, folder_bytes

FORMATS = ("coco-panoptic", "voc", "coco", "bitmap")
CLASSES = Taxonomy(
    (
        Category("cat", "cat", "thing"),
        Category("sky", "sky", "stuff"),
        Category("road", "road", "stuff"),
    )
)


def torture_ids():
    """An id per pixel of (24, 32): 0 nothing; every shape that conversions are known to break."""
    ids = np.full(SIZE, 1)
    ids[2:12, 2:12] = 2
    ids[4:10, 4:10] = 1  # a hole, through which the surroundings are seen
    ids[6, 6] = 2  # and in it a part that touches nothing
    ids[14, :] = 3  # a line of one pixel from edge to edge
    np.fill_diagonal(ids[15:, 15:], 4)  # parts that meet at corners only
    ids[:10, 20:25], ids[:10, 25:30] = 5, 6  # two that share a border
    ids[23, 0] = 7  # one pixel in a corner
    ids[20:22, 2:9] = 8  # where a crowd is, in the labels that have one
    return ids


def torture(*, void=False, crowd=False, classes=False):
    """Labels of those ids: one category, or things on two kinds of stuff."""
    ids = torture_ids()
    coverage = Coverage()
    if void:
        ids[16:19, :3], ids[0, 31] = 0, 0
        coverage = Coverage(area=Masks.from_dense(ids > 0))
    masks, found = Masks.from_id_map(ids, background=0)
    category = [{1: 1, 3: 2}.get(i, 0) if classes else 0 for i in found.tolist()]
    rows = Rows.make(masks, category, instance=found, crowd=crowd & (found == 8))
    return Labels(SIZE, rows=rows, coverage=coverage)


def put(dataset, dst, to, *, allow_loss=False):
    done = transfer(dataset, dst, load_format(to), allow_loss=allow_loss)
    assert done.written, done.losses
    return done


def same_objects(one, two):
    """Equal masks under equal names, in any order."""
    sides = []
    for data in (one, two):
        labels = data.labels_of(data.samples[0])
        names = [data.taxonomy[c].name for c in labels.rows.category]
        found = [
            (name, labels.rows.masks[i].to_coco(0)["counts"], bool(labels.rows.crowd[i]))
            for i, name in enumerate(names)
        ]
        sides.append((sorted(found), class_map(labels, data.taxonomy).tolist()))
    assert sides[0] == sides[1]


@pytest.mark.parametrize("first", FORMATS)
@pytest.mark.parametrize("second", FORMATS)
def test_objects_that_fill_the_image_pass_every_pair_unchanged(tmp_path, first, second):
    data = dataset_of(NUCLEUS, {"a/b": torture()}, tmp_path / "photos", {"val": ("a/b",)})
    for source, target, fmt in ((None, "a", first), ("a", "b", second), ("b", "c", first)):
        given_ = data if source is None else read_dataset(tmp_path / source)
        done = put(given_, tmp_path / target, fmt)
        assert (done.changed_pixels, done.exact_objects, done.objects) == (0, 8, 8)
        assert detect_format(tmp_path / target).name == fmt
    back = read_dataset(tmp_path / "c")
    same_objects(data, back)
    assert back.splits == {"val": (back.samples[0].key,)}
    assert back.samples[0].image.path.read_bytes() == data.samples[0].image.path.read_bytes()
    # Maps of objects are TIFF where ids, those of a panoptic map, need 32 bit.
    a, c = ({name.replace(".tif", ".png") for name in folder_bytes(tmp_path / n)} for n in "ac")
    assert a == c


@pytest.mark.parametrize("first", ["coco-panoptic", "voc", "coco"])
@pytest.mark.parametrize("second", ["coco-panoptic", "voc", "coco"])
def test_things_on_stuff_pass_every_pair_that_holds_objects_of_classes(tmp_path, first, second):
    data = dataset_of(CLASSES, {"a": torture(classes=True)}, tmp_path / "photos")
    put(data, tmp_path / "a", first)
    put(read_dataset(tmp_path / "a"), tmp_path / "b", second)
    assert put(read_dataset(tmp_path / "b"), tmp_path / "c", first).changed_pixels == 0
    back = read_dataset(tmp_path / "c")
    same_objects(data, back)
    assert [c.kind for c in back.taxonomy] == ["thing", "stuff", "stuff"]


@pytest.mark.parametrize("first", ["coco-panoptic", "voc"])
@pytest.mark.parametrize("second", ["coco-panoptic", "voc"])
def test_void_passes_where_it_has_a_value(tmp_path, first, second):
    data = dataset_of(CLASSES, {"a": torture(void=True, classes=True)}, tmp_path / "photos")
    put(data, tmp_path / "a", first)
    put(read_dataset(tmp_path / "a"), tmp_path / "b", second)
    same_objects(data, read_dataset(tmp_path / "b"))
    put(read_dataset(tmp_path / "b"), tmp_path / "c", first)
    same_objects(data, read_dataset(tmp_path / "c"))


@pytest.mark.parametrize(
    ("fmt", "told"),
    [
        ("coco-panoptic", {}),
        ("voc", {"crowd": (1, 14)}),
        ("coco", {"coverage": (0, 0)}),
        ("bitmap", {"instances": (6, 0), "crowd": (1, 14)}),
    ],
)
def test_what_is_lost_of_everything_at_once_is_told_exactly(tmp_path, fmt, told):
    labels = torture(void=True, crowd=True, classes=True)
    data = dataset_of(CLASSES, {"a": labels}, tmp_path / "photos")
    done = transfer(data, tmp_path / "o", load_format(fmt))
    assert {x.kind: (x.objects, x.pixels) for x in done.losses} == told
    assert done.written == (not told)
    if told:
        assert not (tmp_path / "o").exists()
        put(data, tmp_path / "o", fmt, allow_loss=True)
    back = read_dataset(tmp_path / "o")
    seen = [class_map(d.labels_of(d.samples[0]), d.taxonomy) for d in (data, back)]
    names = [[c.name for c in d.taxonomy] for d in (data, back)]
    void = [view == VOID for view in seen]
    if fmt != "coco":
        np.testing.assert_array_equal(*void)
    for i, name in enumerate(names[0]):
        np.testing.assert_array_equal(seen[0] == i, seen[1] == names[1].index(name))


@pytest.mark.parametrize("first", ["coco-panoptic", "voc", "bitmap"])
@pytest.mark.parametrize("second", ["coco-panoptic", "voc", "bitmap"])
def test_class_maps_of_stuff_with_void_pass_every_pair(tmp_path, first, second):
    taxonomy = Taxonomy.from_names(["sky", "road", "grass"], kind="stuff")
    classes = np.random.default_rng(3).integers(0, 3, SIZE).astype(np.uint8)
    classes[:3, :5] = VOID
    data = dataset_of(taxonomy, {"a": Labels(SIZE, class_map=classes)}, tmp_path / "photos")
    put(data, tmp_path / "a", first)
    put(read_dataset(tmp_path / "a"), tmp_path / "b", second)
    put(read_dataset(tmp_path / "b"), tmp_path / "c", first)
    back = read_dataset(tmp_path / "c")
    assert [c.name for c in back.taxonomy] == ["sky", "road", "grass"]
    found = class_map(back.labels_of(back.samples[0]), back.taxonomy)
    np.testing.assert_array_equal(found, classes)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["coco-panoptic", "voc"]))
def test_any_segments_with_any_void_come_back(seed, fmt):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, rng.integers(1, 40) + 1, (rng.integers(1, 20), rng.integers(1, 20)))
    masks, found = Masks.from_id_map(ids, background=0)
    coverage = Coverage(area=Masks.from_dense(ids > 0)) if (ids == 0).any() else Coverage()
    rows = Rows.make(masks, np.zeros(len(found)), instance=found)
    data = dataset_of(NUCLEUS, {"a": Labels(ids.shape, rows=rows, coverage=coverage)})
    with tempfile.TemporaryDirectory() as folder:
        done = put(data, Path(folder, "o"), fmt)
        assert done.changed_pixels == 0
        # Ids are given anew: told where they are not those that a reader counts.
        counted = found.tolist() == list(range(1, len(found) + 1))
        assert [told.kind for told in done.losses] == ([] if counted else ["numbers"])
        same_objects(data, read_dataset(Path(folder, "o")))
