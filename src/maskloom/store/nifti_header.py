"""The header of a NIfTI file, version 1 and 2: its fields as stored, and what they mean.

Source: NIfTI-1.1, nifti1.h (R. W. Cox, NIMH); NIfTI-2, nifti2.h. Of sform and qform, sform
goes first, as in nibabel; with neither the file does not say where its voxels lie, and maskloom
does not invent a place for them. Extensions are `nifti_extensions.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.volumes import Affine, spacing_of
from maskloom.errors import FormatError
from maskloom.store.volume_header import VolumeHeader, checked_affine, checked_sides

_QUATERNION = [(f"quatern_{c}", "f4") for c in "bcd"] + [(f"qoffset_{c}", "f4") for c in "xyz"]
_ROWS = [(f"srow_{c}", "f4", 4) for c in "xyz"]
NIFTI_1 = np.dtype(
    [
        ("sizeof_hdr", "i4"), ("unused", "S35"), ("dim_info", "u1"), ("dim", "i2", 8),
        ("intent_p", "f4", 3), ("intent_code", "i2"), ("datatype", "i2"), ("bitpix", "i2"),
        ("slice_start", "i2"), ("pixdim", "f4", 8), ("vox_offset", "f4"), ("scl_slope", "f4"),
        ("scl_inter", "f4"), ("slice_end", "i2"), ("slice_code", "u1"), ("xyzt_units", "u1"),
        ("cal_max", "f4"), ("cal_min", "f4"), ("slice_duration", "f4"), ("toffset", "f4"),
        ("glmax", "i4"), ("glmin", "i4"), ("descrip", "S80"), ("aux_file", "S24"),
        ("qform_code", "i2"), ("sform_code", "i2"), *_QUATERNION, *_ROWS,
        ("intent_name", "S16"), ("magic", "S4"),
    ]
)  # fmt: skip
NIFTI_2 = np.dtype(
    [
        ("sizeof_hdr", "i4"), ("magic", "S8"), ("datatype", "i2"), ("bitpix", "i2"),
        ("dim", "i8", 8), ("intent_p", "f8", 3), ("pixdim", "f8", 8), ("vox_offset", "i8"),
        ("scl_slope", "f8"), ("scl_inter", "f8"), ("cal_max", "f8"), ("cal_min", "f8"),
        ("slice_duration", "f8"), ("toffset", "f8"), ("slice_start", "i8"), ("slice_end", "i8"),
        ("descrip", "S80"), ("aux_file", "S24"), ("qform_code", "i4"), ("sform_code", "i4"),
        *[(name, "f8") for name, *_ in _QUATERNION], *[(name, "f8", 4) for name, *_ in _ROWS],
        ("slice_code", "i4"), ("xyzt_units", "i4"), ("intent_code", "i4"), ("intent_name", "S16"),
        ("dim_info", "u1"), ("unused", "S15"),
    ]
)  # fmt: skip
TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4",
    1024: "i8", 1280: "u8",
}  # fmt: skip
_ORDERS: tuple[Literal["<"], Literal[">"]] = ("<", ">")
_MM = {1: 1000.0, 3: 0.001}
_MOST_EXTENSIONS = 1 << 24


def parse_header(start: bytes, path: Path) -> tuple[VolumeHeader, np.void]:
    """The meaning of a header and its fields.

    Args:
        start: the first 540 bytes of the unpacked file, or all there are.
        path: what to name in errors.

    Raises:
        FormatError: not a NIfTI file with its voxels, or fields that cannot be.
    """
    fields = fields_of(start, path)
    code = int(fields["datatype"])
    if code not in TYPES:
        raise FormatError(
            "a type of voxels that is not read (complex, RGB or unknown)",
            where=f"{path}: datatype",
            seen=code,
            hint="store whole numbers",
        )
    sides, channels = _sides(fields, path)
    dtype = np.dtype(TYPES[code]).newbyteorder(fields.dtype["dim"].base.byteorder)
    affine = _affine(fields, path)
    mm = _MM.get(int(fields["xyzt_units"]) & 7, 1.0)
    steps = tuple(abs(float(v)) * mm for v in fields["pixdim"][3:0:-1])
    known = all(np.isfinite(v) and v > 0 for v in steps)
    spacing = spacing_of(affine) if affine else steps if known else ()
    slope, inter = float(fields["scl_slope"]), float(fields["scl_inter"])
    scale = (slope, inter) if np.isfinite([slope, inter]).all() and slope != 0 else (1.0, 0.0)
    first = float(fields["vox_offset"])
    if not fields.dtype.itemsize <= first <= _MOST_EXTENSIONS:
        raise FormatError(
            "voxels that begin where none can be", where=f"{path}: vox_offset", seen=first
        )
    return (
        VolumeHeader(sides, dtype, channels, affine, spacing, scale, int(first)),
        fields,
    )


def kept_bytes(raw: bytes) -> dict[str, str]:
    """Header and extensions as plain JSON, for `VolumeHeader.kept`."""
    return {"nifti": base64.b64encode(raw).decode("ascii")}


def byte_order(raw: bytes) -> Literal["<", ">"]:
    """That of a header, by its first number."""
    return "<" if int.from_bytes(raw[:4], "little") in (348, 540) else ">"


def fields_of(start: bytes, path: Path) -> np.void:
    """The fields as stored, in their byte order.

    Raises:
        FormatError: not a NIfTI file, or one of two files.
    """
    for kind in (NIFTI_1, NIFTI_2):
        for order in _ORDERS:
            size = int.from_bytes(start[:4], "little" if order == "<" else "big")
            if size != kind.itemsize or len(start) < size:
                continue
            fields: np.void = np.frombuffer(start[:size], kind.newbyteorder(order))[0]
            magic = bytes(fields["magic"])
            if magic.startswith((b"n+1", b"n+2")):
                return fields
            if magic.startswith((b"ni1", b"ni2")):
                raise FormatError(
                    "header and voxels in two files are not read",
                    where=path,
                    hint="store them as one .nii",
                )
    raise FormatError(
        "not a NIfTI file, or its header is damaged",
        where=path,
        seen=start[:8],
        hint="copy it again",
    )


def _sides(fields: np.void, path: Path) -> tuple[tuple[int, int, int], int]:
    """((D, H, W), channels): the fourth axis and beyond, as BraTS and the Decathlon use it."""
    rank = int(fields["dim"][0])
    if not 1 <= rank <= 7:
        raise FormatError(
            "a number of axes that cannot be", where=f"{path}: dim", seen=rank, hint="copy it again"
        )
    dims = [int(v) for v in fields["dim"][1 : rank + 1]] + [1] * (7 - rank)
    size = (dims[2], dims[1], dims[0])
    checked_sides(size, path)
    checked_sides((1, 1, min(dims[3:])), path)
    channels = int(np.prod([float(v) for v in dims[3:]]))
    if channels > 1 << 20:
        raise FormatError("more channels than can be", where=f"{path}: dim", seen=channels)
    return size, channels


def _affine(fields: np.void, path: Path) -> Affine:
    matrix = np.eye(4)
    if int(fields["sform_code"]) > 0:
        matrix[:3] = [fields[f"srow_{c}"] for c in "xyz"]
        name = "sform"
    elif int(fields["qform_code"]) > 0:
        quaternion = np.array([fields[f"quatern_{c}"] for c in "bcd"], np.float64)
        steps = np.array(fields["pixdim"][1:4], np.float64)
        steps[2] *= -1 if fields["pixdim"][0] < 0 else 1
        matrix[:3, :3] = rotation(quaternion) * steps
        matrix[:3, 3] = [fields[f"qoffset_{c}"] for c in "xyz"]
        name = "qform"
    else:
        return ()
    matrix[:3] *= _MM.get(int(fields["xyzt_units"]) & 7, 1.0)
    return checked_affine(matrix, path, name)


def rotation(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """3×3 rotation of the last three parts of a unit quaternion, as nifti1.h has it."""
    b, c, d = quaternion
    a = 1.0 - (b * b + c * c + d * d)
    if a < 1e-7:
        b, c, d = quaternion / np.sqrt(b * b + c * c + d * d)
        a = 0.0
    else:
        a = np.sqrt(a)
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )


def kept_of(kept: Any) -> bytes | None:
    """Header and extensions from `kept_bytes`, or None where there are none."""
    text = kept.get("nifti") if isinstance(kept, Mapping) else None
    return base64.b64decode(text) if isinstance(text, str) else None
