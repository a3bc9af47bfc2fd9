"""Write COCO instances: DST.json, or DST/annotations/instances_SPLIT.json with DST/images.

Bytes depend on the labels alone: keys are sorted, one entry stands on a line, images are
sorted by id and annotations by image and row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core import coco_rle
from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample, sample_key
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.formats.base import WriteOptions
from maskloom.formats.coco.entries import CocoEntries
from maskloom.formats.coco.lines import json_lines
from maskloom.formats.coco.rings import Polygon, edges_of, vertices_of
from maskloom.formats.coco.tops import Tops, category_ids, licensed
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.boxes import losses_beside_boxes
from maskloom.formats.shared.drawn import whole_objects
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only
from maskloom.store.files import atomic_file, safe_join

HOLDS = Holds(
    instances=True, overlap=True, empty=True, crowd=True, score=True, attributes=True, fields=True
)


Segmentation = Literal["source", "polygon", "rle"]


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write COCO."""

    segmentation: Segmentation = field(
        default="source",
        metadata={
            "help": "source: the author's vertices where pycocotools makes the very same mask of "
            "them, else runs; polygon: pixel-edge rings before runs; rle: compressed runs"
        },
    )


@dataclass(frozen=True, slots=True)
class Dialect:
    """How files of a relative of COCO differ.

    Args:
        stem: of the files' names, before the split.
        unsaid: keys of annotations that it does not have.
        holds: what it can say.
        whole: every file lists all categories, as images name those that they lack.
    """

    stem: str
    unsaid: frozenset[str]
    holds: Holds
    whole: bool = False


_BOX = int(RowKind.BOX)  # an enumeration is slow to name a million times
COCO = Dialect("instances", frozenset(), HOLDS)


class CocoWriter:
    """Collects entries, annotations on disk, and writes the files at the end."""

    def __init__(
        self,
        target: Path,
        taxonomy: Taxonomy,
        options: Write,
        extra: Mapping[str, Any],
        dialect: Dialect = COCO,
    ) -> None:
        self.dialect = dialect
        self.target = target
        self.taxonomy = taxonomy
        self.options = options
        self.tops = Tops(taxonomy, extra.get("coco", {}), whole=dialect.whole)
        self.single = target.suffix.lower() == ".json"
        self.images = ImagePlacer(target / "images", "none" if self.single else options.images)
        self.entries = self._no_entries()
        self._last: tuple[Rows, list[Polygon | None]] | None = None
        self.holds = Holds(
            **{
                **{n: getattr(dialect.holds, n) for n in Holds.__slots__},
                "vertices": options.segmentation != "rle",
            }
        )

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What COCO instances cannot hold."""
        if labels.rows is None:
            return losses_of(self.holds, sample.key, labels, self.taxonomy)
        boxes = _source_boxes(labels.rows)
        found = losses_beside_boxes(self.holds, sample.key, labels, self.taxonomy, boxes)
        return found + self._redrawn(sample.key, labels.rows)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Keep the entries of one image and place the image."""
        image_labels_only(labels.size, self.target, painted=False)
        name = image_name(sample)
        height, width = labels.size
        own = sample.extra.get("coco", {})
        image = {**own, "file_name": name, "height": height, "width": width}
        self.images.put(sample, name)
        rows = instance_rows(labels)
        written = _annotation_rows(rows)
        drawn: Sequence[Polygon | None] = [None] * len(written)
        if self.options.segmentation != "rle" and written.geometry:
            drawn = self._vertices(rows, written)
        self.entries.append(sample.key, image, self._annotations(written, drawn))

    def _redrawn(self, key: str, rows: Rows) -> list[Loss]:
        """Vertices that pycocotools does not make the same mask of, or of crowds."""
        if not self.holds.vertices or not rows.geometry:
            return []
        written = _annotation_rows(rows)
        drawn = zip(written.instance.tolist(), self._vertices(rows, written), strict=True)
        kept = {instance for instance, vertices in drawn if vertices is not None}
        told = [g is not None for g in rows.geometry] & (rows.kind == int(RowKind.MASK))
        lost = [i for i in np.flatnonzero(told).tolist() if int(rows.instance[i]) not in kept]
        return [Loss(key, "vertices", len(lost), int(rows.masks.areas[lost].sum()))] * bool(lost)

    def _vertices(self, rows: Rows, written: Rows) -> list[Polygon | None]:
        """The author's vertices of what is written of rows; made once for losses and file."""
        if self._last is None or self._last[0] is not rows:
            self._last = rows, vertices_of(written)
        return self._last[1]

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write one file, or one per split; images of none are in a file of no split."""
        everything = self.entries.ordered()
        parts = {name: self.entries.rows_of(keys) for name, keys in splits.items()}
        listed = np.concatenate([everything[:0], *parts.values()])
        rest = everything[~np.isin(everything, listed)]
        if len(rest) or not parts:
            parts[""] = rest
        said: tuple[str, ...] = ()
        if self.single:
            said = self._write_one(parts, everything)
        else:
            if len(np.unique(listed)) < len(listed):
                self.entries.number_as_one(everything)
            numbers = self._numbers(parts)
            for name, rows in parts.items():
                stem = f"{self.dialect.stem}_{name}" if name else self.dialect.stem
                file = safe_join(self.target / "annotations", f"{stem}.json")
                self._write(file, name, rows, self.tops.head(name), numbers)
        # What was written is read again while this writer is still held.
        self.entries = self._no_entries()
        return said + self.images.warnings()

    def _write_one(
        self, parts: Mapping[str, NDArray[np.int64]], everything: NDArray[np.int64]
    ) -> tuple[str, ...]:
        """Write the only file; warnings about what files of splits say otherwise of themselves."""
        head, moved, unsaid = self.tops.merged(name for name, rows in parts.items() if len(rows))
        of = {row: moved[name] for name in moved for row in parts[name].tolist()}
        numbers = self._numbers({"": everything})
        self._write(self.target, "", everything, head, numbers, of)
        return tuple(
            f"one file has one {name}, not written is that of "
            f"{', '.join(split or 'no split' for split in splits)}"
            for name, splits in unsaid.items()
        )

    def _numbers(self, parts: Mapping[str, NDArray[np.int64]]) -> dict[int, int]:
        """Position → id of the categories of all files."""
        used = frozenset[int]().union(*map(self.entries.used, parts.values()))
        plain = (i for i, category in enumerate(self.taxonomy) if i in used or not category.void)
        return category_ids(self.taxonomy, plain)

    def _no_entries(self) -> CocoEntries:
        return CocoEntries(self.target, self.tops.watched())

    def _annotations(self, rows: Rows, drawn: Sequence[Polygon | None]) -> list[dict[str, Any]]:
        """The entries of an image, without the numbers that the whole file gives them.

        `drawn` are the author's vertices of each row, where they are written.
        """
        # Columns are read as a whole: a million single values are slow to fetch.
        columns = zip(
            rows.source or (None,) * len(rows),
            rows.masks.areas.tolist(),
            rows.masks.boxes.tolist(),
            rows.category.tolist(),
            rows.crowd.tolist(),
            rows.score.tolist(),
            rows.kind.tolist(),
            rows.attributes or (None,) * len(rows),
            strict=True,
        )
        found = []
        for i, (source, area, box, category, crowd, score, kind, said) in enumerate(columns):
            out: dict[str, Any] = dict(source or {})
            # COCO's tools leave out boxes without an area.
            out.setdefault("area", area if kind != _BOX else math.prod(out["bbox"][2:]))
            out.setdefault("bbox", [box[0], box[1], box[2] - box[0], box[3] - box[1]])
            out["category_id"], out["iscrowd"] = category, int(crowd)
            out["segmentation"] = drawn[i] or self._segmentation(rows, i)
            if not math.isnan(score):
                out["score"] = score
            if said:
                out["attributes"] = dict(said)
            for name in self.dialect.unsaid:
                out.pop(name, None)
            found.append(out)
        return found

    def _segmentation(self, rows: Rows, i: int) -> Any:
        if rows.kind[i] == _BOX:
            return []
        if self.options.segmentation == "polygon" and not rows.crowd[i]:
            polygon = edges_of(rows.masks[i])
            if polygon is not None:
                return polygon
        return _compressed(rows.masks, i)

    def _write(
        self,
        file: Path,
        split: str,
        rows: NDArray[np.int64],
        head: Mapping[str, Any],
        numbers: Mapping[int, int],
        moved: Mapping[int, Mapping[int, int]] | None = None,
    ) -> None:
        """Write a file; `moved` are new numbers of licences by row."""
        image_ids, rows = self.entries.numbered(rows)
        listed = self.tops.listed(split, self.entries.used(rows))
        images = self.entries.images(image_ids, rows)
        if moved:
            images = licensed(images, (moved.get(row, {}) for row in rows.tolist()))
        parts: dict[str, Any] = dict(head)
        parts["images"] = images
        parts["categories"] = [self.tops.category(split, i, numbers[i]) for i in listed]
        parts["annotations"] = self.entries.annotations(image_ids, rows, numbers)
        with atomic_file(file) as temporary, temporary.open("w", encoding="utf-8") as out:
            out.writelines(json_lines(parts))


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> CocoWriter:
    """A writer into a .json file or a folder; `extra` is that of the source data set."""
    return CocoWriter(target, taxonomy, options, extra or {})


def _annotation_rows(rows: Rows) -> Rows:
    """Objects with masks, one row each, and boxes that came from COCO."""
    told = _source_boxes(rows) | (rows.kind == int(RowKind.MASK))
    return whole_objects(rows if told.all() else rows.take(told))


def _source_boxes(rows: Rows) -> NDArray[np.bool_]:
    """Which rows are boxes that a COCO file told, and so can be told again."""
    told: NDArray[np.bool_] = rows.kind == _BOX
    for i in np.flatnonzero(told).tolist():
        source = rows.source[i] if rows.source else None
        told[i] = source is not None and "bbox" in source
    return told


def _compressed(masks: Masks, i: int) -> dict[str, Any]:
    """`Masks.to_coco` of a row, without making a batch of that one row."""
    height, width = masks.sizes[i].tolist()
    runs = masks.counts[masks.offsets[i] : masks.offsets[i + 1]]
    frame = coco_rle.crop_to_frame(masks.boxes[i], runs, height, width)
    return {"size": [height, width], "counts": coco_rle.compress(frame).tobytes().decode()}


def image_name(sample: Sample) -> str:
    """The source's own name where it is the key's, so that no two images share one."""
    known = "coco" in sample.extra and sample.file_name
    if known and sample_key(sample.file_name) == sample.key:
        return sample.file_name
    if sample.image.path is not None:
        return sample.key + sample.image.path.suffix
    return sample.key + (Path(sample.file_name).suffix or ".png")
