"""Losses summed over a data set, per kind, with an example and names of what is concerned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from maskloom.core.labels import Labels
from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.concerned import Concerned, concerned
from maskloom.formats.loss import MOST_NAMED, Loss
from maskloom.formats.loss_kinds import FACTS, KINDS

_SHOWN, _MOST_NAMES = 8, 1000


@dataclass(frozen=True, slots=True)
class LossTotal:
    """One kind of loss over a data set.

    Args:
        kind: one of `KINDS`.
        samples, objects, pixels: how many are concerned; the data set itself is no sample.
        example: the first of them, and the names of facts of images and of the data set.
        named: those names alone.
        first: the first objects that are concerned, `MOST_NAMED` at most.
    """

    kind: str
    samples: int
    objects: int
    pixels: int
    example: str
    named: str = ""
    first: tuple[Concerned, ...] = ()

    @property
    def what(self) -> str:
        """What is lost, for people."""
        return f"{KINDS[self.kind]} ({self.named})" if self.named else KINDS[self.kind]

    @property
    def refused(self) -> bool:
        """Whether it must be allowed by the user."""
        return self.kind not in FACTS


class Tally:
    """Losses summed per kind as they come, so that memory does not grow with their number.

    Losses of one sample come one after the other; `samples` counts a sample once.
    """

    def __init__(self) -> None:
        self._sums: dict[str, LossTotal] = {}
        self._last: dict[str, str] = {}
        self._names: dict[tuple[str, str], dict[str, None]] = {}
        self._first: dict[str, list[Concerned]] = {}

    def add(self, losses: Iterable[Loss], labels: Labels, taxonomy: Taxonomy) -> None:
        """Losses of one sample, whose objects are named.

        Args:
            losses: of the sample.
            labels: its own, as the source has them.
            taxonomy: what their categories mean.
        """
        losses = tuple(losses)
        self += losses
        for loss in losses:
            first = self._first.setdefault(loss.kind, [])
            first += concerned(loss, labels, taxonomy, MOST_NAMED - len(first))

    def __iadd__(self, losses: Iterable[Loss]) -> Self:
        for loss in losses:
            kind = loss.kind
            known = self._sums.get(kind) or LossTotal(kind, 0, 0, 0, "")
            new = bool(loss.key) and self._last.get(kind) != loss.key
            self._last[kind] = loss.key
            example = known.example
            if loss.names:
                self._note(loss)
            elif not example:
                told = loss.detail or KINDS[kind]
                example = f"{loss.key}: {told}" if loss.key else f"the data set: {told}"
            self._sums[kind] = LossTotal(
                kind,
                known.samples + new * loss.samples,
                known.objects + loss.objects,
                known.pixels + loss.pixels,
                example,
            )
        return self

    def _note(self, loss: Loss) -> None:
        whole = "objects" if loss.objects else "images" if loss.key else "the data set"
        names = self._names.setdefault((loss.kind, whole), {})
        for name in loss.names:
            if name in names or len(names) < _MOST_NAMES:
                names.setdefault(name)

    def _total(self, kind: str) -> LossTotal:
        """The sum of a kind with the names of what is concerned."""
        total = self._sums[kind]
        listed = [
            f"of {whole}: {_some(self._names[kind, whole])}"
            for whole in ("objects", "images", "the data set")
            if (kind, whole) in self._names
        ]
        named = "; ".join(listed)
        example = "; ".join(part for part in (total.example, named) if part)
        first = tuple(self._first.get(kind, ()))
        return replace(total, example=example, named=named, first=first)

    @property
    def refused(self) -> bool:
        """Whether one of them must be allowed by the user."""
        return any(one.refused for one in self._sums.values())

    def totals(self) -> tuple[LossTotal, ...]:
        """Sums per kind, in the order of `KINDS`."""
        return tuple(self._total(kind) for kind in KINDS if kind in self._sums)


def _some(names: Iterable[str]) -> str:
    """The names in order, the first ones of many."""
    listed = sorted(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
