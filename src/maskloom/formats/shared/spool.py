"""What a writer holds until it knows the order, on disk instead of in memory."""

from __future__ import annotations

import array
import pickle
import tempfile
import weakref
from pathlib import Path
from typing import Any

from maskloom.store.files import write_error

_QUICK = 1 << 22


class Spool:
    """Values by number in a file without a name, which vanishes with the process.

    Args:
        target: what is written in the end; the disk is the same.

    Raises:
        WriteError: the disk is full or cannot be written.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._ends = array.array("q", [0])
        self._file: Any = None

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, value: object) -> None:
        """Keep one more value."""
        data = pickle.dumps(value, protocol=5)
        try:
            if self._file is None:
                folder = self._folder()
                # Small sets never touch the disk.
                file = tempfile.SpooledTemporaryFile(  # noqa: SIM115
                    max_size=_QUICK, dir=str(folder)
                )
                weakref.finalize(self, file.close)
                self._file = file
            self._file.seek(self._ends[-1])
            self._file.write(data)
        except OSError as error:
            raise write_error(self._target, error) from error
        self._ends.append(self._ends[-1] + len(data))

    def get(self, number: int) -> Any:
        """The value that was kept as the `number`-th, from 0."""
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return pickle.loads(self._file.read(end - start))

    def _folder(self) -> Path:
        folder = self._target.parent
        while not folder.is_dir():
            folder = folder.parent
        return folder
