"""Splits that label files cannot say, which stand in the side file: an image's second, empty ones.

What label files say counts besides; the side file adds to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.formats.shared.folders import side_splits

_FIRST = {"train": 0, "val": 1, "test": 2}

Splits = Mapping[str, tuple[str, ...]]


def one_each(splits: Splits) -> dict[str, str]:
    """Key → the first split that lists it."""
    return {key: name for name, keys in reversed(list(splits.items())) for key in keys}


def beyond(splits: Splits, said: Mapping[str, str], written: Iterable[str]) -> Splits:
    """Splits with what label files do not say of them.

    Args:
        splits: of the data set.
        said: key → the split that the files give it.
        written: keys of what is in the files.
    """
    here, given = set(written), set(said.values())
    out = {}
    for name, keys in splits.items():
        more = tuple(sorted(k for k in keys if k in here and said.get(k) != name))
        if more or name not in given:
            out[name] = more
    return out


def empty_note(splits: Splits) -> tuple[str, ...]:
    """A warning about splits without images, which a single file cannot say."""
    names = [name for name, keys in splits.items() if not keys]
    return (f"one file says no splits without images: {', '.join(names)}",) if names else ()


def with_side_splits(dataset: Dataset, side: Mapping[str, Any]) -> Dataset:
    """The data set with the splits that its side file adds."""
    if not side.get("splits"):
        return dataset
    return with_more(dataset, side_splits(side, (sample.key for sample in dataset.samples)))


def with_more(dataset: Dataset, more: Mapping[str, Iterable[str]]) -> Dataset:
    """The data set with further images in its splits, and further splits."""
    if not more:
        return dataset
    found = {name: set(keys) for name, keys in dataset.splits.items()}
    for name, keys in more.items():
        found.setdefault(name, set()).update(keys)
    ordered = sorted(found, key=lambda name: (_FIRST.get(name, len(_FIRST)), name))
    return replace(dataset, splits={name: tuple(sorted(found[name])) for name in ordered})
