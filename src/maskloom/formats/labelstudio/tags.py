"""What Label Studio's tasks say of whole images (choices, ratings, texts) as tags, and back.

The name of the control is the tag's name. Results of one region are its attributes, not these.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from maskloom.formats.labelstudio.images import is_elsewhere
from maskloom.formats.tags import tags_of_pairs

_TAXONOMY = "taxonomy"
_NO_VALUE = ("relation",)


def tags_of(task: Mapping[str, Any], layer: str, chosen: int | None) -> dict[str, str]:
    """Tags of the image of a task.

    Args:
        task: of which the results of what was read are those that are no regions.
        layer: which of its lists was read.
        chosen: which of the entries there; None is none.
    """
    if chosen is None:
        return {}
    said = [one for one in _results(task[layer][chosen]) if is_of_image(one)]
    here = (one for one in said if not is_elsewhere(one, task["data"]))
    return tags_of_pairs(pair for one in here for pair in _pairs(one))


def is_of_image(result: Mapping[str, Any]) -> bool:
    """Whether a result that is no region says something of the image, which no place does."""
    placed = "original_width" in result
    return not placed and result.get("type") not in _NO_VALUE and bool(_values(result))


def _values(result: Mapping[str, Any]) -> Mapping[str, Any]:
    value = result.get("value")
    return value if isinstance(value, Mapping) else {}


def _pairs(result: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    name = str(result.get("from_name") or result.get("type") or "")
    for key, value in _values(result).items():
        for one in value if isinstance(value, list) else [value]:
            # A choice of a taxonomy is the path to it.
            path = key == _TAXONOMY and isinstance(one, list)
            yield name, "/".join(map(str, one)) if path else one


def results_of_tags(tags: Mapping[str, str], taken: Container[str]) -> Iterator[dict[str, Any]]:
    """Choices that say these tags.

    Args:
        tags: name → text.
        taken: ids of other results.
    """
    free = (name for n in itertools.count(1) if (name := f"tag-{n}") not in taken)
    for (name, text), own in zip(tags.items(), free, strict=False):
        value = {"choices": [text]}
        yield {"id": own, "type": "choices", "from_name": name, "to_name": "image", "value": value}


def further_fields(own: Mapping[str, Any]) -> Iterator[str]:
    """Names of what a task says besides: other entries, and who made the one that was read.

    Args:
        own: what is kept of a task.
    """
    task, layer, chosen = own["task"], own["layer"], own["chosen"]
    for name in ("annotations", "predictions", "completions", "drafts"):
        if len(task.get(name) or ()) > (name == layer and chosen is not None):
            yield f"other {name}" if name == layer else name
    if chosen is not None:
        entry = task[layer][chosen]
        if any(one.get("type") in _NO_VALUE for one in _results(entry)):
            yield "relations"
        said = filter(is_of_image, _results(entry))
        if any(is_elsewhere(one, task["data"]) for one in said):
            yield "what is said of other images"
        yield from (k for k, v in entry.items() if v and k not in _ENTRY)


_ENTRY = frozenset({"id", "result", "score", "ground_truth", "was_cancelled"})


def unread_of(own: Mapping[str, Any]) -> Iterator[str]:
    """The kinds of regions that are not read.

    Args:
        own: what is kept of a task.
    """
    if own["chosen"] is not None:
        for one in _results(own["task"][own["layer"]][own["chosen"]]):
            if "original_width" in one:
                yield str(one.get("type"))


def _results(entry: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = entry.get("result") or ()
    return found
