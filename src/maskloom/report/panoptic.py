"""Pictures of panoptic labels: classes as colours over the image, each segment with its outline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from maskloom.core.labels import Rows
from maskloom.report.display import RGB
from maskloom.report.drawing import outlined
from maskloom.report.gallery import Panel

_COVER = 0.65
"""How much of the image the colours of classes cover."""
_OUTLINE = (250, 250, 250)


def panoptic_panel(classes: Panel, objects: Panel, sides: tuple[Rows, Rows]) -> Panel:
    """What is where, with neighbours of one class apart; and the errors of whole segments.

    Args:
        classes: by `semantic_panel`.
        objects: of the same sample, by `instance_panel`.
        sides: masks of truth and prediction in the frame of the sample.
    """
    painted = dict(classes.pictures)
    base = painted.get("Image")
    pictures = [] if base is None else [("Image", base)]
    for label, rows in zip(("Truth", "Prediction"), sides, strict=True):
        pictures.append((label, _outlined(_over(base, painted[label]), rows)))
    pictures.append(objects.pictures[-1])
    return replace(classes, pictures=tuple(pictures), errors=objects.errors)


def _over(base: RGB | None, painted: RGB) -> RGB:
    if base is None:
        return painted
    mixed: RGB = np.rint(painted * _COVER + base * (1 - _COVER)).astype(np.uint8)
    return mixed


def _outlined(picture: RGB, rows: Rows) -> RGB:
    if not len(rows):
        return picture
    scale = picture.shape[1] / int(rows.masks.sizes[0][1])
    return outlined(picture, rows, [_OUTLINE] * len(rows), scale, fill=0, thin=True)
