"""Write Label Studio JSON: `tasks.json` with images beside, or one .json file.

Masks are brushes, which are always exact, or the author's polygon where pycocotools makes the
very same mask of it and percent give its vertices back. In folders `taxonomy.json` says what
Label Studio has no place for: void, stuff, colours, and which of people and models was written.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from maskloom.core.labels import Labels, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.formats.base import WriteOptions
from maskloom.formats.coco.check import is_id
from maskloom.formats.labelstudio.images import control_of
from maskloom.formats.labelstudio.results import is_kept, results_of
from maskloom.formats.labelstudio.tags import results_of_tags, tags_of
from maskloom.formats.labelstudio.tasks import MIN_FIELDS, min_of
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.shared.drawn import kept_of, losses_of_told, whole_objects
from maskloom.formats.shared.folders import ImagePlacer, write_side_file
from maskloom.formats.shared.json_files import json_line
from maskloom.formats.shared.memberships import beyond, empty_note, one_each
from maskloom.formats.tags import fresh_tags
from maskloom.store.files import atomic_file

HOLDS = Holds(
    instances=True,
    overlap=True,
    empty=True,
    void=True,
    score=True,
    attributes=True,
    drawings=True,
    vertices=True,
    fields=True,
    tags=True,
)
_MIN = (
    *("labelstudio.layer", "labelstudio.chosen", "labelstudio.task.meta", "labelstudio.task.data"),
    *(f"labelstudio.{name}" for name in (*MIN_FIELDS, "completed_by")),
)
"""What JSON_MIN says of a task: its data, and who made the one entry, when and how fast."""


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write Label Studio."""

    layer: Literal["auto", "annotations", "predictions"] = field(
        default="auto",
        metadata={"help": "write annotations or predictions; auto is the layer of the source"},
    )
    form: Literal["json", "min"] = field(
        default="json",
        metadata={"help": "whole tasks, or JSON_MIN, which has places and labels alone"},
    )


class LabelStudioWriter:
    """Collects tasks and writes the file at the end."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        source = extra.get("labelstudio", {}).get("layer", "annotations")
        self.layer = source if options.layer == "auto" else options.layer
        self.single = target.suffix.lower() == ".json"
        self.min = options.form == "min"
        self.holds = replace(
            HOLDS, void=not self.single, score=not self.min, attributes=not self.min
        )
        self.writes = _MIN if self.min else ("labelstudio",)
        self.images = ImagePlacer(target, "none" if self.single else options.images)
        self.tasks: dict[str, dict[str, Any]] = {}

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What Label Studio cannot hold; that nobody looked at an image it can."""
        rows = labels.rows
        if rows is not None and not len(rows) and labels.coverage.nothing and not self.min:
            return []
        told = []
        for i in range(0 if rows is None else len(rows)):
            assert rows is not None
            one = results_of(rows, i, "", "", asked=True)[1]
            told.append(replace(one, fields=False) if self.min else one)
        return losses_of_told(self.holds, sample.key, labels, self.taxonomy, told)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Keep the task of one image and place the image."""
        rows = whole_objects(instance_rows(labels))
        own = sample.extra.get("labelstudio", {})
        task = dict(own.get("task", {}))
        data = dict(task.get("data", {}))
        results: list[dict[str, Any]] = []
        for i, free in enumerate(_ids(rows)):
            name = self.taxonomy[int(rows.category[i])].name
            results += results_of(rows, i, name, free, to_name=control_of(data))[0] or []
        name = sample.file_name
        if not data:
            suffix = Path(sample.image.path or sample.file_name or "a.png").suffix or ".png"
            name = f"images/{sample.key}{suffix}"
            data = {"image": name}
        self.images.put(sample, name)
        task["data"] = data
        if not len(rows):
            sides = {"original_height": labels.size[0], "original_width": labels.size[1]}
            task["meta"] = {**(task.get("meta") or {}), **sides}
        if len(rows) or not labels.coverage.nothing:
            fresh = fresh_tags(sample.tags, self._told(own))
            ids = {str(one.get("id")) for one in results}
            _fill(task, own, self.layer, [*results, *results_of_tags(fresh, ids)])
        self.tasks[sample.key] = task

    def holds_tag(self, sample: Sample, labels: Labels, name: str, text: str) -> bool:
        """Whole tasks have choices where somebody labelled them; JSON_MIN has places alone."""
        told = self._told(sample.extra.get("labelstudio", {}))
        rows = labels.rows
        labelled = not labels.coverage.nothing or (rows is not None and len(rows) > 0)
        return not self.min and (labelled or told.get(name) == text)

    def _told(self, own: Mapping[str, Any]) -> Mapping[str, str]:
        """Tags that the entry says into which results are written."""
        if not own or own["layer"] != self.layer:
            return {}
        return tags_of(own["task"], own["layer"], own["chosen"])

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the file."""
        split = one_each(splits)
        known = {t["id"] for t in self.tasks.values() if is_id(t.get("id"))}
        fresh = itertools.count(max(known, default=0) + 1)
        listed = []
        for key in sorted(self.tasks):
            task = self.tasks[key]
            number = task.get("id")
            if key in split:
                task["data"] = {**task["data"], "split": split[key]}
            task = {**task, "id": number if is_id(number) else next(fresh)}
            listed.append(min_of(task, self.layer) if self.min else task)
        file = self.target if self.single else self.target / "tasks.json"
        with atomic_file(file) as temporary, temporary.open("w", encoding="utf-8") as out:
            out.write("[")
            for n, task in enumerate(listed):
                out.write((",\n" if n else "\n") + json_line(task))
            out.write("\n]\n")
        more = beyond(splits, split, self.tasks)
        if not self.single:
            write_side_file(self.target, self.taxonomy, more, kind="labelstudio", layer=self.layer)
        return self.images.warnings() + (empty_note(more) if self.single else ())


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> LabelStudioWriter:
    """A writer into a .json file or a folder; `extra` is that of the source data set."""
    return LabelStudioWriter(target, taxonomy, options, extra or {})


def _fill(
    task: dict[str, Any], own: Mapping[str, Any], layer: str, results: list[dict[str, Any]]
) -> None:
    """Put results into the entry that they came from, or into a new one."""
    chosen = own.get("chosen")
    listed = list(task.get(layer) or [])
    if own.get("layer") == layer and isinstance(chosen, int):
        entry = listed[chosen]
        listed[chosen] = {**entry, "result": [*results, *entry.get("result", [])]}
    else:
        marks = {"was_cancelled": False, "ground_truth": False} if layer == "annotations" else {}
        listed.append({"id": len(listed) + 1, **marks, "result": results})
    task[layer] = listed


def _ids(rows: Rows) -> list[str]:
    """Ids for regions that have none of their own, apart from those that are taken."""
    kept = (kept_of(rows, i, "labelstudio", is_kept) for i in range(len(rows)))
    taken = {str(one["result"].get("id")) for one in kept if "result" in one}
    free = (f"region-{n}" for n in itertools.count(1) if f"region-{n}" not in taken)
    return list(itertools.islice(free, len(rows)))
