"""Scores of classes of pixels over a validation loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.validation.tensors import MOST, class_maps
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.pixels import PixelMetrics
from maskloom.metrics.scores import Scores


class SemanticScores:
    """IoU, Dice and accuracy of a data set, from batches of tensors.

    Used as torchmetrics classes are: `update`, `compute`, `reset`. Scores come from one confusion
    matrix over everything that was seen, not from means of batches.

    Args:
        classes: how many, or their names.
        ignore_index: number of truth pixels that count nowhere.

    >>> scores = SemanticScores(2, ignore_index=255)
    >>> scores.update(np.array([[[0, 1, 1]]]), np.array([[[0, 1, 255]]]))
    >>> scores.compute()["miou"]
    1.0
    """

    def __init__(self, classes: int | Sequence[str], *, ignore_index: int | None = None) -> None:
        names = [str(i) for i in range(classes)] if isinstance(classes, int) else list(classes)
        if not 0 < len(names) <= MOST:
            raise DataError(f"a class map has 1 to {MOST} classes", seen=len(names))
        self.taxonomy = Taxonomy.from_names(names)
        self.ignore_index = ignore_index
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._pixels = PixelMetrics(self.taxonomy, keep_samples=False)

    def update(self, preds: Any, target: Any) -> None:
        """Count a batch.

        Args:
            preds: (B, H, W) classes, or (B, K, H, W) logits or probabilities; a tensor of torch on
                any device, or an array.
            target: (B, H, W) classes.

        Raises:
            DataError: shapes differ, or a value is no class.
        """
        scores = len(preds.shape) == len(target.shape) + 1
        k = len(self.taxonomy)
        if scores and preds.shape[1] != k:
            raise DataError("the prediction has other classes", seen=f"{preds.shape[1]} of {k}")
        shape = (preds.shape[0], *preds.shape[2:]) if scores else tuple(preds.shape)
        if shape != tuple(target.shape):
            seen = f"{tuple(target.shape)} and {tuple(preds.shape)}"
            raise DataError("truth and prediction differ in size", seen=seen)
        truth = class_maps(target, k, ignored=self.ignore_index, scores=False)
        predicted = class_maps(preds, k, ignored=self.ignore_index, scores=scores)
        for one, other in zip(truth, predicted, strict=True):
            self._pixels.update(one, other)

    def compute(self) -> dict[str, float]:
        """Every score by name, NaN where undefined."""
        found = self.result().metrics
        return {name: np.nan if value is None else value for name, value in found.items()}

    def result(self) -> Scores:
        """The same with scores of each class, and reasons for what is undefined."""
        return self._pixels.result()

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was counted, as arrays, for another process to `merge`."""
        return self._pixels.state()

    def merge(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Add the state of another process.

        Raises:
            ValueError: it has other classes.
        """
        other = PixelMetrics(self.taxonomy, keep_samples=False)
        other.load(state)
        self._pixels.merge(other)
