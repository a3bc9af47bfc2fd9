"""Fields of a data.yaml that maskloom does not interpret: licence, address, flip_idx, ...

They are kept as the text that stands there, so that every reader of the file that is written
sees the same values: `no`, `007` and dates would not survive a parser of one kind.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from maskloom.errors import FormatError

OWN = frozenset({"path", "names", "nc", "train", "val", "valid", "validation", "test"})
"""Fields that say what maskloom says itself."""


def yaml_fields(path: Path) -> dict[str, str]:
    """Name → the lines that say it, of a file that `read_yaml` takes.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        text = path.read_text("utf-8-sig")
        root = yaml.compose(text, yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FormatError("cannot read", where=path, seen=error) from error
    found: dict[str, str] = {}
    if not isinstance(root, yaml.MappingNode):
        return found
    for key, value in root.value:
        if not isinstance(key.value, str) or key.value in OWN:
            continue
        if root.flow_style:
            parts = (text[part.start_mark.index : part.end_mark.index] for part in (key, value))
            found[key.value] = ": ".join(parts)
        else:
            found[key.value] = text[key.start_mark.index : value.end_mark.index]
    return found


def plain_fields(told: Mapping[str, str]) -> dict[str, str]:
    """Likewise of the `key = value` lines of Darknet."""
    return {
        key: f"{json.dumps(key)}: {json.dumps(value)}"
        for key, value in told.items()
        if key not in OWN and key != "classes"
    }


def lines_of(extra: Any, taken: Container[str]) -> Iterator[str]:
    """The lines to write again.

    Args:
        extra: of the data set.
        taken: names of fields that stand there already.
    """
    own = extra.get("yolo") if isinstance(extra, Mapping) else None
    fields = own.get("fields") if isinstance(own, Mapping) else None
    for name, lines in fields.items() if isinstance(fields, Mapping) else ():
        if name not in taken and isinstance(lines, str):
            yield lines if lines.endswith("\n") else f"{lines}\n"
