"""YAML files of others: plain values only, of bounded size, errors in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from maskloom.errors import FormatError

MAX_BYTES = 1 << 22


class _NoAliases:
    """What is referred to twice could grow without end, and is not read."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # type: ignore[attr-defined]
            raise yaml.YAMLError("aliases are not read")
        node: yaml.Node | None = super().compose_node(parent, index)  # type: ignore[misc]
        return node


class _Values(_NoAliases, yaml.SafeLoader):
    pass


class _Texts(_NoAliases, yaml.BaseLoader):
    pass


def read_yaml(path: Path, *, texts: bool = False) -> dict[str, Any]:
    """A mapping from a YAML file; no objects.

    Args:
        path: of the file.
        texts: every scalar as it stands there. As values, a class called `no` is false and one
            called 007 is the number 7.

    Raises:
        FormatError: it cannot be read, is larger than 4 MiB, does not parse, refers to a value
            twice (aliases), or is no mapping.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FormatError("a YAML file of more than 4 MiB", where=path, seen=f"{size} bytes")
        data = yaml.load(path.read_text("utf-8-sig"), _Texts if texts else _Values)
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", where=path) from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise FormatError("not valid YAML", where=path, seen=error, hint="mend it") from error
    if not isinstance(data, dict):
        raise FormatError("not a YAML mapping", where=path, seen=type(data).__name__)
    return data
