"""A trained detector as a Segmenter: resizing, the forward pass, masks pasted into the image.

Objects may overlap; each comes with its score. Memory stays bounded whatever the image: the
network sees at most `max_size` px a side, and a mask is pasted into the crop of its own box.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from maskloom import registry
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.run import Run
from maskloom.core.segmenter import Prediction, Prompt
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError
from maskloom.inference.decode import DEFAULT, Channels, Decoding
from maskloom.inference.engines.torch_engine import autocast, to_batch
from maskloom.inference.preprocess import image_moments, normalize, to_unit
from maskloom.models.checkpoint import model_options
from maskloom.models.detector import Detector
from maskloom.models.family import DetectorFamily, thing_categories

_PANOPTIC_SCORE = 0.5


class DetectorSegmenter:
    """A detector behind the Segmenter protocol.

    Args:
        network: in evaluation mode, on `device`.
        run: what it was trained for.
        decoding: which objects are kept.
        precision: fp32 or bf16.
        device: where the network lies.
    """

    def __init__(
        self,
        network: Detector,
        run: Run,
        *,
        decoding: Decoding = DEFAULT,
        precision: str = "fp32",
        device: str = "cpu",
    ) -> None:
        self.network, self.run = network, run
        self.family: DetectorFamily = registry.load("models", run.model)
        self.options = model_options(self.family, dict(run.options))
        self.precision, self.device = precision, device
        self.mask_threshold = decoding.mask_threshold
        self.channels = Channels(run.taxonomy, run.background, distance=False)
        self.things = np.array(thing_categories(run.taxonomy), np.int32)
        heads = network.roi_heads
        if decoding.score is not None:
            heads.score_thresh = decoding.score
        elif run.task == "panoptic":
            heads.score_thresh = max(_PANOPTIC_SCORE, heads.score_thresh)
        heads.nms_thresh = decoding.nms or heads.nms_thresh
        heads.detections_per_img = decoding.max_objects or heads.detections_per_img

    @property
    def name(self) -> str:
        """The layer of its labels."""
        return self.run.layer

    @property
    def taxonomy(self) -> Taxonomy:
        """What its labels mean."""
        return self.run.taxonomy

    def predict(self, image: NDArray[Any], prompt: Prompt | None = None) -> Prediction:  # noqa: ARG002 - the protocol has it
        """Label one image (H, W, C).

        Returns:
            rows in rising score, so that where rows are painted the surest lies in front; stuff
            of a semantic head comes first, one row per class.

        Raises:
            ImageError: wrong channels, or more than fits into memory.
        """
        height, width = image.shape[:2]
        size = self.family.shrink(self.options, (height, width))
        pre = self.run.preprocessing
        shown = at_size(image, size)
        moments = image_moments(lambda y0, y1, x0, x1: shown[y0:y1, x0:x1], size, pre)
        small = normalize(to_unit(shown, pre), pre, moments)
        padded, (top, left) = _pad(small, pre.stride, self.run.recipe.crop)
        try:
            with torch.inference_mode(), autocast(self.precision, self.device):
                _, (found,), logits = self.network(to_batch([padded], self.device))
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise ImageError(
                "the image does not fit into memory in one pass",
                seen=f"{width} × {height}",
                hint="lower --set model.max_objects, or train with a smaller max_size",
            ) from error
        numpy = _inside(
            {name: value.float().cpu().numpy() for name, value in found.items()},
            np.array([left, top, left, top], np.float32),
            size,
        )
        scale = np.array([width / size[1], height / size[0]] * 2)
        objects = self._objects(numpy, numpy["boxes"] * scale, (height, width))
        stuff = None
        if logits is not None:
            winner = logits[0].argmax(dim=0).cpu().numpy()
            winner = winner[top : top + size[0], left : left + size[1]]
            stuff = self._stuff(winner, (height, width))
        rows = objects if stuff is None else _joined(stuff, objects)
        return Prediction(Labels((height, width), rows=rows, layer=self.name))

    def _objects(
        self, found: dict[str, NDArray[Any]], boxes: NDArray[np.float64], size: tuple[int, int]
    ) -> Rows:
        order = np.argsort(found["scores"], kind="stable")
        masks = [
            paste(found["masks"][i, 0], boxes[i], size, self.mask_threshold) for i in order.tolist()
        ]
        pasted = Masks.concatenate(masks) if masks else Masks.empty(0, size)
        kept = pasted.areas > 0
        return Rows.make(
            pasted[np.flatnonzero(kept)],
            self.things[found["labels"][order].astype(np.int64) - 1][kept],
            score=found["scores"][order][kept].clip(0, 1),
        )

    def _stuff(self, winner: NDArray[Any], size: tuple[int, int]) -> Rows:
        """One row per stuff class; a shrunk map is enlarged by nearest neighbour."""
        values = self.channels.values().astype(np.int32)
        kinds = [
            self.taxonomy[v].kind == "stuff" if v in self.taxonomy.scored else False
            for v in values.tolist()
        ]
        if self.channels.background:
            kinds[0] = False
        ids = np.where(kinds, values + 1, 0)[winner].astype(np.int32)
        if ids.shape != size:
            ids = cv2.resize(ids, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        masks, found = Masks.from_id_map(ids)
        return Rows.make(masks, found - 1, score=np.ones(len(found)))


def at_size(image: NDArray[Any], size_hw: tuple[int, int]) -> NDArray[Any]:
    """An image (H, W, C) resized: by area where it shrinks, else bilinearly.

    Raises nothing: any type that images have.
    """
    if image.shape[:2] == tuple(size_hw):
        return image
    shrinks = size_hw[0] <= image.shape[0] and size_hw[1] <= image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    channels = [
        cv2.resize(np.ascontiguousarray(image[:, :, c]), size_hw[::-1], interpolation=how)
        for c in range(image.shape[2])
    ]
    return np.stack(channels, axis=2)


def paste(
    probability: NDArray[np.float32],
    box: NDArray[np.float64],
    size: tuple[int, int],
    threshold: float = 0.5,
) -> Masks:
    """One object's mask in the image: pixels whose centre has at least the threshold.

    Probabilities lie at the centres of a grid over the box and are interpolated bilinearly;
    beyond the outermost centres they stay as they are there.

    Args:
        probability: (M, M) in [0, 1].
        box: (4,) pixel edges x0, y0, x1, y1.
        size: (H, W) of the image.
        threshold: see above.

    Returns:
        One row, without a pixel where none reaches the threshold.
    """
    x0, y0, x1, y1 = (float(edge) for edge in box)
    left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
    right, bottom = min(size[1], int(np.ceil(x1))), min(size[0], int(np.ceil(y1)))
    if right <= left or bottom <= top:
        return Masks.empty(1, size)
    down = _interpolation(np.arange(top, bottom) + 0.5, (y0, y1), len(probability))
    across = _interpolation(np.arange(left, right) + 0.5, (x0, x1), len(probability))
    inside = down @ probability @ across.T >= threshold
    return Masks.from_dense(inside).place(left, top, size)


def _interpolation(
    centres: NDArray[np.floating[Any]], edges: tuple[float, float], cells: int
) -> NDArray[np.float64]:
    """(n, cells) weights of the cells at n places; none at places outside of the edges."""
    at = (centres - edges[0]) / max(edges[1] - edges[0], 1e-6) * cells - 0.5
    near = np.clip(at, 0, cells - 1)
    weights = np.maximum(0.0, 1 - np.abs(near[:, None] - np.arange(cells)))
    inside = (centres >= edges[0]) & (centres <= edges[1])
    scaled: NDArray[np.float64] = weights * inside[:, None]
    return scaled


def _pad(
    image: NDArray[np.float32], stride: int, crop: tuple[int, ...]
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The image in a frame of its mean (zero), and its offset (y, x) there.

    As crops show it in training: amid at least half a stride of nothing, because mirrored objects
    would be found, and convolutions see the frame's own edge otherwise than nothing; and not
    below the size of the crops, because group normalisation averages over the nothing too.
    """
    spans = []
    for side, least in zip(image.shape[:2], crop, strict=True):
        frame = max(-(-(side + stride) // stride), -(-least // stride)) * stride
        first = (frame - side) // 2
        spans.append((first, frame - side - first))
    return np.pad(image, (*spans, (0, 0))), (spans[0][0], spans[1][0])


def _inside(
    found: dict[str, NDArray[Any]], offset: NDArray[np.float32], size: tuple[int, int]
) -> dict[str, NDArray[Any]]:
    """Detections in the image's own frame; without those whose centre lies outside of it."""
    boxes = found["boxes"] - offset
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    kept = ((centre > 0) & (centre < [size[1], size[0]])).all(axis=1)
    return {name: value[kept] for name, value in {**found, "boxes": boxes}.items()}


def _joined(first: Rows, second: Rows) -> Rows:
    return Rows.make(
        Masks.concatenate([first.masks, second.masks]),
        np.concatenate([first.category, second.category]),
        score=np.concatenate([first.score, second.score]),
    )
