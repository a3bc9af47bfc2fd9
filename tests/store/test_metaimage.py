from __future__ import annotations

import zlib

import numpy as np
import pytest
from tests.formats.volumes import OBLIQUE, oblique

from maskloom.errors import DataError, FormatError, ImageError, WriteError
from maskloom.store.metaimage import mha_header, read_mha, write_mha
from maskloom.store.volumes import place_volume, read_volume, volume_header

HEADER = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "0 0 0",
    "ElementSpacing": "1 1 1",
    "DimSize": "4 3 2",
    "ElementType": "MET_UCHAR",
    "ElementDataFile": "LOCAL",
}


def text(path, data=bytes(range(24)), **changes):
    fields = {**HEADER, **changes}
    fields["ElementDataFile"] = fields.pop("ElementDataFile")
    lines = [f"{key} = {value}\n" for key, value in fields.items() if value is not None]
    path.write_bytes("".join(lines).encode() + data)
    return path


def values(dtype, size=(3, 4, 5)):
    rng = np.random.default_rng(3)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=size).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return rng.integers(low, high, size, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("affine", [OBLIQUE, oblique(), oblique(-1.2, (2.0, 0.5, 0.9))])
def test_simpleitk_sees_the_same_voxels_at_the_same_places(tmp_path, dtype, affine):
    sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
    array = values(dtype)
    write_mha(tmp_path / "a.mha", array, affine)
    image = sitk.ReadImage(str(tmp_path / "a.mha"))
    assert np.array_equal(sitk.GetArrayFromImage(image), array)
    for x, y, z in np.random.default_rng(0).integers(0, 5, (10, 3)).tolist():
        ours = (np.array(affine) @ [x, y, z, 1])[:3]
        theirs = np.array(image.TransformIndexToPhysicalPoint((x, y, z))) * [-1, -1, 1]
        assert np.allclose(ours, theirs, atol=1e-9)
    for packed in (False, True):
        sitk.WriteImage(image, str(tmp_path / "b.mha"), packed)
        back = read_mha(tmp_path / "b.mha")
        assert np.array_equal(back.array, array)
        assert back.array.dtype == array.dtype
        assert np.allclose(back.header.affine, affine, atol=1e-9)


def test_our_own_files_come_back_and_are_the_same_bytes(tmp_path):
    array = values("i2", (2, 3, 4, 2))
    write_mha(tmp_path / "a.mha", array, OBLIQUE)
    back = read_mha(tmp_path / "a.mha")
    assert np.array_equal(back.array, array)
    assert back.header.channels == 2
    assert back.header.affine == OBLIQUE
    write_mha(tmp_path / "b.mha", back.array, back.header.affine)
    assert (tmp_path / "a.mha").read_bytes() == (tmp_path / "b.mha").read_bytes()
    place_volume(tmp_path / "a.mha", tmp_path / "c.nrrd")
    place_volume(tmp_path / "c.nrrd", tmp_path / "d.mha")
    assert np.array_equal(read_volume(tmp_path / "d.mha").array, array)
    with pytest.raises(WriteError, match="no such values"):
        write_mha(tmp_path / "e.mha", array.astype(np.float16), ())


def test_what_a_file_does_not_say_is_not_invented(tmp_path):
    silent = {"TransformMatrix": None, "Offset": None}
    header = volume_header(text(tmp_path / "a.mha", **silent, ElementSpacing="1 2 3"))
    assert (header.affine, header.spacing) == ((), (3.0, 2.0, 1.0))
    header = mha_header(text(tmp_path / "a.mha", **silent, ElementSpacing=None))
    assert (header.affine, header.spacing) == ((), ())
    write_mha(tmp_path / "b.mha", np.zeros((2, 3, 4), np.uint8), (), spacing=(3.0, 2.0, 1.0))
    header = mha_header(tmp_path / "b.mha")
    assert (header.affine, header.spacing) == ((), (3.0, 2.0, 1.0))


def test_the_order_of_bytes_is_the_file_s(tmp_path):
    data = np.arange(24, dtype=">u2").tobytes()
    changes = {"ElementType": "MET_USHORT", "BinaryDataByteOrderMSB": "True"}
    array = read_mha(text(tmp_path / "a.mha", data, **changes)).array
    assert array.ravel().tolist() == list(range(24))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"NDims": "2"}, "number of axes"),
        ({"DimSize": "4 3"}, "not 3 numbers"),
        ({"DimSize": "4 3 x"}, "not 3 numbers"),
        ({"DimSize": "0 3 2"}, "sides of a volume"),
        ({"DimSize": "99999 99999 99999"}, "sides of a volume|before its last voxel"),
        ({"ElementType": "MET_OTHER"}, "no such type"),
        ({"ElementDataFile": "x.raw"}, "file of their own"),
        ({"BinaryData": "False"}, "as text"),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, "place no voxel"),
        ({"Offset": "nan 0 0"}, "place no voxel"),
        ({"CompressedData": "True"}, "damaged"),
        ({"ElementNumberOfChannels": "9"}, "before its last voxel"),
        ({"ElementNumberOfChannels": "-1"}, "sides of a volume"),
    ],
)
def test_hostile_headers_are_one_error(tmp_path, changes, what):
    with pytest.raises(DataError, match=what) as caught:
        read_mha(text(tmp_path / "bad.mha", **changes))
    assert "bad.mha" in str(caught.value)


def test_cut_off_and_flipped_files_are_one_error(tmp_path):
    write_mha(tmp_path / "a.mha", values("u1"), OBLIQUE)
    raw = (tmp_path / "a.mha").read_bytes()
    for cut in (0, 5, 60, len(raw) - 30, len(raw) - 1):
        (tmp_path / "cut.mha").write_bytes(raw[:cut])
        with pytest.raises((FormatError, ImageError), match=r"cut\.mha"):
            read_mha(tmp_path / "cut.mha")
    (tmp_path / "flip.mha").write_bytes(raw[:-3] + bytes([raw[-3] ^ 1]) + raw[-2:])
    with pytest.raises(FormatError, match="damaged"):
        read_mha(tmp_path / "flip.mha")
    bomb = zlib.compress(b"\0" * (1 << 22))
    more = text(tmp_path / "more.mha", bomb, CompressedData="True")
    with pytest.raises(FormatError, match="more than the header declares"):
        read_mha(more)
    less = {"CompressedData": "True", "DimSize": "30000 30000 30"}
    with pytest.raises(FormatError, match="too short"):
        read_mha(text(tmp_path / "less.mha", bomb, **less))
