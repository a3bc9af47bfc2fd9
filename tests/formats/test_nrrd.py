from __future__ import annotations

import bz2
import gzip

import numpy as np
import pytest

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import DataError, FormatError
from maskloom.formats.detect import detect_format, read_dataset
from maskloom.store.nrrd import read_nrrd, write_nrrd
from maskloom.store.volumes import volume_header

from .conftest import folder_bytes
from .test_nifti import exact, put
from .volumes import CELL, OBLIQUE, ORGANS, cells, classes, oblique, torture, volumes_of

sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
TWO = Taxonomy((Category("a", "a", "stuff"), Category("b", "b", "stuff")))


def header(path, text, data=b"\0" * 24):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() + b"\n\n" + data)
    return path


def text(**changes):
    fields = {
        "type": "uchar",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "4 3 2",
        "space directions": "(1,0,0) (0,1,0) (0,0,1)",
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(0,0,0)",
    }
    fields |= {key.replace("_", " "): value for key, value in changes.items()}
    return "\n".join(["NRRD0004", *(f"{k}: {v}" for k, v in fields.items() if v is not None)])


def overlapping(size=(3, 4, 5)):
    """Three objects, of which two share voxels, over several planes."""
    a, b, c = (np.zeros(size[1:], bool) for _ in range(3))
    a[:3], b[2:], c[0, :2] = True, True, True
    masks = Masks.from_dense([a, b, b, c])
    return Labels(
        size, rows=Rows.make(masks, [0, 1, 1, 0], instance=[1, 2, 2, 3], plane=[0, 0, 2, 1])
    )


def one(path, **more):
    data = read_dataset(path, **more)
    return data.labels_of(data.samples[0])


@pytest.mark.parametrize("affine", [OBLIQUE, oblique(), oblique(-0.7), ()])
def test_class_volumes_come_back_voxel_by_voxel_and_byte_by_byte(tmp_path, affine):
    labels = {f"p{i}": classes(torture(seed=i)) for i in range(3)}
    splits = {"train": ("p0", "p1"), "val": ("p2",)}
    exact(volumes_of(ORGANS, labels, affine=affine, splits=splits), tmp_path / "a", to="nrrd")
    assert detect_format(tmp_path / "a").name == "nrrd"
    back = read_dataset(tmp_path / "a")
    assert dict(back.splits) == splits
    assert back.samples[0].image.affine == affine
    exact(back, tmp_path / "b", to="nrrd")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_objects_that_overlap_are_segments_in_layers(tmp_path):
    data = volumes_of(TWO, {"x": overlapping()})
    done = exact(data, tmp_path / "a", to="nrrd")
    assert done.objects == 3
    back = read_dataset(tmp_path / "a")
    assert [c.key for c in back.taxonomy] == ["a", "b"]
    exact(back, tmp_path / "b", to="nrrd")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    image = sitk.ReadImage(str(tmp_path / "a/labels/x.seg.nrrd"))
    layers = sitk.GetArrayFromImage(image)
    assert layers.shape == (3, 4, 5, 2)
    assert image.GetMetaData("Segment1_Name") == "b"
    layer, value = (int(image.GetMetaData(f"Segment1_{key}")) for key in ("Layer", "LabelValue"))
    rows = overlapping().rows
    wanted = np.zeros((3, 4, 5), bool)
    for i in (1, 2):
        wanted[rows.plane[i]] |= rows.masks.dense(i)
    assert np.array_equal(layers[..., layer] == value, wanted)
    assert image.GetMetaData("Segment1_Extent") == "0 4 2 3 0 2"


def test_more_than_255_segments(tmp_path):
    done = exact(volumes_of(CELL, {"x": cells()}), tmp_path / "a", to="nrrd", kind="segments")
    assert done.objects == 400
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nrrd")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_volumes_of_object_ids(tmp_path):
    exact(volumes_of(CELL, {"x": cells()}), tmp_path / "a", to="nrrd", kind="instance")
    assert sorted(set(one(tmp_path / "a").rows.instance.tolist())) == list(range(1, 401))


def test_slicer_pairs_are_kept(tmp_path):
    pairs = {
        "Segment0_ID": "Segment_1",
        "Segment0_Name": "liver",
        "Segment0_Color": "0.5 0.25 1",
        "Segment0_LabelValue": "7",
        "Segment0_Layer": "0",
        "Segment0_Tags": "Category:tissue|",
        "Segment1_ID": "x",
        "Segment1_Name": "nothing yet",
        "Segment1_LabelValue": "9",
        "Segment1_Layer": "0",
        "Segmentation_ConversionParameters": "Smoothing|0.5|with \\ and\nlines",
        "Other": "kept",
    }
    array = np.zeros((2, 3, 4), np.uint8)
    array[1, 1] = 7
    write_nrrd(tmp_path / "x.seg.nrrd", array, OBLIQUE, pairs=pairs)
    data = read_dataset(tmp_path / "x.seg.nrrd")
    assert data.samples[0].key == "x"
    assert [(c.name, c.color) for c in data.taxonomy] == [
        ("liver", (128, 64, 255)),
        ("nothing yet", None),
    ]
    exact(data, tmp_path / "a", to="nrrd")
    back = volume_header(tmp_path / "a/labels/x.seg.nrrd").kept["nrrd"]
    for key, value in pairs.items():
        if key != "Segment1_LabelValue":
            assert back[key] == value
    assert back["Segment1_Extent"] == "0 -1 0 -1 0 -1"
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nrrd")
    exact(read_dataset(tmp_path / "b"), tmp_path / "c", to="nrrd")
    assert folder_bytes(tmp_path / "b") == folder_bytes(tmp_path / "c")


def test_old_segmentations_have_one_layer_per_segment_and_no_numbers(tmp_path):
    array = np.zeros((2, 3, 4, 2), np.uint8)
    array[0, :2, :, 0] = 1
    array[0, 1:, :, 1] = 1
    pairs = {"Segment0_ID": "A", "Segment0_Name": "a", "Segment1_ID": "B", "Segment1_Name": "b"}
    write_nrrd(tmp_path / "x.seg.nrrd", array, OBLIQUE, pairs=pairs)
    data = read_dataset(tmp_path / "x.seg.nrrd")
    assert data.labels_of(data.samples[0]).rows.masks.areas.tolist() == [8, 8]
    exact(data, tmp_path / "a", to="nrrd")


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u8", "i1"])
def test_segmentations_of_any_type_hold_whole_numbers(tmp_path, dtype):
    array = np.zeros((2, 3, 4), dtype)
    array[1, 1] = 7
    pairs = {"Segment0_Name": "a", "Segment0_LabelValue": "7", "Segment0_Layer": "0"}
    write_nrrd(tmp_path / "x.seg.nrrd", array, OBLIQUE, pairs=pairs)
    assert one(tmp_path / "x.seg.nrrd").rows.masks.areas.tolist() == [4]
    if dtype[0] == "f":
        array[0, 2, 3] = 6.5
        write_nrrd(tmp_path / "x.seg.nrrd", array, OBLIQUE, pairs=pairs)
        with pytest.raises(FormatError, match="no whole number"):
            one(tmp_path / "x.seg.nrrd")


def test_two_segments_of_one_name_are_two_objects(tmp_path):
    pairs = {}
    for i in range(2):
        pairs |= {
            f"Segment{i}_Name": "rib",
            f"Segment{i}_LabelValue": str(i + 1),
            f"Segment{i}_Layer": "0",
        }
    array = np.array([[[1, 2], [0, 2]]], np.uint8)
    write_nrrd(tmp_path / "x.seg.nrrd", array, OBLIQUE, pairs=pairs)
    data = read_dataset(tmp_path / "x.seg.nrrd")
    assert [(c.name, c.kind) for c in data.taxonomy] == [("rib", "thing")]
    assert exact(data, tmp_path / "a", to="nrrd").objects == 2


def test_a_cropped_segmentation_lies_on_the_grid_of_its_image(tmp_path):
    whole = np.zeros((5, 6, 7), np.uint8)
    whole[1:3, 2:5, 3:5] = 1
    matrix = np.array(OBLIQUE)
    moved = matrix.copy()
    moved[:, 3] = matrix @ [3, 2, 1, 1]
    affine = tuple(tuple(row) for row in moved.tolist())
    pairs = {"Segment0_Name": "a", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
    (tmp_path / "in/labels").mkdir(parents=True)
    (tmp_path / "in/images").mkdir()
    write_nrrd(tmp_path / "in/labels/x.seg.nrrd", whole[1:3, 2:5, 3:5], affine, pairs=pairs)
    write_nrrd(tmp_path / "in/images/x.nrrd", whole.astype(np.int16), OBLIQUE)
    data = read_dataset(tmp_path / "in")
    labels = data.labels_of(data.samples[0])
    assert np.array_equal(class_map(labels, data.taxonomy) == 0, whole == 1)
    assert data.samples[0].image.affine == OBLIQUE
    exact(data, tmp_path / "a", to="nrrd")


@pytest.mark.parametrize("space", ["right-anterior-superior", "left-anterior-superior", "LPS"])
def test_itksnap_87_axes_of_every_space_are_turned_to_ras(tmp_path, space):
    path = header(
        tmp_path / "a.nrrd",
        text(space=space, space_directions="(0,2,0) (0,0,3) (4,0,0)", space_origin="(10,20,30)"),
    )
    image = sitk.ReadImage(str(path))
    ours = np.array(volume_header(path).affine) @ [1, 2, 1, 1]
    theirs = np.array(image.TransformIndexToPhysicalPoint((1, 2, 1))) * [-1, -1, 1]
    assert np.allclose(ours[:3], theirs)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_what_simpleitk_writes_is_read_and_the_other_way_round(tmp_path, dtype):
    array = np.random.default_rng(0).integers(0, 100, (4, 3, 2)).astype(dtype)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 1.25, 3))
    image.SetOrigin((1, -2, 3.5))
    image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    for compress in (True, False):
        sitk.WriteImage(image, str(tmp_path / "a.nrrd"), compress)
        volume = read_nrrd(tmp_path / "a.nrrd")
        assert volume.array.dtype == np.dtype(dtype)
        assert np.array_equal(volume.array, array)
        assert volume.header.spacing == (3, 1.25, 0.5)
        write_nrrd(tmp_path / "b.nrrd", volume.array, volume.header.affine)
        back = sitk.ReadImage(str(tmp_path / "b.nrrd"))
        assert np.array_equal(sitk.GetArrayFromImage(back), array)
        assert back.GetOrigin() == image.GetOrigin()
        assert back.GetDirection() == image.GetDirection()


def test_encodings_and_byte_orders(tmp_path):
    array = np.arange(24, dtype=">u2").reshape(2, 3, 4)
    for encoding, pack in (("raw", bytes), ("gzip", gzip.compress), ("bzip2", bz2.compress)):
        path = header(
            tmp_path / f"{encoding}.nrrd",
            text(type="unsigned short", endian="big", encoding=encoding),
            pack(array.tobytes()),
        )
        assert np.array_equal(read_nrrd(path).array, array)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"sizes": "4 3 2147483648"}, "sides of a volume"),
        ({"sizes": "4 3 -2"}, "sides of a volume"),
        ({"sizes": "4 3 x"}, "not numbers"),
        ({"sizes": "4 3 200"}, "ends before its last voxel"),
        ({"dimension": "7"}, "number of axes"),
        ({"type": "block"}, "no such type"),
        ({"encoding": "ascii"}, "no encoding that is read"),
        ({"encoding": "gzip"}, "damaged|short"),
        ({"space": "scanner-xyz"}, "space that is not read"),
        ({"space_directions": "(nan,0,0) (0,1,0) (0,0,1)"}, "place no voxel"),
        ({"space_directions": "(0,0,0) (0,1,0) (0,0,1)"}, "place no voxel"),
        ({"space_directions": "(1,0) (0,1,0) (0,0,1)"}, "not a vector"),
        ({"data_file": "../secret.raw"}, "file of their own"),
        ({"byte_skip": "-1"}, "skipped bytes"),
    ],
)
def test_hostile_headers_are_one_error(tmp_path, changes, what):
    path = header(tmp_path / "a.nrrd", text(**changes))
    with pytest.raises(DataError, match=what) as caught:
        one(path)
    assert "a.nrrd" in str(caught.value)


def test_a_bomb_is_not_unpacked(tmp_path):
    packed = gzip.compress(bytes(50_000_000))
    with pytest.raises(FormatError, match="more than the header declares"):
        one(header(tmp_path / "a.nrrd", text(encoding="gzip"), packed))


def test_cut_off_and_flipped_files_are_refused(tmp_path):
    write_nrrd(tmp_path / "a.nrrd", torture(), OBLIQUE)
    whole = (tmp_path / "a.nrrd").read_bytes()
    start = whole.index(b"\n\n") + 2
    for length in (0, 4, 50, start, start + 5, len(whole) - 1):
        (tmp_path / "a.nrrd").write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_nrrd(tmp_path / "a.nrrd")
    for place in range(start + 11, len(whole), 41):
        raw = bytearray(whole)
        raw[place] ^= 16
        (tmp_path / "a.nrrd").write_bytes(raw)
        with pytest.raises(DataError):
            read_nrrd(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("pairs", "what"),
    [
        ({"Segment0_Name": "a", "Segment0_Layer": "5"}, "layer that the file does not have"),
        ({"Segment0_Name": "a", "Segment0_LabelValue": "x"}, "not a whole number"),
        ({"Segment0_Name": "a", "Segment0_LabelValue": "2"}, "number that no segment has"),
        (
            {
                "Segment0_Name": "a",
                "Segment0_LabelValue": "1",
                "Segment1_Name": "b",
                "Segment1_LabelValue": "1",
            },
            "share a number",
        ),
    ],
)
def test_wrong_segments_are_one_error(tmp_path, pairs, what):
    write_nrrd(tmp_path / "x.seg.nrrd", np.ones((2, 3, 4), np.uint8), OBLIQUE, pairs=pairs)
    with pytest.raises(FormatError, match=what) as caught:
        one(tmp_path / "x.seg.nrrd")
    assert "x.seg.nrrd" in str(caught.value)


def test_segmentations_and_plain_numbers_are_not_mixed(tmp_path):
    (tmp_path / "labels").mkdir()
    pairs = {"Segment0_Name": "a", "Segment0_LabelValue": "1"}
    write_nrrd(tmp_path / "labels/x.nrrd", np.ones((2, 3, 4), np.uint8), OBLIQUE, pairs=pairs)
    write_nrrd(tmp_path / "labels/y.nrrd", np.ones((2, 3, 4), np.uint8), OBLIQUE)
    with pytest.raises(FormatError, match="segmentations and plain numbers"):
        read_dataset(tmp_path)


def test_void_of_a_class_map_is_a_loss_as_segments(tmp_path):
    pixels = torture()
    pixels[0] = 255
    done = put(
        volumes_of(ORGANS, {"a": classes(pixels)}), tmp_path / "a", to="nrrd", kind="segments"
    )
    assert [(loss.kind, loss.pixels) for loss in done.losses] == [("void", 108)]


@pytest.mark.parametrize("second", ["nifti", "nnunet"])
def test_the_affine_survives_a_detour(tmp_path, second):
    data = volumes_of(ORGANS, {"a": classes(torture())}, affine=oblique())
    exact(data, tmp_path / "a", to="nrrd")
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to=second)
    exact(read_dataset(tmp_path / "b"), tmp_path / "c", to="nrrd")
    assert np.allclose(read_dataset(tmp_path / "c").samples[0].image.affine, oblique(), atol=1e-5)


@pytest.mark.shared
def test_dcmqi_s_volumes_come_back_exactly(shared, tmp_path):
    files = sorted((shared / "dicom_seg_samples/dcmqi").rglob("*.nrrd"))
    assert len(files) == 8
    for i, file in enumerate(files):
        data = read_dataset(file)
        exact(data, tmp_path / f"{i}a", to="nrrd")
        exact(read_dataset(tmp_path / f"{i}a"), tmp_path / f"{i}b", to="nifti")
        exact(read_dataset(tmp_path / f"{i}b"), tmp_path / f"{i}c", to="nrrd")
        old = sitk.ReadImage(str(file))
        for step in ("a", "c"):
            new = sitk.ReadImage(str(tmp_path / f"{i}{step}/labels/{file.stem}.nrrd"))
            assert np.array_equal(sitk.GetArrayFromImage(old), sitk.GetArrayFromImage(new))
            for x, y, z in np.random.default_rng(0).integers(0, 3, (10, 3)).tolist():
                at = [im.TransformIndexToPhysicalPoint((x, y, z)) for im in (old, new)]
                assert np.allclose(*at, atol=1e-4)
