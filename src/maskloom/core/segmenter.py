"""Anything that labels an image: a threshold, a forest and a network are equals behind this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What a person (or another segmenter) points at; geometry is (x, y), pixel-edge frame.

    Args:
        points: (N, 2) float64; `positive` (N,) bool says inside or outside.
        boxes: (N, 4) float64 edges (x0, y0, x1, y1).
        scribbles: arrays (n, 2) float64.
        text: a phrase.
        mask: a previous mask, one row.
    """

    points: NDArray[np.float64] | None = None
    positive: NDArray[np.bool_] | None = None
    boxes: NDArray[np.float64] | None = None
    scribbles: tuple[NDArray[np.float64], ...] = ()
    text: str | None = None
    mask: Masks | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Labels by a machine author, with what it believed.

    Args:
        labels: rows or a class map in the segmenter's taxonomy.
        probabilities: (K, H, W) float32 over the scored categories (background first where the
            segmenter has one), or None.
        uncertainty: (H, W) float32 in [0, 1], or None.
    """

    labels: Labels
    probabilities: NDArray[np.float32] | None = None
    uncertainty: NDArray[np.float32] | None = None


@runtime_checkable
class Segmenter(Protocol):
    """Labels one image at a time; `taxonomy` says what its labels mean."""

    @property
    def name(self) -> str:
        """How its layer is called: `model/NAME@HASH`."""
        ...

    @property
    def taxonomy(self) -> Taxonomy:
        """The categories of its labels."""
        ...

    def predict(self, image: NDArray[Any], prompt: Prompt | None = None) -> Prediction:
        """Label an image (H, W, C) of uint8, uint16 or float32."""
        ...
