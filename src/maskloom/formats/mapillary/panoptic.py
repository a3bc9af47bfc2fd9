"""Panoptic maps of Mapillary Vistas: SPLIT/VERSION/panoptic, PNG maps and one JSON of segments.

They are COCO panoptic in all but the ids of images, which are texts, and the place of the JSON,
which lies among the maps. Categories go by name to the labels of the configuration; segments of
the label that says nothing are no segments.

Source: Mapillary Vistas, README, "panoptic".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.category_names import positions_of
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.coco.check import is_id, listed
from maskloom.formats.coco.file import CocoFile
from maskloom.formats.coco.image_ids import ImageId
from maskloom.formats.coco_panoptic.file import PanopticFile, checked_segments
from maskloom.formats.coco_panoptic.maps import labels_of_map, read_ids
from maskloom.formats.shared.folders import read_json
from maskloom.formats.shared.maps import check_size_of
from maskloom.store.images import image_size

FOLDER = "panoptic"


class PanopticMaps:
    """The panoptic maps of all splits.

    Args:
        maps: PNG maps; each folder has one JSON file beside them.
        taxonomy: of the configuration.
        silent: name of the label that says nothing of a pixel, if there is one.
        strict: refuse invalid segments; else they are left out.

    Raises:
        FormatError: no JSON beside the maps or several, or it is not of its form.
    """

    def __init__(
        self, maps: list[Path], taxonomy: Taxonomy, silent: str | None, *, strict: bool
    ) -> None:
        self.taxonomy, self.strict = taxonomy, strict
        self.silent = silent
        self.skipped: list[str] = []
        folders = dict.fromkeys(path.parent for path in maps)
        self._files = {folder: self._file(folder) for folder in folders}

    def labels(self, png: Path, sample: Sample) -> Labels:
        """The rows of one map.

        Raises:
            FormatError: the JSON does not list it, or map, JSON and image do not agree.
        """
        file, numbers, hidden = self._files[png.parent]
        if png.name not in numbers:
            raise FormatError("the JSON lists no such map", where=file.coco.path, seen=png.name)
        number = numbers[png.name]
        size = image_size(png)
        check_size_of(png, size, sample)
        ids = read_ids(png, size, f"{file.coco.path}: {png.name}")
        if unseen := hidden[number]:
            ids = np.where(np.isin(ids, unseen), 0, ids).astype(ids.dtype)
        positions = {i: self._position(c, file.coco.path) for i, c in file.coco.categories.items()}
        known = {i: p for i, p in positions.items() if p is not None}
        return labels_of_map(ids, file, number, known, png=png, strict=self.strict)

    def _file(self, folder: Path) -> tuple[PanopticFile, dict[str, int], dict[int, list[int]]]:
        """A checked file, map → number of its annotation, and the segments that say nothing."""
        found = sorted(p for p in folder.glob("*.json") if not p.name.startswith("."))
        if len(found) != 1:
            raise FormatError(
                "one JSON of segments lies beside panoptic maps",
                where=folder,
                seen=[p.name for p in found],
                hint="add panoptic_2018.json or panoptic_2020.json",
            )
        path = found[0]
        data = read_json(path)
        if not isinstance(data, dict):
            raise FormatError("not a JSON object", where=path, seen=type(data).__name__)
        categories = _categories(listed(data, "categories", path), path)
        numbers: dict[str, int] = {}
        segments: dict[ImageId, list[Mapping[str, Any]]] = {}
        hidden: dict[int, list[int]] = {}
        for n, entry in enumerate(listed(data, "annotations", path)):
            name, told = _annotation(entry, f"{path}: annotations[{n}]")
            if name in numbers:
                raise FormatError("two annotations of one map", where=path, seen=name)
            good, messages = checked_segments(
                told, categories, f"{path}: {name}", skip_bad=not self.strict
            )
            self.skipped += messages
            silent = [i for i, c in categories.items() if c["name"] == self.silent]
            numbers[name] = n
            segments[n] = [one for one in good if one["category_id"] not in silent]
            hidden[n] = [int(one["id"]) for one in good if one["category_id"] in silent]
        maps: dict[ImageId, Mapping[str, Any]] = {n: {} for n in segments}
        file = CocoFile(path, None, {}, categories, segments, {}, (), frozenset())
        return PanopticFile(file, maps), numbers, hidden

    def _position(self, category: Mapping[str, Any], where: Path) -> int | None:
        """The place of a category among the labels; None of the one that says nothing."""
        if category["name"] == self.silent:
            return None
        position = positions_of(self.taxonomy).get(category["name"])
        if position is None:
            raise FormatError(
                "a category that the configuration does not list",
                where=where,
                seen=category["name"],
            )
        return position


def _categories(entries: list[Any], path: Path) -> dict[int, Mapping[str, Any]]:
    """By id."""
    found: dict[int, Mapping[str, Any]] = {}
    for i, entry in enumerate(entries):
        own = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(own, int) or not is_id(own) or own in found:
            raise FormatError(
                "a category without an id of its own", where=f"{path}: categories[{i}]", seen=own
            )
        if not isinstance(entry.get("name"), str):
            raise FormatError("a category without a name", where=f"{path}: category {own}")
        found[own] = entry
    return found


def _annotation(entry: Any, where: str) -> tuple[str, list[Any]]:
    """(name of the map, its segments); an empty box, which some tools write, is none."""
    told = entry.get("segments_info") if isinstance(entry, dict) else None
    if not isinstance(told, list) or not isinstance(entry.get("file_name"), str):
        raise FormatError('no "file_name" or list "segments_info"', where=where, seen=entry)
    return entry["file_name"], [
        {k: v for k, v in one.items() if (k, v) != ("bbox", [])} if isinstance(one, dict) else one
        for one in told
    ]
