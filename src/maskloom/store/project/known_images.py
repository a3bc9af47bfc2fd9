"""Images that the project has already, under another name than an import gives them.

A label file names images by its own rules: CVAT's frames of a film lack the folder of the film, and
a list of one sub-folder lacks that folder. One file is one sample, whatever it is called.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.store.project.layout import Layout
from maskloom.store.project.schema import sample as table


def under_known_keys(connection: Connection, layout: Layout, dataset: Dataset) -> Dataset:
    """The data set, its samples under the keys that the project has for their files.

    Samples whose own key the project has stay as they are, and so do those of files that it has
    under several keys.
    """
    columns = select(table.c.key, table.c.uri).where(table.c.uri.is_not(None))
    keys: set[str] = set()
    by_uri: dict[str, str | None] = {}
    for key, uri in connection.execute(columns):
        keys.add(key)
        by_uri[uri] = None if uri in by_uri else key
    if not by_uri:
        return dataset
    renamed: dict[str, str] = {}
    for one in dataset.samples:
        if one.key not in keys and one.image.path is not None:
            known = by_uri.get(layout.uri_of(one.image.path))
            if known is not None:
                renamed[one.key] = known
    return _renamed(dataset, renamed) if renamed else dataset


def _renamed(dataset: Dataset, keys: dict[str, str]) -> Dataset:
    own = {new: old for old, new in keys.items()}

    def labels_of(sample: Sample) -> Labels:
        return dataset.labels_of(replace(sample, key=own.get(sample.key, sample.key)))

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
