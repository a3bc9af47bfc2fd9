"""The tables of images and classes beside the annotations, and rows of them as our nouns.

Annotations are those of a project's snapshots (`store/project/tables.py`). Whatever has no column
is JSON text: tags, unknown fields, what was labelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.taxonomy_json import category_to_json
from maskloom.errors import FormatError
from maskloom.store.project.tables import to_json
from maskloom.work.memory import free_bytes

ANNOTATIONS, IMAGES, CLASSES = "annotations.parquet", "images.parquet", "classes.parquet"
EMPTY = "maskloom.empty_splits"
"""Key in the footer of the table of images: names of splits without images."""
BATCH = 4096
LEAST_ROOM = 1 << 26
IMAGE_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("file_name", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("depth", pa.int32()),
        pa.field("kind", pa.string()),
        pa.field("channels", pa.list_(pa.string())),
        pa.field("spacing", pa.list_(pa.float64())),
        pa.field("unit", pa.string()),
        pa.field("affine", pa.list_(pa.list_(pa.float64()))),
        pa.field("crs", pa.string()),
        pa.field("group", pa.string()),
        pa.field("sequence", pa.string()),
        pa.field("index", pa.int64()),
        pa.field("time_s", pa.float64()),
        pa.field("tags", pa.string()),
        pa.field("extra", pa.string()),
        pa.field("splits", pa.list_(pa.string())),
        pa.field("map", pa.string()),
        pa.field("map_sha256", pa.string()),
        pa.field("confidence", pa.string()),
        pa.field("confidence_sha256", pa.string()),
        pa.field("layer", pa.string()),
        pa.field("revision", pa.int64()),
        pa.field("coverage", pa.string()),
        pa.field("facts", pa.string()),
    ]
)
CLASS_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("kind", pa.string()),
        pa.field("void", pa.bool_()),
        pa.field("definition", pa.string()),
    ]
)
_SAID = ("key", "name", "kind", "void")


def class_rows(taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """One row per category, in order; what has no column is its definition."""
    return [_class_row(category) for category in taxonomy]


def _class_row(category: Category) -> dict[str, Any]:
    entry = category_to_json(category)
    rest = {name: value for name, value in entry.items() if name not in _SAID}
    said = {"key": category.key, "name": category.name, "kind": category.kind}
    return {**said, "void": category.void, "definition": to_json(rest) if rest else None}


def taxonomy_of_rows(rows: Sequence[Mapping[str, Any]], revision: object, where: Path) -> Taxonomy:
    """The categories of a table.

    Raises:
        TaxonomyError: they make no taxonomy.
        FormatError: a definition is no JSON object.
    """
    entries = []
    for i, row in enumerate(rows):
        rest = from_json(row.get("definition"), f"{where}: row {i}, definition")
        said = {name: row[name] for name in _SAID if row.get(name) is not None}
        entries.append({**rest, **said})
    number = revision if type(revision) is int else 0
    return Taxonomy.from_json({"categories": entries, "revision": number}, where=where)


def image_row(sample: Sample, size: tuple[int, ...]) -> dict[str, Any]:
    """The columns that a sample itself fills.

    Raises:
        DataError: fields that JSON cannot say.
    """
    image = sample.image
    return {
        "key": sample.key,
        "file_name": sample.file_name or None,
        "sha256": image.sha256,
        "depth": size[0] if len(size) == 3 else None,
        "height": size[-2],
        "width": size[-1],
        "kind": sample.kind,
        "channels": list(image.channels) or None,
        "spacing": list(image.spacing) or None,
        "unit": image.unit,
        "affine": [list(row) for row in image.affine] or None,
        "crs": image.crs,
        "group": sample.group,
        "sequence": sample.sequence,
        "index": sample.index,
        "time_s": sample.time_s,
        "tags": _text(sample.tags),
        "extra": _text(sample.extra),
    }


def sample_of_row(row: Mapping[str, Any], path: Path | None, where: str) -> Sample:
    """What `image_row` made.

    Raises:
        FormatError: a field is no JSON object, or a size that cannot be.
    """
    return Sample(
        row["key"],
        ImageRef(
            path,
            size_of_row(row, where),
            sha256=row.get("sha256"),
            channels=tuple(row.get("channels") or ()),
            spacing=tuple(row.get("spacing") or ()),
            unit=row.get("unit") or "px",
            affine=tuple(tuple(line) for line in row.get("affine") or ()),
            crs=row.get("crs"),
        ),
        kind=row.get("kind") or "image",
        sequence=row.get("sequence"),
        index=row.get("index"),
        time_s=row.get("time_s"),
        group=row.get("group"),
        tags=from_json(row.get("tags"), f"{where}, tags"),
        file_name=row.get("file_name") or "",
        extra=from_json(row.get("extra"), f"{where}, extra"),
    )


def size_of_row(row: Mapping[str, Any], where: str) -> tuple[int, ...]:
    """(H, W) or (D, H, W).

    Raises:
        FormatError: not a size.
    """
    sides = [row.get("height"), row.get("width")]
    sides = sides if row.get("depth") is None else [row["depth"], *sides]
    if not all(isinstance(side, int) and side >= 0 for side in sides):
        raise FormatError("not the size of an image", where=where, seen=sides)
    return tuple(int(side) for side in sides if side is not None)


def from_json(text: str | None, where: str) -> dict[str, Any]:
    """A JSON object; nothing is an empty one.

    Raises:
        FormatError: it is none.
    """
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError("not valid JSON", where=where, seen=error) from error
    if not isinstance(value, dict):
        raise FormatError("not a JSON object", where=where, seen=value)
    return value


@contextmanager
def reading_table(path: Path) -> Iterator[None]:
    """Whatever pyarrow says of a damaged file, as the one error for the user."""
    try:
        yield
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
        raise FormatError(
            "not a Parquet file, or damaged", where=path, seen=error, hint="copy it again"
        ) from error


def batches_of_table(path: Path, schema: pa.Schema) -> Iterator[Any]:
    """A small table in tables of `BATCH` rows, with the columns of the schema that it has.

    Raises:
        FormatError: it is missing or damaged, or a column that must be is not, or of another type.
    """
    with reading_table(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        present = [name for name in schema.names if name in file.schema_arrow.names]
        lacking = [f.name for f in schema if not f.nullable and f.name not in present]
        if lacking:
            raise FormatError(
                f"the table has no column {lacking[0]!r}", where=path, seen=file.schema_arrow.names
            )
        wanted = pa.schema([schema.field(name) for name in present])
        refuse_large(file.metadata, path)
        for batch in file.iter_batches(BATCH, columns=present):
            table = pa.Table.from_batches([batch]).select(present)
            if any(table[f.name].null_count for f in wanted if not f.nullable):
                raise FormatError("a row without key, name or size", where=path)
            yield table.cast(wanted)


def empty_splits(path: Path) -> list[str]:
    """Names of splits without images, of the footer of a table.

    Raises:
        FormatError: they are no list of names.
    """
    with reading_table(path), pq.ParquetFile(path) as file:
        text = (file.metadata.metadata or {}).get(EMPTY.encode(), b"[]")
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError("not valid JSON", where=f"{path}: {EMPTY}", seen=error) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FormatError("no list of splits", where=f"{path}: {EMPTY}", seen=names)
    return names


def refuse_large(metadata: Any, path: Path, columns: Sequence[str] | None = None) -> None:
    """Refuse row groups of which a footer claims more than memory should hold.

    Raises:
        FormatError: naming the group and what it claims.
    """
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(i) for i in range(group.num_columns)]
        asked = [c for c in chunks if columns is None or c.path_in_schema.split(".")[0] in columns]
        need = sum(max(c.total_uncompressed_size, 8 * c.num_values) for c in asked)
        if (
            need > max(LEAST_ROOM, free_bytes() // 4)
            or min((c.num_values for c in asked), default=0) < 0
        ):
            raise FormatError(
                "a row group claims more than memory should hold",
                where=f"{path}: row group {number}",
                seen=f"{need >> 20} MiB",
                hint="write it again with smaller row groups",
            )


def _text(value: Mapping[str, Any]) -> str | None:
    return to_json(dict(value)) if value else None
