"""What a format's reader keeps in `extra` for its own writer, and which of that are facts.

A place in `extra` is said as a path such as `coco.heads.*.info`; `*` stands for any name. What a
reader notes for itself (ids, versions, what it chose) is no fact, nor what labels say anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from maskloom.core.outcome import counted


def _nothing(own: Any) -> tuple[()]:
    del own
    return ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Which facts stand in what a format keeps of an image, or of a data set.

    Args:
        notes: paths that are no facts.
        opened: paths of objects whose members are facts of their own.
        more: what is kept under the format's name → names of further facts.
        unread: likewise → kinds of annotations that are not read, one entry each.
    """

    notes: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    more: Callable[[Any], Iterable[str]] = _nothing
    unread: Callable[[Any], Iterable[str]] = _nothing


@dataclass(frozen=True, slots=True)
class Kept:
    """What a format's reader keeps, and what its writer writes again.

    Args:
        writes: paths whose values its writer writes as they were; `*` is everything.
        image, dataset: the facts in what it keeps of an image (`Sample.extra`, `Labels.extra`)
            and of a data set (`Dataset.extra`).
    """

    writes: tuple[str, ...] = ()
    image: Facts = Facts()
    dataset: Facts = Facts()


def facts_in(family: str, own: object, facts: Facts, written: tuple[str, ...]) -> Iterator[str]:
    """Names of facts that are kept and that a target does not write.

    Args:
        family: the name in `extra`.
        own: what stands there.
        facts: of the format that keeps it.
        written: paths that the target writes; `more` names are paths below the family.
    """
    if is_among((family,), written):
        return
    yield from _walk((family,), own, facts, written)
    yield from (name for name in facts.more(own) if not is_among((family, name), written))


def _walk(
    path: tuple[str, ...], value: object, facts: Facts, written: tuple[str, ...]
) -> Iterator[str]:
    if value is None or value in ("", [], {}, ()):
        return
    if is_among(path, facts.notes) or is_among(path, written):
        return
    if isinstance(value, Mapping) and is_among(path, facts.opened):
        for name, one in value.items():
            yield from _walk((*path, str(name)), one, facts, written)
    else:
        yield path[-1]


@lru_cache(1 << 14)
def is_among(path: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns is this very path."""
    for pattern in patterns:
        parts = pattern.split(".")
        if pattern == "*" or (len(parts) == len(path) and all(map(fnmatchcase, path, parts))):
            return True
    return False


def unread_note(kinds: Iterable[str], name: str) -> list[str]:
    """A warning about annotations that a reader does not read but keeps, or nothing.

    Args:
        kinds: of each of them.
        name: of the format, which alone writes them again.
    """
    counts = Counter(kinds)
    if not counts:
        return []
    told = f"{counted(counts.total(), 'annotation')} of kinds that are not read ({some(counts)})"
    return [f"{told}; of all formats, only {name} writes them again"]


def some(counts: Counter[str]) -> str:
    """How many of each kind."""
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
