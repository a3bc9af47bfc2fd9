"""NRRD files with attached voxels: header text and voxels in and out.

Source: teem.sourceforge.net/nrrd/format.html (NRRD0005). Axes are stored fastest first, as voxels
are. Three axes are space; one more, of kind list, vector or the like, holds the values of a voxel
(layers of a Slicer segmentation, channels). LPS and LAS frames become RAS+.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.volumes import Affine, spacing_of
from maskloom.errors import FormatError, WriteError
from maskloom.store.files import atomic_write_bytes
from maskloom.store.nrrd_header import (
    KEPT,
    NrrdText,
    for_axes,
    kept_fields,
    kept_lines,
    millimetres,
    of_space,
    pair_line,
    read_text,
    unplaced_lines,
    words,
)
from maskloom.store.volume_header import (
    DEFLATE_RATIO,
    Volume,
    VolumeHeader,
    check_memory,
    checked_affine,
    checked_sides,
    truncated,
    unpacked,
)

SUFFIXES = (".nrrd",)
# bzip2 makes 46 MB of equal bytes into 40
_UNPACKERS: dict[str, Any] = {
    **dict.fromkeys(("gzip", "gz"), partial(zlib.decompressobj, wbits=47)),
    **dict.fromkeys(("bzip2", "bz2"), bz2.BZ2Decompressor),
}
_RATIOS = {"gzip": DEFLATE_RATIO, "gz": DEFLATE_RATIO, "bzip2": 1 << 21, "bz2": 1 << 21}
_TYPES = {
    "i1": "signed char|int8|int8_t", "u1": "uchar|unsigned char|uint8|uint8_t",
    "i2": "short|short int|signed short|signed short int|int16|int16_t",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "i4": "int|signed int|int32|int32_t", "u4": "uint|unsigned int|uint32|uint32_t",
    "i8": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "f4": "float", "f8": "double",
}  # fmt: skip
_TYPE_OF = {name: code for code, names in _TYPES.items() for name in names.split("|")}
_NAME_OF = {np.dtype(code): names.split("|")[-1] for code, names in _TYPES.items()}
_SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip


def nrrd_header(path: Path) -> VolumeHeader:
    """What the header says; key/value pairs are kept as `kept["nrrd"]`.

    Raises:
        FormatError: not a NRRD file with its voxels, or fields that cannot be.
        ImageError: missing or empty.
    """
    return _parsed(read_text(path), path)[0]


def read_nrrd(path: Path) -> Volume:
    """All voxels: (D, H, W), or (D, H, W, C) where a voxel has several values.

    Raises:
        FormatError: as for `nrrd_header`, or cut off or damaged.
        ImageError: missing, empty, or too large for the memory.
    """
    text = read_text(path)
    header, list_axis = _parsed(text, path)
    encoding = text.fields.get("encoding", "raw").lower()
    with path.open("rb") as file:
        file.seek(text.offset)
        packed = path.stat().st_size - text.offset
        if encoding == "raw":
            if packed < header.nbytes:
                raise truncated(path, packed, header)
            check_memory(header, path)
            data = file.read(header.nbytes)
        else:
            ratio = _RATIOS.get(encoding)
            if ratio is None:
                where = f"{path}: encoding"
                hint = "store it raw, gzip or bzip2"
                raise FormatError("no encoding that is read", where=where, seen=encoding, hint=hint)
            check_memory(header, path, packed=packed, ratio=ratio)
            unpacker: Any = _UNPACKERS[encoding]()
            data = unpacked(file.read(), unpacker, header, path)
    if len(data) < header.nbytes:
        raise truncated(path, len(data), header)
    values = np.frombuffer(data, header.dtype)
    values = values.astype(header.dtype.newbyteorder("="))
    if header.channels == 1 and list_axis is None:
        return Volume(values.reshape(header.size), header)
    # Axes in memory run backwards: the fastest is last.
    sides = list(header.size)
    place = 3 - (list_axis or 0)
    sides.insert(place, header.channels)
    return Volume(np.moveaxis(values.reshape(sides), place, -1), header)


def write_nrrd(
    path: Path,
    array: NDArray[Any],
    affine: Affine,
    *,
    spacing: tuple[float, ...] = (),
    pairs: Mapping[str, str] | None = None,
    header: Mapping[str, Any] | None = None,
) -> None:
    """Write a volume, packed with gzip; the same voxels are the same bytes.

    Args:
        path: .nrrd.
        array: (D, H, W), or (D, H, W, C), whose values become a list axis, the fastest.
        affine: voxel centre (x, y, z) → RAS+ mm; empty where it is not known.
        spacing: mm along (D, H, W), where the affine is not known.
        pairs: key/value pairs, in this order.
        header: other fields of a header that was read (`nrrd_header.KEPT`).

    Raises:
        WriteError: the target cannot be written, or NRRD has no such values.
    """
    name = _NAME_OF.get(array.dtype.newbyteorder("="))
    if name is None:
        raise WriteError("NRRD has no such values", where=path, seen=array.dtype)
    depth, height, width = array.shape[:3]
    listed = array.ndim == 4
    sizes = [width, height, depth] if not listed else [array.shape[3], width, height, depth]
    kept = header or {}
    kinds = for_axes("kinds", kept.get("kinds", ["domain"] * 3), array.ndim)
    lines = ["NRRD0005", *(f"#{line}" for line in kept.get("comments", ()))]
    lines += [f"type: {name}", f"dimension: {array.ndim}"]
    place = _place(affine, spacing, kept, array.ndim)
    lines += [line for line in place if line.startswith(("space: ", "space dimension: "))]
    lines.append("sizes: " + " ".join(map(str, sizes)))
    lines += [line for line in place if line not in lines]
    lines += ["kinds: " + " ".join(kinds), "endian: little", "encoding: gzip"]
    lines += kept_lines(kept, array.ndim, placed=any("directions" in line for line in place))
    lines += [pair_line(key, value) for key, value in (pairs or {}).items()]
    packer = zlib.compressobj(6, wbits=31)
    body = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    data = packer.compress(body) + packer.flush()
    atomic_write_bytes(path, ("\n".join(lines) + "\n\n").encode() + data)


def _place(
    affine: Affine, spacing: tuple[float, ...], kept: Mapping[str, Any], rank: int
) -> list[str]:
    """The lines that say where the voxels lie."""
    listed = rank == 4
    if affine:
        matrix = np.array(affine)[:3] * np.array([[-1], [-1], [1]])
        axes = [*(["none"] if listed else []), *(_vector(matrix[:, i]) for i in range(3))]
        units = kept.get("space units") or kept.get("units")
        return [
            "space: left-posterior-superior",
            "space directions: " + " ".join(axes),
            f"space origin: {_vector(matrix[:, 3])}",
            *(["space units: " + " ".join(['"mm"'] * 3)] if units else []),
        ]
    if lines := unplaced_lines(kept, rank):
        return lines
    if not spacing:
        return []
    steps = [repr(float(v)) for v in spacing[::-1]]
    return ["spacings: " + " ".join([*(["nan"] if listed else []), *steps])]


def _parsed(text: NrrdText, path: Path) -> tuple[VolumeHeader, int | None]:
    """(header, which axis of the file holds the values of a voxel)."""
    fields = text.fields
    if "data file" in fields:
        raise FormatError(
            "voxels in a file of their own are not read", where=path, hint="store one .nrrd"
        )
    if any(fields.get(name, "0") != "0" for name in ("byte skip", "line skip")):
        raise FormatError("skipped bytes or lines are not read", where=path)
    code = _TYPE_OF.get(fields.get("type", "").lower())
    if code is None:
        raise FormatError("no such type", where=f"{path}: type", seen=fields.get("type"))
    sizes = _numbers(fields.get("sizes", ""), int, path, "sizes")
    axis = _list_axis(fields, len(sizes), path)
    sides = [n for i, n in enumerate(sizes) if i != axis]
    size = tuple([*sides, *[1] * (3 - len(sides))][::-1])
    checked_sides((size[0], size[1], size[2]), path)
    channels = 1 if axis is None else sizes[axis]
    checked_sides((1, 1, channels), path)
    mm = millimetres(fields, axis, path)
    affine = _affine(fields, axis, mm, path)
    spacing = spacing_of(affine) if affine else _spacing(fields, axis, mm, path)
    signs = _SPACES[fields["space"].lower()] if affine else ()
    flips = [sign * own for sign, own in zip(signs, _SPACES["lps"], strict=False)]
    own = kept_fields(text, axis, mm, flips)
    header = VolumeHeader(
        (size[0], size[1], size[2]),
        np.dtype(code).newbyteorder(">" if fields.get("endian", "").lower() == "big" else "<"),
        channels,
        affine,
        spacing,
        kept={"nrrd": dict(text.pairs), **({KEPT: own} if own else {})},
    )
    return header, axis


def _list_axis(fields: Mapping[str, str], rank: int, path: Path) -> int | None:
    """The axis that is not space: by its kind, its missing direction, or as the first of four."""
    if fields.get("dimension", str(rank)) != str(rank) or not 2 <= rank <= 4:
        raise FormatError(
            "a number of axes that is not read", where=f"{path}: dimension", seen=rank
        )
    directions = words(fields.get("space directions", ""))
    if len(directions) == rank and directions.count("none") == 1:
        return directions.index("none")
    kinds = fields.get("kinds", "").lower().split()
    other = [i for i, kind in enumerate(kinds) if kind not in ("domain", "space", "???", "none")]
    if len(kinds) == rank and len(other) == 1:
        return other[0]
    return 0 if rank == 4 else None


def _spacing(
    fields: Mapping[str, str], axis: int | None, mm: float, path: Path
) -> tuple[float, ...]:
    """Along (D, H, W), of a file that does not say where it lies; empty where it does not say."""
    vectors = of_space(fields, "space directions", axis)
    if vectors and "none" not in vectors:
        steps = [float(np.linalg.norm(_three(v, path, of=None))) for v in vectors]
    else:
        own = " ".join(of_space(fields, "spacings", axis))
        steps = _numbers(own, float, path, "spacings")
    known = len(steps) == 3 and all(0 < v < np.inf for v in steps)
    return tuple(v * mm for v in steps[::-1]) if known else ()


def _affine(fields: Mapping[str, str], axis: int | None, mm: float, path: Path) -> Affine:
    name = fields.get("space", "").lower()
    vectors = of_space(fields, "space directions", axis)
    if not name or len(vectors) != 3 or "none" in vectors:
        return ()
    if name not in _SPACES:
        raise FormatError(
            "a space that is not read",
            where=f"{path}: space",
            seen=name,
            hint=f"known: {', '.join(n for n in _SPACES if '-' in n)}",
        )
    matrix = np.eye(4)
    for i, vector in enumerate([*vectors, fields.get("space origin", "(0,0,0)")]):
        matrix[:3, i] = _three(vector, path)
    matrix[:3] *= mm * np.array(_SPACES[name])[:, None]
    return checked_affine(matrix + 0.0, path, "space directions")


def _three(vector: str, path: Path, *, of: int | None = 3) -> list[float]:
    """The numbers of a vector, of three or of any number."""
    text = vector.strip("() ").replace(",", " ")
    values: list[float] = _numbers(text, float, path, "space directions")
    if of is not None and len(values) != of:
        raise FormatError("not a vector of three", where=f"{path}: space", seen=vector)
    return values


def _numbers(text: str, kind: Any, path: Path, name: str) -> list[Any]:
    try:
        return [kind(word) for word in text.split()]
    except (ValueError, OverflowError) as error:
        raise FormatError("not numbers", where=f"{path}: {name}", seen=text) from error


def _vector(values: NDArray[np.float64]) -> str:
    return "(" + ",".join(repr(float(v) + 0.0) for v in values) + ")"
