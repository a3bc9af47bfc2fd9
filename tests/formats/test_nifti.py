from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from maskloom.core.labels import Labels
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, FormatError, ImageError, WriteError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.quality.integrity import examine
from maskloom.store.nifti import nifti_bytes, read_nifti, write_nifti
from maskloom.store.nifti_header import NIFTI_1
from maskloom.store.volumes import volume_header

from .conftest import folder_bytes
from .volumes import CELL, OBLIQUE, ORGANS, cells, classes, oblique, torture, volumes_of

nib = pytest.importorskip("nibabel", reason="needs the extra medical")


def put(dataset, target, *, to="nifti", allow_loss=False, **options):
    fmt = load_format(to)
    chosen = fmt.WriteOptions(**options)
    return transfer(dataset, target, fmt, options=chosen, allow_loss=allow_loss)


def exact(dataset, target, **options):
    done = put(dataset, target, **options)
    assert done.written, done.losses
    assert done.changed_pixels == 0
    assert done.exact_objects == done.objects
    return done


def one(path, **more):
    data = read_dataset(path, **more)
    return data.labels_of(data.samples[0])


def save(path, array, affine=OBLIQUE, **header):
    """Written by nibabel: array is (D, H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(np.asarray(array).transpose(2, 1, 0), np.array(affine))
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)
    return path


def changed(path, **fields):
    """A file with other header fields."""
    raw = bytearray(path.read_bytes())
    header = np.frombuffer(bytes(raw[:348]), NIFTI_1).copy()
    for name, value in fields.items():
        header[name] = value
    raw[:348] = header.tobytes()
    path.write_bytes(bytes(raw))
    return path


@pytest.mark.parametrize("seed", range(5))
def test_class_volumes_come_back_voxel_by_voxel_and_byte_by_byte(tmp_path, seed):
    labels = {
        "a": classes(torture(seed=seed)),
        "deep/b": classes(np.full((1, 3, 4), 254, np.uint8)),
        "void": classes(np.where(torture(seed=9) == 1, 255, torture(seed=9)).astype(np.uint8)),
    }
    splits = {"train": ("a", "void"), "val": ("deep/b",)}
    exact(volumes_of(ORGANS, labels, splits=splits), tmp_path / "a")
    assert detect_format(tmp_path / "a").name == "nifti"
    back = read_dataset(tmp_path / "a")
    assert dict(back.splits) == splits
    assert [c.name for c in back.taxonomy] == [c.name for c in ORGANS]
    for sample, found in back:
        assert np.array_equal(found.class_map, labels[sample.key].class_map)
        assert sample.image.affine == OBLIQUE
        assert sample.image.spacing == (3.0, 0.75, 1.5)
    exact(back, tmp_path / "b")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_more_than_255_objects_keep_their_ids(tmp_path):
    data = volumes_of(CELL, {"a": cells()})
    done = exact(data, tmp_path / "a")
    assert done.objects == 400
    back = one(tmp_path / "a")
    assert sorted(set(back.rows.instance.tolist())) == list(range(1, 401))
    exact(read_dataset(tmp_path / "a"), tmp_path / "b")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_nibabel_and_simpleitk_see_the_same_voxels_at_the_same_places(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
    for i, affine in enumerate((OBLIQUE, oblique(), oblique(-1.2, (2.0, 0.5, 0.9)))):
        array = torture(seed=i)
        path = tmp_path / f"{i}.nii.gz"
        write_nifti(path, array, affine)
        read = nib.load(path)
        assert np.array_equal(np.asarray(read.dataobj), array.transpose(2, 1, 0))
        assert np.allclose(read.affine, affine, atol=1e-6, rtol=0)
        assert np.allclose(read.get_qform(), affine, atol=1e-5, rtol=0)
        other = sitk.ReadImage(str(path))
        assert np.array_equal(sitk.GetArrayFromImage(other), array)
        for x, y, z in np.random.default_rng(i).integers(0, 7, (20, 3)).tolist():
            ours = (np.array(affine) @ [x, y, z, 1])[:3]
            theirs = np.array(other.TransformIndexToPhysicalPoint((x, y, z))) * [-1, -1, 1]
            assert np.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_every_type_byte_order_and_version_is_read_as_nibabel_reads_it(
    tmp_path, order, kind, dtype
):
    array = np.random.default_rng(3).integers(0, 100, (4, 3, 2)).astype(dtype)
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    image = kind(array, np.array(oblique()), header)
    nib.save(image, tmp_path / "a.nii.gz")
    volume = read_nifti(tmp_path / "a.nii.gz")
    assert np.array_equal(volume.array, array.transpose(2, 1, 0))
    assert np.allclose(volume.header.affine, nib.load(tmp_path / "a.nii.gz").affine, atol=0)


def test_a_qform_alone_places_the_voxels_as_in_nibabel(tmp_path):
    for i, affine in enumerate((OBLIQUE, oblique(2.5), oblique(-0.4))):
        image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), None)
        image.set_qform(np.array(affine), code=1)
        image.set_sform(None, code=0)
        nib.save(image, tmp_path / f"{i}.nii")
        found = volume_header(tmp_path / f"{i}.nii").affine
        assert np.allclose(found, nib.load(tmp_path / f"{i}.nii").affine, atol=1e-9)


def test_without_sform_and_qform_no_place_is_invented(tmp_path):
    path = save(tmp_path / "a.nii", np.ones((2, 3, 4), np.uint8))
    changed(path, sform_code=0, qform_code=0)
    data = read_dataset(path)
    assert data.samples[0].image.affine == ()
    assert data.samples[0].image.spacing == (3.0, 0.75, 1.5)
    exact(data, tmp_path / "out")
    back = read_dataset(tmp_path / "out").samples[0].image
    assert (back.affine, back.spacing) == ((), (3.0, 0.75, 1.5))


def test_units_of_metres_and_micrometres_become_mm(tmp_path):
    path = save(tmp_path / "a.nii", np.ones((2, 3, 4), np.uint8), xyzt_units=3)
    assert np.allclose(volume_header(path).affine[:3], np.array(OBLIQUE)[:3] / 1000)
    exact(read_dataset(path), tmp_path / "out")
    assert nib.load(tmp_path / "out/labels/a.nii.gz").header["xyzt_units"] == 3


def test_header_fields_extensions_and_type_are_kept(tmp_path):
    image = nib.Nifti1Image(np.ones((4, 3, 2), np.int16), np.array(OBLIQUE))
    image.header["descrip"] = b"drawn by hand"
    image.header["intent_code"] = 1002
    image.header["cal_max"] = 7
    image.header["qform_code"], image.header["sform_code"] = 3, 4
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"a note"))
    nib.save(image, tmp_path / "in.nii.gz")
    exact(read_dataset(tmp_path / "in.nii.gz"), tmp_path / "out")
    back = nib.load(tmp_path / "out/labels/in.nii.gz")
    for name in ("descrip", "intent_code", "cal_max", "qform_code", "sform_code", "datatype"):
        assert back.header[name] == image.header[name]
    assert back.header.extensions[0].get_content() == b"a note"
    assert np.array_equal(back.get_sform(), image.get_sform())


def test_a_packed_file_has_no_time_and_no_name_in_it(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", torture(), OBLIQUE)
    head = (tmp_path / "a.nii.gz").read_bytes()[:10]
    assert head[3:8] == b"\0\0\0\0\0"


def test_petprep_152_float_labels_of_whole_numbers_are_read_and_others_refused(tmp_path):
    array = np.zeros((2, 3, 4), np.float32)
    array[1, 2, 3] = 2
    whole = save(tmp_path / "a.nii.gz", array)
    assert (one(whole).class_map == 0).sum() == 1
    array[1, 2, 2] = 1.9999
    for bad in (1.9999, np.nan, np.inf, 4e9):
        array[1, 2, 2] = bad
        with pytest.raises(FormatError, match=r"whole number.*at x=2, y=2, z=1"):
            one(save(tmp_path / "b.nii.gz", array))


def test_slope_and_intercept_are_applied_before_numbers_become_labels(tmp_path):
    array = np.array([[[0, 1], [2, 3]]], np.int16)
    path = changed(save(tmp_path / "a.nii", array), scl_slope=2, scl_inter=0)
    data = read_dataset(path)
    assert [c.name for c in data.taxonomy] == ["2", "4", "6"]
    path = changed(path, scl_slope=0.5)
    with pytest.raises(FormatError, match="whole number"):
        read_dataset(path)
    assert read_nifti(path, stored=True).array.tolist() == array.tolist()
    for slope in (0, np.nan):
        changed(path, scl_slope=slope, scl_inter=5)
        assert read_nifti(path).array.tolist() == array.tolist()


def test_images_lie_beside_labels_of_any_two_folders(tmp_path):
    label, image = np.ones((2, 3, 4), np.uint8), np.zeros((2, 3, 4), np.float32)
    save(tmp_path / "scans/p1_ct.nii.gz", image)
    save(tmp_path / "drawn/p1_seg.nii.gz", label)
    settings = ["masks=drawn", "images=scans", "suffix=_seg", "image_suffix=_ct"]
    data = read_dataset(tmp_path, "nifti", settings=settings)
    assert [s.key for s in data.samples] == ["p1"]
    assert data.samples[0].image.path.name == "p1_ct.nii.gz"
    exact(data, tmp_path / "out")
    assert (tmp_path / "out/images/p1.nii.gz").read_bytes() == (
        tmp_path / "scans/p1_ct.nii.gz"
    ).read_bytes()


def test_the_decathlon_layout_has_its_names_from_dataset_json(tmp_path):
    save(tmp_path / "imagesTr/a.nii.gz", np.zeros((2, 3, 4), np.float32))
    save(tmp_path / "labelsTr/a.nii.gz", np.full((2, 3, 4), 2, np.uint8))
    listed = {"labels": {"0": "background", "1": "Anterior", "2": "Posterior"}}
    (tmp_path / "dataset.json").write_text(json.dumps(listed))
    assert detect_format(tmp_path).name == "nifti"
    data = read_dataset(tmp_path)
    assert [c.name for c in data.taxonomy] == ["Anterior", "Posterior"]
    assert (one(tmp_path).class_map == 1).all()
    save(tmp_path / "labelsTr/a.nii.gz", np.full((2, 3, 4), 7, np.uint8))
    with pytest.raises(FormatError, match="taxonomy does not have at x=0, y=0, z=0"):
        one(tmp_path)


def test_an_image_of_another_shape_is_an_error_naming_both(tmp_path):
    save(tmp_path / "images/a.nii.gz", np.zeros((2, 3, 5), np.float32))
    save(tmp_path / "labels/a.nii.gz", np.ones((2, 3, 4), np.uint8))
    with pytest.raises(FormatError, match="4 × 3 × 2 voxels, their image 5 × 3 × 2"):
        one(tmp_path)
    found = examine(read_dataset(tmp_path))
    assert found.ledger.counts["labels"] == 1


def test_an_image_that_lies_elsewhere_is_told_naming_both(tmp_path):
    moved = tuple((*row[:3], row[3] + (3 if i == 0 else 0)) for i, row in enumerate(OBLIQUE))
    save(tmp_path / "images/a.nii.gz", np.zeros((2, 3, 4), np.float32), moved)
    save(tmp_path / "labels/a.nii.gz", np.ones((2, 3, 4), np.uint8))
    found = examine(read_dataset(tmp_path))
    (note,) = [f for f in found.ledger.ranked() if f.check == "contradiction"]
    assert "4 voxels apart" in note.what
    assert "100.5" in note.what
    assert "103.5" in note.what
    done = put(read_dataset(tmp_path), tmp_path / "out")
    assert any("4 voxels apart" in text for text in done.warnings)


def test_an_affine_that_would_come_back_otherwise_is_a_loss(tmp_path):
    far = tuple((*row[:3], row[3] + 1e7 + 0.3) for row in OBLIQUE[:3]) + OBLIQUE[3:]
    data = volumes_of(ORGANS, {"a": classes(torture())}, affine=far)
    done = put(data, tmp_path / "out")
    assert not done.written
    assert [loss.kind for loss in done.losses] == ["affine"]
    assert put(data, tmp_path / "out", allow_loss=True).written


def test_formats_of_images_refuse_volumes_in_one_message(tmp_path):
    data = volumes_of(ORGANS, {"a": classes(torture())})
    for name in ("coco", "bitmap", "voc", "objects", "camvid", "coco-panoptic"):
        with pytest.raises(WriteError, match=r"holds images, not volumes.*--to nifti"):
            put(data, tmp_path / name, to=name)
        assert not (tmp_path / name).exists()


def test_images_are_no_volumes(nuclei, tmp_path):
    with pytest.raises(WriteError, match="holds volumes, not images"):
        put(nuclei, tmp_path / "a")


def test_objects_of_several_classes_and_overlaps_are_losses(tmp_path):
    two = Taxonomy((Category("a", "a"), Category("b", "b")))
    done = put(volumes_of(two, {"a": cells()}), tmp_path / "a")
    assert [(loss.kind, loss.objects) for loss in done.losses] == [("instances", 400)]


def test_ids_beyond_16_bit_and_zero_as_a_class_are_kept(tmp_path):
    taxonomy = Taxonomy(
        (
            Category("air", "air", "stuff", ids=(("nifti", 0),)),
            Category("ctx", "ctx", "stuff", ids=(("nifti", 114_175),)),
        )
    )
    pixels = np.array([[[0, 1], [254, 0]]], np.uint8)
    exact(volumes_of(taxonomy, {"a": classes(pixels)}), tmp_path / "a")
    assert one(tmp_path / "a").class_map.tolist() == pixels.tolist()
    stored = np.asarray(nib.load(tmp_path / "a/labels/a.nii.gz").dataobj)
    assert set(stored.ravel().tolist()) == {0, 114_175, 1}


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]}, "ends before its last voxel"),
        ({"dim": [3, -4, 3, 2, 1, 1, 1, 1]}, "sides of a volume that cannot be"),
        ({"dim": [3, 0, 3, 2, 1, 1, 1, 1]}, "sides of a volume that cannot be"),
        ({"dim": [9, 4, 3, 2, 1, 1, 1, 1]}, "number of axes that cannot be"),
        ({"datatype": 128}, "type of voxels that is not read"),
        ({"datatype": 32}, "type of voxels that is not read"),
        ({"vox_offset": 1e9}, "voxels that begin where none can be"),
        ({"vox_offset": np.nan}, "voxels that begin where none can be"),
        ({"vox_offset": 0}, "voxels that begin where none can be"),
        ({"srow_x": [np.nan, 0, 0, 0]}, "place no voxel"),
        ({"srow_x": [0, 0, 0, 0]}, "place no voxel"),
        ({"srow_z": [np.inf, 0, 0, 0]}, "place no voxel"),
        ({"magic": b"ni1"}, "two files"),
        ({"magic": b"xyz"}, "not a NIfTI file"),
        ({"sizeof_hdr": 12}, "not a NIfTI file"),
    ],
)
def test_hostile_headers_are_one_error(tmp_path, fields, what):
    path = changed(save(tmp_path / "a.nii", np.ones((2, 3, 4), np.uint8)), **fields)
    with pytest.raises(FormatError, match=what) as caught:
        one(path, fmt="nifti")
    assert str(path) in str(caught.value)


def test_sides_of_2_to_the_31_are_refused_before_anything_is_read(tmp_path):
    image = nib.Nifti2Image(np.ones((2, 2, 2), np.uint8), np.eye(4))
    nib.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[16:32] = np.array([3, 2**31], "<i8").tobytes()
    (tmp_path / "a.nii").write_bytes(raw)
    with pytest.raises(FormatError, match="sides of a volume"):
        one(tmp_path / "a.nii")


def test_a_bomb_and_a_header_that_declares_more_than_the_file_can_hold_are_refused(tmp_path):
    raw = bytearray(nifti_bytes(np.ones((2, 3, 4), np.uint8), OBLIQUE))
    header = np.frombuffer(bytes(raw[:348]), NIFTI_1).copy()
    header["dim"] = [3, 30000, 30000, 30000, 1, 1, 1, 1]
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.tobytes() + bytes(raw[348:])))
    with pytest.raises((FormatError, ImageError), match=r"too short|memory"):
        one(tmp_path / "a.nii.gz")
    packed = gzip.compress(bytes(raw) + bytes(50_000_000))
    (tmp_path / "b.nii.gz").write_bytes(packed)
    with pytest.raises(FormatError, match="more than its header declares"):
        one(tmp_path / "b.nii.gz")
    (tmp_path / "c.nii.gz").write_bytes(gzip.compress(bytes(raw) + bytes(500)))
    assert read_nifti(tmp_path / "c.nii.gz").array.shape == (2, 3, 4)


def test_a_file_that_is_cut_off_at_any_place_is_refused(tmp_path):
    for name in ("a.nii", "a.nii.gz"):
        write_nifti(tmp_path / name, torture(), OBLIQUE)
        whole = (tmp_path / name).read_bytes()
        for length in (0, 1, 10, 100, 347, 350, len(whole) // 2, len(whole) - 9, len(whole) - 1):
            if length >= len(whole):
                continue
            (tmp_path / name).write_bytes(whole[:length])
            with pytest.raises(DataError):
                read_nifti(tmp_path / name)


def test_a_flipped_bit_in_a_packed_file_is_noticed(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", torture(), OBLIQUE)
    whole = (tmp_path / "a.nii.gz").read_bytes()
    for place in range(12, len(whole), 37):
        raw = bytearray(whole)
        raw[place] ^= 4
        (tmp_path / "a.nii.gz").write_bytes(raw)
        with pytest.raises(DataError):
            read_nifti(tmp_path / "a.nii.gz")


def test_bad_files_are_left_out_and_counted_where_asked(tmp_path):
    save(tmp_path / "labels/a.nii.gz", np.ones((2, 3, 4), np.uint8))
    (tmp_path / "labels/b.nii.gz").write_bytes(b"no volume")
    with pytest.raises(DataError):
        read_dataset(tmp_path)
    data = read_dataset(tmp_path, skip_bad=True)
    assert [s.key for s in data.samples] == ["a"]
    assert any("1 label volumes are left out" in text for text in data.warnings)


def test_several_values_per_voxel_are_no_labels(tmp_path):
    image = nib.Nifti1Image(np.ones((4, 3, 2, 5), np.uint8), np.eye(4))
    nib.save(image, tmp_path / "a.nii.gz")
    assert read_nifti(tmp_path / "a.nii.gz").array.shape == (2, 3, 4, 5)
    with pytest.raises(FormatError, match="several values per voxel"):
        one(tmp_path / "a.nii.gz")


def test_an_image_among_labels_is_recognised(tmp_path):
    rng = np.random.default_rng(0)
    path = save(tmp_path / "a.nii.gz", rng.integers(-1000, 1000, (20, 20, 20)).astype(np.int16))
    with pytest.raises(FormatError, match="like those of an image"):
        read_dataset(path)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "settings", "n", "names"),
    [
        ("hippocampus_msd", (), 18, ["1", "2"]),
        (
            "torso_ct_sample",
            ("masks=.", "images=.", "suffix=_seg", "image_suffix=_ct_sm"),
            1,
            ["spleen", "kidney_right"],
        ),
        ("torso_ct_sample/example_seg_fast.nii.gz", (), 1, ["spleen", "kidney_right"]),
    ],
)
def test_real_volumes_come_back_voxel_by_voxel(shared, tmp_path, path, settings, n, names):
    data = read_dataset(shared / path, settings=settings)
    assert len(data) == n
    assert [c.name for c in data.taxonomy][:2] == names
    done = exact(data, tmp_path / "a")
    assert done.changed_pixels == 0
    again = read_dataset(tmp_path / "a")
    assert again.content_hash() == data.content_hash()
    exact(again, tmp_path / "b")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    masks = shared / path / "labels" if path.startswith("hippo") else shared / path
    for sample in data.samples:
        source = (
            masks if masks.is_file() else masks / f"{sample.key}{'_seg' if settings else ''}.nii.gz"
        )
        old, new = nib.load(source), nib.load(tmp_path / f"a/labels/{sample.key}.nii.gz")
        assert np.array_equal(np.asarray(old.dataobj), np.asarray(new.dataobj))
        assert np.array_equal(old.affine, new.affine)
        assert old.header["qform_code"] == new.header["qform_code"]


def test_labels_of_volumes_are_whole(tmp_path):
    labels = Labels((1, 2, 2), class_map=np.zeros((1, 2, 2), np.uint8))
    data = volumes_of(ORGANS, {"../x": labels})
    with pytest.raises(DataError, match="leads out"):
        put(data, tmp_path / "a")


def test_evaluate_checks_and_pictures_take_volumes(tmp_path):
    from maskloom.verbs.check import check
    from maskloom.verbs.evaluate import evaluate

    truth, worse = torture(), torture()
    worse[4, :6] = 254
    image = save(tmp_path / "scan.nii.gz", np.arange(7 * 12 * 9, dtype=np.int16).reshape(7, 12, 9))
    for name, pixels in (("truth", truth), ("worse", worse)):
        data = volumes_of(ORGANS, {"a": classes(pixels)}, images={"a": image})
        exact(data, tmp_path / name)
    page = tmp_path / "report.html"
    found = evaluate(tmp_path / "truth", tmp_path / "worse", report=page).results
    agreed = np.count_nonzero(truth == worse) / truth.size
    assert found["metrics"]["pixel_accuracy"] == pytest.approx(agreed)
    assert "plane 4 of 7" in page.read_text()
    looked = check(tmp_path / "truth", deep=True).results
    assert (looked["errors"], looked["missing_images"]) == (0, 0)
    assert looked["sizes"] == [{"size": [7, 12, 9], "images": 1}]
