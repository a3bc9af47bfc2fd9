"""MATLAB files of segmentations: how large they claim to be, what is in them, and where they lie.

Files of MATLAB 5 to 7.2, read by SciPy once their parts are known to fit into memory.

Source: MAT-File Format, MathWorks, chapter 1.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError
from maskloom.formats.shared.folders import subfolder

VARIABLE = "groundTruth"
MAX_BYTES = 1 << 28
_COMPRESSED = 15
_HEADER = 128
_TAG = 8
_CHUNK = 1 << 20
_HINT = "save it in MATLAB with -v7"


def ground_truth_kind(path: Path) -> tuple[str, int]:
    """(class of the variable groundTruth, number of its elements), from the file's headers.

    Returns:
        `cell` or `struct`; an empty class where there is no such variable.

    Raises:
        FormatError: not a MATLAB file of version 5 to 7.2, damaged or huge.
    """
    from scipy.io import whosmat

    for name, shape, kind in _parsed(path, whosmat):
        if name == VARIABLE:
            return str(kind), int(np.prod(shape))
    return "", 0


def read_segmentations(path: Path) -> list[NDArray[np.int64]]:
    """The maps `Segmentation` of all elements of groundTruth, (H, W) whole numbers each.

    Raises:
        FormatError: as `ground_truth_kind`, or an element is no map of whole numbers.
    """
    from scipy.io import loadmat

    data = _parsed(path, loadmat)
    if VARIABLE not in data:
        raise FormatError(f"no variable {VARIABLE}", where=path, seen=_names(data))
    found = []
    for n, element in enumerate(np.atleast_1d(data[VARIABLE]).ravel(), 1):
        place = f"{path}: {VARIABLE} {n}"
        found.append(_map(_field(element, place), place))
    return found


def mats_below(folder: Path) -> Iterator[tuple[Path, Path]]:
    """(file, place below the folder without suffix) of its MATLAB files, sorted."""
    for path in sorted(folder.rglob("*.mat")):
        if path.is_file() and not path.name.startswith("."):
            yield path, path.relative_to(folder).with_suffix("")


def truth_folder(path: Path) -> Path | None:
    """The folder groundTruth here, in `data`, or in `BSDS500/data`."""
    for root in (path, path / "data", path / "BSDS500" / "data"):
        if root.is_dir() and (found := subfolder(root, (VARIABLE,))) is not None:
            return found
    return None


def first_kind(path: Path) -> str:
    """The class of groundTruth in the first MATLAB file of the folder of that name, or nothing."""
    folder = truth_folder(path) if path.is_dir() else None
    first = None if folder is None else next(mats_below(folder), None)
    if first is None:
        return ""
    try:
        return ground_truth_kind(first[0])[0]
    except FormatError:
        return ""


def _parsed(path: Path, parse: Any) -> Any:
    """What SciPy makes of a file that is of a known version and not too large."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"a file of more than {MAX_BYTES} bytes", where=path)
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", where=path) from error
    if not data.startswith(b"MATLAB 5.0") or len(data) < _HEADER:
        raise FormatError(
            "not a MATLAB file of version 5 to 7.2", where=path, seen=data[:20], hint=_HINT
        )
    _check_parts(data, path)
    try:
        return parse(io.BytesIO(data))
    except MemoryError as error:
        raise FormatError("not enough memory for the file", where=path) from error
    except Exception as error:  # SciPy raises many kinds for damaged files
        raise FormatError(
            "the MATLAB file is damaged", where=path, seen=error, hint="copy it again"
        ) from error


def _check_parts(data: bytes, path: Path) -> None:
    """Refuse compressed parts that would fill the memory, without keeping what they hold."""
    order = "little" if data[126:128] == b"IM" else "big"
    place, total = _HEADER, 0
    while place + _TAG <= len(data):
        kind = int.from_bytes(data[place : place + 4], order)  # type: ignore[arg-type]
        size = int.from_bytes(data[place + 4 : place + 8], order)  # type: ignore[arg-type]
        place += _TAG
        if kind == _COMPRESSED:
            total += _inflated(data[place : place + size], path)
        if total > MAX_BYTES:
            raise FormatError(f"it unpacks to more than {MAX_BYTES} bytes", where=path)
        place += size


def _inflated(packed: bytes, path: Path) -> int:
    """Bytes that a compressed part unpacks to, counted up to the limit."""
    stream = zlib.decompressobj()
    total = 0
    try:
        while packed and not stream.eof and total <= MAX_BYTES:
            total += len(stream.decompress(packed, _CHUNK))
            packed = stream.unconsumed_tail
    except zlib.error as error:
        raise FormatError(
            "the MATLAB file is damaged", where=path, seen=error, hint="copy it again"
        ) from error
    return total


def _field(element: Any, place: str) -> Any:
    """`Segmentation` of a struct, which may be wrapped in arrays of one element."""
    for _ in range(4):
        names = getattr(getattr(element, "dtype", None), "names", None)
        if names and "Segmentation" in names:
            element = element["Segmentation"]
        elif (
            isinstance(element, np.ndarray) and element.dtype.kind == "O" and np.size(element) == 1
        ):
            element = np.asarray(element).ravel()[0]
        else:
            break
    if not isinstance(element, np.ndarray) or element.dtype.kind not in "uifb":
        raise FormatError("no map Segmentation", where=place, seen=type(element).__name__)
    return element


def _map(values: NDArray[Any], place: str) -> NDArray[np.int64]:
    if values.ndim != 2 or not values.size:
        raise FormatError("Segmentation is not (H, W)", where=place, seen=values.shape)
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values % 1 == 0)).all():
        raise FormatError("Segmentation holds whole numbers", where=place, seen="fractions")
    return values.astype(np.int64)


def _names(data: Any) -> str:
    return ", ".join(name for name in data if not name.startswith("__")) or "none"
