"""Parquet with a column of images and one of masks, as Hugging Face's datasets are stored.

A picture is a struct of bytes and path. Masks are read as stored: the index of a palette is an
id, never its colour. What numbers mean is told as for `bitmap`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.base import ReadOptions
from maskloom.formats.bitmap.ids import coding_of, decode
from maskloom.formats.parquet.tables import reading_table, refuse_large
from maskloom.formats.shared.folders import read_side_file, side_splits
from maskloom.formats.shared.maps import check_size_of
from maskloom.store.files import atomic_write_bytes, safe_join, stays_below
from maskloom.store.images import read_map
from maskloom.work.progress import track

MASKS = ("mask", "label", "labels", "annotation", "segmentation", "segmentation_mask",
         "semantic_mask", "mask_image", "seg", "gt")  # fmt: skip
IMAGES = ("image", "img", "pixel_values", "picture", "photo")
_SPLITS = {"train": "train", "training": "train", "validation": "val", "valid": "val",
           "val": "val", "dev": "val", "test": "test"}  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class _Row:
    """Where one sample stands."""

    file: Path
    group: int
    row: int
    split: str | None
    name: str

    @property
    def where(self) -> Path:
        """For messages: a path, so that it can stand where a file's does."""
        return Path(f"{self.file}: row group {self.group}, row {self.row}")


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
    listed = [row for file in files for row in _rows_of(file, columns)]
    rows = _named(listed, whole=bool(side))
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
    told = "the images lie in the tables; --set from.extract=FOLDER writes them as files"
    unread = ", ".join(name for name in _schema(files[0]).names if name not in columns)
    lost = (f"columns that are not read: {unread}",) if unread else ()
    return Dataset(
        coding.taxonomy,
        tuple(Sample(k, ImageRef(images.get(k)), file_name=r.name) for k, r in rows.items()),
        labels_of,
        side_splits(side if "splits" in side else {"splits": splits}, rows),
        name=path.name,
        warnings=(*coding.warnings, *lost, *(() if images else (told,))),
        extra={"bitmap": {"kind": coding.kind}},
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


def _rows_of(file: Path, columns: tuple[str, str | None]) -> Iterator[_Row]:
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
            for row, name in enumerate(names):
                yield _Row(file, group, row, split, name or "")


def _named(rows: list[_Row], *, whole: bool) -> dict[str, _Row]:
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


@lru_cache(maxsize=4)
def _group(file: Path, group: int, column: str, stamp: tuple[int, int]) -> Any:
    """The bytes of one column of pictures of a row group; `stamp` tells the file's state."""
    del stamp
    with reading_table(file), pq.ParquetFile(file) as opened:
        table = opened.read_row_group(group, columns=[f"{column}.bytes"], use_threads=False)
        return table[column].combine_chunks()


def _bytes(row: _Row, column: str) -> bytes:
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


def _mask(row: _Row, column: str) -> NDArray[Any]:
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


def _extracted(rows: dict[str, _Row], column: str | None, folder: Path | None) -> dict[str, Path]:
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
