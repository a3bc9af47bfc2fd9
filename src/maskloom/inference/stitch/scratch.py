"""Runs of strips in a file without a name, from the first pass of `components` to the second.

Nothing of it is left when it is closed or the process dies.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from maskloom.core.kernel import Ints, Rows
from maskloom.errors import DataError
from maskloom.store.files import writing

Spans = tuple[Rows, Rows, NDArray[np.uint32], Ints]
"""Starts, ends and labels of the runs of a strip, and the bounds (h+1,) of its rows."""


def scratch_file(folder: Path) -> FileIO:
    """An open file; without a buffer, so that a full disk shows where one writes.

    Raises:
        WriteError: the folder is absent or cannot be written.
    """
    with writing(folder):
        return tempfile.TemporaryFile(dir=folder, prefix="maskloom-", buffering=0)


def spill(file: FileIO, spans: Spans) -> None:
    """Append the runs of a strip to the scratch file."""
    starts, ends, labels, bounds = spans
    for column in (bounds, starts, ends, labels):
        octets = column.view(np.uint8).data
        done = 0
        while done < len(octets):
            done += file.write(octets[done:])


def unspill(file: FileIO, size_hw: tuple[int, int], rows: int) -> Iterator[Spans]:
    """The strips of a scratch file, in the order in which they were written."""
    for y0 in range(0, size_hw[0], rows):
        bounds = _column(file, min(rows, size_hw[0] - y0) + 1, np.int64)
        runs = int(bounds[-1])
        starts, ends = _column(file, runs, np.int32), _column(file, runs, np.int32)
        yield starts, ends, _column(file, runs, np.uint32), bounds


def _column(file: FileIO, length: int, dtype: DTypeLike) -> NDArray[Any]:
    """One array of the scratch file."""
    out = np.empty(length, dtype)
    octets = out.view(np.uint8).data
    done = 0
    while done < len(octets):
        got = file.readinto(octets[done:])
        if not got:
            raise DataError("the scratch file ends early", seen=f"{done} of {len(octets)} bytes")
        done += got
    return out
