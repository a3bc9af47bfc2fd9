"""Parquet with a column of images and one of masks, as Hugging Face's datasets are stored.

A picture is a struct of bytes and path. Masks are read as stored: the index of a palette is an
id, never its colour. What numbers mean is told as for `bitmap`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.outcome import counted
from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.base import ReadOptions
from maskloom.formats.bitmap.ids import coding_of, decode
from maskloom.formats.parquet.picture_rows import Row, named_rows, rows_of
from maskloom.formats.parquet.tables import reading_table
from maskloom.formats.shared.folders import read_side_file, side_splits
from maskloom.formats.shared.maps import check_size_of
from maskloom.store.files import atomic_write_bytes, safe_join
from maskloom.store.images import read_map
from maskloom.work.progress import track

MASKS = ("mask", "label", "labels", "annotation", "segmentation", "segmentation_mask",
         "semantic_mask", "mask_image", "seg", "gt")  # fmt: skip
IMAGES = ("image", "img", "pixel_values", "picture", "photo")
_KINDS = ((b"\x89PNG", ".png"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"), (b"\xff\xd8", ".jpg"),
          (b"RIFF", ".webp"), (b"BM", ".bmp"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read tables; all options are about files that maskloom did not write."""

    mask: str | None = field(default=None, metadata={"help": "column of the masks"})
    image: str | None = field(default=None, metadata={"help": "column of the images"})
    extract: Path | None = field(
        default=None, metadata={"help": "folder into which the images of the table are written"}
    )
    kind: Literal["auto", "class", "instance", "binary", "color"] = field(
        default="auto", metadata={"help": "what the numbers are"}
    )
    taxonomy: Path | None = field(
        default=None,
        metadata={"help": 'JSON: {"categories": [{"id": 0, "name": "sky"}], "void": 11}'},
    )
    colors: Path | None = field(default=None, metadata={"help": "colour table, lines R G B name"})
    category: str | None = field(
        default=None, metadata={"help": "what objects (object) or foreground (foreground) are"}
    )
    void: int | None = field(default=None, metadata={"help": "id of void pixels"})


def parquet_files(path: Path) -> list[Path]:
    """The Parquet files of a path, in order of name."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".parquet" else []
    return sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))


def has_pictures(path: Path) -> bool:
    """Whether a file has a column of masks, from its footer."""
    try:
        return any(name in MASKS for name in _pictures(_schema(path)))
    except DataError:
        return False


def read_pictures(path: Path, options: Read) -> Dataset:
    """The data set of some files.

    Raises:
        FormatError: no column of masks, damage, or numbers without meaning.
        UsageError: a column that is named is not there.
    """
    files = parquet_files(path)
    if not files:
        raise FormatError("no Parquet files", where=path)
    columns = _columns(files[0], options)
    side = read_side_file(path) if path.is_dir() else {}
    listed = [row for file in files for row in rows_of(file, columns)]
    named = named_rows(listed, whole=bool(side))
    rows = {key: row for key, row in named.items() if row.labelled}
    if not rows:
        raise FormatError(
            "no row has a mask", where=path, seen=columns[0], hint="name the column of the masks"
        )
    by_place = {row.where: row for row in rows.values()}

    def stored(where: Path) -> NDArray[Any]:
        return _mask(by_place[where], columns[0])

    coding = coding_of(options, side, list(by_place), where=path, read=stored)
    images = _extracted(rows, columns[1], options.extract)

    def labels_of(sample: Sample) -> Labels:
        row = rows[sample.key]
        values = stored(row.where)
        check_size_of(row.where, values.shape[:2], sample)
        return decode(values, coding, where=row.where)

    splits: dict[str, list[str]] = {}
    for key, row in rows.items():
        if row.split is not None:
            splits.setdefault(row.split, []).append(key)
    return Dataset(
        coding.taxonomy,
        tuple(Sample(k, ImageRef(images.get(k)), file_name=r.name) for k, r in rows.items()),
        labels_of,
        side_splits(side if "splits" in side else {"splits": splits}, rows),
        name=path.name,
        warnings=(*coding.warnings, *_unread(named, files[0], columns, extracted=bool(images))),
        extra={"bitmap": {"kind": coding.kind}},
    )


def _unread(
    rows: Mapping[str, Row], file: Path, columns: tuple[str, str | None], *, extracted: bool
) -> Iterator[str]:
    """Warnings about what no target gets: rows without a mask, columns, and images."""
    bare = [row for row in rows.values() if not row.labelled]
    if bare:
        yield (
            f"{counted(len(bare), 'row')} of {len(rows)} without a mask, which nobody labelled, "
            f"left out, first {bare[0].where}"
        )
    if unread := ", ".join(name for name in _schema(file).names if name not in columns):
        yield f"columns that are not read, and are dropped: {unread}"
    if not extracted:
        yield (
            "the images lie in the tables and are not written; --set from.extract=FOLDER writes "
            "them as files first"
        )


def _schema(path: Path) -> pa.Schema:
    with reading_table(path):
        return pq.read_schema(path)


def _pictures(schema: pa.Schema) -> list[str]:
    """Names of the columns that hold pictures: structs of bytes and path."""
    out = []
    for one in schema:
        if pa.types.is_struct(one.type) and one.type.get_field_index("bytes") >= 0:
            kind = one.type.field("bytes").type
            if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
                out.append(one.name)
    return out


def _columns(file: Path, options: Read) -> tuple[str, str | None]:
    """(column of masks, column of images or None)."""
    found = _pictures(_schema(file))
    for asked in (options.mask, options.image):
        if asked is not None and asked not in found:
            raise UsageError(
                "no such column of pictures",
                where=file,
                seen=asked,
                hint=f"columns of pictures: {', '.join(found) or 'none'}",
            )
    mask = options.mask or next((name for name in MASKS if name in found), None)
    if mask is None:
        raise FormatError(
            "no column of masks",
            where=file,
            seen=", ".join(found) or None,
            hint="name it with --set from.mask=COLUMN",
        )
    others = [name for name in (*IMAGES, *found) if name in found and name != mask]
    return mask, options.image or next(iter(others), None)


@lru_cache(maxsize=4)
def _group(file: Path, group: int, column: str, stamp: tuple[int, int]) -> Any:
    """The bytes of one column of pictures of a row group; `stamp` tells the file's state."""
    del stamp
    with reading_table(file), pq.ParquetFile(file) as opened:
        table = opened.read_row_group(group, columns=[f"{column}.bytes"], use_threads=False)
        return table[column].combine_chunks()


def _bytes(row: Row, column: str) -> bytes:
    stat = row.file.stat()
    value = _group(row.file, row.group, column, (stat.st_mtime_ns, stat.st_size))[row.row].as_py()
    data = value and value.get("bytes")
    if not isinstance(data, bytes) or not data:
        raise FormatError(
            f"no picture in column {column!r}",
            where=row.where,
            hint="download the data set with its images embedded",
        )
    return data


def _suffix(data: bytes) -> str:
    return next((suffix for start, suffix in _KINDS if data.startswith(start)), ".png")


def _mask(row: Row, column: str) -> NDArray[Any]:
    """The stored values of a mask."""
    data = _bytes(row, column)
    suffix = _suffix(data)
    if suffix == ".jpg":
        raise FormatError(
            "a mask stored as JPEG has lost its ids", where=f"{row.where}, {column}", seen="JPEG"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"mask{suffix}")
        file.write_bytes(data)
        try:
            values = read_map(file)
        except DataError as error:
            raise FormatError(
                error.what, where=f"{row.where}, {column}", seen=error.seen, hint=error.hint
            ) from error
    if values.dtype.kind == "f":
        raise FormatError("a label map holds whole numbers", where=row.where, seen=values.dtype)
    return values


def _extracted(rows: dict[str, Row], column: str | None, folder: Path | None) -> dict[str, Path]:
    """Key → file of each image, written as its bytes are."""
    if column is None or folder is None:
        return {}
    out = {}
    ordered = sorted(rows, key=lambda k: (rows[k].file, rows[k].group, rows[k].row))
    for key in track(ordered, "writing images", unit="images"):
        data = _bytes(rows[key], column)
        path = safe_join(folder, key + _suffix(data))
        if not path.is_file() or path.read_bytes() != data:
            atomic_write_bytes(path, data)
        out[key] = path
    return out
