"""Which places on disk a request may name: those under the served root, links resolved.

`inside` is for parameters that are paths; `check_text` is for text that may hold one, such
as `PROJECT::LAYER`, a model that is a run's folder, or `from.colors=FILE`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from maskloom.errors import MaskloomError, UsageError
from maskloom.store.project.runs import project_address


class Outside(MaskloomError):
    """A request names a place that is not under the served root."""


def inside(root: Path, path: Path, *, where: str) -> Path:
    """The path, absolute and with links resolved; of `PROJECT::LAYER` the project's.

    Args:
        root: absolute and resolved.
        path: relative ones are relative to the root.
        where: the parameter, for the message.

    Raises:
        Outside: it does not lie under the root.
        UsageError: no path can be spelled so.
    """
    try:
        resolved = (root / path).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"not a path: {error}", where=where, seen=str(path)) from error
    if str(path).startswith("~") or not resolved.is_relative_to(root):
        raise Outside(
            "the path is outside the served folder",
            where=where,
            seen=str(path),
            hint="name a path under the folder that `maskloom serve --root` was given",
        )
    address = project_address(root / path)
    if address is None or resolved.exists():
        return resolved
    # The name that was resolved above ends in the layer, so links on the project's were not.
    project = inside(root, address.root, where=where)
    return Path(str(replace(address, root=project)))


def check_text(root: Path, text: str, *, where: str) -> None:
    """Refuse text of which any part, read as a path, leaves the root, and every URL.

    Raises:
        Outside: a part does.
        UsageError: a part holds what no path can.
    """
    if "://" in text or text.startswith("file:"):
        raise Outside("a URL is outside the served folder", where=where, seen=text)
    for part in {text, *re.split(r"[=,;]|::", text)}:
        inside(root, Path(part.strip()), where=where)
