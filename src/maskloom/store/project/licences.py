"""Licences of images, which each file numbers for itself, in one list for all sources of a layer.

Images keep what the first import said of them, also when a later one brings another list: a number
is looked up where it came from, and gets another one where two lists mean two licences by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, select

from maskloom.core.outcome import counted
from maskloom.core.sample import Sample
from maskloom.store.project import splits
from maskloom.store.project.beside import FAMILY, Source, heads
from maskloom.store.project.schema import entry
from maskloom.store.project.schema import sample as sample_table

_LIST, _FIELD = "licenses", "license"
Number = int | str


@dataclass(frozen=True, slots=True)
class _Table:
    """The list of one file: the import, its split, licences by number, and what has none."""

    seq: int
    split: str
    licences: Mapping[Number, Any]
    loose: Sequence[Any]


@dataclass(slots=True)
class _Book:
    """Licences under numbers that are unique, as far as possible their own."""

    entries: dict[Number, Any] = field(default_factory=dict)
    loose: list[Any] = field(default_factory=list)
    numbers: dict[tuple[int, str, Number], Number] = field(default_factory=dict)

    def place(self, table: _Table, own: Number) -> Number:
        """The number of a licence of a file."""
        known = (table.seq, table.split, own)
        if known not in self.numbers:
            self.numbers[known] = self._free(own, table.licences[own])
        return self.numbers[known]

    def listed(self) -> list[Any]:
        return [*self.entries.values(), *self.loose]

    def _free(self, own: Number, licence: Any) -> Number:
        rest = _text(licence)
        if own not in self.entries:
            self.entries[own] = licence
        elif _text(self.entries[own]) != rest:
            same = (number for number, one in self.entries.items() if _text(one) == rest)
            last = max((n for n in self.entries if isinstance(n, int)), default=0)
            number = next(same, last + 1)
            self.entries.setdefault(number, {**licence, "id": number})
            return number
        return own


def with_licences(
    connection: Connection,
    extra: dict[str, Any],
    samples: Sequence[Sample],
    own: Sequence[Source],
    said: Sequence[Source],
) -> tuple[dict[str, Any], tuple[Sample, ...], tuple[str, ...]]:
    """What a layer says, and its samples, with one list of licences to which all numbers belong.

    Args:
        connection: of the project.
        extra: what the layer's sources say.
        samples: of the layer, with what the project knows of them.
        own: the imports whose labels the layer has.
        said: all imports of the project.

    Returns:
        Both, and warnings about numbers that no list has.
    """
    tables = [table for source in said for table in _tables(source)]
    of_layer = {source.seq for source in own}
    tables.sort(key=lambda table: (table.seq not in of_layer, table.seq))
    numbers = {_number(sample) for sample in samples}
    lists = {table.seq for table in tables if table.seq in of_layer or numbers & {*table.licences}}
    if len(lists) < 2 and lists <= of_layer and len(own) < 2:
        return extra, tuple(samples), ()
    origin = _Origin(connection, tables)
    book = _Book()
    for table in tables:
        if table.seq in of_layer:
            book.loose += [one for one in table.loose if one not in book.loose]
            for listed in table.licences:
                book.place(table, listed)
    found = [(sample, origin.of(sample)) for sample in samples]
    for sample, source in found:
        number = _number(sample)
        if source is not None and number is not None:
            book.place(source, number)
    out = tuple(_renumbered(sample, source, book) for sample, source in found)
    pairs = zip(samples, out, strict=True)
    unknown = [one.key for one, new in pairs if {_number(one), _number(new)} > {None}]
    return _with_list(extra, book.listed()), out, _told(unknown)


class _Origin:
    """Finds the list that a sample's number is of: of the first import that spoke of both."""

    def __init__(self, connection: Connection, tables: Sequence[_Table]) -> None:
        self._tables = tables
        self._spoken: dict[str, set[int]] = {}
        self._splits: dict[int, dict[str, str]] = {}
        seqs = {table.seq for table in tables}
        query = select(sample_table.c.key, entry.c.seq).where(entry.c.seq.in_(seqs))
        for key, seq in connection.execute(
            query.join(sample_table, sample_table.c.id == entry.c.sample_id)
        ):
            self._spoken.setdefault(key, set()).add(seq)
        for seq in seqs:
            named = splits.read(connection, seq)
            self._splits[seq] = {key: name for name, keys in named.items() for key in keys}

    def of(self, sample: Sample) -> _Table | None:
        number = _number(sample)
        listing = [] if number is None else [t for t in self._tables if number in t.licences]
        spoken = self._spoken.get(sample.key, set())
        # The first word on an image counts; of one import, that of the image's own file.
        return min(
            (table for table in listing if table.seq in spoken),
            key=lambda t: (t.seq, self._splits[t.seq].get(sample.key, "") != t.split),
            default=None,
        )


def _tables(source: Source) -> list[_Table]:
    out = []
    for split, head in heads(source.extra):
        listed = head.get(_LIST)
        if not isinstance(listed, list):
            continue
        own: dict[Number, Any] = {}
        loose = []
        for one in listed:
            number = one.get("id") if isinstance(one, Mapping) else None
            if type(number) in (int, str) and number not in own:
                own[number] = one  # type: ignore[index]  # its type was asked above
            else:
                loose.append(one)
        out.append(_Table(source.seq, split, own, loose))
    return out


def _text(licence: Mapping[str, Any]) -> str:
    """What a licence says, whatever its number."""
    return repr(sorted((name, repr(value)) for name, value in licence.items() if name != "id"))


def _number(sample: Sample) -> Number | None:
    own = sample.extra.get(FAMILY)
    number = own.get(_FIELD) if isinstance(own, Mapping) else None
    return number if type(number) in (int, str) else None


def _renumbered(sample: Sample, table: _Table | None, book: _Book) -> Sample:
    """The sample with the number that its licence has in the one list, or without any."""
    number = _number(sample)
    if number is None:
        return sample
    own = dict(sample.extra[FAMILY])
    if table is not None:
        own[_FIELD] = book.place(table, number)
    elif number in book.entries:
        del own[_FIELD]  # it would claim a licence of another source
    if own.get(_FIELD) == number:
        return sample
    return replace(sample, extra={**sample.extra, FAMILY: own})


def _with_list(extra: dict[str, Any], licences: list[Any]) -> dict[str, Any]:
    if not licences:
        return extra
    family = dict(extra.get(FAMILY, {}))
    known = family.get("heads") or {"": {}}
    family["heads"] = {split: {**head, _LIST: licences} for split, head in known.items()}
    return {**extra, FAMILY: family}


def _told(unknown: Sequence[str]) -> tuple[str, ...]:
    if not unknown:
        return ()
    images = counted(len(unknown), "image")
    return (
        f"{images} named a licence that their source does not list, which is left out, first "
        f"{unknown[0]!r}",
    )
