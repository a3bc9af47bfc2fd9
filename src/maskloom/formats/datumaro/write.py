"""Write Datumaro JSON: annotations/SPLIT.json and images/.

Masks are COCO runs, or the author's polygon where pycocotools makes the very same mask of it.
Scores, crowds and tracks are the attributes `score`, `is_crowd` and `track_id`, as Datumaro's own
readers of other formats have them; `is_crowd` stands at crowds alone. `taxonomy.json` says what
Datumaro has no place for: void and stuff.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.core.labels import Labels, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.formats.base import WriteOptions
from maskloom.formats.datumaro.labels import categories_for
from maskloom.formats.datumaro.shapes import UNLABELLED, annotation_of, group_of
from maskloom.formats.datumaro.tags import LABEL, named_annotations, tags_of
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.shared.drawn import (
    lies_in_images,
    losses_of_told,
    lost_groups,
    object_groups,
)
from maskloom.formats.shared.folders import ImagePlacer, write_side_file
from maskloom.formats.shared.json_files import json_line
from maskloom.formats.tags import fresh_tags
from maskloom.store.files import atomic_file, safe_join, stays_below

HOLDS = Holds(
    instances=True,
    overlap=True,
    parts=True,
    empty=True,
    void=True,
    crowd=True,
    score=True,
    attributes=True,
    z_order=True,
    tracks=True,
    drawings=True,
    vertices=True,
    fields=True,
    tags=True,
)
PLAIN = "default"
_HEAD = {"dm_format_version": "1.0", "media_type": 2, "infos": {}}


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write Datumaro JSON."""


class DatumaroWriter:
    """Collects items and writes the files at the end."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.extra = extra.get("datumaro", {})
        self.images = ImagePlacer(target / "images", options.images)
        self.items: dict[str, dict[str, Any]] = {}
        named = [i for i, one in enumerate(taxonomy) if one.name != UNLABELLED]
        self.numbers = {position: number for number, position in enumerate(named)}
        self.named = {taxonomy[position].name: number for position, number in self.numbers.items()}

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What Datumaro cannot hold; of links, it has tracks alone."""
        rows = labels.rows
        told = [] if rows is None else [annotation_of(rows, i, 0)[1] for i in range(len(rows))]
        found = losses_of_told(HOLDS, sample.key, labels, self.taxonomy, told)
        found += self._nameless(sample)
        if rows is not None:
            linked = int(((rows.parent >= 0) | (rows.amodal_of >= 0)).sum())
            found += [Loss(sample.key, "tracks", linked)] if linked else []
            said, groups = _groups(rows)
            found += lost_groups(sample.key, rows, said, groups, "group")
        return found

    def _nameless(self, sample: Sample) -> list[Loss]:
        """Annotations that are not read, of classes that are none any more."""
        listed = named_annotations(sample.extra.get("datumaro", {}))
        lost = [one["type"] for one, name in listed if name and name not in self.named]
        lost = [kind for kind in lost if kind != LABEL]
        detail = f"kinds that are not read, of classes that are gone: {', '.join(lost)}"
        return [Loss(sample.key, "drawings", len(lost), detail=detail)] if lost else []

    def put(self, sample: Sample, labels: Labels) -> None:
        """Keep the item of one image and place the image."""
        rows = instance_rows(labels)
        own = self._renumbered(sample.extra.get("datumaro", {}))
        annotations = []
        for i, group in enumerate(_groups(rows)[1]):
            said, _ = annotation_of(rows, i, group)
            if said is not None:
                said["label_id"] = self.numbers.get(int(rows.category[i]))
                annotations.append(said)
        name, place = _names(sample, own)
        self.images.put(sample, place)
        item = dict(own.get("item", {}))
        picture = dict(item.get("image") or {})
        item["id"] = item.get("id", sample.key)
        item["image"] = {**picture, "path": name, "size": list(labels.size)}
        if fresh := fresh_tags(sample.tags, tags_of(own)):
            item["attr"] = {**(item.get("attr") or {}), **fresh}
        item["annotations"] = [*annotations, *own["others"]]
        self.items[sample.key] = item

    def _renumbered(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept of an item, labels by the numbers of this file.

        One whose label is none any more is left to the attributes, or was told as a loss.
        """
        listed = named_annotations(own)
        pairs = [(one, name) for one, name in listed if not name or name in self.named]
        said = [{**one, "label_id": self.named[n]} if n else one for one, n in pairs]
        return {**own, "others": said, "labels": [name for _, name in pairs]}

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write one file per split."""
        parts = {n: [k for k in keys if k in self.items] for n, keys in splits.items()}
        rest = sorted(set(self.items) - {k for keys in parts.values() for k in keys})
        if rest or not parts:
            parts[PLAIN] = [*parts.get(PLAIN, []), *rest]
        kept = self.extra.get("categories", {})
        categories = categories_for(self.taxonomy, kept, self.numbers)
        heads = self.extra.get("heads", {})
        for name, keys in parts.items():
            head = heads.get(name, next(iter(heads.values()), _HEAD))
            file = safe_join(self.target / "annotations", f"{name}.json")
            with atomic_file(file) as temporary, temporary.open("w", encoding="utf-8") as out:
                text = _dumps({**head, "categories": categories})
                out.write(text[:-1] + ',\n"items":[')
                for n, key in enumerate(sorted(keys)):
                    out.write((",\n" if n else "\n") + _dumps(self.items[key]))
                out.write("\n]}\n")
        # Every file is a split but that of this name.
        plain = {n: tuple(sorted(keys)) for n, keys in splits.items() if n == PLAIN}
        write_side_file(self.target, self.taxonomy, plain, kind="datumaro")
        return self.images.warnings()


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> DatumaroWriter:
    """A writer into the folder `target`; `extra` is that of the source data set."""
    return DatumaroWriter(target, taxonomy, options, extra or {})


def _dumps(value: object) -> str:
    return json_line(value, separators=(",", ":"))


def _names(sample: Sample, own: Mapping[str, Any]) -> tuple[str, str]:
    """What the item calls its image, and where that lies below `images`."""
    item = own.get("item", {})
    subset = str(own.get("subset", ""))
    name = sample.file_name
    mine = item.get("id") in (sample.key, sample.key.removeprefix(f"{subset}/"))
    if item and mine and stays_below(name):
        flat = name.startswith(f"{subset}/") or lies_in_images(sample, name)
        return name, name if flat else f"{subset}/{name}"
    if sample.image.path is not None:
        name = sample.key + sample.image.path.suffix
    else:
        name = sample.key + (Path(sample.file_name).suffix or ".png")
    return name, name


def _groups(rows: Rows) -> tuple[list[int], list[int]]:
    """The source's group of each row, and the one that is written.

    New ones are the objects' ids where no other row has them.
    """
    own = [group_of(rows, i) for i in range(len(rows))]
    taken = set(own)

    def fresh(instance: int) -> int:
        group = instance if instance not in taken else max(taken) + 1
        taken.add(group)
        return group

    return own, object_groups(rows, own, fresh)
