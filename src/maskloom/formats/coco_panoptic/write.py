"""Write COCO panoptic: DST/annotations/panoptic_SPLIT.json, a folder of PNG maps beside it.

Bytes depend on the labels alone. Segment ids that came from such a file are kept; others are
colours near that of their category, found in a fixed order (`ids.py`).
"""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError
from maskloom.formats.base import WriteOptions
from maskloom.formats.coco.ids import kept_image_ids
from maskloom.formats.coco.lines import json_lines
from maskloom.formats.coco.tops import Tops, category_ids
from maskloom.formats.coco.write import image_name
from maskloom.formats.coco_panoptic.ids import segment_ids
from maskloom.formats.coco_panoptic.maps import INTERPRETED
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.flat import flat_losses, flat_rows
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only
from maskloom.formats.shared.slabs import paint_slab, slabs
from maskloom.store.files import atomic_file, safe_join, stays_below, writing
from maskloom.store.png_rows import png_rows

HOLDS = Holds(
    instances=True,
    void=True,
    background=False,
    crowd=True,
    score=True,
    attributes=True,
    coverage=True,
    fields=True,
)
_OWN = INTERPRETED | {"id", "area", "bbox"}
_FORMAT = "coco-panoptic"


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write COCO panoptic."""


class PanopticWriter:
    """PNG maps as they come, JSON files at the end."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.tops = Tops(taxonomy, extra.get("coco", {}))
        self.images = ImagePlacer(target / "images", options.images)
        self.folder = target / "annotations" / "panoptic"
        self.entries: dict[str, dict[str, Any]] = {}
        self.annotations: dict[str, dict[str, Any]] = {}
        self.names: set[str] = set()
        self.numbers = category_ids(taxonomy, list(taxonomy.scored))

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What one segment per pixel cannot hold; id 0 says nothing, so background is lost."""
        image_labels_only(labels.size, self.target)
        found = losses_of(HOLDS, sample.key, labels, self.taxonomy)
        if labels.rows is not None:
            found += flat_losses(labels.rows, self.taxonomy)
        return [replace(loss, key=sample.key) for loss in found]

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the map of one image, keep its entries, and place the image."""
        image_labels_only(labels.size, self.target)
        name = image_name(sample)
        self.entries[sample.key] = {
            **dict(sample.extra.get("coco", {})),
            "file_name": name,
            "height": labels.size[0],
            "width": labels.size[1],
        }
        self.images.put(sample, name)
        rows = flat_rows(labels, self.taxonomy)
        if labels.coverage.nothing and not len(rows):
            return
        said = dict(labels.extra.get(_FORMAT, {}))
        own = [r.get("id") if r else None for r in rows.source] if said else []
        ids = segment_ids(rows.category, self.taxonomy.colors(), own)
        said["file_name"] = self._map_name(sample.key, said.get("file_name"))
        said["segments_info"] = [self._segment(rows, i, int(ids[i])) for i in range(len(rows))]
        self.annotations[sample.key] = said
        with png_rows(safe_join(self.folder, said["file_name"]), labels.size) as add:
            for y0, y1 in slabs(labels.size):
                values = np.zeros((y1 - y0, labels.size[1]), "<i4")
                paint_slab(rows.masks, values, ids, y0)
                add(_colors(values))

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write one JSON file, or one per split, and name the folders of maps alike.

        Images of no split are in a file of none.
        """
        parts = {n: sorted(k for k in keys if k in self.entries) for n, keys in splits.items()}
        listed = {k for keys in parts.values() for k in keys}
        rest = sorted(set(self.entries) - listed)
        ids = None
        if len(listed) < sum(map(len, parts.values())):
            # An image that several files list has one id in all of them.
            every = sorted(self.entries)
            own = kept_image_ids([self.entries[k].get("id") for k in every])
            ids = dict(zip(every, own, strict=True))
        for name, keys in parts.items():
            self._write(f"panoptic_{name}", name, keys, ids)
        if rest or not parts:
            self._write("panoptic", "", rest, ids)
        for key in listed & self.annotations.keys() if rest else ():
            (self.folder / self.annotations[key]["file_name"]).unlink()
        if not rest and parts and self.folder.is_dir():
            shutil.rmtree(self.folder)
        return self.images.warnings()

    def _map_name(self, key: str, own: object) -> str:
        """The name that the source gave the map, unless another image has it here."""
        kept = [own] if isinstance(own, str) and stays_below(own) else []
        others = (f"{key}-{number}.png" for number in itertools.count(2))
        tried = itertools.chain(kept, [f"{key}.png"], others)
        name = next(name for name in tried if name not in self.names)
        self.names.add(name)
        return name

    def _segment(self, rows: Rows, i: int, own: int) -> dict[str, Any]:
        source = (rows.source[i] or {}) if rows.source else {}
        x0, y0, x1, y1 = (int(v) for v in rows.masks.boxes[i])
        out: dict[str, Any] = {
            **{k: v for k, v in source.items() if k not in _OWN},
            "area": int(rows.masks.areas[i]),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "category_id": self.numbers[int(rows.category[i])],
            "id": own,
            "iscrowd": int(rows.crowd[i]),
        }
        if not math.isnan(rows.score[i]):
            out["score"] = float(rows.score[i])
        if rows.attributes and rows.attributes[i]:
            out["attributes"] = dict(rows.attributes[i] or {})
        return out

    def _write(self, stem: str, split: str, keys: list[str], ids: Mapping[str, Any] | None) -> None:
        file = safe_join(self.target / "annotations", f"{stem}.json")
        own = [self.entries[k].get("id") for k in keys]
        image_ids = kept_image_ids(own) if ids is None else [ids[k] for k in keys]
        ordered = sorted(zip(image_ids, keys, strict=True))
        parts = self.tops.head(split)
        parts["images"] = ({**self.entries[k], "id": image_id} for image_id, k in ordered)
        segments = (self.annotations[k]["segments_info"] for k in keys if k in self.annotations)
        seen = {one["category_id"] for own in segments for one in own}
        used = frozenset(position for position, number in self.numbers.items() if number in seen)
        parts["categories"] = [self._category(split, i) for i in self.tops.listed(split, used)]
        parts["annotations"] = (
            {**self.annotations[k], "image_id": image_id}
            for image_id, k in ordered
            if k in self.annotations
        )
        folder = file.with_suffix("")
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if folder != self.folder:
                for key in keys:
                    if key in self.annotations:
                        _copy(self.folder, folder, self.annotations[key]["file_name"])
        with atomic_file(file) as temporary, temporary.open("w", encoding="utf-8") as out:
            out.writelines(json_lines(parts))

    def _category(self, split: str, position: int) -> dict[str, Any]:
        category = self.taxonomy[position]
        out = self.tops.category(split, position, self.numbers[position])
        out["isthing"] = int(category.kind == "thing")
        if category.color is not None:
            out["color"] = list(category.color)
        return out


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> PanopticWriter:
    """A writer into the folder `target`; `extra` is that of the source data set.

    Raises:
        UsageError: the target is named like a file.
    """
    if target.suffix.lower() == ".json":
        raise UsageError(
            "coco-panoptic is a folder: a JSON file and PNG maps",
            where=target,
            hint="name a folder",
        )
    return PanopticWriter(target, taxonomy, options, extra or {})


def _colors(ids: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(h, W, 3) R, G, B of ids (h, W) stored with the low byte first."""
    return ids.view(np.uint8).reshape(*ids.shape, 4)[..., :3]


def _copy(source: Path, target: Path, name: str) -> None:
    """One map into the folder of its split; an image may be in several."""
    place = safe_join(target, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(safe_join(source, name), place)
