"""Arrow columns of labels read back as `Rows`; writing them is `tables.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskloom.core.labels import Geometry, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.store.project.tables import BOX, NUMBERS, SCHEMA, joined


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """Annotations as they were stored, of which some can be taken as `Rows`.

    Args:
        masks: all masks, validated.
        category: (N,) positions in `legend`.
        legend: keys of categories.
        numbers: the other numeric columns of `Rows`, by name.
        texts: author, rule, vertices, attributes and source, as Arrow arrays.
        nbytes: memory that this holds.
    """

    masks: Masks
    category: NDArray[np.int32]
    legend: tuple[str, ...]
    numbers: Mapping[str, NDArray[Any]]
    texts: Mapping[str, Any]
    nbytes: int

    def take(self, start: int, stop: int, positions: Mapping[str, int]) -> Rows:
        """Rows from `start` up to `stop`.

        Args:
            start: the first row.
            stop: the row after the last, at most N.
            positions: category key → position in the taxonomy of the result.

        Raises:
            DataError: a category that is used has no position.
        """
        table = np.array([positions.get(key, -1) for key in self.legend], np.int32)
        stored = self.category[start:stop]
        category = table[stored] if len(table) else stored
        if (category < 0).any():
            raise DataError(
                "stored labels name a category that the taxonomy lacks",
                seen=self.legend[int(stored[category < 0][0])],
                hint="put back the database and its snapshots from one backup",
            )
        texts = {name: column.slice(start, stop - start) for name, column in self.texts.items()}
        return Rows(
            self.masks[start:stop],
            category,
            **{name: values[start:stop] for name, values in self.numbers.items()},
            author=_column(texts["author"], str),
            attributes=_column(texts["attributes"], json.loads),
            geometry=_geometry(texts["rule"], texts["vertices"]),
            source=_column(texts["source"], json.loads),
        )


def table_to_rows(table: pa.Table) -> StoredRows:
    """What `lines_to_table` made, read back.

    Raises:
        DataError: columns are missing or of another type, or runs make no mask.
    """
    table = _as_stored(table)
    columns = {name: table[name].combine_chunks() for name in table.schema.names}
    _refuse_nulls(columns)
    numbers = {name: _numpy(columns[name]) for name in (*NUMBERS, *BOX, "height", "width")}
    offsets = _numpy(columns["runs"].offsets)
    counts = _numpy(columns["runs"].values)[offsets[0] : offsets[-1]] if len(table) else ()
    masks = Masks(
        np.stack([numbers["height"], numbers["width"]], 1).astype(np.int64),
        np.stack([numbers[name] for name in BOX], 1),
        np.asarray(counts, np.uint32),
        offsets - offsets[0] if len(table) else np.zeros(1, np.int64),
    )
    return StoredRows(
        masks.validate(),
        _numpy(columns["category"].indices),
        tuple(columns["category"].dictionary.to_pylist()),
        {name: numbers[name] for name in NUMBERS},
        {name: columns[name] for name in ("author", "rule", "vertices", "attributes", "source")},
        int(table.nbytes),
    )


def _as_stored(table: pa.Table) -> pa.Table:
    """The columns of labels, which other programs store in other types or among others."""
    if table.schema.equals(SCHEMA):
        return table
    lacking = [name for name in SCHEMA.names if name not in table.schema.names]
    if lacking:
        raise DataError(f"stored labels have a column {lacking[0]!r}", seen=table.schema.names)
    try:
        return table.select(SCHEMA.names).cast(SCHEMA)
    except pa.ArrowException as error:
        raise DataError("not the types of stored labels", seen=error) from error


def _refuse_nulls(columns: Mapping[str, Any]) -> None:
    for name in ("sample", "category", "height", "width", *BOX, "runs", *NUMBERS):
        values = columns[name]
        if values.null_count or (name == "runs" and values.values.null_count):
            raise DataError(f"a row without {name!r}", seen="null")
    kinds = _numpy(columns["kind"])
    if len(kinds) and kinds.max() > max(RowKind):
        raise DataError("not a kind of annotation", seen=int(kinds.max()))


def join_rows(parts: Sequence[Rows]) -> Rows:
    """Several rows as one, in order.

    Raises:
        ValueError: there are none.
    """
    if len(parts) == 1:
        return parts[0]
    numbers = {name: joined(parts, name) for name in NUMBERS}
    lists = {
        name: tuple(value for rows in parts for value in getattr(rows, name) or (None,) * len(rows))
        for name in ("author", "attributes", "geometry", "source")
        if any(getattr(rows, name) for rows in parts)
    }
    return Rows.make(
        Masks.concatenate([rows.masks for rows in parts]),
        np.concatenate([rows.category for rows in parts]),
        **numbers,
        **lists,
    )


def _geometry(rules: Any, vertices: Any) -> tuple[Geometry | None, ...]:
    """What was drawn, as views of one array that holds nothing else.

    Raises:
        ValueError: a rule without vertices, a part that is null or ends within a vertex.
    """
    if rules.null_count == len(rules):
        return ()
    parts, absent = vertices.values, _numpy(vertices.is_null())
    bounds, ends = _numpy(vertices.offsets), _numpy(parts.offsets)
    first, last = int(bounds[0]), int(bounds[-1])
    start, end = int(ends[first]), int(ends[last])
    numbers = _numpy(parts.values.slice(start, end - start)).astype(np.float64)
    cuts = (ends[first : last + 1] - start).tolist()
    drawn = [numbers[a:b].reshape(-1, 2) for a, b in pairwise(cuts)]
    said = [rule is not None for rule in rules.to_pylist()]
    if (absent & said).any() or parts.slice(first, last - first).null_count:
        raise ValueError("vertices are null")
    at = (bounds - first).tolist()
    return tuple(
        None if rule is None else Geometry(tuple(drawn[at[i] : at[i + 1]]), rule)
        for i, rule in enumerate(rules.to_pylist())
    )


def _column(array: Any, read: Callable[[str], Any]) -> tuple[Any, ...]:
    """The values, or nothing where no row has one."""
    if array.null_count == len(array):
        return ()
    return tuple(None if text is None else read(text) for text in array.to_pylist())


def _numpy(array: Any) -> NDArray[Any]:
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values
