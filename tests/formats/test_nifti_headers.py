"""What a NIfTI header and its extensions say of labels that are written again, by nibabel."""

from __future__ import annotations

import gzip
import json
import re
import struct

import numpy as np
import pytest

from maskloom.errors import FormatError
from maskloom.formats.detect import read_dataset
from maskloom.formats.rename import renamed

from .test_nifti import exact
from .volumes import ORGANS, classes, torture, volumes_of

nib = pytest.importorskip("nibabel", reason="needs the extra medical")
ENTRY = '<Label Key="{}" Red="0.{}" Green="0" Blue="0" Alpha="1"><![CDATA[{}]]></Label>'


def values():
    out = np.zeros((4, 5, 6), np.uint8)
    out[1], out[2, 1:3] = 5, 90
    return out


def labelled(path, array, names, **header):
    """A volume with a label table as TotalSegmentator writes it."""
    image = nib.Nifti1Image(array, np.diag([2.0, 2, 3, 1]))
    for name, value in header.items():
        image.header[name] = value
    rows = "\n".join(ENTRY.format(n, n % 10, name) for n, name in names.items())
    xml = f"<CaretExtension><VolumeInformation><LabelTable>\n{rows}\n</LabelTable>"
    xml += "</VolumeInformation></CaretExtension>"
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"a comment"))
    image.header.extensions.append(nib.nifti1.Nifti1Extension(30, xml.encode()))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def table_of(path):
    """Number → (name, red) of the table in a file; its other extensions are counted."""
    found = nib.load(path).header.extensions
    text = b"".join(one.content for one in found if one.get_code() == 30).decode()
    entries = re.findall(r'Key="(\d+)" Red="([\d.]+)".*?CDATA\[(.*?)\]\]', text)
    assert [one.get_code() for one in found if one.get_code() != 30] == [6]
    return {int(n): (name, red) for n, red, name in entries}


TABLE = {5: "liver", 90: "brain"}


def test_a_label_table_says_what_nnunet_s_numbers_mean(tmp_path):
    source = labelled(tmp_path / "a.nii.gz", values(), TABLE)
    exact(read_dataset(source), tmp_path / "out", to="nnunet")
    file = tmp_path / "out/labelsTr/a.nii.gz"
    told = json.loads((tmp_path / "out/dataset.json").read_text())["labels"]
    assert {name: n for n, (name, _) in table_of(file).items()} == {
        name: n for name, n in told.items() if n
    }
    assert table_of(file) == {1: ("liver", "0.5"), 2: ("brain", "0.0")}
    found = np.asarray(nib.load(file).dataobj)
    assert np.array_equal(found, np.select([values() == 5, values() == 90], [1, 2]))
    exact(read_dataset(file, "nifti"), tmp_path / "again", to="nifti")


def test_a_label_table_that_is_still_true_keeps_its_bytes(tmp_path):
    source = labelled(tmp_path / "in/labels/a.nii.gz", values(), {0: "background", **TABLE})
    exact(read_dataset(tmp_path / "in"), tmp_path / "out", to="nifti")
    old, new = (
        [one.content for one in nib.load(p).header.extensions]
        for p in (source, tmp_path / "out/labels/a.nii.gz")
    )
    assert old == new


@pytest.mark.parametrize(
    ("pairs", "wanted"),
    [
        (["liver=organ"], {5: "organ", 90: "brain"}),
        (["liver=brain", "brain=liver"], {5: "brain", 90: "liver"}),
        (["liver=brain"], {90: "brain"}),
    ],
)
def test_a_label_table_follows_new_names(tmp_path, pairs, wanted):
    source = labelled(tmp_path / "a.nii.gz", values(), TABLE)
    exact(renamed(read_dataset(source), pairs), tmp_path / "out", to="nifti")
    file = tmp_path / "out/labels/a.nii.gz"
    assert {n: name for n, (name, _) in table_of(file).items()} == wanted
    numbers = set(np.unique(np.asarray(nib.load(file).dataobj)).tolist()) - {0}
    assert numbers == set(wanted)


def test_numbers_of_objects_have_no_names_of_classes(tmp_path):
    source = labelled(tmp_path / "in/labels/a.nii.gz", values(), TABLE)
    data = read_dataset(tmp_path / "in", settings=["kind=instance"])
    exact(data, tmp_path / "out", to="nifti", kind="instance")
    assert source.is_file()
    assert table_of(tmp_path / "out/labels/a.nii.gz") == {}


def test_extensions_of_a_big_endian_file_are_read_by_others(tmp_path):
    source = labelled(tmp_path / "a.nii", values(), TABLE)
    image = nib.load(source)
    swapped = nib.Nifti1Image(
        np.asarray(image.dataobj), image.affine, image.header.as_byteswapped()
    )
    swapped.header.extensions.extend(image.header.extensions)
    (tmp_path / "in").mkdir()
    nib.save(swapped, tmp_path / "in/b.nii")
    assert (tmp_path / "in/b.nii").read_bytes()[:4] == struct.pack(">i", 348)
    exact(read_dataset(tmp_path / "in/b.nii"), tmp_path / "out", to="nifti")
    assert table_of(tmp_path / "out/labels/b.nii.gz")[90][0] == "brain"


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i4"])
def test_the_type_of_numbers_is_kept(tmp_path, dtype):
    labelled(tmp_path / "in/labels/a.nii.gz", values().astype(dtype), TABLE)
    exact(read_dataset(tmp_path / "in"), tmp_path / "out", to="nifti")
    found = nib.load(tmp_path / "out/labels/a.nii.gz")
    assert found.get_data_dtype() == np.dtype(dtype)
    assert np.array_equal(np.asarray(found.dataobj), values())


@pytest.mark.parametrize("more", [1, 2])
def test_axes_of_one_place_are_kept(tmp_path, more):
    array = values().reshape(*values().shape, *[1] * more)
    labelled(tmp_path / "in/labels/a.nii.gz", array, TABLE)
    exact(read_dataset(tmp_path / "in"), tmp_path / "out", to="nifti")
    assert nib.load(tmp_path / "out/labels/a.nii.gz").shape == array.shape


def sloped(path, slope, inter=0.0):
    """Whole numbers as multiples of a slope."""
    nib.save(nib.Nifti1Image(values() * np.uint8(2), np.eye(4)), path.with_suffix(""))
    raw = bytearray(path.with_suffix("").read_bytes())
    struct.pack_into("<ff", raw, 112, slope, inter)
    path.with_suffix("").unlink()
    path.write_bytes(gzip.compress(bytes(raw)))
    return path


def test_a_slope_that_is_no_binary_fraction_gives_whole_numbers(tmp_path):
    source = sloped(tmp_path / "a.nii.gz", 0.1)
    assert 1 < float(np.asarray(nib.load(source).dataobj).max()) != 18
    exact(read_dataset(source), tmp_path / "out", to="nifti")
    found = np.asarray(nib.load(tmp_path / "out/labels/a.nii.gz").dataobj)
    assert np.array_equal(found, np.select([values() == 5, values() == 90], [1, 18]))


def test_fractions_that_a_slope_makes_are_refused(tmp_path):
    data = sloped(tmp_path / "a.nii.gz", 0.15)
    with pytest.raises(FormatError, match="no whole number"):
        exact(read_dataset(data), tmp_path / "out", to="nifti")


def test_segments_as_numbers_leave_the_pairs_of_segments_out(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
    exact(volumes_of(ORGANS, {"a": classes(torture())}), tmp_path / "a", to="nrrd", kind="segments")
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nrrd", kind="class")
    image = sitk.ReadImage(str(tmp_path / "b/labels/a.nrrd"))
    assert not [key for key in image.GetMetaDataKeys() if key.startswith("Segment")]
