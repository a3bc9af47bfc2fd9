from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as oracle

from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError, ImageError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import read_map, write_png

from .conftest import dataset_of, objects, write_photo

# pycocotools converts arrays in a way that numpy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def dot(y, x, size=(4, 5)):
    mask = np.zeros(size, bool)
    mask[y, x] = True
    return mask


def save(path, mask):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, mask)


def test_one_file_is_one_object_and_overlaps_are_kept(tmp_path):
    write_photo(tmp_path / "images/a.png", (4, 5))
    save(tmp_path / "masks/a/x.png", dot(1, 1))
    save(tmp_path / "masks/a/y.png", dot(1, 1) | dot(2, 2))
    data = read_dataset(tmp_path, settings=["category=nucleus"])
    labels = data.labels_of(data.samples[0])
    assert data.taxonomy.keys == ("nucleus",)
    assert labels.rows.masks.areas.tolist() == [1, 2]


def test_the_layout_of_the_challenge_is_read(tmp_path):
    write_photo(tmp_path / "abc/images/abc.png", (4, 5))
    save(tmp_path / "abc/masks/1.png", dot(0, 0))
    data = read_dataset(tmp_path)
    assert data.samples[0].key == "abc"
    assert data.samples[0].image.path == tmp_path / "abc/images/abc.png"
    assert len(data.labels_of(data.samples[0]).rows) == 1


def test_an_image_without_a_folder_is_unlabelled_and_an_empty_folder_is_empty(tmp_path):
    for name in ("a", "b", "c"):
        write_photo(tmp_path / f"images/{name}.png", (4, 5))
    save(tmp_path / "masks/a/x.png", dot(1, 1))
    (tmp_path / "masks/b").mkdir()
    data = read_dataset(tmp_path)
    assert [(s.key, len(labels.rows)) for s, labels in data] == [("a", 1), ("b", 0)]
    assert data.warnings == ("1 images have no labels and are left out",)
    assert len(read_dataset(tmp_path, settings=["empty=true"])) == 3


def test_several_categories_stand_in_the_names(tmp_path):
    taxonomy = Taxonomy.from_names(["cell", "nucleus"])
    labels = objects([dot(0, 0), dot(1, 1), dot(2, 2)], [1, 0, 1])
    transfer(dataset_of(taxonomy, {"a": labels}), tmp_path / "o", load_format("objects"))
    assert sorted(p.name for p in (tmp_path / "o/masks/a").iterdir()) == [
        "0001_nucleus.png",
        "0002_cell.png",
        "0003_nucleus.png",
    ]
    data = read_dataset(tmp_path / "o")
    assert data.labels_of(data.samples[0]).rows.category.tolist() == [1, 0, 1]
    (tmp_path / "o/taxonomy.json").unlink()
    data = read_dataset(tmp_path / "o", "objects", settings=["masks=masks"])
    assert data.taxonomy.keys == ("cell", "nucleus")


def classes_of(root, **settings):
    """File → name of its class, and the warnings."""
    data = read_dataset(root, "objects", settings=[f"{k}={v}" for k, v in settings.items()])
    labels = data.labels_of(data.samples[0])
    names = [data.taxonomy[c].name for c in labels.rows.category.tolist()]
    return names, [mask.nonzero()[0].tolist() for mask in map(labels.rows.masks.dense, range(4))]


def test_categories_are_spelt_as_in_the_names_of_their_files(tmp_path):
    write_photo(tmp_path / "images/a.png", (4, 5))
    files = ["0001_cat", "0002_Dog", "0003_crème brûlée", "0004_-x"]
    for y, name in enumerate(files):
        save(tmp_path / f"masks/a/{name}.png", dot(y, 1))
    data = read_dataset(tmp_path)
    assert data.warnings == ()
    names, rows = classes_of(tmp_path)
    assert (names, rows) == (["cat", "Dog", "crème brûlée", "-x"], [[0], [1], [2], [3]])
    assert transfer(data, tmp_path / "o", load_format("objects")).losses == ()
    assert classes_of(tmp_path / "o") == (names, rows)
    done = json.loads((tmp_path / "o/taxonomy.json").read_text())["categories"]
    assert sorted(one["name"] for one in done) == sorted(names)


def test_masks_that_name_no_category_are_told(tmp_path):
    write_photo(tmp_path / "images/a.png", (4, 5))
    for y, name in enumerate(["0001_cat", "0002_object", "5_a_b", "x"]):
        save(tmp_path / f"masks/a/{name}.png", dot(y, 1))
    data = read_dataset(tmp_path)
    assert data.warnings == (
        "2 masks named otherwise than NUMBER_CATEGORY.png (four digits or more) and taken as "
        "'object': a/5_a_b.png, a/x.png",
    )
    assert sorted(classes_of(tmp_path)[0]) == ["cat", "object", "object", "object"]
    assert sorted(classes_of(tmp_path, category="y")[0]) == ["cat", "object", "y", "y"]


def test_masks_whose_names_nearly_tell_a_category_are_told(tmp_path):
    write_photo(tmp_path / "images/a.png", (4, 5))
    for y, name in enumerate(["1_cat", "2_Dog", "3", "4_7"]):
        save(tmp_path / f"masks/a/{name}.png", dot(y, 1))
    (told,) = read_dataset(tmp_path).warnings
    assert "2 masks" in told
    assert "a/1_cat.png, a/2_Dog.png" in told


def test_two_fitting_folders_are_told_and_the_fuller_one_is_read(tmp_path):
    for name in ("a", "b"):
        write_photo(tmp_path / f"images/{name}.png", (4, 5))
        save(tmp_path / f"fixed/{name}/1.png", dot(1, 1))
    save(tmp_path / "original/a/1.png", dot(2, 2))
    data = read_dataset(tmp_path)
    assert "read fixed out of fixed (2 images), original (1 images)" in data.warnings[0]
    save(tmp_path / "original/b/1.png", dot(2, 2))
    with pytest.raises(FormatError, match="masks=NAME"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path, settings=["masks=original"]).warnings == ()


def test_bad_masks_are_named(tmp_path):
    write_photo(tmp_path / "images/a.png", (4, 5))
    save(tmp_path / "masks/a/1.png", dot(1, 1, (5, 5)))
    data = read_dataset(tmp_path)
    with pytest.raises(FormatError, match=r"1\.png: the mask is 5 × 5 px, its image 5 × 4 px"):
        data.labels_of(data.samples[0])
    save(tmp_path / "masks/a/1.png", np.array([[0, 7, 9, 0, 0]] * 4, np.uint8))
    with pytest.raises(FormatError, match=r"x=1, y=0 \(saw 7\)"):
        data.labels_of(data.samples[0])
    (tmp_path / "masks/a/1.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"1\.png: the image file is empty"):
        data.labels_of(data.samples[0])


@pytest.mark.shared
def test_nuclei_through_coco_and_back_are_bit_identical(shared, tmp_path):
    source = read_dataset(shared / "dsb2018", settings=["category=nucleus"])
    done = transfer(source, tmp_path / "d.json", load_format("coco"))
    assert (done.images, done.objects, done.exact_objects, done.changed_pixels) == (
        40,
        1264,
        1264,
        0,
    )
    written = json.loads((tmp_path / "d.json").read_text())
    per_image = {}
    for entry in written["annotations"]:
        per_image.setdefault(entry["image_id"], []).append(entry)
    again = transfer(
        read_dataset(tmp_path / "d.json", images=shared / "dsb2018/images"),
        tmp_path / "o",
        load_format("objects"),
    )
    assert again.exact_objects == 1264
    for image in written["images"][:12]:
        key = image["file_name"].removesuffix(".png")
        files = sorted((shared / "dsb2018/masks_fixed" / key).glob("*.png"))
        copies = sorted((tmp_path / "o/masks" / key).glob("*.png"))
        entries = per_image.get(image["id"], [])
        assert len(files) == len(copies) == len(entries)
        for file, copy, entry in zip(files, copies, entries, strict=True):
            mask = read_map(file) > 0
            np.testing.assert_array_equal(read_map(copy) > 0, mask)
            np.testing.assert_array_equal(oracle.decode(entry["segmentation"]).astype(bool), mask)
            assert oracle.area(entry["segmentation"]) == entry["area"]
            assert oracle.toBbox(entry["segmentation"]).tolist() == entry["bbox"]
