"""A project: one folder that keeps images, labels, taxonomy, reviews and runs, and their history.

`Project` is the face that everything else uses; `schema.py` says what the database holds,
`layout.py` what lies in the folder, `operations.py` how a gesture of a person is kept. What the
labels mean is `edits/document.py`; servers and pages are built on this and are not part of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskloom.store.project.address import Address, parse_address
    from maskloom.store.project.layout import is_project
    from maskloom.store.project.project import Project

__all__ = ["Address", "Project", "is_project", "parse_address"]

_HOMES = {
    "Address": "maskloom.store.project.address",
    "Project": "maskloom.store.project.project",
    "is_project": "maskloom.store.project.layout",
    "parse_address": "maskloom.store.project.address",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
