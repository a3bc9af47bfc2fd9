"""Splits of label files of tools: those of the side file if there is one, else folders' names.

The side file is the whole truth: an image that it puts into no split has none, whatever its folder
is called; an image may be in several, and a split may be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.formats.shared.folders import side_splits
from maskloom.formats.shared.json_files import split_of

_FIRST = {"train": 0, "val": 1, "test": 2}


def split_finder(side: Mapping[str, Any]) -> Callable[[str], str | None]:
    """Key → one split of it, in whose folders its image is looked for.

    Args:
        side: the side file; empty where there is none.
    """
    if not side:
        return split_of
    known = {key: str(n) for n, keys in dict(side.get("splits", {})).items() for key in keys}
    return known.get


def with_told_splits(dataset: Dataset, side: Mapping[str, Any]) -> Dataset:
    """The data set with the splits of its side file, if it has one.

    A split of which all images lie elsewhere (where one file or folder of many is opened) is none.
    """
    if not side:
        return dataset
    listed = dict(side.get("splits", {}))
    found = side_splits(side, (sample.key for sample in dataset.samples))
    told = [name for name, keys in found.items() if keys or not listed[name]]
    told.sort(key=lambda name: (_FIRST.get(name, len(_FIRST)), name))
    return replace(dataset, splits={name: found[name] for name in told})
