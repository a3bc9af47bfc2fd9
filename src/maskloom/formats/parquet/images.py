"""The table of images in memory, as Arrow columns; samples and rows are made when asked for.

An image takes some tens of bytes, most of them its name: the rows wait compressed, and those that
were asked for last as they are.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskloom.core.key_column import KeyColumn
from maskloom.core.lazy_samples import LazySamples
from maskloom.core.sample import Sample
from maskloom.errors import DataError, FormatError
from maskloom.formats.parquet.tables import (
    ANNOTATIONS,
    IMAGE_SCHEMA,
    IMAGES,
    batches_of_table,
    empty_splits,
    sample_of_row,
)
from maskloom.store.files import safe_join
from maskloom.store.project.part_places import part_runs

_FEW = ("kind", "unit", "crs", "group", "sequence", "layer")
_BLOCK = 64  # rows that become Python objects together
_BLOCKS = 16
_OPEN = 8  # batches that are kept as they are


class ImageTable:
    """Rows of images by position, with the samples that they are.

    Args:
        root: folder of the tables.
        own: key → file, where the user named a folder of images.

    Raises:
        FormatError: a damaged table, an image that is listed twice, a row that makes no sample.
    """

    def __init__(self, root: Path, own: Mapping[str, Path] | None) -> None:
        self.root = root
        self.keys = KeyColumn()
        self._own = own
        self._packed: list[bytes] = []
        firsts = [0]
        for batch in batches_of_table(root / IMAGES, IMAGE_SCHEMA):
            for key in batch["key"].to_pylist():
                self.keys.append(key)
            self._packed.append(_packed(_compact(batch)))
            firsts.append(len(self.keys))
        if (key := self.keys.doubled()) is not None:
            raise FormatError("an image is listed twice", where=root / IMAGES, seen=key)
        self._firsts = firsts
        self._lock = threading.Lock()
        self._batches: dict[int, Any] = {}
        self._blocks: dict[tuple[int, int], list[dict[str, Any]]] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def row(self, index: int) -> Mapping[str, Any]:
        """The columns of one image that are not null."""
        at = bisect_right(self._firsts, index) - 1
        number, offset = divmod(index - self._firsts[at], _BLOCK)
        with self._lock:
            block = self._blocks.get((at, number))
            if block is None:
                rows = self._batch(at).slice(number * _BLOCK, _BLOCK).to_pylist()
                block = self._blocks[at, number] = [
                    {k: v for k, v in row.items() if v is not None} for row in rows
                ]
                if len(self._blocks) > _BLOCKS:
                    self._blocks.pop(next(iter(self._blocks)))
        found: Mapping[str, Any] = block[offset]
        return found

    def _batch(self, number: int) -> Any:
        """A batch as it was packed; whoever asks holds the lock."""
        batch = self._batches.get(number)
        if batch is None:
            batch = self._batches[number] = pa.ipc.open_stream(self._packed[number]).read_all()
            if len(self._batches) > _OPEN:
                self._batches.pop(next(iter(self._batches)))
        return batch

    def where(self, index: int) -> str:
        """The row, as messages name it."""
        return f"{self.root / IMAGES}: {self.keys[index]}"

    def sample(self, index: int) -> Sample:
        """The sample of a row, with its file where there is one.

        Raises:
            FormatError: the row makes none.
            DataError: its file would lie outside.
        """
        row, file = self.row(index), None
        if self._own is not None:
            file = self._own.get(row["key"])
        elif "uri" in row:
            file = safe_join(self.root, row["uri"])
        here = file if file is not None and file.is_file() else None
        return sample_of_row(row, here, self.where(index))

    def samples(self) -> LazySamples:
        """All of them, in order of the table."""
        rows = np.arange(len(self), dtype=np.int32)
        return LazySamples(self.keys, lambda some: map(self.sample, some.tolist()), rows)

    def splits(self) -> dict[str, tuple[str, ...]]:
        """Name → keys; train, val and test come first."""
        found: dict[str, list[str]] = {name: [] for name in empty_splits(self.root / IMAGES)}
        for number, first in enumerate(self._firsts[:-1]):
            with self._lock:
                batch = self._batch(number)
            if "splits" in batch.schema.names:
                for i, names in enumerate(batch["splits"].to_pylist(), first):
                    for name in names or ():
                        found.setdefault(str(name), []).append(self.keys[i])
        order = {"train": 0, "val": 1, "test": 2}
        names = sorted(found, key=lambda n: (order.get(n, 3), n))
        return {name: tuple(found[name]) for name in names}

    def places(self) -> NDArray[np.int64]:
        """(N, 2) first row and how many rows of each image in the table of annotations.

        Raises:
            FormatError: annotations of an image that is not in this table.
            DataError: a damaged table, or rows of an image that do not stand together.
        """
        path = self.root / ANNOTATIONS
        places = np.zeros((len(self), 2), np.int64)
        lost: dict[str, None] = {}
        at = -1
        for key, first, n in part_runs(path):
            # Both tables have one order as a rule.
            following = at + 1 < len(self) and self.keys[at + 1] == key
            at = at + 1 if following else self.keys.find(key)
            if at < 0:
                lost[key] = None
                continue
            if places[at, 1]:
                raise DataError(
                    "rows of one sample do not stand together",
                    where=path,
                    seen=key,
                    hint="sort the table by sample",
                )
            places[at] = first, n
        if lost:
            raise FormatError(
                f"annotations of {len(lost)} images that {IMAGES} does not list",
                where=path,
                seen=next(iter(lost)),
            )
        return places


def _packed(batch: Any) -> bytes:
    """A batch as compressed bytes: names and fields of images resemble each other."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 3))
    with pa.ipc.new_stream(sink, batch.schema, options=options) as out:
        out.write(batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _compact(batch: Any) -> Any:
    """A batch without columns that say nothing, and with words that recur said once."""
    batch = batch.select([n for n in batch.schema.names if batch[n].null_count < len(batch)])
    for name in _FEW:
        at = batch.schema.get_field_index(name)
        if at >= 0:
            batch = batch.set_column(at, name, batch[name].dictionary_encode())
    return batch
