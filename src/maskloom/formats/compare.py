"""How far two data sets say the same: objects that are equal, pixels that differ.

Samples match by key, or in order of key where a format has renamed them; categories match by
key or name. This is a check of conversions, not a score: `metrics/` judges predictions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows, codes
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map, instance_rows
from maskloom.errors import DataError, FormatError
from maskloom.formats.objects_write import joined_parts
from maskloom.work.progress import track


@dataclass(frozen=True, slots=True)
class Difference:
    """Sums over a data set; `first` is the first sample that differs."""

    objects: int
    exact_objects: int
    changed_pixels: int
    first: str = ""


def compare(source: Dataset, back: Dataset) -> Difference:
    """Compare every sample.

    Raises:
        FormatError: the samples are not the same.
    """
    pairs = _paired(source, back)
    objects = exact = changed = 0
    first = ""
    targets = source.taxonomy.match(back.taxonomy)
    ours, theirs = ({s.key: s for s in d.samples} for d in (source, back))
    for key, other in track(pairs, "verifying", unit="images"):
        one, two = source.labels_of(ours[key]), back.labels_of(theirs[other])
        found = compare_labels(one, two, source.taxonomy, targets)
        objects += found.objects
        exact += found.exact_objects
        changed += found.changed_pixels
        if found.changed_pixels and not first:
            first = key
    return Difference(objects, exact, changed, first)


def compare_labels(
    one: Labels, two: Labels, taxonomy: Taxonomy, targets: list[int | None]
) -> Difference:
    """Compare the labels of one sample.

    Args:
        one: in `taxonomy`.
        two: of the other data set.
        taxonomy: of `one`.
        targets: position in `taxonomy` for each category of `two`, or None.
    """
    if one.size != two.size:
        return Difference(0, 0, int(np.prod(one.size)))
    rows = joined_parts(one.rows) if one.rows is not None else None
    matched = Counter(_objects(two, targets))
    if rows is None:
        return Difference(0, 0, _changed_classes(one, two, taxonomy, targets))
    left = []
    for i, entry in enumerate(_entries(rows, list(range(len(taxonomy))))):
        if matched[entry] > 0:
            matched[entry] -= 1
        else:
            left.append(i)
    exact = len(rows) - len(left)
    changed = 0
    if left or (two.rows is not None and sum(matched.values())):
        changed = (
            _changed_classes(one, two, taxonomy, targets)
            if two.rows is None
            else _changed_objects(
                rows.take(np.array(left, np.int64)), joined_parts(two.rows), matched, targets
            )
        )
    return Difference(len(rows), exact, changed)


def _entries(rows: Rows, targets: list[int | None]) -> list[tuple[int | None, int, bytes]]:
    """Hashable identity of each object: category, box and runs."""
    return [
        (targets[int(rows.category[i])], hash(rows.masks[i]), rows.masks.boxes[i].tobytes())
        for i in range(len(rows))
    ]


def _objects(labels: Labels, targets: list[int | None]) -> list[tuple[int | None, int, bytes]]:
    rows = labels.rows
    if rows is None:
        rows = instance_rows(labels, Taxonomy(()))
    return _entries(joined_parts(rows), targets)


def _changed_objects(
    left: Rows,
    back: Rows,
    matched: Counter[tuple[int | None, int, bytes]],
    targets: list[int | None],
) -> int:
    """Pixels in which objects differ from the most similar ones that are not taken."""
    open_rows = []
    for i, entry in enumerate(_entries(back, targets)):
        if matched[entry] > 0:
            matched[entry] -= 1
            open_rows.append(i)
    rest = back.take(np.array(open_rows, np.int64))
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


def _changed_classes(
    one: Labels, two: Labels, taxonomy: Taxonomy, targets: list[int | None]
) -> int:
    """Pixels whose class differs; void and background are classes here."""
    first = class_map(one, taxonomy)
    second = _in_taxonomy(two, targets, first.dtype)
    return int(np.count_nonzero(first != second))


def _in_taxonomy(labels: Labels, targets: list[int | None], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The class map in positions of another taxonomy; what has none becomes a value of its own."""
    void, background = codes(np.dtype(dtype))
    if labels.rows is None:
        assert labels.class_map is not None
        own_void, own_background = codes(labels.class_map.dtype)
        table = np.full(int(np.iinfo(labels.class_map.dtype).max) + 1, background - 1, dtype)
        for i, target in enumerate(targets):
            table[i] = background - 1 if target is None else target
        table[own_void], table[own_background] = void, background
        found: NDArray[Any] = table[labels.class_map]
        return found
    out = np.full(labels.size, background, dtype)
    values = [targets[int(c)] for c in labels.rows.category]
    labels.rows.masks.paint(
        out, np.array([background - 1 if v is None else v for v in values], np.int64)
    )
    return out


def _paired(source: Dataset, back: Dataset) -> list[tuple[str, str]]:
    ours = sorted(s.key for s in source.samples)
    theirs = sorted(s.key for s in back.samples)
    if len(ours) != len(theirs):
        raise FormatError(
            "what was written reads back with another number of images",
            where=back.name,
            seen=f"{len(theirs)}, source {len(ours)}",
        )
    if set(ours) == set(theirs):
        return [(key, key) for key in ours]
    table = {key.rpartition("/")[2]: key for key in theirs}
    if len(table) == len(theirs) and all(key.rpartition("/")[2] in table for key in ours):
        return [(key, table[key.rpartition("/")[2]]) for key in ours]
    raise DataError(
        "what was written reads back under other names", where=back.name, seen=theirs[0]
    )
