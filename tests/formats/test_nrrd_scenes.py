"""Folders as Slicer saves scenes: a segmentation lies beside its image, cropped to its segments."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.formats.detect import read_dataset

from .test_nifti import exact

sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
WHOLE = np.zeros((6, 7, 8), np.uint8)
WHOLE[2:4, 3:5, 4:7] = 3
CROP = (slice(1, 5), slice(2, 6), slice(3, 8))
PAIRS = {"Segment0_Name": "a", "Segment0_LabelValue": "3", "Segment0_Layer": "0"}


def write(path, array, first=(0, 0, 0), pairs=None):
    """A volume whose first voxel is that of (z, y, x) of the whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.75, 2.0))
    z, y, x = first
    image.SetOrigin((10 + 0.5 * x, -20 + 0.75 * y, 5 + 2.0 * z))
    for key, text in (pairs or {}).items():
        image.SetMetaData(key, text)
    sitk.WriteImage(image, str(path))


def cropped(path):
    write(path, WHOLE[CROP], (1, 2, 3), PAIRS)


def image(path):
    write(path, WHOLE.astype(np.int16) * 100 - 50)


def stored(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@pytest.mark.parametrize("name", ["c.nrrd", "c.nii.gz", "c.mha"])
@pytest.mark.parametrize("lone", [False, True])
def test_the_image_beside_a_segmentation_is_its_image(tmp_path, name, lone):
    cropped(tmp_path / "in/c.seg.nrrd")
    image(tmp_path / "in" / name)
    image(tmp_path / "in/other.nrrd")
    done = exact(
        read_dataset(tmp_path / "in" / ("c.seg.nrrd" if lone else "")), tmp_path / "out", to="nrrd"
    )
    assert not any("missing" in text for text in done.warnings)
    assert np.array_equal(stored(tmp_path / "out/labels/c.seg.nrrd"), WHOLE)
    assert np.array_equal(stored(tmp_path / "out/images/c.nrrd"), WHOLE.astype(np.int16) * 100 - 50)
    assert [p.name for p in (tmp_path / "out/images").iterdir()] == ["c.nrrd"]


def test_scenes_in_folders_of_their_own_have_their_own_images(tmp_path):
    for folder in ("p1", "p2"):
        cropped(tmp_path / f"in/{folder}/c.seg.nrrd")
        image(tmp_path / f"in/{folder}/c.nrrd")
    exact(read_dataset(tmp_path / "in"), tmp_path / "out", to="nrrd")
    found = sorted(p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.glob("out/*/*/*"))
    assert found == [
        "images/p1/c.nrrd", "images/p2/c.nrrd", "labels/p1/c.seg.nrrd", "labels/p2/c.seg.nrrd",
    ]  # fmt: skip


def test_another_segmentation_is_no_image(tmp_path):
    cropped(tmp_path / "in/c.seg.nrrd")
    write(tmp_path / "in/c.nrrd", WHOLE, pairs=PAIRS)
    data = read_dataset(tmp_path / "in/c.seg.nrrd")
    assert data.samples[0].image.path is None
    assert "1 file beside segmentations was not taken" in " ".join(data.warnings)


def test_a_volume_in_a_folder_of_labels_is_no_image(tmp_path):
    cropped(tmp_path / "in/labels/c.seg.nrrd")
    write(tmp_path / "in/labels/c.nrrd", WHOLE)
    for path in (tmp_path / "in", tmp_path / "in/labels/c.seg.nrrd"):
        assert read_dataset(path, "nrrd").samples[0].image.path is None


def test_a_volume_of_another_grid_is_no_image(tmp_path):
    cropped(tmp_path / "in/c.seg.nrrd")
    write(tmp_path / "in/c.nrrd", WHOLE[:2].astype(np.int16))
    data = read_dataset(tmp_path / "in")
    assert data.samples[0].image.path is None
    assert "c.nrrd: its grid does not hold that" in " ".join(data.warnings)
    exact(data, tmp_path / "out", to="nrrd")
    assert np.array_equal(stored(tmp_path / "out/labels/c.seg.nrrd"), WHOLE[CROP])
