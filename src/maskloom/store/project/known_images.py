"""Images that the project has already, under another name than an import gives them.

A label file names images by its own rules: CVAT's frames of a film lack the folder of the film, and
a list of one sub-folder lacks that folder. One file is one sample, whatever it is called.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, select

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.errors import DataError
from maskloom.store.files import is_file
from maskloom.store.project.layout import Layout
from maskloom.store.project.schema import sample as table


def under_known_keys(connection: Connection, layout: Layout, dataset: Dataset) -> Dataset:
    """The data set, its samples under the keys that the project has for their files.

    The file decides, be the sample's own key that of another image. Samples whose image is not at
    hand go along with the others where those all lack one and the same folder.

    Raises:
        DataError: two samples would have one key.
    """
    places = _Places()
    known: dict[str, list[str]] = {}
    taken: set[str] = set()
    for key, uri in connection.execute(select(table.c.key, table.c.uri)):
        taken.add(key)
        if uri is not None:
            known.setdefault(places.of(layout.path_of(uri)), []).append(key)
    # Keys of Windows' names had backslashes once.
    old = {key.replace("\\", "/"): key for key in taken if "\\" in key}
    if not known and not old:
        return dataset
    renamed: dict[str, str] = {}
    absent: list[str] = []
    for one in dataset.samples:
        if one.image.path is None or not is_file(one.image.path):
            absent += [one.key] if one.key not in taken else []
            continue
        keys = known.get(places.of(one.image.path), [])
        if len(keys) == 1 and keys[0] != one.key:
            renamed[one.key] = keys[0]
    folder = _common_folder(renamed)
    renamed |= {key: folder + key for key in absent} if folder else {}
    renamed |= {one.key: old[one.key] for one in dataset.samples if one.key in old}
    return _renamed(dataset, renamed) if renamed else dataset


class _Places:
    """Files as texts that are the same whichever links led to their folder."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: Path) -> str:
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return f"{self._folders[folder]}{os.sep}{name}"


def _common_folder(renamed: Mapping[str, str]) -> str:
    """What stands before each old key in the new one; empty where that is not the same."""
    found = {new.removesuffix(old) for old, new in renamed.items() if new.endswith(f"/{old}")}
    alike = len(found) == 1 and all(new.endswith(f"/{old}") for old, new in renamed.items())
    return found.pop() if alike else ""


def _renamed(dataset: Dataset, keys: dict[str, str]) -> Dataset:
    own: dict[str, str] = {}
    for sample in dataset.samples:
        new = keys.get(sample.key, sample.key)
        if new in own:
            raise DataError(
                "two images of the labels are one image of the project",
                where=dataset.name or None,
                seen=f"{own[new]} and {sample.key}, there {new}",
                hint="take one of them out of the labels, or import into another project",
            )
        own[new] = sample.key

    def labels_of(sample: Sample) -> Labels:
        return dataset.labels_of(replace(sample, key=own[sample.key]))

    old, new = next(iter(keys.items()))
    warning = (
        f"{len(keys)} of {len(dataset)} images are in the project under other names, first {old!r} "
        f"as {new!r}; the labels are taken as theirs"
    )
    return replace(
        dataset,
        samples=tuple(replace(s, key=keys.get(s.key, s.key)) for s in dataset.samples),
        labels_of=labels_of,
        splits={
            name: tuple(keys.get(key, key) for key in named)
            for name, named in dataset.splits.items()
        },
        warnings=(*dataset.warnings, warning),
    )
