"""Open Images V4 to V7: CSV tables of boxes and of masks, one PNG for each mask. Read only.

Masks are stored at another size than their image and are scaled to it: a pixel takes the value
of the mask's pixel in which its centre lies. What people verified of an image is the coverage.
Tables are `tables.py`.

Source: storage.googleapis.com/openimages/web/download_v7.html, data formats.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage, RowKind
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, FormatError
from maskloom.formats.base import Format, ReadOptions, WriteOptions, only_read
from maskloom.formats.loss import Holds
from maskloom.formats.openimages.images import picture_of, undrawn
from maskloom.formats.openimages.tables import (
    ByImage,
    Row,
    find_tables,
    read_names,
    read_sizes,
    read_tables,
)
from maskloom.formats.shared.documents import Document, Entries, dataset_of_documents
from maskloom.formats.shared.folders import named_folder
from maskloom.formats.shared.shapes import Shape
from maskloom.store.files import safe_join, stays_below
from maskloom.store.images import read_map

NAME = "openimages"
LOOKS_FOR = "*-annotations-object-segmentation.csv or *-annotations-bbox.csv, with masks and images"
_FLAGS = ("IsOccluded", "IsTruncated", "IsDepiction", "IsInside")
_SIDES = {"masks": ("BoxXMin", "BoxYMin", "BoxXMax", "BoxYMax"),
          "boxes": ("XMin", "YMin", "XMax", "YMax")}  # fmt: skip
_FEW = 1000


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read Open Images."""

    masks: str = field(
        default="", metadata={"help": "folder of mask PNGs; else masks/SPLIT, masks"}
    )


def detect(path: Path) -> float:
    """Known by the first lines of its tables."""
    if not path.is_dir():
        return 0.0
    kinds = {table.kind for table in find_tables(path)}
    if kinds & {"masks", "boxes"}:
        return 0.95
    return 0.9 if "images" in kinds and read_names(path) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder: its images with masks or boxes.

    Raises:
        FormatError: no tables, or one that does not parse.
    """
    tables = find_tables(path) if path.is_dir() else []
    masks, boxes, told = (read_tables(tables, kind) for kind in ("masks", "boxes", "labels"))
    root = path if images is None else images
    bare = undrawn(tables, root, {*masks.rows, *boxes.rows})
    if not masks.rows and not boxes.rows and not bare:
        raise FormatError("no Open Images tables", where=path, hint=f"looked for {LOOKS_FOR}")
    names = read_names(path)
    used = dict.fromkeys(
        row.text("LabelName")
        for table in (masks, boxes, told) for own in table.rows.values() for row in own
    )  # fmt: skip
    taxonomy, labels = _taxonomy(names, list(used))
    sizes = read_sizes(path)
    folder = named_folder(path, options.masks, "masks") if options.masks else None
    documents = []
    for image, (table, split) in {**_drawn(masks, boxes), **bare}.items():
        rows = _joined(masks.rows.get(image, []), boxes.rows.get(image, []))
        documents.append(
            Document(
                f"{image}.jpg",
                table,
                Entries(
                    rows, partial(_shape, labels=labels, folder=folder, root=path, split=split)
                ),
                size=sizes.get(image),
                split=split,
                key=image if stays_below(image) else "",
                coverage=_coverage(rows, told.rows.get(image, []), labels, taxonomy),
                image=picture_of(image, root, split),
            )
        )
    return dataset_of_documents(
        documents,
        taxonomy,
        path,
        images,
        fmt=NAME,
        warnings=_notes(masks, told, {*masks.rows, *boxes.rows}, bare),
        skip_bad=options.skip_bad,
    )


def _drawn(masks: ByImage, boxes: ByImage) -> dict[str, tuple[Path, str | None]]:
    """Image → (table, split) of those with masks or boxes."""
    return {
        image: (table.rows[image][0].path, masks.splits.get(image, boxes.splits.get(image)))
        for table in (masks, boxes)
        for image in table.rows
        if table is masks or image not in masks.rows
    }


def _notes(masks: ByImage, told: ByImage, drawn: Container[str], bare: Container[str]) -> list[str]:
    notes = []
    if masks.rows:
        count = sum(map(len, masks.rows.values()))
        notes.append(f"{count} masks are scaled to their images' size, to the nearest pixel")
    if any(image not in drawn and image not in bare for image in told.rows):
        notes.append("images without a picture and with labels of the whole only are left out")
    return notes


def _taxonomy(
    names: Mapping[str, str], used: Sequence[str]
) -> tuple[Taxonomy, dict[str, Category]]:
    """Categories, all of a short list of names, else those that are used; and label → category."""
    listed = list(names) if len(names) <= _FEW else [label for label in names if label in set(used)]
    listed += [label for label in used if label not in names]
    shown: dict[str, str] = {}
    taken: set[str] = set()
    for label in listed:
        name = names.get(label, label)
        shown[label] = name if name not in taken else f"{name} ({label})"
        taken.add(shown[label])
    categories = {
        label: Category(key, shown[label], aliases=() if shown[label] == label else (label,))
        for label, key in zip(listed, unique_keys(shown.values()), strict=True)
    }
    return Taxonomy(tuple(categories.values())), categories


def _joined(masks: Sequence[Row], boxes: Sequence[Row]) -> list[tuple[Row, Row | None]]:
    """Rows of masks with the row of their box, which is the same object, then other boxes."""
    free: dict[tuple[str, ...], list[Row]] = {}
    for box in boxes:
        free.setdefault(_place(box, "boxes"), []).append(box)
    joined: list[tuple[Row, Row | None]] = []
    taken: set[int] = set()
    for mask in masks:
        same = free.get(_place(mask, "masks"), [])
        own = same.pop(0) if same else None
        taken.add(id(own))
        joined.append((mask, own))
    return joined + [(box, None) for box in boxes if id(box) not in taken]


def _place(row: Row, kind: str) -> tuple[str, ...]:
    """Label and corners, rounded as tables do."""
    corners = []
    for side in _SIDES[kind]:
        try:
            corners.append(f"{float(row.values.get(side) or 'nan'):.4f}")
        except ValueError:
            corners.append("nan")
    return (row.text("LabelName"), *corners)


def _coverage(
    rows: Sequence[tuple[Row, Row | None]],
    told: Sequence[Row],
    labels: Mapping[str, Category],
    taxonomy: Taxonomy,
) -> Coverage:
    """Categories with masks or boxes, and those that people saw are absent; of others nothing."""
    covered = {labels[row.text("LabelName")].key for row, _ in rows}
    covered |= {
        labels[row.text("LabelName")].key
        for row in told
        if (row.values.get("Confidence") or "").strip() in ("0", "0.0")
    }
    if not covered:
        return Coverage(nothing=True)
    return Coverage(None if covered >= set(taxonomy.keys) else frozenset(covered))


def _shape(
    rows: tuple[Row, Row | None],
    size: tuple[int, int],
    *,
    labels: Mapping[str, Category],
    folder: Path | None,
    root: Path,
    split: str | None,
) -> Shape:
    row, box = rows
    about = {**(box.values if box is not None else {}), **row.values}
    attributes = {name: about[name] == "1" for name in _FLAGS if about.get(name) in ("0", "1")}
    source: dict[str, Any] = {
        k: v for k, v in about.items() if v and k not in ("ImageID", "LabelName", *_FLAGS)
    }
    masked = "MaskPath" in row.values
    x0, y0, x1, y1 = (row.fraction(side) for side in _SIDES["masks" if masked else "boxes"])
    corners = np.array([[x0, y0], [x1, y1]]) * np.array(size[::-1], np.float64)
    source["bbox"] = [*corners[0].tolist(), *(corners[1] - corners[0]).tolist()]
    mask = None
    if masked:
        mask, stored = _mask(row, size, folder, root, split)
        source["mask_size"] = stored
    return Shape(
        labels[row.text("LabelName")].name,
        row.where,
        RowKind.MASK if masked else RowKind.BOX,
        () if masked else (corners,),
        "" if masked else "box",
        mask=mask,
        crowd=about.get("IsGroupOf") == "1",
        attributes=attributes,
        source=source,
    )


def _mask(
    row: Row, size: tuple[int, int], folder: Path | None, root: Path, split: str | None
) -> tuple[Masks, list[int]]:
    """The mask at the size of its image, and the size it is stored at."""
    name = row.text("MaskPath")
    official = {"val": "validation"}.get(split or "", split or "")
    places = [root / "masks" / official, root / "masks", root / f"{official}-masks", root]
    for place in [folder] if folder is not None else places:
        try:
            path = safe_join(place, name)
        except DataError as error:
            raise FormatError(error.what, where=f"{row.where}, MaskPath", seen=name) from error
        if path.is_file():
            break
    else:
        raise FormatError(
            "the mask is not there",
            where=f"{row.where}, MaskPath",
            seen=name,
            hint="put it into masks/, or say --set from.masks=FOLDER",
        )
    values: NDArray[Any] = read_map(path) != 0
    stored: NDArray[np.bool_] = values if values.ndim == 2 else np.any(values, axis=2)
    steps = [
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(np.int64), m - 1)
        for n, m in zip(size, stored.shape, strict=True)
    ]
    return Masks.from_dense(stored[np.ix_(*steps)]), list(stored.shape)


FORMAT = Format(
    NAME,
    "Open Images: CSV tables of masks (PNG per object) and boxes (read only)",
    Holds(
        instances=True,
        overlap=True,
        crowd=True,
        attributes=True,
        coverage=True,
        looked_for=True,
        drawings=True,
    ),
    LOOKS_FOR,
    Read,
    WriteOptions,
    detect,
    read,
    only_read(NAME),
    written=False,
)
