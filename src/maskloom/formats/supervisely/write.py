"""Write a Supervisely project: meta.json, DATASET/ann/NAME.json, DATASET/img/NAME.

Folders of a sample's key are data sets (those below the first lie in `datasets`), else `ds0` is.
A mask is a bitmap, or the author's polygon where the SDK draws the same pixels of it.
What Supervisely has no word for (score, attributes that are no tags) stands in own fields beside
the SDK's, `taxonomy.json` says void, stuff and splits.

Source: developer.supervisely.com, annotation format.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.errors import WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.coco.ids import kept_ids
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of
from maskloom.formats.shared.drawn import attributes_of, box_of, geometry_of, points_of, source_of
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.shared.json_files import json_text
from maskloom.formats.shared.png_crops import crop_of, png_of, text_of
from maskloom.formats.supervisely.objects import (
    OWN,
    RULE,
    attributes_of_tags,
    polygon_mask,
    tags_of,
)
from maskloom.formats.tags import fresh_tags, plain_value
from maskloom.store.files import atomic_write_bytes, safe_join

PLAIN = "ds0"
HOLDS = Holds(
    instances=True,
    overlap=True,
    parts=True,
    void=True,
    score=True,
    attributes=True,
    drawings=True,
    vertices=True,
    fields=True,
    tags=True,
)


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write Supervisely."""


class SuperviselyWriter:
    """An annotation per image as they come, classes and tags at the end."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.meta: dict[str, Any] = dict(extra.get("supervisely", {}))
        self.images = ImagePlacer(target, options.images)
        numbers = kept_ids([dict(c.ids).get("supervisely") for c in taxonomy])
        self.numbers = dict(enumerate(numbers))
        self.shapes: dict[int, set[str]] = {}
        self.tags: dict[str, set[str]] = {}
        self.sets: dict[str, set[bool]] = {}
        self.written: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether this run has written the sample; meta.json tells of all of them."""
        return key in self.written

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What objects with classes and tags cannot hold."""
        image_labels_only(labels.size, self.target)
        if labels.rows is None:
            return losses_of(replace(HOLDS, void=False), sample.key, labels, self.taxonomy)
        rows = labels.rows
        found = losses_of(HOLDS, sample.key, labels, self.taxonomy)
        masks = rows.kind == RowKind.MASK
        if unsaid := [i for i in np.flatnonzero(~masks).tolist() if _drawn(rows, i) is None]:
            who = first_instances(rows, unsaid)
            found.append(Loss(sample.key, "drawings", len(unsaid), instances=who))
        solid = np.flatnonzero(masks & (rows.masks.areas > 0)).tolist()
        if redrawn := [i for i in solid if geometry_of(rows, i) and _polygon(rows, i) is None]:
            found.append(Loss(sample.key, "vertices", len(redrawn)))
        if clash := sum(bool((OWN - {RULE, "id"}) & set(source or ())) for source in rows.source):
            found.append(Loss(sample.key, "fields", clash))
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the annotation of one image, and place the image."""
        image_labels_only(labels.size, self.target)
        image = sample.image.path
        suffix = image.suffix if image is not None else Path(sample.file_name).suffix or ".png"
        name = _stem(sample.key)
        name = name if name.endswith(suffix) else name + suffix
        first, slash, _ = sample.key.partition("/")
        self.sets.setdefault(first if slash else PLAIN, set()).add(bool(slash))
        place = self._folder(sample.key, "img") / name
        self.images.put(sample, place.relative_to(self.target).as_posix())
        rows = instance_rows(labels)
        rows = rows.take(np.array([i for i in range(len(rows)) if _is_said(rows, i)], np.int64))
        own = dict(sample.extra.get("supervisely", {}))
        fresh = fresh_tags(sample.tags, tags_of(own))
        tags = list(own.pop("tags", None) or [])
        tags += [{"name": name, "value": plain_value(text)} for name, text in fresh.items()]
        for tag in tags:
            self._note_tag(tag)
        data = {
            "description": own.pop("description", ""),
            "tags": tags,
            "size": {"height": labels.size[0], "width": labels.size[1]},
            "objects": [self._object(rows, i, e) for i, e in enumerate(identities(rows))],
            **dict(sorted(own.items())),
        }
        atomic_write_bytes(self._folder(sample.key, "ann") / f"{name}.json", json_text(data))
        self.written.add(sample.key)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write meta.json and the side file."""
        if len(self.sets.get(PLAIN, ())) > 1:
            raise WriteError(
                f"images stand both in no folder and in {PLAIN}",
                where=self.target,
                hint="move those without a folder into one",
            )
        listed = {one["title"]: one for one in self.meta.get("classes", [])}
        colors = self.taxonomy.colors()
        classes = []
        for i, category in enumerate(self.taxonomy):
            entry = listed.get(category.name, {"geometry_config": {}, "hotkey": ""})
            used = self.shapes.get(i, set())
            shape = entry.get("shape", "any")
            if used and shape not in ("any", *(used if len(used) == 1 else ())):
                shape = "any"
            color = entry.get("color", "#{:02X}{:02X}{:02X}".format(*colors[i]))
            said = {"title": category.name, "shape": shape, "color": color, "id": self.numbers[i]}
            classes.append({**said, **entry, "shape": shape, "title": category.name})
        tags = list(self.meta.get("tags", []))
        known = {tag["name"] for tag in tags}
        tags += [_meta_tag(n, kinds) for n, kinds in self.tags.items() if n not in known]
        meta = {"classes": classes, "tags": tags, "projectType": "images"}
        meta |= {k: v for k, v in sorted(self.meta.items()) if k not in meta}
        atomic_write_bytes(self.target / "meta.json", json_text(meta))
        plain = {"plain": PLAIN} if self.sets.get(PLAIN) == {False} else {}
        write_side_file(self.target, self.taxonomy, splits, kind="supervisely", **plain)
        return self.images.warnings()

    def _folder(self, key: str, kind: str) -> Path:
        sets = key.split("/")[:-1] or [PLAIN]
        return safe_join(self.target, "/datasets/".join(sets) + f"/{kind}")

    def _object(self, rows: Rows, i: int, identity: Mapping[str, Any]) -> dict[str, Any]:
        position = int(rows.category[i])
        source = dict(source_of(rows, i))
        kept = source.pop(RULE, {})
        kind, geometry = _geometry(rows, i)
        self.shapes.setdefault(position, set()).add(kind)
        attributes = dict(attributes_of(rows, i))
        tags, others = _tags(attributes, kept.get("tags", []) if isinstance(kept, dict) else [])
        for tag in tags:
            self._note_tag(tag)
        if rows.kind[i] == RowKind.BOX:
            source.pop("bbox", None)
        out: dict[str, Any] = {
            **identity,
            "classId": source.pop("classId", self.numbers[position]),
            "description": source.pop("description", ""),
            "geometryType": kind,
            "tags": tags,
            "classTitle": self.taxonomy[position].name,
            **geometry,
        }
        if others:
            out["attributes"] = others
        if not math.isnan(rows.score[i]):
            out["score"] = float(rows.score[i])
        return out | {k: v for k, v in sorted(source.items()) if k not in OWN}

    def _note_tag(self, tag: Mapping[str, Any]) -> None:
        value = tag.get("value")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        kind = "none" if value is None else "any_number" if number else "any_string"
        self.tags.setdefault(str(tag.get("name")), set()).add(kind)


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> SuperviselyWriter:
    """A writer into the folder `target`; `extra` is that of the source data set."""
    return SuperviselyWriter(target, taxonomy, options, extra or {})


def identities(rows: Rows) -> list[dict[str, Any]]:
    """`id` per row: that of its file, else the object's own; parts of one share an `instance`.

    Where two rows would then have one id, those of files are given up.
    """
    ids = rows.instance.tolist()
    counts = Counter(ids)
    told = [source_of(rows, i).get("id") for i in range(len(ids))]
    parts = [{} if counts[own] == 1 else {"instance": str(own)} for own in ids]
    chosen = [
        one if type(one) is int and one > 0 else (own if counts[own] == 1 else None)
        for one, own in zip(told, ids, strict=True)
    ]
    named = [one for one in chosen if one is not None]
    if len(set(named)) < len(named):
        chosen = [own if counts[own] == 1 else None for own in ids]
    return [
        {**({} if one is None else {"id": one}), **part}
        for one, part in zip(chosen, parts, strict=True)
    ]


def _meta_tag(name: str, kinds: set[str]) -> dict[str, Any]:
    kind = next(iter(kinds)) if len(kinds) == 1 else "any_string"
    return {"name": name, "value_type": kind, "color": "#808080"}


def _stem(key: str) -> str:
    return key.rpartition("/")[2]


def _is_said(rows: Rows, i: int) -> bool:
    if rows.kind[i] == RowKind.MASK:
        return bool(rows.masks.areas[i] > 0)
    return _drawn(rows, i) is not None


def _geometry(rows: Rows, i: int) -> tuple[str, dict[str, Any]]:
    """GeometryType and the fields that hold it."""
    drawn = _drawn(rows, i) if rows.kind[i] != RowKind.MASK else _polygon(rows, i)
    if drawn is not None:
        kind, rings = drawn
        return kind, {"points": {"exterior": rings[0], "interior": list(rings[1:])}}
    x, y, pixels = crop_of(rows.masks[i])
    data = text_of(zlib.compress(png_of(pixels, opaque=True)))
    return "bitmap", {"bitmap": {"data": data, "origin": [x, y]}}


def _polygon(rows: Rows, i: int) -> tuple[str, Sequence[Any]] | None:
    """The author's polygon, if the SDK draws exactly this mask of it."""
    geometry = geometry_of(rows, i)
    if geometry is None or geometry.rule != RULE:
        return None
    height, width = (int(side) for side in rows.masks.sizes[i])
    same = polygon_mask(geometry.parts, (height, width), "") == rows.masks[i]
    return ("polygon", [_numbers(ring) for ring in geometry.parts]) if same else None


def _drawn(rows: Rows, i: int) -> tuple[str, Sequence[Any]] | None:
    if (box := box_of(rows, i)) is not None:
        x0, y0, x1, y1 = box
        return "rectangle", [_numbers(np.array([[x0, y0], [x1 - 1, y1 - 1]]))]
    for kind, rule in ((RowKind.POINT, "point"), (RowKind.LINE, "line")):
        points = points_of(rows, i, rule) if rows.kind[i] == kind else None
        if points is not None and (rule == "line" or len(points) == 1):
            return rule, [_numbers(points)]
    return None


def _numbers(points: Any) -> list[list[float]]:
    """Vertices as lists; whole numbers are written as such."""
    return [[int(v) if v == int(v) else v for v in point] for point in points.tolist()]


def _tags(attributes: dict[str, Any], kept: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Tags that say attributes, those of the file where they still do, and what tags cannot say."""
    told = attributes_of_tags(kept or None, "")
    same = all(name in attributes and _equal(attributes[name], v) for name, v in told.items())
    tags: list[dict[str, Any]] = list(kept) if kept and same else []
    others: dict[str, Any] = {}
    for name, value in attributes.items():
        many = value if isinstance(value, list) and len(value) > 1 else [value]
        if same and name in told:
            continue
        if name and all(v is True or type(v) in (str, int, float) for v in many):
            tags += [{"name": name, "value": None if v is True else v} for v in many]
        else:
            others[name] = value
    return tags, others


def _equal(one: object, two: object) -> bool:
    return type(one) is type(two) and one == two
