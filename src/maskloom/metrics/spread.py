"""A judgement divided among workers and among calls; the report is the same to the last bit.

Workers open both data sets themselves: only places of pairs and counts pass between processes.
The content hashes, which are of one pass over each side, are made by two of them meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from maskloom.core.dataset import Dataset
from maskloom.core.report import Report
from maskloom.errors import MaskloomError
from maskloom.metrics.align import Comparison, compare
from maskloom.metrics.count import Counted, count
from maskloom.metrics.judge import Terms, check_terms, report_of
from maskloom.metrics.parts import fingerprint, load_part, save_part, waiting_parts
from maskloom.work import progress
from maskloom.work.executors import Executor
from maskloom.work.shards import Share, cut

Opening = Callable[[], tuple[Dataset, Dataset]]
Side = Literal["truth", "predicted"]
_SIDES: tuple[Side, Side] = ("truth", "predicted")


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Who counts.

    Args:
        opening: opens truth and prediction, once in each process; picklable.
        executor: runs the workers.
        share: of the pairs, where several calls divide them.
        parts: folder in which each of these calls leaves what it counted.
    """

    opening: Opening
    executor: Executor
    share: Share | None = None
    parts: Path | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that counted its share and is not the last.

    Args:
        samples: that it counted.
        numbers: of the shares that are still to come.
    """

    samples: int
    numbers: tuple[int, ...]


@dataclass(slots=True)
class CountShard:
    """Work on a shard: either places of pairs, or the name of a side to be hashed."""

    opening: Opening
    terms: Terms
    task: str
    _pair_up: Comparison | None = field(default=None, init=False)

    def __call__(self, shard: tuple[Any, ...]) -> Counted | dict[str, str]:
        """The counts, or the hash under its name."""
        if self._pair_up is None:
            sides = self.opening()
            terms = self.terms
            self._pair_up = compare(*sides, missing=terms.missing, renames=terms.renames)
        if shard[0] in _SIDES:
            return {f"{shard[0]}_hash": self._pair_up.hash_of(shard[0])}
        return count(self._pair_up, shard, self.terms, self.task)

    def __getstate__(self) -> tuple[Any, ...]:
        # What one process has opened is not for another.
        return self.opening, self.terms, self.task

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.opening, self.terms, self.task = state
        self._pair_up = None


def judge_divided(
    truth: Dataset, predicted: Dataset, terms: Terms, division: Division
) -> Report | Waiting:
    """What `judge` gives, counted by the division's workers; of one share, if it is the last.

    Args:
        truth: as for `judge`; the division opens the same data sets.
        predicted: likewise.
        terms: likewise.
        division: who counts.

    Returns:
        the report, with the content hashes in its provenance; or what is still to come.

    Raises:
        DataError: as `judge`; or a part of another evaluation lies in the folder.
        MaskloomError: workers died over a sample, which is named.
    """
    pair_up = compare(truth, predicted, missing=terms.missing, renames=terms.renames)
    task = check_terms(pair_up, terms)
    keys = [pair.truth.key for pair in pair_up.pairs]
    share = division.share
    if share is None or division.parts is None:
        counted, hashes = _count(division, terms, task, keys, range(len(keys)), _SIDES)
    else:
        mine = [i for i, key in enumerate(keys) if share.has(key)]
        counted, _ = _count(division, terms, task, keys, mine, ())
        of = fingerprint(pair_up, terms, task)
        save_part(division.parts, share, counted, of)
        if waiting := waiting_parts(division.parts, share.of):
            return Waiting(len(mine), waiting)
        counted = Counted()
        for number in range(1, share.of + 1):
            one = Share(number, share.of)
            counted.merge(load_part(division.parts, one, of, pair_up.taxonomy, terms.rules))
        _, hashes = _count(division, terms, task, keys, [], _SIDES)
    report = report_of(pair_up, terms, task, counted)
    return replace(report, provenance={**report.provenance, **hashes})


def _count(
    division: Division,
    terms: Terms,
    task: str,
    keys: Sequence[str],
    pairs: Sequence[int],
    sides: tuple[Side, ...],
) -> tuple[Counted, dict[str, str]]:
    """Count the pairs, and hash the sides, which take longest and so come first."""
    shards: list[tuple[Any, ...]] = [(side,) for side in sides]
    shards += cut(pairs, lambda i: keys[i], division.executor.workers)
    found: dict[int, list[Counted]] = {}
    hashes: dict[str, str] = {}
    work = CountShard(division.opening, terms, task)
    with progress.bar("scoring", len(pairs) + len(sides), "images") as bar:
        for part in division.executor.parts(work, shards, ticked=bar.advance):
            if part.lost:
                item = part.items[0]
                raise MaskloomError(
                    "a sample cannot be scored",
                    where=keys[item] if isinstance(item, int) else item,
                    seen=part.lost,
                    hint="give the workers more memory, or use fewer of them",
                )
            if isinstance(part.value, Counted):
                found.setdefault(part.shard, []).append(part.value)
            else:
                hashes |= part.value or {}
    counted = Counted()
    for shard in sorted(found):
        for one in found[shard]:
            counted.merge(one)
    return counted, {f"{side}_hash": hashes[f"{side}_hash"] for side in sides}
