"""The objects that a loss concerns, named so that people find them in the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from maskloom.core.labels import Labels, Rows
from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.loss import Loss


@dataclass(frozen=True, slots=True)
class Concerned:
    """One object of the source.

    Args:
        image: key of the sample.
        object: the id that the file gives it, else the number of the object in its image.
        category: its name.
        area: pixels of the object; the loss may concern some of them.
    """

    image: str
    object: int | str
    category: str
    area: int

    def __str__(self) -> str:
        return f"{self.category} {self.object} of {self.image} ({self.area:,} px)"


def concerned(loss: Loss, labels: Labels, taxonomy: Taxonomy, most: int) -> list[Concerned]:
    """The first objects of a loss.

    Args:
        loss: of the sample of these labels.
        labels: of the sample.
        taxonomy: what their categories mean.
        most: how many to name.
    """
    rows = labels.rows
    if rows is None:
        return []
    return [_named(loss.key, rows, own, taxonomy) for own in loss.instances[:most]]


def _named(image: str, rows: Rows, instance: int, taxonomy: Taxonomy) -> Concerned:
    at = np.flatnonzero(rows.instance == instance)
    source = (rows.source[at[0]] if rows.source else None) or {}
    # A format keeps fields beside those of COCO, or below its own name.
    below = (own.get("id") for own in source.values() if isinstance(own, Mapping))
    ids = (one for one in (source.get("id"), *below) if isinstance(one, int | str))
    own = next((one for one in ids if not isinstance(one, bool)), instance)
    category = taxonomy[int(rows.category[at[0]])].name
    return Concerned(image, own, category, int(rows.masks.areas[at].sum()))
