"""A trained run as a Segmenter: preprocessing, padding, the forward pass, decoding.

Whole images only; images larger than memory are cut by `tiling/`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from maskloom.core.labels import Labels
from maskloom.core.run import Preprocessing, Run
from maskloom.core.segmenter import Prediction, Prompt
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError
from maskloom.inference.decode import (
    DEPTH,
    MIN_AREA,
    Channels,
    decode_classes,
    decode_instances,
)
from maskloom.inference.engines.base import Engine
from maskloom.inference.preprocess import image_moments, normalize, pad_to_stride, to_unit
from maskloom.inference.tiling.field import Field
from maskloom.work.memory import free_bytes


def _too_large(height: int, width: int) -> ImageError:
    return ImageError(
        "the image does not fit into memory in one pass",
        seen=f"{width} × {height}",
        hint="have predict cut it into blocks: --set model.tile=PX, or a model.memory=GIB that "
        "is free",
    )


def split_logits(
    logits: NDArray[np.float32], channels: Channels
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Class probabilities and the distance, if there is one, of logits (K, H, W); in place."""
    n = channels.n_classes
    distance = expit(logits[n]) if channels.distance else None
    classes = logits[:n]
    classes -= classes.max(axis=0)
    np.exp(classes, out=classes)
    classes /= classes.sum(axis=0)
    return classes, distance


class NetworkSegmenter:
    """A network behind the Segmenter protocol.

    Args:
        engine: computes K logits a pixel.
        channels: what K means.
        preprocessing: how to feed it.
        layer: the layer of its labels.
        depth, min_area: how objects are parted, see `decode_instances`.
        run: the run that the engine's network is of, if it is of one.
    """

    def __init__(
        self,
        engine: Engine,
        channels: Channels,
        *,
        preprocessing: Preprocessing,
        layer: str = "model/network",
        depth: float = DEPTH,
        min_area: int = MIN_AREA,
        run: Run | None = None,
    ) -> None:
        self.depth, self.min_area = depth, min_area
        self.engine = engine
        self.run = run
        self.channels = channels
        self.preprocessing = preprocessing
        self.layer = layer
        self.field: Field | None = None
        """What the network sees; None until `tiling.choose.field_of` measures it."""

    @property
    def name(self) -> str:
        """The layer of its labels."""
        return self.layer

    @property
    def taxonomy(self) -> Taxonomy:
        """What its labels mean."""
        return self.channels.taxonomy

    def logits(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """(K, H, W) of one pass over an image (H, W, C).

        Raises:
            ImageError: wrong channels, or more pixels than fit into memory.
        """
        height, width = image.shape[:2]
        self._refuse_huge(height, width)
        pre = self.preprocessing
        moments = image_moments(lambda y0, y1, x0, x1: image[y0:y1, x0:x1], (height, width), pre)
        padded = pad_to_stride(normalize(to_unit(image, pre), pre, moments), pre.stride)
        try:
            return self.engine.logits(padded)[:, :height, :width]
        except MemoryError as error:
            raise _too_large(height, width) from error

    def decode(self, logits: NDArray[np.float32]) -> tuple[Labels, NDArray[np.float32]]:
        """Labels and class probabilities (K, H, W) of logits, whose array is used up."""
        classes, distance = split_logits(logits, self.channels)
        if distance is None:
            labels = decode_classes(classes, self.channels)
        else:
            labels = decode_instances(
                classes, distance, self.channels, depth=self.depth, min_area=self.min_area
            )
        return labels.replace(layer=self.layer), classes

    def _refuse_huge(self, height: int, width: int) -> None:
        """Before the system kills the process: a pass must fit into the free memory."""
        needed = height * width * (self.engine.bytes_per_pixel + 12 * self.channels.n_classes)
        if self.engine.host and needed > free_bytes():
            raise _too_large(height, width)

    def predict(self, image: NDArray[Any], prompt: Prompt | None = None) -> Prediction:  # noqa: ARG002 - the protocol has it
        """Label one image (H, W, C)."""
        labels, probabilities = self.decode(self.logits(image))
        return Prediction(labels, probabilities=probabilities)
