"""Which rows of a Parquet file of labels are a sample's, from the column of samples alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from maskloom.errors import DataError
from maskloom.store.project.parts import OpenPart, opened, reading
from maskloom.store.project.tables import KEYS


def part_runs(path: Path) -> Iterator[tuple[str, int, int]]:
    """Samples in order of the file: key, first row and how many rows in a row are its own.

    Raises:
        DataError: the file is missing or damaged.
    """
    file = opened(path)
    key, first, length = "", 0, 0
    for number in range(len(file.bounds) - 1):
        for name, n in _samples(file, number):
            if length and name != key:
                yield key, first, length
                first, length = first + length, 0
            # The rows of a sample may go on in the next group.
            key, length = name, length + n
    if length:
        yield key, first, length


def _samples(part: OpenPart, number: int) -> list[tuple[str, int]]:
    """The samples of a group in order, and how many rows each has."""
    with reading(part.path), pq.ParquetFile(part.path, metadata=part.metadata) as file:
        part.refuse_hostile(number)
        if file.schema_arrow.get_field_index("sample") < 0:
            raise DataError("no column 'sample'", seen=file.schema_arrow.names)
        table = file.read_row_group(number, columns=["sample"], use_threads=False)
        column = table["sample"].cast(KEYS).combine_chunks()
        if column.null_count:
            raise DataError("a row without sample", seen=f"row group {number}")
        codes = np.asarray(column.indices)
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        names = column.dictionary.to_pylist()
        lengths = np.diff(np.append(starts, len(codes))).tolist()
        return [(names[code], n) for code, n in zip(codes[starts], lengths, strict=True)]
