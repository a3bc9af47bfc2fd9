"""The labels of one side under the common taxonomy: class maps, rows or panoptic segments.

Which samples belong together is `align.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import refuse_ambiguous
from maskloom.core.labels import Labels, Rows, codes, map_dtype
from maskloom.core.outcome import some_of
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map, recode
from maskloom.errors import DataError, TaxonomyError, UsageError
from maskloom.metrics.panoptic.segments import map_segments


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """How one side's categories read in the common taxonomy.

    Args:
        source: the taxonomy of the labels.
        target: the common taxonomy, that of the truth.
        positions: for each category of `source` its position in `target`, or None.
        side: "truth" or "prediction", for errors.
    """

    source: Taxonomy
    target: Taxonomy
    positions: tuple[int | None, ...]
    side: Literal["truth", "prediction"] = "prediction"

    @classmethod
    def make(
        cls, source: Taxonomy, target: Taxonomy, renames: Mapping[str, str] | None = None
    ) -> Translation:
        """Match categories by key, name or alias, after `renames` (name here → name there).

        Raises:
            UsageError: a rename names a category that does not exist.
        """
        for old, new in (renames or {}).items():
            for name, taxonomy, side in ((old, source, "prediction"), (new, target, "truth")):
                refuse_ambiguous(taxonomy, name, where=f"--map {old}={new}, the {side}")
                if taxonomy.find(name) is None:
                    raise UsageError(
                        f"the {side} has no such category",
                        where=f"--map {old}={new}",
                        seen=name,
                        hint=f"known: {some_of([c.name for c in taxonomy], 20)}",
                    )
        return cls(source, target, tuple(target.match(source, renames)))

    def class_map(self, labels: Labels, where: str) -> NDArray[Any]:
        """(H, W) class map under the common taxonomy; void categories become the void code.

        Raises:
            TaxonomyError: a category in use has no counterpart.
        """
        own = class_map(labels, self.source)
        dtype = np.dtype(map_dtype(len(self.target)))
        plain = not any(c.void for c in (*self.source, *self.target))
        if own.dtype == dtype and plain and self.positions == tuple(range(len(self.source))):
            return own
        if any(p is None and not self.source[i].void for i, p in enumerate(self.positions)):
            used = np.unique(own)
            self._check(used[used < len(self.source)], where)
        targets = [
            None if category.void else p
            for category, p in zip(self.source, self.positions, strict=True)
        ]
        return recode(own, targets, self.target, lost=codes(dtype)[0])

    def rows(self, labels: Labels, where: str) -> Rows:
        """The rows under the common taxonomy; void ones of a prediction are left out.

        Raises:
            DataError: the labels are a class map.
            TaxonomyError: a category in use has no counterpart.
        """
        rows = labels.rows
        if rows is None:
            raise DataError(
                f"the {self.side} is a class map and holds no instances",
                where=where,
                hint="score it with --task semantic, or, where its values are ids of objects, read "
                f"it with --set {'from' if self.side == 'truth' else 'predicted'}.kind=instance",
            )
        if self.side == "prediction":
            void = np.array([c.void for c in self.source], np.bool_)
            rows = rows.take(~void[rows.category])
        self._check(np.unique(rows.category), where)
        table = np.array([-1 if p is None else p for p in self.positions], np.int32)
        columns = {name: getattr(rows, name) for name in Rows.__slots__}
        return Rows(**{**columns, "category": table[rows.category]})

    def segments(self, labels: Labels, where: str) -> Rows:
        """What panoptic segments are made of: the rows, or one row per class of a class map.

        Raises:
            DataError: a class map holds things.
            TaxonomyError: a category in use has no counterpart.
        """
        if labels.rows is not None:
            return self.rows(labels, where)
        return map_segments(self.class_map(labels, where), self.target, side=self.side, where=where)

    def _check(self, used: Sequence[int] | NDArray[Any], where: str) -> None:
        for i in used:
            if self.positions[i] is None and not self.source[i].void:
                raise TaxonomyError(
                    f"the {self.side} uses a category that the truth does not have",
                    where=where,
                    seen=self.source[i].name,
                    hint=self._hint(self.source[i].name),
                )

    def _hint(self, name: str) -> str:
        """What to do about a category without a counterpart."""
        names = [category.name for category in self.target]
        has = f"the truth has {some_of(names, 12)}"
        if names and not name.isdigit() and all(map(str.isdigit, names)):
            return (
                f"{has}, bare numbers of a map: if they number objects, say --set "
                "from.kind=instance; if classes, name them with --taxonomy"
            )
        more = (
            ", name the ids of both sides with --taxonomy, or, where they number objects, say "
            "--set predicted.kind=instance"
            if name.isdigit()
            else ""
        )
        return f"say what it is with --map '{name}=NAME'{more}; {has}"
