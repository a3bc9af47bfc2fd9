"""MetaImage files with attached voxels (.mha): header text and voxels in and out.

Source: ITK, MetaIO documentation. Lines are `Key = Value` up to `ElementDataFile = LOCAL`; axes are
stored fastest first; places are LPS and become RAS+; packed voxels are one zlib stream.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.volumes import Affine, spacing_of
from maskloom.errors import FormatError, WriteError
from maskloom.store.files import atomic_write_bytes
from maskloom.store.images import refuse_absent
from maskloom.store.volume_header import (
    Volume,
    VolumeHeader,
    check_memory,
    checked_affine,
    checked_sides,
    truncated,
    unpacked,
)

SUFFIXES = (".mha",)
_MOST_HEADER = 1 << 16
_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2",
    "MET_INT": "i4", "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_NAMES = {code: name for name, code in reversed(_TYPES.items())}


def mha_header(path: Path) -> VolumeHeader:
    """What the header says.

    Raises:
        FormatError: no MetaImage of three dimensions with its voxels, or fields that cannot be.
        ImageError: missing or empty.
    """
    return _parsed(*_fields(path), path)


def read_mha(path: Path) -> Volume:
    """All voxels: (D, H, W), or (D, H, W, C) where a voxel has several values.

    Raises:
        FormatError: as for `mha_header`, or cut off or damaged.
        ImageError: missing, empty, or too large for the memory.
    """
    fields, offset = _fields(path)
    header = _parsed(fields, offset, path)
    packed = path.stat().st_size - offset
    with path.open("rb") as file:
        file.seek(offset)
        if _yes(fields, "compresseddata"):
            check_memory(header, path, packed=packed)
            data = unpacked(file.read(), zlib.decompressobj(wbits=47), header, path)
        else:
            if packed < header.nbytes:
                raise truncated(path, packed, header)
            check_memory(header, path)
            data = file.read(header.nbytes)
    if len(data) < header.nbytes:
        raise truncated(path, len(data), header)
    values = np.frombuffer(data, header.dtype).astype(header.dtype.newbyteorder("="))
    sides = header.size if header.channels == 1 else (*header.size, header.channels)
    return Volume(values.reshape(sides), header)


def write_mha(
    path: Path, array: NDArray[Any], affine: Affine, *, spacing: tuple[float, ...] = ()
) -> None:
    """Write a volume, packed; the same voxels are the same bytes.

    Args:
        path: .mha.
        array: (D, H, W), or (D, H, W, C).
        affine: voxel centre (x, y, z) → RAS+ mm; empty where it is not known.
        spacing: mm along (D, H, W), where the affine is not known.

    Raises:
        WriteError: the target cannot be written, or MetaImage has no such values.
    """
    kind = _NAMES.get(array.dtype.newbyteorder("=").str[1:])
    if kind is None:
        raise WriteError("MetaImage has no such values", where=path, seen=array.dtype)
    body = zlib.compress(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes(), 6)
    lines = ["ObjectType = Image", "NDims = 3", "BinaryData = True"]
    lines += ["BinaryDataByteOrderMSB = False", "CompressedData = True"]
    lines.append(f"CompressedDataSize = {len(body)}")
    if affine:
        matrix = np.array(affine)[:3] * np.array([[-1], [-1], [1]])
        spacing = spacing_of(affine)
        axes = matrix[:, :3] / np.array(spacing[::-1])
        lines.append(f"TransformMatrix = {_text(axes.T.ravel())}")
        lines.append(f"Offset = {_text(matrix[:, 3])}")
    if spacing:
        lines.append(f"ElementSpacing = {_text(spacing[::-1])}")
    lines.append("DimSize = " + " ".join(str(side) for side in array.shape[2::-1]))
    if array.ndim == 4:
        lines.append(f"ElementNumberOfChannels = {array.shape[3]}")
    lines += [f"ElementType = {kind}", "ElementDataFile = LOCAL"]
    atomic_write_bytes(path, ("\n".join(lines) + "\n").encode("ascii") + body)


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """(lower-case key → value, bytes before the voxels)."""
    refuse_absent(path)
    found: dict[str, str] = {}
    with path.open("rb") as file:
        while file.tell() < _MOST_HEADER:
            line = file.readline(_MOST_HEADER)
            key, equals, value = line.decode("utf-8", "replace").partition("=")
            if not equals:
                break
            found[key.strip().lower()] = value.strip()
            if key.strip().lower() == "elementdatafile":
                return found, file.tell()
    raise FormatError("not a MetaImage file", where=path, hint="copy it again")


def _parsed(fields: Mapping[str, str], offset: int, path: Path) -> VolumeHeader:
    if fields["elementdatafile"].upper() != "LOCAL":
        raise FormatError(
            "voxels in a file of their own are not read", where=path, hint="store one .mha"
        )
    if fields.get("ndims") != "3":
        raise FormatError(
            "a number of axes that is not read", where=f"{path}: NDims", seen=fields.get("ndims")
        )
    code = _TYPES.get(fields.get("elementtype", "").upper())
    if code is None:
        raise FormatError(
            "no such type", where=f"{path}: ElementType", seen=fields.get("elementtype")
        )
    if fields.get("binarydata", "True").lower() not in ("true", "1"):
        raise FormatError("voxels as text are not read", where=f"{path}: BinaryData")
    sides = _numbers(fields, ("dimsize",), 3, int, path)
    size = (sides[2], sides[1], sides[0])
    checked_sides(size, path)
    channels = _numbers(fields, ("elementnumberofchannels",), 1, int, path) or [1]
    checked_sides((1, 1, channels[0]), path)
    big = any(_yes(fields, f"{what}byteordermsb") for what in ("binarydata", "element"))
    affine, spacing = _place(fields, path)
    return VolumeHeader(
        size, np.dtype(code).newbyteorder(">" if big else "<"), channels[0], affine, spacing,
        offset=offset,
    )  # fmt: skip


def _place(fields: Mapping[str, str], path: Path) -> tuple[Affine, tuple[float, ...]]:
    """(affine, spacing), each empty where the file does not say."""
    steps = _numbers(fields, ("elementspacing", "elementsize"), 3, float, path)
    axes = _numbers(fields, ("transformmatrix", "rotation", "orientation"), 9, float, path)
    origin = _numbers(fields, ("offset", "position", "origin"), 3, float, path)
    if not axes and not origin:
        good = len(steps) == 3 and all(0 < v < np.inf for v in steps)
        return (), tuple(steps[::-1]) if good else ()
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(axes or np.eye(3)).reshape(3, 3).T * np.array(steps or [1.0] * 3)
    matrix[:3, 3] = origin or 0
    matrix[:2] *= -1
    affine = checked_affine(matrix + 0.0, path, "TransformMatrix")
    return affine, spacing_of(affine)


def _numbers(
    fields: Mapping[str, str], names: tuple[str, ...], count: int, kind: Any, path: Path
) -> list[Any]:
    """The numbers of the first of some fields that is there; none where none is."""
    name = next((one for one in names if one in fields), None)
    if name is None:
        return []
    try:
        found = [kind(word) for word in fields[name].split()]
    except (ValueError, OverflowError):
        found = []
    if len(found) != count:
        raise FormatError(f"not {count} numbers", where=f"{path}: {name}", seen=fields[name])
    return found


def _yes(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "").lower() in ("true", "1")


def _text(values: Any) -> str:
    return " ".join(repr(float(v) + 0.0) for v in values)
