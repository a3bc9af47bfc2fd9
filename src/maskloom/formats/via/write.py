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
from maskloom.core.places import geometry_of, source_of
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.errors import WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.fields import beside_places, names_in
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of
from maskloom.formats.shared.drawn import attributes_of, kept_of, whole_objects
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.shared.json_files import json_text, keys_of_names, placed_name, split_of
from maskloom.formats.shared.suffixed import named_image
from maskloom.formats.tags import fresh_tags
from maskloom.formats.via.classes import KEPT as CLASS
from maskloom.formats.via.classes import class_in, written_class
from maskloom.formats.via.drawing import Drawing, drawing
from maskloom.formats.via.files import ATTRIBUTES, IMAGES, tags_of
from maskloom.formats.via.shapes import SKIMAGE, Rule, is_kept
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
    foreign=False,
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
        self._last: tuple[Labels, Rows, list[Drawing]] | None = None

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What regions with one ring and attributes cannot hold."""
        image_labels_only(labels.size, self.target)
        holds = HOLDS if labels.rows is not None else replace(HOLDS, void=False)
        found = losses_of(replace(holds, empty=True), sample.key, labels, self.taxonomy)
        rows, drawings = self._drawings(labels)
        beside = beside_places(rows) or (None,) * len(rows)
        redrawn = named = 0
        strange: list[set[str]] = []
        lost: list[int] = []
        empty: list[int] = []
        for i, own in enumerate(drawings):
            solid = rows.kind[i] == RowKind.MASK
            if own.shape is None:
                (empty if solid else lost).append(i)
            redrawn += solid and geometry_of(rows, i) is not None and not own.own
            source, kept = source_of(rows, i), kept_of(rows, i, "via", is_kept)
            known = {"via"} if kept or not source.get("via") else set()
            foreign = set(source) - known - {"" if solid else "bbox"}
            strange.append(_said_in(foreign, beside[i] or {}))
            if self.form == "via3":
                strange[-1] |= _beyond(rows, i, own.shape)
            named += self.attribute in attributes_of(rows, i)
        for kind, rows_lost in (("drawings", lost), ("empty", empty)):
            if rows_lost:
                who = first_instances(rows, rows_lost)
                found.append(Loss(sample.key, kind, len(rows_lost), instances=who))
        if fields := tuple(sorted(set().union(*strange))):
            count = sum(map(bool, strange))
            found.append(Loss(sample.key, "fields", count, names=fields))
        told = {"vertices": redrawn, "attributes": named}
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
        name = named_image(sample)
        self.images.put(sample, name)
        rows, drawings = self._drawings(labels)
        regions = [
            self._region(rows, i, one.shape)
            for i, one in enumerate(drawings)
            if one.shape is not None
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
        self._check_keys(folders)
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

    def _check_keys(self, folders: Mapping[str, Mapping[str, Any]]) -> None:
        """Every image is found again under its key.

        Raises:
            WriteError: names one that is not.
        """
        names = [
            placed_name(f"{folder}/x" if folder else "x", entry["filename"], self.target)
            for folder, entries in folders.items()
            for entry in entries.values()
        ]
        if lost := sorted(set(self.entries) - set(keys_of_names(names))):
            raise WriteError(
                "an image of this name would be read again under another",
                where=self.target,
                seen=lost[0],
                hint="rename the image: without a backslash, and with one suffix",
            )

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
        kept = kept_of(rows, i, "via", is_kept)
        name = self.taxonomy[int(rows.category[i])].name
        others = {k: v for k, v in attributes_of(rows, i).items() if k != self.attribute}
        unsaid = {"shape"} if class_in(kept) is None else {"shape", CLASS}
        said = written_class(kept, self.attribute, name, options=self.form == "via3")
        more = {k: v for k, v in kept.get("shape", {}).items() if k not in shape}
        if kept.get("shape", {}).get("name") != shape["name"]:
            more = {}
        return {
            "shape_attributes": {**shape, **more},
            "region_attributes": {**said, **others},
            **{k: v for k, v in sorted(kept.items()) if k not in unsaid},
        }

    def _drawings(self, labels: Labels) -> tuple[Rows, list[Drawing]]:
        """Rows, one an object, and what is written of each; made once, told and then written."""
        if self._last is None or self._last[0] is not labels:
            rows = whole_objects(instance_rows(labels))
            flat = self.form == "via3"
            drawn = [drawing(rows, i, self.options.rule, turns=not flat) for i in range(len(rows))]
            self._last = labels, rows, drawn
        return self._last[1:]


def _said_in(foreign: set[str], beside: Mapping[str, Any]) -> set[str]:
    """Names of dropped fields; GeoJSON's notes are vertices, but for what else a geometry says."""
    if "geojson" not in foreign:
        return foreign
    own = beside.get("geojson")
    return foreign - {"geojson"} | set(names_in([{"geojson": own}] if own else []))


def _beyond(rows: Rows, i: int, shape: Mapping[str, Any] | None) -> set[str]:
    """Fields of a region of VIA 2 that VIA 3 has no place for."""
    kept = kept_of(rows, i, "via", is_kept)
    own = class_in(kept)
    plain = {"shape"} if own is None or own.get("value") else {"shape", CLASS}
    return (set(kept) | set(kept.get("shape", {}))) - {*plain, *(shape or {})}


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> ViaWriter:
    """A writer into the folder `target`; `extra` is that of the source data set."""
    return ViaWriter(target, taxonomy, options, extra or {})
