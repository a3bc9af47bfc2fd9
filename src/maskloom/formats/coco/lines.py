"""The text of a COCO file: sorted keys, and one entry on a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from maskloom.formats.shared.json_files import json_line


def json_lines(parts: Mapping[str, Any]) -> Iterable[str]:
    """JSON text with sorted keys; lists of entries have one entry on a line."""
    yield "{"
    for n, name in enumerate(sorted(parts)):
        value = parts[name]
        yield f"{',' if n else ''}\n{json.dumps(name)}:"
        if name in ("images", "annotations", "categories"):
            yield "["
            for i, entry in enumerate(value):
                yield f"{',' if i else ''}\n{_dumps(entry)}"
            yield "\n]"
        else:
            yield _dumps(value)
    yield "\n}\n"


def _dumps(value: object) -> str:
    return json_line(value, sort_keys=True, separators=(",", ":"))
