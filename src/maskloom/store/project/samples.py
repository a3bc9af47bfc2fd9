"""The samples of a project: added in bulk, found by id or key, all of them as `Sample`s.

Samples keep the order in which they came, so that a data set that is exported again lists them
as its source did. A page of them with their state is `pages.py`; what layers say is elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import DataError, UsageError
from maskloom.store.project.database import now
from maskloom.store.project.layout import Layout
from maskloom.store.project.schema import sample as table

LARGEST_ID = 2**63 - 1
_LARGEST_SIDE = 2**31 - 1
_LONGEST_KEY = 1024
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_MANY = 10_000
_FILLED = ("uri", "sha256", "height", "width", "depth", "channels", "spacing", "grp",
           "sequence", "idx", "time_s", "tags", "extra")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Placed:
    """Where samples are in the database.

    Args:
        ids: key → id.
        new: how many were not there before.
    """

    ids: Mapping[str, int]
    new: int


def add(connection: Connection, layout: Layout, samples: Sequence[Sample]) -> Placed:
    """Add samples; those whose key is there stay, and learn what was not known of them.

    Args:
        connection: of a `write` transaction.
        layout: of the project, which decides how images are named.
        samples: unique by key; their images lie where they shall be referred to.

    Raises:
        DataError: a key that cannot be kept, or a sample of that key has another size.
    """
    added = now()
    ids: dict[str, int] = {}
    new = 0
    for batch in _batches(samples, _MANY):
        wanted = [_to_row(sample, layout, added) for sample in batch]
        keys = [row["key"] for row in wanted]
        known = {row["key"]: row for row in _known(connection, keys)}
        for row in wanted:
            if row["key"] in known:
                _learn(connection, known[row["key"]], row)
        fresh = [row for row in wanted if row["key"] not in known]
        if fresh:
            connection.execute(insert(table), fresh)
            new += len(fresh)
        ids.update({row["key"]: row["id"] for row in _known(connection, keys, ids_only=True)})
    return Placed(ids, new)


def read(connection: Connection, layout: Layout) -> tuple[Sample, ...]:
    """Every sample, in the order in which they came."""
    found = connection.execute(select(table).order_by(table.c.id)).mappings()
    return tuple(sample_of(row, layout) for row in found)


def ids_by_key(connection: Connection) -> dict[str, int]:
    """Key → id of every sample, in order."""
    found = connection.execute(select(table.c.key, table.c.id).order_by(table.c.id))
    return {key: int(id_) for key, id_ in found}


def find(connection: Connection, id_or_key: int | str, *, where: object = None) -> Any:
    """The database's row of one sample.

    Raises:
        UsageError: there is none.
    """
    if isinstance(id_or_key, int):
        sound, match = 0 < id_or_key <= LARGEST_ID, table.c.id == id_or_key
    else:
        sound, match = is_text(id_or_key), table.c.key == id_or_key
    row = connection.execute(select(table).where(match)).mappings().first() if sound else None
    if row is None:
        raise UsageError(
            "no such sample",
            where=where,
            seen=id_or_key,
            hint="name a sample by its id or by its path below the data's root, without suffix",
        )
    return row


def image_path(row: Any, layout: Layout) -> Path:
    """The file of a sample's image.

    Raises:
        DataError: the sample has no image.
    """
    if row["uri"] is None:
        raise DataError(
            "the image of this sample was not there when it was imported",
            where=row["key"],
            hint="import the data again with --images ROOT",
        )
    return layout.path_of(row["uri"])


def _batches(samples: Sequence[Sample], size: int) -> Iterator[list[Sample]]:
    rest = iter(samples)
    while batch := list(islice(rest, size)):
        yield batch


def _known(connection: Connection, keys: list[str], *, ids_only: bool = False) -> Iterator[Any]:
    columns = (table.c.id, table.c.key) if ids_only else (table,)
    query = select(*columns).where(table.c.key.in_(bindparam("keys", expanding=True)))
    for start in range(0, len(keys), 1000):
        some = keys[start : start + 1000]
        yield from connection.execute(query, {"keys": some}).mappings()


def _learn(connection: Connection, old: Any, new: Mapping[str, Any]) -> None:
    for name in ("height", "width", "depth"):
        if None not in (old[name], new[name]) and old[name] != new[name]:
            raise DataError(
                f"a sample of this name has another {name}",
                where=old["key"],
                seen=f"{new[name]}, it has {old[name]}",
                hint="import into another project, or give the images other names",
            )
    found = {name: new[name] for name in _FILLED if old[name] is None and new[name] is not None}
    # What several imports say of an image, each by its own names; the first word counts.
    for name in ("tags", "extra"):
        both = {**(new[name] or {}), **(old[name] or {})}
        if old[name] and both != old[name]:
            found[name] = both
    # Of an image that was faulty or not there, a sound file takes the place.
    if old["sha256"] is None and new["sha256"] is not None:
        found["uri"] = new["uri"]
    if found:
        connection.execute(update(table).where(table.c.id == old["id"]).values(found))


def _to_row(sample: Sample, layout: Layout, added: str) -> dict[str, Any]:
    image = sample.image
    uri = None if image.path is None else layout.uri_of(image.path)
    depth, height, width = _sides(sample)
    if not -LARGEST_ID <= (sample.index or 0) <= LARGEST_ID:
        raise DataError("not the index of a frame", where=sample.key, seen=sample.index)
    texts = (sample.key, sample.file_name, sample.sequence, sample.group, uri)
    if not sample.key or len(sample.key) > _LONGEST_KEY or not all(map(is_text, texts)):
        raise DataError(
            "the name of an image cannot be kept",
            where=sample.file_name.encode(errors="replace").decode() or None,
            seen=ascii(sample.key),
            hint=f"use names of valid UTF-8, at most {_LONGEST_KEY} characters",
        )
    return {
        "key": sample.key,
        "file_name": sample.file_name,
        "kind": sample.kind,
        "uri": uri,
        "sha256": image.sha256,
        "height": height,
        "width": width,
        "depth": depth,
        "channels": list(image.channels) or None,
        "spacing": _spacing(image),
        "grp": sample.group,
        "sequence": sample.sequence,
        "idx": None if sample.index is None else int(sample.index),
        "time_s": None if sample.time_s is None else float(sample.time_s),
        "tags": dict(sample.tags) or None,
        "extra": dict(sample.extra) or None,
        "added": added,
    }


def _sides(sample: Sample) -> tuple[int | None, int | None, int | None]:
    """(depth, height, width) as the database keeps them."""
    size = sample.image.size
    if size is None:
        return None, None, None
    sides = [int(side) for side in size]
    if len(sides) not in (2, 3) or not all(0 < side <= _LARGEST_SIDE for side in sides):
        raise DataError("not the size of an image or volume", where=sample.key, seen=size)
    return (None if len(sides) == 2 else sides[0]), sides[-2], sides[-1]


def is_text(text: str | None) -> bool:
    """Whether every database takes it: no NUL, no halves of characters from broken names."""
    return text is None or _UNKEPT.search(text) is None


def _spacing(image: ImageRef) -> dict[str, Any] | None:
    given: dict[str, Any] = {
        "spacing": [float(value) for value in image.spacing],
        "unit": "" if image.unit == "px" else image.unit,
        "affine": [[float(value) for value in row] for row in image.affine],
        "crs": image.crs,
    }
    return {name: value for name, value in given.items() if value} or None


def sample_of(row: Any, layout: Layout) -> Sample:
    """A row of the database as a sample."""
    spacing = row["spacing"] or {}
    size = (row["height"], row["width"])
    return Sample(
        key=row["key"],
        image=ImageRef(
            path=None if row["uri"] is None else layout.path_of(row["uri"]),
            size=None if None in size else size if row["depth"] is None else (row["depth"], *size),
            sha256=row["sha256"],
            channels=tuple(row["channels"] or ()),
            spacing=tuple(spacing.get("spacing", ())),
            unit=spacing.get("unit", "px"),
            affine=tuple(tuple(line) for line in spacing.get("affine", ())),
            crs=spacing.get("crs"),
        ),
        kind=row["kind"],
        sequence=row["sequence"],
        index=row["idx"],
        time_s=row["time_s"],
        group=row["grp"],
        tags=row["tags"] or {},
        file_name=row["file_name"],
        extra=row["extra"] or {},
    )
