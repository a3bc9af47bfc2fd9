"""Three Parquet tables that hold all that labels can say, and Parquet files of other hubs.

`images`, `classes` and `annotations` are written by `write.py`; annotations are read a
row group at a time. Files with a column of images and one of masks, as Hugging Face's datasets
have them, are `pictures.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, FormatError
from maskloom.formats.base import Format
from maskloom.formats.kept import Kept
from maskloom.formats.parquet import write as parquet_write
from maskloom.formats.parquet.images import ImageTable
from maskloom.formats.parquet.pictures import Read, has_pictures, parquet_files, read_pictures
from maskloom.formats.parquet.pictures_write import LAYOUT
from maskloom.formats.parquet.tables import (
    ANNOTATIONS,
    CLASS_SCHEMA,
    CLASSES,
    IMAGES,
    batches_of_table,
    from_json,
    size_of_row,
    taxonomy_of_rows,
)
from maskloom.formats.shared.folders import is_marked, list_files
from maskloom.store.files import safe_join, sha256_file
from maskloom.store.images import read_map
from maskloom.store.project.covered import coverage_from_json
from maskloom.store.project.parts import part_facts, read_rows

LOOKS_FOR = "images.parquet + classes.parquet + annotations.parquet, or *.parquet with images"


def detect(path: Path) -> float:
    """Known by the names of the three tables, or by columns of images in a footer."""
    if path.is_dir() and all((path / name).is_file() for name in (ANNOTATIONS, IMAGES, CLASSES)):
        return 0.99
    if path.is_dir() and is_marked(path, f'"layout": "{LAYOUT}"'):
        return 0.99  # more than `bitmap`, whose side file it has, says of it
    first = next(iter(parquet_files(path)), None)
    return 0.9 if first is not None and has_pictures(first) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder or file.

    Raises:
        FormatError: tables that are missing, damaged, or do not fit each other.
    """
    if not (path / ANNOTATIONS).is_file():
        return read_pictures(path, options)
    facts = part_facts(path / ANNOTATIONS)
    classes = batches_of_table(path / CLASSES, CLASS_SCHEMA)
    taxonomy = taxonomy_of_rows(
        [row for batch in classes for row in batch.to_pylist()],
        facts.get("revision"),
        path / CLASSES,
    )
    table = ImageTable(path, list_files(images) if images is not None else None)
    places = table.places()
    positions = {key: i for i, key in enumerate(taxonomy.keys)}
    samples = table.samples()

    def labels_of(sample: Sample) -> Labels:
        if (at := table.keys.find(sample.key)) < 0:
            raise DataError("no such sample", where=path, seen=sample.key)
        first, n = places[at].tolist()
        return _labels(path, table.row(at), (first, n), taxonomy, positions)

    extra = facts.get("extra")
    return Dataset(
        taxonomy,
        samples,
        labels_of,
        table.splits(),
        name=path.name,
        warnings=_missing(samples),
        extra=extra if isinstance(extra, dict) else {},
    )


def _missing(samples: Sequence[Sample]) -> tuple[str, ...]:
    """A warning about images that are not there; every sample is made, and so checked."""
    count, first = 0, ""
    for sample in samples:
        if sample.image.path is None:
            count, first = count + 1, first or sample.key
    return (f"{count} of {len(samples)} images are missing, first {first!r}",) if count else ()


def _labels(
    path: Path,
    row: Mapping[str, Any],
    place: tuple[int, int],
    taxonomy: Taxonomy,
    positions: Mapping[str, int],
) -> Labels:
    where = f"{path / IMAGES}: {row['key']}"
    size = size_of_row(row, where)
    said: dict[str, Any] = {
        "layer": row.get("layer", "main"),
        "revision": row.get("revision", 0),
        "extra": from_json(row.get("facts"), f"{where}, facts"),
    }
    text = row.get("coverage")
    if text is not None:
        said["coverage"] = _covered(from_json(text, f"{where}, coverage"), size, where)
    if "confidence" in row:
        said["confidence"] = _picture(path, row, "confidence", size)
    if "map" in row:
        if place[1]:
            raise FormatError("an image with a class map and annotations", where=where)
        pixels = _picture(path, row, "map", size)
        _check_codes(pixels, len(taxonomy), f"{where}, map")
        return Labels(size, class_map=pixels, **said)
    return Labels(size, rows=_rows(path, row["key"], place, size, positions), **said)


def _covered(data: Mapping[str, Any], size: tuple[int, ...], where: str) -> Any:
    try:
        found = coverage_from_json(data, lambda keys: keys)
    except (DataError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(
            "not what was labelled", where=f"{where}, coverage", seen=error
        ) from error
    if found.area is not None and len(size) == 2 and found.area.sizes[0].tolist() != list(size):
        raise FormatError(
            "the labelled area is for another frame",
            where=f"{where}, coverage",
            seen=found.area.sizes[0].tolist(),
        )
    return found


def _rows(
    path: Path,
    key: str,
    place: tuple[int, int],
    size: tuple[int, ...],
    positions: Mapping[str, int],
) -> Rows:
    where = f"{path / ANNOTATIONS}: {key}"
    if not place[1]:
        return Rows.make(Masks.empty(0, size[-2:]), np.zeros(0, np.int32))
    try:
        rows = read_rows(path / ANNOTATIONS, *place, positions)
    except DataError as error:
        raise FormatError(
            error.what, where=f"{where}, {error.where}", seen=error.seen, hint=error.hint
        ) from error
    except (ValueError, RecursionError) as error:
        raise FormatError("not valid JSON or vertices", where=where, seen=error) from error
    if (rows.masks.sizes != size[-2:]).any():
        raise FormatError(
            f"masks for another frame than the image, {size[-2]} × {size[-1]}",
            where=where,
            seen=np.unique(rows.masks.sizes, axis=0).tolist()[:3],
        )
    for name in ("attributes", "source"):
        bad = [v for v in getattr(rows, name) if v is not None and not isinstance(v, dict)]
        if bad:
            raise FormatError("not a JSON object", where=f"{where}, {name}", seen=bad[0])
    return rows


def _picture(path: Path, row: Mapping[str, Any], name: str, size: tuple[int, ...]) -> NDArray[Any]:
    """A class map or confidence, whose bytes must be those that were written."""
    file = safe_join(path, row[name])
    pixels = read_map(file)
    wanted = row.get(f"{name}_sha256")
    if wanted is not None and sha256_file(file) != wanted:
        raise FormatError(
            "the file is not the one that the table names",
            where=file,
            seen=f"sha256 is not {wanted[:12]}...",
            hint="put the file back that belongs to the table",
        )
    if pixels.ndim != 2 or pixels.size != int(np.prod(size)) or pixels.shape[1] != size[-1]:
        raise FormatError(
            f"a map of another size than its image, {size}", where=file, seen=pixels.shape
        )
    if pixels.dtype not in (np.uint8, np.uint16) or (name == "confidence" and pixels.itemsize > 1):
        raise FormatError("a map of another type", where=file, seen=pixels.dtype)
    return np.ascontiguousarray(pixels).reshape(size)


def _check_codes(pixels: NDArray[Any], n: int, where: str) -> None:
    void, background = codes(pixels.dtype)
    bad = (pixels >= n) & (pixels != void) & (pixels != background)
    if bad.any():
        raise FormatError(
            f"a position that {CLASSES} with {n} rows does not have",
            where=where,
            seen=int(pixels[bad][0]),
        )


FORMAT = Format(
    "parquet",
    "three Parquet tables that hold everything; pictures with masks as Hugging Face has them",
    parquet_write.HOLDS,
    LOOKS_FOR,
    Read,
    parquet_write.Write,
    detect,
    read,
    parquet_write.writer,
    dims=(2, 3),
    kept=Kept(("*",)),
)
