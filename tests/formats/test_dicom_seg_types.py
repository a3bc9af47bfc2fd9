"""The types in which DICOM segmentations are written, as highdicom reads them."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.errors import MaskloomError, WriteError
from maskloom.formats.detect import read_dataset
from maskloom.formats.dicom_seg import write as dicom_seg_write

from .conftest import folder_bytes
from .test_nifti import exact, put
from .test_nrrd import TWO, overlapping
from .volumes import CELL, OBLIQUE, ORGANS, cells, classes, objects_of, torture, volumes_of

pydicom = pytest.importorskip("pydicom", reason="needs the extra medical")
hd = pytest.importorskip("highdicom", reason="needs the extra medical")
TYPES = ("binary", "fractional", "labelmap")


@pytest.fixture(autouse=True)
def _quiet():
    """highdicom warns of what it does with fractions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def dense(labels):
    """Object id → (D, H, W) bool."""
    found = {}
    for i, number in enumerate(labels.rows.instance.tolist()):
        own = found.setdefault(number, np.zeros(labels.size, bool))
        own[labels.rows.plane[i]] |= labels.rows.masks.dense(i)
    return found


def theirs(path):
    """(segment → (D, H, W) bool, RAS affine), by highdicom, which orders planes its own way."""
    seg = hd.seg.segread(path)
    volume = seg.get_volume(combine_segments=False)
    numbers = [n for n in seg.segment_numbers if n]
    assert volume.array.shape[3] == len(numbers)
    if np.linalg.inv(OBLIQUE)[2, :3] @ (np.diag([-1, -1, 1]) @ volume.affine[:3, 0]) < 0:
        volume = volume.flip_spatial(0)
    affine = np.diag([-1, -1, 1, 1]) @ volume.affine[:, [2, 1, 0, 3]]
    found = {n: volume.array[..., i] > 0 for i, n in enumerate(numbers)}
    return found, affine


def apart():
    """Three objects of two categories that do not overlap, over several planes."""
    ids = np.zeros((4, 5, 6), np.int32)
    ids[0, :2], ids[1, :3], ids[1, 4], ids[2, 4] = 1, 1, 2, 2
    ids[2, 0, 0] = 3
    rows = objects_of(ids).rows
    kinds = np.array([0, 0, 1, 0])
    own = Rows.make(rows.masks, kinds[rows.instance], instance=rows.instance, plane=rows.plane)
    return Labels(ids.shape, rows=own)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_comes_back_and_highdicom_sees_the_same(tmp_path, kind):
    labels = apart()
    data = volumes_of(TWO, {"x": labels})
    done = exact(data, tmp_path / "a", to="dicom-seg", type=kind)
    assert (done.objects, done.refused) == (3, ())
    path = tmp_path / "a/x.dcm"
    found, affine = theirs(path)
    assert np.allclose(affine, OBLIQUE, atol=1e-6)
    wanted = dense(labels)
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[n], wanted[n]) for n in wanted)
    header = pydicom.dcmread(path)
    assert header.SegmentationType == kind.upper()
    assert header.pixel_array.shape[0] == int(header.NumberOfFrames)
    back = read_dataset(tmp_path / "a")
    assert np.allclose(back.samples[0].image.affine, OBLIQUE, atol=1e-9)
    exact(back, tmp_path / "b", to="dicom-seg", type=kind)
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", range(2))
def test_class_volumes_of_every_type_come_back_voxel_by_voxel(tmp_path, kind, seed):
    pixels = torture(seed=seed)
    exact(volumes_of(ORGANS, {"x": classes(pixels)}), tmp_path / "a", to="dicom-seg", type=kind)
    found, _ = theirs(tmp_path / "a/x.dcm")
    for number, own in found.items():
        assert np.array_equal(own, pixels == number - 1)
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nifti")


@pytest.mark.parametrize("kind", ["binary", "fractional"])
def test_overlaps_stay_where_segments_have_frames_of_their_own(tmp_path, kind):
    exact(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a", to="dicom-seg", type=kind)
    found, _ = theirs(tmp_path / "a/x.dcm")
    assert all(np.array_equal(found[n], own) for n, own in dense(overlapping()).items())


def test_a_labelmap_refuses_overlaps_and_shows_what_is_in_front_where_allowed(tmp_path):
    data = volumes_of(TWO, {"x": overlapping()})
    done = put(data, tmp_path / "no", to="dicom-seg", type="labelmap")
    assert not done.written
    assert {loss.kind for loss in done.refused} == {"overlap"}
    put(data, tmp_path / "a", to="dicom-seg", type="labelmap", allow_loss=True)
    found, _ = theirs(tmp_path / "a/x.dcm")
    wanted = dense(overlapping())
    assert np.array_equal(found[2], wanted[2])
    assert np.array_equal(found[1], wanted[1] & ~wanted[2])
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="dicom-seg", type="labelmap")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_an_object_under_others_is_told_of_a_labelmap(tmp_path):
    pixels = np.zeros((2, 4, 5), bool)
    pixels[0, 1, 1], pixels[1, :3] = True, True
    rows = Rows.make(Masks.from_dense(pixels), [0, 1], instance=[1, 2], plane=[1, 1])
    data = volumes_of(TWO, {"x": Labels((3, 4, 5), rows=rows)})
    done = put(data, tmp_path / "a", to="dicom-seg", type="labelmap")
    assert {loss.kind for loss in done.refused} == {"overlap", "covered"}


def test_labelmaps_of_more_than_255_segments_have_16_bit(tmp_path):
    done = exact(volumes_of(CELL, {"x": cells()}), tmp_path / "a", to="dicom-seg", type="labelmap")
    assert done.objects == 400
    header = pydicom.dcmread(tmp_path / "a/x.dcm")
    assert (header.BitsAllocated, len(header.SegmentSequence)) == (16, 401)
    # Apart, highdicom 0.28 compares numbers in 8 bit: segment 1 would be 257, too.
    volume = hd.seg.segread(tmp_path / "a/x.dcm").get_volume(combine_segments=True).array[::-1]
    assert all(np.array_equal(volume == n, own) for n, own in dense(cells()).items())


def test_a_labelmap_names_its_background_and_says_that_nothing_overlaps(tmp_path):
    exact(volumes_of(TWO, {"x": apart()}), tmp_path / "a", to="dicom-seg", type="labelmap")
    header = pydicom.dcmread(tmp_path / "a/x.dcm")
    assert header.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.7"
    assert (header.SegmentsOverlap, header.PixelPaddingValue) == ("NO", 0)
    first = header.SegmentSequence[0]
    code = first.SegmentedPropertyTypeCodeSequence[0]
    assert (first.SegmentNumber, code.CodeValue) == (0, "125040")
    assert "SegmentIdentificationSequence" not in header.PerFrameFunctionalGroupsSequence[0]
    assert int(header.NumberOfFrames) == 4  # the last plane has no voxel, and says the depth


def test_fractions_are_all_or_nothing(tmp_path):
    exact(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a", to="dicom-seg", type="fractional")
    header = pydicom.dcmread(tmp_path / "a/x.dcm")
    assert (header.SegmentationFractionalType, header.MaximumFractionalValue) == ("OCCUPANCY", 255)
    assert set(np.unique(header.pixel_array).tolist()) == {0, 255}
    for threshold in (0.01, 1.0):
        settings = [f"threshold={threshold}"]
        back = read_dataset(tmp_path / "a", "dicom-seg", settings=settings)
        assert sorted(back.labels_of(back.samples[0]).rows.masks.areas) == sorted(
            overlapping().rows.masks.areas
        )


@pytest.mark.parametrize("kind", TYPES)
def test_an_empty_volume_of_every_type_keeps_its_depth(tmp_path, kind):
    empty = Labels((6, 4, 5), rows=Rows.make(Masks.empty(0, (4, 5)), []))
    exact(volumes_of(TWO, {"x": empty}), tmp_path / "a", to="dicom-seg", type=kind)
    back = read_dataset(tmp_path / "a")
    assert back.labels_of(back.samples[0]).size == (6, 4, 5)


def test_two_segments_of_one_name_are_two_objects_of_one_category(tmp_path):
    labels = apart()
    for kind in TYPES:
        exact(volumes_of(TWO, {"x": labels}), tmp_path / kind, to="dicom-seg", type=kind)
        path = tmp_path / kind / "x.dcm"
        header = pydicom.dcmread(path)
        twice = [s for s in header.SegmentSequence if s.SegmentLabel == "a"]
        assert len(twice) == 2
        twice[1].SegmentedPropertyTypeCodeSequence[0].CodeValue = "10200004"
        twice[1].SegmentDescription = "the other one"
        twice[1].RecommendedDisplayCIELabValue = [1, 2, 3]
        header.save_as(path)
        (tmp_path / kind / "taxonomy.json").unlink()
        back = read_dataset(tmp_path / kind)
        assert [(c.name, c.kind) for c in back.taxonomy] == [("a", "thing"), ("b", "stuff")]
        again = tmp_path / f"{kind}-2"
        exact(back, again, to="dicom-seg", type=kind)
        assert list(pydicom.dcmread(again / "x.dcm").SegmentSequence) == list(
            header.SegmentSequence
        )
        assert json.loads((again / "taxonomy.json").read_text())["categories"][0]["name"] == "a"


def test_more_than_a_file_can_hold_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(dicom_seg_write, "_MOST_BYTES", 5)
    with pytest.raises(WriteError, match=r"4 GiB") as caught:
        put(volumes_of(TWO, {"x": overlapping()}), tmp_path / "a", to="dicom-seg")
    assert "to.type=labelmap" in str(caught.value)


def test_frames_of_odd_numbers_of_bits_follow_each_other_without_gaps(tmp_path):
    ids = np.zeros((11, 3, 3), np.int32)
    for z in range(11):
        ids[z].ravel()[z % 9] = z + 1
    exact(volumes_of(CELL, {"x": objects_of(ids)}), tmp_path / "a", to="dicom-seg")
    found, _ = theirs(tmp_path / "a/x.dcm")
    assert all(np.array_equal(own, ids == n) for n, own in found.items())
    assert (tmp_path / "a/x.dcm").stat().st_size % 2 == 0


@pytest.mark.parametrize("kind", TYPES)
def test_flipped_bytes_anywhere_are_read_or_one_error(tmp_path, kind):
    exact(volumes_of(TWO, {"x": apart()}), tmp_path / "a", to="dicom-seg", type=kind)
    raw = (tmp_path / "a/x.dcm").read_bytes()
    frames = raw.find(b"\x00\x52\x30\x92")
    rng = np.random.default_rng(0)
    told = []
    for n in range(80):
        damaged = bytearray(raw)
        for _ in range(1 + n % 3):
            damaged[int(rng.integers(frames if n % 2 else 140, len(raw)))] = int(rng.integers(256))
        (tmp_path / "bad.dcm").write_bytes(bytes(damaged))
        try:
            data = read_dataset(tmp_path / "bad.dcm", "dicom-seg")
            data.labels_of(data.samples[0])
        except MaskloomError as error:
            told.append(str(error))
    assert len(told) > 20
    assert all("bad.dcm" in text for text in told)
