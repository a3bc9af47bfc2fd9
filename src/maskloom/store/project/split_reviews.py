"""What a split leaves to be decided: every region of the old category, as a review.

The labels keep the old key until somebody gives them a new one on the page. Reviews of two layers
that disagree are `reviews.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert

from maskloom.core.migrations import Migration
from maskloom.store.project import database
from maskloom.store.project.schema import review, review_item
from maskloom.store.project.usage import Spot, Usage, spots
from maskloom.work.progress import track

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

KIND = "split"


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


def find_undecided(project: Project, migration: Migration, found: Usage) -> list[Undecided]:
    """The regions that a split concerns, in the layers that people edit.

    Args:
        project: open.
        migration: a completed split; others concern nothing.
        found: where its category is said.

    Raises:
        DataError: stored labels are damaged.
    """
    if migration.kind != KIND:
        return []
    fixed = {info.name for info in project.layers() if info.immutable}
    into = tuple(category.name for category in migration.categories)
    out = []
    for layer in sorted(found.samples.keys() - fixed):
        every: list[Spot] = []
        for sample in track(found.samples[layer], "finding regions", unit="images"):
            every += spots(project.document(sample, layer), sample, migration.key)
        every.sort(key=lambda spot: (-spot.area, spot.sample, spot.box, spot.object))
        out.append(Undecided(layer, migration.key, into, every))
    return out


def add_undecided(connection: Connection, undecided: Undecided, seq: int) -> int:
    """Store the regions as a review, in the transaction of the split.

    Returns:
        The review's id.
    """
    values = {
        "seq": seq,
        "truth": undecided.layer,
        "predicted": "",
        "created": database.now(),
        "items": len(undecided.spots),
    }
    made = connection.execute(insert(review).values(values).returning(review.c.id)).scalar_one()
    names = " or ".join(undecided.into)
    reason = f"{undecided.category} was split: is it {names}?".encode(errors="replace").decode()
    rows = [
        _row(int(made), rank, spot, {"category": undecided.category, "reason": reason})
        for rank, spot in enumerate(undecided.spots, 1)
    ]
    if rows:
        connection.execute(insert(review_item), rows)
    return int(made)


def _row(review_id: int, rank: int, spot: Spot, said: dict[str, str]) -> dict[str, Any]:
    box = dict(zip(("x0", "y0", "x1", "y1"), spot.box, strict=True))
    return {
        **said,
        **box,
        "id": f"{review_id}-{rank}",
        "review_id": review_id,
        "rank": rank,
        "sample_id": spot.sample,
        "kind": KIND,
        "area": spot.area,
        "score": 1.0,
        "object": spot.object,
    }
