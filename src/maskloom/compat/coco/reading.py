"""JSON files, read as Python's own parser does, only sooner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from maskloom.errors import DataError


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        DataError: it cannot be read, or is no JSON.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError("the file cannot be read", where=path, seen=error.strerror) from None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # NaN and Infinity are no JSON, but Python writes them.
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError("the file is no JSON", where=path, seen=str(error)) from None
