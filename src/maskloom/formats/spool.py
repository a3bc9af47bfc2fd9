"""What a writer holds until it knows the order, on disk instead of in memory."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from maskloom.store.files import write_error

_QUICK = 1 << 22


class Spool:
    """Values by name in a file without a name, which vanishes with the process.

    Args:
        target: what is written in the end; the disk is the same.

    Raises:
        WriteError: the disk is full or cannot be written.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._places: dict[Hashable, tuple[int, int]] = {}
        self._file: Any = None
        self._end = 0

    def put(self, name: Hashable, value: object) -> None:
        """Keep a value; of two with one name the later."""
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
            self._file.seek(self._end)
            self._file.write(data)
        except OSError as error:
            raise write_error(self._target, error) from error
        self._places[name] = self._end, len(data)
        self._end += len(data)

    def get(self, name: Hashable) -> Any:
        """The value of a name."""
        start, size = self._places[name]
        self._file.seek(start)
        return pickle.loads(self._file.read(size))

    def _folder(self) -> Path:
        folder = self._target.parent
        while not folder.is_dir():
            folder = folder.parent
        return folder
