"""Rows of pictures for one sample: image, truth, prediction and where they differ.

Pictures are for looking: they are shrunk before they are drawn. The counts and matches that
enter scores come from `metrics/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows, codes
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError
from maskloom.report.display import RGB, fit, shrink, shrink_map, to_rgb
from maskloom.report.drawing import (
    BACKGROUND_COLOR,
    ERRORS,
    EXTRA,
    MATCHED,
    MISSED,
    VOID_COLOR,
    WRONG,
    Color,
    dimmed,
    error_map,
    outlined,
    paint_map,
)

UNCOUNTED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Pictures of one sample, side by side.

    Args:
        key: the sample's key.
        caption: one line below.
        score: what it was ranked by, or None.
        pictures: (label, (H, W, 3) uint8) in order.
        legend: (class name, RGB) of what the pictures show.
        errors: (meaning, RGB) of the colours in the error picture.
        group: heading under which panels are gathered, e.g. "Worst images".
        link: address of a page that shows more, or empty.
        close: the pictures are close-ups, shown small, side by side with those of other panels.
    """

    key: str
    caption: str
    score: float | None
    pictures: tuple[tuple[str, RGB], ...]
    legend: tuple[tuple[str, Color], ...] = ()
    errors: tuple[tuple[str, Color], ...] = ()
    group: str = ""
    link: str = ""
    close: bool = False


def semantic_panel(
    key: str,
    caption: str,
    *,
    image: NDArray[Any] | None,
    truth: NDArray[Any],
    predicted: NDArray[Any],
    taxonomy: Taxonomy,
    score: float | None = None,
    group: str = "",
) -> Panel:
    """Image, both class maps, and the pixels that were missed, extra or of a wrong class.

    Args:
        key: the sample's key.
        caption: one line below.
        image: (H, W[, C]) of any number type; None leaves it out.
        truth: (H, W) class map with void and background codes.
        predicted: (H, W) class map; void there, on a valid pixel, is a miss.
        taxonomy: of both maps.
        score: shown beside the key.
        group: heading of the panels it belongs to.

    Raises:
        ImageError: the sizes differ.
    """
    _same_size(key, truth.shape, image=image, predicted=predicted)
    size = fit((truth.shape[0], truth.shape[1]))
    kinds = error_map(truth, predicted)
    truth, predicted = shrink_map(truth, size), shrink_map(predicted, size)
    base = None if image is None else shrink(to_rgb(image), size)
    pictures = [] if base is None else [("Image", base)]
    pictures += [
        ("Truth", paint_map(truth, taxonomy)),
        ("Prediction", paint_map(predicted, taxonomy)),
    ]
    # Averaging an RGB error layer keeps errors one pixel wide visible, sampling would drop them.
    layer = np.array([(0, 0, 0), MISSED, EXTRA, WRONG, (0, 0, 0)], np.uint8)[kinds]
    weight = np.repeat(((kinds > 0) & (kinds < 4))[..., None], 3, axis=2).astype(np.uint8) * 255
    alpha = shrink(weight, size).astype(np.float64) / 255
    ground = dimmed(base, size)
    ground[shrink_map(kinds == 4, size)] = VOID_COLOR
    mixed = np.clip(ground * (1 - alpha) + shrink(layer, size), 0, 255)
    pictures.append(("Errors", mixed.astype(np.uint8)))
    shown = tuple(ERRORS[i - 1] for i in (1, 2, 3) if (kinds == i).any())
    return Panel(
        key,
        caption,
        score,
        tuple(pictures),
        map_legend((truth, predicted), taxonomy),
        shown,
        group,
    )


def instance_panel(
    key: str,
    caption: str,
    *,
    image: NDArray[Any] | None,
    truth: Rows,
    predicted: Rows,
    taxonomy: Taxonomy,
    score: float | None = None,
    group: str = "",
) -> Panel:
    """Image, outlines of both sets of objects, and which were matched, missed or extra.

    Objects match at an IoU of 0.5 and more, the surest prediction first; a match of another
    category is a wrong class. Crowds and rows that are not masks are left out of the errors.

    Args:
        key: the sample's key.
        caption: one line below.
        image: (H, W[, C]) of any number type; None draws on black.
        truth: objects of the sample.
        predicted: objects of the same frame.
        taxonomy: of both; with a single category every object gets a colour of its own.
        score: shown beside the key.
        group: heading of the panels it belongs to.

    Raises:
        ImageError: the image has another size than the masks.
    """
    truth, predicted = (rows.take(rows.kind == RowKind.MASK) for rows in (truth, predicted))
    frame = _frame(key, image, (truth, predicted))
    size = fit(frame)
    scale = size[1] / frame[1]
    base = np.zeros((*size, 3), np.uint8) if image is None else shrink(to_rgb(image), size)
    pictures = [] if image is None else [("Image", base)]
    for label, rows in (("Truth", truth), ("Prediction", predicted)):
        pictures.append((label, outlined(base, rows, _row_colors(rows, taxonomy), scale)))
    true_state, state = match_objects(truth, predicted)
    lost, counted = (true_state == 0) | (true_state == 2), state != UNCOUNTED
    pen = {0: MISSED, 1: MATCHED, 2: WRONG}
    errors = dimmed(None if image is None else base, size)
    errors = outlined(errors, truth.take(lost), [pen[s] for s in true_state[lost].tolist()], scale)
    pen[0] = EXTRA
    drawn = predicted.take(counted)
    errors = outlined(errors, drawn, [pen[s] for s in state[counted].tolist()], scale)
    pictures.append(("Errors", errors))
    present = ((true_state == 0).any(), (state == 0).any(), (state == 2).any(), (state == 1).any())
    shown = tuple(entry for entry, is_there in zip(ERRORS, present, strict=True) if is_there)
    legend = _row_legend((truth, predicted), taxonomy)
    return Panel(key, caption, score, tuple(pictures), legend, shown, group)


def match_objects(truth: Rows, predicted: Rows) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """State of each object on both sides: 0 alone, 1 matched, 2 wrong class, 3 not counted.

    Predictions are taken by falling score, unscored ones by falling area, first among truth of
    their category, then among the rest; a match needs an IoU of 0.5. Crowds, and predictions
    left alone of which half and more lies in a crowd, are not counted.
    """
    true_state = np.where(truth.crowd, UNCOUNTED, 0).astype(np.int8)
    state = np.zeros(len(predicted), np.int8)
    if not len(truth) or not len(predicted):
        return true_state, state
    iou = truth.masks.iou(predicted.masks)
    order = np.lexsort((-predicted.masks.areas, -np.nan_to_num(predicted.score, nan=-1.0)))
    for code in (1, 2):
        for p in order[state[order] == 0]:
            same = truth.category == predicted.category[p]
            free = np.where((true_state == 0) & (same if code == 1 else ~same), iou[:, p], 0.0)
            best = int(free.argmax())
            if free[best] >= 0.5:
                true_state[best] = state[p] = code
    if truth.crowd.any():
        shared = truth.masks[truth.crowd].intersections(predicted.masks).max(axis=0)
        state[(state == 0) & (2 * shared >= np.maximum(predicted.masks.areas, 1))] = UNCOUNTED
    return true_state, state


def _frame(key: str, image: NDArray[Any] | None, sides: tuple[Rows, Rows]) -> tuple[int, int]:
    frames = {(int(h), int(w)) for rows in sides for h, w in rows.masks.sizes}
    if image is not None:
        frames.add((image.shape[0], image.shape[1]))
    if len(frames) != 1:
        raise ImageError(
            "image, truth and prediction differ in size or there is none",
            where=key,
            seen=sorted(frames),
        )
    return frames.pop()


def _same_size(key: str, size: tuple[int, ...], **arrays: NDArray[Any] | None) -> None:
    for name, array in arrays.items():
        if array is not None and array.shape[:2] != size:
            raise ImageError(
                f"{name} has another size than the truth",
                where=key,
                seen=f"{array.shape[:2]}, truth {size}",
            )


def _row_colors(rows: Rows, taxonomy: Taxonomy) -> list[Color]:
    if len(taxonomy.scored) > 1:
        colors = taxonomy.colors()
        return [colors[c] for c in rows.category]
    distinct = Taxonomy.from_names([str(i) for i in range(24)]).colors()
    return [distinct[i % 24] for i in range(len(rows))]


def map_legend(maps: tuple[NDArray[Any], ...], taxonomy: Taxonomy) -> tuple[tuple[str, Color], ...]:
    """(class name, RGB) of what class maps hold, void and background last."""
    used: set[int] = set()
    names: dict[int, tuple[str, Color]] = {}
    for array in maps:
        void, background = codes(array.dtype)
        for value in np.unique(array).tolist():
            if value == void:
                names[-1] = ("void (not counted)", VOID_COLOR)
            elif value == background:
                names[-2] = ("background", BACKGROUND_COLOR)
            elif value < len(taxonomy):
                used.add(value)
    colors = taxonomy.colors()
    own = [(taxonomy[i].name, colors[i]) for i in sorted(used)]
    return (*own, *(names[k] for k in sorted(names, reverse=True)))


def _row_legend(sides: tuple[Rows, Rows], taxonomy: Taxonomy) -> tuple[tuple[str, Color], ...]:
    if len(taxonomy.scored) <= 1:
        return ()
    colors = taxonomy.colors()
    used = sorted({int(c) for rows in sides for c in rows.category})
    return tuple((taxonomy[c].name, colors[c]) for c in used)
