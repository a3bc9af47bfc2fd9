"""Parquet files of labels: written once and whole, read by range of rows.

The same labels make the same bytes. Row groups are small, so that one sample costs milliseconds;
the last ones read stay in memory. Which file and which rows hold a sample says the database.
"""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.store.files import PARTIAL, make_folder, sync_folder, writing
from maskloom.store.project.stored_rows import StoredRows, join_rows, table_to_rows
from maskloom.store.project.tables import SCHEMA, Lines, lines_to_table, to_json
from maskloom.work.memory import free_bytes

GROUP_ROWS = 1024
# What waits as Python objects takes several times this.
GROUP_BYTES = 8 << 20
CACHE_BYTES = 32 << 20
_HOSTILE_BYTES = 64 << 20
_META = b"maskloom"
_CODED = ("sample", "category", "author", "rule")
# Bytes of equal weight side by side: runs shrink by a quarter more than with any other encoding.
_SPLIT = ("runs.list.element", "vertices.list.element.list.element")


class PartWriter:
    """Writes one file; it appears under its name when `finish` is called.

    Args:
        path: of the file.
        categories: key of every category position of the rows.
        facts: what belongs to the whole, as JSON can say it.
        group_rows: most rows of a group; None are so many that one sample costs milliseconds.
    """

    def __init__(
        self,
        path: Path,
        categories: Sequence[str],
        facts: Mapping[str, Any] | None = None,
        *,
        group_rows: int | None = None,
    ) -> None:
        self.path = path
        self.rows = 0
        self._group_rows = GROUP_ROWS if group_rows is None else group_rows
        self._partial = path.with_name(f".{path.name}{PARTIAL}")
        self._categories = tuple(categories)
        self._waiting: list[Lines] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        schema = SCHEMA.with_metadata({_META: to_json(dict(facts or {}))})
        with writing(path):
            make_folder(path.parent)
            self._file = self._partial.open("wb")
            self._writer = pq.ParquetWriter(
                self._file,
                schema,
                compression="zstd",
                compression_level=3,
                use_dictionary=list(_CODED),
                column_encoding=dict.fromkeys(_SPLIT, "BYTE_STREAM_SPLIT"),
                write_statistics=["sample", "category"],
                write_page_checksum=True,
            )

    def put(self, key: str, rows: Rows) -> tuple[int, int]:
        """Add the rows of a sample.

        Returns:
            Where they are: the first row and how many.

        Raises:
            WriteError: the disk is full or cannot be written.
            DataError: the rows cannot be stored.
        """
        first = self.rows
        for piece, size in _pieces(Lines.of(key, rows), self._group_rows):
            if self._waiting and (
                self._waiting_rows + len(piece.rows) > self._group_rows
                or self._waiting_bytes + size > GROUP_BYTES
            ):
                self._flush()
            self._waiting.append(piece)
            self._waiting_rows += len(piece.rows)
            self._waiting_bytes += size
        self.rows += len(rows)
        return first, len(rows)

    def finish(self) -> None:
        """Write what waits, and let the file appear, synchronised to the disk."""
        self._flush()
        with writing(self.path):
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.replace(self.path)
            sync_folder(self.path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind of a file that was not finished."""
        if not self._file.closed:
            try:
                self._writer.close()
                self._file.close()
            except OSError:
                self._file.close()
        self._partial.unlink(missing_ok=True)

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = lines_to_table(self._waiting, self._categories)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        with writing(self.path):
            self._writer.write_table(table, row_group_size=self._group_rows)


def read_rows(path: Path, first: int, count: int, positions: Mapping[str, int]) -> Rows:
    """Some rows of a file.

    Args:
        path: the file.
        first: the first row.
        count: how many.
        positions: category key → position in the taxonomy of the result.

    Raises:
        DataError: the file is missing, damaged or shorter than that.
    """
    if count == 0:
        return Rows.make(Masks.empty(0, (1, 1)), np.zeros(0, np.int32))
    file = opened(path)
    bounds = file.bounds
    if first < 0 or first + count > bounds[-1]:
        raise _damaged(path, f"{bounds[-1]} rows, wanted {first} to {first + count}")
    found = []
    at = int(np.searchsorted(bounds, first, side="right")) - 1
    while bounds[at] < first + count:
        start, stop = max(first, bounds[at]), min(first + count, bounds[at + 1])
        group = _CACHE.get(file, at)
        found.append(group.take(start - bounds[at], stop - bounds[at], positions))
        at += 1
    return join_rows(found)


def part_facts(path: Path) -> dict[str, Any]:
    """What the writer was given as `facts`.

    Raises:
        DataError: the file is missing or damaged.
    """
    file = opened(path)
    with reading(path):
        facts: dict[str, Any] = json.loads((file.metadata.metadata or {}).get(_META, b"{}"))
    return facts


class OpenPart:
    """A file's footer; the file itself is open only while a group is read."""

    def __init__(self, path: Path, stamp: tuple[int, int]) -> None:
        self.path, self.stamp = path, stamp
        with reading(path), pq.ParquetFile(path) as file:
            self.metadata = file.metadata
        sizes = [self.metadata.row_group(i).num_rows for i in range(self.metadata.num_row_groups)]
        self.bounds: list[int] = np.cumsum([0, *sizes], dtype=np.int64).tolist()

    def group(self, number: int) -> StoredRows:
        """All rows of a group, checked."""
        with (
            reading(self.path),
            pq.ParquetFile(
                self.path, metadata=self.metadata, page_checksum_verification=True
            ) as file,
        ):
            self.refuse_hostile(number)
            return table_to_rows(file.read_row_group(number, use_threads=False))

    def refuse_hostile(self, number: int) -> None:
        """A footer may claim anything: what a group asks for must fit before it is read."""
        group = self.metadata.row_group(number)
        values = sum(group.column(i).num_values for i in range(group.num_columns))
        need = max(group.total_byte_size, 8 * values)
        if need > max(_HOSTILE_BYTES, free_bytes() // 4):
            raise DataError(
                "a row group does not fit into memory",
                seen=f"{need >> 20} MiB",
                hint="write the file again with smaller row groups",
            )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever pyarrow says of a damaged file, as the one error for the user."""
    try:
        yield
    except (OSError, pa.ArrowException, DataError, ValueError) as error:
        raise _damaged(path, error) from error


class _Groups:
    """The row groups that were read last, up to `CACHE_BYTES`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[Path, tuple[int, int], int], StoredRows] = OrderedDict()
        self._bytes = 0

    def get(self, part: OpenPart, number: int) -> StoredRows:
        name = (part.path, part.stamp, number)
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name]
        group = part.group(number)
        with self._lock:
            if name not in self._held:
                self._held[name] = group
                self._bytes += group.nbytes
            while self._bytes > CACHE_BYTES and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return group


_CACHE = _Groups()


def opened(path: Path) -> OpenPart:
    """A file's footer, kept as long as the file stays the same.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise _damaged(path, error) from error
    return _open(path, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=64)
def _open(path: Path, stamp: tuple[int, int]) -> OpenPart:
    return OpenPart(path, stamp)


def _damaged(path: Path, seen: object) -> DataError:
    return DataError(
        "stored labels are missing or damaged",
        where=path,
        seen=seen,
        hint="put the file back from a backup",
    )


def _pieces(lines: Lines, most: int) -> Iterator[tuple[Lines, int]]:
    """The rows in pieces that fit a group, nearly always one, with their weights."""
    ends = np.cumsum(lines.weights())
    n = len(ends)
    start = taken = 0
    while start < n:
        fitting = int(np.searchsorted(ends, taken + GROUP_BYTES, side="right"))
        stop = min(max(fitting, start + 1), start + most)
        piece = lines if stop - start == n else lines.cut(start, stop)
        yield piece, int(ends[stop - 1]) - taken
        start, taken = stop, int(ends[stop - 1])
