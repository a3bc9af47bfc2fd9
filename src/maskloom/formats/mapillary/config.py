"""The label list of Mapillary Vistas: config_VERSION.json, in which a label's place is its id.

What is labelled `Unlabeled` says nothing of a pixel and is no category. Labels that are not
evaluated are void.

Source: Mapillary Vistas, config_v1.2.json and config_v2.0.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskloom.core.category_names import folded, unique_keys
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.shared.folders import read_json

FORMAT_NAME = "mapillary"
MAX_LABELS = 256
SILENT_NAME = "void--unlabeled"
SILENT = {
    "color": [0, 0, 0],
    "evaluate": False,
    "instances": False,
    "name": SILENT_NAME,
    "readable": "Unlabeled",
}


def read_config(path: Path) -> dict[str, Any]:
    """A checked configuration, as it was parsed.

    Raises:
        FormatError: it does not parse, or a label is not of its form.
    """
    data = read_json(path)
    labels = data.get("labels") if isinstance(data, dict) else None
    if not isinstance(labels, list) or not 0 < len(labels) <= MAX_LABELS:
        seen = len(labels) if isinstance(labels, list) else type(labels).__name__
        raise FormatError(f'"labels" is not a list of 1 to {MAX_LABELS}', where=path, seen=seen)
    for i, label in enumerate(labels):
        color = label.get("color") if isinstance(label, dict) else None
        good = isinstance(color, list) and len(color) == 3
        if not good or not all(type(v) is int and 0 <= v <= 255 for v in color or ()):
            raise FormatError(
                "a label without a colour of three numbers 0..255",
                where=f"{path}: labels[{i}]",
                seen=label,
            )
        if not isinstance(label.get("name"), str) or not label["name"]:
            raise FormatError("a label without a name", where=f"{path}: labels[{i}]", seen=label)
    if len({label["name"] for label in labels}) < len(labels):
        raise FormatError("a name is listed twice", where=path)
    return dict(data)


def silent_label(labels: Sequence[Mapping[str, Any]]) -> int | None:
    """The id of the label that says nothing of a pixel."""
    for i, label in enumerate(labels):
        if label["name"] == SILENT_NAME or folded(str(label.get("readable", ""))) == "unlabeled":
            return i
    return None


def taxonomy_of(labels: Sequence[Mapping[str, Any]]) -> Taxonomy:
    """Categories of the labels; the name is the readable one where no other label has it."""
    silent = silent_label(labels)
    kept = [(i, label) for i, label in enumerate(labels) if i != silent]
    counts = Counter(str(label.get("readable", "")) for _, label in kept)
    counts.update(label["name"] for _, label in kept)
    names = []
    for _, label in kept:
        readable = str(label.get("readable", ""))
        names.append(readable if readable and counts[readable] == 1 else label["name"])
    keys = unique_keys(label["name"] for _, label in kept)
    return Taxonomy(
        tuple(
            Category(
                key,
                name,
                "thing" if label.get("instances") else "stuff",
                (label["color"][0], label["color"][1], label["color"][2]),
                void=label.get("evaluate") is False,
                aliases=(label["name"],) if name != label["name"] else (),
                ids=((FORMAT_NAME, i),),
            )
            for key, name, (i, label) in zip(keys, names, kept, strict=True)
        )
    )


def configured(
    taxonomy: Taxonomy, config: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[int, int], bool]:
    """The configuration to be written, position → id, and whether all that a source says is in it.

    That of the source, if it lists every category under its id, with the names that classes have
    now; else a new one, in which ids are positions, up to 255 of them.
    """
    if config is not None and (own := _own_numbers(taxonomy, config["labels"])) is not None:
        labels = _renamed(taxonomy, own, config["labels"])
        if labels is not None and silent_label(labels) is not None:
            return {**config, "labels": labels}, own, True
        if labels is not None and len(labels) < MAX_LABELS:
            return {**config, "labels": [*labels, SILENT]}, own, True
    # The last id is that of what is not labelled.
    numbers = {i: i for i in range(min(len(taxonomy), MAX_LABELS - 1))}
    return _config_of(taxonomy, numbers), numbers, config is None


def _own_numbers(taxonomy: Taxonomy, labels: Sequence[Mapping[str, Any]]) -> dict[int, int] | None:
    """Position → id of the labels, None if a category is not one of them."""
    known = {dict(c.ids)[FORMAT_NAME]: c for c in taxonomy_of(labels)}
    found: dict[int, int] = {}
    for i, category in enumerate(taxonomy):
        number = dict(category.ids).get(FORMAT_NAME)
        if number is None or number not in known or number in found.values():
            return None
        if category.kind != known[number].kind or category.void != known[number].void:
            return None
        found[i] = number
    return found


def _renamed(
    taxonomy: Taxonomy, numbers: Mapping[int, int], labels: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]] | None:
    """The labels with the names that their categories have now; None where two would share one.

    A name that another label of the list had brings its full name along.
    """
    known = {dict(c.ids)[FORMAT_NAME]: c.name for c in taxonomy_of(labels)}
    full = {name: labels[number]["name"] for number, name in known.items()}
    out = [dict(label) for label in labels]
    for i, number in numbers.items():
        name = taxonomy[i].name
        if name != known[number]:
            out[number] |= {"name": full.get(name, name), "readable": name}
    if len({label["name"] for label in out}) < len(out):
        return None
    again = {dict(c.ids)[FORMAT_NAME]: c.name for c in taxonomy_of(out)}
    same = all(again.get(number) == taxonomy[i].name for i, number in numbers.items())
    return out if same else None


def _config_of(taxonomy: Taxonomy, numbers: Mapping[int, int]) -> dict[str, Any]:
    """A configuration that lists the numbered categories in order, and the silent label."""
    colors = taxonomy.colors()
    labels = [
        {
            "color": list(colors[i]),
            "evaluate": not taxonomy[i].void,
            "instances": taxonomy[i].kind == "thing",
            "name": (*taxonomy[i].aliases, taxonomy[i].key)[0],
            "readable": taxonomy[i].name,
        }
        for i in numbers
    ]
    return {"labels": [*labels, SILENT], "mapping": "public", "version": "1.2"}
