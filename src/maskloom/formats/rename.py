"""Rename and merge categories by name, for one conversion; a project's history is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, codes
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Category, Taxonomy, unique_keys
from maskloom.core.views import translate
from maskloom.errors import UsageError


def renamed(dataset: Dataset, pairs: Sequence[str]) -> Dataset:
    """The data set with categories renamed; several with one new name become one.

    Args:
        dataset: read lazily still.
        pairs: `OLD=NEW`, each a name or key; NEW may exist already.

    Raises:
        UsageError: a pair without `=`, an unknown or repeated OLD, or an empty NEW.
    """
    if not pairs:
        return dataset
    old = dataset.taxonomy
    names = _new_names(old, pairs)
    taxonomy, targets = _merged(old, names)

    def labels_of(sample: Sample) -> Labels:
        labels = dataset.labels_of(sample)
        if labels.class_map is None:
            return translate(labels, list(targets), sample.key)
        void, _ = codes(labels.class_map.dtype)
        table = np.arange(np.iinfo(labels.class_map.dtype).max + 1).astype(labels.class_map.dtype)
        # Class maps store void as a code, never as a position.
        table[: len(targets)] = [void if taxonomy[t].void else t for t in targets]
        return labels.replace(class_map=table[labels.class_map])

    return replace(dataset, taxonomy=taxonomy, labels_of=labels_of)


def _new_names(taxonomy: Taxonomy, pairs: Sequence[str]) -> dict[int, str]:
    names: dict[int, str] = {}
    for text in pairs:
        old, equals, new = text.partition("=")
        if not equals or not new.strip():
            raise UsageError("a renaming must read OLD=NEW", where="--map", seen=text)
        position = taxonomy.find(old.strip())
        if position is None:
            known = ", ".join(c.name for c in taxonomy.categories[:20])
            raise UsageError("no such category", where="--map", seen=old, hint=f"known: {known}")
        if position in names:
            raise UsageError("a category is renamed twice", where="--map", seen=old)
        names[position] = new.strip()
    return names


def _merged(old: Taxonomy, names: dict[int, str]) -> tuple[Taxonomy, list[int]]:
    """The new taxonomy and the new position of each old category."""
    groups: dict[int | str, list[int]] = {}
    for i in range(len(old)):
        name = names.get(i)
        if name is None:
            groups.setdefault(i, []).append(i)
            continue
        found = old.find(name)
        same = found is not None and found not in names
        groups.setdefault(found if same and found is not None else name.lower(), []).append(i)
    # A group stands where its first member stood.
    ordered = sorted(groups.items(), key=lambda item: min(item[1]))
    categories: list[Category] = []
    targets = [0] * len(old)
    keys: dict[str, str] = {}
    for place, (target, members) in enumerate(ordered):
        if isinstance(target, int):
            category = old[target]
        else:
            name = names[members[0]]
            category = replace(old[members[0]], key=unique_keys([name])[0], name=name)
        categories.append(category)
        for member in members:
            targets[member] = place
            keys[old[member].key] = category.key
    return Taxonomy(
        tuple(
            replace(c, parent=_moved(c, c.parent, keys), whole=_moved(c, c.whole, keys))
            for c in categories
        )
    ), targets


def _moved(category: Category, link: str | None, keys: dict[str, str]) -> str | None:
    moved = None if link is None else keys[link]
    return None if moved == category.key else moved
