"""Pictures for nnU-Net are what its reader takes, judged by Pillow."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import FormatError, WriteError
from maskloom.formats.detect import read_dataset

from .conftest import folder_bytes
from .test_nifti import exact, put
from .volumes import ORGANS, classes, volumes_of

RNG = np.random.default_rng(0)


def data_of(*paths):
    """A data set of images of 4 x 6 pixels, upright."""
    pixels = classes(RNG.integers(0, 3, (4, 6)).astype(np.uint8))
    data = volumes_of(ORGANS, {path.stem: pixels for path in paths}, affine=())
    samples = tuple(Sample(p.stem, ImageRef(p, size=(4, 6)), file_name=p.name) for p in paths)
    return type(data)(ORGANS, samples, lambda s: pixels, {}, name="pictures")


def channels(root):
    return list(json.loads((root / "dataset.json").read_text())["channel_names"].values())


def pictures(root):
    return [np.asarray(Image.open(p)) for p in sorted((root / "imagesTr").iterdir())]


@pytest.mark.parametrize(("count", "dtype"), [(3, "u2"), (5, "u1"), (5, "u2"), (2, "u1")])
def test_what_png_cannot_hold_is_a_grey_file_for_each_channel(tmp_path, count, dtype):
    array = RNG.integers(0, 250, (4, 6, count)).astype(dtype) * np.array(
        257 if dtype == "u2" else 1
    )
    array = array.astype(dtype)
    photometric = "rgb" if count == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "x.tif", array, photometric=photometric, planarconfig="contig")
    exact(data_of(tmp_path / "x.tif"), tmp_path / "a", to="nnunet")
    found = pictures(tmp_path / "a")
    assert len(found) == len(channels(tmp_path / "a")) == count
    for i, one in enumerate(found):
        assert np.array_equal(one, array[..., i])
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")


def test_fractions_are_refused_with_file_and_key(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", RNG.normal(size=(4, 6)).astype(np.float32))
    with pytest.raises(WriteError, match="no float32") as caught:
        put(data_of(tmp_path / "x.tif"), tmp_path / "a", to="nnunet")
    assert "x.tif of x" in str(caught.value)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_png_on_its_side_is_written_upright(tmp_path, mode):
    image = Image.fromarray(RNG.integers(0, 255, (6, 4, 4)).astype(np.uint8), "RGBA").convert(mode)
    exif = Image.Exif()
    exif[274] = 6
    image.save(tmp_path / "x.png", exif=exif)
    exact(data_of(tmp_path / "x.png"), tmp_path / "a", to="nnunet")
    written = Image.open(tmp_path / "a/imagesTr/x_0000.png")
    wanted = ImageOps.exif_transpose(Image.open(tmp_path / "x.png"))
    assert (written.mode, written.size, written.getexif().get(274, 1)) == (mode, (6, 4), 1)
    assert np.array_equal(np.asarray(written), np.asarray(wanted))
    assert len(channels(tmp_path / "a")) == len(mode)


@pytest.mark.parametrize(
    ("mode", "names"), [("L", ["gray"]), ("RGB", list("RGB")), ("RGBA", [*"RGB", "alpha"])]
)
def test_names_of_channels_are_as_many_as_a_picture_has(tmp_path, mode, names):
    array = RNG.integers(0, 255, (4, 6, 4)).astype(np.uint8)
    Image.fromarray(array, "RGBA").convert(mode).save(tmp_path / "x.png")
    exact(data_of(tmp_path / "x.png"), tmp_path / "a", to="nnunet")
    assert (tmp_path / "a/imagesTr/x_0000.png").read_bytes() == (tmp_path / "x.png").read_bytes()
    assert channels(tmp_path / "a") == names


def test_grey_with_alpha_is_two_grey_files(tmp_path):
    array = RNG.integers(0, 255, (4, 6, 2)).astype(np.uint8)
    Image.fromarray(array, "LA").save(tmp_path / "x.png")
    exact(data_of(tmp_path / "x.png"), tmp_path / "a", to="nnunet")
    assert [one.tolist() for one in pictures(tmp_path / "a")] == [
        array[..., i].tolist() for i in range(2)
    ]


def test_different_numbers_of_channels_are_told(tmp_path):
    for name, mode in (("x", "L"), ("y", "RGB")):
        Image.new(mode, (6, 4)).save(tmp_path / f"{name}.png")
    done = exact(data_of(tmp_path / "x.png", tmp_path / "y.png"), tmp_path / "a", to="nnunet")
    assert "different numbers of channels, nnU-Net wants one: 1 in x, 3 in y" in done.warnings[-1]


def labelled(root, array):
    (root / "labelsTr").mkdir(parents=True)
    Image.fromarray(array).save(root / "labelsTr/a.png")
    data = {"channel_names": {"0": "R"}, "labels": {"background": 0, "x": 1}, "file_ending": ".png"}
    (root / "dataset.json").write_text(json.dumps(data))
    return root


def test_labels_that_are_grey_but_stored_in_colours_are_read(tmp_path):
    values = RNG.integers(0, 2, (4, 6)).astype(np.uint8)
    data = read_dataset(labelled(tmp_path / "in", np.stack([values] * 3, -1)))
    assert np.array_equal(data.labels_of(data.samples[0]).class_map == 0, values == 1)
    colored = np.zeros((4, 6, 3), np.uint8)
    colored[..., 0] = values
    data = read_dataset(labelled(tmp_path / "no", colored))
    with pytest.raises(FormatError, match="in colours") as caught:
        data.labels_of(data.samples[0])
    assert "a.png" in str(caught.value)


def masks(root, values, voids):
    """A mask with numbers, beside a taxonomy with void classes from 2 on."""
    for folder, pixels in (("masks", values), ("images", values * 9)):
        (root / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(root / folder / "m.png")
    listed = [{"id": 0, "name": "bg"}, {"id": 1, "name": "road"}]
    listed += [{"id": n, "name": name, "void": True} for n, name in enumerate(voids, start=2)]
    (root / "taxonomy.json").write_text(json.dumps({"categories": listed}))
    return read_dataset(root, "bitmap")


def void_names(root):
    listed = json.loads((root / "taxonomy.json").read_text())["categories"]
    return [one["name"] for one in listed if one.get("void")]


def test_the_name_of_the_void_class_comes_back(tmp_path):
    values = RNG.integers(0, 3, (8, 9)).astype(np.uint8)
    exact(masks(tmp_path / "in", values, ["ego"]), tmp_path / "n", to="nnunet")
    labels = json.loads((tmp_path / "n/dataset.json").read_text())["labels"]
    assert labels == {"background": 0, "bg": 1, "road": 2, "ignore": 3}
    stored = np.asarray(Image.open(tmp_path / "n/labelsTr/m.png"))
    assert np.array_equal(stored == 3, values == 2)
    back = read_dataset(tmp_path / "n")
    assert [(c.name, c.void) for c in back.taxonomy][-1] == ("ego", True)
    exact(back, tmp_path / "b", to="bitmap")
    assert void_names(tmp_path / "b") == ["ego"]
    exact(back, tmp_path / "again", to="nnunet")
    assert folder_bytes(tmp_path / "n") == folder_bytes(tmp_path / "again")


def test_void_classes_that_become_one_are_told(tmp_path):
    values = RNG.integers(0, 4, (8, 9)).astype(np.uint8)
    done = exact(masks(tmp_path / "in", values, ["ego", "static"]), tmp_path / "n", to="nnunet")
    told = {loss.kind: loss for loss in done.losses}["void_classes"]
    assert (told.named, told.pixels) == ("of images: ego, static", int((values > 1).sum()))
    assert void_names(tmp_path / "n") == ["ignore"]
