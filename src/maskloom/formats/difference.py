"""What came back otherwise than it was written: sums over a data set, and the losses they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from maskloom.formats.loss import Loss

_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """Sums over a data set.

    Args:
        objects, exact_objects: of the source, and those that came back the same.
        changed_pixels, changed_scores: what came back otherwise.
        moved: images and volumes that came back elsewhere in the world.
        changed_tags: images of which a tag came back otherwise.
        where: kind of loss → the first sample that differs so, and how many do.
        labelled_pixels: pixels of the source's class maps that are not void; objects are not
            counted here.
        facts: kind of loss → objects that say otherwise.
        splits: names of those that lost or got images.
    """

    objects: int
    exact_objects: int
    changed_pixels: int
    changed_scores: int = 0
    where: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    labelled_pixels: int = 0
    moved: int = 0
    changed_tags: int = 0
    renamed: frozenset[tuple[str, str]] = frozenset()
    facts: Mapping[str, int] = field(default_factory=dict)
    splits: tuple[str, ...] = ()

    def __add__(self, other: Difference) -> Difference:
        """Both sums; what differs first in this one comes first."""
        return Difference(
            self.objects + other.objects,
            self.exact_objects + other.exact_objects,
            self.changed_pixels + other.changed_pixels,
            self.changed_scores + other.changed_scores,
            _both(self.where, other.where),
            self.labelled_pixels + other.labelled_pixels,
            self.moved + other.moved,
            self.changed_tags + other.changed_tags,
            self.renamed | other.renamed,
            dict(Counter(self.facts) + Counter(other.facts)),
            tuple(dict.fromkeys((*self.splits, *other.splits))),
        )

    def losses(self) -> list[Loss]:
        """What came back otherwise although the target was thought to hold it."""
        found = self._sums()
        return [replace(loss, **self._place(loss.kind)) if loss.key else loss for loss in found]

    def at(self, key: str) -> Difference:
        """Of one sample, the same with its key."""
        kinds = [loss.kind for loss in self._sums()]
        return replace(self, where=dict.fromkeys(kinds, (key, 1))) if kinds else self

    def _place(self, kind: str) -> dict[str, Any]:
        key, samples = self.where.get(kind, ("", 1))
        return {"key": key, "samples": samples}

    def _sums(self) -> list[Loss]:
        """The losses, of some sample where not of the data set."""
        found, some = [], "?"
        if self.changed_pixels:
            found.append(Loss(some, "pixels", pixels=self.changed_pixels))
        if self.changed_scores:
            detail = "scores came back otherwise than they were"
            found.append(Loss(some, "score", self.changed_scores, detail=detail))
        for kind, count in self.facts.items():
            detail = f"{kind} of objects came back otherwise than they were"
            found.append(Loss(some, kind, count, detail=detail))
        if self.splits:
            found.append(Loss("", "splits", names=self.splits))
        if self.changed_tags:
            detail = "tags came back otherwise than they were"
            found.append(Loss(some, "tags", detail=detail))
        if self.moved:
            found.append(Loss(some, "affine", self.moved))
        if self.renamed:
            said = [f"{old!r} comes back as {new!r}" for old, new in sorted(self.renamed)[:_SHOWN]]
            found.append(Loss(some, "names", detail=", ".join(said)))
        return found


def _both(
    one: Mapping[str, tuple[str, int]], two: Mapping[str, tuple[str, int]]
) -> dict[str, tuple[str, int]]:
    """The first sample of either, and the sum of how many."""
    found = dict(one)
    for kind, (key, count) in two.items():
        first, before = found.get(kind, (key, 0))
        found[kind] = (first, before + count)
    return found
