"""Rows of Parquet files with pictures: which there are, their names, and which nobody labelled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from maskloom.core.sample import sample_key
from maskloom.formats.parquet.tables import reading_table, refuse_large
from maskloom.store.files import stays_below

_SPLITS = {"train": "train", "training": "train", "validation": "val", "valid": "val",
           "val": "val", "dev": "val", "test": "test"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """Where one sample stands, and whether it has a mask."""

    file: Path
    group: int
    row: int
    split: str | None
    name: str
    labelled: bool = True

    @property
    def where(self) -> Path:
        """For messages: a path, so that it can stand where a file's does."""
        return Path(f"{self.file}: row group {self.group}, row {self.row}")


def rows_of(file: Path, columns: tuple[str, str | None]) -> Iterator[Row]:
    """The samples of a file, by their names alone."""
    mask, image = columns
    split = _SPLITS.get(re.split(r"[-_.]", file.stem.lower())[0])
    with reading_table(file), pq.ParquetFile(file) as opened:
        refuse_large(opened.metadata, file, [mask])
        named = image if image is not None else mask
        known = opened.schema_arrow.field(named).type.get_field_index("path") >= 0
        for group in range(opened.metadata.num_row_groups):
            names: Sequence[str | None] = [None] * opened.metadata.row_group(group).num_rows
            if known:
                table = opened.read_row_group(group, columns=[f"{named}.path"], use_threads=False)
                names = [one and one["path"] for one in table[named].to_pylist()]
            bare = _without(opened, group, mask)
            for row, name in enumerate(names):
                yield Row(file, group, row, split, name or "", row not in bare)


def _without(opened: Any, group: int, mask: str) -> frozenset[int]:
    """Rows of a group that have no mask: null, or neither bytes nor a path."""
    own = opened.metadata.row_group(group)
    chunks = (own.column(i) for i in range(own.num_columns))
    for chunk in chunks:
        if chunk.path_in_schema == f"{mask}.bytes":
            told = chunk.statistics
            if told is not None and told.has_null_count and not told.null_count:
                return frozenset()
    kind = opened.schema_arrow.field(mask).type
    parts = [name for name in ("bytes", "path") if kind.get_field_index(name) >= 0]
    table = opened.read_row_group(group, columns=[f"{mask}.{n}" for n in parts], use_threads=False)
    column = table[mask].combine_chunks()
    # A path without bytes is a mask that lies elsewhere.
    empty = column.is_null().to_numpy(zero_copy_only=False)
    fields = [column.field(n).is_null().to_numpy(zero_copy_only=False) for n in parts]
    bare = np.logical_or(empty, np.logical_and.reduce(fields))
    return frozenset(np.flatnonzero(bare).tolist())


def named_rows(rows: list[Row], *, whole: bool) -> dict[str, Row]:
    """Key → row: the images' own names where they are names and differ, else numbers.

    Args:
        rows: of all files.
        whole: maskloom wrote them: names are keys, with their folders.
    """
    if whole and all(stays_below(row.name) for row in rows):
        return dict(sorted((sample_key(row.name), row) for row in rows))
    stems = [Path(row.name.replace("\\", "/")).stem for row in rows]
    good = all(re.fullmatch(r"[^\x00/\\.][^\x00/\\]*", stem) for stem in stems)
    if not good or len(set(stems)) < len(stems):
        width = max(6, len(str(len(rows))))
        stems = [f"{i:0{width}d}" for i in range(len(rows))]
    return dict(sorted(zip(stems, rows, strict=True)))
