"""Fields of a data.yaml that maskloom does not interpret: licence, address, flip_idx, ...

They are kept as the text that stands there, so that every reader of the file that is written
sees the same values: `no`, `007` and dates would not survive a parser of one kind. Text that would
say something else among other lines (`? name`, lines in braces) is spelt anew.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from maskloom.errors import FormatError

OWN = frozenset({"path", "names", "nc", "train", "val", "valid", "validation", "test"})
"""Fields that say what maskloom says itself."""
_WIDTH = 1 << 20


def yaml_fields(path: Path) -> dict[str, str]:
    """Name → the lines that say it, of a file that `read_yaml` takes.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        text = path.read_text("utf-8-sig")
        root = yaml.compose(text, yaml.SafeLoader)
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
            lines = ": ".join(parts).rstrip()
        else:
            lines = text[key.start_mark.index : value.end_mark.index]
        found[key.value] = lines if _says(lines, key, value) else _spelt(key, value)
    return found


def _says(lines: str, key: yaml.Node, value: yaml.Node) -> bool:
    """Whether lines say this field when they stand in a file with lines behind them."""
    try:
        root = yaml.compose(f"{_ended(lines)}behind: 0\n", yaml.SafeLoader)
    except yaml.YAMLError:
        return False
    if not isinstance(root, yaml.MappingNode) or len(root.value) != 2:
        return False
    return _same(root.value[0], (key, value))


def _same(one: Any, other: Any) -> bool:
    """Whether two nodes, or lists of them, have the same tags, styles and texts."""
    if isinstance(one, yaml.Node):
        ours, theirs = ((n.tag, getattr(n, "style", None)) for n in (one, other))
        return bool(ours == theirs and type(one) is type(other)) and _same(one.value, other.value)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _spelt(key: yaml.Node, value: yaml.Node) -> str:
    root = yaml.MappingNode("tag:yaml.org,2002:map", [(key, value)], flow_style=False)
    return str(yaml.serialize(root, Dumper=yaml.SafeDumper, width=_WIDTH))


def _ended(lines: str) -> str:
    return lines if lines.endswith("\n") else f"{lines}\n"


def plain_fields(told: Mapping[str, str]) -> dict[str, str]:
    """Likewise of the `key = value` lines of Darknet."""
    return {
        key: yaml.safe_dump({key: value}, default_style='"', width=_WIDTH)
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
            yield _ended(lines)
