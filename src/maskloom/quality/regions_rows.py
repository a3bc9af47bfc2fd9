"""Where two sets of objects of one image disagree: missing, extra, wrong class, outline off.

Who belongs to whom is `pairing.py`, class maps are `regions_maps.py`, the order of importance
is `queue.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from maskloom.core.mask_pixels import crop_pixels
from maskloom.core.region import Disagreement, Region
from maskloom.quality.frame import Frame, percent, sure
from maskloom.quality.objects import object_id
from maskloom.quality.outlines import outline_gap
from maskloom.quality.pairing import Pairing
from maskloom.quality.queue import PARTED, circle_radius, severity


def row_regions(
    pairing: Pairing, frame: Frame, confidence: NDArray[np.uint8] | None = None
) -> Iterator[Region]:
    """Every disagreement between the objects of one image.

    Args:
        pairing: of `pair_objects`.
        frame: which image.
        confidence: (H, W), how sure the prediction is of the class of each pixel × 255; it
            tells how sure it is that there is no object.
    """
    yield from _differing(pairing, frame)
    yield from _missing(pairing, frame, confidence)
    yield from _extra(pairing, frame)


def _differing(pairing: Pairing, frame: Frame) -> Iterator[Region]:
    """Pairs of two classes, and pairs of one class whose outlines differ."""
    truth, predicted = pairing.truth, pairing.predicted
    areas = truth.masks.areas
    for p in np.flatnonzero(pairing.taken >= 0).tolist():
        t, certainty = int(pairing.taken[p]), float(pairing.score[p])
        said, found = int(truth.category[t]), int(predicted.category[p])
        if said != found:
            what = f"predicted {frame.name(found)}{sure(float(predicted.score[p]))}"
            reason = frame.told(what, areas[t], frame.name(said))
            bad = severity(certainty, 1.0, circle_radius(areas[t]), frame.scale)
            yield _region("wrong-class", pairing, frame, (t, p), int(areas[t]), bad, reason)
        elif gap := outline_gap(truth.masks, t, predicted.masks, p, frame.scale):
            reason = f"outline {gap.offset:.1f} px off over {percent(gap.share)} of the contour"
            bad = severity(certainty, gap.share, gap.offset, frame.scale)
            yield _region("boundary", pairing, frame, (t, p), gap.area, bad, reason)


def _missing(
    pairing: Pairing, frame: Frame, confidence: NDArray[np.uint8] | None
) -> Iterator[Region]:
    """Objects that no prediction took."""
    truth, overlaps = pairing.truth, pairing.overlaps
    areas = truth.masks.areas
    same = pairing.predicted.category[overlaps.p] == truth.category[overlaps.t]
    inside = (pairing.taken[overlaps.p] >= 0) & same & (2 * overlaps.shared >= areas[overlaps.t])
    joined = dict(zip(overlaps.t[inside].tolist(), overlaps.p[inside].tolist(), strict=True))
    absence = _absence(pairing, frame, confidence)
    for t in pairing.missing.tolist():
        if (p := joined.get(t)) is not None:
            certainty, share = float(pairing.score[p]), PARTED
            what = f"predicted as a part of another{sure(float(pairing.predicted.score[p]))}"
        else:
            certainty, share = float(absence[t]), 1.0
            what = f"none predicted{sure(math.nan if confidence is None else certainty)}"
        reason = frame.told(what, areas[t], frame.name(truth.category[t]))
        bad = severity(certainty, share, circle_radius(areas[t]), frame.scale)
        yield _region("missing", pairing, frame, (t, None), int(areas[t]), bad, reason)


def _absence(
    pairing: Pairing, frame: Frame, confidence: NDArray[np.uint8] | None
) -> NDArray[np.float64]:
    """(N,) how sure the prediction is that a true object without a partner is not there.

    The mean over its pixels of 1 less the score where anything is predicted, and of the
    confidence, 1 where it is not said, where nothing is.
    """
    absence = np.zeros(len(pairing.truth))
    if not len(pairing.missing):
        return absence
    empty = np.full(frame.size, 255, np.uint8) if confidence is None else confidence.copy()
    surest_last = np.argsort(pairing.score, kind="stable")
    doubt = np.rint(255 * (1 - pairing.score)).astype(np.uint8)
    pairing.predicted.masks[surest_last].paint(empty, doubt[surest_last])
    masks = pairing.truth.masks
    for t in pairing.missing.tolist():
        x0, y0, x1, y1 = masks.boxes[t]
        absence[t] = empty[y0:y1, x0:x1][crop_pixels(masks, t)].mean() / 255.0
    return absence


def _extra(pairing: Pairing, frame: Frame) -> Iterator[Region]:
    """Predictions that took no object."""
    predicted, overlaps = pairing.predicted, pairing.overlaps
    areas = predicted.masks.areas
    # ascending order of shared pixels, so that the largest overlap of each is entered last
    order = np.argsort(overlaps.shared, kind="stable")
    under = dict(zip(overlaps.p[order].tolist(), order.tolist(), strict=True))
    for p in pairing.extra.tolist():
        place, share = _place(pairing, frame, p, under.get(p))
        what = f"predicted {frame.name(predicted.category[p])}{sure(float(predicted.score[p]))}"
        reason = frame.told(what, areas[p], place)
        bad = severity(float(pairing.score[p]), share, circle_radius(areas[p]), frame.scale)
        yield _region("extra", pairing, frame, (None, p), int(areas[p]), bad, reason)


def _place(pairing: Pairing, frame: Frame, p: int, pair: int | None) -> tuple[str, float]:
    """What the truth has where prediction p lies, and its share; `pair` is the largest overlap."""
    if pair is None:
        return "nothing", 1.0
    category = pairing.truth.category[pairing.overlaps.t[pair]]
    if 2 * pairing.overlaps.shared[pair] < pairing.predicted.masks.areas[p]:
        return "no object of its own", 1.0
    if category == pairing.predicted.category[p]:
        return f"one larger {frame.name(category)}", PARTED
    return frame.name(category), 1.0


def _region(
    kind: Disagreement,
    pairing: Pairing,
    frame: Frame,
    pair: tuple[int | None, int | None],
    area: int,
    bad: float,
    reason: str,
) -> Region:
    """A region of a true object, a predicted one, or both."""
    sides = [
        (rows, i, int(places[i]))
        for rows, i, places in zip(
            (pairing.truth, pairing.predicted), pair, pairing.places, strict=True
        )
        if i is not None
    ]
    (rows, i, row), (last, j, _) = sides[0], sides[-1]
    boxes = np.stack([rows.masks.boxes[i], last.masks.boxes[j]])
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    other = frame.taxonomy[last.category[j]].key if kind == "wrong-class" else None
    return Region(
        frame.key,
        kind,
        frame.taxonomy[rows.category[i]].key,
        other,
        (x0, y0, x1, y1),
        area,
        bad,
        reason,
        str(object_id(rows, i)),
        row,
    )
