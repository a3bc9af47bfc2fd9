"""What a split leaves to be decided: every region of the old category, as a review.

The labels keep the old key until somebody gives them a new one on the page. Reviews of two layers
that disagree are `reviews.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Connection, select

from maskloom.core.dataset import Dataset
from maskloom.core.masks import Masks
from maskloom.core.migrations import Migration
from maskloom.core.sample import Sample
from maskloom.edits.document import Document
from maskloom.edits.tiles import tiles_to_masks
from maskloom.store.project import database, reviews
from maskloom.store.project.schema import sample as sample_table
from maskloom.store.project.usage import Usage, Where
from maskloom.work.progress import track

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

KIND = "split"


@dataclass(frozen=True, slots=True)
class Spot:
    """One region that says a category: an object, or a connected part of a class.

    Args:
        sample: id.
        box: (x0, y0, x1, y1) in px.
        area: pixels.
        object: uid in the document.
    """

    sample: int
    box: tuple[int, int, int, int]
    area: int
    object: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Regions of one layer whose category was split.

    Args:
        layer: one that people edit.
        category: the old key.
        into: names of the new categories.
        spots: the regions, the largest first.
    """

    layer: str
    category: str
    into: tuple[str, ...]
    spots: Sequence[Spot]


class Search:
    """Finds the regions that a split concerns, in the layers that people edit.

    What was found once is kept: a second search, made while nobody else can write, reads only what
    was changed since.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[tuple[str, Where], list[Spot]] = {}

    def undecided(self, migration: Migration, found: Usage) -> list[Undecided]:
        """The regions by layer; none of another migration than a split.

        Args:
            migration: completed.
            found: where its category is said.

        Raises:
            DataError: stored labels are damaged.
        """
        if migration.kind != KIND:
            return []
        fixed = {info.name for info in self._project.layers() if info.immutable}
        into = tuple(category.name for category in migration.categories)
        return [
            Undecided(layer, migration.key, into, self._spots(layer, places, migration.key))
            for layer, places in sorted(found.places.items())
            if layer not in fixed
        ]

    def _spots(self, layer: str, places: Sequence[Where], key: str) -> list[Spot]:
        new = [place for place in places if (layer, place) not in self._known]
        if new:
            dataset = self._project.dataset(layer)
            by_key = {sample.key: sample for sample in dataset.samples}
            names = self._names()
            for place in track(new, "finding regions", unit="images"):
                self._known[layer, place] = (
                    _in_document(self._project.document(place.sample, layer), place, key)
                    if place.snapshot is None
                    else _in_snapshot(dataset, by_key[names[place.sample]], place, key)
                )
        every = [spot for place in places for spot in self._known[layer, place]]
        return sorted(every, key=lambda spot: (-spot.area, spot.sample, spot.box, spot.object))

    def _names(self) -> dict[int, str]:
        with database.read(self._project) as connection:
            rows = connection.execute(select(sample_table.c.id, sample_table.c.key))
            return {int(id_): key for id_, key in rows}


def _in_snapshot(dataset: Dataset, sample: Sample, place: Where, key: str) -> list[Spot]:
    """The regions of one category in labels that nobody edited, named as a document names them."""
    labels = dataset.labels_of(sample)
    position = dataset.taxonomy.index(key)
    if labels.rows is None:
        assert labels.class_map is not None
        mask = Masks.from_dense(labels.class_map == position)
        parts = mask.components()[0]
        return _measured(parts, place, [key] * len(parts))
    numbers = np.flatnonzero(labels.rows.category == position)
    names = [f"{place.snapshot}-{number}" for number in numbers.tolist()]
    return _measured(labels.rows.masks[numbers], place, names)


def _in_document(document: Document, place: Where, key: str) -> list[Spot]:
    """The regions of one category in labels that people edited."""
    found = []
    for uid, held in document.objects.items():
        if held.category == key and held.tiles:
            mask = tiles_to_masks([held.tiles], document.size_hw)
            parts = mask.components()[0] if document.form == "map" else mask
            found += _measured(parts, place, [uid] * len(parts))
    return found


def _measured(masks: Masks, place: Where, names: Sequence[str]) -> list[Spot]:
    spots = []
    for i, area in enumerate(masks.areas.tolist()):
        if area:
            x0, y0, x1, y1 = masks.boxes[i].tolist()
            spots.append(Spot(place.sample, (x0, y0, x1, y1), area, names[i]))
    return spots


def add_undecided(connection: Connection, undecided: Undecided, seq: int) -> int:
    """Store the regions as a review, in the transaction of the split.

    Returns:
        The review's id.
    """
    reason = f"{undecided.category} was split: is it {' or '.join(undecided.into)}?"
    rows = [
        reviews.item_row(
            spot.sample,
            spot.box,
            reason=reason,
            kind=KIND,
            category=undecided.category,
            area=spot.area,
            score=1.0,
            object=spot.object,
        )
        for spot in undecided.spots
    ]
    return reviews.record(connection, seq, (undecided.layer, ""), rows).id
