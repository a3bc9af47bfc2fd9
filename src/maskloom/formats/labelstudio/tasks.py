"""Tasks of Label Studio exports: which annotation is read, and its regions.

Which image they are of is `images.py`. JSON_MIN files, which have no ids of regions, are made
tasks of the full form first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.formats.coco.check import is_number
from maskloom.formats.labelstudio.images import address_of, control_of, has_several, why_apart
from maskloom.formats.labelstudio.regions import FIGURES, Region, figure_of

LAYERS = ("annotations", "predictions")
MIN_FIELDS = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")
_MIN_BESIDE = ("original_width", "original_height", "item_index")
_PLACES = {"rle": "brush", "points": "polygon", "radiusX": "ellipse", "height": "rectangle"}


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Args:
        where: file and id.
        data: the task, of which the results of what was read are those that are no regions.
        layer, chosen: which list and which of its entries was read; None is none.
        regions: of that entry, in order.
        size: (H, W) as the regions or the task say it, or None.
        many: how many entries could have been read.
    """

    where: str
    data: dict[str, Any]
    layer: str
    chosen: int | None
    regions: tuple[Region, ...]
    size: tuple[int, int] | None
    many: int

    def others(self) -> Sequence[Mapping[str, Any]]:
        """The results of what was read that are no regions."""
        if self.chosen is None:
            return ()
        found: Sequence[Mapping[str, Any]] = self.data[self.layer][self.chosen].get("result", ())
        return found


def tasks_of(data: object, path: Path, *, layer: str, annotator: str | None) -> list[Task]:
    """The tasks of a parsed export.

    Args:
        data: of JSON or JSON_MIN.
        path: for messages.
        layer: `annotations`, `predictions`, or `auto`: annotations where any task has one.
        annotator: only entries of this person (id or e-mail) or of this version of a model.

    Raises:
        FormatError: not tasks, or results that are none.
    """
    listed: list[Any] = data if isinstance(data, list) else [data]
    for i, task in enumerate(listed):
        if not isinstance(task, dict):
            raise FormatError("a task is a JSON object", where=f"{path}: task {i}", seen=task)
    full = [task if _is_full(task) else _from_min(task) for task in listed]
    if layer == "auto":
        layer = LAYERS[not any(_entries(task, "annotations", path) for task in full)]
    return [
        _task(task, f"{path}: task {task.get('id', i)}", layer, annotator)
        for i, task in enumerate(full)
    ]


def _is_full(task: Mapping[str, Any]) -> bool:
    return isinstance(task.get("data"), dict)


def _from_min(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task of the full form from one of JSON_MIN."""
    results = []
    data: dict[str, Any] = {}
    for key, value in task.items():
        if key in ("id", *MIN_FIELDS):
            continue
        if not isinstance(value, list) or not value or not all(map(_is_place, value)):
            data[key] = value
            continue
        for n, region in enumerate(value):
            size = {k: v for k, v in region.items() if _is_beside(k)}
            rest = {k: v for k, v in region.items() if k not in size}
            own = next((k for k in rest if k.endswith("labels")), "")
            figure = next((f for k, f in _PLACES.items() if k in rest), "keypoint")
            kind = own if own.removesuffix("labels") in FIGURES else figure
            name = {"id": f"{key}-{n}", "type": kind, "from_name": key}
            results.append({**name, "value": rest, **size})
    # Of several images JSON_MIN does not say which.
    if not has_several(data):
        results = [{"to_name": "image", **one} for one in results]
    kept = {k: task[k] for k in MIN_FIELDS if k in task}
    annotation = {"id": kept.pop("annotation_id", None), "result": results}
    meta = {"meta": data.pop("meta")} if isinstance(data.get("meta"), dict) else {}
    if "annotator" in kept:
        annotation["completed_by"] = kept.pop("annotator")
    return {"id": task.get("id"), "data": data, **meta, "annotations": [{**annotation, **kept}]}


def _is_beside(name: str) -> bool:
    """Whether a field of a place in JSON_MIN stands beside the value in the full form."""
    return name.startswith("original_") or name in ("item_index", "to_name")


def min_of(task: Mapping[str, Any], layer: str) -> dict[str, Any]:
    """The JSON_MIN form of a task: places by the name of their control, of one entry alone.

    Args:
        task: of the full form.
        layer: which list; its ground truth, else its last entry is taken.
    """
    out = {**task["data"], "id": task.get("id")}
    if isinstance(task.get("meta"), dict):
        out["meta"] = task["meta"]
    found = _entries(task, layer, "")
    entries = task.get(layer) or [{}]
    best = max(found, key=lambda i: (bool(entries[i].get("ground_truth")), i), default=0)
    entry = entries[best]
    for one in entry.get("result", ()):
        if figure_of(one) is None:
            continue
        size = {k: one[k] for k in _MIN_BESIDE if k in one}
        if has_several(task["data"]):
            size["to_name"] = one.get("to_name", control_of(task["data"]))
        name = str(one.get("from_name", "label"))
        # A control named as a field of the task would hide it.
        name = name if isinstance(out.get(name, []), list) else f"{name}_regions"
        out.setdefault(name, []).append({**one["value"], **size})
    told = {k: entry.get(k) for k in MIN_FIELDS}
    told |= {"annotation_id": entry.get("id"), "annotator": entry.get("completed_by")}
    return out | {k: v for k, v in told.items() if v is not None}


def _is_place(value: object) -> bool:
    return isinstance(value, dict) and "original_width" in value


def _entries(task: Mapping[str, Any], layer: str, where: object) -> list[int]:
    """Positions of the annotations or predictions that count."""
    listed = task.get(layer, task.get("completions", []) if layer == "annotations" else [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise FormatError(f"{layer} are a list of objects", where=where, seen=listed)
    return [i for i, one in enumerate(listed) if not one.get("was_cancelled")]


def _task(task: dict[str, Any], where: str, layer: str, annotator: str | None) -> Task:
    old = layer == "annotations" and layer not in task and "completions" in task
    key = "completions" if old else layer
    found = [
        i
        for i in _entries(task, layer, where)
        if annotator is None or _is_by(task[key][i], annotator)
    ]
    address_of(task["data"], where)
    # What is marked as ground truth, else the last that was made.
    chosen = max(found, key=lambda i: (bool(task[key][i].get("ground_truth")), i), default=None)
    if chosen is None:
        return Task(where, task, key, None, (), _other_size(task, where), 0)
    entry = task[key][chosen]
    results = entry.get("result", [])
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise FormatError("result is a list of objects", where=where, seen=results)
    regions, rest = _regions(results, where, entry.get("score"), task["data"])
    listed = list(task[key])
    listed[chosen] = {**entry, "result": rest}
    size = _size([r.result for r in regions if not r.apart], where) or _other_size(task, where)
    return Task(where, {**task, key: listed}, key, chosen, regions, size, len(found))


def _is_by(entry: Mapping[str, Any], name: str) -> bool:
    who = entry.get("completed_by", entry.get("model_version"))
    names = [who.get("id"), who.get("email")] if isinstance(who, dict) else [who]
    return name in map(str, names)


def _regions(
    results: Sequence[Mapping[str, Any]], where: str, score: object, data: Mapping[str, Any]
) -> tuple[tuple[Region, ...], list[Mapping[str, Any]]]:
    """Results by id as regions, and those that are none."""
    places: dict[str, Mapping[str, Any]] = {}
    for n, one in enumerate(results):
        if figure_of(one) is None:
            continue
        name = str(one.get("id", f"result {n}"))
        if name in places:
            raise FormatError("two regions share an id", where=where, seen=name)
        places[name] = one
    own = {id(one) for one in places.values()}
    others: dict[str, list[Mapping[str, Any]]] = {}
    rest = []
    for one in results:
        if id(one) in own:
            continue
        if str(one.get("id")) in places and one.get("type") != "relation":
            others.setdefault(str(one["id"]), []).append(one)
        else:
            rest.append(one)
    whole = float(score) if is_number(score) else math.nan  # type: ignore[arg-type]
    regions = tuple(
        Region(
            f"{where}, region {name}",
            one,
            tuple(others.get(name, ())),
            whole,
            why_apart(one, data),
        )
        for name, one in places.items()
    )
    return regions, rest


def _size(results: Iterable[Mapping[str, Any]], where: str) -> tuple[int, int] | None:
    """(H, W) that all regions agree on."""
    sizes = set()
    for one in results:
        sides: tuple[Any, Any] = one.get("original_height"), one.get("original_width")
        if sides == (None, None):
            continue
        if not all(is_number(side) and 0 < side < 2**31 and side == int(side) for side in sides):
            raise FormatError(
                "original_height and original_width are positive whole numbers",
                where=where,
                seen=list(sides),
            )
        sizes.add((int(sides[0]), int(sides[1])))
    if len(sizes) > 1:
        raise FormatError("regions of one image tell two sizes", where=where, seen=sorted(sizes))
    return next(iter(sizes), None)


def _other_size(task: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    """The size of an image without regions: as maskloom writes it, or as other entries have it."""
    meta = task.get("meta")
    listed = [meta] if isinstance(meta, dict) else []
    for layer in LAYERS:
        for entry in task.get(layer) or ():
            found = entry.get("result") if isinstance(entry, dict) else None
            listed += [one for one in found if isinstance(one, dict)] if found else []
    return _size([one for one in listed if not why_apart(one, task["data"])], where)
