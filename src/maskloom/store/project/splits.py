"""The splits of a project: names for ordered lists of samples, such as train and val.

A place in a split holds from one sequence number up to another, so that an older state has the
splits of its time. How samples are divided is `core/splits.py`; here it is only kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from maskloom.store.project.schema import sample, split


def read(connection: Connection, at: int | None = None) -> dict[str, tuple[str, ...]]:
    """Name → keys of the samples, in order, at a sequence number; None is now."""
    now = split.c.until.is_(None)
    holds = now if at is None else and_(split.c.since <= at, or_(now, split.c.until > at))
    rows = connection.execute(
        select(split.c.name, sample.c.key)
        .join(sample, sample.c.id == split.c.sample_id)
        .where(holds)
        .order_by(split.c.name, split.c.position)
    )
    out: dict[str, list[str]] = {}
    for name, key in rows:
        out.setdefault(name, []).append(key)
    return {name: tuple(keys) for name, keys in out.items()}


def put(connection: Connection, splits: Mapping[str, Sequence[int]], seq: int) -> None:
    """Say which splits samples are in; a sample that is named leaves those it was in before.

    Args:
        connection: of a `write` transaction.
        splits: name → ids of samples, in order; they come after what a split holds already.
        seq: number of the change.
    """
    named = sorted({id_ for ids in splits.values() for id_ in ids})
    theirs = split.c.sample_id.in_(bindparam("ids", expanding=True)) & split.c.until.is_(None)
    # What was said under this very number never held.
    gone = delete(split).where(theirs, split.c.since == seq)
    past = update(split).where(theirs).values(until=seq)
    for start in range(0, len(named), 1000):
        some = {"ids": named[start : start + 1000]}
        connection.execute(gone, some)
        connection.execute(past, some)
    for name, ids in splits.items():
        last = connection.execute(
            select(func.max(split.c.position)).where(split.c.name == name)
        ).scalar()
        first = 0 if last is None else last + 1
        unique = dict.fromkeys(ids)
        rows = [
            {"name": name, "sample_id": id_, "position": position, "since": seq}
            for position, id_ in enumerate(unique, first)
        ]
        if rows:
            connection.execute(insert(split), rows)
