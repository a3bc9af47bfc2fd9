"""Write one folder per image with one PNG per object, and a `taxonomy.json` of names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.labels import STALE, Geometry, Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import instance_rows
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.class_names import any_name
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.store.files import safe_join, writing
from maskloom.store.images import write_png

HOLDS = Holds(instances=True, overlap=True, empty=True)
_LONGEST_KEY = 200  # bytes; systems take 255, with a number, a suffix and what marks partial files


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write object folders."""


def key_fits(category: Category) -> str:
    """Names of files hold the key of the class: a rule for `Format.names`."""
    long = len(category.key.encode()) > _LONGEST_KEY
    return any_name(category) or ("names of files are too short for its key" if long else "")


class ObjectsWriter:
    """DST/images, DST/masks/KEY/0001.png, DST/taxonomy.json, with ids that are not 1, 2, ..."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.images = ImagePlacer(target / "images", options.images)
        self.sizes: dict[str, list[int]] = {}
        self.ids: dict[str, list[int]] = {}

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What binary masks in a folder cannot hold."""
        return losses_of(HOLDS, sample.key, labels, self.taxonomy)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the masks of one image; the folder appears when whole."""
        image_labels_only(labels.size, self.target)
        rows = joined_parts(instance_rows(labels))
        folder = self._folder(sample.key)
        partial = folder.with_name(f".{folder.name}.partial")
        with writing(folder):
            partial.mkdir(parents=True, exist_ok=True)
            for i in range(len(rows)):
                name = f"{i + 1:04d}"
                if len(self.taxonomy) > 1:
                    name += f"_{self.taxonomy[int(rows.category[i])].key}"
                write_png(partial / f"{name}.png", rows.masks.dense(i))
            if len(rows) == 0:
                self.sizes[sample.key] = list(labels.size)
            if (own := rows.instance.tolist()) != list(range(1, len(rows) + 1)):
                self.ids[sample.key] = own
            partial.replace(folder)
        self.images.put(sample)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        more = {"ids": self.ids} if self.ids else {}
        write_side_file(
            self.target, self.taxonomy, splits, kind="objects", sizes=self.sizes, **more
        )
        return self.images.warnings()

    def _folder(self, key: str) -> Path:
        return safe_join(self.target / "masks", key)


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> ObjectsWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return ObjectsWriter(target, taxonomy, options)


def joined_parts(rows: Rows) -> Rows:
    """Mask rows only, one per object: rows that share an instance id are united.

    What a united object's first row says is kept, but for area and box, which were those of that
    part alone. Vertices are put together where the rule of all parts unites rings.
    """
    solid = rows.take(rows.kind == RowKind.MASK)
    if len(set(solid.instance.tolist())) == len(solid):
        return solid
    _, first, number = np.unique(solid.instance, return_index=True, return_inverse=True)
    members = [np.flatnonzero(number == number[i]) for i in np.sort(first)]
    kept = solid.take(np.array([own[0] for own in members], np.int64))
    columns = {name: getattr(kept, name) for name in Rows.__slots__}
    columns["masks"] = Masks.concatenate([solid.masks[own].merge() for own in members])
    if solid.geometry:
        columns["geometry"] = tuple(
            _joined_geometry([solid.geometry[i] for i in own.tolist()]) for own in members
        )
    if solid.source:
        columns["source"] = tuple(
            source if len(own) == 1 or source is None else _without_extent(source)
            for own, source in zip(members, kept.source, strict=True)
        )
    return Rows(**columns)


def _joined_geometry(parts: list[Geometry | None]) -> Geometry | None:
    if len(parts) == 1:
        return parts[0]
    drawn = [part for part in parts if part is not None and part.rule == "coco"]
    if len(drawn) < len(parts):
        return None
    return Geometry(tuple(ring for part in drawn for ring in part.parts), "coco")


def _without_extent(source: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key not in STALE}
