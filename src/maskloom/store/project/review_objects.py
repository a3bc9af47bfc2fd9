"""Which object of a document a region of a review is about: its uid.

A region names a row of the labels that were compared; a page knows objects by their uid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from maskloom.core.region import Region
from maskloom.edits.document_export import in_order
from maskloom.store.project import layers
from maskloom.store.project.address import Address
from maskloom.store.project.samples import LARGEST_ID
from maskloom.store.project.schema import entry, op

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

EXTRA = "extra"


def object_uids(
    project: Project,
    connection: Connection,
    sides: tuple[Address, Address | None],
    regions: Sequence[Region],
    ids: dict[str, int],
) -> list[str | None]:
    """One uid for each region; None where it is of a class map or of no layer of the project.

    Args:
        project: open.
        connection: of a transaction that reads.
        sides: the layer in question and the one it was compared with, as they were then; None
            for labels that are not in the project.
        regions: an extra one is of the second side, others of the first.
        ids: key → id of the samples.
    """
    found: dict[bool, int] = {}
    known: dict[tuple[bool, str], Sequence[str] | int] = {}
    out: list[str | None] = []
    for region in regions:
        second = region.kind == EXTRA
        side = sides[second]
        if side is None or region.row is None:
            out.append(None)
            continue
        place = (second, region.sample)
        if place not in known:
            if second not in found:
                found[second] = layers.find(connection, side.layer).id
            newest = LARGEST_ID if side.at is None else side.at
            number = _untouched(connection, found[second], ids[region.sample], newest)
            known[place] = number or _uids(project, side, ids[region.sample])
        uids = known[place]
        if isinstance(uids, int):
            out.append(f"{uids}-{region.row}")
        else:
            out.append(uids[region.row] if region.row < len(uids) else None)
    return out


def _untouched(connection: Connection, layer_id: int, sample_id: int, newest: int) -> int | None:
    """The number of a sample's snapshot, if nobody edited it since."""
    snapshots = select(entry.c.revision, entry.c.seq).where(
        entry.c.layer_id == layer_id, entry.c.sample_id == sample_id, entry.c.seq <= newest
    )
    first = connection.execute(snapshots.order_by(entry.c.revision.desc()).limit(1)).first()
    if first is None:
        return None
    edits = select(func.max(op.c.revision)).where(
        op.c.layer_id == layer_id, op.c.sample_id == sample_id, op.c.seq <= newest
    )
    edited = connection.execute(edits).scalar()
    return int(first.seq) if edited is None or edited < first.revision else None


def _uids(project: Project, side: Address, sample_id: int) -> Sequence[str]:
    """The uids of a sample's rows, in order."""
    left, new = in_order(project.document(sample_id, side.layer, side.at))
    return [held.uid for held in (*left, *new)]
