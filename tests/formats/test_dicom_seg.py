from __future__ import annotations

import shutil
import sys
import warnings

import numpy as np
import pytest

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.volumes import stacked
from maskloom.errors import DataError, FormatError, MissingExtra, WriteError
from maskloom.formats.detect import detect_format, read_dataset
from maskloom.store.volumes import read_volume, volume_header

from .conftest import folder_bytes
from .test_nifti import exact, put
from .test_nrrd import TWO, overlapping
from .volumes import CELL, OBLIQUE, ORGANS, cells, classes, oblique, torture, volumes_of

pydicom = pytest.importorskip("pydicom", reason="needs the extra medical")
hd = pytest.importorskip("highdicom", reason="needs the extra medical")
sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
SAMPLES = "dicom_seg_samples"


@pytest.fixture(autouse=True)
def _quiet():
    """highdicom and pydicom warn of values in the samples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def one(path, **more):
    data = read_dataset(path, "dicom-seg", **more)
    return data.samples[0], data.labels_of(data.samples[0])


def places(sample, labels, instance):
    """World positions (RAS, 0.1 µm) of the voxels of one object, by our own reading."""
    rows = labels.rows
    found = set()
    for i in np.flatnonzero(rows.instance == instance):
        y, x = np.nonzero(rows.masks.dense(i))
        voxels = np.stack([x, y, np.full(len(x), rows.plane[i]), np.ones(len(x))])
        found |= set(
            map(tuple, np.round((np.array(sample.image.affine) @ voxels)[:3].T, 4).tolist())
        )
    return found


def highdicom_places(path, number):
    """The same by highdicom, threshold above 0."""
    seg = hd.seg.segread(path)
    volume = seg.get_volume(segment_numbers=[number], combine_segments=False)
    index = np.argwhere(volume.array[..., 0] > 0)
    lps = volume.map_indices_to_reference(index) if len(index) else np.zeros((0, 3))
    return set(map(tuple, np.round(lps * [-1, -1, 1] + 0.0, 4).tolist()))


def written(data, target):
    exact(data, target, to="dicom-seg")
    return next(target.glob("*.dcm"))


def edited(source, target, **changes):
    data = pydicom.dcmread(source)
    for keyword, value in changes.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    data.save_as(target)
    return target


@pytest.mark.parametrize("affine", [OBLIQUE, oblique(), oblique(1.9, (0.5, 0.6, 4.0))])
def test_objects_that_overlap_come_back_and_highdicom_sees_the_same_voxels(tmp_path, affine):
    data = volumes_of(TWO, {"x": overlapping()}, affine=affine)
    path = written(data, tmp_path / "a")
    assert detect_format(tmp_path / "a").name == "dicom-seg"
    sample, labels = one(tmp_path / "a")
    assert labels.size == (3, 4, 5)
    for number in (1, 2, 3):
        found = places(sample, labels, number)
        assert found == places(data.samples[0], overlapping(), number)
        theirs = highdicom_places(path, number)
        assert len(found) == len(theirs)
        assert np.allclose(sorted(found), sorted(theirs), atol=2e-3)
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="dicom-seg")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


@pytest.mark.parametrize("seed", range(3))
def test_class_volumes_come_back_voxel_by_voxel(tmp_path, seed):
    exact(
        volumes_of(ORGANS, {"deep/p": classes(torture(seed=seed))}), tmp_path / "a", to="dicom-seg"
    )
    back = read_dataset(tmp_path / "a")
    assert [s.key for s in back.samples] == ["deep/p"]
    exact(back, tmp_path / "b", to="nifti")
    exact(read_dataset(tmp_path / "b"), tmp_path / "c", to="dicom-seg")
    assert folder_bytes(tmp_path / "a").keys() == folder_bytes(tmp_path / "c").keys()


def test_more_than_255_segments_over_several_planes(tmp_path):
    done = exact(volumes_of(CELL, {"x": cells()}), tmp_path / "a", to="dicom-seg")
    assert done.objects == 400
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="dicom-seg")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_an_empty_volume_and_empty_planes_at_both_ends_keep_their_depth(tmp_path):
    masks = Masks.from_dense(np.ones((1, 4, 5), bool))
    middle = Labels((7, 4, 5), rows=Rows.make(masks, [1], instance=[1], plane=[3]))
    empty = Labels((6, 4, 5), rows=Rows.make(Masks.empty(0, (4, 5)), []))
    data = volumes_of(TWO, {"middle": middle, "empty": empty})
    exact(data, tmp_path / "a", to="dicom-seg")
    back = read_dataset(tmp_path / "a")
    assert {s.key: labels.size for s, labels in back} == {"empty": (6, 4, 5), "middle": (7, 4, 5)}


def test_a_left_handed_volume_keeps_the_order_of_its_planes(tmp_path):
    assert np.linalg.det(np.array(OBLIQUE)[:3, :3]) > 0
    flipped = tuple((row[0], row[1], -row[2], row[3]) for row in OBLIQUE[:3]) + OBLIQUE[3:]
    for affine in (OBLIQUE, flipped):
        name = str(affine == flipped)
        exact(volumes_of(TWO, {"x": overlapping()}, affine=affine), tmp_path / name, to="dicom-seg")
        assert np.allclose(read_dataset(tmp_path / name).samples[0].image.affine, affine, atol=1e-6)


def test_without_a_place_nothing_is_invented(tmp_path):
    data = volumes_of(TWO, {"x": overlapping()}, affine=())
    with pytest.raises(WriteError, match="does not say where it lies"):
        put(data, tmp_path / "a", to="dicom-seg")


def test_sheared_planes_are_a_loss(tmp_path):
    sheared = (
        (1.0, 0.3, 0.0, 0.0),
        (0.0, 1.0, 0.0, 0.0),
        (0.0, 0.0, 1.0, 0.0),
        (0.0, 0.0, 0.0, 1.0),
    )
    done = put(
        volumes_of(TWO, {"x": overlapping()}, affine=sheared), tmp_path / "a", to="dicom-seg"
    )
    assert not done.written
    assert [loss.kind for loss in done.losses] == ["affine"]


@pytest.mark.shared
def test_what_highdicom_writes_from_a_series_lies_on_the_image(shared, tmp_path):
    source = shared / SAMPLES / "dcmqi/23x38x3/image"
    images = [pydicom.dcmread(p) for p in sorted(source.iterdir())]
    for image in images:
        image.PatientName = image.get("PatientName") or "x"
    array = np.zeros((3, 38, 23, 2), np.uint8)
    array[1, 4:9, 3:7, 0] = 1
    array[1, 6:12, 5:9, 1] = 1
    described = [
        hd.seg.SegmentDescription(
            segment_number=i + 1,
            segment_label=name,
            segmented_property_category=pydicom.sr.codedict.codes.SCT.Organ,
            segmented_property_type=pydicom.sr.codedict.codes.SCT.Liver,
            algorithm_type="MANUAL",
        )
        for i, name in enumerate(("one", "two"))
    ]
    shutil.copytree(source, tmp_path / "in/image")
    for name, order in (("forward", images), ("backward", images[::-1])):
        seg = hd.seg.Segmentation(
            order, array, "BINARY", described, hd.UID(), 1, hd.UID(), 1, "m", "m", "1", "1"
        )
        seg.save_as(tmp_path / f"in/{name}.dcm")
    data = read_dataset(tmp_path / "in")
    assert [s.key for s in data.samples] == ["backward", "forward"]
    header = volume_header(source)
    for sample, labels in data:
        assert labels.size == (3, 38, 23)
        assert sample.image.affine == header.affine
        assert sample.image.path == tmp_path / "in/image"
        for number in (1, 2):
            ours = sorted(places(sample, labels, number))
            theirs = sorted(highdicom_places(tmp_path / f"in/{sample.key}.dcm", number))
            assert np.allclose(ours, theirs, atol=1e-3)
    exact(data, tmp_path / "a", to="dicom-seg")
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="dicom-seg")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


@pytest.mark.shared
def test_a_series_is_ordered_by_place_not_by_name(shared, tmp_path):
    source = shared / SAMPLES / "dcmqi/23x38x3/image"
    for i, file in enumerate(sorted(source.iterdir(), reverse=True)):
        shutil.copyfile(file, tmp_path / f"{i}.dcm")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(source)))
    image = reader.Execute()
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(image))
    for place in ((0, 0, 0), (3, 7, 2)):
        ours = (np.array(volume.header.affine) @ [*place, 1])[:3]
        assert np.allclose(ours, np.array(image.TransformIndexToPhysicalPoint(place)) * [-1, -1, 1])
    frames = read_volume(shared / SAMPLES / "dcmqi/23x38x3/multiframe/mf.dcm")
    assert np.array_equal(frames.array, volume.array)
    assert frames.header.affine == volume.header.affine


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "nrrds"),
    [
        ("partial_overlaps.dcm", [f"partial_overlaps-{i}.nrrd" for i in (1, 2, 3)]),
        ("23x38x3/seg/label.seg", ["23x38x3/nrrd/label.nrrd"]),
        ("sparse-labelmap-noppv.dcm", ["sparse_labelmap_noppv_seg.nrrd"]),
        ("sparse-labelmap-ppv5.dcm", ["sparse_labelmap_ppv5_seg.nrrd"]),
    ],
)
def test_dcmqi_s_own_nrrd_has_the_same_voxels_at_the_same_places(shared, tmp_path, file, nrrds):
    folder = shared / SAMPLES / "dcmqi"
    shutil.copyfile(folder / file, tmp_path / "x.dcm")
    sample, labels = one(tmp_path / "x.dcm")
    ours = [places(sample, labels, n) for n in sorted(set(labels.rows.instance.tolist()))]
    padding = pydicom.dcmread(folder / file).get("PixelPaddingValue", 0)
    theirs = []
    for name in nrrds:
        image = sitk.ReadImage(str(folder / name))
        array = sitk.GetArrayFromImage(image)
        for value in set(np.unique(array).tolist()) - {0, padding}:
            index = np.argwhere(array == value)[:, ::-1]
            points = [image.TransformIndexToPhysicalPoint(p) for p in index.tolist()]
            theirs.append(np.array(points) * [-1, -1, 1])
    assert sorted(map(len, ours)) == sorted(map(len, theirs))
    for points in theirs:
        wanted = np.array(sorted(map(tuple, np.round(points, 3).tolist())))
        assert any(
            len(found) == len(wanted)
            and np.allclose(
                sorted(map(tuple, np.round(list(found), 3).tolist())), wanted, atol=2e-3
            )
            for found in ours
        )
    done = exact(read_dataset(tmp_path / "x.dcm"), tmp_path / "a", to="dicom-seg")
    assert done.objects == len(ours)


FILES = {
    "seg_image_ct_binary": ((3, 16, 16), 638),
    "seg_image_ct_binary_fractional": ((3, 16, 16), 638),
    "seg_image_ct_true_fractional": ((3, 16, 16), 638),
    "seg_image_ct_binary_overlap": ((165, 16, 16), 80),
    "seg_image_ct_binary_single_frame": ((1, 128, 128), 1832),
    "seg_image_cr_binary": ((16, 16), 151),
    "seg_image_sm_control": ((50, 50), 523),
    "seg_image_sm_control_labelmap": ((50, 50), 523),
    "seg_image_sm_control_labelmap_palette_color": ((50, 50), 523),
    "seg_image_sm_numbers": ((50, 50), 523),
    "seg_image_sm_dots": ((50, 50), 200),
    "seg_image_sm_dots_tiled_full": ((50, 50), 200),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_highdicom_s_samples_are_read_as_highdicom_reads_them(shared, tmp_path, name):
    path = tmp_path / f"{name}.dcm"
    shutil.copyfile(shared / SAMPLES / f"highdicom/{name}.dcm", path)
    settings = ["threshold=0.5"] if "true_fractional" in name else []
    sample, labels = one(path, settings=settings)
    size, voxels = FILES[name]
    assert labels.size == size
    assert int(labels.rows.masks.areas.sum()) == voxels
    seg = hd.seg.segread(path)
    for number in sorted(set(labels.rows.instance.tolist())):
        if len(size) == 3 and "true_fractional" not in name:
            theirs = sorted(highdicom_places(path, number))
            assert np.allclose(sorted(places(sample, labels, number)), theirs, atol=1e-3)
        elif "sm_" in name:
            matrix = seg.get_total_pixel_matrix(segment_numbers=[number], combine_segments=False)
            found = stacked(labels).rows.masks[np.flatnonzero(labels.rows.instance == number)]
            assert np.array_equal(found.merge().dense(0), matrix[..., 0] > 0)
    if len(size) == 3:
        data = read_dataset(path, "dicom-seg", settings=settings)
        exact(data, tmp_path / "a", to="dicom-seg")
        exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="dicom-seg")
        assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    else:
        done = put(read_dataset(path, "dicom-seg"), tmp_path / "c", to="coco", allow_loss=True)
        assert (done.exact_objects, done.changed_pixels) == (done.objects, 0)
        placed = {"affine"} if "sm_" in name else set()
        assert {loss.kind for loss in done.losses} - {"numbers"} == {"fields", *placed}


@pytest.mark.shared
def test_fractions_of_a_real_file_are_read_under_a_threshold_alone(shared, tmp_path):
    path = shared / SAMPLES / "highdicom/seg_image_ct_true_fractional.dcm"
    values = pydicom.dcmread(path).pixel_array / 255
    between = int(((values > 0) & (values < 1)).sum())
    with pytest.raises(FormatError, match=r"partly inside.*from\.threshold"):
        read_dataset(path, "dicom-seg")
    for threshold in (0.1, 0.5, 0.9, 1.0):
        data = read_dataset(path, "dicom-seg", settings=[f"threshold={threshold}"])
        labels = data.labels_of(data.samples[0])
        assert int(labels.rows.masks.areas.sum()) == int((values >= threshold).sum())
        assert any(
            f"from {threshold:g} of it" in text and f"{between:,} px of {path.name}" in text
            for text in data.warnings
        )


@pytest.mark.shared
def test_descriptions_patient_and_references_are_kept(shared, tmp_path):
    source = shared / SAMPLES / "dcmqi/partial_overlaps.dcm"
    path = written(read_dataset(source), tmp_path / "a")
    old, new = pydicom.dcmread(source), pydicom.dcmread(path)
    for keyword in (
        "PatientID",
        "StudyInstanceUID",
        "FrameOfReferenceUID",
        "ReferencedSeriesSequence",
    ):
        assert new.get(keyword) == old.get(keyword)
    assert list(new.SegmentSequence) == list(old.SegmentSequence)
    sources = {
        str(group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        for group in new.PerFrameFunctionalGroupsSequence
    }
    assert len(sources) == 3
    assert hd.seg.segread(path).number_of_segments == 5


@pytest.mark.shared
def test_real_folders_are_known_by_their_content(shared):
    assert detect_format(shared / SAMPLES).name == "dicom-seg"
    assert detect_format(shared / SAMPLES / "dcmqi/partial_overlaps.dcm").name == "dicom-seg"
    assert detect_format(shared / SAMPLES / "dcmqi/23x38x3/seg").name == "dicom-seg"
    data = read_dataset(shared / SAMPLES, settings=["threshold=0.5"])
    assert len(data) == 16
    assert all(labels.rows is not None for _, labels in data)


def test_damaged_files_are_one_error(tmp_path):
    good = written(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a")
    raw = good.read_bytes()
    for length in (0, 100, 140, 400, len(raw) // 2, len(raw) - 20):
        (tmp_path / "cut.dcm").write_bytes(raw[:length])
        with pytest.raises(DataError, match=r"cut\.dcm"):
            one(tmp_path / "cut.dcm")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"NumberOfFrames": 1000000}, "functional group"),
        ({"NumberOfFrames": 2**31 - 1}, "more frames than can be|sides|functional group"),
        ({"Rows": 60000, "Columns": 60000}, "fewer pixels than the attributes declare"),
        ({"Rows": 0}, "sides of a volume"),
        ({"PixelData": b"\0\0"}, "fewer pixels"),
        ({"SegmentationType": "OTHER"}, "no such type"),
        ({"SegmentSequence": []}, "frame of no segment"),
        ({"BitsAllocated": 32}, "kind that is not read"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "no DICOM segmentation"),
    ],
)
def test_hostile_attributes_are_one_error(tmp_path, changes, what):
    good = written(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a")
    with pytest.raises(FormatError, match=what) as caught:
        one(edited(good, tmp_path / "bad.dcm", **changes))
    assert "bad.dcm" in str(caught.value)


def test_frames_that_lie_where_none_can_are_refused(tmp_path):
    good = written(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a")
    for position, what in (([1, 2, 3.3], "evenly"), (None, "positions")):
        data = pydicom.dcmread(good)
        place = data.PerFrameFunctionalGroupsSequence[1]
        if position is None:
            for group in data.PerFrameFunctionalGroupsSequence:
                del group.PlanePositionSequence
        else:
            place.PlanePositionSequence[0].ImagePositionPatient = position
        data.save_as(tmp_path / "bad.dcm")
        with pytest.raises(FormatError, match=what):
            one(tmp_path / "bad.dcm")
    data = pydicom.dcmread(good)
    groups = data.PerFrameFunctionalGroupsSequence
    groups[1] = groups[0]
    data.save_as(tmp_path / "bad.dcm")
    with pytest.raises(FormatError, match="two frames of one segment and place"):
        one(tmp_path / "bad.dcm")


def test_deflated_and_implicit_files_are_read(tmp_path):
    good = written(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a")
    for name, syntax in (("deflated", "1.2.840.10008.1.2.1.99"), ("implicit", "1.2.840.10008.1.2")):
        data = pydicom.dcmread(good)
        data.file_meta.TransferSyntaxUID = syntax
        path = tmp_path / f"{name}.dcm"
        data.save_as(path, implicit_vr=name == "implicit", little_endian=True)
        assert one(path)[1].rows.masks == one(good)[1].rows.masks


def test_without_pydicom_the_extra_is_named(tmp_path, monkeypatch):
    good = written(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    assert detect_format(tmp_path / "a").name == "dicom-seg"
    with pytest.raises(MissingExtra, match=r"maskloom\[medical\]"):
        read_dataset(good)
    with pytest.raises(MissingExtra, match=r"maskloom\[medical\]"):
        put(volumes_of(TWO, {"x": overlapping()}), tmp_path / "b", to="dicom-seg")


def test_bad_files_are_left_out_and_counted_where_asked(tmp_path):
    good = written(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a")
    shutil.copyfile(good, tmp_path / "a/y.dcm")
    edited(good, tmp_path / "a/y.dcm", SegmentationType="OTHER")
    with pytest.raises(FormatError):
        read_dataset(tmp_path / "a")
    data = read_dataset(tmp_path / "a", skip_bad=True)
    assert [s.key for s in data.samples] == ["x"]
    assert any("1 segmentations are left out" in text for text in data.warnings)
