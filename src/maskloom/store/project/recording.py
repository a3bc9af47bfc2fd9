"""The one transaction of an import: samples, layer, part, entries and heads, all or nothing.

What it names lies in files already (`imports.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from maskloom.core.sample import Sample
from maskloom.errors import Conflict, UsageError
from maskloom.store.project import database, layers, samples, splits
from maskloom.store.project.entries import Said
from maskloom.store.project.layout import Layout
from maskloom.store.project.samples import Placed
from maskloom.store.project.schema import entry, head, op, part
from maskloom.store.project.schema import layer as layer_table
from maskloom.store.project.schema import sample as sample_table
from maskloom.store.project.schema import split as split_table

_MANY = 5_000


@dataclass(frozen=True, slots=True)
class Request:
    """How labels are to be added.

    Args:
        layer: its name.
        replace: a layer that says something of a sample already says this instead, from now on.
        author: who adds them.
        immutable: nobody may change or add to them later.
    """

    layer: str
    replace: bool = False
    author: str = "import"
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class Staged:
    """What lies in files and waits for the transaction.

    Args:
        samples: as they shall be recorded.
        said: of each sample.
        form: of the labels.
        path: of the Parquet file, relative to the project.
        rows: in that file.
        splits: name → keys.
        objects: each of one row or several.
        others: rows without a mask.
    """

    samples: Sequence[Sample]
    said: Sequence[Said]
    form: layers.Form
    path: str
    rows: int
    splits: Mapping[str, Sequence[str]]
    objects: int = 0
    others: int = 0


def refuse_said(connection: Connection, request: Request, keys: Sequence[str]) -> None:
    """Refuse to say twice what a layer said already.

    Raises:
        UsageError: it did, of one of these samples; or the layer is immutable.
    """
    of = layer_table.c.name == request.layer
    found = connection.execute(select(layer_table.c.id, layer_table.c.immutable).where(of)).first()
    if found is None:
        return
    said = {key: int(id_) for id_, key in connection.execute(_heads(found.id))}
    again = [key for key in keys if key in said]
    # What a machine said stays; of images that came later, it may still say something.
    if said and (found.immutable != request.immutable or (found.immutable and again)):
        raise UsageError(
            "the layer holds labels of a machine, which are imported once"
            if found.immutable
            else "the layer has labels already and cannot become one of a machine",
            seen=request.layer,
            hint="name another layer",
        )
    if not again or request.replace:
        return
    edited = set(
        connection.execute(select(op.c.sample_id).where(op.c.layer_id == found.id).distinct())
        .scalars()
        .all()
    )
    people = sum(said[key] in edited for key in again)
    raise UsageError(
        f"{len(again)} of {len(keys)} samples have labels in the layer already"
        + (f", {people} of them edited by people" if people else ""),
        where=request.layer,
        seen=again[0],
        hint="name another --layer, or say --replace, which keeps the old ones as a revision",
    )


def standing(connection: Connection, request: Request, keys: Sequence[str]) -> dict[str, int]:
    """Key → revision of those samples of which the layer says something now."""
    of = layer_table.c.name == request.layer
    query = select(sample_table.c.key, head.c.revision).where(of)
    query = query.join(head, head.c.sample_id == sample_table.c.id)
    query = query.join(layer_table, layer_table.c.id == head.c.layer_id)
    wanted = set(keys)
    return {key: int(r) for key, r in connection.execute(query) if key in wanted}


def refuse_moved(before: Mapping[str, int], now: Mapping[str, int]) -> None:
    """Refuse to say over what people did while the import was made ready.

    Raises:
        Conflict: they changed one of these samples.
    """
    moved = [key for key, revision in now.items() if before.get(key) != revision]
    if moved:
        raise Conflict(
            f"people changed {len(moved)} of these samples during the import; nothing was imported",
            seen=moved[0],
            hint="look at what they did, then import again",
        )


def edited(connection: Connection, request: Request, keys: Sequence[str]) -> list[str]:
    """Keys of the samples that people changed since their last snapshot."""
    last = (
        select(entry.c.layer_id, entry.c.sample_id, func.max(entry.c.revision).label("revision"))
        .group_by(entry.c.layer_id, entry.c.sample_id)
        .subquery()
    )
    same = (last.c.layer_id == head.c.layer_id) & (last.c.sample_id == head.c.sample_id)
    query = (
        select(sample_table.c.key)
        .join(head, head.c.sample_id == sample_table.c.id)
        .join(layer_table, layer_table.c.id == head.c.layer_id)
        .outerjoin(last, same)
        .where(layer_table.c.name == request.layer)
        .where(head.c.revision > func.coalesce(last.c.revision, 0))
    )
    wanted = set(keys)
    return sorted(key for key in connection.execute(query).scalars() if key in wanted)


def with_image(connection: Connection) -> dict[str, str | None]:
    """Key → sha256 of the samples whose image is known; None of a faulty one."""
    columns = select(sample_table.c.key, sample_table.c.sha256)
    found = connection.execute(columns.where(sample_table.c.uri.is_not(None)))
    return {row.key: row.sha256 for row in found}


def record(
    connection: Connection, layout: Layout, request: Request, staged: Staged
) -> tuple[Placed, int]:
    """Make staged labels those of a layer.

    Returns:
        Where the samples are, and the sequence number of the snapshot.

    Raises:
        UsageError: the layer has another form.
        DataError: a sample of the same key has another size.
    """
    current = select(split_table.c.sample_id).where(split_table.c.until.is_(None))
    in_split = set(connection.execute(current.distinct()).scalars())
    placed = samples.add(connection, layout, staged.samples)
    ids = [placed.ids[sample.key] for sample in staged.samples]
    layer = layers.make(
        connection,
        request.layer,
        staged.form,
        immutable=request.immutable,
        anew=ids if request.replace else (),
    )
    seq = database.next_seq(connection)
    part_id = connection.execute(
        insert(part)
        .values(layer_id=layer.id, seq=seq, path=staged.path, rows=staged.rows)
        .returning(part.c.id)
    ).scalar_one()
    revisions = _revisions(connection, layer.id, ids)
    stamp = {"seq": seq, "author": request.author, "updated": database.now()}
    for batch in _batches(zip(ids, staged.said, strict=True)):
        where = [
            {"layer_id": layer.id, "sample_id": id_, "revision": revisions.get(id_, 0) + 1}
            for id_, _ in batch
        ]
        pairs = list(zip(where, (said for _, said in batch), strict=True))
        connection.execute(
            insert(entry),
            [
                {**w, **said.columns(), "seq": seq, "part_id": _of_part(said, part_id)}
                for w, said in pairs
            ],
        )
        _clear(connection, layer.id, [id_ for id_, _ in batch if id_ in revisions])
        connection.execute(
            insert(head),
            [{**w, **stamp, "state": "todo", "objects": said.objects} for w, said in pairs],
        )
    settled = set() if request.replace else in_split
    splits.put(connection, _chosen(staged.splits, placed, settled), seq)
    return placed, seq


def _of_part(said: Said, part_id: int) -> int | None:
    """A class map is in a blob, not in the part."""
    return part_id if said.blob is None else None


def _heads(layer_id: int) -> Any:
    joined = select(head.c.sample_id, sample_table.c.key).join(
        sample_table, sample_table.c.id == head.c.sample_id
    )
    return joined.where(head.c.layer_id == layer_id)


def _revisions(connection: Connection, layer_id: int, ids: Iterable[int]) -> dict[int, int]:
    """The revision of those samples of which the layer says something."""
    wanted = set(ids)
    query = select(head.c.sample_id, head.c.revision).where(head.c.layer_id == layer_id)
    return {int(i): int(r) for i, r in connection.execute(query) if i in wanted}


def _clear(connection: Connection, layer_id: int, ids: Sequence[int]) -> None:
    gone = delete(head).where(
        head.c.layer_id == layer_id, head.c.sample_id.in_(bindparam("ids", expanding=True))
    )
    for start in range(0, len(ids), 1000):
        connection.execute(gone, {"ids": ids[start : start + 1000]})


def _chosen(
    wanted: Mapping[str, Sequence[str]], placed: Placed, settled: set[int]
) -> dict[str, list[int]]:
    """Split → ids of the samples to put there; those that are in one already stay."""
    chosen = {
        name: [id_ for key in keys if (id_ := placed.ids.get(key)) and id_ not in settled]
        for name, keys in wanted.items()
    }
    return {name: ids for name, ids in chosen.items() if ids}


def _batches(items: Iterable[Any]) -> Iterable[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, _MANY)):
        yield batch
