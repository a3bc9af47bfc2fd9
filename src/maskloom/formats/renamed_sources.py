"""What sources say of classes in their own words, under the names that classes were given.

Annotations that are not read, definitions of labels and what other annotators drew are written
again as they were: without this they would say the old names beside labels with the new ones.
Names of tags stay, as tags are no classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Names = Mapping[str, str]
_TAG = "tag"
_SEGMENT_NAME = re.compile(r"Segment\d+_Name")


def renamed_source(family: str, own: Any, names: Names, *, whole: bool) -> Any:
    """What a format keeps, under new names; as it is where the format is not known here.

    Args:
        family: the format's name in `extra`.
        own: what is kept there.
        names: old name → new one, of the classes that have another.
        whole: it is of the data set, else of an image.
    """
    known = (_WHOLE if whole else _IMAGE).get(family)
    return own if known is None or not isinstance(own, Mapping) else known(own, names)


def is_known(family: str) -> bool:
    """Whether what a format keeps has names of classes in it."""
    return family in _WHOLE or family in _IMAGE


def _cvat(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    labels = _moved(own.get("labels", {}), names)
    return {
        **own,
        "labels": {name: [_named(one, name) for one in said] for name, said in labels.items()},
        "others": [_element(one, names) for one in own.get("others", [])],
    }


def _cvat_image(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    others = own.get("others", [])
    return {**own, "others": [one if one[0] == _TAG else _element(one, names) for one in others]}


def _element(one: Any, names: Names) -> list[Any]:
    tag, attributes, text, below = one
    label = attributes.get("label")
    said = {**attributes, "label": names[label]} if label in names else attributes
    return [tag, said, text, below]


def _named(one: Any, name: str) -> list[Any]:
    """A <label> under a name."""
    tag, attributes, text, below = one
    return [tag, attributes, text, [["name", b[1], name, b[3]] if b[0] == "name" else b
                                    for b in below]]  # fmt: skip


def _datumaro(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    categories = dict(own.get("categories") or {})
    label = dict(categories.get("label") or {})
    if isinstance(label.get("labels"), list):
        label["labels"] = _entries(label["labels"], "name", names)
        label["labels"] = [
            {**one, "parent": names.get(one.get("parent"), one.get("parent"))}
            if "parent" in one
            else one
            for one in label["labels"]
        ]
    if isinstance(label.get("label_groups"), list):
        label["label_groups"] = [
            {**one, "labels": _each(one["labels"], names)}
            if isinstance(one, Mapping) and isinstance(one.get("labels"), list)
            else one
            for one in label["label_groups"]
        ]
    return {**own, "categories": {**categories, "label": label}} if label else dict(own)


def _datumaro_image(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    others, labels = own.get("others", []), own.get("labels", [])
    if len(others) != len(labels):
        return dict(own)
    told = [
        name if one.get("type") == "label" else names.get(name, name)
        for one, name in zip(others, labels, strict=True)
    ]
    return {**own, "labels": told}


def _labelstudio_image(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    task = dict(own.get("task") or {})
    for layer in ("annotations", "predictions"):
        if isinstance(task.get(layer), list):
            task[layer] = [_annotator(one, names) for one in task[layer]]
    return {**own, "task": task}


def _annotator(one: Any, names: Names) -> Any:
    if not isinstance(one, Mapping) or not isinstance(one.get("result"), list):
        return one
    return {**one, "result": [_result(each, names) for each in one["result"]]}


def _result(one: Any, names: Names) -> Any:
    value = one.get("value") if isinstance(one, Mapping) else None
    if not isinstance(value, Mapping):
        return one
    said = {
        key: _each(listed, names)
        for key, listed in value.items()
        if key.lower().endswith("labels") and isinstance(listed, list)
    }
    return {**one, "value": {**value, **said}} if said else one


def _nnunet(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Numbers of regions by name; as they were where two became one, whose numbers are new."""
    labels = own.get("labels")
    if not isinstance(labels, Mapping):
        return dict(own)
    fixed = {name for name in labels if name == "ignore" or name.lower() == "background"}
    told = {n if n in fixed else names.get(n, n): number for n, number in labels.items()}
    return {**own, "labels": told} if len(told) == len(labels) else dict(own)


def _supervisely(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    out = dict(own)
    if isinstance(own.get("classes"), list):
        out["classes"] = _entries(own["classes"], "title", names)
    if isinstance(own.get("tags"), list):
        out["tags"] = [
            {**one, "classes": _each(one["classes"], names)}
            if isinstance(one, Mapping) and isinstance(one.get("classes"), list)
            else one
            for one in own["tags"]
        ]
    return out


def _supervisely_image(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    if not isinstance(own.get("objects"), list | tuple):
        return dict(own)
    listed = [
        [place, {**one, "classTitle": names[one["classTitle"]]}]
        if isinstance(one, Mapping) and one.get("classTitle") in names
        else [place, one]
        for place, one in own["objects"]
    ]
    return {**own, "objects": listed}


def _via(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The choices of the attribute that names the class."""
    project = dict(own.get("project") or {})
    known = project.get("_via_attributes")
    region = known.get("region") if isinstance(known, Mapping) else None
    said = region.get(own.get("attribute")) if isinstance(region, Mapping) else None
    if not isinstance(known, Mapping) or not isinstance(said, Mapping):
        return dict(own)
    choices = {
        key: _moved(said[key], names)
        for key in ("options", "default_options")
        if isinstance(said.get(key), Mapping)
    }
    told = {**dict(region or {}), str(own.get("attribute")): {**said, **choices}}
    return {**own, "project": {**project, "_via_attributes": {**known, "region": told}}}


def _voc(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    return {**own, "parts:actions": _moved(own.get("parts:actions", {}), names)}


def _volume_image(own: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Names of segments in the header of a file of Slicer."""
    pairs = own.get("nrrd")
    if not isinstance(pairs, Mapping):
        return dict(own)
    told = {
        key: names.get(text, text) if _SEGMENT_NAME.fullmatch(key) else text
        for key, text in pairs.items()
    }
    return {**own, "nrrd": told}


def _moved(said: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Entries by name under new names; of joined ones that which has the name already."""
    out: dict[str, Any] = {}
    for name, value in said.items():
        new = names.get(name, name)
        if new not in out or name == new:
            out[new] = value
    return out


def _entries(listed: Iterable[Any], field: str, names: Names) -> list[Any]:
    """A list of entries that name themselves, as long as before: their places are numbers."""
    return [
        {**one, field: names[one[field]]}
        if isinstance(one, Mapping) and one.get(field) in names
        else one
        for one in listed
    ]


def _each(listed: Iterable[Any], names: Names) -> list[Any]:
    return list(dict.fromkeys(names.get(n, n) if isinstance(n, str) else n for n in listed))


_WHOLE: dict[str, Callable[[Mapping[str, Any], Names], dict[str, Any]]] = {
    "cvat": _cvat,
    "datumaro": _datumaro,
    "nnunet": _nnunet,
    "supervisely": _supervisely,
    "via": _via,
    "voc": _voc,
}
_IMAGE: dict[str, Callable[[Mapping[str, Any], Names], dict[str, Any]]] = {
    "cvat": _cvat_image,
    "datumaro": _datumaro_image,
    "labelstudio": _labelstudio_image,
    "supervisely": _supervisely_image,
    "volume": _volume_image,
}
