"""Open Images: tables of masks and boxes; masks of another size than their images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maskloom.core.labels import RowKind
from maskloom.errors import FormatError, ImageError, UsageError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import write_png

from .conftest import write_photo
from .torture import hard_masks

MASKS = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
BOXES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,"
    "IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)
LABELS = "ImageID,Source,LabelName,Confidence"
MASK_ROW = "a_m01_1.png,a,/m/01,1,0.1,0.6,0.25,0.75,0.9,"
BOX_ROW = "a,xclick,/m/01,1,0.1,0.6,0.25,0.75,1,0,0,-1,0"


def put(root, masks=(MASK_ROW,), boxes=(BOX_ROW,), labels=(), mask=None, size=(48, 64)):
    folder = root / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    for name, header, rows in (
        ("train-annotations-object-segmentation", MASKS, masks),
        ("oidv6-train-annotations-bbox", BOXES, boxes),
        ("train-annotations-human-imagelabels", LABELS, labels),
    ):
        if rows:
            (folder / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "class-descriptions.csv").write_text("/m/01,Cat\n/m/02,Dog\n/m/03,cat\n")
    write_photo(root / "images/train/a.png", size)
    mask = hard_masks()["ring"] if mask is None else mask
    (root / "masks/train").mkdir(parents=True, exist_ok=True)
    write_png(root / "masks/train/a_m01_1.png", mask)
    return root


def rows_of(root):
    data = read_dataset(root, "openimages")
    return data.labels_of(data.samples[0]).rows


def test_a_mask_and_its_box_are_one_object(tmp_path):
    assert detect_format(put(tmp_path)).name == "openimages"
    data = read_dataset(tmp_path)
    assert data.splits == {"train": ("a",)}
    labels = data.labels_of(data.samples[0])
    np.testing.assert_array_equal(labels.rows.masks.decode()[0], hard_masks()["ring"])
    assert data.taxonomy[labels.rows.category[0]].name == "Cat"
    assert labels.rows.attributes[0] == {
        "IsOccluded": True,
        "IsTruncated": False,
        "IsInside": False,
    }
    assert labels.rows.source[0]["bbox"] == [6.4, 12, 32, 24]
    assert labels.rows.source[0]["PredictedIoU"] == "0.9"


def test_boxes_without_a_mask_stay_boxes_and_groups_are_crowds(tmp_path):
    put(tmp_path, boxes=(BOX_ROW, "a,xclick,/m/02,1,0,0.5,0,0.5,-1,-1,1,-1,-1"))
    rows = rows_of(tmp_path)
    assert rows.kind.tolist() == [RowKind.MASK, RowKind.BOX]
    assert rows.crowd.tolist() == [False, True]
    assert rows.geometry[1].parts[0].tolist() == [[0, 0], [32, 24]]


@pytest.mark.parametrize("size", [(48, 64), (96, 128), (24, 32), (51, 40), (1, 1)])
def test_masks_of_another_size_take_the_nearest_pixel_and_say_so(tmp_path, size):
    mask = hard_masks()["two holes"]
    put(tmp_path, mask=mask, size=size)
    data = read_dataset(tmp_path)
    assert any("1 masks are scaled" in w for w in data.warnings)
    rows = data.labels_of(data.samples[0]).rows
    for y in range(size[0]):
        for x in range(size[1]):
            row, column = int((y + 0.5) * 48 / size[0]), int((x + 0.5) * 64 / size[1])
            assert rows.masks.dense(0)[y, x] == mask[row, column]
    assert rows.source[0]["mask_size"] == [48, 64]


def test_coverage_is_what_was_drawn_and_what_people_saw_is_absent(tmp_path):
    told = ("a,verification,/m/02,0", "a,verification,/m/03,1", "b,verification,/m/03,0")
    data = read_dataset(put(tmp_path, labels=told))
    names = {c.key: c.name for c in data.taxonomy}
    found = data.labels_of(data.samples[0]).coverage.categories
    assert {names[key] for key in found} == {"Cat", "Dog"}
    assert list(names.values()) == ["Cat", "Dog", "cat"]


def test_it_becomes_coco_with_its_losses_told(tmp_path):
    data = read_dataset(put(tmp_path / "src"))
    done = transfer(data, tmp_path / "a.json", load_format("coco"))
    assert [loss.kind for loss in done.refused] == ["coverage"]
    done = transfer(data, tmp_path / "lvis.json", load_format("lvis"))
    assert (done.written, done.exact_objects, done.changed_pixels) == (True, 1, 0)
    with pytest.raises(UsageError, match="only read"):
        transfer(data, tmp_path / "oi", load_format("openimages"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (MASK_ROW.replace("0.6", "nan"), "line 2, BoxXMax: a coordinate is a fraction"),
        (MASK_ROW.replace("0.6", "640"), "line 2, BoxXMax: a coordinate is a fraction"),
        (MASK_ROW.replace("a_m01_1", "none"), "the mask is not there"),
        (MASK_ROW.replace("a_m01_1", "../../../x"), "leads out of the data's folder"),
        ("a_m01_1.png,a,/m/01,1,0.1", "no BoxYMin"),
        ("a_m01_1.png,a", "no LabelName"),
        ('a_m01_1.png,"a', "the table cannot be read"),
    ],
)
def test_damage_is_one_error_with_its_place(tmp_path, row, said):
    with pytest.raises(FormatError, match=said):
        rows_of(put(tmp_path, masks=(row,), boxes=()))


def test_bad_rows_can_be_left_out(tmp_path):
    bad = MASK_ROW.replace("0.6", "6")
    data = read_dataset(put(tmp_path, masks=(MASK_ROW, bad), boxes=()), skip_bad=True)
    assert len(data.labels_of(data.samples[0]).rows) == 1
    assert any("1 invalid annotation was left out" in w for w in data.warnings)


def test_a_mask_that_is_no_image_or_too_large_is_one_error(tmp_path):
    put(tmp_path)
    file = tmp_path / "masks/train/a_m01_1.png"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(ImageError, match="a_m01_1"):
        rows_of(tmp_path)


def test_images_named_outside_are_not_followed(tmp_path):
    write_photo(tmp_path / "x.png", (48, 64))
    put(tmp_path / "in", masks=(), boxes=(BOX_ROW.replace("a,xclick", "../x,xclick"),))
    data = read_dataset(tmp_path / "in", "openimages")
    assert data.samples[0].image.path is None
    assert any("lead out" in w for w in data.warnings)


@pytest.mark.shared
def test_the_conformance_set_is_read(shared):
    root = shared / "conformance/datumaro/open_images_dataset/v6"
    assert detect_format(root).name == "openimages"
    data = read_dataset(root)
    found = {sample.key: labels for sample, labels in data}
    assert sorted(found) == ["a", "b", "c", "d"]
    assert data.splits == {"train": ("a", "b"), "val": ("d",), "test": ("c",)}
    assert [len(found[key].rows) for key in "abcd"] == [0, 1, 1, 0]
    assert found["a"].coverage.nothing
    stored = np.asarray(Image.open(root / "masks/train/b_m0_01234567.png"))
    np.testing.assert_array_equal(found["b"].rows.masks.dense(0), stored)
    box = found["c"].rows
    assert (box.kind.tolist(), box.crowd.tolist()) == ([RowKind.BOX], [True])
    assert box.attributes[0]["IsOccluded"] is True
    np.testing.assert_allclose(box.geometry[0].parts[0], [[3.5, 0], [4, 5]])


@pytest.mark.shared
def test_the_conformance_set_of_v5_is_images_without_labels(shared):
    root = shared / "conformance/datumaro/open_images_dataset/v5"
    assert detect_format(root).name == "openimages"
    data = read_dataset(root)
    assert data.splits == {"train": ("aa",), "test": ("cc",)}
    assert [c.name for c in data.taxonomy] == ["Generic label #0", "Generic label #1"]
    for sample, labels in data:
        assert sample.image.path.name == f"{sample.key}.jpg"
        assert len(labels.rows) == 0
        assert labels.coverage.nothing


IMAGES = "ImageID,Subset,OriginalURL,Rotation"


def test_listed_pictures_in_which_nothing_is_drawn_are_unlabelled(tmp_path):
    put(tmp_path, labels=("b,verification,/m/02,0", "b,verification,/m/01,1", "x,v,/m/02,0"))
    write_photo(tmp_path / "images/validation/b.png", (8, 9))
    write_photo(tmp_path / "images/train/unlisted.png", (8, 9))
    rows = (IMAGES, "a,train,u,0", "b,validation,u,", "gone,test,u,0", "")
    (tmp_path / "image_ids_and_rotation.csv").write_text("\n".join(rows))
    data = read_dataset(tmp_path)
    assert data.splits == {"train": ("a",), "val": ("b",)}
    (bare,) = (labels for sample, labels in data if sample.key == "b")
    assert (bare.size, len(bare.rows)) == ((8, 9), 0)
    # Dogs were looked for; cats are there, but nobody drew them.
    assert {c.name for c in data.taxonomy if c.key in bare.coverage.categories} == {"Dog"}
    assert any("without a picture" in text for text in data.warnings)


def test_a_table_of_images_alone_is_one_only_beside_names_of_classes(tmp_path):
    write_photo(tmp_path / "images/train/a.png", (8, 9))
    (tmp_path / "train-images.csv").write_text(f"{IMAGES}\na,train,u,0\n")
    with pytest.raises(FormatError, match="no labels of a known format"):
        read_dataset(tmp_path)
    (tmp_path / "class-descriptions.csv").write_text("/m/01,Cat\n")
    ((sample, labels),) = read_dataset(tmp_path)
    assert (sample.key, len(labels.rows), labels.coverage.nothing) == ("a", 0, True)


def test_of_two_classes_of_one_name_the_second_gets_its_label_besides(tmp_path):
    root = put(tmp_path)
    for file in root.rglob("*class-descriptions*"):
        file.write_text(file.read_text().replace("/m/03,cat", "/m/03,Cat"))
    assert "Cat (/m/03)" in [c.name for c in read_dataset(root).taxonomy]
