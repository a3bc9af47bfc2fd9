"""NIfTI files: voxels in and out, packed or not, with the header's own bytes kept.

What the header means is `nifti_header.py`. Sizes are checked before anything is allocated, and
never more is unpacked than the header declares.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from maskloom.core.volumes import Affine, spacing_of
from maskloom.errors import FormatError, ImageError, WriteError
from maskloom.store.files import atomic_write_bytes
from maskloom.store.images import refuse_absent
from maskloom.store.nifti_extensions import little_endian
from maskloom.store.nifti_header import (
    NIFTI_1,
    NIFTI_2,
    TYPES,
    fields_of,
    kept_bytes,
    kept_of,
    parse_header,
)
from maskloom.store.volume_header import (
    Volume,
    VolumeHeader,
    check_memory,
    real_values,
    truncated,
)

SUFFIXES = (".nii.gz", ".nii")
_CODES = {np.dtype(name): code for code, name in TYPES.items()}
_LEVEL = 6
_MOST_SIDE = 32767
_MOST_REST = 1 << 20  # bytes behind the last voxel


def nifti_header(path: Path) -> VolumeHeader:
    """What the header says, its bytes and the extensions kept.

    Raises:
        FormatError: not a NIfTI file, cut off, or fields that cannot be.
        ImageError: missing or empty.
    """
    refuse_absent(path)
    with closing(_opened(path)) as file:
        return _header(file, path)


def read_nifti(path: Path, *, stored: bool = False) -> Volume:
    """All voxels.

    Args:
        path: a .nii or .nii.gz file.
        stored: the numbers as stored, without slope and intercept.

    Returns:
        (D, H, W), or (D, H, W, C) where a voxel has several values.

    Raises:
        FormatError: as for `nifti_header`, or cut off.
        ImageError: missing, empty, or too large for the memory.
    """
    refuse_absent(path)
    with closing(_opened(path)) as file:
        header = _header(file, path)
        length = path.stat().st_size
        if not _packed(path) and length < header.offset + header.nbytes:
            raise truncated(path, max(0, length - header.offset), header)
        check_memory(header, path, packed=length if _packed(path) else None)
        raw = np.empty(header.nbytes, np.uint8)
        found = _fill(file, raw.data, path)
        if found < header.nbytes:
            raise truncated(path, found, header)
        if _packed(path):
            _check_end(file, path)
    values = raw.view(header.dtype).reshape(header.channels, *header.size)
    values = values.astype(header.dtype.newbyteorder("="), copy=False)
    values = values[0] if header.channels == 1 else np.moveaxis(values, 0, -1)
    return Volume(values if stored else real_values(values, header.scale), header)


def write_nifti(
    path: Path,
    array: NDArray[Any],
    affine: Affine,
    *,
    spacing: tuple[float, ...] = (),
    kept: Mapping[str, Any] | None = None,
) -> None:
    """Write a volume; the same voxels are the same bytes.

    Args:
        path: .nii, or .nii.gz, which is packed.
        array: (D, H, W) of whole numbers or float32/64.
        affine: voxel centre (x, y, z) → RAS+ mm; empty where it is not known.
        spacing: mm along (D, H, W), where the affine is not known.
        kept: of a header that was read; its fields are written again where they still hold.

    Raises:
        WriteError: the target cannot be written.
    """
    data = nifti_bytes(array, affine, spacing=spacing, kept=kept)
    if path.name.lower().endswith(".gz"):
        packer = zlib.compressobj(_LEVEL, wbits=31)  # no time and no name in the gzip header
        data = packer.compress(data) + packer.flush()
    atomic_write_bytes(path, data)


def nifti_bytes(
    array: NDArray[Any],
    affine: Affine,
    *,
    spacing: tuple[float, ...] = (),
    kept: Mapping[str, Any] | None = None,
) -> bytes:
    """The bytes of a .nii file; see `write_nifti`.

    Raises:
        WriteError: values of a type that NIfTI does not have.
    """
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        raise WriteError("NIfTI has no such values", seen=array.dtype, hint="store whole numbers")
    raw = kept_of(kept)
    fields = _fresh(array.shape) if raw is None else _again(raw)
    extensions = b"\0\0\0\0" if raw is None else little_endian(raw)
    depth, height, width = array.shape[:3]
    more = [1] if array.ndim == 3 else [array.shape[3]]
    rank = array.ndim if raw is None or array.ndim == 4 else _rank(raw, depth)
    fields["dim"] = [rank, width, height, depth, *more, 1, 1, 1]
    fields["datatype"], fields["bitpix"] = code, array.dtype.itemsize * 8
    fields["vox_offset"] = fields.dtype.itemsize + len(extensions)
    fields["scl_slope"], fields["scl_inter"] = 1, 0
    if raw is None or _place(raw) != affine:
        _set_place(fields, affine, spacing)
    voxels = array if array.ndim == 3 else np.moveaxis(array, -1, 0)
    little = np.ascontiguousarray(voxels, array.dtype.newbyteorder("<"))
    return fields.tobytes() + extensions + little.tobytes()


def _opened(path: Path) -> BinaryIO:
    try:
        return cast("BinaryIO", gzip.open(path, "rb") if _packed(path) else path.open("rb"))
    except OSError as error:
        raise ImageError("the volume cannot be opened", where=path, seen=error) from error


def _packed(path: Path) -> bool:
    """By its first bytes: a .nii that is packed is read as one."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _header(file: BinaryIO, path: Path) -> VolumeHeader:
    start = bytearray(NIFTI_2.itemsize)
    found = _fill(file, memoryview(start), path)
    header, _ = parse_header(bytes(start[:found]), path)
    file.seek(0)
    raw = bytearray(header.offset)
    if (found := _fill(file, memoryview(raw), path)) < header.offset:
        raise truncated(path, 0, header)
    kept = kept_bytes(bytes(raw))
    columns = {name: getattr(header, name) for name in VolumeHeader.__slots__}
    return VolumeHeader(**{**columns, "kept": kept})


def _check_end(file: BinaryIO, path: Path) -> None:
    """Go to the end of a packed file, where its check sum is compared."""
    rest = bytearray(_MOST_REST + 1)
    if _fill(file, memoryview(rest), path, cut_is_end=False) > _MOST_REST:
        raise FormatError(
            "the packed file holds more than its header declares",
            where=path,
            hint="copy it again",
        )


def _fill(file: BinaryIO, into: memoryview, path: Path, *, cut_is_end: bool = True) -> int:
    """Read until the buffer is full or the file ends; returns how many bytes.

    Raises:
        FormatError: the packing is damaged, or cut off where that is no end.
    """
    done = 0
    try:
        while done < len(into):
            count = file.readinto(into[done : done + (1 << 24)])  # type: ignore[attr-defined]
            if not count:
                break
            done += count
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, EOFError) and cut_is_end:
            return done
        raise FormatError(
            "the packed file is damaged", where=path, seen=error, hint="copy it again"
        ) from error
    return done


def _fresh(shape: tuple[int, ...]) -> np.void:
    large = max(shape) > _MOST_SIDE
    kind = NIFTI_2 if large else NIFTI_1
    fields: np.void = np.zeros(1, kind.newbyteorder("<"))[0]
    fields["sizeof_hdr"] = kind.itemsize
    fields["magic"] = b"n+2\0\r\n\x1a\n" if large else b"n+1"
    return fields


def _again(raw: bytes) -> np.void:
    """The fields of a header that was read, little-endian."""
    given = fields_of(raw, Path("header"))
    fields: np.void = np.array([given]).astype(given.dtype.newbyteorder("<"))[0]
    return fields


def _rank(raw: bytes, depth: int) -> int:
    """How many axes the header said, where those beyond three have one place each; else 3."""
    dim = [int(side) for side in fields_of(raw, Path("header"))["dim"]]
    alone = all(side == 1 for side in dim[4 : dim[0] + 1])
    return dim[0] if alone and (dim[0] >= 3 or (depth == 1 and dim[0] == 2)) else 3


def _place(raw: bytes) -> Affine:
    return parse_header(raw[: NIFTI_2.itemsize], Path("header"))[0].affine


def _set_place(fields: np.void, affine: Affine, spacing: tuple[float, ...]) -> None:
    """sform, qform and pixdim of an affine; the qform where the axes are at right angles."""
    fields["xyzt_units"] = 2
    steps = spacing_of(affine) if affine else spacing or (1.0, 1.0, 1.0)
    fields["pixdim"] = [1, *steps[::-1], 1, 1, 1, 1]
    fields["sform_code"] = fields["qform_code"] = 0
    if not affine:
        return
    matrix = np.array(affine)
    for row, axis in zip(matrix, "xyz", strict=False):
        fields[f"srow_{axis}"] = row
    fields["sform_code"] = 1
    axes = matrix[:3, :3] / np.array(steps[::-1])
    if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-5:
        return
    turned = np.linalg.det(axes) < 0
    if turned:
        axes[:, 2] *= -1
    fields["pixdim"][0] = -1 if turned else 1
    for value, name in zip(quaternion_of(axes), "bcd", strict=True):
        fields[f"quatern_{name}"] = value
    for value, name in zip(matrix[:3, 3], "xyz", strict=True):
        fields[f"qoffset_{name}"] = value
    fields["qform_code"] = 1


def quaternion_of(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last three parts of the unit quaternion of a 3×3 rotation, the first not negative."""
    from scipy.spatial.transform import Rotation

    *found, first = Rotation.from_matrix(axes).as_quat()
    return np.array(found) * (-1.0 if first < 0 else 1.0)
