"""Labels and images that belong together by names of two endings, or nearly."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import FormatError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.image_kinds import full_ending, ome_part
from maskloom.store.images import read_image, write_png
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_

SIZE = (12, 16)
CHANNELS = np.random.default_rng(5).integers(0, 999, (5, *SIZE)).astype(np.uint16)
IDS = np.random.default_rng(6).integers(0, 3, SIZE).astype(np.uint8)


def ome(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, CHANNELS, ome=True, metadata={"axes": "CYX"}, photometric="minisblack")


def ids(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        write_png(path, IDS)
    else:
        tifffile.imwrite(path, IDS)


def class_map(data):
    return data.labels_of(data.samples[0]).class_map


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.tiff", ".OME.TIF"])
@pytest.mark.parametrize(("mask", "key"), [("a.png", "a"), ("a.tif", "a"), ("a_mask.png", "a")])
def test_an_ome_tiff_is_the_image_of_the_map_of_its_name(tmp_path, ending, mask, key):
    ome(tmp_path / "in" / "images" / f"a{ending}")
    ids(tmp_path / "in" / "masks" / mask)
    assert detect_format(tmp_path / "in").name == "bitmap"
    data = read_dataset(tmp_path / "in")
    assert [s.key for s in data.samples] == [key]
    assert not any("missing" in w or "no labels" in w for w in data.warnings)
    assert (class_map(data) == IDS).all()
    assert (read_image(data.samples[0].image.path) == CHANNELS.transpose(1, 2, 0)).all()
    assert transfer(data, tmp_path / "out", load_format("bitmap")).written
    assert (tmp_path / "out" / "images" / f"a{ending}").is_file()
    back = read_dataset(tmp_path / "out")
    assert [s.key for s in back.samples] == [key]
    assert back.samples[0].image.path.name == f"a{ending}"
    assert (class_map(back) == IDS).all()


def test_keys_with_ome_stay_what_they_were(tmp_path):
    ome(tmp_path / "in" / "images" / "a.ome.tif")
    ids(tmp_path / "in" / "masks" / "a.ome.png")
    data = read_dataset(tmp_path / "in")
    assert [s.key for s in data.samples] == ["a.ome"]
    assert transfer(data, tmp_path / "out", load_format("bitmap")).written
    names = sorted(p.name for p in (tmp_path / "out").rglob("a.*"))
    assert names == ["a.ome.png", "a.ome.tif"]
    assert [s.key for s in read_dataset(tmp_path / "out").samples] == ["a.ome"]


def test_a_plainer_image_goes_before_an_ome_tiff(tmp_path):
    ome(tmp_path / "images" / "a.ome.tif")
    ids(tmp_path / "images" / "a.png")
    ids(tmp_path / "masks" / "a.png")
    data = read_dataset(tmp_path)
    assert [s.image.path.name for s in data.samples] == ["a.png"]
    assert "1 images have no labels and are left out" in data.warnings


@pytest.mark.parametrize("name", ["coco", "voc", "yolo", "labelme", "objects"])
def test_keys_survive_formats_that_name_images_by_the_key(tmp_path, name):
    ome(tmp_path / "in" / "images" / "a.ome.tif")
    ids(tmp_path / "in" / "masks" / "a.png")
    data = read_dataset(tmp_path / "in")
    done = transfer(data, tmp_path / "out", load_format(name), allow_loss=True)
    assert done.written
    (sample,) = read_dataset(tmp_path / "out", name).samples
    assert sample.key == "a"
    assert (read_image(sample.image.path) == CHANNELS.transpose(1, 2, 0)).all()


def test_an_imported_copy_keeps_its_ending(tmp_path):
    ome(tmp_path / "in" / "images" / "a.ome.tif")
    ids(tmp_path / "in" / "masks" / "a.png")
    import_(tmp_path / "in", tmp_path / "project", copy=True)
    with Project.open(tmp_path / "project") as project:
        (sample,) = project.dataset().samples
    assert (sample.key, sample.image.path.name) == ("a", "a.ome.tif")


def test_endings(tmp_path):
    assert ome_part(tmp_path / "a.ome.tif") == ".ome"
    assert ome_part(tmp_path / "a.ome.png") == ome_part(tmp_path / "a.tif") == ""
    assert full_ending(tmp_path / "x.1.tif", "x.1") == ".tif"
    assert full_ending(tmp_path / "x.OME.tif", "x") == ".OME.tif"
    assert full_ending(tmp_path / "x.ome.tif", "x.ome") == ".tif"


@pytest.mark.parametrize("fmt", [None, "bitmap"])
def test_names_that_do_not_match_are_told(tmp_path, fmt):
    ids(tmp_path / "images" / "a_photo.png")
    ids(tmp_path / "masks" / "a_mask.png")
    with pytest.raises(FormatError) as caught:
        read_dataset(tmp_path, fmt)
    assert "the names in images and masks do not match" in str(caught.value)
    assert "a_photo.png and a_mask.png" in str(caught.value)
    settings = ["masks=masks", "images=images", "suffix=_mask", "image_suffix=_photo"]
    data = read_dataset(tmp_path, "bitmap", settings=settings)
    assert [(s.key, s.image.path.name) for s in data.samples] == [("a", "a_photo.png")]


@pytest.mark.parametrize("split", ["", "train"])
def test_an_image_of_a_kind_that_is_not_read_is_named(tmp_path, split):
    ids(tmp_path / "masks" / split / "a.png")
    picture = tmp_path / "images" / split / "a.gif"
    picture.parent.mkdir(parents=True)
    Image.fromarray(IDS).save(picture)
    (picture.parent / "a.json").write_text("{}")
    data = read_dataset(tmp_path, "bitmap")
    (told,) = (w for w in data.warnings if "missing" in w)
    assert told.startswith("1 of 1 images are missing, first ")
    assert f"{picture} is there, but GIF is not read" in told
    assert told.endswith("convert it to PNG")


def test_an_ome_tiff_counts_as_labelled_in_other_layouts_too(tmp_path):
    for name, labels in (("voc", "SegmentationClass"), ("camvid", "labels")):
        root = tmp_path / name
        ome(root / ("JPEGImages" if name == "voc" else "images") / "a.ome.tif")
        ids(root / labels / "a.png")
        if name == "camvid":
            (root / "label_colors.txt").write_text("0 0 0 void\n1 1 1 one\n2 2 2 two\n")
        data = read_dataset(root, name)
        assert [(s.key, s.image.path.name) for s in data.samples] == [("a", "a.ome.tif")], name
        assert not any("left out" in w or "missing" in w for w in data.warnings), name


def test_voc_names_it_too(tmp_path):
    ids(tmp_path / "SegmentationClass" / "a.png")
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "a.gif").write_bytes(b"GIF89a")
    told = " ".join(read_dataset(tmp_path, "voc").warnings)
    assert "1 of 1 images are missing, first 'a': " in told
    assert "GIF is not read" in told


def test_an_image_that_is_nowhere_is_only_missing(tmp_path):
    ids(tmp_path / "masks" / "a.png")
    (tmp_path / "images").mkdir()
    assert "1 of 1 images are missing, first 'a'" in read_dataset(tmp_path, "bitmap").warnings
