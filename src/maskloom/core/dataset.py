"""Taxonomy, samples and splits, with labels read when asked for.

A data set holds no pixels and no labels: `labels_of` reads one sample's labels from wherever
the format keeps them. Splitting by groups and classes is `splits.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from maskloom.core.labels import Labels
from maskloom.core.lazy_samples import doubled_key, keys_of, picked
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, UsageError


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Samples under one taxonomy.

    Args:
        taxonomy: what the labels may say.
        samples: unique by key.
        labels_of: reads the labels of a sample; raises DataError for a damaged one.
        splits: name → keys, in order.
        name: what to call it in reports.
        warnings: what the reader noticed and let pass.
        extra: fields of the source that maskloom does not interpret.

    Raises:
        DataError: two samples share a key, or the name of a split is no name for a folder.
    """

    taxonomy: Taxonomy
    samples: Sequence[Sample]
    labels_of: Callable[[Sample], Labels]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = ""
    warnings: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (key := doubled_key(self.samples)) is not None:
            raise DataError(
                "two images differ only in their suffix or are listed twice",
                where=self.name,
                seen=key,
                hint="give each image its own name",
            )
        for name in self.splits:
            # Splits become names of files and folders when the data set is written.
            if not name or name.startswith(".") or ".." in name or set(name) & set("/\\\0"):
                raise DataError(
                    "the name of a split is no name for a folder",
                    where=self.name,
                    seen=name,
                    hint="use letters, digits, - and _",
                )

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[tuple[Sample, Labels]]:
        for sample in self.samples:
            yield sample, self.labels_of(sample)

    def select(self, keys: Iterable[str]) -> Dataset:
        """The samples of these keys, in this order.

        Raises:
            DataError: a key is not in the data set.
        """
        wanted, known = list(keys), set(keys_of(self.samples))
        for key in wanted:
            if key not in known:
                raise DataError("no such sample", where=self.name, seen=key)
        return replace(self, samples=picked(self.samples, wanted))

    def within(self, keys: Iterable[str]) -> Dataset:
        """The samples of these keys in the data set's own order, with its splits cut to them."""
        wanted = set(keys)
        splits = {
            name: tuple(k for k in named if k in wanted) for name, named in self.splits.items()
        }
        return replace(
            self,
            samples=picked(self.samples, (key for key in keys_of(self.samples) if key in wanted)),
            splits={name: named for name, named in splits.items() if named},
        )

    def split(self, name: str | None) -> Dataset:
        """The samples of a named split; None is all of them.

        Raises:
            UsageError: there is no such split.
        """
        if name is None:
            return self
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise UsageError(
                "no such split", where=self.name, seen=name, hint=f"known splits: {known}"
            )
        return replace(self.select(self.splits[name]), splits={name: self.splits[name]})

    def content_hash(self) -> str:
        """sha256 over canonical taxonomy JSON and, by key, label arrays and what they cover.

        File bytes, paths and the order of samples do not enter, so that the hash is the same on
        every machine and after an exact conversion that keeps keys.
        """
        digest = hashlib.sha256(self.taxonomy.hash.encode())
        for sample in sorted(self.samples, key=lambda s: s.key):
            self._feed(digest, sample)
        return digest.hexdigest()

    def sample_hash(self, sample: Sample) -> str:
        """sha256 of what the labels of one sample say, in positions of this taxonomy."""
        digest = hashlib.sha256()
        self._feed(digest, sample)
        return digest.hexdigest()

    def _feed(self, digest: hashlib._Hash, sample: Sample) -> None:
        labels = self.labels_of(sample)
        covered = _covered(labels, self.taxonomy)
        head = [sample.key, sample.group, list(labels.size), covered]
        digest.update(json.dumps(head, separators=(",", ":")).encode())
        for array in _arrays(labels):
            kind = array.dtype.newbyteorder("<")
            digest.update(f"{kind.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, kind).data)


def _arrays(labels: Labels) -> Iterator[np.ndarray[Any, Any]]:
    if labels.class_map is not None:
        yield labels.class_map
    if labels.rows is not None:
        rows, masks = labels.rows, labels.rows.masks
        yield from (masks.sizes, masks.boxes, masks.counts, masks.offsets)
        yield from (rows.category, rows.instance, rows.kind, rows.score, rows.crowd)
        yield from (rows.z_order, rows.plane, rows.track, rows.parent, rows.amodal_of)
    area = labels.coverage.area
    if area is not None and not labels.coverage.nothing and not _whole(area):
        yield from (area.sizes, area.boxes, area.counts, area.offsets)


def _covered(labels: Labels, taxonomy: Taxonomy) -> list[str] | str:
    """Which categories were looked for, in one form for one meaning."""
    coverage = labels.coverage
    if coverage.nothing:
        return "nothing"
    if coverage.categories is None or coverage.categories >= set(taxonomy.keys):
        return "all"
    return sorted(coverage.categories & set(taxonomy.keys))


def _whole(area: Masks) -> bool:
    return int(area.areas.sum()) == int(area.sizes[0].prod())
