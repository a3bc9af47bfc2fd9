"""Volumes as TIFF files of one page per plane, with their spacing in a JSON file beside them.

As nnU-Net's Tiff3DIO reads them: `KEY.tif` or `KEY_0000.tif`, and `KEY.json` with
`{"spacing": [z, y, x]}`. TIFF has no place in the world. Images of two axes are `images.py`.

Source: nnU-Net, nnunetv2/imageio/tif_reader_writer.py; TIFF 6.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError, MaskloomError, WriteError
from maskloom.store.files import atomic_file, atomic_write_bytes
from maskloom.store.images import refuse_absent
from maskloom.store.volume_header import Volume, VolumeHeader, check_memory, checked_sides

SUFFIXES = (".tif", ".tiff")
_CHANNEL = re.compile(r"_\d{4}$")
_PLAIN = 1
_RATIO = 1 << 16  # of LZW and PackBits; deflate stays below
_MOST_JSON = 1 << 16


def is_tiff_volume(path: Path) -> bool:
    """Whether a file is a TIFF of three axes, and not an image in colour.

    Raises:
        FormatError: damaged.
    """
    with _opened(path) as series:
        return len(series.shape) == 3 and bool(series.axes.endswith("YX"))


def tiff_header(path: Path) -> VolumeHeader:
    """Size, type and spacing.

    Raises:
        FormatError: damaged, or not of three axes.
        ImageError: missing or empty.
    """
    with _opened(path) as series:
        return _header(series, path)


def read_tiff_volume(path: Path) -> Volume:
    """All voxels.

    Raises:
        FormatError: damaged, or not of three axes.
        ImageError: missing, empty, or too large for the memory.
    """
    with _opened(path) as series:
        header = _header(series, path)
        plain = all(page.compression == _PLAIN for page in series.pages)
        packed = None if plain else path.stat().st_size
        check_memory(header, path, packed=packed, ratio=_RATIO)
        array = np.asarray(series.asarray())
    return Volume(array.astype(array.dtype.newbyteorder("=")), header)


def write_tiff_volume(path: Path, array: NDArray[Any]) -> None:
    """Write a volume, packed, without its spacing; the same voxels are the same bytes.

    Args:
        path: .tif or .tiff.
        array: (D, H, W), of two planes or more: a TIFF of one is an image.

    Raises:
        WriteError: one plane, or the target cannot be written.
    """
    import tifffile

    if len(array) < 2:
        raise WriteError(
            "a TIFF of one plane is an image, no volume",
            where=path,
            hint="write another ending, such as .nii.gz",
        )
    with atomic_file(path) as partial:
        tifffile.imwrite(
            partial,
            array,
            compression="zlib",
            photometric="minisblack",
            metadata=None,
            software=False,
        )


def write_spacing(path: Path, spacing: tuple[float, ...]) -> None:
    """Write the spacing of a TIFF beside it.

    Args:
        path: of the TIFF.
        spacing: mm along (D, H, W); where it is empty, nothing is written.

    Raises:
        WriteError: the target cannot be written.
    """
    if len(spacing) == 3:
        text = json.dumps({"spacing": [float(v) for v in spacing]}) + "\n"
        atomic_write_bytes(spacing_file(path), text.encode())


def spacing_file(path: Path) -> Path:
    """Where the spacing of a volume stands, which the channels of one case share."""
    return path.with_name(_CHANNEL.sub("", path.stem) + ".json")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The first series of a TIFF file."""
    import tifffile

    refuse_absent(path)
    try:
        with tifffile.TiffFile(path) as file:
            yield file.series[0]
    except MaskloomError:
        raise
    except Exception as error:  # tifffile raises many kinds
        raise FormatError(
            "not a TIFF file that is read, or damaged", where=path, seen=error, hint="copy it again"
        ) from error


def _header(series: Any, path: Path) -> VolumeHeader:
    # Volumes of 3 or 4 columns look like images in colour to tifffile, and are none to nnU-Net.
    if len(series.shape) != 3:
        raise FormatError(
            "no volume of three axes", where=path, seen=f"{series.axes} {series.shape}"
        )
    size = (int(series.shape[0]), int(series.shape[1]), int(series.shape[2]))
    checked_sides(size, path)
    return VolumeHeader(size, np.dtype(series.dtype), spacing=_spacing(spacing_file(path)))


def _spacing(file: Path) -> tuple[float, ...]:
    """Spacing of a file beside a volume; empty where there is none."""
    if not file.is_file():
        return ()
    try:
        with file.open("rb") as stream:
            found = tuple(float(v) for v in json.loads(stream.read(_MOST_JSON))["spacing"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError("no spacing", where=file, seen=error) from error
    if len(found) != 3 or not all(0 < v < np.inf for v in found):
        raise FormatError("spacing is three lengths in mm, z first", where=file, seen=list(found))
    return found
