"""Which category a name means, and which categories of two taxonomies are the same one.

Names are told apart exactly: "Car" and "car" are two categories if a file has both. People and
other files spell loosely, so a name that nobody has exactly is compared `folded`, and means
nothing where two categories fold to it. A key that was invented from a name says no more than the
name; only a key that somebody chose, or one whose category was renamed, tells a category by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from maskloom.errors import UsageError

if TYPE_CHECKING:
    from maskloom.core.taxonomy import Category, Taxonomy

_SHOWN = 5


def folded(name: str) -> str:
    """A name without its spelling: without case, and `-`, `_` and spaces the same."""
    return re.sub(r"[\s_-]+", " ", name.strip().lower())


def unique_keys(names: Iterable[str], *, taken: Iterable[str] = ()) -> list[str]:
    """Keys made from names: lower case, other characters to `-`, numbered where they repeat.

    Args:
        names: what keys are wanted for.
        taken: keys that are not to be used.
    """
    seen: dict[str, int] = {}
    keys: dict[str, None] = {}
    used = set(taken)
    for name in names:
        key = base = _stem(name)
        while key in keys or key in used:
            seen[base] = seen.get(base, 1) + 1
            key = f"{base}-{seen[base]}"
        keys[key] = None
    return list(keys)


def _stem(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.strip().lower()).strip("-") or "class"


def positions_of(taxonomy: Taxonomy) -> dict[str, int]:
    """Name or alias, in its very spelling, → position; a name wins over an alias."""
    aliases = {name: i for i, one in enumerate(taxonomy) for name in one.aliases}
    return aliases | {one.name: i for i, one in enumerate(taxonomy)}


def candidates(taxonomy: Taxonomy, name: str) -> tuple[int, ...]:
    """Positions of what a name may mean: all of the first rule that knows any.

    The rules: exact name, exact key that was chosen, exact alias, folded name, folded key that
    was chosen, folded alias, exact key that was invented.
    """
    wanted = folded(name)
    chosen: tuple[Callable[[Category], bool], ...] = (
        lambda c: c.name == name,
        lambda c: c.key == name and not _invented(c),
        lambda c: name in c.aliases,
        lambda c: folded(c.name) == wanted,
        lambda c: folded(c.key) == wanted and not _invented(c),
        lambda c: wanted in map(folded, c.aliases),
        lambda c: c.key == name,
    )
    for rule in chosen:
        if found := tuple(i for i, category in enumerate(taxonomy) if rule(category)):
            return found
    return ()


def refuse_ambiguous(taxonomy: Taxonomy, name: str, *, where: str) -> None:
    """For names that people type.

    Raises:
        UsageError: it may mean several categories.
    """
    found = candidates(taxonomy, name)
    if len(found) > 1:
        names = [repr(taxonomy[i].name) for i in found]
        raise UsageError(
            "the name may mean several categories",
            where=where,
            seen=name,
            hint=f"write it exactly: {' or '.join(names[:_SHOWN])}",
        )


def same_category(one: Category, other: Category) -> bool:
    """Whether two categories of one key are the same: not two of which invented keys are equal."""
    if one.key != other.key:
        return False
    return folded(one.name) == folded(other.name) or not (_invented(one) and _invented(other))


def pairs(ours: Taxonomy, theirs: Taxonomy) -> list[int | None]:
    """For each category of `theirs` the position of the same one of `ours`, or None.

    No category is the same as two others, but for aliases: merged categories are one.
    """
    names = {category.name: i for i, category in enumerate(ours)}
    keys = {category.key: i for i, category in enumerate(ours)}
    used = {category.name for category in theirs}
    found: list[int | None] = [None] * len(theirs)
    for i, category in enumerate(theirs):
        at = keys.get(category.key)
        # Renamed since: the key tells it, unless another one has its present name.
        if at is not None and ours[at].name not in used and _renamed(ours[at], category):
            found[i] = at
        else:
            found[i] = names.get(category.name)
    claimed = {at for at in found if at is not None}
    loose = [i for i, at in enumerate(found) if at is None]
    exact, spelt = _aliases(ours, str), _aliases(ours, folded)
    for i in loose:
        found[i] = exact.get(theirs[i].name)
    free = [i for i in loose if found[i] is None]
    _pair_folded(ours, theirs, (free, claimed), found)
    for i in (i for i in free if found[i] is None):
        found[i] = spelt.get(folded(theirs[i].name))
    return found


def _renamed(one: Category, other: Category) -> bool:
    return folded(one.name) != folded(other.name) and same_category(one, other)


def _pair_folded(
    ours: Taxonomy,
    theirs: Taxonomy,
    left: tuple[list[int], set[int]],
    found: list[int | None],
) -> None:
    """Pair what is left by folded names, then by chosen keys that are such a name; only pairs.

    `left` is (positions of theirs without a partner, positions of ours that have one).
    """
    free, claimed = left
    wanted: dict[str, list[int]] = {}
    for i in free:
        wanted.setdefault(folded(theirs[i].name), []).append(i)
    for text_of in (_folded_name, _folded_key):
        known: dict[str, list[int]] = {}
        for at, category in enumerate(ours):
            if at not in claimed:
                known.setdefault(text_of(category), []).append(at)
        for text, own in wanted.items():
            there = known.get(text, [])
            if text and len(own) == len(there) == 1 and found[own[0]] is None:
                found[own[0]] = there[0]
                claimed.add(there[0])


def _folded_name(category: Category) -> str:
    return folded(category.name)


def _folded_key(category: Category) -> str:
    return "" if _invented(category) else folded(category.key)


def _aliases(taxonomy: Taxonomy, text_of: Callable[[str], str]) -> dict[str, int | None]:
    """Alias → position; None where several categories have it."""
    found: dict[str, int | None] = {}
    for at, category in enumerate(taxonomy):
        for text in {text_of(alias) for alias in category.aliases}:
            found[text] = None if text in found else at
    return found


def _invented(category: Category) -> bool:
    """Whether the key is what `unique_keys` makes of the name."""
    stem = _stem(category.name)
    return re.fullmatch(rf"{re.escape(stem)}(-\d+)?", category.key) is not None


def alike(taxonomy: Iterable[Category]) -> tuple[str, ...]:
    """One warning where categories have names that differ in spelling alone."""
    groups: dict[str, list[str]] = {}
    for category in taxonomy:
        groups.setdefault(folded(category.name), []).append(category.name)
    several = [names for names in groups.values() if len(names) > 1]
    if not several:
        return ()
    said = [" and ".join(map(repr, names)) for names in several[:_SHOWN]]
    more = f" and {len(several) - _SHOWN} more" if len(several) > _SHOWN else ""
    first, second, *_ = several[0]
    pair = f"{first}={second}"
    return (
        f"{', '.join(said)}{more} differ only in spelling and stay classes of their own: join "
        f"them with --map {pair if ' ' not in pair else repr(pair)}",
    )


def refuse_alike(taxonomy: Iterable[Category], name: str, *, but: str = "") -> None:
    """For names that people give to new categories, where another spelling is a slip.

    Args:
        taxonomy: the categories that are there.
        name: the new one.
        but: key of the category that is renamed.

    Raises:
        TaxonomyError: a category has the name, perhaps spelt otherwise.
    """
    from maskloom.errors import TaxonomyError

    for category in taxonomy:
        if category.key != but and folded(category.name) == folded(name):
            raise TaxonomyError(
                "two categories share a name",
                where=category.key,
                seen=name,
                hint=f"there is {category.name!r} already; give each category its own name",
            )


def given_positions(taxonomy: Taxonomy, renames: Mapping[str, str]) -> dict[int, str]:
    """Position → new name of what is renamed.

    Raises:
        UsageError: an old name is no category, may be several, or two are the same one.
    """
    found: dict[int, str] = {}
    for old, new in renames.items():
        refuse_ambiguous(taxonomy, old, where=f"--map {old}={new}")
        position = taxonomy.find(old)
        if position is None:
            raise UsageError(
                "no such category",
                where="--map",
                seen=old,
                hint=f"known: {', '.join(c.name for c in taxonomy.categories[:20])}",
            )
        if position in found:
            raise UsageError("a category is renamed twice", where="--map", seen=old)
        found[position] = new
    return found
