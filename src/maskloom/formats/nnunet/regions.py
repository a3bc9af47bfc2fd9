"""Numbers of combinations of regions: those of a dataset.json that was read, or new ones.

A number may say nothing new (`"whole": [1, 2, 3], "core": [2, 3]`: 2 and 3 are the same regions).
Where such numbers stand is kept beside the labels, so that they come back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map, instance_rows
from maskloom.core.volumes import stacked
from maskloom.errors import DataError, UsageError
from maskloom.formats.nnunet.dataset_json import (
    BACKGROUND,
    FILE,
    IGNORE,
    NnunetLabels,
    labels_of_json,
)
from maskloom.formats.shared.volume_write import fitting

NUMBERS = "nnunet_numbers"
"""In `Labels.extra`: number → runs of its voxels, of numbers that mean what a lower one does."""
_MOST_REGIONS = 62


class RegionNumbers:
    """Which number each combination of categories has.

    Args:
        source: fields of a dataset.json that was read, or empty.
        taxonomy: of the labels.
        more: combinations that the dataset.json lacks get new numbers.

    Raises:
        UsageError: more regions than a whole number has bits.
    """

    def __init__(self, source: Mapping[str, Any], taxonomy: Taxonomy, *, more: bool) -> None:
        self.taxonomy = taxonomy
        self.source = source
        coding = _regions_of(source)
        self._places = () if coding is None else _matched(coding.taxonomy, taxonomy)
        self.known = bool(self._places)
        self.fixed = self.known and not more
        if (self.known or more) and len(taxonomy) > _MOST_REGIONS:
            raise UsageError(f"at most {_MOST_REGIONS} regions are written", seen=len(taxonomy))
        self.bits_of: dict[int, int] = {0: 0}
        if coding is not None and self.known:
            self.bits_of = {n: _bits_of(coding, n, self._places) for n in sorted(coding.numbers)}
        self.number_of = {bits: n for n, bits in sorted(self.bits_of.items(), reverse=True)}
        self._void = next((1 << i for i, c in enumerate(taxonomy) if c.void), 0)

    def lost(self, labels: Labels) -> list[int]:
        """Pixels of each combination that has no number."""
        if not self.fixed:
            return []
        values, counts = np.unique(self._bits(labels), return_counts=True)
        pairs = zip(values.tolist(), counts.tolist(), strict=True)
        return [n for bits, n in pairs if bits not in self.number_of]

    def values(self, labels: Labels) -> NDArray[Any]:
        """Numbers of the combinations that occur; new ones are numbered as they come."""
        bits = self._bits(labels)
        found, places = np.unique(bits, return_inverse=True)
        for combination in found.tolist():
            if combination not in self.number_of and not self.fixed:
                self._add(combination, 1 + max(self.bits_of))
        numbers = np.array([self.number_of.get(v, 0) for v in found.tolist()], np.int64)
        out = numbers[places].reshape(bits.shape)
        for text, runs in labels.extra.get(NUMBERS, {}).items() if self.known else ():
            own = self.bits_of.get(int(text))
            if own is not None:  # only where the labels still are what they were
                out[(bits == own) & Masks.from_coco([runs]).dense(0)] = int(text)
        return fitting(out.reshape(labels.size))

    def settled(self) -> dict[int, int]:
        """Numbers that change now that all are known, as the ignore label is the highest.

        Regions that never occurred get a number, too.
        """
        if self.fixed:
            return {}
        plain = [n for n, bits in sorted(self.bits_of.items()) if bits != self._void or not bits]
        moved = dict(zip(plain, range(len(plain)), strict=True))
        seen = int(np.bitwise_or.reduce(np.array(list(self.bits_of.values()), np.int64)))
        absent = sum(1 << i for i in self.taxonomy.scored if not seen >> i & 1)
        top = len(plain)
        bits_of = {moved[n]: self.bits_of[n] for n in plain} | ({top: absent} if absent else {})
        if self._void:
            ignore = len(bits_of)
            if self._void in self.number_of:
                moved[self.number_of[self._void]] = ignore
            bits_of[ignore] = self._void
        self.bits_of = bits_of
        self.number_of = {bits: n for n, bits in sorted(bits_of.items(), reverse=True)}
        return {old: new for old, new in moved.items() if old != new}

    def labels(self, order: list[int]) -> dict[str, Any]:
        """The `labels` of dataset.json; those that were read, under the names of now.

        Args:
            order: of the categories.
        """
        if self.fixed:
            now = (self.taxonomy[place] for place in self._places)
            return {
                name if name.lower() == BACKGROUND else _name(next(now)): value
                for name, value in self.source["labels"].items()
            }
        out: dict[str, Any] = {BACKGROUND: 0}
        for i in order:
            own = sorted(n for n, bits in self.bits_of.items() if bits >> i & 1)
            out[self.taxonomy[i].name] = own
        return out | ({IGNORE: self.number_of[self._void]} if self._void else {})

    def order(self, order: list[int]) -> list[int]:
        """Which number each region paints in turn: that of its smallest combination."""
        if self.known and "regions_class_order" in self.source:
            return list(self.source["regions_class_order"])
        found = []
        for i in order:
            own = [(bits.bit_count(), n) for n, bits in self.bits_of.items() if bits >> i & 1]
            found.append(min(own)[1] if own else 1)
        return found

    def _add(self, bits: int, number: int) -> None:
        self.bits_of[number] = bits
        self.number_of[bits] = number

    def _bits(self, labels: Labels) -> NDArray[np.int64]:
        """(H, W) of the tall image: one bit per category; void alone, over all others."""
        tall = stacked(labels)
        rows = instance_rows(tall)
        out = np.zeros(tall.size, np.int64)
        for i in np.flatnonzero(rows.kind == RowKind.MASK).tolist():
            _paint_bit(rows, i, out)
        pixels = class_map(tall, self.taxonomy)
        hidden = pixels == codes(pixels.dtype)[0]
        if hidden.any():
            if not self._void:
                raise DataError("void without a category", hint="name one: --map OLD=ignore")
            out[hidden] = self._void
        return out


def kept_numbers(values: NDArray[Any], coding: NnunetLabels) -> dict[str, Any]:
    """Where numbers stand that mean what a lower one does, for `Labels.extra`."""
    first: dict[int, int] = {}
    out = {}
    for number in sorted(coding.numbers):
        bits = _bits_of(coding, number, range(len(coding.members)))
        lowest = first.setdefault(bits, number)
        if lowest == number or not (here := values == number).any():
            continue
        out[str(number)] = Masks.from_dense([here.reshape(-1, values.shape[-1])]).to_coco(0)
    return {NUMBERS: out} if out else {}


def _bits_of(coding: NnunetLabels, number: int, places: Sequence[int]) -> int:
    """The combination that a number means, a bit for each category at its place."""
    pairs = zip(places, coding.members, strict=True)
    return sum(1 << place for place, own in pairs if number in own)


def _regions_of(source: Mapping[str, Any]) -> NnunetLabels | None:
    """The regions of a dataset.json that was read, if it has any."""
    if not isinstance(source.get("labels"), Mapping):
        return None
    coding = labels_of_json(source["labels"], Path(FILE))
    return coding if coding.regions else None


def _matched(old: Taxonomy, new: Taxonomy) -> tuple[int, ...]:
    """Where each category of old is in new: by name, or one for one where they have new names.

    Where the same keys stand in the same order, a project has given them other names.
    """
    names = [_name(c) for c in new]
    same = sorted(names) == sorted(map(_name, old)) and old.keys != new.keys
    places = tuple(names.index(_name(c)) if same else i for i, c in enumerate(old))
    fits = len(old) == len(new) and all(old[i].void == new[p].void for i, p in enumerate(places))
    return places if fits else ()


def _name(category: Any) -> str:
    return IGNORE if category.void else str(category.name)


def _paint_bit(rows: Rows, i: int, out: NDArray[np.int64]) -> None:
    x0, y0, x1, y1 = rows.masks.boxes[i].tolist()
    inside = rows.masks[i].crop([x0, y0, x1, y1]).dense(0) if x1 > x0 else None
    if inside is not None:
        out[y0:y1, x0:x1][inside] |= 1 << int(rows.category[i])
