"""Which matched panoptic segments also match by their bands, for Boundary PQ.

Bands of masks are `bands.py`, matches by areas `metrics/panoptic/matching.py`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.metrics.boundary.bands import band_widths, boundary_bands, boundary_intersections
from maskloom.metrics.panoptic.matching import Matches, SegmentPairs
from maskloom.metrics.panoptic.pairs import Unjudged
from maskloom.metrics.panoptic.segments import VOID_SEGMENT


def banded(
    pairs: SegmentPairs,
    matches: Matches,
    rows: tuple[Rows, Rows],
    unjudged: Unjudged,
    band: float,
) -> Matches:
    """The matches whose bands match, too; the lesser of both IoU is theirs.

    With T and P the bands of a true and a predicted segment, and v the part of P on void, their
    IoU is |P ∩ T| / (|P| + |T| - |P ∩ T| - v). Segments keep the bands that they have along void.

    Args:
        pairs: of the sample.
        matches: by areas.
        rows: the segments of both sides, as `pairs` counts them.
        unjudged: pixels that are void beside segments of void.
        band: width of bands, as a share of the frame's diagonal.

    Source: Cheng et al. 2021, section 5.3; boundary-iou-api `coco_panoptic_api/evaluation.py`.
    Deviation: there the inside of every segment takes an id, and a segment of just that id is lost.
    """
    if not len(matches.pairs):
        return matches
    one, other = pairs.one[matches.pairs], pairs.other[matches.pairs]
    truth, predicted = rows
    width = int(band_widths(truth.masks.sizes[:1], band)[0])
    ours = boundary_bands(truth.masks, width, wanted=_flags(one, len(truth)))
    theirs = boundary_bands(predicted.masks, width, wanted=_flags(other, len(predicted)))
    shared = boundary_intersections(ours, theirs, one, other)
    union = ours.areas[one] + theirs.areas[other] - shared
    void = [truth.masks[np.flatnonzero(truth.category == VOID_SEGMENT)], unjudged.area(truth)]
    areas = Masks.concatenate([masks for masks in void if masks is not None])
    # A band wider than the frame is the whole of a mask.
    whole = boundary_bands(areas, int(truth.masks.sizes[0].max()))
    for row in range(len(areas)):
        union -= boundary_intersections(theirs, whole, other, np.full(len(other), row))
    kept = 2 * shared > union
    iou = np.minimum(matches.iou, shared / union)
    return Matches(matches.pairs[kept], iou[kept])


def _flags(
    rows: np.ndarray[tuple[int], np.dtype[np.int64]], n: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(n,) whether each row is named."""
    flags = np.zeros(n, np.bool_)
    flags[rows] = True
    return flags
