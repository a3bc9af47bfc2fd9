"""Write VIA 2 or 3: one JSON file beside the images, or in `train`, `val` and `test` of keys.

A mask is one polygon of which the reader (scikit-image, unless another is named) makes the very
same mask: holes and parts are joined by bridges that no pixel's centre lies on. What a reader
would see otherwise is told. `taxonomy.json` says void, stuff, splits, sizes and the reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of
from maskloom.formats.shared.drawn import (
    attributes_of,
    box_of,
    geometry_of,
    points_of,
    polygon_of,
    source_of,
    whole_objects,
)
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.shared.json_files import json_text, split_of
from maskloom.formats.shared.reader_rings import rings_for
from maskloom.formats.tags import fresh_tags
from maskloom.formats.via.files import ATTRIBUTES, IMAGES, tags_of
from maskloom.formats.via.shapes import SKIMAGE, Rule, region_of_rings, same_shape
from maskloom.formats.via.third import third_project
from maskloom.store.files import atomic_write_bytes, safe_join

ATTRIBUTE = "class"
VERSION = "2.0.10"
HOLDS = Holds(
    instances=True,
    overlap=True,
    void=True,
    attributes=True,
    drawings=True,
    vertices=True,
    fields=True,
    tags=True,
)


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write VIA."""

    form: Literal["source", "annotations", "project", "via3"] = field(
        default="source",
        metadata={
            "help": "annotations: via_region_data.json; project: via_project.json, which VIA "
            "opens; via3: via3_project.json of VIA 3; source: as it was read, else annotations"
        },
    )
    rule: Rule = field(default=SKIMAGE, metadata={"help": "the reader that polygons are made for"})


@dataclass(frozen=True, slots=True)
class _Drawing:
    """shape_attributes of a row, or None; whether they are its author's; pixels seen otherwise."""

    shape: dict[str, Any] | None
    own: bool = False
    changed: int = 0


class ViaWriter:
    """Collects entries and writes the files at the end."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.options = options
        own = extra.get("via", {})
        self.attribute = str(own.get("attribute") or ATTRIBUTE)
        self.project = dict(own.get("project", {}))
        wanted = "project" if self.project else "annotations"
        self.form = wanted if options.form == "source" else options.form
        self.images = ImagePlacer(target, options.images)
        self.entries: dict[str, dict[str, Any]] = {}
        self.sizes: dict[str, list[int]] = {}
        self.attributes: dict[str, None] = {}
        self._last: tuple[Labels, Rows, list[_Drawing]] | None = None

    def has(self, key: str) -> bool:
        """Whether this run has the sample; a file is written only when whole."""
        return key in self.entries

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What regions with one ring and attributes cannot hold."""
        image_labels_only(labels.size, self.target)
        holds = HOLDS if labels.rows is not None else replace(HOLDS, void=False)
        found = losses_of(holds, sample.key, labels, self.taxonomy)
        rows, drawings = self._drawings(labels)
        lost = redrawn = strange = named = 0
        for i, drawing in enumerate(drawings):
            solid = rows.kind[i] == RowKind.MASK
            lost += drawing.shape is None and not solid
            redrawn += solid and geometry_of(rows, i) is not None and not drawing.own
            strange += bool(set(source_of(rows, i)) - {"via", "bbox"})
            strange += self.form == "via3" and bool(_beyond(rows, i, drawing.shape))
            named += self.attribute in attributes_of(rows, i)
        told = {"drawings": lost, "vertices": redrawn, "fields": strange, "attributes": named}
        found += [Loss(sample.key, kind, count) for kind, count in told.items() if count]
        strange_image = set(sample.extra.get("via", {})) - {"size", "file_attributes"}
        if self.form == "via3" and strange_image:
            detail = f"of images: {', '.join(sorted(strange_image))}"
            found.append(Loss(sample.key, "fields", detail=detail))
        if changed := {i: one.changed for i, one in enumerate(drawings) if one.changed}:
            detail = f"parts that one ring cannot join for readers by {self.options.rule}"
            count, pixels = len(changed), sum(changed.values())
            who = first_instances(rows, list(changed))
            found.append(Loss(sample.key, "pixels", count, pixels, detail, instances=who))
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Keep the entry of one image, and place the image."""
        image_labels_only(labels.size, self.target)
        image = sample.image.path
        suffix = image.suffix if image is not None else Path(sample.file_name).suffix or ".png"
        name = sample.key if sample.key.endswith(suffix) else sample.key + suffix
        self.images.put(sample, name)
        rows, drawings = self._drawings(labels)
        regions = [
            self._region(rows, i, drawing.shape)
            for i, drawing in enumerate(drawings)
            if drawing.shape is not None
        ]
        own = dict(sample.extra.get("via", {}))
        said = dict(own.get("file_attributes") or {})
        fresh = fresh_tags(sample.tags, tags_of(own))
        self.attributes |= dict.fromkeys(fresh)
        there = image is not None and image.is_file()
        size = image.stat().st_size if there and image is not None else own.get("size", -1)
        self.entries[sample.key] = {
            "filename": name,
            "size": size,
            "regions": regions,
            "file_attributes": said | fresh,
            **{k: v for k, v in sorted(own.items()) if k not in ("size", "file_attributes")},
        }
        self.sizes[sample.key] = list(labels.size)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the files and the side file."""
        folders: dict[str, dict[str, Any]] = {}
        for key in sorted(self.entries):
            folder = key.partition("/")[0] if split_of(key) else ""
            entry = dict(self.entries[key])
            entry["filename"] = entry["filename"][len(folder) + 1 if folder else 0 :]
            folders.setdefault(folder, {})[f"{entry['filename']}{entry['size']}"] = entry
        for folder, entries in (folders or {"": {}}).items():
            name, data = self._file(entries)
            path = safe_join(self.target, f"{folder}/{name}" if folder else name)
            atomic_write_bytes(path, json_text(data, indent=1))
        fields: dict[str, Any] = {"attribute": self.attribute, "sizes": self.sizes}
        if self.options.rule != SKIMAGE:
            fields["rule"] = self.options.rule
        write_side_file(self.target, self.taxonomy, splits, kind="via", **fields)
        if self.form == "via3" and self.project:
            told = f"settings of the project of VIA 2 are left out: {', '.join(self.project)}"
            return (told, *self.images.warnings())
        return self.images.warnings()

    def _file(self, entries: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Name and content of a file that tells of these images."""
        if self.form == "via3":
            classes = [category.name for category in self.taxonomy]
            return "via3_project.json", third_project(
                list(entries.values()), self.attribute, classes
            )
        if self.form == "project":
            return "via_project.json", self._project(entries)
        return "via_region_data.json", entries

    def _project(self, entries: Mapping[str, Any]) -> dict[str, Any]:
        known = self.project.get(ATTRIBUTES, {})
        regions, files = dict(known.get("region", {})), dict(known.get("file", {}))
        for name in self.attributes:
            files.setdefault(name, {"type": "text", "description": "", "default_value": ""})
        options = {category.name: "" for category in self.taxonomy}
        regions.setdefault(
            self.attribute,
            {"type": "dropdown", "description": "", "options": options, "default_options": {}},
        )
        return {
            "_via_settings": {},
            IMAGES: entries,
            **{k: v for k, v in self.project.items() if k != ATTRIBUTES},
            ATTRIBUTES: {"file": {}} | known | {"file": files, "region": regions},
            "_via_data_format_version": self.project.get("_via_data_format_version", VERSION),
            "_via_image_id_list": list(entries),
        }

    def _region(self, rows: Rows, i: int, shape: Mapping[str, Any]) -> dict[str, Any]:
        kept = source_of(rows, i).get("via", {})
        name = self.taxonomy[int(rows.category[i])].name
        others = {k: v for k, v in attributes_of(rows, i).items() if k != self.attribute}
        more = {k: v for k, v in kept.get("shape", {}).items() if k not in shape}
        if kept.get("shape", {}).get("name") != shape["name"]:
            more = {}
        return {
            "shape_attributes": {**shape, **more},
            "region_attributes": {self.attribute: name, **others},
            **{k: v for k, v in sorted(kept.items()) if k != "shape"},
        }

    def _drawings(self, labels: Labels) -> tuple[Rows, list[_Drawing]]:
        """Rows, one an object, and what is written of each; made once, told and then written."""
        if self._last is None or self._last[0] is not labels:
            rows = whole_objects(instance_rows(labels))
            drawn = [
                self._mask(rows, i) if rows.kind[i] == RowKind.MASK else _Drawing(_figure(rows, i))
                for i in range(len(rows))
            ]
            self._last = labels, rows, drawn
        return self._last[1:]

    def _mask(self, rows: Rows, i: int) -> _Drawing:
        """The author's figure or polygon where the reader makes this mask of it, else rings."""
        mask = rows.masks[i]
        kept = source_of(rows, i).get("via", {}).get("shape", {})
        if not int(mask.areas[0]):
            return _Drawing(None)
        turned = self.form == "via3" and bool(kept.get("theta"))
        if not turned and same_shape(kept, mask):
            return _Drawing(dict(kept), own=True)
        own = polygon_of(rows, i, self.options.rule)
        if own is not None and len(own) == 1:
            return _Drawing(region_of_rings(own[0]), own=True)
        found = rings_for(mask, self.options.rule, single=True)
        return _Drawing(region_of_rings(found.rings[0]), changed=found.changed)


def _beyond(rows: Rows, i: int, shape: Mapping[str, Any] | None) -> set[str]:
    """Fields of a region of VIA 2 that VIA 3 has no place for."""
    kept = source_of(rows, i).get("via", {})
    return (set(kept) | set(kept.get("shape", {}))) - {"shape", *(shape or {})}


def _figure(rows: Rows, i: int) -> dict[str, Any] | None:
    """shape_attributes of a box, a point or a line; None of what VIA has no shape for."""
    box = box_of(rows, i)
    if box is not None:
        x0, y0, x1, y1 = (int(v) if v == int(v) else v for v in box)
        return {"name": "rect", "x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
    points = points_of(rows, i, "point") if rows.kind[i] == RowKind.POINT else None
    if points is not None and len(points) == 1:
        x, y = (int(v) if v == int(v) else v for v in points[0].tolist())
        return {"name": "point", "cx": x, "cy": y}
    points = points_of(rows, i, "line") if rows.kind[i] == RowKind.LINE else None
    return None if points is None else {**region_of_rings(points), "name": "polyline"}


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> ViaWriter:
    """A writer into the folder `target`; `extra` is that of the source data set."""
    return ViaWriter(target, taxonomy, options, extra or {})
