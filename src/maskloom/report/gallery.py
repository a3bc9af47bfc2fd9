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
    FILL,
    MATCHED,
    MISSED,
    VOID_COLOR,
    WRONG,
    Color,
    dimmed,
    error_map,
    hatching,
    outlined,
    paint_map,
)
from maskloom.report.pairing import UNCOUNTED, States, match_objects
from maskloom.report.windows import shrunk_in_bands

VOID_NAME = "void (not counted)"
UNPAINTED: tuple[str, Color] = ("background", BACKGROUND_COLOR)
"""In close-ups background is left as it is, and in no legend."""


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
        full: the pictures are parts of a large image, shown pixel by pixel.
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
    full: bool = False


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
        image: (H, W[, C]) of any number type, or already of the size of the pictures; None
            leaves it out.
        truth: (H, W) class map with void and background codes.
        predicted: (H, W) class map; void there, on a valid pixel, is a miss.
        taxonomy: of both maps.
        score: shown beside the key.
        group: heading of the panels it belongs to.

    Raises:
        ImageError: the sizes differ.
    """
    whole = truth.shape[0], truth.shape[1]
    size = fit(whole)
    _same_size(key, whole, predicted=predicted)
    if image is None or image.shape[:2] != size:
        _same_size(key, whole, image=image)
    layer, seen = _error_layer(truth, predicted, size)
    truth, predicted = shrink_map(truth, size), shrink_map(predicted, size)
    base = None if image is None else shrink(to_rgb(image), size)
    pictures = [] if base is None else [("Image", base)]
    pictures += [
        ("Truth", paint_map(truth, taxonomy)),
        ("Prediction", paint_map(predicted, taxonomy)),
    ]
    ground = dimmed(base, size)
    uncounted = truth == codes(truth.dtype)[0]
    ground[uncounted] = hatching(size)[uncounted]
    mixed = np.clip(ground * (1 - layer[..., 3:] / 255) + layer[..., :3], 0, 255)
    pictures.append(("Errors", mixed.astype(np.uint8)))
    shown = tuple(ERRORS[i - 1] for i in (1, 2, 3) if i in seen)
    return Panel(
        key,
        caption,
        score,
        tuple(pictures),
        map_legend((truth, predicted), taxonomy),
        shown,
        group,
    )


def _error_layer(
    truth: NDArray[Any], predicted: NDArray[Any], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], set[int]]:
    """(h, w, 4) colours of the errors and how much they cover, and which kinds there are.

    Averaging a layer of colours keeps errors one pixel wide visible, sampling would drop them.
    """
    table = np.array(
        [(0, 0, 0, 0), (*MISSED, 255), (*EXTRA, 255), (*WRONG, 255), (0, 0, 0, 0)], np.uint8
    )
    seen: set[int] = set()

    def band(y0: int, y1: int) -> NDArray[np.uint8]:
        kinds = error_map(truth[y0:y1], predicted[y0:y1])
        seen.update(np.unique(kinds).tolist())
        colors: NDArray[np.uint8] = table[kinds]
        return colors

    return shrunk_in_bands(band, (truth.shape[0], truth.shape[1]), size), seen


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
        image: (H, W[, C]) of any number type, or already of the size of the pictures; None
            draws on black.
        truth: objects of the sample.
        predicted: objects of the same frame.
        taxonomy: of both; with a single category every object gets a colour of its own.
        score: shown beside the key.
        group: heading of the panels it belongs to.

    Raises:
        ImageError: the image has another size than the masks.
    """
    truth, predicted = (rows.take(rows.kind == RowKind.MASK) for rows in (truth, predicted))
    return matched_panel(
        key, caption, image=image, sides=(truth, predicted),
        states=match_objects(truth, predicted), taxonomy=taxonomy, score=score, group=group,
    )  # fmt: skip


def matched_panel(
    key: str,
    caption: str,
    *,
    image: NDArray[Any] | None,
    sides: tuple[Rows, Rows],
    states: States,
    taxonomy: Taxonomy,
    score: float | None = None,
    group: str = "",
) -> Panel:
    """As `instance_panel`, of objects that were matched before, e.g. as wholes before a cut.

    Args:
        key: the sample's key.
        caption: one line below.
        image: as there.
        sides: masks of truth and prediction.
        states: of both by `match_objects`.
        taxonomy: of both.
        score: shown beside the key.
        group: heading of the panels it belongs to.
    """
    truth, predicted = sides
    frame = _frame(key, image, (truth, predicted))
    size = fit(frame)
    scale = size[1] / frame[1]
    base = np.zeros((*size, 3), np.uint8) if image is None else shrink(to_rgb(image), size)
    pictures = [] if image is None else [("Image", base)]
    for label, rows in (("Truth", truth), ("Prediction", predicted)):
        pictures.append((label, outlined(base, rows, _row_colors(rows, taxonomy), scale)))
    true_state, state = states
    lost = (true_state == 0) | (true_state == 2)
    # Extras lie below: hundreds of unsure predictions would hide what was found and missed.
    drawn = np.argsort(state, kind="stable")
    drawn = drawn[state[drawn] != UNCOUNTED]
    pen = {0: MISSED, 1: MATCHED, 2: WRONG}
    found = [{**pen, 0: EXTRA}[s] for s in state[drawn].tolist()]
    fill = 0.0 if int((state == 0).sum()) > len(truth) else FILL
    errors = dimmed(None if image is None else base, size)
    errors = outlined(errors, predicted.take(drawn), found, scale, fill=fill)
    errors = outlined(errors, truth.take(lost), [pen[s] for s in true_state[lost].tolist()], scale)
    pictures.append(("Errors", errors))
    present = ((true_state == 0).any(), (state == 0).any(), (state == 2).any(), (state == 1).any())
    shown = tuple(entry for entry, is_there in zip(ERRORS, present, strict=True) if is_there)
    legend = _row_legend((truth, predicted), taxonomy)
    return Panel(key, caption, score, tuple(pictures), legend, shown, group)


def _frame(key: str, image: NDArray[Any] | None, sides: tuple[Rows, Rows]) -> tuple[int, int]:
    frames = {(int(h), int(w)) for rows in sides for h, w in rows.masks.sizes}
    if image is not None and image.shape[:2] not in {fit(frame) for frame in frames}:
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
                names[-1] = (VOID_NAME, VOID_COLOR)
            elif value == background:
                names[-2] = UNPAINTED
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
