"""How far two data sets say the same: objects that are equal, pixels that differ.

Samples match by key, or in order of key where a format has renamed them; categories match by
key or name. This is a check of conversions, not a score: `metrics/` judges predictions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, RowKind, Rows, codes
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import (
    class_areas,
    class_map,
    instance_rows,
    nothing_but_drawn,
    recode,
)
from maskloom.core.volumes import SAME_PLACE, displacement, stacked
from maskloom.formats.compare_drawn import (
    entries_of,
    regrouped,
    same_drawings,
    settled,
    unmatched,
)
from maskloom.formats.compare_facts import asked_of, changed_facts, same_facts
from maskloom.formats.difference import Difference
from maskloom.formats.loss import Holds
from maskloom.formats.matched import matched
from maskloom.formats.objects.write import joined_parts
from maskloom.formats.shared.drawn import whole_objects
from maskloom.store.rasters.placement import keeps_place
from maskloom.work.progress import track

_MASK = int(RowKind.MASK)


class Counts:
    """Objects and labelled pixels of the labels that pass by."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.objects = self.labelled_pixels = 0

    def of(self, labelled: Iterable[tuple[Sample, Labels]]) -> Iterator[tuple[Sample, Labels]]:
        """The same, counted."""
        for sample, labels in labelled:
            if labels.rows is None:
                self.labelled_pixels += _labelled_pixels(labels, self.taxonomy)
            else:
                self.objects += len(np.unique(labels.rows.instance))
            yield sample, labels


def compare(source: Dataset, back: Dataset, holds: Holds | None = None) -> Difference:
    """Compare every sample.

    Args:
        source: decides categories and samples.
        back: what was written, read again.
        holds: of the target: an object is exact only if its score is, too, where there are
            scores; crowd flags, attributes, links and tags are compared where it has them.

    Raises:
        FormatError: the samples are not the same.
    """
    total = Difference(0, 0, 0)
    tags = holds is not None and holds.tags
    targets = source.taxonomy.match(back.taxonomy)
    renamed = _renamed((source.taxonomy, back.taxonomy), targets)
    ours, theirs = matched(source, back)
    pairs = zip(track(ours, "verifying", unit="images"), theirs, strict=True)
    for sample, other in pairs:
        one, two = source.labels_of(sample), back.labels_of(other)
        found = _compare_labels(one, two, (source.taxonomy, back.taxonomy), targets, holds)
        if _moved(sample, other, one):
            found = replace(found, moved=1)
        if tags and any(other.tags.get(name) != text for name, text in sample.tags.items()):
            found = replace(found, changed_tags=1)
        if renamed:
            used = _used(one, source.taxonomy, renamed)
            pairs_of = frozenset((source.taxonomy[i].name, renamed[i]) for i in used)
            found = replace(found, renamed=pairs_of)
        total += found.at(sample.key)
    return total


def _renamed(taxonomies: tuple[Taxonomy, Taxonomy], targets: list[int | None]) -> dict[int, str]:
    """Position in the first taxonomy → name, of categories that the second calls otherwise."""
    called: dict[int, list[str]] = {}
    for category, at in zip(taxonomies[1], targets, strict=True):
        if at is not None:
            called.setdefault(at, []).append(category.name)
    return {at: n[0] for at, n in called.items() if taxonomies[0][at].name not in n}


def _used(labels: Labels, taxonomy: Taxonomy, positions: Iterable[int]) -> list[int]:
    """Those of some positions that labels have."""
    if labels.rows is not None:
        own = set(labels.rows.category.tolist())
        return [i for i in positions if i in own]
    areas = class_areas(stacked(labels), taxonomy)
    return [i for i in positions if areas[i]]


def _moved(one: Sample, two: Sample, labels: Labels) -> bool:
    """Whether an image or volume that says where it lies came back elsewhere, or nowhere."""
    if len(labels.size) == 2:
        return not keeps_place(one, two, (labels.size[0], labels.size[1]))
    if not one.image.affine:
        return False
    return displacement(one.image.affine, two.image.affine, labels.size) > SAME_PLACE


def _compare_labels(
    one: Labels,
    two: Labels,
    taxonomies: tuple[Taxonomy, Taxonomy],
    targets: list[int | None],
    holds: Holds | None,
) -> Difference:
    """Compare the labels of one sample, each in its own taxonomy; volumes as tall images.

    `targets` are positions in the first taxonomy for each category of the second, or None.
    """
    if one.size != two.size:
        return Difference(0, 0, int(np.prod(one.size)))
    kinds = asked_of(holds)
    if (n := _equal_objects(one, two, taxonomies, targets, kinds)) is not None:
        return Difference(n, n, 0)
    one, two = stacked(one), stacked(two)
    if one.rows is None:
        changed = _changed_classes(one, two, taxonomies, targets)
        return Difference(0, 0, changed, labelled_pixels=_labelled_pixels(one, taxonomies[0]))
    return _closely(one, two, taxonomies, targets, kinds if two.rows is not None else ())


def _closely(
    one: Labels,
    two: Labels,
    taxonomies: tuple[Taxonomy, Taxonomy],
    targets: list[int | None],
    kinds: tuple[str, ...],
) -> Difference:
    """Compare objects, whatever their order, with objects or with a class map."""
    assert one.rows is not None
    rows = whole_objects(one.rows)
    others = whole_objects(instance_rows(two))
    hidden = _void_rows(rows, taxonomies[0])
    if hidden.any() and not _void_rows(others, taxonomies[1]).any():
        # The target says void as pixels, which are compared below, not as objects.
        rows = rows.take(~hidden)
    ours = entries_of(rows, list(range(len(taxonomies[0]))))
    theirs = entries_of(others, targets)
    theirs = settled(ours, theirs, np.flatnonzero(others.kind != _MASK).tolist())
    left, gained = unmatched(ours, theirs), unmatched(theirs, ours)
    mine, yours = (r.take(at) for r, at in ((rows, left), (others, gained)))
    changed = 0
    if len(left) or (two.rows is not None and len(gained)):
        changed = (
            _changed_classes(one, two, taxonomies, targets)
            if two.rows is None
            else _changed_objects(
                _joined_stuff(mine.take(mine.kind == _MASK), taxonomies[0]),
                yours.take(yours.kind == _MASK),
                targets,
            )
        )
    covered = (one.coverage.full and two.coverage.full) or nothing_but_drawn(one)
    if two.rows is not None and (hidden.any() or not covered):
        changed += _changed_void(one, two, taxonomies)
    facts = changed_facts((rows, ours), (others, theirs), kinds)
    if count := max(int(np.count_nonzero(side.kind != _MASK)) for side in (mine, yours)):
        facts["drawings"] = count
    apart = regrouped((rows, ours), (others, theirs))
    if apart:
        facts["parts"] = len(apart)
    rescored = facts.pop("score", 0)
    objects = len(np.unique(rows.instance))
    exact = objects - len(apart.union(mine.instance.tolist())) - rescored
    return Difference(objects, max(0, exact), changed, rescored, facts=facts)


def _labelled_pixels(labels: Labels, taxonomy: Taxonomy) -> int:
    pixels = class_map(labels, taxonomy)
    return int(np.count_nonzero(pixels != codes(pixels.dtype)[0]))


def _equal_objects(
    one: Labels,
    two: Labels,
    taxonomies: tuple[Taxonomy, Taxonomy],
    targets: list[int | None],
    kinds: tuple[str, ...],
) -> int | None:
    """How many objects an image has all of which came back in order; None is for a closer look.

    Nearly all images are such, and comparing columns takes a tenth of the time.
    """
    rows, others = one.rows, two.rows
    if rows is None or others is None or len(one.size) != 2 or len(rows) != len(others):
        return None
    used, back = rows.category.tolist(), others.category.tolist()
    plain = (
        ((one.coverage.full and two.coverage.full) or nothing_but_drawn(one))
        and used == [targets[category] for category in back]
        and all(len(set(r.instance.tolist())) == len(r) for r in (rows, others))
        and not any(taxonomies[0][category].void for category in set(used))
        and not any(taxonomies[1][category].void for category in set(back))
    )
    same = (
        plain
        and rows.masks == others.masks
        and np.array_equal(rows.kind, others.kind)
        and np.array_equal(rows.score, others.score, equal_nan=True)
        and same_facts(rows, others, kinds)
        and same_drawings(rows, others)
    )
    return len(rows) if same else None


def _changed_objects(left: Rows, rest: Rows, targets: list[int | None]) -> int:
    """Pixels in which objects differ from the most similar ones that are not taken."""
    if not len(left) or not len(rest):
        return int(left.masks.areas.sum() + rest.masks.areas.sum())
    shared = left.masks.intersections(rest.masks)
    apart = left.masks.areas[:, None] + rest.masks.areas[None] - 2 * shared
    same = left.category[:, None] == np.array([targets[int(c)] for c in rest.category])[None]
    cost = np.where(same, apart, left.masks.areas[:, None] + rest.masks.areas[None])
    changed = 0
    free_left, free_rest = set(range(len(left))), set(range(len(rest)))
    for flat in np.argsort(cost, axis=None, kind="stable").tolist():
        i, j = divmod(flat, len(rest))
        if i in free_left and j in free_rest:
            changed += int(cost[i, j])
            free_left.remove(i)
            free_rest.remove(j)
    changed += int(left.masks.areas[sorted(free_left)].sum())
    return changed + int(rest.masks.areas[sorted(free_rest)].sum())


def _void_rows(rows: Rows, taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Which rows are masks of void classes; a drawing of one has no pixels that could say it."""
    void = np.array([taxonomy[int(c)].void for c in rows.category], np.bool_)
    return np.asarray(void & (rows.kind == _MASK))


def _joined_stuff(rows: Rows, taxonomy: Taxonomy) -> Rows:
    """Several regions of one class of stuff as one, so that merging them changes no pixel."""
    columns = {name: getattr(rows, name) for name in Rows.__slots__}
    stuff = np.array([taxonomy[int(c)].kind == "stuff" for c in rows.category], np.bool_)
    # Ids below every real one: regions of one class share one.
    shared = np.where(stuff, -1 - 2 * rows.category.astype(np.int64) - rows.crowd, rows.instance)
    return joined_parts(Rows(**{**columns, "instance": shared}))


def _changed_void(one: Labels, two: Labels, taxonomies: tuple[Taxonomy, Taxonomy]) -> int:
    """Pixels that are void or unlabelled on one side and background on the other.

    Those of objects are counted with them.
    """
    void, ground = [], []
    for labels, taxonomy in zip((one, two), taxonomies, strict=True):
        pixels = class_map(labels, taxonomy)
        of_void, of_ground = codes(pixels.dtype)
        void.append(pixels == of_void)
        ground.append(pixels == of_ground)
    return int(np.count_nonzero((void[0] & ground[1]) | (ground[0] & void[1])))


def _changed_classes(
    one: Labels,
    two: Labels,
    taxonomies: tuple[Taxonomy, Taxonomy],
    targets: list[int | None],
) -> int:
    """Pixels whose class differs; void and background are classes here."""
    first = class_map(one, taxonomies[0])
    # A category without a counterpart becomes a value of its own, so that it differs.
    lost = codes(first.dtype)[1] - 1
    second = recode(class_map(two, taxonomies[1]), targets, taxonomies[0], lost=lost)
    return int(np.count_nonzero(first != second))
