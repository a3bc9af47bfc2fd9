"""Rename and merge categories by name, for one conversion; a project's history is elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from maskloom.core.category_names import alike, refuse_ambiguous, unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import translate
from maskloom.errors import UsageError
from maskloom.formats.mapping import parse_renames, translated_coverage
from maskloom.formats.renamed_sources import is_known, renamed_source
from maskloom.formats.shared.void_classes import renamed_void


def renamed(dataset: Dataset, pairs: Sequence[str]) -> Dataset:
    """The data set with categories renamed, all at once; several with one new name become one.

    Args:
        dataset: read lazily still.
        pairs: `OLD=NEW`, each a name or key; NEW may exist already.

    Raises:
        UsageError: a pair that is not OLD=NEW, an unknown or repeated OLD, or void merged with
            what is not void.
    """
    if not pairs:
        return dataset
    old = dataset.taxonomy
    names = old.renamed_positions(parse_renames(pairs))
    for name in names.values():
        refuse_ambiguous(old, name, where="--map")
    taxonomy, targets = _merged(old, names)
    pairs_of = ((one.name, taxonomy[at].name) for one, at in zip(old, targets, strict=True))
    told = {one: new for one, new in pairs_of if one != new}
    keys = {one.key: taxonomy[at].key for one, at in zip(old, targets, strict=True)}

    def labels_of(sample: Sample) -> Labels:
        labels = translate(dataset.labels_of(sample), targets, taxonomy, sample.key)
        covered = translated_coverage(labels.coverage, old, targets, taxonomy)
        return renamed_void(labels.replace(coverage=covered), keys)

    before = alike(old)
    warnings = [*(text for text in dataset.warnings if text not in before), *alike(taxonomy)]
    return replace(
        dataset,
        taxonomy=taxonomy,
        labels_of=labels_of,
        warnings=tuple(warnings),
        **_in_sources(dataset, _kept(dataset.extra, old, taxonomy, targets), told),
    )


def _in_sources(
    dataset: Dataset, extra: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any]:
    """What sources say of classes in their own words: that of the data set, that of its images."""
    whole = {f: renamed_source(f, own, names, whole=True) for f, own in extra.items()}
    # Samples that are made one by one when asked for are of COCO files and tables.
    listed = dataset.samples if isinstance(dataset.samples, tuple) else ()
    if not any(map(is_known, itertools.chain(extra, *(sample.extra for sample in listed)))):
        return {"extra": whole}
    samples = tuple(
        replace(
            sample,
            extra={
                f: renamed_source(f, own, names, whole=False) for f, own in sample.extra.items()
            },
        )
        for sample in dataset.samples
    )
    return {"extra": whole, "samples": samples}


def _kept(
    extra: Mapping[str, Any], old: Taxonomy, new: Taxonomy, targets: Sequence[int]
) -> Mapping[str, Any]:
    """What COCO says of categories under their new keys; of merged ones, of the key that stays."""
    coco = extra.get("coco", {})
    if not coco.get("categories"):
        return extra

    def moved(said: Mapping[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for category, target in zip(old, targets, strict=True):
            key = new[target].key
            if category.key in said and (key not in out or key == category.key):
                out[key] = said[category.key]
        return out

    own = {split: moved(said) for split, said in coco.get("own", {}).items()}
    named = {"categories": moved(coco["categories"]), **({"own": own} if own else {})}
    return {**extra, "coco": {**coco, **named}}


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
        groups.setdefault(found if same and found is not None else name, []).append(i)
    # A group stands where its first member stood.
    ordered = sorted(groups.items(), key=lambda item: min(item[1]))
    categories: list[Category] = []
    targets = [0] * len(old)
    keys: dict[str, str] = {}
    kept = [old[target].key for target in groups if isinstance(target, int)]
    fresh = [target for target, _ in ordered if isinstance(target, str)]
    new_keys = dict(zip(fresh, unique_keys(fresh, taken=kept), strict=True))
    for place, (target, members) in enumerate(ordered):
        if isinstance(target, int):
            category = old[target]
        else:
            category = replace(old[members[0]], key=new_keys[target], name=target)
        _check_void(category, [old[member] for member in members])
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


def _check_void(merged: Category, members: Sequence[Category]) -> None:
    """Pixels may become void; void ones are no longer told apart and cannot become a class."""
    if merged in members and merged.void:
        return
    if len({member.void for member in members}) > 1:
        raise UsageError(
            "void and other categories cannot become one",
            where="--map",
            seen=", ".join(member.name for member in members),
            hint="rename others to the void category, not void to them",
        )


def _moved(category: Category, link: str | None, keys: dict[str, str]) -> str | None:
    moved = None if link is None else keys[link]
    return None if moved == category.key else moved
