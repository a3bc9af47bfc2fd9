"""Write LabelMe: KEY.json beside KEY.png, one shape per row.

A mask is the author's own figure where Pillow paints the same pixels of it, else a `mask`, which
is exact for whatever is drawn. `taxonomy.json` says what LabelMe has no place for: void, stuff,
splits.

Source: the JSON files of labelme 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.places import geometry_of
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.errors import WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.labelme.annotation_json import (
    BACKGROUND,
    HOLES,
    KEPT,
    OWN,
    tags_of,
)
from maskloom.formats.labelme.attributes import hidden_names, undivided, written
from maskloom.formats.labelme.drawing import drawn, figure, is_said, outline
from maskloom.formats.labelme.groups import GROUP, group_ids, lost_groups, mixed_rows
from maskloom.formats.labelme.holes import with_holes
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    ImagePlacer,
    image_labels_only,
    write_side_file,
)
from maskloom.formats.shared.json_files import json_text
from maskloom.formats.shared.png_crops import crop_of, png_of, text_of
from maskloom.formats.tags import NO, YES, fresh_tags
from maskloom.store.files import atomic_write_bytes, safe_join

VERSION = "5.5.0"
HOLDS = Holds(
    instances=True,
    overlap=True,
    parts=True,
    empty=True,
    void=True,
    score=True,
    attributes=True,
    drawings=True,
    vertices=True,
    fields=True,
    tags=True,
)
Rectangles = Literal["mask", "box"]


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write LabelMe."""

    shapes: Literal["mask", "polygon"] = field(
        default="mask",
        metadata={
            "help": "mask: the author's vertices where LabelMe paints the same pixels of them, "
            "else a mask; polygon: outlines, too, where it paints the same pixels of them"
        },
    )


class LabelMeWriter:
    """A JSON file per image, and names, void and splits at the end."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.options = options
        self.images = ImagePlacer(target, options.images)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What shapes with labels, groups and flags cannot hold.

        Raises:
            WriteError: an object's class has a name that means a hole.
        """
        image_labels_only(labels.size, self.target, painted=False)
        own = sample.extra.get("labelme", {})
        found = [Loss(sample.key, "fields", names=(HOLES,))] if HOLES in own else []
        if labels.rows is None:
            found += losses_of(replace(HOLDS, void=False), sample.key, labels, self.taxonomy)
            return found
        rows = labels.rows
        self._refuse_holes(sample.key, rows)
        if found and self._shapes(rows, own[HOLES])[1]:
            found = []
        found += losses_of(HOLDS, sample.key, labels, self.taxonomy)
        if unsaid := [i for i in range(len(rows)) if not is_said(rows, i)]:
            detail, named = "scribbles, or no points", first_instances(rows, unsaid)
            found.append(Loss(sample.key, "drawings", len(unsaid), 0, detail, instances=named))
        redrawn = [i for i in range(len(rows)) if geometry_of(rows, i) and figure(rows, i) is None]
        if redrawn := [i for i in redrawn if rows.kind[i] == RowKind.MASK]:
            found.append(Loss(sample.key, "vertices", len(redrawn)))
        if clash := [taken for one in rows.source if (taken := (OWN - KEPT) & set(one or ()))]:
            detail, strange = "names that LabelMe uses itself", tuple(sorted(set().union(*clash)))
            found.append(Loss(sample.key, "fields", len(clash), 0, detail, strange))
        if hidden := [some for i in range(len(rows)) if (some := hidden_names(rows, i))]:
            lost_names = tuple(sorted(set().union(*hidden)))
            found.append(Loss(sample.key, "fields", len(hidden), names=lost_names))
        names = self._names(rows)
        if lost := len(lost_groups(rows, group_ids(rows, names))):
            found.append(Loss(sample.key, "fields", lost, names=(GROUP,)))
        if apart := mixed_rows(rows, names):
            detail, named = "parts of several categories", first_instances(rows, apart)
            found.append(Loss(sample.key, "parts", len(apart), 0, detail, instances=named))
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the file of one image, and place the image."""
        image_labels_only(labels.size, self.target, painted=False)
        path = self._path(sample.key)
        parts = sample.key.split("/")
        if path.name == SIDE_FILE or "\\" in sample.key or any(p.startswith(".") for p in parts):
            raise WriteError(
                "an image of this name has no place: LabelMe's files of names that start with a "
                f"dot or hold a backslash, and {SIDE_FILE}, would not be read again",
                where=path,
                seen=sample.key,
                hint="rename the image",
            )
        rows = instance_rows(labels)
        self._refuse_holes(sample.key, rows)
        self.images.put(sample)
        image = sample.image.path
        suffix = image.suffix if image is not None else Path(sample.file_name).suffix or ".png"
        own = dict(sample.extra.get("labelme", {}))
        fresh = fresh_tags(sample.tags, tags_of(own))
        data = {
            "version": own.pop("version", VERSION),
            "flags": _flags(own.pop("flags", {}), fresh),
            "shapes": self._shapes(rows, own.pop(HOLES, None))[0],
            "imagePath": Path(sample.key).name + suffix,
            "imageData": None,
            "imageHeight": labels.size[0],
            "imageWidth": labels.size[1],
            **dict(sorted(own.items())),
        }
        atomic_write_bytes(path, json_text(data))

    def holds_tag(self, sample: Sample, labels: Labels, name: str, text: str) -> bool:
        """Whether the file that is written again says it, or a flag can."""
        del labels
        return text in (YES, NO) or tags_of(sample.extra.get("labelme", {})).get(name) == text

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        write_side_file(self.target, self.taxonomy, splits, kind="labelme")
        return self.images.warnings()

    def _refuse_holes(self, key: str, rows: Rows) -> None:
        """Refuse objects of a class whose shapes would be cut out of others."""
        for own, category in zip(rows.instance.tolist(), rows.category.tolist(), strict=True):
            if self.taxonomy[category].name == BACKGROUND:
                raise WriteError(
                    f"labelme cannot hold the class {BACKGROUND!r}: such shapes are holes there",
                    where=self.target,
                    seen=f"object {own} of {key}",
                    hint=f"rename it with --map {BACKGROUND}=NEW",
                )

    def _path(self, key: str) -> Path:
        return safe_join(self.target, f"{key}.json")

    def _names(self, rows: Rows) -> list[str]:
        return [self.taxonomy[int(c)].name for c in rows.category]

    def _shapes(self, rows: Rows, holes: object) -> tuple[list[dict[str, Any]], bool]:
        """The shapes of all rows, and whether holes stand among them again."""
        said = [i for i in range(len(rows)) if is_said(rows, i)]
        rows = rows.take(np.array(said, np.int64))
        names = self._names(rows)
        groups = group_ids(rows, names)
        fresh = [self._shape(rows, i, names[i], groups[i]) for i in range(len(rows))]
        whole = None if holes is None else with_holes(fresh, holes, rows)
        return (fresh, False) if whole is None else (whole, True)

    def _shape(self, rows: Rows, i: int, label: str, group: int | None) -> dict[str, Any]:
        source = undivided(rows, i)
        kind, points, mask = self._drawing(rows, i)
        out: dict[str, Any] = {
            "label": label,
            "points": points,
            "group_id": group,
            "description": source.pop("description", ""),
            "shape_type": kind,
            "mask": mask,
            **written(rows, i),
        }
        if rows.kind[i] == RowKind.BOX:
            source.pop("bbox", None)
        return out | {k: v for k, v in sorted(source.items()) if k not in OWN}

    def _drawing(self, rows: Rows, i: int) -> tuple[str, list[list[float]], str | None]:
        """shape_type, points, and the PNG of a mask."""
        if rows.kind[i] != RowKind.MASK:
            said = drawn(rows, i)
            assert said is not None
            return (*said, None)
        own = figure(rows, i)
        if own is None and self.options.shapes == "polygon":
            own = outline(rows.masks[i])
        if own is not None:
            return (*own, None)
        x, y, pixels = crop_of(rows.masks[i])
        corner = [float(x + pixels.shape[1] - 1), float(y + pixels.shape[0] - 1)]
        return "mask", [[float(x), float(y)], corner], text_of(png_of(pixels))


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> LabelMeWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return LabelMeWriter(target, taxonomy, options)


def _flags(own: object, fresh: Mapping[str, str]) -> object:
    """The flags of a file as they were, with those that tags say besides."""
    said = {name: text == YES for name, text in fresh.items() if text in (YES, NO)}
    if not said:
        return own
    return {**(own if isinstance(own, dict) else {}), **said}
