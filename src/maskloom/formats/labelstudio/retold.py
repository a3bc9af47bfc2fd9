"""Results of a region of Label Studio, with what a row says now: all else stays as it was.

Attributes go where the region's own controls say them, else into `meta`. A place that changed
is changed in all results, as each of them repeats it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from maskloom.formats.coco.check import is_number
from maskloom.formats.labelstudio.regions import (
    UNLABELLED,
    Region,
    attributes_in,
    figure_of,
    key_said,
    names_of,
    value_said,
)

Result = dict[str, Any]
_PLACES = {
    "brush": ("rle", "format"),
    "polygon": ("points", "closed"),
    "rectangle": ("x", "y", "width", "height", "rotation"),
    "ellipse": ("x", "y", "radiusX", "radiusY", "rotation"),
    "keypoint": ("x", "y", "width"),
}
_LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Now:
    """What a row says.

    Args:
        name: of its category.
        score: NaN is none.
        attributes: all of them.
        size: (H, W) of the image.
        place: figure and place in percent, where it was drawn anew.
    """

    name: str
    score: float
    attributes: Mapping[str, Any]
    size: tuple[int, int]
    place: tuple[str, Mapping[str, Any]] | None = None


def retold(region: Region, now: Now) -> tuple[list[Result], bool]:
    """The results of a region, and whether nothing but what changed is given up.

    Args:
        region: as the source has it.
        now: what is to be said of it.
    """
    others, whole = _others(region, now.attributes)
    first = _with_attributes(dict(region.result), others, now.attributes)
    if is_number(first.get("score")) and math.isnan(now.score):
        del first["score"]
    if not math.isnan(now.score) and now.score != first.get("score", region.score):
        first["score"] = float(now.score)
    results = [first, *others]
    if now.place is not None:
        old, (figure, place) = figure_of(region.result), now.place
        assert old is not None
        results = [_moved(one, old, figure, place, now.size) for one in results]
        whole = whole and old == figure
    return _named(results, region, now.name), whole


def same(one: object, two: object) -> bool:
    """Whether two values are alike in kind, too: 1 is neither 1.0 nor true."""
    return json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)


def _others(region: Region, attributes: Mapping[str, Any]) -> tuple[list[Result], bool]:
    """Results beside the place, and whether those of attributes that are still there are kept."""
    before, listed, whole = attributes_in(region), [], True
    for one in region.others:
        key = key_said(one)
        name = str(one.get("from_name", one.get("type")))
        if key is None or (name in attributes and same(before[name], attributes[name])):
            listed.append(dict(one))
        elif name in attributes:
            value = _like(one["value"][key], attributes[name])
            changed = {**one, "value": {**one["value"], key: value}}
            fits = value is not None and same(value_said(changed, key), attributes[name])
            listed += [changed] if fits else []
            whole = whole and fits
    return listed, whole


def _like(old: object, value: Any) -> Any:
    """A value in the form that a control has; None where it has none for it."""
    if isinstance(old, list):
        values = value if isinstance(value, list) else [value]
        kinds = {type(one) for one in old} or {str}
        return values if values and all(type(one) in kinds for one in values) else None
    if is_number(old):
        return value if is_number(value) else None
    return value if type(value) is type(old) else None


def _with_attributes(first: Result, others: list[Result], attributes: Mapping[str, Any]) -> Result:
    """The result that has the place, whose `meta` says what the others do not."""
    meta = first.get("meta")
    own = meta.get("attributes") if isinstance(meta, dict) else None
    own = own if isinstance(own, dict) else {}
    said = attributes_in(Region("", {}, tuple(others)))
    rest = {
        name: value
        for name, value in attributes.items()
        if name in own or name not in said or not same(said[name], value)
    }
    if same(own, rest):
        return first
    kept = {k: v for k, v in meta.items() if k != "attributes"} if isinstance(meta, dict) else {}
    kept |= {"attributes": rest} if rest else {}
    return {**{k: v for k, v in first.items() if k != "meta"}, **({"meta": kept} if kept else {})}


def _moved(
    one: Result, old: str, figure: str, place: Mapping[str, Any], size: tuple[int, int]
) -> Result:
    """A result at another place, maybe drawn by another tool."""
    sides = {"original_width": size[1], "original_height": size[0]}
    one = {**one, **{k: v for k, v in sides.items() if k in one}}
    if "image_rotation" in one:
        one["image_rotation"] = 0
    value = one.get("value")
    if not isinstance(value, dict) or value.keys().isdisjoint(_PLACES[old][:1]):
        return one
    kept = {k: v for k, v in value.items() if k not in _PLACES[old]}
    sizes = {k: value[k] for k in ("width",) if old == figure == "keypoint" and k in value}
    kind = str(one["type"])
    if kind.lower() in (old, f"{old}{_LABELS}") and old != figure:
        labels = next((k for k in kept if k.lower() == f"{old}{_LABELS}"), None)
        if labels is not None:
            kept[f"{figure}{_LABELS}"] = kept.pop(labels)
        new = figure + kind[len(old) :].lower()
        one |= {"type": new, "from_name": new}
    return {**one, "value": {**place, **sizes, **kept}}


def _named(results: list[Result], region: Region, name: str) -> list[Result]:
    """Results whose labels are one name."""
    if names_of(region)[0] == name:
        return results
    for one in results:
        value = one.get("value")
        for key, listed in value.items() if isinstance(value, dict) else ():
            if key.lower().endswith(_LABELS) and isinstance(listed, list):
                one["value"] = {**one["value"], key: [] if name == UNLABELLED else [name]}
    again = replace(region, result=results[0], others=tuple(results[1:]))
    if names_of(again)[0] != name:
        first = results[0]
        control = str(first["type"]).lower().removesuffix(_LABELS) + _LABELS
        first |= {"type": control, "value": {**first["value"], control: [name]}}
    return results
