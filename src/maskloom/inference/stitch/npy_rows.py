"""npy files as ends of a pipe of strips: read and written by rows, never mapped or loaded whole.

A mapped file counts as memory of the process, and fills it; plain reads and writes do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from maskloom.errors import ImageError
from maskloom.store.files import atomic_file


class NpyRows:
    """Windows of a two-dimensional npy file; close it, or use it in `with`.

    Args:
        path: an npy file of shape (H, W), in C order, of whole numbers or bools.

    Raises:
        ImageError: the file cannot be read or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise ImageError("cannot read", where=path, seen=error.strerror) from error
        try:
            read_header = npy.read_array_header_1_0
            if npy.read_magic(self._file) != (1, 0):
                read_header = npy.read_array_header_2_0
            shape, by_column, dtype = read_header(self._file)
        except ValueError as error:
            self._file.close()
            raise ImageError("not an npy file", where=path, seen=str(error)) from error
        if len(shape) != 2 or by_column or dtype.kind not in "biu":
            self._file.close()
            raise ImageError(
                "not (H, W) whole numbers in C order", where=path, seen=f"{dtype} {shape}"
            )
        self.size: tuple[int, int] = shape
        self.dtype: np.dtype[Any] = dtype
        self._start = self._file.tell()

    def __enter__(self) -> NpyRows:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Pixels (y1 - y0, x1 - x0); whole rows are read and cut."""
        width = self.size[1]
        out = np.empty((y1 - y0, width), self.dtype)
        self._file.seek(self._start + y0 * width * self.dtype.itemsize)
        got = self._file.readinto(out.reshape(-1).view(np.uint8).data)
        if got != out.nbytes:
            raise ImageError("the file ends early", where=self._path, seen=f"row {y0} to {y1}")
        return out[:, x0:x1]


@contextmanager
def npy_writer(
    path: Path, size_hw: tuple[int, int], dtype: DTypeLike = np.uint32
) -> Iterator[Callable[[int, NDArray[Any]], None]]:
    """A function that writes strips (first row, pixels) of an npy file, which appears when whole.

    It survives a killed process; a power cut right after may leave it short.

    Args:
        path: target; replaced if it is there.
        size_hw: of the image. Strips may come in any order, and all have to.
        dtype: of the file.

    Raises:
        WriteError: the target cannot be written.
        ImageError: rows are missing at the end, or were written twice.
    """
    height, width = size_hw
    kind = np.dtype(dtype)
    rows = 0
    with atomic_file(path) as temporary, temporary.open("wb", buffering=0) as file:
        header = {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": size_hw}
        npy.write_array_header_1_0(file, header)
        start = file.tell()

        def put(y0: int, strip: NDArray[Any]) -> None:
            nonlocal rows
            lines = np.ascontiguousarray(strip, dtype=kind).reshape(-1).view(np.uint8)
            file.seek(start + y0 * width * kind.itemsize)
            done = 0
            while done < len(lines):
                done += file.write(lines[done:].data)
            rows += len(strip)

        yield put
        if rows != height:
            raise ImageError(f"{height} rows expected", where=path, seen=rows)
