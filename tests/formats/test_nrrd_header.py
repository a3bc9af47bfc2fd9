"""What a NRRD header says beside numbers and place, read back by eye and by SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.errors import FormatError
from maskloom.formats.detect import read_dataset
from maskloom.store.nrrd import read_nrrd, write_nrrd
from maskloom.store.volumes import volume_header

from .test_nifti import exact
from .test_nrrd import header, text

nib = pytest.importorskip("nibabel", reason="needs the extra medical")
sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
STEPS = {"space_directions": "(2,0,0) (0,3,0) (0,0,4)", "space_origin": "(10,20,30)"}
UNPLACED = {"space": None, "space_directions": None, "space_origin": None}


def labels(root, more="", **changes):
    """A folder with one label volume of 4 x 3 x 2 voxels."""
    voxels = bytes(np.arange(24) % 3)
    said = text(**{**STEPS, **changes}).replace("NRRD0004\n", f"NRRD0004\n{more}")
    return header(root / "labels/a.nrrd", said, voxels).parent.parent


def lines_of(root):
    """The lines of the header that was written."""
    return (root / "labels/a.nrrd").read_bytes().split(b"\n\n")[0].decode().split("\n")


def after(root, *, told=(), to="nrrd"):
    """Written again, by nrrd or another format; `told` are names of what it drops."""
    done = exact(read_dataset(root, "nrrd"), root / "out", to=to)
    named = {loss.kind: loss.named for loss in done.losses}
    assert all(name in named.get("fields", "") for name in told), named
    return root / "out"


@pytest.mark.parametrize(
    ("unit", "mm"), [("um", 1e-3), ("µm", 1e-3), ("nm", 1e-6), ("cm", 10), ("m", 1000), ("mm", 1)]
)
def test_lengths_in_other_units_become_mm(tmp_path, unit, mm):
    units = f'"{unit}" "{unit}" "{unit}"'
    placed = after(labels(tmp_path / "a", space_units=units), to="nifti")
    found = nib.load(placed / "labels/a.nii.gz").affine
    wanted = np.diag([-2, -3, 4, 1.0])
    wanted[:3, 3] = -10, -20, 30
    wanted[:3] *= mm
    assert np.allclose(found, wanted, rtol=1e-6, atol=0)
    spaced = labels(tmp_path / "b", **UNPLACED, spacings="2 3 4", units=units)
    found = nib.load(after(spaced, to="nifti") / "labels/a.nii.gz").header.get_zooms()
    assert np.allclose(found, np.array([2, 3, 4]) * mm)


def test_a_header_in_mm_says_so_again(tmp_path):
    out = after(labels(tmp_path, space_units='"um" "um" "um"', thicknesses="nan nan 500"))
    assert 'space units: "mm" "mm" "mm"' in lines_of(out)
    assert "thicknesses: nan nan 0.5" in lines_of(out)
    assert sitk.ReadImage(str(out / "labels/a.nrrd")).GetSpacing() == pytest.approx(
        (0.002, 0.003, 0.004)
    )


@pytest.mark.parametrize("units", ['"furlong" "furlong" "furlong"', '"mm" "um" "mm"'])
def test_unknown_units_are_one_error(tmp_path, units):
    root = labels(tmp_path, space_units=units)
    with pytest.raises(FormatError, match="units of length") as caught:
        read_dataset(root, "nrrd")
    assert "a.nrrd: space units" in str(caught.value)


def test_directions_in_a_space_without_a_name_keep_spacing_and_lines(tmp_path):
    changes = {"space": None, "space_dimension": "3"}
    root = labels(tmp_path, **changes)
    sample = read_dataset(root, "nrrd").samples[0]
    assert (sample.image.affine, sample.image.spacing) == ((), (4.0, 3.0, 2.0))
    lines = lines_of(after(root))
    assert lines.index("space dimension: 3") < lines.index(
        "space directions: (2,0,0) (0,3,0) (0,0,4)"
    )
    assert "space origin: (10,20,30)" in lines
    told = ("space dimension", "space directions", "space origin")
    flat = labels(tmp_path / "n", **changes)
    volume = nib.load(after(flat, to="nifti", told=told) / "labels/a.nii.gz")
    assert volume.header.get_zooms() == (2.0, 3.0, 4.0)
    assert (volume.header["sform_code"], volume.header["qform_code"]) == (0, 0)


FIELDS = {
    "content": "my labels: two",
    "sample units": '"id"',
    "old min": "0",
    "thicknesses": "nan nan 1.5",
    "centers": "cell cell node",
    "labels": '"x axis" "y" "z"',
    "measurement frame": "(1,0,0) (0,1,0) (0,0,1)",
}


def test_fields_that_say_nothing_of_voxels_are_kept_or_told(tmp_path):
    root = labels(
        tmp_path, "# made by hand\n", **{k.replace(" ", "_"): v for k, v in FIELDS.items()}
    )
    lines = lines_of(after(root))
    assert "# made by hand" in lines
    assert {f"{name}: {value}" for name, value in FIELDS.items()} <= set(lines)
    out = exact(read_dataset(root / "out", "nrrd"), tmp_path / "twice", to="nrrd")
    assert not out.losses
    assert lines_of(tmp_path / "twice") == lines
    other = labels(tmp_path / "n", "# by hand\n", content="c", old_max="9", labels='"x" "y" "z"')
    after(other, to="nifti", told=("content", "old max", "labels", "comments"))


def test_ends_of_axes_are_kept_where_spacings_are(tmp_path):
    root = labels(tmp_path, **UNPLACED, spacings="1 1 2", axis_mins="10 20 30", units='"um" "" ""')
    lines = lines_of(after(root))
    ends = next(line for line in lines if line.startswith("axis mins: ")).split()[2:]
    assert np.allclose([float(v) for v in ends], [0.01, 0.02, 0.03])


def test_a_measurement_frame_turns_with_its_space(tmp_path):
    frame = "(0,1,0) (1,0,0) (0,0,1)"
    root = labels(tmp_path, space="right-anterior-superior", measurement_frame=frame)
    lines = lines_of(after(root))
    assert "measurement frame: (0.0,-1.0,0.0) (-1.0,0.0,0.0) (0.0,0.0,1.0)" in lines
    assert "space directions: (-2.0,0.0,0.0) (0.0,-3.0,0.0) (0.0,0.0,4.0)" in lines


def test_keys_with_colons_and_other_line_separators_in_values_are_kept(tmp_path):
    pairs = {"k:x": "v", "a: b": "c", "plain": "one\u2028two\u0085three\x0bfour", "n": "a\\\nb"}
    write_nrrd(tmp_path / "a.nrrd", np.zeros((2, 3, 4), np.uint8), (), pairs=pairs)
    assert volume_header(tmp_path / "a.nrrd").kept["nrrd"] == pairs


def test_a_field_whose_text_holds_the_sign_of_pairs_is_a_field(tmp_path):
    lines = lines_of(after(labels(tmp_path, content="a:=b")))
    assert "content: a:=b" in lines


def test_header_text_of_eight_bit_letters_is_read(tmp_path):
    said = text().encode() + "\nName:=Höhle\n\n".encode("latin-1")
    (tmp_path / "a.nrrd").write_bytes(said + bytes(24))
    assert volume_header(tmp_path / "a.nrrd").kept["nrrd"] == {"Name": "Höhle"}


def test_lines_that_end_as_on_windows_are_read(tmp_path):
    said = text(content="c").replace("\n", "\r\n").encode() + b"\r\nk:=v\r\n\r\n"
    (tmp_path / "a.nrrd").write_bytes(said + bytes(24))
    found = volume_header(tmp_path / "a.nrrd").kept
    assert (found["nrrd"], found["nrrd_header"]) == ({"k": "v"}, {"content": "c"})


def test_voxels_as_small_as_nanometres_are_no_flat_volume(tmp_path):
    small = np.diag([1e-6, 1e-6, 1e-6, 1.0]).tolist()
    small = tuple(map(tuple, small))
    write_nrrd(tmp_path / "a.nrrd", np.zeros((2, 3, 4), np.uint8), small)
    assert read_nrrd(tmp_path / "a.nrrd").header.affine == small


SEGMENTS = {
    "Segment0_ID": "first", "Segment0_Name": "nothing yet", "Segment0_LabelValue": "9",
    "Segment0_Layer": "0", "Segment1_ID": "second", "Segment1_Name": "liver",
    "Segment1_LabelValue": "4", "Segment1_Layer": "0", "Segment1_Tags": "a|",
    "Segmentation_ReferenceImageExtentOffset": "2 1 0",
}  # fmt: skip


def test_segments_without_voxels_keep_their_number_and_place(tmp_path):
    affine = tuple(tuple(float(i == j) for j in range(4)) for i in range(4))
    array = np.zeros((2, 3, 4), np.uint8)
    array[0, 1] = 4
    write_nrrd(tmp_path / "in/labels/a.seg.nrrd", array, affine, pairs=SEGMENTS)
    exact(read_dataset(tmp_path / "in"), tmp_path / "out", to="nrrd")
    image = sitk.ReadImage(str(tmp_path / "out/labels/a.seg.nrrd"))
    for key in ("Segment0_ID", "Segment0_LabelValue", "Segment1_ID", "Segment1_LabelValue"):
        assert image.GetMetaData(key) == SEGMENTS[key]


def test_a_segmentation_put_on_the_grid_of_its_image_begins_there(tmp_path):
    whole = np.zeros((4, 5, 6), np.uint8)
    whole[1, 2, 3] = 4
    grid = np.diag([-1.0, -1, 1, 1])
    crop = grid.copy()
    crop[:, 3] = grid @ [2, 1, 0, 1]
    place = [tuple(tuple(map(float, row)) for row in matrix) for matrix in (grid, crop)]
    write_nrrd(tmp_path / "in/images/a.nrrd", whole.astype(np.int16), place[0])
    write_nrrd(tmp_path / "in/labels/a.seg.nrrd", whole[:3, 1:4, 2:6], place[1], pairs=SEGMENTS)
    exact(read_dataset(tmp_path / "in"), tmp_path / "out", to="nrrd")
    image = sitk.ReadImage(str(tmp_path / "out/labels/a.seg.nrrd"))
    assert np.array_equal(sitk.GetArrayFromImage(image), whole)
    assert image.GetMetaData("Segmentation_ReferenceImageExtentOffset") == "0 0 0"
