"""What the sources of a layer say beside labels, as one: heads of files, fields of categories.

Every import keeps this with its part (`parts.py`). Whose labels were all replaced says no more.
Licences, which each file numbers for itself, are `licences.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.store.project.parts import part_facts
from maskloom.store.project.schema import part

FAMILY = "coco"
"""Under this name readers of COCO and its relatives keep fields by the keys of categories."""

_SHOWN = 5
_NAMES = ("name", "title")  # what definitions are known by


@dataclass(frozen=True, slots=True)
class Source:
    """One import.

    Args:
        seq: its number in the project.
        extra: of its data set.
        splits: names that it told.
    """

    seq: int
    extra: Mapping[str, Any]
    splits: tuple[str, ...]


def sources(
    connection: Connection, root: Path, layer_id: int, at: int
) -> tuple[list[Source], list[Source]]:
    """The imports of a layer up to a sequence number, and those of other layers, in order.

    Raises:
        DataError: a part of the layer is missing or damaged.
    """
    own: list[Source] = []
    others: list[Source] = []
    for row in connection.execute(select(part).where(part.c.seq <= at).order_by(part.c.seq)):
        try:
            told = part_facts(root / row.path)
        except DataError:
            if row.layer_id == layer_id:
                raise
            continue  # that layer says so itself, and this one can be read
        source = Source(row.seq, told.get("extra", {}), tuple(told.get("splits", ())))
        (own if row.layer_id == layer_id else others).append(source)
    return own, others


def united(said: Sequence[Source], taxonomy: Taxonomy) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What several sources say, with warnings by name where they contradict one another.

    Args:
        said: in order; the later word counts.
        taxonomy: of the project, which alone decides what is a thing and what is stuff.
    """
    out: dict[str, Any] = {}
    dropped: dict[str, None] = {}
    for source in said:
        out = _merged(out, source.extra, (), dropped)
    return _with_kinds(out, taxonomy), _told(list(dropped))


def under_keys(extra: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """The same with fields of categories under the project's keys.

    Args:
        extra: of a data set that comes in.
        keys: the project's key by that of the data set.
    """
    return _each_fields(
        extra, lambda fields: {keys.get(key, key): own for key, own in fields.items()}
    )


def _merged(
    old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...], dropped: dict[str, None]
) -> dict[str, Any]:
    out = dict(old)
    for name, value in new.items():
        known, place = out.get(name), (*path, str(name))
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            out[name] = _merged(known, value, place, dropped)
            continue
        # Licences stand side by side, and kinds are those of the taxonomy.
        apart = place[0] == FAMILY and name in ("licenses", "isthing")
        if not apart and (one := _by_name(known)) and (two := _by_name(value)):
            # Definitions of classes and tags: those of all sources, each once.
            out[name] = list(_merged(one, two, place, dropped).values())
            continue
        if known not in (None, "", [], {}) and known != value and not apart:
            dropped[".".join(part for part in place if part)] = None
        out[name] = value
    return out


def _by_name(value: object) -> dict[str, Any]:
    """The entries of a list of definitions, each of another name; empty of anything else."""
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        return {}
    for name in _NAMES:
        found = {one[name]: one for one in value if isinstance(one.get(name), str)}
        if len(found) == len(value):
            return found
    return {}


def _told(names: Collection[str]) -> tuple[str, ...]:
    if not names:
        return ()
    shown = ", ".join(sorted(names)[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (f"the layer's sources contradict one another, the last one counts: {shown}{more}",)


def _with_kinds(extra: dict[str, Any], taxonomy: Taxonomy) -> dict[str, Any]:
    """The same where no field of a category says another kind than the taxonomy."""
    kinds = {category.key: int(category.kind != "stuff") for category in taxonomy}

    def settled(fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: {**own, "isthing": kinds[key]}
            if isinstance(own, Mapping)
            and key in kinds
            and own.get("isthing", kinds[key]) != kinds[key]
            else own
            for key, own in fields.items()
        }

    return _each_fields(extra, settled)


def _each_fields(extra: Mapping[str, Any], changed: Any) -> dict[str, Any]:
    """A copy in which the tables of fields by category, of all files and of each, are changed."""
    family = extra.get(FAMILY)
    if not isinstance(family, Mapping):
        return dict(extra)
    out = dict(family)
    if isinstance(out.get("categories"), Mapping):
        out["categories"] = changed(out["categories"])
    if isinstance(out.get("own"), Mapping):
        out["own"] = {split: changed(fields) for split, fields in out["own"].items()}
    return {**extra, FAMILY: out}


def heads(extra: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Split → what stood at the top of its file."""
    family = extra.get(FAMILY)
    found = family.get("heads") if isinstance(family, Mapping) else None
    if isinstance(found, Mapping):
        yield from ((split, head) for split, head in found.items() if isinstance(head, Mapping))
