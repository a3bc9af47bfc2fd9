from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import DataError, FormatError, WriteError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import read_map, write_png

from .conftest import dataset_of, folder_bytes
from .test_nifti import exact, put, save
from .volumes import OBLIQUE, ORGANS, classes, torture, volumes_of

nib = pytest.importorskip("nibabel", reason="needs the extra medical")
SIZE = (2, 3, 4)
BRATS = {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing": [3]}


def raw(root, labels, arrays, *, ending=".nii.gz", channels=1, tail="Tr", **more):
    """An nnU-Net folder as its documentation describes it."""
    for key, array in arrays.items():
        save(root / f"labels{tail}/{key}{ending}", array)
        for i in range(channels):
            image = np.full(array.shape, i, np.float32)
            save(root / f"images{tail}/{key}_{i:04d}{ending}", image)
    names = {str(i): f"seq{i}" for i in range(channels)}
    data = {"channel_names": names, "labels": labels, "numTraining": len(arrays)}
    (root / "dataset.json").write_text(json.dumps({**data, "file_ending": ending, **more}))
    return root


def first(path, **more):
    data = read_dataset(path, **more)
    return data.labels_of(data.samples[0])


def stored(path):
    return np.asarray(nib.load(path).dataobj).transpose(2, 1, 0)


def brats(seed=0):
    """Regions that lie in each other, as rows of planes."""
    values = np.random.default_rng(seed).integers(0, 4, (5, 6, 7)).astype(np.uint8)
    values[2] = 0
    return values


def test_volumes_come_back_exactly_and_the_bytes_are_stable(tmp_path):
    labels = {f"p{i}": classes(torture(seed=i)) for i in range(4)}
    splits = {"train": ("p0", "p1"), "val": ("p2",), "test": ("p3",)}
    exact(volumes_of(ORGANS, labels, splits=splits), tmp_path / "a", to="nnunet")
    assert detect_format(tmp_path / "a").name == "nnunet"
    back = read_dataset(tmp_path / "a")
    assert dict(back.splits) == splits
    assert {s.key: s.image.affine for s in back.samples} == dict.fromkeys(labels, OBLIQUE)
    exact(back, tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    data = json.loads((tmp_path / "a/dataset.json").read_text())
    assert data["labels"] == {"background": 0, "liver": 1, "spleen": 2, "tumour": 3}
    assert (data["numTraining"], data["file_ending"]) == (3, ".nii.gz")
    assert (tmp_path / "a/labelsTs/p3.nii.gz").is_file()
    values = stored(tmp_path / "a/labelsTr/p0.nii.gz")
    assert np.array_equal(values, np.where(torture() == 254, 0, torture() + 1))


def test_void_is_the_ignore_label_with_the_highest_number(tmp_path):
    pixels = torture()
    pixels[1] = 255
    exact(volumes_of(ORGANS, {"a": classes(pixels)}), tmp_path / "a", to="nnunet")
    data = json.loads((tmp_path / "a/dataset.json").read_text())
    assert data["labels"]["ignore"] == 4
    assert (stored(tmp_path / "a/labelsTr/a.nii.gz")[1] == 4).all()
    assert np.array_equal(first(tmp_path / "a").class_map, pixels)
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_regions_are_classes_that_overlap(tmp_path):
    values = brats()
    root = raw(
        tmp_path / "in",
        BRATS,
        {"a": values},
        channels=4,
        regions_class_order=[1, 2, 3],
        licence="x",
    )
    data = read_dataset(root)
    labels = data.labels_of(data.samples[0])
    assert [c.name for c in data.taxonomy] == ["whole tumor", "tumor core", "enhancing"]
    for i, own in enumerate(BRATS.values()):
        if i:
            rows = labels.rows.take(labels.rows.category == i - 1)
            found = class_map(Labels(values.shape, rows=rows), data.taxonomy) == i - 1
            assert np.array_equal(found, np.isin(values, own))
    done = exact(data, tmp_path / "a", to="nnunet")
    assert done.objects == 3
    assert np.array_equal(stored(tmp_path / "a/labelsTr/a.nii.gz"), values)
    again = json.loads((tmp_path / "a/dataset.json").read_text())
    assert (again["labels"], again["regions_class_order"], again["licence"]) == (
        BRATS,
        [1, 2, 3],
        "x",
    )
    assert sorted(p.name for p in (tmp_path / "a/imagesTr").iterdir()) == [
        f"a_{i:04d}.nii.gz" for i in range(4)
    ]
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_regions_with_an_ignore_label(tmp_path):
    values = brats()
    values[4] = 4
    root = raw(
        tmp_path / "in", {**BRATS, "ignore": 4}, {"a": values}, regions_class_order=[1, 2, 3]
    )
    data = read_dataset(root)
    exact(data, tmp_path / "a", to="nnunet")
    assert np.array_equal(stored(tmp_path / "a/labelsTr/a.nii.gz"), values)
    assert (class_map(data.labels_of(data.samples[0]), data.taxonomy)[4] == 255).all()


def overlapping():
    """Two classes that share voxels in a plane, one alone in another."""
    a, b = np.zeros((4, 5), bool), np.zeros((4, 5), bool)
    a[:3], b[2:] = True, True
    masks = Masks.from_dense([a, b, b])
    rows = Rows.make(masks, [0, 1, 1], instance=[1, 2, 2], plane=[0, 0, 2])
    return Labels((3, 4, 5), rows=rows)


def test_overlaps_are_a_loss_unless_written_as_regions(tmp_path):
    two = Taxonomy((Category("a", "a", "stuff"), Category("b", "b", "stuff")))
    data = volumes_of(two, {"x": overlapping()})
    done = put(data, tmp_path / "no", to="nnunet")
    assert [(loss.kind, loss.pixels) for loss in done.losses] == [("overlap", 5)]
    exact(data, tmp_path / "a", to="nnunet", regions=True)
    listed = json.loads((tmp_path / "a/dataset.json").read_text())
    used = sorted(
        {n for name, own in listed["labels"].items() if name != "background" for n in own}
    )
    assert used == [1, 2, 3]
    assert len(listed["regions_class_order"]) == 2
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_a_combination_of_regions_without_a_number_is_a_loss(tmp_path):
    root = raw(tmp_path / "in", BRATS, {"a": brats()}, regions_class_order=[1, 2, 3])
    data = read_dataset(root)
    lone = Labels(
        (5, 6, 7), rows=Rows.make(Masks.from_dense(np.ones((1, 6, 7), bool)), [2], instance=[3])
    )
    from dataclasses import replace

    done = put(replace(data, labels_of=lambda s: lone), tmp_path / "a", to="nnunet")
    assert [(loss.kind, loss.pixels) for loss in done.losses] == [("overlap", 42)]


@pytest.mark.parametrize("ending", [".png", ".tif", ".bmp"])
def test_images_of_two_dimensions(tmp_path, ending):
    values = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    root = tmp_path / "in"
    for folder, name, array in (("labelsTr", "a", values), ("imagesTr", "a_0000", values * 9)):
        (root / folder).mkdir(parents=True)
        from PIL import Image

        Image.fromarray(array).save(root / folder / f"{name}{ending}")
    data = {"channel_names": {"0": "gray"}, "labels": {"background": 0, "x": 1, "y": 2}}
    (root / "dataset.json").write_text(
        json.dumps({**data, "numTraining": 1, "file_ending": ending})
    )
    assert detect_format(root).name == "nnunet"
    assert first(root).class_map.tolist() == [[254, 0, 1], [1, 0, 254]]
    if ending == ".bmp":
        return
    exact(read_dataset(root), tmp_path / "a", to="nnunet")
    assert np.array_equal(read_map(tmp_path / "a/labelsTr/a.png"), values)
    assert np.array_equal(read_map(tmp_path / "a/imagesTr/a_0000.png"), values * 9)
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_colour_images_stay_one_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 3, (24, 32)).astype(np.uint8)
    data = dataset_of(ORGANS, {"a": classes(pixels)}, tmp_path / "photos")
    exact(data, tmp_path / "a", to="nnunet")
    listed = json.loads((tmp_path / "a/dataset.json").read_text())
    assert listed["channel_names"] == {"0": "R", "1": "G", "2": "B"}
    assert listed["file_ending"] == ".png"
    assert [p.name for p in (tmp_path / "a/imagesTr").iterdir()] == ["a_0000.png"]


def test_a_volume_of_several_channels_becomes_one_file_each(tmp_path):
    image = tmp_path / "x.nii.gz"
    array = np.random.default_rng(0).normal(size=(4, 3, 2, 3)).astype(np.float32)
    nib.save(nib.Nifti1Image(array, np.array(OBLIQUE)), image)
    labels = {"x": classes(np.zeros(SIZE, np.uint8))}
    exact(volumes_of(ORGANS, labels, images={"x": image}), tmp_path / "a", to="nnunet")
    for i in range(3):
        part = nib.load(tmp_path / f"a/imagesTr/x_{i:04d}.nii.gz")
        assert np.array_equal(np.asarray(part.dataobj), array[..., i])
        assert np.allclose(part.affine, OBLIQUE)


def test_nrrd_is_written_where_asked(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
    exact(
        volumes_of(ORGANS, {"a": classes(torture())}), tmp_path / "a", to="nnunet", ending=".nrrd"
    )
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a/labelsTr/a.nrrd")))
    assert np.array_equal(values, np.where(torture() == 254, 0, torture() + 1))
    assert read_dataset(tmp_path / "a").samples[0].image.affine == OBLIQUE


@pytest.mark.parametrize("ending", [".nii", ".mha"])
def test_other_endings_of_its_documentation_are_written_and_read(tmp_path, ending):
    sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
    image = np.random.default_rng(0).normal(size=SIZE[::-1]).astype(np.float32)
    nib.save(nib.Nifti1Image(image, np.array(OBLIQUE)), tmp_path / "x.nii.gz")
    pixels = np.random.default_rng(1).integers(0, 3, SIZE).astype(np.uint8)
    data = volumes_of(ORGANS, {"x": classes(pixels)}, images={"x": tmp_path / "x.nii.gz"})
    exact(data, tmp_path / "a", to="nnunet", ending=ending)
    listed = json.loads((tmp_path / "a/dataset.json").read_text())
    assert listed["file_ending"] == ending
    for name, values in (
        (f"labelsTr/x{ending}", pixels + 1),
        (f"imagesTr/x_0000{ending}", image.T),
    ):
        stored = sitk.ReadImage(str(tmp_path / "a" / name))
        assert np.array_equal(sitk.GetArrayFromImage(stored), values)
        origin = np.array(stored.GetOrigin()) * [-1, -1, 1]
        assert np.allclose(origin, np.array(OBLIQUE)[:3, 3])
    back = read_dataset(tmp_path / "a")
    assert back.samples[0].image.affine == OBLIQUE
    exact(back, tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    exact(back, tmp_path / "c", to="nnunet", ending=".nii.gz")
    exact(read_dataset(tmp_path / "c"), tmp_path / "d", to="nifti")


def tiff_volumes(root, values, images, *, ending=".tif", **more):
    """As nnU-Net's Tiff3DIO writes and reads them."""
    for folder, name, array in (("labelsTr", "x", values), ("imagesTr", "x_0000", images)):
        (root / folder).mkdir(parents=True)
        tifffile.imwrite(root / folder / f"{name}{ending}", array, compression="zlib")
        (root / folder / "x.json").write_text('{"spacing": [2.5, 0.5, 0.75]}')
    data = {"channel_names": {"0": "em"}, "labels": {"background": 0, "a": 1, "b": 2}}
    said = {**data, "numTraining": 1, "file_ending": ending, **more}
    (root / "dataset.json").write_text(json.dumps(said))
    return root


@pytest.mark.parametrize("ending", [".tif", ".tiff"])
@pytest.mark.parametrize("more", [{}, {"overwrite_image_reader_writer": "Tiff3DIO"}])
def test_volumes_in_tiff_are_read_and_written_with_their_spacing(tmp_path, ending, more):
    rng = np.random.default_rng(0)
    size = SIZE if more else (5, 6, 7)  # columns like channels of colour, where it is said
    values = rng.integers(0, 3, size).astype(np.uint8)
    images = rng.integers(0, 60000, size).astype(np.uint16)
    data = read_dataset(tiff_volumes(tmp_path / "in", values, images, ending=ending, **more))
    sample = data.samples[0]
    assert (sample.kind, sample.image.spacing) == ("volume", (2.5, 0.5, 0.75))
    found = data.labels_of(sample).class_map
    assert np.array_equal(found, np.where(values == 0, 254, values - 1))
    exact(data, tmp_path / "a", to="nnunet")
    assert np.array_equal(tifffile.imread(tmp_path / f"a/labelsTr/x{ending}"), values)
    assert np.array_equal(tifffile.imread(tmp_path / f"a/imagesTr/x_0000{ending}"), images)
    said = json.loads((tmp_path / "a/dataset.json").read_text())
    assert said["overwrite_image_reader_writer"] == "Tiff3DIO"
    for folder in ("labelsTr", "imagesTr"):
        spacing = json.loads((tmp_path / "a" / folder / "x.json").read_text())
        assert spacing == {"spacing": [2.5, 0.5, 0.75]}
    back = read_dataset(tmp_path / "a")
    exact(back, tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    exact(back, tmp_path / "c", to="nifti")
    image = nib.load(tmp_path / "c/images/x.nii.gz")
    assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), images)
    assert image.header.get_zooms() == pytest.approx((0.75, 0.5, 2.5))


def test_tiff_volumes_have_no_place_in_the_world_and_no_single_plane(tmp_path):
    labels = {"a": classes(torture()), "b": classes(torture(seed=1))}
    splits = {"train": ("a",), "test": ("b",)}
    done = put(volumes_of(ORGANS, labels), tmp_path / "no", to="nnunet", ending=".tif")
    assert [loss.kind for loss in done.refused] == ["affine"]
    data = volumes_of(ORGANS, labels, affine=(), splits=splits)
    exact(data, tmp_path / "a", to="nnunet", ending=".tif")
    assert (tmp_path / "a/labelsTs/b.tif").is_file()
    flat = {"a": classes(np.zeros((1, 3, 4), np.uint8))}
    with pytest.raises(WriteError, match="one plane"):
        put(volumes_of(ORGANS, flat, affine=()), tmp_path / "b", to="nnunet", ending=".tif")


@pytest.mark.parametrize("text", ["[]", "{", '{"spacing": [1, 2]}', '{"spacing": [1, 2, -3]}'])
def test_a_wrong_spacing_beside_a_tiff_volume_is_one_error(tmp_path, text):
    values = np.zeros((5, 6, 7), np.uint8)
    root = tiff_volumes(tmp_path / "in", values, values)
    (root / "labelsTr/x.json").write_text(text)
    with pytest.raises(FormatError, match="spacing") as caught:
        read_dataset(root)
    assert "x.json" in str(caught.value)
    (root / "labelsTr/x.json").unlink()
    raw = (root / "labelsTr/x.tif").read_bytes()
    for cut in (4, len(raw) // 2, len(raw) - 9):
        (root / "labelsTr/x.tif").write_bytes(raw[:cut])
        with pytest.raises(DataError, match=r"x\.tif"):
            first(root)


def listed(root, **changes):
    """Cases that dataset.json names, two channels each, as BraTS has them."""
    cases = {}
    for i, key in enumerate(("one", "two")):
        save(root / f"{key}/seg.nii.gz", np.full(SIZE, i, np.uint8))
        for k, name in enumerate(("t1", "flair")):
            save(root / f"{key}/{name}.nii.gz", np.full(SIZE, 10 * i + k, np.float32))
        images = [f"{key}/t1.nii.gz", f"{key}/flair.nii.gz"]
        cases[key] = {"images": images, "label": f"{key}/seg.nii.gz"}
    data = {"channel_names": {"0": "t1", "1": "flair"}, "labels": {"background": 0, "a": 1}}
    said = {**data, "numTraining": 2, "file_ending": ".nii.gz", "dataset": {**cases, **changes}}
    (root / "dataset.json").write_text(json.dumps(said))
    return root


def test_cases_that_dataset_json_lists_are_read_and_written_into_its_folders(tmp_path):
    root = listed(tmp_path / "in")
    assert detect_format(root).name == "nnunet"
    data = read_dataset(root)
    assert [s.key for s in data.samples] == ["one", "two"]
    exact(data, tmp_path / "a", to="nnunet")
    assert "dataset" not in json.loads((tmp_path / "a/dataset.json").read_text())
    assert (stored(tmp_path / "a/imagesTr/two_0001.nii.gz") == 11).all()
    assert (stored(tmp_path / "a/labelsTr/two.nii.gz") == 1).all()
    (root / "one/t1.nii.gz").unlink()
    assert "1 of 2 images are missing, first 'one'" in " ".join(read_dataset(root).warnings)


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"images": ["one/t1.nii.gz"], "label": "../x.nii.gz"}, "leads out|out of"),
        ({"images": ["/etc/passwd"], "label": "one/seg.nii.gz"}, "leads out|out of"),
        ({"images": ["one/t1.nii.gz"], "label": "no.nii.gz"}, "not there"),
        ({"images": ["one/t1.nii.gz", "two/t1.nii.gz"], "label": "one/seg.nii.gz"}, "folders"),
        ({"images": [], "label": "one/seg.nii.gz"}, "a list of images"),
        ({"images": "one/t1.nii.gz", "label": "one/seg.nii.gz"}, "a list of images"),
        ({"images": [1], "label": "one/seg.nii.gz"}, "a list of images"),
        ([], "a list of images"),
    ],
)
def test_a_wrong_list_of_cases_is_one_error(tmp_path, entry, what):
    with pytest.raises(DataError, match=what):
        read_dataset(listed(tmp_path, one=entry), "nnunet")


def test_images_and_volumes_do_not_go_into_one_data_set(tmp_path):
    labels = {"a": classes(torture()), "b": classes(np.zeros((3, 4), np.uint8))}
    with pytest.raises(WriteError, match=r"one file ending"):
        put(volumes_of(ORGANS, labels), tmp_path / "a", to="nnunet")


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        ({"background": 0, "a": 1, "b": 1}, "two labels share a number"),
        ({"background": 0, "a": -1}, "whole number"),
        ({"background": 0, "a": "1"}, "whole number"),
        ({"background": 0, "a": []}, "whole number"),
        ({"background": 0, "a": True}, "whole number"),
        ({"background": 1, "a": 2}, "background is 0"),
        ({"background": 0, "a": 0}, "0"),
        ({"background": 0, "a": 3, "ignore": 2}, "ignore is the highest number"),
        ({"background": 0, "a": [1, 2], "ignore": 2}, "ignore is the highest number"),
        ([1], "no labels"),
    ],
)
def test_a_wrong_dataset_json_is_one_error(tmp_path, labels, what):
    root = raw(tmp_path, labels, {"a": np.ones(SIZE, np.uint8)})
    with pytest.raises(FormatError, match=what) as caught:
        first(root)
    assert "dataset.json" in str(caught.value)


def test_numbers_that_dataset_json_lacks_are_refused(tmp_path):
    for labels in ({"background": 0, "a": 1}, {"background": 0, "a": [1, 2]}):
        root = raw(tmp_path / str(len(str(labels))), labels, {"a": np.full(SIZE, 7, np.uint8)})
        with pytest.raises(FormatError, match="does not have"):
            first(root)


def test_unlabelled_and_missing_images_are_counted(tmp_path):
    root = raw(
        tmp_path / "in", {"background": 0, "a": 1}, {k: np.ones(SIZE, np.uint8) for k in "xy"}
    )
    (root / "imagesTr/y_0000.nii.gz").unlink()
    save(root / "imagesTs/z_0000.nii.gz", np.zeros(SIZE, np.float32))
    warnings = " ".join(read_dataset(root).warnings)
    assert "1 of 2 images are missing, first 'y'" in warnings
    assert "1 images have no labels" in warnings


def test_the_older_dataset_json_is_left_to_nifti(tmp_path):
    root = raw(tmp_path, {"0": "background", "1": "a"}, {"a": np.ones(SIZE, np.uint8)})
    data = json.loads((root / "dataset.json").read_text())
    del data["file_ending"]
    (root / "dataset.json").write_text(json.dumps(data))
    assert detect_format(root).name == "nifti"
    with pytest.raises(FormatError, match="--from nifti"):
        read_dataset(root, "nnunet")


def test_samples_of_folders_go_into_one_folder_under_their_own_names(tmp_path):
    labels = {f"{folder}/{name}": classes(torture()) for folder, name in (("x", "a"), ("y", "b"))}
    splits = {"train": ("x/a",), "test": ("y/b",)}
    exact(volumes_of(ORGANS, labels, splits=splits), tmp_path / "a", to="nnunet")
    assert (tmp_path / "a/labelsTr/a.nii.gz").is_file()
    assert dict(read_dataset(tmp_path / "a").splits) == {"train": ("a",), "test": ("b",)}
    twice = {key: classes(torture()) for key in ("x/a", "y/a")}
    with pytest.raises(WriteError, match="two samples would have one name"):
        put(volumes_of(ORGANS, twice), tmp_path / "b", to="nnunet")


def test_instances_become_classes_only_as_a_loss(tmp_path, nuclei):
    done = transfer(nuclei, tmp_path / "a", load_format("nnunet"))
    assert [loss.kind for loss in done.losses] == ["instances"]


@pytest.mark.shared
def test_the_hippocampus_goes_to_nnunet_and_back(shared, tmp_path):
    data = read_dataset(shared / "hippocampus_msd")
    exact(data, tmp_path / "a", to="nnunet")
    back = read_dataset(tmp_path / "a")
    exact(back, tmp_path / "b", to="nifti")
    for sample in data.samples:
        old = nib.load(shared / f"hippocampus_msd/labels/{sample.key}.nii.gz")
        new = nib.load(tmp_path / f"b/labels/{sample.key}.nii.gz")
        assert np.array_equal(np.asarray(old.dataobj), np.asarray(new.dataobj))
        assert np.array_equal(old.affine, new.affine)
        image = nib.load(tmp_path / f"b/images/{sample.key}.nii.gz")
        source = nib.load(shared / f"hippocampus_msd/images/{sample.key}.nii.gz")
        assert np.array_equal(np.asarray(image.dataobj), np.asarray(source.dataobj))


def test_a_side_file_keeps_kinds_and_colours(tmp_path):
    taxonomy = Taxonomy(
        (Category("car", "Car", "stuff", (1, 2, 3)), Category("void", "void", void=True))
    )
    data = volumes_of(taxonomy, {"a": classes(np.zeros(SIZE, np.uint8))})
    exact(data, tmp_path / "a", to="nnunet")
    car, void = read_dataset(tmp_path / "a").taxonomy
    assert (car.key, car.color, car.name) == ("car", (1, 2, 3), "Car")
    assert (void.key, void.name, void.void) == ("void", "void", True)


def test_labels_as_png_need_no_images(tmp_path):
    write_png(tmp_path / "labelsTr/a.png", np.ones((3, 4), np.uint8))
    data = {"channel_names": {"0": "R"}, "labels": {"background": 0, "x": 1}, "file_ending": ".png"}
    (tmp_path / "dataset.json").write_text(json.dumps(data))
    assert (first(tmp_path).class_map == 0).all()
