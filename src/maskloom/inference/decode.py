"""Network outputs to labels: class maps with confidence, or instances split by distance.

The channels of the logits are: background if the run has one, the scored categories in
taxonomy order, and, for the instance task, one distance channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.classical.regions import drop_small, split_at_saddles
from maskloom.core.labels import Labels, Rows, codes, map_dtype
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError

DEPTH = 0.1
SMOOTH_PX = 1.0
MIN_AREA = 12


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the output of a run becomes labels; each run uses what applies to it."""

    depth: float = field(
        default=DEPTH,
        metadata={"help": "dip of the predicted distance that parts two objects, 0 to 1"},
    )
    min_area: int = field(
        default=MIN_AREA, metadata={"help": "smaller parted objects are dropped, px"}
    )
    score: float | None = field(
        default=None,
        metadata={
            "help": "detected objects below it are dropped; none: the model's own, for panoptic 0.5"
        },
    )
    nms: float | None = field(
        default=None,
        metadata={"help": "detected boxes that overlap more are one; none: the model's own"},
    )
    max_objects: int | None = field(
        default=None, metadata={"help": "detected objects kept per image; none: the model's own"}
    )
    mask_threshold: float = field(
        default=0.5, metadata={"help": "probability from which a pixel is of a detected object"}
    )
    overlap: float = field(
        default=0.5,
        metadata={"help": "panoptic: things of which a smaller share is free are dropped"},
    )
    stuff_area: int = field(
        default=64, metadata={"help": "panoptic: stuff of fewer pixels is left void"}
    )

    def __post_init__(self) -> None:
        checks = {
            "depth": 0 < self.depth < 1,
            "min_area": self.min_area >= 0,
            "score": self.score is None or 0 <= self.score < 1,
            "nms": self.nms is None or 0 < self.nms <= 1,
            "max_objects": self.max_objects is None or self.max_objects >= 1,
            "mask_threshold": 0 < self.mask_threshold < 1,
            "overlap": 0 <= self.overlap <= 1,
            "stuff_area": self.stuff_area >= 0,
        }
        for name, good in checks.items():
            if not good:
                raise UsageError(
                    f"option {name} is out of range",
                    seen=getattr(self, name),
                    hint="fractions lie between 0 and 1, areas and counts are not negative",
                )


DEFAULT = Decoding()


@dataclass(frozen=True, slots=True)
class Channels:
    """What the output channels mean.

    Args:
        taxonomy: its scored categories, in order, are the class channels.
        background: channel 0 is background.
        distance: the last channel is the logit of the normalised distance to the object's rim.
    """

    taxonomy: Taxonomy
    background: bool
    distance: bool

    @property
    def n_classes(self) -> int:
        """Channels that the softmax runs over."""
        return self.background + len(self.taxonomy.scored)

    def values(self) -> NDArray[Any]:
        """(n_classes,) class-map value of each class channel."""
        dtype = np.dtype(map_dtype(len(self.taxonomy)))
        head = [codes(dtype)[1]] if self.background else []
        return np.array([*head, *self.taxonomy.scored], dtype)


def decode_classes(probabilities: NDArray[np.float32], channels: Channels) -> Labels:
    """The most probable class of each pixel.

    Args:
        probabilities: (K, H, W) float32, sums to 1 over K.
        channels: what K means.

    Returns:
        A class map with confidence (probability of the winner × 255, rounded).
    """
    winner = probabilities.argmax(axis=0)
    best = np.take_along_axis(probabilities, winner[None], axis=0)[0]
    return Labels(
        winner.shape,
        class_map=channels.values()[winner],
        confidence=np.round(best * 255).astype(np.uint8),
    )


def decode_instances(
    probabilities: NDArray[np.float32],
    distance: NDArray[np.float32],
    channels: Channels,
    *,
    depth: float = DEPTH,
    min_area: int = MIN_AREA,
) -> Labels:
    """Objects of the thing classes, parted by a watershed on the predicted distance.

    A maximum of the distance (after a Gaussian of `SMOOTH_PX`) is an object if it rises `depth`
    above the saddle to a higher one. Relative heights count, not a threshold: a network that has
    seen little data predicts distances that are all too low. The flood fills the pixels where a
    thing class wins. An object takes the class of most of its probability; stuff classes give
    one row each.

    Args:
        probabilities: (K, H, W) float32.
        distance: (H, W) float32 in [0, 1], 1 at the centre of an object.
        channels: what K means.
        depth: see above; higher parts less.
        min_area: smaller objects are dropped, px.

    Returns:
        Rows with score: the mean probability of the object's class inside it.

    Source: seeds and flooding as in Bai & Urtasun, "Deep Watershed Transform", 2017, with one
        regressed distance in place of energy bins.
    """
    import cv2

    height = np.asarray(cv2.GaussianBlur(distance, (0, 0), SMOOTH_PX), np.float32)
    dense = decode_classes(probabilities, channels)
    values = channels.values()
    things = [
        c
        for c, v in enumerate(values.tolist())
        if not (channels.background and c == 0) and channels.taxonomy[v].kind == "thing"
    ]
    foreground = np.isin(probabilities.argmax(axis=0), things)
    objects = drop_small(split_at_saddles(height, foreground, depth), min_area)
    return _rows(objects, probabilities, dense, channels, things)


def _rows(
    objects: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    dense: Labels,
    channels: Channels,
    things: list[int],
) -> Labels:
    masks, ids = Masks.from_id_map(objects)
    n = len(ids)
    flat = objects.ravel()
    areas = np.maximum(np.bincount(flat, minlength=n + 1)[1:], 1)
    means = np.stack(
        [np.bincount(flat, probabilities[c].ravel(), n + 1)[1:] / areas for c in things]
        or [np.zeros(n)]
    )
    values = channels.values()
    category = values[np.array(things or [0])][means.argmax(axis=0)] if n else np.zeros(0)
    score = means.max(axis=0) if n else np.zeros(0)
    assert dense.class_map is not None
    stuff = [
        v
        for c, v in enumerate(values.tolist())
        if c not in things and not (channels.background and c == 0)
    ]
    stuff_masks, stuff_ids = Masks.from_id_map(
        np.where(np.isin(dense.class_map, stuff), dense.class_map.astype(np.int32) + 1, 0)
    )
    rows = Rows.make(
        Masks.concatenate([masks, stuff_masks]),
        np.concatenate([category, stuff_ids - 1]).astype(np.int32),
        instance=np.arange(1, n + len(stuff_masks) + 1),
        score=np.concatenate([score, np.ones(len(stuff_masks))]).clip(0, 1),
    )
    return Labels(objects.shape, rows=rows, confidence=dense.confidence)
