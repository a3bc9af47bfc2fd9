"""DICOM files: what kind they are, their attributes, frames, and where these lie.

Image series as volumes are `dicom_series.py`, segmentations `formats/dicom_seg/format.py`.

Source: DICOM PS3.3 C.7.6.2 (image plane), C.7.6.16 (functional groups); PS3.10 (file meta).
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskloom.core.volumes import Affine
from maskloom.errors import FormatError, MaskloomError, MissingExtra
from maskloom.store.dicom_packed import DEFLATED, check_code, check_coded, inflated
from maskloom.store.volume_header import (
    VolumeHeader,
    check_memory,
    checked_affine,
    checked_sides,
)

SEGMENTATIONS = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
_META = 132
_SOP_CLASS, _SYNTAX = b"\x02\x00\x02\x00", b"\x02\x00\x10\x00"
_MOST_META = 1 << 16
_SUFFIXES = frozenset({".dcm", ".dicom", ".ima", ".seg", ""})
_DEFERRED = 1 << 20  # bytes of an element from which on it is read when it is asked for
_EVEN = 0.01  # of a step: how far a slice may lie from its place


def sop_class(path: Path) -> str:
    """The class of a DICOM file by its file meta; empty where it is no DICOM file.

    Needs no package.
    """
    return _meta_uid(path, _SOP_CLASS)


def _meta_uid(path: Path, tag: bytes) -> str:
    """A UID of the file meta, which is explicit and little-endian in every DICOM file."""
    try:
        with path.open("rb") as file:
            if file.read(_META)[128:] != b"DICM":
                return ""
            start = file.read(_MOST_META)
    except OSError:
        return ""
    at = start.find(tag + b"UI")
    if at < 0:
        return ""
    length = int.from_bytes(start[at + 6 : at + 8], "little")
    return start[at + 8 : at + 8 + length].rstrip(b"\0 ").decode("ascii", "replace")


def dicom_files(folder: Path) -> Iterator[Path]:
    """Files below a folder whose names may be those of DICOM files, by name, one at a time."""
    for parent, inner, names in os.walk(folder):
        inner[:] = sorted(n for n in inner if not n.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES:
                yield Path(parent, name)


def read_dicom(path: Path, *, pixels: bool = False, only: Sequence[str] = ()) -> Any:
    """A pydicom data set.

    Args:
        path: a DICOM file.
        pixels: read them, too.
        only: attributes to read, where not all are needed.

    Raises:
        FormatError: no DICOM file, damaged or cut off.
        ImageError: deflated, and it inflates to more than the limit.
        MissingExtra: pydicom is not installed.
    """
    try:
        import pydicom
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "DICOM needs the package 'pydicom'",
            where=path,
            hint="install it with: pip install 'maskloom[medical]'",
        ) from error
    with interpreting(path):
        source = inflated(path) if _meta_uid(path, _SYNTAX) == DEFLATED.decode() else path
        return pydicom.dcmread(
            source,
            defer_size=_DEFERRED if pixels and source is path else None,
            stop_before_pixels=not pixels,
            specific_tags=list(only) or None,
        )


@contextmanager
def interpreting(path: Path) -> Iterator[None]:
    """One message for whatever is raised inside, by pydicom or of values that cannot be.

    pydicom takes attributes apart when they are asked for, and raises errors of many kinds.

    Raises:
        FormatError: instead.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MaskloomError, MemoryError):
        raise
    except Exception as error:
        raise FormatError(
            "not a DICOM file, or damaged or cut off", where=path, seen=error, hint="copy it again"
        ) from error


def frames_of(data: Any, path: Path) -> Iterator[NDArray[Any]]:
    """The frames (H, W) as stored, bits unpacked, one at a time.

    Raises:
        FormatError: fewer pixels than the attributes declare, or a compression that is not read.
        ImageError: a frame does not fit into memory, or more compressed pixels than the limit.
    """
    rows, columns = int(data.get("Rows") or 0), int(data.get("Columns") or 0)
    count = int(data.get("NumberOfFrames") or 1)
    bits = int(data.get("BitsAllocated") or 0)
    checked_sides((count, rows, columns), path)
    if bits not in (1, 8, 16) or int(data.get("SamplesPerPixel") or 1) != 1:
        raise FormatError("pixels of a kind that is not read", where=path, seen=f"{bits} bit")
    syntax = data.file_meta.TransferSyntaxUID
    dtype = np.dtype("u2" if bits == 16 else "u1")
    check_memory(VolumeHeader((1, rows, columns), dtype), path)
    if syntax.is_compressed:
        yield from _decoded(data, (count, rows, columns), dtype.itemsize, path)
        return
    wanted = (count * rows * columns * bits + 7) // 8
    pixels = rows * columns
    order = dtype.newbyteorder("<" if syntax.is_little_endian else ">")
    with _pixel_bytes(data, path) as (stored, start, length):
        if length < wanted:
            raise FormatError(
                "fewer pixels than the attributes declare",
                where=path,
                seen=f"{length:,} of {wanted:,} bytes",
                hint="copy the file again",
            )
        for i in range(count):
            first = i * pixels * bits
            stored.seek(start + first // 8)
            part = stored.read((first % 8 + pixels * bits + 7) // 8)
            if bits == 1:
                frame = np.unpackbits(np.frombuffer(part, np.uint8), bitorder="little")
                frame = frame[first % 8 : first % 8 + pixels]
            else:
                frame = np.frombuffer(part, order).astype(dtype)
            yield frame.reshape(rows, columns)


@contextmanager
def _pixel_bytes(data: Any, path: Path) -> Iterator[tuple[BinaryIO, int, int]]:
    """(a file, where in it the pixels begin, how many bytes there are) of plain pixels."""
    element = data.get_item("PixelData") if "PixelData" in data else None
    if element is None or element.value is not None:
        stored = b"" if element is None else data.PixelData
        yield io.BytesIO(stored), 0, len(stored)
        return
    with path.open("rb") as file:
        start = element.value_tell
        yield file, start, min(element.length, path.stat().st_size - start)


def _decoded(
    data: Any, size: tuple[int, int, int], itemsize: int, path: Path
) -> Iterator[NDArray[Any]]:
    """Frames of compressed pixels, as many as are declared."""
    from pydicom.encaps import generate_frames
    from pydicom.pixels.utils import iter_pixels

    count, rows, columns = size
    stored = data.get("PixelData") or b""
    check_coded(size, itemsize, len(stored), str(data.file_meta.TransferSyntaxUID), path)
    done = 0
    try:
        for frame, code in enumerate(generate_frames(stored, number_of_frames=count)):
            check_code(code, (rows, columns), f"{path}: frame {frame + 1}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for frame_pixels in islice(iter_pixels(data), count):
                yield frame_pixels
                done += 1
    except MaskloomError:
        raise
    except Exception as error:  # decoders raise many kinds
        raise FormatError("the pixels cannot be decoded", where=path, seen=error) from error
    if done < count:
        raise FormatError(
            "fewer frames than the attributes declare", where=path, seen=f"{done} of {count}"
        )


def affine_of(
    axes: NDArray[np.float64], first: NDArray[np.float64], step: NDArray[np.float64], path: Path
) -> Affine:
    """RAS+ affine of planes at `first`, `first + step`, ... in LPS."""
    matrix = np.eye(4)
    matrix[:3, :2], matrix[:3, 2], matrix[:3, 3] = axes, step, first
    matrix[:2] *= -1
    return checked_affine(matrix + 0.0, path, "ImagePositionPatient")


def normal_of(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normal of a slice whose axes these are."""
    normal: NDArray[np.float64] = np.cross(axes[:, 0], axes[:, 1])
    length = float(np.linalg.norm(normal))
    return normal / length if length else normal


def even_steps(along: NDArray[np.float64], step: float, path: Path) -> NDArray[np.int64]:
    """The place 0.. of each slice among evenly spaced ones.

    Args:
        along: mm along the normal.
        step: mm between neighbours.
        path: to name.

    Raises:
        FormatError: slices do not lie on such places.
    """
    places = (along - along.min()) / step
    found: NDArray[np.int64] = np.rint(places).astype(np.int64)
    if np.abs(places - found).max() > _EVEN * max(1, found.max()):
        raise FormatError(
            "slices are not evenly spaced",
            where=path,
            seen=f"{np.unique(np.round(np.diff(np.sort(along)), 4))[:4].tolist()} mm apart",
            hint="resample the volume first",
        )
    return found
