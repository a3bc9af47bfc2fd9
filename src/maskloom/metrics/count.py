"""Some pairs of a comparison counted: what one worker does of a judgement.

Counts of several workers merge into what one would have counted, to the last bit. What is made
of them is `judge.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from maskloom.core.labels import Coverage, Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.align import Comparison, Pair
from maskloom.metrics.seals import SIDES, Seals
from maskloom.metrics.tally import Tally
from maskloom.work.progress import track

if TYPE_CHECKING:
    from maskloom.metrics.judge import Terms

NO_TAG = "(none)"


@dataclass(slots=True, eq=False)
class Counted:
    """What was counted over some pairs.

    Args:
        rows: place of the pair in the comparison → its own scores.
        slices: name of the slice → tally; one of the name "" where nothing is sliced.
        seals: side → key → seal of what was counted, where several calls divide the pairs.
    """

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    slices: dict[str, Tally] = field(default_factory=dict)
    seals: dict[str, Seals] = field(default_factory=lambda: {side: {} for side in SIDES})

    def merge(self, other: Counted) -> None:
        """Add what another worker counted of other pairs; it is used up."""
        self.rows |= other.rows
        for side, seals in other.seals.items():
            self.seals[side] |= seals
        for name, tally in other.slices.items():
            if name in self.slices:
                self.slices[name].merge(tally)
            else:
                self.slices[name] = tally


def count(
    pair_up: Comparison, pairs: Collection[int], terms: Terms, task: str, *, label: str = "items"
) -> Counted:
    """Score pairs one by one.

    Args:
        pair_up: both sides.
        pairs: places in it.
        terms: of the judgement.
        task: semantic, instance or panoptic.
        label: of the bar.

    Raises:
        DataError: labels cannot be read or do not belong together.
        TaxonomyError: the prediction uses a category that the truth does not have.
    """
    counted = Counted()
    for i in track(pairs, label, unit="images"):
        pair = pair_up.pairs[i]
        name = slice_of(pair.truth, terms.by)
        if name not in counted.slices:
            counted.slices[name] = Tally(pair_up.taxonomy, terms.rules)
        row = _score(counted.slices[name], pair_up, pair, task)
        counted.rows[i] = {**row, "slice": name} if terms.by else row
    return counted


def slice_of(sample: Sample, by: str | None) -> str:
    """The slice that a sample is of: its value of a tag; "" where nothing is sliced."""
    if by is None:
        return ""
    value = sample.group if by == "group" and "group" not in sample.tags else sample.tags.get(by)
    return NO_TAG if value is None else str(value)


def _score(tally: Tally, pair_up: Comparison, pair: Pair, task: str) -> dict[str, Any]:
    key = pair.truth.key
    truth, predicted = pair_up.labels(pair)
    row: dict[str, Any] = {"key": key}
    if task != "semantic" and len(truth.size) != 2:
        raise DataError(
            "objects of volumes are not scored",
            where=key,
            seen=truth.size,
            hint="score the classes with --task semantic",
        )
    limits = blind_spots(truth.coverage, pair_up.taxonomy)
    if task == "instance":
        rows = pair_up.ours.rows(truth, key), pair_up.theirs.rows(predicted, key)
        row |= tally.instances.update(*rows, order=pair.order, **limits)
    elif task == "panoptic":
        segments = pair_up.ours.segments(truth, key), pair_up.theirs.segments(predicted, key)
        row |= tally.panoptic.update(*segments, where=key, **limits)
    maps = (
        pair_up.ours.class_map(truth, key),
        pair_up.theirs.class_map(surest_on_top(predicted), key),
    )
    row |= tally.pixels.update(*maps)
    tally.samples += 1
    return row


def surest_on_top(labels: Labels) -> Labels:
    """Rows in rising score, so that where predictions overlap the surest is the pixel's class."""
    if labels.rows is None or np.isnan(labels.rows.score).all():
        return labels
    score = np.nan_to_num(labels.rows.score, nan=1.0)
    return labels.replace(rows=labels.rows.take(np.argsort(score, kind="stable")))


def blind_spots(coverage: Coverage, taxonomy: Taxonomy) -> dict[str, Any]:
    """Where and for which categories objects are not judged."""
    listed = () if coverage.nothing else coverage.categories
    return {
        "ignore": None if coverage.area is None else coverage.area.complement(),
        "unlabelled": ()
        if listed is None
        else tuple(i for i, key in enumerate(taxonomy.keys) if key not in listed),
    }
