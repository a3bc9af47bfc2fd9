"""The segments of both sides of a sample with the pixels that they share, from rows or id maps.

Rows are swept by their runs (`contingency.py`), id maps pixel by pixel (`shape/joint.py`); both
give the same numbers. What is matched then is `matching.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core.kernel import Ints, kernel
from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.contingency import shared_pixels
from maskloom.metrics.panoptic.matching import SegmentPairs, Side
from maskloom.metrics.panoptic.segments import (
    VOID_SEGMENT,
    Kinds,
    exclusive_columns,
    segment_groups,
)
from maskloom.metrics.shape.joint import joint_ids

NO_SEGMENT = 0


@dataclass(frozen=True, slots=True, eq=False)
class MapSegments:
    """What the ids of a map are, in the order of their file.

    Args:
        ids: (N,) int64, all different and none of them 0.
        category: (N,) int64 positions in the taxonomy.
        crowd: (N,) bool.
    """

    ids: Ints
    category: Ints
    crowd: NDArray[np.bool_]

    @classmethod
    def make(
        cls, ids: ArrayLike, category: ArrayLike, crowd: ArrayLike | None = None
    ) -> MapSegments:
        """The same from lists; no crowds where none are said.

        Raises:
            DataError: lists differ in length, or an id is 0 or there twice.
        """
        own = np.atleast_1d(np.asarray(ids)).astype(np.int64)
        flags = np.zeros(len(own), np.bool_) if crowd is None else np.asarray(crowd, np.bool_)
        columns = own, np.atleast_1d(np.asarray(category)).astype(np.int64), np.atleast_1d(flags)
        if len({one.shape for one in columns}) > 1 or own.ndim != 1:
            raise DataError(
                "segments need an id, a category and a crowd flag each",
                seen=" and ".join(str(one.shape) for one in columns),
            )
        if len(np.unique(own)) < len(own) or NO_SEGMENT in own:
            raise DataError("ids of segments are all different and not 0", seen=own.tolist()[:20])
        return cls(*columns)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Unjudged:
    """What of a frame is not judged beside segments of void.

    Args:
        ignore: one row, the part of the frame that was not labelled; or None.
        everything: whether every pixel that no true segment claims is.
    """

    ignore: Masks | None = None
    everything: bool = False

    def area(self, truth: Rows) -> Masks | None:
        """One row, what of it no segment of the truth claims; None without a pixel to tell."""
        if self.everything:
            return truth.masks.merge().complement() if len(truth) else None
        if self.ignore is None or not len(self.ignore) or not len(truth):
            return self.ignore
        return self.ignore.difference(truth.masks.merge())


def pairs_of_rows(
    truth: Rows,
    predicted: Rows,
    taxonomy: Taxonomy,
    *,
    unjudged: Unjudged,
    where: str = "",
) -> SegmentPairs:
    """Pairs of segments that are rows of `segments.segment_rows`.

    Args:
        truth: N segments.
        predicted: M segments, none of them empty or void.
        taxonomy: of both.
        unjudged: pixels that count as void.
        where: the sample, for errors.

    Raises:
        DataError: two segments of one side claim the same pixels.
    """
    columns = (
        exclusive_columns(truth, taxonomy, side="truth", where=where),
        exclusive_columns(predicted, taxonomy, side="prediction", where=where),
    )
    shared = shared_pixels(*columns, len(predicted))
    t, p = (Side(r.category.astype(np.int64), r.crowd, r.masks.areas) for r in (truth, predicted))
    blind = np.zeros(len(p), np.int64)
    if unjudged.everything:
        blind += p.areas - _sums(shared[1], shared[2], len(p))
    elif len(p) and (area := unjudged.area(truth)) is not None and len(area):
        blind += area.intersections(predicted.masks)[0]
    return SegmentPairs(t, p, *shared, blind)


def pairs_of_maps(
    maps: tuple[NDArray[Any], NDArray[Any]],
    segments: tuple[MapSegments, MapSegments],
    kinds: Kinds,
    *,
    void: int | None = NO_SEGMENT,
    where: str = "",
) -> SegmentPairs:
    """Pairs of segments that are ids of two maps of one shape.

    Args:
        maps: (H, W) ids of the truth and of the prediction, of any integer dtype.
        segments: what the ids are.
        kinds: of the categories.
        void: true id whose pixels are not judged; None where all are.
        where: the sample, for errors.

    Raises:
        DataError: shapes differ, values are no whole numbers, a map has an id that its segments
            do not list, or the id of void is a segment of the truth.
    """
    table = joint_ids(*maps)
    t, ours = _segments_of(table.truth_ids, segments[0], kinds, void, ("truth", where))
    p, theirs = _segments_of(table.predicted_ids, segments[1], kinds, None, ("prediction", where))
    t_areas = _sums(t, table.truth_areas, len(ours))
    p_areas = _sums(p, table.predicted_areas, len(theirs))
    one, other = t[table.truth], p[table.predicted]
    kept = (one >= 0) & (other >= 0)
    keys, pixels = one[kept] * len(theirs) + other[kept], table.pixels[kept]
    if _repeats(t) or _repeats(p):
        # Ids of one stuff category are one segment, so that pairs of ids can be one pair.
        keys, of = np.unique(keys, return_inverse=True)
        pixels = _sums(of, pixels, len(keys))
    there = p_areas > 0
    place = np.cumsum(there) - 1
    return SegmentPairs(
        Side(ours.category, ours.crowd, t_areas),
        Side(theirs.category[there], theirs.crowd[there], p_areas[there]),
        keys // max(len(theirs), 1),
        place[keys % max(len(theirs), 1)],
        pixels,
        np.zeros(int(there.sum()), np.int64),
    )


def map_rows(ids: NDArray[Any], segments: MapSegments) -> Rows:
    """The segments of a map as rows; those without a pixel are empty ones."""
    masks, found = Masks.from_id_map(ids, background=NO_SEGMENT)
    masks = Masks.concatenate([masks, Masks.empty(1, ids.shape)])
    places = {value: i for i, value in enumerate(found.tolist())}
    rows = masks[np.array([places.get(i, len(found)) for i in segments.ids.tolist()], np.int64)]
    return Rows.make(
        rows, segments.category.astype(np.int32), instance=segments.ids, crowd=segments.crowd
    )


def _segments_of(
    found: Ints,
    listed: MapSegments,
    kinds: Kinds,
    void: int | None,
    named: tuple[str, str],
) -> tuple[Ints, MapSegments]:
    """Which segment each id of a map is, or -1, and what these segments are.

    Args:
        found: (F,) ids of the map, rising.
        listed: what ids are.
        kinds: of the categories; void ones of a prediction are no segments.
        void: id that is one of void.
        named: the side and the sample, for errors.
    """
    side, where = named
    n, own = len(kinds.void) - 1, listed.category
    if len(own) and not 0 <= own.min() <= own.max() < n:
        raise DataError(
            f"a segment of the {side} has a category that the taxonomy does not have",
            where=where,
            seen=f"positions {own.min()} to {own.max()} of {n}",
        )
    blank = kinds.void[own]
    ids, category, crowd = listed.ids, np.where(blank, VOID_SEGMENT, listed.category), listed.crowd
    places = {NO_SEGMENT: -1}
    if side == "prediction":
        places |= dict.fromkeys(ids[blank].tolist(), -1)
        ids, category, crowd = ids[~blank], category[~blank], crowd[~blank]
    if void is not None:
        if np.any((ids == void) & (category != VOID_SEGMENT)):
            raise DataError(
                f"the id of void is listed among the segments of the {side}",
                where=where,
                seen=void,
                hint="take it off the list, or give another id of void, or None",
            )
        ids, category = np.append(ids, void), np.append(category, VOID_SEGMENT)
        crowd = np.append(crowd, np.False_)
    first, group = segment_groups(category, ids, crowd, kinds)
    places |= dict(zip(ids.tolist(), group.tolist(), strict=True))
    for value in found.tolist():
        if value not in places:
            raise DataError(
                f"the map of the {side} has an id that its segments do not list",
                where=where,
                seen=value,
            )
    places_found = np.array([places[value] for value in found.tolist()], np.int64)
    return places_found, MapSegments(ids[first], category[first], crowd[first])


def _repeats(places: Ints) -> bool:
    """Whether several ids are one segment; those at -1 are none."""
    return bool(np.bincount(places + 1, minlength=1)[1:].max(initial=0) > 1)


@kernel
def _sums(places: Ints, pixels: Ints, n: int) -> Ints:
    """(n,) sums of pixels by place; those at -1 count nowhere."""
    out = np.zeros(n, np.int64)
    for k in range(places.size):
        if places[k] >= 0:
            out[places[k]] += pixels[k]
    return out
