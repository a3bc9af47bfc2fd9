"""A judgement divided among workers and among calls; the report is the same to the last bit.

Workers open both data sets themselves: only places of pairs and counts pass between processes.
The content hashes, which are of one pass over each side, are made by two of them meanwhile. Of
several calls the last one makes them; in the same pass it sees whether the labels that others
have counted are still there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.report import Report
from maskloom.errors import DataError, MaskloomError
from maskloom.metrics.judging.align import Comparison, compare
from maskloom.metrics.judging.count import Counted, count, new_tally
from maskloom.metrics.judging.judge import Terms, check_terms, report_of
from maskloom.metrics.judging.parts import (
    PartFile,
    fingerprint,
    load_part,
    save_part,
    waiting_parts,
)
from maskloom.metrics.judging.seals import SIDES, Seals, Side, changed, sealing
from maskloom.metrics.judging.tally import Tally
from maskloom.work import progress
from maskloom.work.executors import Executor
from maskloom.work.shards import Share, cut, key_hash

Opening = Callable[[], tuple[Dataset, Dataset]]
_NAMED = 8  # shards that a message names


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
    """A call that counted its share and does not report.

    Args:
        samples: that it counted.
        numbers: of the shares that are still to come; none if another call has reported.
    """

    samples: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Complete:
    """A judgement of all pairs.

    Args:
        report: of them.
        parts: of several calls, from which it was made.
    """

    report: Report
    parts: tuple[PartFile, ...] = ()

    def clear(self) -> None:
        """Remove the parts; call it when the report is out."""
        for part in self.parts:
            part.remove()


@dataclass(frozen=True, slots=True)
class _Hashed:
    """One side: its content hash, and the seals of its samples if they were asked for."""

    side: Side
    content: str
    seals: Seals


@dataclass(slots=True)
class CountShard:
    """Work on a shard: either places of pairs, or the name of a side to be hashed.

    Args:
        opening: opens both sides.
        terms: of the judgement.
        task: semantic, instance or panoptic.
        sealed: whether to seal what is read.
    """

    opening: Opening
    terms: Terms
    task: str
    sealed: bool = False
    _pair_up: Comparison | None = field(default=None, init=False)
    _seals: dict[str, Seals] = field(default_factory=dict, init=False)

    def __call__(self, shard: tuple[Any, ...]) -> Counted | _Hashed:
        """The counts, or the hash."""
        if self._pair_up is None:
            self._pair_up = self._open()
        for seals in self._seals.values():
            seals.clear()
        if shard[0] in SIDES:
            content = self._pair_up.hash_of(shard[0])
            return _Hashed(shard[0], content, dict(self._seals[shard[0]]))
        counted = count(self._pair_up, shard, self.terms, self.task)
        counted.seals = {side: dict(seals) for side, seals in self._seals.items()}
        return counted

    def _open(self) -> Comparison:
        terms = self.terms
        pair_up = compare(*self.opening(), missing=terms.missing, renames=terms.renames)
        self._seals = {side: {} for side in SIDES}
        if not self.sealed:
            return pair_up
        truth = sealing(pair_up.truth, self._seals["truth"])
        return replace(
            pair_up, truth=truth, predicted=sealing(pair_up.predicted, self._seals["predicted"])
        )

    def __getstate__(self) -> tuple[Any, ...]:
        # What one process has opened is not for another.
        return self.opening, self.terms, self.task, self.sealed

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.opening, self.terms, self.task, self.sealed = state
        self._pair_up, self._seals = None, {}


def judge_divided(
    truth: Dataset, predicted: Dataset, terms: Terms, division: Division
) -> Complete | Waiting:
    """What `judge` gives, counted by the division's workers; of one share, if it is the last.

    Args:
        truth: as for `judge`; the division opens the same data sets.
        predicted: likewise.
        terms: likewise.
        division: who counts.

    Returns:
        the report, with the content hashes in its provenance; or what is still to come.

    Raises:
        DataError: as `judge`; or a part of another evaluation or of other labels lies in the
            folder.
        MaskloomError: workers died over a sample, which is named.
    """
    pair_up = compare(truth, predicted, missing=terms.missing, renames=terms.renames)
    task = check_terms(pair_up, terms)
    keys = [pair.truth.key for pair in pair_up.pairs]
    share, folder = division.share, division.parts
    parts: tuple[PartFile, ...] = ()
    if share is None or folder is None:
        work = CountShard(division.opening, terms, task)
        counted, hashed = _count(division.executor, work, keys, range(len(keys)), SIDES)
    else:
        work = CountShard(division.opening, terms, task, sealed=True)
        mine = [i for i, key in enumerate(keys) if share.has(key)]
        counted, _ = _count(division.executor, work, keys, mine, ())
        of = fingerprint(pair_up, terms, task)
        save_part(folder, share, counted, of)
        if waiting := waiting_parts(folder, share.of):
            return Waiting(len(mine), () if share.number in waiting else waiting)
        try:
            empty = partial(new_tally, pair_up.taxonomy, terms, task)
            counted, parts = _loaded(folder, share.of, of, empty)
        except FileNotFoundError:
            return Waiting(len(mine), ())
        _, hashed = _count(division.executor, work, keys, [], SIDES)
        _check_seals(pair_up, counted, hashed, share.of, folder)
    report = report_of(pair_up, terms, task, counted)
    hashes = {f"{side}_hash": hashed[side].content for side in SIDES}
    return Complete(replace(report, provenance={**report.provenance, **hashes}), parts)


def _loaded(
    folder: Path, calls: int, of: str, empty: Callable[[], Tally]
) -> tuple[Counted, tuple[PartFile, ...]]:
    """What all calls have counted.

    Raises:
        DataError: a part is damaged or of another evaluation.
        FileNotFoundError: another call that found all parts has reported and removed them.
    """
    counted, files = Counted(), []
    for number in range(1, calls + 1):
        part, file = load_part(folder, Share(number, calls), of, empty)
        counted.merge(part)
        files.append(file)
    return counted, tuple(files)


def _check_seals(
    pair_up: Comparison, counted: Counted, now: Mapping[Side, _Hashed], calls: int, folder: Path
) -> None:
    """Refuse parts that were counted from labels that are no longer there.

    Raises:
        DataError: there are some; it names their shards.
    """
    seals: dict[str, Seals] = {side: now[side].seals for side in SIDES}
    if not (found := changed(pair_up.pairs, counted.seals, seals)):
        return
    numbers = sorted({key_hash(pair.truth.key) % calls + 1 for pair, _ in found})
    named = ", ".join(str(Share(number, calls)) for number in numbers[:_NAMED])
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    first, side = found[0]
    one = len(numbers) == 1
    raise DataError(
        f"the part{'' if one else 's'} of --shard {named}{more} {'is' if one else 'are'} of other "
        "labels than are there now",
        where=folder,
        seen=f"{side} of {first.truth.key} has changed",
        hint=("" if one else "remove these parts and ")
        + f"run --shard {named}{more} again; the last one reports",
    )


def _count(
    executor: Executor,
    work: CountShard,
    keys: Sequence[str],
    pairs: Sequence[int],
    sides: tuple[Side, ...],
) -> tuple[Counted, dict[Side, _Hashed]]:
    """Count the pairs, and hash the sides, which take longest and so come first."""
    shards: list[tuple[Any, ...]] = [(side,) for side in sides]
    shards += cut(pairs, lambda i: keys[i], executor.workers)
    found: dict[int, list[Counted]] = {}
    hashed: dict[Side, _Hashed] = {}
    with progress.bar("scoring", len(pairs) + len(sides), "images") as bar:
        for part in executor.parts(work, shards, ticked=bar.advance):
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
            elif part.value is not None:
                hashed[part.value.side] = part.value
    counted = Counted()
    for shard in sorted(found):
        for one in found[shard]:
            counted.merge(one)
    return counted, hashed
