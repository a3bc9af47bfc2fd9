"""Pictures that lie on their side: labels are of the upright picture, in every format.

label-studio#6608, coco-annotator#228, ultralytics#19222: masks of turned pictures were stored
for the picture as it lies in the file, and shown on the upright one.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maskloom import registry
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import instance_rows
from maskloom.errors import FormatError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.shared.maps import size_of
from maskloom.formats.transfer import transfer
from maskloom.store.images import read_image

from .matrix_probes import GROUND, grounded, rows

WRITTEN = [
    name for name in registry.FORMATS if load_format(name).written and 2 in load_format(name).dims
]
SIZE = (24, 36)  # upright
UNDO = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
"""Orientation → Pillow's transposition of the upright picture to the stored one."""


def upright_picture():
    """A red corner and a green one, the rest blue: only upright is it itself."""
    pixels = np.zeros((*SIZE, 3), np.uint8)
    pixels[..., 2] = 255
    pixels[:8, :8] = 255, 0, 0
    pixels[-8:, :8] = 0, 255, 0
    return pixels


def object_mask():
    """The red corner."""
    mask = np.zeros(SIZE, bool)
    mask[:8, :8] = True
    return mask


def turned(path, orientation, suffix):
    picture = Image.fromarray(upright_picture())
    if UNDO[orientation] is not None:
        picture = picture.transpose(Image.Transpose(UNDO[orientation]))
    exif = Image.Exif()
    exif[274] = orientation
    more = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(suffix, {})
    picture.save(path, exif=exif, **more)


def data_of(form, path):
    mask = object_mask()
    labels = Labels(SIZE, rows=rows([mask]))
    categories = (Category("cell", "cell", "thing"),)
    if form != "objects":
        labels, categories = grounded(labels), (*categories, GROUND)
    sample = Sample("a", ImageRef(path, SIZE))
    return Dataset(Taxonomy(categories), (sample,), lambda _: labels, name="turned")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "tif", "webp"])
def test_every_format_labels_the_upright_picture(tmp_path, orientation, suffix):
    path = tmp_path / f"a.{suffix}"
    turned(path, orientation, suffix)
    if suffix == "jpg":
        with Image.open(path) as picture:
            assert picture.size[::-1] == (SIZE if orientation < 5 else SIZE[::-1])
    seen = 0
    for name in WRITTEN:
        fmt = load_format(name)
        for form in ("objects", "objects on ground"):
            target = tmp_path / f"{name} {form}"
            done = transfer(data_of(form, path), target, fmt, allow_loss=form != "objects")
            if done.written:
                break
        back = read_dataset(target, name)
        (sample,) = back.samples
        labels = back.labels_of(sample)
        assert labels.size == SIZE, name
        found = instance_rows(labels)
        masks = [found.masks.dense(i) for i in range(len(found))]
        assert any(np.array_equal(mask, object_mask()) for mask in masks), name
        if sample.image.path is not None:
            seen += 1
            assert size_of(sample) == SIZE, name
            pixels = read_image(sample.image.path)[..., :3].astype(int)
            assert pixels[object_mask()][:, 0].min() > 200, name
            assert pixels[~object_mask()][:, 0].max() < 60, name
    assert seen > len(WRITTEN) / 2


@pytest.mark.parametrize("suffix", ["jpg", "tif", "webp"])
@pytest.mark.parametrize("name", ["coco", "voc", "labelme"])
def test_sizes_of_the_stored_picture_are_refused_with_the_orientation_as_reason(
    tmp_path, name, suffix
):
    path = tmp_path / f"a.{suffix}"
    turned(path, 1, suffix)
    fmt = load_format(name)
    assert transfer(data_of("objects", path), tmp_path / "out", fmt).written
    stored = next((tmp_path / "out").rglob(f"a.{suffix}"))
    with Image.open(stored) as picture:
        picture.load()
        lying = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    for orientation in (6, 1):  # with a tag, and lying without a word
        exif[274] = orientation
        upright = picture if orientation == 6 else lying
        upright.save(stored, exif=exif)
        with pytest.raises(FormatError) as caught:
            list(read_dataset(tmp_path / "out", name))
        said = "EXIF orientation turns it to 24 × 36 px" in str(caught.value)
        assert said == (orientation == 6)
        assert ("--images ROOT" in str(caught.value)) == said
