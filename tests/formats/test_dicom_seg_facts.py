"""What DICOM segmentations say besides their pixels: kept, or told by name."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from maskloom.errors import FormatError
from maskloom.faces.cli import main
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.facts import FactLosses
from maskloom.formats.rename import renamed
from maskloom.formats.transfer import transfer

from .test_nifti import exact, put

pydicom = pytest.importorskip("pydicom", reason="needs the extra medical")
hd = pytest.importorskip("highdicom", reason="needs the extra medical")
from .dicom_series import ct, segmentation, slide  # noqa: E402 (needs both)

ANEW = {
    "SOPInstanceUID", "SeriesInstanceUID", "NumberOfFrames", "DimensionIndexSequence", "PixelData",
    "DimensionOrganizationSequence", "PerFrameFunctionalGroupsSequence",
    "SharedFunctionalGroupsSequence",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet():
    """highdicom and pydicom warn of values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def two():
    """Segments 1 and 2 on one plane of the same series, overlapping, and 2 on another."""
    pixels = np.zeros((5, 8, 10, 2), np.uint8)
    pixels[1, 2:5, 3:7, 0] = pixels[1, 1:6, 2:6, 1] = pixels[3, 2:4, 3:9, 1] = 1
    return pixels


def binary(folder, labels=None, pixels=None):
    pixels = two() if pixels is None else pixels
    made = segmentation(ct(), pixels, "BINARY", labels or {1: "liver", 2: "tumour"})
    folder.mkdir()
    return made, folder / "s.dcm"


def labelmap(folder):
    pixels = np.zeros((5, 8, 10), np.uint16)
    pixels[1, 2:5, 3:7], pixels[3, 1:6, 2:6] = 1, 7
    made = segmentation(ct(), pixels, "LABELMAP", {1: "liver", 7: "tumour"})
    folder.mkdir()
    made.save_as(folder / "s.dcm")
    return pixels


def again(source, target, pairs=(), **options):
    data = renamed(read_dataset(source, "dicom-seg"), pairs)
    done = exact(data, target, to="dicom-seg", **options)
    told = {loss.kind: loss for loss in done.losses}
    assert told.keys() <= {"fields", "numbers"}
    return pydicom.dcmread(target / "s.dcm"), told["fields"].named if told else ""


def derivations(data):
    """(segment label, place) → what its frame says of its sources, of frames with pixels."""
    names = {int(s.SegmentNumber): str(s.SegmentLabel) for s in data.SegmentSequence}
    found = {}
    for frame, group in zip(data.pixel_array, data.PerFrameFunctionalGroupsSequence, strict=True):
        place = float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        if frame.any():
            said = group.get("DerivationImageSequence") or ()
            found[names[int(number)], place] = [str(s.DerivationDescription) for s in said]
    return found


def test_every_attribute_of_a_file_stays(tmp_path):
    made, path = binary(tmp_path / "in")
    made.ClinicalTrialProtocolID, made.ClinicalTrialSubjectID = "PR1", "S"
    made.BodyPartExamined, made.Laterality, made.InstitutionName = "CHEST", "L", "I"
    made.PatientComments, made.SeriesDate, made.SegmentsOverlap = "hello", "20210101", "YES"
    made.AdditionalPatientHistory, made.PatientWeight = "", "70.10"
    made.LossyImageCompression, made.LossyImageCompressionMethod = "01", "ISO_15444_1"
    made.add_new(0x00090010, "LO", "ACME")
    made.add_new(0x00091001, "UN", b"\x00\x01\xff\x02")
    made.add_new(0x00091002, "DS", "2.5")
    made.save_as(path)
    new, told = again(tmp_path / "in", tmp_path / "out")
    old = pydicom.dcmread(path)
    assert told == ""
    assert {e.keyword for e in old if e.tag not in new} == set()
    differ = {e.keyword for e in old if new[e.tag] != e}
    assert differ <= ANEW
    assert new[0x00091001].value == b"\x00\x01\xff\x02"
    measures = new.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (measures.SliceThickness, measures.SpacingBetweenSlices) == (4.0, 2.5)


def test_what_cannot_be_kept_is_told_by_name(tmp_path):
    made, path = binary(tmp_path / "in")
    made.add_new(0x00090010, "LO", "ACME")
    made.add_new(0x00091001, "OB", bytes(2 << 20))
    made.ICCProfile = bytes(8)
    for group in made.PerFrameFunctionalGroupsSequence:
        group.FrameContentSequence[0].FrameComments = "seen"
    made.save_as(path)
    new, told = again(tmp_path / "in", tmp_path / "out")
    assert told == "of images: (0009 1001), FrameComments, ICCProfile"
    assert 0x00091001 not in new
    assert new[0x00090010].value == "ACME"


def test_other_formats_name_the_attributes_that_they_drop(tmp_path):
    made, path = binary(tmp_path / "in")
    made.save_as(path)
    (sample,) = (data := read_dataset(tmp_path / "in")).samples
    losses = FactLosses(load_format("nrrd"), object()).of_image(sample, data.labels_of(sample))
    names = {name for loss in losses for name in loss.names}
    old = pydicom.dcmread(path)
    said = {e.keyword for e in old if e.keyword not in ANEW and e.value not in ("", None)}
    assert "AccessionNumber" in names
    assert "PatientBirthDate" not in names  # empty there
    stored = {"SOPClassUID", "Modality", "Rows", "Columns", "HighBit", "SamplesPerPixel"}
    stored |= {"BitsAllocated", "BitsStored", "PixelRepresentation", "PhotometricInterpretation"}
    stored |= {"SegmentationType", "SegmentSequence"}
    assert names == (said - stored) | {"segments", "sources", "SliceThickness"}


def test_a_renamed_segment_keeps_its_description_and_a_swap_is_told(tmp_path):
    made, path = binary(tmp_path / "in")
    made.save_as(path)
    for pairs, labels in (
        (("liver=organ",), ["organ", "tumour"]),
        (("liver=tumour",), ["tumour", "tumour"]),
        (("liver=x", "tumour=x"), ["x", "x"]),
    ):
        new, told = again(tmp_path / "in", tmp_path / labels[0] / labels[1], pairs)
        assert told == ""
        assert [s.SegmentLabel for s in new.SegmentSequence] == labels
        for one, before in zip(new.SegmentSequence, made.SegmentSequence, strict=True):
            assert {e.keyword for e in before if one.get(e.keyword) != e.value} <= {"SegmentLabel"}
            assert one.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Liver"
    new, told = again(tmp_path / "in", tmp_path / "swap", ("liver=tumour", "tumour=liver"))
    assert told == "of objects: SegmentSequence"
    assert [(s.SegmentLabel, s.get("TrackingID")) for s in new.SegmentSequence] == [
        ("tumour", None),
        ("liver", None),
    ]


@pytest.mark.parametrize("pairs", [(), ("liver=organ",)])
def test_segments_on_one_plane_keep_their_own_sources(tmp_path, pairs):
    made, path = binary(tmp_path / "in")
    groups = made.PerFrameFunctionalGroupsSequence
    for i, group in enumerate(groups):
        group.DerivationImageSequence[0].DerivationDescription = f"frame {i}"
    more = pydicom.Dataset.from_json(groups[0].DerivationImageSequence[0].to_json())
    more.DerivationDescription = "a second one"
    groups[0].DerivationImageSequence.append(more)
    made.save_as(path)
    wanted = derivations(pydicom.dcmread(path))
    assert sorted(map(len, wanted.values())) == [1, 1, 2]
    new, told = again(tmp_path / "in", tmp_path / "out", pairs)
    first = pairs[0].partition("=")[2] if pairs else "liver"
    assert told == ""
    assert derivations(new) == {
        (first if name == "liver" else name, place): said for (name, place), said in wanted.items()
    }


def test_a_frame_without_sources_gets_none_of_its_neighbour(tmp_path):
    made, path = binary(tmp_path / "in")
    del made.PerFrameFunctionalGroupsSequence[1].DerivationImageSequence
    made.save_as(path)
    wanted = {key: len(said) for key, said in sources(pydicom.dcmread(path)).items()}
    new, _ = again(tmp_path / "in", tmp_path / "out")
    assert sorted(wanted.values()) == [0, 1, 1]
    assert {key: len(said) for key, said in sources(new).items()} == wanted


def sources(data):
    """(segment, place) → UIDs of the sources of its frame, of frames with pixels."""
    found = {}
    for frame, group in zip(data.pixel_array, data.PerFrameFunctionalGroupsSequence, strict=True):
        place = float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        number = int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        if frame.any():
            said = group.get("DerivationImageSequence") or ()
            images = [s.SourceImageSequence[0].ReferencedSOPInstanceUID for s in said]
            found[number, place] = list(map(str, images))
    return found


def test_a_labelmap_names_the_sources_of_all_its_segments(tmp_path):
    pixels = two()
    pixels[1, ..., 1] &= 1 - pixels[1, ..., 0]
    made, path = binary(tmp_path / "in", pixels=pixels)
    for i, group in enumerate(made.PerFrameFunctionalGroupsSequence):
        group.DerivationImageSequence[0].DerivationDescription = f"frame {i}"
    made.save_as(path)
    wanted: dict[float, set[str]] = {}
    for (_, place), (text,) in derivations(pydicom.dcmread(path)).items():
        wanted.setdefault(place, set()).add(text)
    assert sorted(map(len, wanted.values())) == [1, 2]
    new, _ = again(tmp_path / "in", tmp_path / "out", type="labelmap")
    said = {
        float(group.PlanePositionSequence[0].ImagePositionPatient[2]): {
            str(s.DerivationDescription) for s in group.get("DerivationImageSequence") or ()
        }
        for group in new.PerFrameFunctionalGroupsSequence
    }
    assert {place: texts for place, texts in said.items() if texts} == wanted


def test_numbers_of_a_labelmap_keep_their_gaps_and_else_are_told(tmp_path):
    pixels = labelmap(tmp_path / "in")
    new, told = again(tmp_path / "in", tmp_path / "map", type="labelmap")
    assert told == ""
    assert [(s.SegmentNumber, s.get("TrackingID")) for s in new.SegmentSequence] == [
        (0, None),
        (1, "t1"),
        (7, "t7"),
    ]
    volume = hd.seg.segread(tmp_path / "map/s.dcm").get_volume(combine_segments=True).array
    for number in (1, 7):
        assert int((volume == number).sum()) == int((pixels == number).sum())
    new, told = again(tmp_path / "in", tmp_path / "bits")
    assert told == "of objects: SegmentNumber; of images: the description of number 0"
    assert [(s.SegmentNumber, s.TrackingID) for s in new.SegmentSequence] == [(1, "t1"), (2, "t7")]
    new, told = again(tmp_path / "bits", tmp_path / "again")
    assert told == ""


def test_a_segment_without_a_pixel_keeps_its_number_between_others(tmp_path):
    pixels = np.zeros((5, 8, 10, 3), np.uint8)
    pixels[1, 2:5, 3:7, 0] = pixels[1, 1:6, 2:6, 2] = 1
    made, path = binary(tmp_path / "in", {1: "a", 2: "none", 3: "c"}, pixels)
    made.save_as(path)
    new, told = again(tmp_path / "in", tmp_path / "out")
    assert told == ""
    assert [(s.SegmentNumber, s.SegmentLabel) for s in new.SegmentSequence] == [
        (1, "a"),
        (2, "none"),
        (3, "c"),
    ]
    _, told = again(tmp_path / "in", tmp_path / "gone", ("none=a",))
    assert told == "of objects: SegmentNumber; of images: the empty segment none"


def frames_and_sources(data):
    """(segment, z) of each frame → the instances that it comes from."""
    found = {}
    for group in data.PerFrameFunctionalGroupsSequence:
        own = group.get("SegmentIdentificationSequence")
        number = own[0].ReferencedSegmentNumber if own else 0
        place = float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        found[number, place] = [
            str(image.ReferencedSOPInstanceUID)
            for derived in group.get("DerivationImageSequence") or ()
            for image in derived.SourceImageSequence
        ]
    return found


def test_frames_and_sources_of_planes_without_a_pixel_stay(tmp_path):
    (tmp_path / "in").mkdir()
    pixels = two()
    pixels[1, ..., 1] = 0
    pixels[2, 2:4, 3:9, 1] = 1
    made = segmentation(ct(), pixels, "BINARY", {1: "a", 2: "b"}, omit_empty_frames=False)
    made.save_as(tmp_path / "in/s.dcm")
    wanted = frames_and_sources(made)
    assert len(wanted) == 10
    assert all(wanted.values())
    new, told = again(tmp_path / "in", tmp_path / "one")
    assert (told, frames_and_sources(new)) == ("", wanted)
    again(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one/s.dcm").read_bytes() == (tmp_path / "two/s.dcm").read_bytes()
    new, told = again(tmp_path / "in", tmp_path / "map", type="labelmap")
    planes = frames_and_sources(new)
    assert planes == {(0, z): sources for (number, z), sources in wanted.items() if number == 1}
    new, _ = again(tmp_path / "in", tmp_path / "renamed", ("a=b", "b=a"))
    assert {z for _, z in frames_and_sources(new)} == {z for _, z in wanted}


def test_planes_of_a_labelmap_without_a_pixel_stay_in_other_types(tmp_path):
    (tmp_path / "in").mkdir()
    pixels = np.zeros((5, 8, 10), np.uint8)
    pixels[1, 2:5, 3:7] = 1
    made = segmentation(ct(), pixels, "LABELMAP", {1: "liver"}, omit_empty_frames=False)
    made.save_as(tmp_path / "in/s.dcm")
    wanted = {z: sources for (_, z), sources in frames_and_sources(made).items()}
    assert len(wanted) == 5
    for kind in ("labelmap", "binary", "fractional"):
        new, _ = again(tmp_path / "in", tmp_path / kind, type=kind)
        assert {z: own for (_, z), own in frames_and_sources(new).items()} == wanted
        assert int((new.pixel_array > 0).sum()) == 12


def test_segments_that_overlap_by_now_are_not_said_to_be_apart(tmp_path):
    made, path = binary(tmp_path / "in")
    made.SegmentsOverlap = "NO"  # which is not true
    made.save_as(path)
    new, _ = again(tmp_path / "in", tmp_path / "out")
    assert new.SegmentsOverlap == "YES"


def tiled(folder, kind="BINARY"):
    pixels = np.zeros((1, 20, 30), np.uint8)
    pixels[0, 3:12, 5:17], pixels[0, 10:20, 20:30] = 1, 2
    made = segmentation(
        [slide()], pixels, kind, {1: "x", 2: "y"}, tile_pixel_array=True, tile_size=(8, 8)
    )
    folder.mkdir()
    made.save_as(folder / "s.dcm")
    return made


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_the_place_of_a_slide_is_known_and_dropping_it_is_refused(tmp_path, kind):
    tiled(tmp_path / "in", kind)
    data = read_dataset(tmp_path / "in")
    image = data.samples[0].image
    assert (image.spacing, image.unit) == ((0.5, 0.25), "mm")
    theirs = hd.spatial.PixelToReferenceTransformer(
        image_position=[10, 20, 0],
        image_orientation=[0, -1, 0, -1, 0, 0],
        pixel_spacing=[0.5, 0.25],
    )
    corners = np.array([[0, 0], [29, 0], [0, 19], [29, 19]])
    ours = np.c_[corners + 0.5, np.ones(4)] @ np.array(image.affine).T
    assert np.allclose(ours[:, :2], theirs(corners)[:, :2])
    done = put(data, tmp_path / "out", to="bitmap")
    assert not done.written
    assert {loss.kind for loss in done.refused} == {"affine"}


def test_a_slide_without_a_place_is_an_image_and_one_that_cannot_be_is_refused(tmp_path):
    made = tiled(tmp_path / "in")
    del made.TotalPixelMatrixOriginSequence
    made.save_as(tmp_path / "in/s.dcm")
    (sample,) = (data := read_dataset(tmp_path / "in")).samples
    assert (sample.image.affine, sample.image.spacing) == ((), (0.5, 0.25))
    done = put(data, tmp_path / "out", to="parquet")
    assert done.losses == ()
    losses = FactLosses(load_format("bitmap"), object()).of_image(sample, data.labels_of(sample))
    names = {name for loss in losses for name in loss.names}
    told = {"ImageOrientationSlide", "SharedFunctionalGroups", "DerivationImageSequence"}
    assert told <= names  # the spacing stands in the shared groups
    made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [0, 0.25]
    made.save_as(tmp_path / "in/s.dcm")
    with pytest.raises(FormatError, match="PixelSpacing"):
        read_dataset(tmp_path / "in")


def fractional(folder, values, kind="PROBABILITY"):
    """Written as highdicom does: shares of the maximum 200."""
    made = segmentation(
        ct(), values, "FRACTIONAL", {1: "liver", 2: "tumour"},
        fractional_type=kind, max_fractional_value=200,
    )  # fmt: skip
    folder.mkdir()
    made.save_as(folder / "s.dcm")
    return pydicom.dcmread(folder / "s.dcm").pixel_array


@pytest.mark.parametrize("kind", ["PROBABILITY", "OCCUPANCY"])
def test_fractions_are_refused_unless_a_threshold_is_said_and_counted_then(tmp_path, kind, capsys):
    values = two().astype(np.float32)
    values[1, 2, 3:7, 0], values[3, 2, 3:5, 1] = 0.3, 0.8
    stored = fractional(tmp_path / "in", values, kind)
    between = int(((stored > 0) & (stored < 200)).sum())
    assert between == 6
    source, target = str(tmp_path / "in"), str(tmp_path / "out")
    assert main(["convert", source, target, "--to", "nrrd"]) == 2
    told = capsys.readouterr().err
    assert "s.dcm: frame 1, row 3, column 4" in told
    assert "'60 of 200'" in told
    assert "--set from.threshold=" in told
    assert not (tmp_path / "out").exists()
    result = tmp_path / "result.json"
    setting = ["--set", "from.threshold=0.5", "--json", str(result)]
    for run in (
        ["convert", source, target, "--to", "dicom-seg", "--set", "to.type=fractional", *setting],
        ["import", source, str(tmp_path / "project"), *setting],
    ):
        assert main(run) == 0
        warned = json.loads(result.read_text())["warnings"]
        assert any("6 px of s.dcm" in text and "from 0.5 of it" in text for text in warned)
    header = pydicom.dcmread(tmp_path / "out/s.dcm")
    assert header.SegmentationFractionalType == kind
    assert int((header.pixel_array > 0).sum()) == int((stored >= 100).sum())


def test_fractional_files_that_are_all_or_nothing_need_no_threshold(tmp_path):
    stored = fractional(tmp_path / "in", two().astype(np.float32), "OCCUPANCY")
    data = read_dataset(tmp_path / "in")
    assert not any("fraction" in text for text in data.warnings)
    labels = data.labels_of(data.samples[0])
    assert int(labels.rows.masks.areas.sum()) == int((stored == 200).sum())
    done = transfer(data, tmp_path / "out", load_format("dicom-seg"))
    (loss,) = done.losses
    assert loss.named == "of images: SegmentationFractionalType"


def test_a_pixel_above_the_maximum_is_one_error(tmp_path):
    fractional(tmp_path / "in", two().astype(np.float32))
    header = pydicom.dcmread(tmp_path / "in/s.dcm")
    header.MaximumFractionalValue = 100
    header.save_as(tmp_path / "in/s.dcm")
    with pytest.raises(FormatError, match=r"s\.dcm: frame 1.*MaximumFractionalValue|above Max"):
        read_dataset(tmp_path / "in")
    fractional(tmp_path / "in/good", two().astype(np.float32))
    data = read_dataset(tmp_path / "in", skip_bad=True)
    assert [sample.key for sample in data.samples] == ["good/s"]
    assert any("1 segmentations are left out" in text for text in data.warnings)


def test_attributes_that_projects_of_before_keep_by_tag_are_written_too(tmp_path):
    made, path = binary(tmp_path / "in")
    made.save_as(path)
    old = pydicom.dcmread(path)
    data = read_dataset(tmp_path / "in")
    kept = data.samples[0].extra["dicom-seg"]
    own = pydicom.Dataset()
    own.PatientID, own.StudyDate = old.PatientID, old.StudyDate
    before = {
        "file": own.to_json_dict(),
        "segments": kept["segments"],
        "sources": {place: items[0] for place, items in kept["sources"].items()},
        "series": kept["series"],
    }
    sample = replace(data.samples[0], extra={"dicom-seg": before})
    exact(replace(data, samples=(sample,)), tmp_path / "out", to="dicom-seg")
    new = pydicom.dcmread(tmp_path / "out/s.dcm")
    assert (new.PatientID, new.StudyDate) == (old.PatientID, old.StudyDate)
    assert list(new.SegmentSequence) == list(old.SegmentSequence)
    assert sources(new) == sources(old)
