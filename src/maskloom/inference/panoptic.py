"""Things and stuff merged into one claim per pixel; the rules are those of `merge_panoptic`.

Networks give things and stuff each their own way (`network.py`, `detector.py`); labels without
overlap come from here alone.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.segmenter import Prediction, Prompt, Segmenter
from maskloom.core.taxonomy import Taxonomy
from maskloom.inference.decode import DEFAULT, Channels, Decoding


def merge_panoptic(
    things: Rows,
    stuff: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    overlap: float = 0.5,
    stuff_area: int = 64,
) -> Rows:
    """Rows that do not overlap, by these rules.

    1. Things come in falling score (equal scores: in row order). What earlier things claimed is
       not free; a thing of whose pixels less than the share `overlap` is free is dropped,
       another claims its free pixels.
    2. Stuff fills the pixels that no thing claimed. What is left of a stuff class must have
       `stuff_area` pixels, else it is dropped.
    3. Pixels that nobody claims stay without a row.

    Args:
        things: objects with scores (none counts as 1), overlapping or not.
        stuff: (H, W) class map; values of categories that are no stuff are looked past.
        taxonomy: what the categories mean.
        overlap: share of a thing that must be free, 0 to 1.
        stuff_area: px that a stuff class must have left.

    Returns:
        things in falling score, then stuff in the order of the taxonomy, with instance ids from
        1; stuff scores 1.

    Source: Kirillov, He, Girshick, Rother, Dollár, "Panoptic Segmentation", 2019, section 7 and
        appendix; panopticapi `combine_semantic_and_instance_predictions.py`, which keeps stuff
        of 64 × 64 px: images here may be smaller than that.
    """
    claimed = np.zeros(stuff.shape, np.bool_)
    parts: list[Masks] = []
    rows: list[int] = []
    scores = np.nan_to_num(things.score, nan=1.0)
    for row in np.argsort(-scores, kind="stable").tolist():
        free = _claim(things.masks[row], claimed, overlap)
        if free is not None:
            parts.append(free)
            rows.append(row)
    categories, values = things.category[rows].tolist(), scores[rows].tolist()
    for category in taxonomy.scored:
        if taxonomy[category].kind == "stuff":
            left = (stuff == category) & ~claimed
            if left.any() and int(left.sum()) >= stuff_area:
                parts.append(Masks.from_dense(left))
                categories.append(category)
                values.append(1.0)
    masks = Masks.concatenate(parts) if parts else Masks.empty(0, stuff.shape)
    return Rows.make(masks, categories, score=values)


def _claim(mask: Masks, claimed: NDArray[np.bool_], overlap: float) -> Masks | None:
    """The free pixels of one mask, claimed from now on; None if they are too few."""
    x0, y0, x1, y1 = mask.boxes[0].tolist()
    inside = mask.crop(mask.boxes[0]).dense(0)
    window = claimed[y0:y1, x0:x1]
    free = inside & ~window
    count = int(free.sum())
    if not count or count < overlap * int(inside.sum()):
        return None
    window |= inside
    return Masks.from_dense(free).place(x0, y0, claimed.shape)


class RowSegmenter(Segmenter, Protocol):
    """A segmenter of a network."""

    channels: Channels


class PanopticSegmenter:
    """A segmenter whose rows of things and stuff are merged.

    Pixels that nobody claims are void (outside of what the labels cover), unless the model knows
    a background: then they are background.

    Args:
        inner: gives rows: things with scores, and stuff.
        decoding: `overlap` and `stuff_area`.
    """

    def __init__(self, inner: RowSegmenter, decoding: Decoding = DEFAULT) -> None:
        self.inner, self.decoding = inner, decoding

    @property
    def name(self) -> str:
        """The layer of its labels."""
        return self.inner.name

    @property
    def taxonomy(self) -> Taxonomy:
        """What its labels mean."""
        return self.inner.taxonomy

    def predict(self, image: NDArray[Any], prompt: Prompt | None = None) -> Prediction:
        """Label one image (H, W, C)."""
        found = self.inner.predict(image, prompt)
        return Prediction(self.merged(found.labels), found.probabilities, found.uncertainty)

    def merged(self, labels: Labels) -> Labels:
        """Rows of things and stuff as rows that do not overlap."""
        rows = labels.rows
        if rows is None:
            raise TypeError("panoptic labels are merged from rows")
        taxonomy = self.taxonomy
        thing = np.array([taxonomy[c].kind == "thing" for c in rows.category], bool)
        stuff = np.full(labels.size, -1, np.int32)
        rows.masks[np.flatnonzero(~thing)].paint(stuff, rows.category[~thing])
        merged = merge_panoptic(
            rows.take(thing),
            stuff,
            taxonomy,
            overlap=self.decoding.overlap,
            stuff_area=self.decoding.stuff_area,
        )
        if self.inner.channels.background:
            return labels.replace(rows=merged)
        claimed = merged.masks.merge() if len(merged) else Masks.empty(1, labels.size)
        whole = int(claimed.areas[0]) == labels.size[0] * labels.size[1]
        return labels.replace(rows=merged, coverage=FULL if whole else Coverage(area=claimed))
