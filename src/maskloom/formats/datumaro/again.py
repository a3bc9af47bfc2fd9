"""Items that several files have: one image of several splits, where they say the same of it."""

from __future__ import annotations

from collections.abc import Sequence

from maskloom.formats.shared.documents import Document, Entries


def listed_once(documents: Sequence[Document]) -> tuple[list[Document], dict[str, list[str]]]:
    """Documents without those that say again what one before says; and split → their keys.

    Where two of one key say different things, all stay as they are.
    """
    first: dict[str, Document] = {}
    more: dict[str, list[str]] = {}
    out = []
    for one in documents:
        known = first.setdefault(one.key, one) if one.key else one
        if known is one:
            out.append(one)
        elif _alike(known, one) and one.split is not None and known.split is not None:
            more.setdefault(one.split, []).append(one.key)
        else:
            return list(documents), {}
    return out, more


def _alike(one: Document, two: Document) -> bool:
    """Whether two documents of two files differ in the file alone."""
    if one.path == two.path or (one.size, one.image) != (two.size, two.image):
        return False
    kept = [{k: v for k, v in d.extra.items() if k != "subset"} for d in (one, two)]
    return kept[0] == kept[1] and _said(one) == _said(two)


def _said(document: Document) -> list[tuple[object, str]]:
    shapes = document.shapes
    return [(e.said, e.name) for e in shapes.listed] if isinstance(shapes, Entries) else []
