"""Parsed YAML files of others: plain values only, of bounded size, errors in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from maskloom.errors import FormatError

MAX_BYTES = 1 << 22


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping from a YAML file; no tags, no objects.

    Raises:
        FormatError: it cannot be read, is larger than 4 MiB, does not parse, or is no mapping.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FormatError("a YAML file of more than 4 MiB", where=path, seen=f"{size} bytes")
        data = yaml.safe_load(path.read_text("utf-8-sig"))
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", where=path) from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise FormatError("not valid YAML", where=path, seen=error, hint="mend it") from error
    if not isinstance(data, dict):
        raise FormatError("not a YAML mapping", where=path, seen=type(data).__name__)
    return data
