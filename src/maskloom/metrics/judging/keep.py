"""Labels that were read once, kept while there is room: judging reads a sample several times."""

from __future__ import annotations

from dataclasses import replace

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample

ROOM_BYTES = 256 * 2**20


def keep_labels(dataset: Dataset, room_bytes: int = ROOM_BYTES) -> Dataset:
    """The same data set, remembering labels by key until `room_bytes` of arrays are kept.

    What does not fit is read again each time, so memory stays bounded for any data set.
    """
    read = dataset.labels_of
    kept: dict[str, Labels] = {}
    room = room_bytes

    def labels_of(sample: Sample) -> Labels:
        nonlocal room
        if sample.key in kept:
            return kept[sample.key]
        labels = read(sample)
        size = _size_bytes(labels)
        if size <= room:
            room -= size
            kept[sample.key] = labels
        return labels

    return replace(dataset, labels_of=labels_of)


def _size_bytes(labels: Labels) -> int:
    """About what the arrays and geometry take, plus a kilobyte for each row's own fields."""
    if labels.rows is None:
        return 0 if labels.class_map is None else labels.class_map.nbytes
    rows = labels.rows
    drawn = sum(part.nbytes for one in rows.geometry if one is not None for part in one.parts)
    return rows.masks.counts.nbytes + drawn + 1024 * len(rows)
