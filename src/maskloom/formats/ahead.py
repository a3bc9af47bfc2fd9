"""Labels that workers read ahead of one process, which takes them in, in the order of their keys.

What cannot be read ahead (damaged labels, another order) is read where it is asked for, so that
refusals and their words are those of one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.errors import DataError
from maskloom.formats.base import Format
from maskloom.formats.readers import Readers


def read_ahead(dataset: Dataset, readers: Readers, fmt: Format) -> Dataset:
    """The same data set, whose labels come from workers while they are asked for by key.

    Args:
        dataset: as `readers.opening` opens it.
        readers: the workers; they must live as long as labels are read.
        fmt: of the source.
    """
    return replace(dataset, labels_of=_Ahead(dataset, readers, fmt))


class _Ahead:
    def __init__(self, dataset: Dataset, readers: Readers, fmt: Format) -> None:
        self._here = dataset.labels_of
        self._keys = sorted(sample.key for sample in dataset.samples)
        self._done = 0
        self._coming: Iterator[Labels] | None = readers.labels(
            self._keys, Path(), fmt, doing="reading"
        )

    def __call__(self, sample: Sample) -> Labels:
        expected = self._keys[self._done] if self._done < len(self._keys) else None
        if self._coming is None or sample.key != expected:
            return self._here(sample)
        try:
            labels = next(self._coming)
        except DataError:
            # Some sample of those ahead is damaged: which, and whether that matters, is told
            # when its turn comes.
            self._coming = None
            return self._here(sample)
        self._done += 1
        return labels
