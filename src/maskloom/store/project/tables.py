"""Rows as Arrow columns, without losing a bit.

One line per annotation: the sample's key, the mask as box and run lengths, the category as its
key (never as a position, which a migration may move), every other column of `Rows`. Vertices are
lists of float64; attributes and foreign fields are JSON text. Reading back is `stored_rows.py`,
Parquet files are `parts.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskloom.core.labels import Geometry, Rows
from maskloom.core.masks import Masks
from maskloom.errors import DataError

_ROW_BYTES = 160
KEYS = pa.dictionary(pa.int32(), pa.string())
BOX = ("x0", "y0", "x1", "y1")
NUMBERS = {
    "instance": pa.int64(),
    "kind": pa.uint8(),
    "score": pa.float64(),
    "crowd": pa.bool_(),
    "z_order": pa.int32(),
    "plane": pa.int32(),
    "track": pa.int64(),
    "parent": pa.int64(),
    "amodal_of": pa.int64(),
}
SCHEMA = pa.schema(
    [
        pa.field("sample", KEYS),
        pa.field("category", KEYS),
        pa.field("height", pa.int32()),
        pa.field("width", pa.int32()),
        *(pa.field(name, pa.int32()) for name in BOX),
        pa.field("runs", pa.large_list(pa.uint32())),
        *(pa.field(name, kind) for name, kind in NUMBERS.items()),
        pa.field("author", KEYS),
        pa.field("rule", KEYS),
        pa.field("vertices", pa.large_list(pa.large_list(pa.float64()))),
        pa.field("attributes", pa.large_string()),
        pa.field("source", pa.large_string()),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Rows of one sample with their mappings as JSON text, so that their size is known."""

    key: str
    rows: Rows
    texts: Mapping[str, tuple[str | None, ...]]

    @classmethod
    def of(cls, key: str, rows: Rows) -> Lines:
        """The rows of a sample.

        Raises:
            DataError: attributes or fields that JSON cannot say.
        """
        texts = {
            name: tuple(None if v is None else to_json(v) for v in getattr(rows, name))
            for name in ("attributes", "source")
        }
        return cls(key, rows, texts)

    def weights(self) -> NDArray[np.int64]:
        """(N,) about how many bytes each row takes in memory."""
        out = 4 * np.diff(self.rows.masks.offsets) + _ROW_BYTES
        for column in self.texts.values():
            if column:
                out += np.array([len(text or "") for text in column], np.int64)
        if self.rows.geometry:
            drawn = (0 if g is None else sum(p.nbytes for p in g.parts) for g in self.rows.geometry)
            out += np.fromiter(drawn, np.int64, len(out))
        return out

    def cut(self, start: int, stop: int) -> Lines:
        """The rows from `start` up to `stop`."""
        texts = {name: column[start:stop] for name, column in self.texts.items()}
        return Lines(self.key, self.rows.take(slice(start, stop)), texts)


def lines_to_table(lines: Sequence[Lines], categories: Sequence[str]) -> pa.Table:
    """The annotations of some samples, one after the other.

    Args:
        lines: of each sample, in order.
        categories: key of every category position of the rows.

    Raises:
        DataError: a category without key.
    """
    parts = [one.rows for one in lines]
    masks = Masks.concatenate([rows.masks for rows in parts])
    geometry = [one for rows in parts for one in rows.geometry or (None,) * len(rows)]
    columns: dict[str, Any] = {
        "sample": _coded(
            np.repeat(np.arange(len(lines)), [len(rows) for rows in parts]),
            [one.key for one in lines],
        ),
        "category": _coded(_categories(lines, len(categories)), categories),
        "height": masks.sizes[:, 0].astype(np.int32),
        "width": masks.sizes[:, 1].astype(np.int32),
        **{name: masks.boxes[:, i] for i, name in enumerate(BOX)},
        "runs": pa.LargeListArray.from_arrays(pa.array(masks.offsets), pa.array(masks.counts)),
        **{name: joined(parts, name) for name in NUMBERS},
        "author": _texts(parts, [rows.author for rows in parts]),
        "rule": pa.array([None if one is None else one.rule for one in geometry], pa.string()),
        "vertices": _vertices(geometry),
        **{
            name: _texts(parts, [one.texts[name] for one in lines])
            for name in ("attributes", "source")
        },
    }
    return pa.table([pa.array(columns[f.name]).cast(f.type) for f in SCHEMA], schema=SCHEMA)


def to_json(value: object) -> str:
    """Compact JSON in ASCII, which any text column holds; the order of keys is kept.

    Raises:
        DataError: the value has no JSON form.
    """
    try:
        return json.dumps(value, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            "a field has no JSON form", seen=error, hint="use text, numbers, lists and mappings"
        ) from error


def _coded(codes: Any, names: Sequence[str]) -> Any:
    return pa.DictionaryArray.from_arrays(
        pa.array(np.asarray(codes, np.int32)), pa.array(names, pa.string())
    )


def _categories(lines: Sequence[Lines], n: int) -> NDArray[np.int32]:
    for one in lines:
        category = one.rows.category
        outside = category[(category < 0) | (category >= n)]
        if len(outside):
            raise DataError(
                f"a category that the taxonomy of {n} lacks", where=one.key, seen=int(outside[0])
            )
    return np.concatenate([one.rows.category for one in lines])


def joined(parts: Sequence[Rows], name: str) -> NDArray[Any]:
    """One numeric column of all parts."""
    return np.concatenate([getattr(rows, name) for rows in parts])


def _texts(parts: Sequence[Rows], columns: Sequence[tuple[str | None, ...]]) -> Any:
    values: list[str | None] = []
    for rows, column in zip(parts, columns, strict=True):
        values += column or (None,) * len(rows)
    return pa.array(values, pa.large_string())


def _vertices(geometry: Sequence[Geometry | None]) -> Any:
    """Per row a list of parts, per part x, y, x, y, ...; null where nothing was drawn."""
    parts = [part for one in geometry if one is not None for part in one.parts]
    lengths = np.cumsum([0, *(part.size for part in parts)], dtype=np.int64)
    numbers = np.concatenate([part.ravel() for part in parts] or [np.zeros(0)])
    inner = pa.LargeListArray.from_arrays(pa.array(lengths), pa.array(numbers, pa.float64()))
    bounds = np.cumsum([0, *(0 if g is None else len(g.parts) for g in geometry)], dtype=np.int64)
    absent = pa.array([one is None for one in geometry], pa.bool_())
    return pa.LargeListArray.from_arrays(pa.array(bounds), inner, mask=absent)
