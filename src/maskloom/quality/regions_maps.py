"""Where two class maps disagree, as regions: solid ones by class pair, bands by outline.

Which pixels are which is `bands.py`; objects are `regions_rows.py`; the order of importance is
`queue.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.region import Disagreement, Region
from maskloom.quality.bands import UNCOUNTED, Dispute, connected
from maskloom.quality.frame import Frame, percent, sure
from maskloom.quality.queue import circle_radius, severity

_NAMED = 0.1
"""A class of a tenth of a region is named in its reason."""
FINEST_PX = 2.0
"""An outline that moved by less than this is left alone: one pixel is a matter of taste."""


def map_regions(
    dispute: Dispute, confidence: NDArray[np.uint8] | None, frame: Frame
) -> Iterator[Region]:
    """Every disagreement between two class maps.

    Args:
        dispute: of `find_dispute`.
        confidence: (H, W), how sure the prediction is of each pixel × 255; None: it is not said.
        frame: which image.
    """
    sureness = None
    if confidence is not None:
        sureness = confidence[dispute.yx[:, 0], dispute.yx[:, 1]] / 255.0
    yield from _solid(dispute, sureness, frame)
    yield from _bands(dispute, sureness, frame)


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Connected pixels: the group of each, and one value for each group, by rising id."""

    number: NDArray[np.int64]
    first: NDArray[np.int64]
    area: NDArray[np.int64]
    box: NDArray[np.int64]
    certainty: NDArray[np.float64]

    @classmethod
    def of(
        cls, ids: NDArray[np.int64], yx: NDArray[np.int64], sureness: NDArray[np.float64] | None
    ) -> _Groups:
        """Gather pixels by id; certainty is NaN where the prediction does not say."""
        order = np.argsort(ids, kind="stable")
        starts = np.flatnonzero(np.diff(ids[order], prepend=-1))
        area = np.diff(starts, append=len(ids))
        number = np.empty_like(ids)
        number[order] = np.repeat(np.arange(len(area)), area)
        ordered = yx[order]
        low = np.minimum.reduceat(ordered, starts, axis=0)
        high = np.maximum.reduceat(ordered, starts, axis=0) + 1
        box = np.concatenate([low[:, ::-1], high[:, ::-1]], axis=1)
        weights = np.full(len(ids), np.nan) if sureness is None else sureness
        return cls(number, order[starts], area, box, np.bincount(number, weights) / area)


def _solid(
    dispute: Dispute, sureness: NDArray[np.float64] | None, frame: Frame
) -> Iterator[Region]:
    """Connected parts of one thing in dispute."""
    at = np.flatnonzero(dispute.solid)
    if not len(at):
        return
    yx = dispute.yx[at]
    ids = connected(yx, dispute.things[at], dispute.codes.shape) - 1
    groups = _Groups.of(ids, yx, None if sureness is None else sureness[at])
    truth, predicted = (
        _shares_of_classes(ids, codes[at], len(frame.taxonomy) + 1)
        for codes in (dispute.truth, dispute.predicted)
    )
    for i in range(len(groups.area)):
        certainty, area = float(groups.certainty[i]), int(groups.area[i])
        said, found = truth[i], predicted[i]
        kind, reason = _told(said, found, sure(certainty), area, frame)
        bad = severity(_or_one(certainty), 1.0, circle_radius(area), frame.scale)
        pair = (said[0], found[0]) if kind != "extra" else (found[0], said[0])
        yield _region(kind, pair, frame, groups.box[i], area, bad, reason)


def _shares_of_classes(
    ids: NDArray[np.int64], codes: NDArray[np.int32], n_codes: int
) -> list[list[int]]:
    """For each group its classes, the most frequent first, without those of few pixels."""
    both, counts = np.unique(ids * n_codes + codes, return_counts=True)
    group, code = np.divmod(both, n_codes)
    whole = np.bincount(ids)
    out: list[list[int]] = [[] for _ in range(len(whole))]
    for k in np.lexsort((code, -counts, group)).tolist():
        mine = out[group[k]]
        if not mine or counts[k] >= _NAMED * whole[group[k]]:
            mine.append(int(code[k]))
    return out


def _told(
    said: list[int], found: list[int], surely: str, area: int, frame: Frame
) -> tuple[Disagreement, str]:
    """Kind and reason of a solid region, from its classes on both sides."""
    background = len(frame.taxonomy)
    truth, predicted = (", ".join(map(frame.name, codes)) for codes in (said, found))
    if found[0] == background:
        return "missing", frame.told(f"none predicted{surely}", area, truth)
    what = f"predicted {predicted}{surely}"
    if said[0] == background:
        return "extra", frame.told(what, area, "nothing")
    return "wrong-class", frame.told(what, area, truth)


def _bands(
    dispute: Dispute, sureness: NDArray[np.float64] | None, frame: Frame
) -> Iterator[Region]:
    """Pieces of outline between two classes that moved."""
    at = np.flatnonzero(~dispute.solid & (dispute.moved >= FINEST_PX))
    if not len(at):
        return
    yx = dispute.yx[at]
    pair = np.sort(np.stack([dispute.truth[at], dispute.predicted[at]], axis=1), axis=1)
    codes = pair[:, 0].astype(np.int64) * (len(frame.taxonomy) + 1) + pair[:, 1]
    ids = _linked(yx, codes, int(frame.scale / 2))
    groups = _Groups.of(ids, yx, None if sureness is None else sureness[at])
    ids = groups.number
    offset = groups.area / np.bincount(ids, 1.0 / dispute.moved[at])
    thin, share = _shares(dispute.codes, yx, ids, pair[groups.first], len(frame.taxonomy))
    for i, first in enumerate(groups.first.tolist()):
        one, two = int(thin[i]), int(pair[first].sum() - thin[i])
        reason = (
            f"outline {offset[i]:.1f} px off over {percent(share[i])} of the contour, "
            f"{frame.name(one)} against {frame.name(two)}"
        )
        certainty, area = _or_one(float(groups.certainty[i])), int(groups.area[i])
        bad = severity(certainty, float(share[i]), float(offset[i]), frame.scale)
        yield _region("boundary", (one, two), frame, groups.box[i], area, bad, reason)


def _linked(yx: NDArray[np.int64], codes: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """Ids of the pixels: equal where pixels of one code follow each other within 2 `reach` px."""
    import cv2

    ids = np.zeros(len(yx), np.int64)
    stamp = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    used = 0
    for code in np.unique(codes).tolist():
        mine = codes == code
        corner = yx[mine].min(axis=0) - reach
        y, x = (yx[mine] - corner).T
        canvas = np.zeros((y.max() + reach + 1, x.max() + reach + 1), np.uint8)
        canvas[y, x] = 1
        found, labels = cv2.connectedComponents(cv2.dilate(canvas, stamp), connectivity=8)
        ids[mine] = labels[y, x] + used
        used += found
    return ids


def _shares(
    codes: NDArray[np.int32],
    yx: NDArray[np.int64],
    ids: NDArray[np.int64],
    pairs: NDArray[np.int32],
    background: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each band the class whose outline it is, and the share of that outline it borders on.

    Of the two classes it is the one with fewer pixels in the truth, never the background. An
    outline is counted in pixel edges; the border of the image is none.
    """
    bands = np.full(codes.shape, -1, np.int64)
    bands[yx[:, 0], yx[:, 1]] = ids
    edges = [
        (codes[:, :-1], codes[:, 1:], bands[:, :-1], bands[:, 1:]),
        (codes[:-1], codes[1:], bands[:-1], bands[1:]),
    ]
    sides, near = [], []
    for one, two, band_one, band_two in edges:
        differ = one != two
        sides += [one[differ], two[differ]]
        near += [np.maximum(band_one[differ], band_two[differ])] * 2
    side, band = np.concatenate(sides), np.concatenate(near)
    length = np.bincount(side[side != UNCOUNTED], minlength=background + 1)
    pixels = np.bincount(codes[codes != UNCOUNTED], minlength=background + 1)
    first, second = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    thin = np.where((second != background) & (pixels[second] < pixels[first]), second, first)
    own = (band >= 0) & (side == thin[np.maximum(band, 0)])
    off = np.bincount(band[own], minlength=len(pairs))
    return thin, np.clip(off / np.maximum(length[thin], 1), 1 / np.maximum(length[thin], 1), 1.0)


def _region(
    kind: Disagreement,
    pair: tuple[int, int],
    frame: Frame,
    box: NDArray[np.int64],
    area: int,
    bad: float,
    reason: str,
) -> Region:
    """A region of a class, and of another one unless that is the background."""
    one, two = pair
    other = None if two == len(frame.taxonomy) else frame.taxonomy[two].key
    x0, y0, x1, y1 = box.tolist()
    key = frame.taxonomy[one].key
    return Region(frame.key, kind, key, other, (x0, y0, x1, y1), area, bad, reason)


def _or_one(certainty: float) -> float:
    return 1.0 if np.isnan(certainty) else certainty
