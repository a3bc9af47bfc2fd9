"""One data set's categories matched to another taxonomy; renaming is `rename.py`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage, Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import translate
from maskloom.errors import TaxonomyError, UsageError


def parse_renames(pairs: Sequence[str]) -> dict[str, str]:
    """`("a=b", ...)` to a mapping; spaces around names are cut.

    Raises:
        UsageError: a pair is not OLD=NEW, or an old name is given twice.
    """
    renames: dict[str, str] = {}
    for pair in pairs:
        old, new = _parted(pair)
        if old in renames:
            raise UsageError("a category is mapped twice", where="--map", seen=old)
        renames[old] = new
    return renames


def _parted(pair: str) -> tuple[str, str]:
    """OLD and NEW without blanks at their ends; an OLD in double quotes is exact (as in JSON)."""
    exact, rest = None, pair.strip()
    if rest.startswith('"'):
        try:
            exact, end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:]
        except ValueError:
            pass  # a quote that belongs to the name
    old, equals, new = (part.strip() for part in rest.partition("="))
    if exact is not None and old:  # '"a" b=c': quotes that belong to the name
        old, equals, new = (part.strip() for part in pair.partition("="))
        exact = None
    if not (equals and new and (old or exact is not None)):
        raise UsageError("not OLD=NEW", where="--map", seen=pair, hint="write --map car=vehicle")
    return old if exact is None else exact, new


def adopt_taxonomy(
    dataset: Dataset, taxonomy: Taxonomy, pairs: Sequence[str] = (), *, strict: bool = False
) -> Dataset:
    """The data set under another taxonomy: categories matched by key, name or alias.

    Args:
        dataset: what to translate.
        taxonomy: what to translate to.
        pairs: OLD=NEW, tried first.
        strict: refuse a category without counterpart even if no label uses it.

    Raises:
        UsageError: a pair is not OLD=NEW, or its OLD is no category of the data set.
        TaxonomyError: `strict`, and a category has no counterpart.
        DataError (on reading a sample): a category in use has none.
    """
    if dataset.taxonomy == taxonomy and not pairs:
        return dataset
    targets = taxonomy.match(dataset.taxonomy, parse_renames(pairs))
    missing = [c.name for c, t in zip(dataset.taxonomy, targets, strict=True) if t is None]
    if strict and missing:
        raise TaxonomyError(
            "categories without a counterpart",
            where=dataset.name,
            seen=", ".join(missing[:10]),
            hint=f"map them with --map OLD=NEW to one of: {', '.join(c.name for c in taxonomy)}",
        )
    return _translated(dataset, taxonomy, targets)


def translated_coverage(
    coverage: Coverage, old: Taxonomy, targets: Sequence[int | None], new: Taxonomy
) -> Coverage:
    """What was labelled in full, in the categories of another taxonomy.

    Args:
        coverage: in keys of `old`.
        old: the taxonomy translated from.
        targets: new position for each old category, or None.
        new: one of its categories is covered if all are that become it.
    """
    if coverage.categories is None:
        return coverage
    covered: dict[str, bool] = {}
    for category, target in zip(old, targets, strict=True):
        if target is not None:
            key = new[target].key
            covered[key] = covered.get(key, True) and category.key in coverage.categories
    return replace(coverage, categories=frozenset(key for key, yes in covered.items() if yes))


def _translated(dataset: Dataset, taxonomy: Taxonomy, targets: list[int | None]) -> Dataset:
    read, old = dataset.labels_of, dataset.taxonomy

    def labels_of(sample: Sample) -> Labels:
        labels = translate(read(sample), targets, taxonomy, where=sample.key)
        covered = translated_coverage(labels.coverage, old, targets, taxonomy)
        return labels.replace(coverage=covered)

    return replace(dataset, taxonomy=taxonomy, labels_of=labels_of)
