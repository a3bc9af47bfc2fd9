"""Write a Supervisely project: meta.json, DATASET/ann/NAME.json, DATASET/img/NAME.

Folders of a sample's key are data sets (those below the first lie in `datasets`), else `ds0` is.
A mask is a bitmap, or the author's polygon where the SDK draws the same pixels of it.
What Supervisely has no word for (score, attributes that are no tags) stands in own fields beside
the SDK's, `taxonomy.json` says void, stuff and splits.

Source: developer.supervisely.com, annotation format.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.places import geometry_of, source_of
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.errors import WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.coco.ids import kept_ids
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of
from maskloom.formats.shared.drawn import attributes_of, kept_of
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.shared.json_files import json_text
from maskloom.formats.shared.suffixed import named_image
from maskloom.formats.supervisely.drawing import drawn, geometry, is_said, is_thin
from maskloom.formats.supervisely.identity import identities
from maskloom.formats.supervisely.objects import (
    OWN,
    RULE,
    is_kept,
    tags_of,
)
from maskloom.formats.supervisely.places import META, places
from maskloom.formats.supervisely.retold import retold
from maskloom.formats.supervisely.told import lost_fields
from maskloom.formats.supervisely.unread import KEPT as UNREAD
from maskloom.formats.supervisely.unread import Unread, unread_in, with_unread
from maskloom.formats.tags import fresh_tags, plain_value
from maskloom.store.files import atomic_write_bytes, safe_join

PLAIN = "ds0"
THIN = "boxes less than a pixel wide or high, which Supervisely's corners cannot say"
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
        self.positions = {category.name: i for i, category in enumerate(taxonomy)}
        self.titles = {one.get("id"): one["title"] for one in self.meta.get("classes", [])}
        self.shapes: dict[int, set[str]] = {}
        self.tags: dict[str, set[str]] = {}
        self.sets: dict[str, set[bool]] = {}
        self.written: set[str] = set()

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What objects with classes and tags cannot hold."""
        image_labels_only(labels.size, self.target, painted=False)
        if labels.rows is None:
            return losses_of(replace(HOLDS, void=False), sample.key, labels, self.taxonomy)
        rows = labels.rows
        found = losses_of(replace(HOLDS, empty=True), sample.key, labels, self.taxonomy)
        masks = rows.kind == RowKind.MASK
        unsaid = [i for i in range(len(rows)) if not is_said(rows, i)]
        for kind, lost in (
            ("drawings", [i for i in unsaid if not masks[i]]),
            ("empty", [i for i in unsaid if masks[i]]),
        ):
            if lost:
                who = first_instances(rows, lost)
                why = THIN if all(is_thin(rows, i) for i in lost) else ""
                found.append(Loss(sample.key, kind, len(lost), detail=why, instances=who))
        solid = np.flatnonzero(masks & (rows.masks.areas > 0)).tolist()
        if redrawn := [i for i in solid if geometry_of(rows, i) and drawn(rows, i) is None]:
            found.append(Loss(sample.key, "vertices", len(redrawn)))
        others = [entry.get("id") for _, entry in self._unread(sample)]
        found += lost_fields(sample.key, rows, others)
        if kinds := [str(one["geometryType"]) for _, one in self._unread(sample, known=False)]:
            detail = f"kinds that are not read, of classes that are renamed: {', '.join(kinds)}"
            found.append(Loss(sample.key, "drawings", len(kinds), detail=detail))
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the annotation of one image, and place the image."""
        image_labels_only(labels.size, self.target, painted=False)
        name = named_image(sample).rpartition("/")[2]
        first, slash, _ = sample.key.partition("/")
        self.sets.setdefault(first if slash else PLAIN, set()).add(bool(slash))
        place = self._folder(sample.key, "img") / name
        self.images.put(sample, place.relative_to(self.target).as_posix())
        rows = instance_rows(labels)
        rows = rows.take(np.array([i for i in range(len(rows)) if is_said(rows, i)], np.int64))
        own = dict(sample.extra.get("supervisely", {}))
        unread = self._unread(sample)
        own.pop(UNREAD, None)
        fresh = fresh_tags(sample.tags, tags_of(own))
        tags = list(own.pop("tags", None) or [])
        tags += [{"name": name, "value": plain_value(text)} for name, text in fresh.items()]
        for tag in tags:
            self._note_tag(tag)
        data = {
            "description": own.pop("description", ""),
            "tags": tags,
            "size": {"height": labels.size[0], "width": labels.size[1]},
            "objects": self._objects(rows, unread),
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
            classes.append({**said, **entry, "shape": shape, "id": self.numbers[i]})
        tags = list(self.meta.get("tags", []))
        known = {tag["name"] for tag in tags}
        tags += [_meta_tag(n, kinds) for n, kinds in self.tags.items() if n not in known]
        meta = {"classes": classes, "tags": tags, "projectType": "images"}
        meta |= {k: v for k, v in sorted(self.meta.items()) if k not in meta}
        atomic_write_bytes(self.target / META, json_text(meta))
        plain = {"plain": PLAIN} if self.sets.get(PLAIN) == {False} else {}
        self._check_keys(plain.get("plain", ""))
        write_side_file(self.target, self.taxonomy, splits, kind="supervisely", **plain)
        return self.images.warnings()

    def _check_keys(self, plain: str) -> None:
        """Every image is found again under its key.

        Raises:
            WriteError: names one that is not.
        """
        found = {place.key for place in places(self.target, self.target, plain, None)}
        if lost := sorted(self.written - found):
            raise WriteError(
                "an image of this name would not be read again, or under another name",
                where=self.target,
                seen=lost[0],
                hint="rename it: no dot in front, one suffix, and no folder called ann or img",
            )

    def _folder(self, key: str, kind: str) -> Path:
        sets = key.split("/")[:-1] or [PLAIN]
        return safe_join(self.target, "/datasets/".join(sets) + f"/{kind}")

    def _objects(self, rows: Rows, unread: Unread) -> list[Mapping[str, Any]]:
        """All objects of an image; those that were not read stand where they stood."""
        kept = []
        for place, entry in unread:
            position = self.positions[self._title(entry)]
            self.shapes.setdefault(position, set()).add(str(entry["geometryType"]))
            own = {k: self._number(v, position) for k, v in entry.items() if k == "classId"}
            kept.append((place, {**entry, **own}))
        identity = identities(rows, [entry.get("id") for _, entry in unread])
        return with_unread([self._object(rows, i, e) for i, e in enumerate(identity)], kept)

    def _unread(self, sample: Sample, *, known: bool = True) -> Unread:
        """Objects that were not read, of classes that are still known, or of others."""
        kept = unread_in(sample.extra.get("supervisely", {}))
        return [one for one in kept if (self._title(one[1]) in self.positions) == known]

    def _title(self, entry: Mapping[str, Any]) -> str:
        return str(entry.get("classTitle") or self.titles.get(entry.get("classId"), ""))

    def _object(self, rows: Rows, i: int, identity: Mapping[str, Any]) -> dict[str, Any]:
        position = int(rows.category[i])
        source = dict(source_of(rows, i))
        source.pop(RULE, None)
        kept = kept_of(rows, i, RULE, is_kept)
        kind, fields = geometry(rows, i)
        self.shapes.setdefault(position, set()).add(kind)
        attributes = dict(attributes_of(rows, i))
        tags, others, _ = retold(attributes, kept.get("tags"))
        for tag in tags:
            self._note_tag(tag)
        if rows.kind[i] == RowKind.BOX:
            source.pop("bbox", None)
        out: dict[str, Any] = {
            **identity,
            "classId": self._number(source.pop("classId", None), position),
            "description": source.pop("description", ""),
            "geometryType": kind,
            "tags": tags,
            "classTitle": self.taxonomy[position].name,
            **fields,
        }
        if others:
            out["attributes"] = others
        if not math.isnan(rows.score[i]):
            out["score"] = float(rows.score[i])
        return out | {k: v for k, v in sorted(source.items()) if k not in OWN}

    def _number(self, own: object, position: int) -> object:
        """The classId of an object: that of its class, unless its own is of no class."""
        known = own is None or (not isinstance(own, list | dict) and own in self.titles)
        return self.numbers[position] if known else own

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


def _meta_tag(name: str, kinds: set[str]) -> dict[str, Any]:
    kind = next(iter(kinds)) if len(kinds) == 1 else "any_string"
    return {"name": name, "value_type": kind, "color": "#808080"}
