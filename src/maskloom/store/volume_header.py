"""What the header of a voxel file says, whatever the file; reading is `volumes.py`."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.volumes import Affine
from maskloom.errors import FormatError, ImageError
from maskloom.work.memory import free_bytes

MAX_PACKED_VOXELS = 1 << 31
DEFLATE_RATIO = 1032  # a byte of a match of 258, twice: what deflate makes of a byte at best
_MOST_SIDE = (1 << 31) - 1


@dataclass(frozen=True, slots=True, eq=False)
class VolumeHeader:
    """Size, place and coding of a volume.

    Args:
        size: (D, H, W); an image is one plane.
        dtype: of a stored value, byte order included.
        channels: values per voxel.
        affine: 4×4 voxel centre (x, y, z) → RAS+ mm; empty where the file does not say.
        spacing: mm along (D, H, W); empty where the file does not say.
        scale: (slope, intercept) from stored to real values.
        offset: bytes before the first voxel, in the file as it is unpacked.
        kept: fields of the file that maskloom does not interpret, as plain JSON.
    """

    size: tuple[int, int, int]
    dtype: np.dtype[Any]
    channels: int = 1
    affine: Affine = ()
    spacing: tuple[float, ...] = ()
    scale: tuple[float, float] = (1.0, 0.0)
    offset: int = 0
    kept: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of all stored voxels."""
        depth, height, width = self.size
        return depth * height * width * self.channels * self.dtype.itemsize


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A volume in memory.

    Args:
        array: (D, H, W) or (D, H, W, C) real values.
        header: of the file it is from.
    """

    array: NDArray[Any]
    header: VolumeHeader

    @property
    def size(self) -> tuple[int, int, int]:
        """(D, H, W)."""
        return self.header.size


def checked_sides(sides: tuple[int, ...], path: Path) -> None:
    """Refuse sides that no volume has.

    Raises:
        FormatError: one is below 1 or beyond 2³¹ − 1, or a plane is.
    """
    depth, height, width = sides
    if min(sides) < 1 or max(sides) > _MOST_SIDE or depth * height > _MOST_SIDE:
        raise FormatError(
            "sides of a volume that cannot be",
            where=path,
            seen=" × ".join(str(side) for side in (width, height, depth)),
            hint="copy the file again",
        )


def checked_affine(matrix: NDArray[np.float64], path: Path, field_name: str) -> Affine:
    """A 4×4 matrix as an affine.

    Raises:
        FormatError: it holds what is not finite, or maps voxels onto one plane.
    """
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    # Of directions of length one: voxels may be as small as nanometres.
    flat = not np.isfinite(matrix).all() or not steps.all()
    if flat or abs(np.linalg.det(matrix[:3, :3] / steps)) < 1e-12:
        raise FormatError(
            "directions or an origin that place no voxel",
            where=f"{path}: {field_name}",
            seen=np.array2string(matrix[:3], precision=4, separator=","),
            hint="mend the header, or copy the file again",
        )
    return tuple(tuple(float(v) for v in row) for row in matrix)


def check_memory(
    header: VolumeHeader, path: Path, *, packed: int | None = None, ratio: int = DEFLATE_RATIO
) -> None:
    """Refuse what cannot be in the file or not in memory, before anything is read.

    Args:
        header: of the file.
        path: what to name.
        packed: bytes of compressed voxels in the file; None where they are not compressed.
        ratio: how many bytes one of them can stand for.

    Raises:
        FormatError: the voxels that the header declares cannot be in so few bytes.
        ImageError: they are more than `MAX_PACKED_VOXELS`, a few bytes' worth of which would
            be minutes of unpacking, or do not fit into memory.
    """
    width = " × ".join(str(side) for side in header.size[::-1])
    seen = f"{width} voxels of {header.dtype}, {header.nbytes:,} bytes"
    if packed is not None and header.nbytes > packed * ratio:
        raise FormatError(
            "the file is too short for the voxels its header declares",
            where=path,
            seen=f"{seen} in {packed:,}",
            hint="copy the file again",
        )
    depth, height, sides = header.size
    if packed is not None and depth * height * sides * header.channels > MAX_PACKED_VOXELS:
        raise ImageError(
            f"a compressed volume of more than {MAX_PACKED_VOXELS:,} values",
            where=path,
            seen=seen,
            hint="store it without compression, cut it into blocks, or resample it",
        )
    if header.nbytes * 2 > free_bytes():
        raise ImageError(
            "the volume does not fit into memory",
            where=path,
            seen=seen,
            hint="use a machine with more memory",
        )


def truncated(path: Path, found: int, header: VolumeHeader) -> FormatError:
    """The error of a file that ends before its last voxel."""
    return FormatError(
        "the file ends before its last voxel",
        where=path,
        seen=f"{found:,} of {header.nbytes:,} bytes",
        hint="copy the file again",
    )


def unpacked(data: bytes, unpacker: Any, header: VolumeHeader, path: Path) -> bytes:
    """Unpacked voxels, one byte more than the header declares at most.

    Args:
        data: packed.
        unpacker: of `zlib.decompressobj` or `bz2.BZ2Decompressor`.
        header: of the file.
        path: what to name.

    Raises:
        FormatError: damaged, or other than the header declares.
    """
    try:
        # The byte more makes the unpacker look at the check sum behind the last one.
        found = bytes(unpacker.decompress(data, header.nbytes + 1))
    except (OSError, zlib.error) as error:
        raise FormatError(
            "the packed voxels are damaged", where=path, seen=error, hint="copy the file again"
        ) from error
    if len(found) >= header.nbytes and not (unpacker.eof and len(found) == header.nbytes):
        raise FormatError(
            "the packed voxels are more than the header declares, or lack their check sum",
            where=path,
            hint="copy the file again",
        )
    return found


def real_values(stored: NDArray[Any], scale: tuple[float, float]) -> NDArray[Any]:
    """Stored values times the slope plus the intercept; as they are where that changes nothing."""
    if scale == (1.0, 0.0):
        return stored
    return stored * np.float64(scale[0]) + np.float64(scale[1])
