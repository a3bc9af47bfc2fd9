"""What a score was counted from, sample by sample, as short text that tells whether it changed.

The hash of a whole side, which goes into reports, is `Comparison.hash_of`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.metrics.judging.align import Pair

Side = Literal["truth", "predicted"]
SIDES: tuple[Side, Side] = ("truth", "predicted")
Seals = dict[str, str]


def seal_of(dataset: Dataset, sample: Sample, labels: Labels) -> str:
    """64 hex digits over everything of a sample's labels that scores depend on.

    That is its hash in the data set and the areas that its file states, by which COCO sorts
    objects into small, medium and large.
    """
    one = replace(dataset, samples=(), splits={}, labels_of=lambda _: labels)
    said = one.sample_hash(sample)
    if labels.rows is None or not labels.rows.source:
        return said
    areas = [(row or {}).get("area") for row in labels.rows.source]
    text = json.dumps([said, areas], default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sealing(dataset: Dataset, seals: Seals) -> Dataset:
    """The same data set; of whatever labels are read from it the seal is put down by key."""

    def read(sample: Sample) -> Labels:
        labels = dataset.labels_of(sample)
        seals[sample.key] = seal_of(dataset, sample, labels)
        return labels

    return replace(dataset, labels_of=read)


def changed(
    pairs: Iterable[Pair], then: Mapping[str, Seals], now: Mapping[str, Seals]
) -> list[tuple[Pair, Side]]:
    """The pairs of which a side is not what it was, or was not sealed at all.

    Args:
        pairs: of a comparison.
        then: side → key of that side's sample → seal.
        now: likewise.
    """
    return [(pair, found[0]) for pair in pairs if (found := _changed_sides(pair, then, now))]


def _changed_sides(pair: Pair, then: Mapping[str, Seals], now: Mapping[str, Seals]) -> list[Side]:
    keys: dict[Side, str] = {"truth": pair.truth.key}
    if pair.predicted is not None:
        keys["predicted"] = pair.predicted.key
    return [
        side
        for side, key in keys.items()
        if key not in then[side] or then[side][key] != now[side].get(key)
    ]
