from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from maskloom.core.labels import BACKGROUND, VOID
from maskloom.errors import FormatError, UsageError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.shared.mat_files import MAX_BYTES
from maskloom.formats.transfer import transfer

from .conftest import write_photo

FIRST = np.array([[1, 1, 2], [1, 3, 2]], np.uint16)
SECOND = np.array([[1, 1, 1], [2, 2, 2]], np.uint16)
CRACK = np.array([[1, 2, 1], [1, 1, 2]], np.uint8)


def photo(path):
    write_photo(path.with_suffix(".png"), (2, 3))
    path.with_suffix(".png").rename(path)


def berkeley(root, maps=(FIRST, SECOND), place="train/12003", **options):
    photo(root / f"images/{place}.jpg")
    cell = np.empty((1, len(maps)), object)
    for i, values in enumerate(maps):
        cell[0, i] = {"Segmentation": values, "Boundaries": np.zeros((2, 3), np.uint8)}
    path = root / f"groundTruth/{place}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"groundTruth": cell}, **options)
    return root


def cracks(root, values=CRACK, name="001"):
    photo(root / f"image/{name}.jpg")
    (root / "groundTruth").mkdir(exist_ok=True)
    savemat(root / f"groundTruth/{name}.mat", {"groundTruth": {"Segmentation": values}})
    return root


def one(data):
    return data.labels_of(data.samples[0])


@pytest.mark.parametrize("packed", [False, True])
def test_the_regions_of_each_person_are_objects_that_cover_the_image(tmp_path, packed):
    data = read_dataset(berkeley(tmp_path, do_compression=packed))
    assert detect_format(tmp_path).name == "bsds"
    assert data.splits == {"train": ("12003",)}
    labels = one(data)
    assert labels.rows.instance.tolist() == [1, 2, 3]
    assert labels.rows.masks.areas.tolist() == [3, 2, 1]
    assert labels.coverage.full
    assert "annotator 1 of 2 to 2 an image" in data.warnings[0]
    other = one(read_dataset(tmp_path, settings=["annotator=2"]))
    assert other.rows.masks.areas.tolist() == [3, 3]


def test_images_that_a_person_has_not_parted_are_left_out_and_counted(tmp_path):
    berkeley(tmp_path)
    berkeley(tmp_path, (FIRST,), place="val/100")
    data = read_dataset(tmp_path, settings=["annotator=2"])
    assert [s.key for s in data.samples] == ["12003"]
    assert "1 images have no annotator 2 and are left out" in data.warnings
    with pytest.raises(UsageError, match="There are up to 2"):
        read_dataset(tmp_path, settings=["annotator=3"])
    with pytest.raises(UsageError, match="count from 1"):
        read_dataset(tmp_path, settings=["annotator=0"])


def test_the_folders_of_the_archive_are_found(tmp_path):
    berkeley(tmp_path / "BSDS500/data")
    assert detect_format(tmp_path).name == "bsds"
    assert len(read_dataset(tmp_path)) == 1
    assert read_dataset(tmp_path).samples[0].image.path.is_file()


def test_cracks_are_class_maps_with_background(tmp_path):
    data = read_dataset(cracks(tmp_path / "a"))
    assert detect_format(tmp_path / "a").name == "crackforest"
    assert one(data).class_map.tolist() == [
        [BACKGROUND, 0, BACKGROUND],
        [BACKGROUND, BACKGROUND, 0],
    ]
    done = transfer(data, tmp_path / "b", load_format("bitmap"))
    assert (done.written, done.losses, done.changed_pixels) == (True, (), 0)
    cracks(tmp_path / "c", np.array([[1, 2, 4]] * 2, np.uint8))
    with pytest.raises(FormatError, match=r"001\.mat: .*x=2, y=0 \(saw 4\)"):
        one(read_dataset(tmp_path / "c"))
    labels = one(read_dataset(tmp_path / "c", skip_bad=True))
    assert labels.class_map[0].tolist() == [BACKGROUND, 0, VOID]
    assert labels.extra["notes"] == ("2 px of unknown classes are left out",)


def test_objects_of_other_formats_keep_every_region(tmp_path):
    data = read_dataset(berkeley(tmp_path / "a"))
    done = transfer(data, tmp_path / "b", load_format("coco"))
    assert (done.written, done.losses, done.exact_objects) == (True, (), 3)
    for name in ("bsds", "crackforest"):
        with pytest.raises(UsageError, match=f"{name} is only read"):
            transfer(data, tmp_path / "c", load_format(name))


def mat(*parts):
    """A file of version 5 from (kind, bytes) of its parts."""
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return head + b"".join(struct.pack("<II", kind, len(data)) + data for kind, data in parts)


def zeros(count):
    """Zeros, packed."""
    stream = zlib.compressobj()
    block = bytes(1 << 20)
    return b"".join(stream.compress(block) for _ in range(count >> 20)) + stream.flush()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not a MATLAB file"),
        (b"MATLAB 7.3 MAT-file, HDF5", "with -v7"),
        (b"MATLAB 5.0 MAT-file", "not a MATLAB file"),
        (mat((15, b"nothing")), "the MATLAB file is damaged"),
        (mat((14, b"abcdefgh" * 4)), "the MATLAB file is damaged"),
    ],
)
def test_a_damaged_file_is_one_error_with_its_name_and_can_be_left_out(tmp_path, data, told):
    berkeley(tmp_path)
    berkeley(tmp_path, place="train/200")
    (tmp_path / "groundTruth/train/200.mat").write_bytes(data)
    with pytest.raises(FormatError, match=told) as caught:
        read_dataset(tmp_path)
    assert "200.mat" in caught.value.message
    data = read_dataset(tmp_path, skip_bad=True)
    assert [s.key for s in data.samples] == ["12003"]
    assert data.warnings[0].startswith("1 image was left out, first: ")


def test_a_file_that_unpacks_beyond_memory_is_refused_before_it_does(tmp_path):
    berkeley(tmp_path)
    file = tmp_path / "groundTruth/train/12003.mat"
    file.write_bytes(mat((15, zeros(MAX_BYTES + (1 << 20)))))
    assert file.stat().st_size < 1 << 20
    with pytest.raises(FormatError, match="it unpacks to more than"):
        read_dataset(tmp_path, "bsds")


def test_a_truncated_file_is_named(tmp_path):
    berkeley(tmp_path)
    file = tmp_path / "groundTruth/train/12003.mat"
    body = file.read_bytes()
    for length in range(130, len(body) - 8, 40):
        file.write_bytes(body[:length])
        with pytest.raises(FormatError, match=r"12003\.mat"):
            one(read_dataset(tmp_path, "bsds"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.array([[1.5, 2]]), "whole numbers"),
        (np.array([[np.nan, 2]]), "whole numbers"),
        (np.zeros((2, 3, 2), np.uint8), r"not \(H, W\)"),
        (np.zeros((3, 3), np.uint8), "the mask is 3 × 3 px, its image 3 × 2"),
        (np.full((2, 3), -1, np.int16), "count from 1"),
        ("text", "no map Segmentation"),
    ],
)
def test_what_is_no_segmentation_is_named(tmp_path, values, told):
    with pytest.raises(FormatError, match=told) as caught:
        one(read_dataset(berkeley(tmp_path, (values,)), "bsds"))
    assert "12003.mat" in caught.value.message


def test_a_struct_is_no_cell_and_another_variable_none(tmp_path):
    cracks(tmp_path / "a")
    with pytest.raises(FormatError, match="no cell of segmentations"):
        read_dataset(tmp_path / "a", "bsds")
    cracks(tmp_path / "b")
    savemat(tmp_path / "b/groundTruth/001.mat", {"other": 3})
    with pytest.raises(FormatError, match=r"no variable groundTruth \(saw 'other'\)"):
        one(read_dataset(tmp_path / "b", "crackforest"))
    with pytest.raises(FormatError, match="no folder groundTruth"):
        read_dataset(tmp_path, "crackforest")


@pytest.mark.shared
def test_real_segmentations_are_those_of_the_files(shared):
    root = shared / "bsds500"
    assert detect_format(root).name == "bsds"
    data = read_dataset(root)
    assert {k: len(v) for k, v in data.splits.items()} == {"train": 8, "val": 5}
    assert all(s.image.path.is_file() for s in data.samples)
    seen = 0
    for file in sorted((root / "groundTruth").rglob("*.mat")):
        cell = loadmat(file, squeeze_me=True)["groundTruth"]
        for n, element in enumerate(np.atleast_1d(cell), 1):
            values = element["Segmentation"].item()
            own = read_dataset(root, settings=[f"annotator={n}"])
            sample = next(s for s in own.samples if s.key == file.stem)
            rows = own.labels_of(sample).rows
            found = np.zeros(values.shape, np.int64)
            rows.masks.paint(found, rows.instance)
            np.testing.assert_array_equal(found, values)
            seen += 1
    assert seen == 71


@pytest.mark.shared
def test_real_cracks_are_those_of_the_files(shared):
    root = shared / "crackforest"
    assert detect_format(root).name == "crackforest"
    data = read_dataset(root)
    assert len(data) == 10
    for sample, labels in data:
        values = loadmat(root / f"groundTruth/{sample.key}.mat", squeeze_me=True)["groundTruth"]
        np.testing.assert_array_equal(labels.class_map == 0, values["Segmentation"].item() == 2)
        assert (labels.class_map != VOID).all()
