"""What the labels may say: an ordered tuple of categories with immutable keys.

A class map holds positions in `Taxonomy.categories`; void categories are stored there as the
void code of the array's type, never as a position (see `labels.py`). Files carry their own ids:
`Category.ids` keeps them per format, so that an export gives back what was imported.
"""

from __future__ import annotations

import colorsys
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from maskloom.core.category_names import (
    candidates,
    given_positions,
    pairs,
    refuse_ambiguous,
    unique_keys,
)
from maskloom.errors import TaxonomyError

Kind = Literal["thing", "stuff"]
ANY_FORMAT = ""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that rows of a category may carry, e.g. occluded: bool."""

    name: str
    type: Literal["bool", "int", "float", "text", "choice"] = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Category:
    """One class of a taxonomy.

    Args:
        key: immutable identity, never reused; lower case letters, digits, `-`, `_`, `.`.
        name: what people read; may change.
        kind: `thing` (countable) or `stuff`.
        color: RGB, each 0..255; None picks a distinct one by position.
        void: pixels of this category count nowhere.
        aliases: other names under which files may call it.
        parent: key of the more general category (is-a).
        whole: key of the category that this one is a part of (part-of).
        attributes: what rows of this category may carry.
        ids: (format, id) pairs; the format `""` holds for every format without a pair.
        retired: no longer offered for new labels; those that are there stay.
    """

    key: str
    name: str
    kind: Kind = "thing"
    color: tuple[int, int, int] | None = None
    void: bool = False
    aliases: tuple[str, ...] = ()
    parent: str | None = None
    whole: str | None = None
    attributes: tuple[Attribute, ...] = ()
    ids: tuple[tuple[str, int], ...] = ()
    retired: bool = False

    def id_in(self, fmt: str) -> int | None:
        """The id that this category has in files of a format, if it has one."""
        own = dict(self.ids)
        return own.get(fmt, own.get(ANY_FORMAT))

    def with_id(self, fmt: str, value: int) -> Category:
        """A copy whose id in one format is set."""
        return replace(self, ids=tuple(sorted({**dict(self.ids), fmt: value}.items())))


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Ordered categories; positions are the values of class maps.

    Raises:
        TaxonomyError: two categories share a key or a name, or a parent or whole is unknown.
    """

    categories: tuple[Category, ...]
    revision: int = 0
    _index: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        names: dict[str, str] = {}
        for position, category in enumerate(self.categories):
            if category.key in self._index:
                raise TaxonomyError("two categories share a key", seen=category.key)
            self._index[category.key] = position
            other = names.setdefault(category.name, category.key)
            if other != category.key:
                raise TaxonomyError(
                    "two categories share a name",
                    where=f"{other}, {category.key}",
                    seen=category.name,
                    hint="give each category its own name",
                )
        for category in self.categories:
            for link in (category.parent, category.whole):
                if link is not None and link not in self._index:
                    raise TaxonomyError(
                        "parent or whole is not a category", where=category.key, seen=link
                    )

    def __len__(self) -> int:
        return len(self.categories)

    def __iter__(self) -> Iterator[Category]:
        return iter(self.categories)

    def __getitem__(self, position: int) -> Category:
        return self.categories[position]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys in order."""
        return tuple(category.key for category in self.categories)

    @property
    def scored(self) -> tuple[int, ...]:
        """Positions of the categories that are not void."""
        return tuple(i for i, category in enumerate(self.categories) if not category.void)

    def index(self, key: str) -> int:
        """Position of a key.

        Raises:
            TaxonomyError: there is no such key.
        """
        try:
            return self._index[key]
        except KeyError:
            raise TaxonomyError(
                "no such category", seen=key, hint=f"known: {', '.join(self.keys[:20])}"
            ) from None

    def find(self, name: str) -> int | None:
        """Position of what a name means, or None where it means nothing or several categories.

        An exact name wins over a key, and both over an alias and over names that differ in
        spelling alone (case, spaces, `-` and `_`).
        """
        found = candidates(self, name)
        return found[0] if len(found) == 1 else None

    def ids(self, fmt: str, *, where: object = None) -> dict[int, int]:
        """File id → position, for one format; categories without an id take their position.

        Args:
            fmt: name of the format.
            where: the file that says so, for errors.

        Raises:
            TaxonomyError: two categories have the same id there.
        """
        table: dict[int, int] = {}
        for position, category in enumerate(self.categories):
            value = category.id_in(fmt)
            value = position if value is None else value
            if value in table:
                both = f"{self.categories[table[value]].key}, {category.key}"
                raise TaxonomyError(
                    f"two categories share the id {value}",
                    where=both if where is None else f"{where}: {both}",
                    hint="give each class an id of its own",
                )
            table[value] = position
        return table

    def with_ids(self, fmt: str, ids: Mapping[int, int]) -> Taxonomy:
        """A copy in which categories have these ids in one format.

        Args:
            fmt: name of the format.
            ids: position → id; categories that are not listed stay as they are.
        """
        return replace(
            self,
            categories=tuple(
                one.with_id(fmt, ids[i]) if i in ids else one
                for i, one in enumerate(self.categories)
            ),
        )

    def without_ids(self, fmt: str) -> Taxonomy:
        """A copy in which no category has an id of its own in one format."""
        return replace(
            self,
            categories=tuple(
                replace(one, ids=tuple(pair for pair in one.ids if pair[0] != fmt))
                for one in self.categories
            ),
        )

    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """RGB per category: its own, else a distinct one by position (golden-angle hues)."""
        return tuple(
            (128, 128, 128) if c.void and c.color is None else c.color or color_by_position(i)
            for i, c in enumerate(self.categories)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON form; `from_json` reads it back to an equal taxonomy."""
        from maskloom.core.taxonomy_json import category_to_json

        return {
            "categories": [category_to_json(category) for category in self.categories],
            "revision": self.revision,
        }

    @property
    def hash(self) -> str:
        """sha256 of the canonical JSON (sorted keys, no spaces, UTF-8)."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_names(cls, names: Sequence[str], *, kind: Kind = "thing") -> Taxonomy:
        """A taxonomy from bare names; ids are the positions."""
        keys = unique_keys(names)
        return cls(
            tuple(
                Category(key, name, kind, ids=((ANY_FORMAT, i),))
                for i, (key, name) in enumerate(zip(keys, names, strict=True))
            )
        )

    @classmethod
    def from_json(cls, data: object, *, where: object = "taxonomy") -> Taxonomy:
        """Read `{"categories": [{"id": 0, "name": "sky", ...}], "void": 11}`.

        Args:
            data: a parsed JSON object; `void` is the id (or list of ids) of void pixels, which
                becomes a void category unless a listed category has that id.
            where: what to name in errors.

        Raises:
            TaxonomyError: the object is not of this form.
        """
        from maskloom.core.taxonomy_json import categories_from_json

        categories, revision = categories_from_json(data, where)
        return cls(categories, revision)

    def match(self, other: Taxonomy, renames: Mapping[str, str] | None = None) -> list[int | None]:
        """For each category of `other`, the position of the same one here, or None.

        Exact names pair before names that differ in spelling alone, and no category is the same
        as two others, unless an alias or a rename says so.

        Args:
            other: the taxonomy to translate from.
            renames: name or key there → name or key here, tried first.

        Raises:
            UsageError: a rename's old name is no category of `other`, two are the same one, or a
                name may mean several.
        """
        found = pairs(self, other)
        for i, name in other.renamed_positions(renames or {}).items():
            refuse_ambiguous(self, name, where=f"--map {other[i].name}={name}")
            found[i] = self.find(name)
        return found

    def renamed_positions(self, renames: Mapping[str, str]) -> dict[int, str]:
        """Position → new name of what is renamed.

        Raises:
            UsageError: an old name is no category, may be several, or two are the same one.
        """
        return given_positions(self, renames)


def color_by_position(position: int) -> tuple[int, int, int]:
    """RGB of a category without a colour of its own: golden-angle hues, three lightnesses."""
    lightness = (0.52, 0.66, 0.40)[position // 8 % 3]
    red, green, blue = colorsys.hls_to_rgb(position * 0.61803398875 % 1.0, lightness, 0.65)
    return round(red * 255), round(green * 255), round(blue * 255)
