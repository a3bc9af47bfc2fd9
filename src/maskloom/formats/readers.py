"""Workers that read for a conversion: labels of the source, and what was written, compared.

Writing stays with one process. A writer decides by what it has seen (the kind of the first map,
names that are taken), and its bytes must not depend on who came first; so labels are read
elsewhere and written here, in order. Labels of objects are runs, a few kilobytes a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any, TypeVar, cast

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.lazy_samples import finder, picked
from maskloom.core.sample import Sample
from maskloom.errors import MaskloomError
from maskloom.formats.base import Format
from maskloom.formats.compare import compare
from maskloom.formats.detect import read_dataset
from maskloom.formats.difference import Difference
from maskloom.formats.loss import Holds
from maskloom.work import progress
from maskloom.work.executors import Engine, Executor, open_executor

Opening = Callable[[], Dataset]
T = TypeVar("T")
_SHARD = 8  # samples; labels wait in memory until it is their turn to be written
_AHEAD = 4  # shards a worker


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """Who reads.

    Args:
        opening: opens the source as the conversion sees it, once in each process; picklable.
        executor: runs the workers.
    """

    opening: Opening
    executor: Executor

    def labels(
        self, keys: Sequence[str], written: Path, fmt: Format, *, doing: str = "converting"
    ) -> Iterator[Labels]:
        """The labels of the samples, in the order of the keys.

        Args:
            keys: of samples of the source.
            written: the target, which the same workers will compare.
            fmt: its format.
            doing: what people are told.

        Raises:
            DataError: labels are damaged.
            MaskloomError: workers died over a sample, which is named.
        """
        work = _Reading(self.opening, written, fmt.name, fmt.holds)
        window = _SHARD * _AHEAD * self.executor.workers
        with progress.bar(doing, len(keys), "images") as bar:
            # A window at a time: reading must not run away from writing.
            for first in range(0, len(keys), window):
                shards = _pieces(keys[first : first + window], _SHARD)
                found: dict[str, Labels] = {}
                for part in self.executor.parts(work, shards):
                    if part.lost:
                        raise _lost(part.items[0], part.lost)
                    found |= cast(dict[str, Labels], part.value)
                for key in keys[first : first + window]:
                    yield found.pop(key)
                    bar.advance()

    def difference(
        self, pairs: Sequence[tuple[str, str]], written: Path, fmt: Format
    ) -> Difference:
        """How far what was written says what the source does; see `compare`.

        Args:
            pairs: keys of samples that are the same, in the source and in the target.
            written: the target.
            fmt: its format.
        """
        work = _Reading(self.opening, written, fmt.name, fmt.holds)
        shards = _pieces(pairs, ceil(len(pairs) / (_AHEAD * self.executor.workers)))
        found: list[tuple[int, tuple[str, str], Difference]] = []
        with progress.bar("verifying", len(pairs), "images") as bar:
            for part in self.executor.parts(work, shards, ticked=bar.advance):
                if part.lost:
                    raise _lost(part.items[0][0], part.lost)
                found.append((part.shard, part.items[0], cast(Difference, part.value)))
        ordered = sorted(found, key=lambda one: one[:2])
        return sum((one for *_, one in ordered), Difference(0, 0, 0))


@contextmanager
def open_readers(engine: Engine, workers: int, opening: Opening) -> Iterator[Readers | None]:
    """Workers for a conversion, ended with the block; None where this process reads by itself.

    Args:
        engine: where they run.
        workers: how many; 0 is one per core.
        opening: opens the source in each of them; picklable.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: the number is negative.
    """
    with open_executor(engine, workers) as executor:
        alone = executor.workers == 1 and engine == "local"
        yield None if alone else Readers(opening, executor)


@dataclass(slots=True)
class _Reading:
    """Work on a shard: keys to be read, or pairs of keys to be compared."""

    opening: Opening
    written: Path
    fmt: str
    holds: Holds
    _source: Dataset | None = field(default=None, init=False)
    _find: Callable[[str], Sample] | None = field(default=None, init=False)
    _back: Dataset | None = field(default=None, init=False)

    def __call__(self, shard: tuple[Any, ...]) -> dict[str, Labels] | Difference:
        if self._source is None:
            self._source = self.opening()
        if isinstance(shard[0], str):
            if self._find is None:
                self._find = finder(self._source.samples)
            return {key: self._source.labels_of(self._find(key)) for key in shard}
        if self._back is None:
            self._back = read_dataset(self.written, self.fmt)
        ours = picked(self._source.samples, (key for key, _ in shard))
        theirs = picked(self._back.samples, (other for _, other in shard))
        source, back = replace(self._source, samples=ours), replace(self._back, samples=theirs)
        return compare(source, back, self.holds)

    def __getstate__(self) -> tuple[Any, ...]:
        # What one process has opened is not for another.
        return self.opening, self.written, self.fmt, self.holds

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.opening, self.written, self.fmt, self.holds = state
        self._source = self._back = self._find = None


def _pieces(items: Sequence[T], size: int) -> list[tuple[T, ...]]:
    return [tuple(items[i : i + size]) for i in range(0, len(items), size)]


def _lost(key: str, why: str) -> MaskloomError:
    return MaskloomError(
        "a sample cannot be read",
        where=key,
        seen=why,
        hint="give the workers more memory, or use fewer of them",
    )
