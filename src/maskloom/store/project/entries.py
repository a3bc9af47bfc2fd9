"""What a snapshot says of one sample: a row of `entry`, and the files that it points to.

Annotations go into the snapshot's Parquet file, a class map and a confidence map each into a blob.
`Snapshot` writes, `read_labels` reads; which entry counts at a sequence number is `reading.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, codes
from maskloom.core.views import recode
from maskloom.errors import DataError
from maskloom.store.images import png_bytes
from maskloom.store.project import blobs
from maskloom.store.project.covered import coverage_from_json, coverage_to_json
from maskloom.store.project.journal import Journal
from maskloom.store.project.layout import Layout
from maskloom.store.project.parts import PartWriter, read_rows
from maskloom.store.project.vocabulary import Vocabulary

_PART = 1 << 20
"""Pixels that are counted at once."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says of one sample, and how many objects that is (of a map, how many classes).

    See `schema.entry` for the columns.
    """

    objects: int
    first: int = 0
    count: int = 0
    blob: str | None = None
    confidence: str | None = None
    legend: list[str | None] | None = None
    coverage: dict[str, Any] | None = None
    extra: dict[str, Any] | None = None

    def columns(self) -> dict[str, Any]:
        """Of the table `entry`, by name."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "objects"}


class Snapshot:
    """The files of one snapshot while they are written.

    Args:
        layout: of the project.
        path: of the Parquet file; it appears when `finish` is called.
        keys: the project's key of each category of the labels, by its key there, in its order.
        facts: what the source says of the whole.
        journal: learns of every file before it is there.
    """

    def __init__(
        self,
        layout: Layout,
        path: Path,
        *,
        keys: Mapping[str, str],
        facts: Mapping[str, Any],
        journal: Journal,
    ) -> None:
        self._path, self._root = path, layout.root
        self._blobs = layout.blobs
        self._names = keys
        self._keys = tuple(keys.values())
        self._journal = journal
        journal.note(path)
        self._part = PartWriter(path, self._keys, facts)

    @property
    def rows(self) -> int:
        """How many annotations there are so far."""
        return self._part.rows

    def put(self, key: str, labels: Labels) -> Said:
        """Keep the labels of one sample.

        Raises:
            WriteError: the disk is full or cannot be written.
            DataError: the labels cannot be kept.
        """
        said: dict[str, Any] = {
            "confidence": self._picture(labels.confidence),
            "coverage": coverage_to_json(labels.coverage, self._names),
            "extra": dict(labels.extra) or None,
        }
        if labels.rows is not None:
            first, count = self._part.put(key, labels.rows)
            return Said(count, first=first, count=count, **said)
        assert labels.class_map is not None
        legend, void = _legend(labels.class_map, self._keys, key)
        classes = len({name for name in legend if name is not None}) + void
        return Said(classes, blob=self._picture(labels.class_map), legend=legend, **said)

    def finish(self) -> str:
        """Everything is there: let the Parquet file appear; its path in the project."""
        self._part.finish()
        return self._path.relative_to(self._root).as_posix()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._part.__exit__()

    def _picture(self, array: NDArray[Any] | None) -> str | None:
        if array is None:
            return None
        # A volume's slices lie one below the other.
        data = png_bytes(array.reshape(-1, array.shape[-1]))
        return blobs.put(self._blobs, data, self._journal.note)


def read_labels(
    layout: Layout,
    row: Mapping[str, Any],
    size: tuple[int, ...],
    vocabulary: Vocabulary,
    known: Mapping[str, int] | None = None,
) -> Labels:
    """The labels of an entry, under the taxonomy of a moment.

    Args:
        layout: of the project.
        row: columns of `entry`, and `path` of its part.
        size: of the sample.
        vocabulary: at that moment.
        known: its `positions`, where the caller has them.

    Raises:
        DataError: files are missing or damaged, or a category is unknown.
    """
    said: dict[str, Any] = {
        "coverage": coverage_from_json(row["coverage"], vocabulary.resolved),
        "extra": row["extra"] or {},
        "revision": row["revision"],
    }
    known = positions(vocabulary) if known is None else known
    if row["confidence"] is not None:
        said["confidence"] = _read_picture(layout, row["confidence"], size)
    if row["blob"] is None:
        rows = read_rows(layout.root / row["path"], row["first"], row["count"], known)
        return Labels(size, rows=rows, **said)
    pixels = _read_picture(layout, row["blob"], size)
    return Labels(size, class_map=_present(pixels, row["legend"] or [], vocabulary, known), **said)


def positions(vocabulary: Vocabulary) -> dict[str, int]:
    """Position in the taxonomy of every key that labels may hold, merged ones included."""
    taxonomy = vocabulary.taxonomy
    out = {key: position for position, key in enumerate(taxonomy.keys)}
    moved = [move.key for move in vocabulary.moves]
    for key, target in zip(moved, vocabulary.resolved(moved), strict=True):
        if target in out:
            out[key] = out[target]
    return out


def _values(pixels: NDArray[Any]) -> NDArray[np.int64]:
    """The values that occur, ascending; counted by parts, for counting takes 8 bytes a pixel."""
    flat = pixels.ravel()
    parts = [flat[i : i + _PART] for i in range(0, flat.size, _PART)]
    found = {int(value) for part in parts for value in np.flatnonzero(np.bincount(part))}
    return np.array(sorted(found), np.int64)


def _legend(pixels: NDArray[Any], keys: Sequence[str], key: str) -> tuple[list[str | None], bool]:
    """By position the key of each category that occurs, None for others; and whether void does."""
    values = _values(pixels)
    void, background = codes(pixels.dtype)
    found = values[(values != void) & (values != background)]
    if len(found) and found[-1] >= len(keys):
        raise DataError(
            f"a category that the taxonomy of {len(keys)} lacks", where=key, seen=int(found[-1])
        )
    legend: list[str | None] = [None] * (int(found[-1]) + 1 if len(found) else 0)
    for position in found.tolist():
        legend[position] = keys[position]
    return legend, bool((values == void).any())


def _present(
    pixels: NDArray[Any],
    legend: Sequence[str | None],
    vocabulary: Vocabulary,
    known: Mapping[str, int],
) -> NDArray[Any]:
    """A class map in positions of the taxonomy of the moment; as stored where they are the same."""
    targets = [None if key is None else known.get(key) for key in legend]
    lost = [key for key, target in zip(legend, targets, strict=True) if key and target is None]
    if lost:
        raise DataError("a stored class map names a category that the taxonomy lacks", seen=lost[0])
    if all(target in (None, position) for position, target in enumerate(targets)):
        return pixels
    return recode(pixels, targets, vocabulary.taxonomy)


def _read_picture(layout: Layout, name: str, size: tuple[int, ...]) -> NDArray[Any]:
    import cv2

    data = blobs.get(layout.blobs, name)
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.ndim != 2 or array.size != int(np.prod(size)):
        seen = None if array is None else array.shape
        raise DataError("a stored map has another size than its sample", where=name, seen=seen)
    return np.ascontiguousarray(array).reshape(size)
