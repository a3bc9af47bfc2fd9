"""The pictures of a judgement: its worst and best samples, as panels for `report/html.py`.

Pictures only; the numbers come from `judge.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.report import Report
from maskloom.core.sample import Sample
from maskloom.core.volumes import plane_of
from maskloom.errors import DataError, ImageError
from maskloom.metrics.judging.align import Comparison, Pair, compare
from maskloom.metrics.judging.judge import Terms
from maskloom.metrics.judging.large_pictures import LargeSides, is_large, large_panels
from maskloom.metrics.panoptic.segments import segment_rows
from maskloom.report.gallery import Panel, instance_panel, semantic_panel
from maskloom.report.panoptic import panoptic_panel
from maskloom.store.images import read_image
from maskloom.store.volumes import read_volume

_WINDOWS = 3
"""Parts of the first large image that are shown at full resolution; of the others, one."""


def error_panels(
    report: Report,
    truth: Dataset,
    predicted: Dataset,
    terms: Terms,
    *,
    worst: int = 6,
    best: int = 3,
) -> list[Panel]:
    """Panels of the worst and the best samples of a report, read again from both data sets.

    Args:
        report: of `judge` with the same data sets and terms.
        truth: one side; images that are absent are left out of the pictures.
        predicted: the other side.
        terms: of the judgement.
        worst: at most so many of the worst samples.
        best: at most so many of the best.
    """
    if not any(report.ranked_by in row for row in report.per_sample):
        return []  # boxes alone, of which no sample has a score
    pair_up = compare(truth, predicted, missing=terms.missing, renames=terms.renames)
    pairs = {pair.truth.key: pair for pair in pair_up.pairs}
    low = report.worst(worst)
    taken = {row["key"] for row in low}
    high = [row for row in report.best(best + len(low)) if row["key"] not in taken][:best]
    chosen = [("Worst images", row) for row in low] + [("Best images", row) for row in high]
    panels: list[Panel] = []
    windows = _WINDOWS
    for group, row in chosen:
        shared = {"taxonomy": pair_up.taxonomy, "score": row[report.ranked_by], "group": group}
        drawn = _panels(pair_up, pairs[row["key"]], report.task, shared, windows)
        # The first of the large images has most parts: the page must stay small.
        windows = 1 if len(drawn) > 1 else windows
        panels += drawn
    return panels


def _panels(
    pair_up: Comparison, pair: Pair, task: str, shared: dict[str, Any], windows: int
) -> list[Panel]:
    key = pair.truth.key
    labels = pair_up.labels(pair)
    caption = "" if pair.predicted is not None else "no prediction: scored as empty"
    if is_large(labels[0].size):
        sides = LargeSides(
            _maps(pair_up, labels, key), _rows(pair_up, labels, key, task), task == "panoptic"
        )
        return large_panels(pair.truth, caption, sides, windows, shared)
    if len(labels[0].size) == 3:
        labels, image, caption = _worst_plane(pair_up, pair.truth, labels, caption)
    else:
        image = image_of(pair.truth, labels[0].size)
    objects = None
    rows = _rows(pair_up, labels, key, task)
    # without an object and an image there is no frame to draw in
    if rows is not None and (image is not None or len(rows[0]) or len(rows[1])):
        objects = instance_panel(
            key, caption, image=image, truth=rows[0], predicted=rows[1], **shared
        )
    if objects is not None and task == "instance":
        return [objects]
    truth, predicted = _maps(pair_up, labels, key)
    classes = semantic_panel(key, caption, image=image, truth=truth, predicted=predicted, **shared)
    if objects is None or rows is None:
        return [classes]
    return [panoptic_panel(classes, objects, rows)]


def _maps(
    pair_up: Comparison, labels: tuple[Labels, Labels], key: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    return pair_up.ours.class_map(labels[0], key), pair_up.theirs.class_map(labels[1], key)


def _rows(
    pair_up: Comparison, labels: tuple[Labels, Labels], key: str, task: str
) -> tuple[Rows, Rows] | None:
    """Objects or segments of both sides; None where classes of pixels are judged."""
    if task == "semantic":
        return None
    return (_objects if task == "instance" else _segments)(pair_up, labels, key)


def _worst_plane(
    pair_up: Comparison, sample: Sample, labels: tuple[Labels, Labels], caption: str
) -> tuple[tuple[Labels, Labels], NDArray[Any] | None, str]:
    """The plane of a volume in which most voxels differ, its image if at hand, and a caption."""
    truth = pair_up.ours.class_map(labels[0], sample.key)
    differs = truth != pair_up.theirs.class_map(labels[1], sample.key)
    plane = int(np.count_nonzero(differs, axis=(1, 2)).argmax())
    flat = plane_of(labels[0], plane), plane_of(labels[1], plane)
    said = f"plane {plane} of {len(truth)}" + (f"; {caption}" if caption else "")
    return flat, _plane_image(sample, plane, labels[0].size), said


def _plane_image(sample: Sample, plane: int, size: tuple[int, ...]) -> NDArray[Any] | None:
    """A plane in grey, its values stretched from the 1st to the 99th percentile; None if absent."""
    if sample.image.path is None or not sample.image.path.exists():
        return None
    try:
        volume = read_volume(sample.image.path)
    except DataError:
        return None
    if volume.size != tuple(size):
        return None
    pixels = volume.array[plane].reshape(*size[1:], -1)[..., 0].astype(np.float64)
    low, high = np.nanpercentile(pixels, (1, 99))
    shown = np.clip((pixels - low) / (high - low), 0, 1) if high > low else np.zeros_like(pixels)
    grey: NDArray[Any] = np.round(np.nan_to_num(shown) * 255).astype(np.uint8)[..., None]
    return grey


def _objects(pair_up: Comparison, labels: tuple[Labels, Labels], key: str) -> tuple[Rows, Rows]:
    return pair_up.ours.rows(labels[0], key), pair_up.theirs.rows(labels[1], key)


def _segments(pair_up: Comparison, labels: tuple[Labels, Labels], key: str) -> tuple[Rows, Rows]:
    """Panoptic segments, and void as a crowd of the truth: what lies on it is not judged."""
    truth, predicted = (
        segment_rows(side.segments(one, key), pair_up.taxonomy, void=False)
        for side, one in zip((pair_up.ours, pair_up.theirs), labels, strict=True)
    )
    classes = pair_up.ours.class_map(labels[0], key)
    void = Masks.from_dense(classes == codes(classes.dtype)[0])
    masks = Masks.concatenate([truth.masks, void])
    crowd = np.append(truth.crowd, np.True_)
    return Rows.make(masks, np.append(truth.category, 0), crowd=crowd), predicted


def image_of(sample: Sample, size: tuple[int, ...]) -> NDArray[Any] | None:
    """The pixels, or None where they are absent, damaged or of another size than the labels."""
    if sample.image.path is None or not sample.image.path.is_file():
        return None
    try:
        image = read_image(sample.image.path)
    except ImageError:
        return None
    return image if image.shape[:2] == tuple(size) else None
