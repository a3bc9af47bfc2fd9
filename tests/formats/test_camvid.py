from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maskloom.core.labels import VOID, Labels
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError, WriteError
from maskloom.formats.camvid.classes import SEGNET
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import read_map, write_png

from .conftest import dataset_of, folder_bytes, write_photo


def segnet(root, values=((0, 11), (3, 8))):
    write_photo(root / "train/0001TP_006690.png", (2, 2))
    (root / "trainannot").mkdir()
    write_png(root / "trainannot/0001TP_006690.png", np.array(values, np.uint8))
    (root / "train.txt").write_text(
        "/SegNet/CamVid/train/0001TP_006690.png /SegNet/CamVid/trainannot/0001TP_006690.png\n"
    )


def test_the_eleven_classes_are_built_in_and_11_is_void(tmp_path):
    segnet(tmp_path)
    data = read_dataset(tmp_path)
    sample = data.samples[0]
    assert (sample.key, sample.group, sample.index) == ("0001TP_006690", "0001TP", 6690)
    assert sample.image.path == tmp_path / "train/0001TP_006690.png"
    assert data.labels_of(sample).class_map.tolist() == [[0, VOID], [3, 8]]
    assert [c.name for c in data.taxonomy][:3] == ["Sky", "Building", "Pole"]
    assert data.taxonomy[11].void
    assert data.splits == {"train": ("0001TP_006690",)}


def test_label_maps_alone_are_enough(tmp_path):
    segnet(tmp_path)
    (tmp_path / "train/0001TP_006690.png").unlink()
    data = read_dataset(tmp_path)
    assert data.warnings == ("1 of 1 images are missing, first '0001TP_006690'",)
    assert data.labels_of(data.samples[0]).size == (2, 2)


def test_an_unknown_id_is_named_with_its_place(tmp_path):
    segnet(tmp_path, [[0, 1], [12, 3]])
    data = read_dataset(tmp_path)
    with pytest.raises(FormatError, match=r"0001TP_006690\.png: .* x=0, y=1 \(saw 12\)"):
        data.labels_of(data.samples[0])


def test_a_list_that_names_an_absent_label_is_refused(tmp_path):
    segnet(tmp_path)
    with (tmp_path / "train.txt").open("a") as file:
        file.write("/SegNet/CamVid/train/x.png /SegNet/CamVid/trainannot/x.png\n")
    with pytest.raises(FormatError, match=r"train\.txt: line 2"):
        read_dataset(tmp_path)


def test_colour_maps_are_read_by_their_table(tmp_path):
    write_photo(tmp_path / "images/Seq05VD_f00000.png", (1, 3))
    (tmp_path / "labels").mkdir()
    colors = np.array([[[64, 0, 128], [0, 0, 0], [128, 128, 128]]], np.uint8)
    write_png(tmp_path / "labels/Seq05VD_f00000_L.png", colors)
    (tmp_path / "label_colors.txt").write_text("64 0 128\t\tCar\n128 128 128 Sky\n0 0 0 Void\n")
    data = read_dataset(tmp_path)
    sample = data.samples[0]
    assert (sample.key, sample.group, sample.index) == ("Seq05VD_f00000", "Seq05VD", 0)
    assert sample.image.path is not None
    assert data.labels_of(sample).class_map.tolist() == [[0, VOID, 1]]
    colors[0, 2] = (1, 1, 1)
    write_png(tmp_path / "labels/Seq05VD_f00000_L.png", colors)
    with pytest.raises(FormatError, match=r"x=2, y=0 \(saw \(1, 1, 1\)\)"):
        data.labels_of(sample)


def test_a_damaged_colour_table_is_named_by_line(tmp_path):
    segnet(tmp_path)
    (tmp_path / "label_colors.txt").write_text("64 0 128 Car\n300 0 0 Sky\n")
    with pytest.raises(FormatError, match="line 2"):
        read_dataset(tmp_path)


@pytest.mark.shared
def test_camvid_to_bitmap_and_back_gives_identical_maps(shared, tmp_path):
    source = read_dataset(shared / "camvid", split="val")
    assert len(source) == 101
    bitmap, camvid = load_format("bitmap"), load_format("camvid")
    none = {"images": "none"}
    transfer(source, tmp_path / "b", bitmap, options=bitmap.WriteOptions(**none))
    transfer(
        read_dataset(tmp_path / "b"), tmp_path / "c", camvid, options=camvid.WriteOptions(**none)
    )
    for sample in source.samples:
        name = f"valannot/{sample.key}.png"
        np.testing.assert_array_equal(
            read_map(tmp_path / "c" / name), read_map(shared / "camvid" / name)
        )


@pytest.mark.shared
def test_camvid_is_read_whole(shared):
    data = read_dataset(shared / "camvid")
    assert {name: len(keys) for name, keys in data.splits.items()} == {"train": 367, "val": 101}
    assert {s.group for s in data.samples} == {"0001TP", "0006R0", "0016E5"}
    assert data.warnings == ()


@pytest.mark.shared
def test_the_colours_of_datumaros_camvid_are_known(shared):
    data = read_dataset(shared / "conformance/datumaro/camvid_dataset")
    names = [
        {data.taxonomy[int(v)].name for v in np.unique(labels.class_map) if v != VOID}
        for _, labels in data
    ]
    assert names[0] == {"Bicyclist", "Road"}
    assert names[1] == {"Animal", "Road", "Sky"}
    assert len(data) == 4


def test_classes_that_are_spelt_otherwise_keep_their_spelling(tmp_path):
    pixels = np.array([[0, 1], [1, 0]], np.uint8)
    names = ["sky", "Car"]
    source = dataset_of(
        Taxonomy.from_names(names, kind="stuff"), {"a": Labels((2, 2), class_map=pixels)}, tmp_path
    )
    fmt = load_format("camvid")
    assert transfer(source, tmp_path / "out", fmt).written
    assert [
        c.name for c in read_dataset(tmp_path / "out", "camvid").taxonomy if not c.void
    ] == names


NAMES = ("a b", "b", "a", "c  d.e", "city one/a b", "city one/b", "x_L", "p.png q", "u\u2028v\x85w")


def test_names_with_blanks_and_folders_pass_the_lists(tmp_path):
    size = (2, 3)
    maps = {key: np.full(size, i, np.uint8) for i, key in enumerate(NAMES)}
    labels = {key: Labels(size, class_map=one) for key, one in maps.items()}
    splits = {"train": tuple(sorted(NAMES[:4])), "val": tuple(sorted(NAMES[4:]))}
    source = dataset_of(SEGNET, labels, tmp_path / "photos", splits)
    assert transfer(source, tmp_path / "out", load_format("camvid")).written
    for split, keys in splits.items():
        lines = (tmp_path / f"out/{split}.txt").read_text().split("\n")[:-1]
        assert sorted(lines) == sorted(f"{split}/{k}.png {split}annot/{k}.png" for k in keys)
        for key in keys:
            with Image.open(tmp_path / f"out/{split}annot/{key}.png") as back:
                assert np.array_equal(np.asarray(back), maps[key])
    back = read_dataset(tmp_path / "out")
    assert {n: set(keys) for n, keys in back.splits.items()} == {
        n: set(k) for n, k in splits.items()
    }
    assert all(sample.image.path.is_file() for sample in back.samples)
    assert transfer(back, tmp_path / "again", load_format("camvid")).written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")


@pytest.mark.parametrize(
    "line",
    [
        "train/a b.png trainannot/a b.png",
        "/SegNet/my sets/train/a b.png /SegNet/my sets/trainannot/a b.png",
        "other one.jpg\ttrainannot/a b.png",
        "trainannot/a b.png",
        "a b.png\r",
    ],
)
def test_a_line_of_a_list_may_hold_blanks_anywhere(tmp_path, line):
    segnet(tmp_path)
    for name in ("a b", "b"):
        write_png(tmp_path / f"trainannot/{name}.png", np.zeros((2, 2), np.uint8))
    (tmp_path / "train.txt").write_text(line + "\n")
    assert [s.key for s in read_dataset(tmp_path).samples] == ["a b"]


def test_a_name_that_no_list_can_hold_is_refused(tmp_path):
    labels = {"a\nb": Labels((1, 1), class_map=np.zeros((1, 1), np.uint8))}
    with pytest.raises(WriteError, match="a line of a list cannot hold this name"):
        transfer(dataset_of(SEGNET, labels), tmp_path / "out", load_format("camvid"))


def test_maps_in_no_list_are_told_apart_from_images_without_a_map(tmp_path):
    segnet(root := tmp_path)
    name = next((root / "trainannot").glob("*.png")).name
    for key in ("extra.png", "bare.png"):
        write_photo(root / "train" / key, (2, 2))
    write_png(root / "trainannot/extra.png", np.zeros((2, 2), np.uint8))
    (root / "train.txt").write_text(f"train/{name} trainannot/{name}\n")
    told = read_dataset(root, "camvid").warnings
    assert "1 images have no labels and are left out" in told
    assert "left out, as no list names it: 1 label map, first trainannot/extra" in told
