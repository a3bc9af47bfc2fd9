"""Some pairs of a comparison counted: what one worker does of a judgement.

Counts of several workers merge into what one would have counted, to the last bit. What is made
of them is `judge.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.judging.align import Comparison, Pair
from maskloom.metrics.judging.families import families_of, make_families
from maskloom.metrics.judging.scene import Scene
from maskloom.metrics.judging.seals import SIDES, Seals
from maskloom.metrics.judging.tally import Tally
from maskloom.work.progress import track

if TYPE_CHECKING:
    from maskloom.metrics.judging.judge import Terms

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
            counted.slices[name] = new_tally(pair_up.taxonomy, terms, task)
        row = _score(counted.slices[name], pair_up, pair, task)
        counted.rows[i] = {**row, "slice": name} if terms.by else row
    return counted


def new_tally(taxonomy: Taxonomy, terms: Terms, task: str) -> Tally:
    """A tally of what some terms ask for."""
    names = families_of(task, terms.metrics)
    return Tally(make_families(names, taxonomy, terms.convention, terms.settings))


def slice_of(sample: Sample, by: str | None) -> str:
    """The slice of a sample: its value of a tag, or its group or sequence; "" without slices."""
    if by is None:
        return ""
    own = {"group": sample.group, "sequence": sample.sequence}
    value = sample.tags[by] if by in sample.tags else own.get(by)
    return NO_TAG if value is None else str(value)


def _score(tally: Tally, pair_up: Comparison, pair: Pair, task: str) -> dict[str, Any]:
    scene = Scene(pair_up, pair)
    if task != "semantic" and len(scene.size) != 2:
        raise DataError(
            "objects of volumes are not scored",
            where=scene.key,
            seen=scene.size,
            hint="score the classes with --task semantic",
        )
    return {"key": scene.key, **tally.update(scene)}
