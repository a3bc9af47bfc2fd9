"""What stands at the top of COCO files beside images and annotations: heads and categories.

Each split gets its own back. One file of several splits gets what they agree on, and their
licences under numbers of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.coco.ids import kept_ids

LICENSES, LICENSE = "licenses", "license"
Numbers = Mapping[int, int]


class Tops:
    """Heads and categories of the files of a data set.

    Args:
        taxonomy: of the data set.
        extra: what a reader kept of it under `coco`.
        whole: every file lists all categories.
    """

    def __init__(
        self, taxonomy: Taxonomy, extra: Mapping[str, Any], *, whole: bool = False
    ) -> None:
        self._taxonomy, self._whole = taxonomy, whole
        self._heads: Mapping[str, Mapping[str, Any]] = extra.get("heads", {})
        self._shared: Mapping[str, Mapping[str, Any]] = extra.get("categories", {})
        self._own: Mapping[str, Mapping[str, Mapping[str, Any]]] = extra.get("own", {})

    def head(self, split: str) -> dict[str, Any]:
        """That of a split's file, or of a data set without splits."""
        heads = self._heads
        return dict(heads.get(split, heads.get("", next(iter(heads.values()), {}))))

    def merged(
        self, splits: Iterable[str]
    ) -> tuple[dict[str, Any], dict[str, Numbers], dict[str, list[str]]]:
        """One head for several splits.

        Returns:
            the head; split → licence → its number there, where that is another one; name → splits
            whose own differs from what is written.
        """
        out: dict[str, Any] = {}
        numbers: dict[str, Numbers] = {}
        unsaid: dict[str, list[str]] = {}
        for split in [one for one in splits if one in self._heads] or [""]:
            for name, value in self.head(split).items():
                if name not in out or out[name] == value:
                    out[name] = value
                elif name == LICENSES and _are_numbered(value) and _are_numbered(out[name]):
                    out[name], moved = _joined(out[name], value)
                    numbers[split] = moved
                else:
                    unsaid.setdefault(name, []).append(split)
        return out, numbers, unsaid

    def watched(self) -> frozenset[int]:
        """Positions of categories that a file lists only where its annotations use them."""
        return frozenset(
            i
            for i, category in enumerate(self._taxonomy)
            if category.void or any(self._lacks(split, category.key) for split in self._own)
        )

    def listed(self, split: str, used: frozenset[int]) -> list[int]:
        """Positions of the categories of a file.

        Args:
            split: whose.
            used: those of `watched` that its annotations use.
        """
        return [
            i
            for i, category in enumerate(self._taxonomy)
            if i in used or not (category.void or self._lacks(split, category.key))
        ]

    def _lacks(self, split: str, key: str) -> bool:
        return not self._whole and split in self._own and key not in self._own[split]

    def category(self, split: str, position: int, number: int) -> dict[str, Any]:
        """An entry of a category."""
        category = self._taxonomy[position]
        own = self._own.get(split, self._shared)
        out = dict(own.get(category.key, self._shared.get(category.key, {})))
        out |= {"id": number, "name": category.name}
        if category.kind == "stuff":
            out["isthing"] = 0
        return out


def category_ids(taxonomy: Taxonomy, positions: Iterable[int]) -> dict[int, int]:
    """Position → id in COCO files: the category's own, else the next free number."""
    listed = list(positions)
    return dict(zip(listed, kept_ids([taxonomy[i].id_in("coco") for i in listed]), strict=True))


def licensed(
    images: Iterable[dict[str, Any]], numbers: Iterable[Numbers]
) -> Iterator[dict[str, Any]]:
    """Entries of images with the numbers that their licences have in this file.

    Args:
        images: in order.
        numbers: of each of them, licence → number where that is another one.
    """
    for image, moved in zip(images, numbers, strict=True):
        told = image.get(LICENSE)
        yield {**image, LICENSE: moved[told]} if type(told) is int and told in moved else image


def _are_numbered(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and type(one.get("id")) is int for one in value
    )


def _joined(
    one: list[dict[str, Any]], two: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """Both lists as one, and the new numbers of licences of the second whose own is taken."""
    out = list(one)
    moved: dict[int, int] = {}
    for entry in two:
        known = {each["id"] for each in out}
        bare = {k: v for k, v in entry.items() if k != "id"}
        same = [each["id"] for each in out if {k: v for k, v in each.items() if k != "id"} == bare]
        own = entry["id"]
        number = own if own in same or own not in known else (same or [max(known) + 1])[0]
        if number not in known:
            out.append({**entry, "id": number})
        if number != own:
            moved[own] = number
    return out, moved
