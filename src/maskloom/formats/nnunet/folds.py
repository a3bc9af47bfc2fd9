"""The folds of nnU-Net: `splits_final.json`, a list of cases to train with and to validate.

nnU-Net stops at a case that is not there; such names are left out and told.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path

from maskloom.core.outcome import counted
from maskloom.errors import FormatError
from maskloom.formats.nnunet.dataset_json import FOLDS
from maskloom.formats.shared.folders import read_json

_PARTS = ("train", "val")
_SHOWN = 4


def read_folds(
    path: Path, cases: Container[str]
) -> tuple[list[dict[str, list[str]]], tuple[str, ...]]:
    """(train and val of each fold, warnings).

    Args:
        path: of the data set.
        cases: keys of those that have labels.

    Raises:
        FormatError: not a list of folds.
    """
    file = path / f"{FOLDS}.json"
    if not file.is_file():
        return [], ()
    data = read_json(file)
    told = data if isinstance(data, list) and data else [None]
    out = []
    others: dict[str, None] = {}
    for fold in told:
        names = [fold.get(n, []) for n in _PARTS] if isinstance(fold, Mapping) else []
        keys = [key for own in names for key in (own if isinstance(own, list) else [None])]
        if not names or not all(isinstance(key, str) for key in keys):
            raise FormatError(
                "not a list of folds",
                where=file,
                seen=type(data).__name__,
                hint='write [{"train": ["a"], "val": ["b"]}]',
            )
        out.append(dict(zip(_PARTS, names, strict=True)))
        others |= {str(name): None for name in fold or () if name not in _PARTS}
    absent = list({k: None for fold in out for own in fold.values() for k in own if k not in cases})
    warnings = []
    if absent:
        warnings.append(
            f"{file.name} names {counted(len(absent), 'case')} without labels, left out of its "
            f"folds: {_some(absent)}"
        )
    if others:
        warnings.append(f"{file.name}: only train and val are read, not {_some(list(others))}")
    return out, tuple(warnings)


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_SHOWN])) + (", ..." if names[_SHOWN:] else "")
