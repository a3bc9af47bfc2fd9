"""Which rows of a Parquet file of labels are a sample's, from the column of samples alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from maskloom.errors import DataError
from maskloom.store.project.parts import OpenPart, opened, reading
from maskloom.store.project.tables import KEYS


def part_places(path: Path) -> dict[str, tuple[int, int]]:
    """Sample → its first row and how many.

    Raises:
        DataError: the file is missing or damaged, or rows of a sample do not stand together.
    """
    file = opened(path)
    places: dict[str, tuple[int, int]] = {}
    last = None
    for number, at in enumerate(file.bounds[:-1]):
        first = at
        for key, length in _samples(file, number):
            if key in places and key != last:
                raise DataError(
                    "rows of one sample do not stand together",
                    where=path,
                    seen=key,
                    hint="sort the table by sample",
                )
            start, before = places.get(key, (first, 0))
            places[key] = start, before + length
            first, last = first + length, key
    return places


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
