"""Samples as training needs them: pixels, class map and objects, decoded once where memory allows.

Also the statistics that fix preprocessing and class weights. Augmentation is `augment.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskloom.core.dataset import Dataset
from maskloom.core.labels import codes
from maskloom.core.run import Preprocessing
from maskloom.core.sample import Sample
from maskloom.core.views import class_map, instance_map
from maskloom.errors import ImageError
from maskloom.inference.detector import at_size
from maskloom.store.images import channel_names, read_image
from maskloom.work import progress

CACHE_BYTES = 3 << 30
_LONGEST = 32_000  # OpenCV's maps hold 16-bit positions


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One labelled image in memory.

    Args:
        image: (H, W, C) uint8, uint16 or float32.
        classes: (H, W) uint8 or uint16 class map with void and background codes.
        objects: (H, W) int32 instance map, 0 none; None where the task needs none.
        categories: (n + 1,) int32 category of each object, -1 at 0.
        moments: (C,) mean and deviation of the image's values.
        top: the largest of them.
    """

    image: NDArray[Any]
    classes: NDArray[Any]
    objects: NDArray[np.int32] | None
    categories: NDArray[np.int32]
    moments: tuple[NDArray[np.float64], NDArray[np.float64]]
    top: float


class Examples(Sequence[Example]):
    """The samples of a data set in key order, cached up to `cache_bytes`.

    Args:
        dataset: labelled images.
        objects: whether the task has objects.
        seen_at: size of an image → size at which the network sees it; None keeps all sizes.
        cache_bytes: what may stay in memory.

    Raises (on access):
        ImageError: an image is missing, damaged, or of another size than its labels.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        objects: bool,
        seen_at: Callable[[tuple[int, int]], tuple[int, int]] | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.dataset = dataset
        self.seen_at = seen_at
        self.samples = sorted(dataset.samples, key=lambda s: s.key)
        self.objects = objects
        self._cache: dict[int, Example] = {}
        self._room = cache_bytes

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        example = self._cache.get(index)
        if example is None:
            example = self._read(self.samples[index])
            size = sum(
                a.nbytes for a in (example.image, example.classes, example.objects) if a is not None
            )
            if size <= self._room:
                self._room -= size
                self._cache[index] = example
        return example

    def _read(self, sample: Sample) -> Example:
        if sample.image.path is None:
            raise ImageError(
                "training needs the image", where=sample.key, hint="say where with --images ROOT"
            )
        image = read_image(sample.image.path)
        labels = self.dataset.labels_of(sample)
        if max(image.shape[:2]) > _LONGEST:
            raise ImageError(
                f"a training image has a side over {_LONGEST} px",
                where=sample.image.path,
                seen=f"{image.shape[1]} × {image.shape[0]}",
                hint="cut it into tiles",
            )
        if labels.size != image.shape[:2]:
            raise ImageError(
                "the mask has another size than the image",
                where=sample.image.path,
                seen=f"image {image.shape[:2]}, mask {labels.size}",
            )
        taxonomy = self.dataset.taxonomy
        classes = class_map(labels, taxonomy)
        objects = None
        categories = np.array([-1], np.int32)
        if self.objects and labels.rows is not None:
            rows = labels.rows
            things = np.array([taxonomy[c].kind == "thing" for c in rows.category], bool)
            chosen = rows.take(things & ~rows.crowd)
            objects = instance_map(chosen, labels.size)
            first = np.sort(np.unique(chosen.instance, return_index=True)[1])
            categories = np.append(categories, chosen.category[first])
            if rows.crowd.any():  # a crowd is no object: its pixels count nowhere
                crowd = rows.masks[np.flatnonzero(rows.crowd)].merge().dense(0)
                classes[crowd & (objects == 0)] = codes(classes.dtype)[0]
        elif self.objects:
            objects = np.zeros(labels.size, np.int32)
        if self.seen_at is not None:
            size = self.seen_at((image.shape[0], image.shape[1]))
            image, classes = at_size(image, size), _nearest(classes, size)
            objects = None if objects is None else _nearest(objects, size)
        values = image.reshape(-1, image.shape[2])
        moments = (values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64))
        top = float(values.max(initial=0))
        return Example(image, classes, objects, categories, moments, top)


def _nearest(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """A label map at another size, by nearest neighbour."""
    if array.shape == size:
        return array
    return cv2.resize(array, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a pass over the training data found.

    Args:
        preprocessing: channels, value range, mean and deviation (its stride is set later).
        pixels: (K,) int64 pixels per category of the taxonomy.
        sides: (N, 2) height and width of the boxes of objects of thing categories, px.
        background: pixels that no row claims.
        median_size: (H, W).
    """

    preprocessing: Preprocessing
    pixels: NDArray[np.int64]
    background: int
    sides: NDArray[np.float64]
    median_size: tuple[int, int]


def survey(examples: Examples) -> Survey:
    """Look at every sample once; fills the cache.

    Raises:
        ImageError: an image is missing or damaged, or value types are mixed.
    """
    pixels = np.zeros(len(examples.dataset.taxonomy), np.int64)
    background = 0
    sides: list[tuple[int, int]] = []
    sizes: list[tuple[int, int]] = []
    kinds: set[np.dtype[Any]] = set()
    depths: set[int] = set()
    moments: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for i in progress.track(range(len(examples)), "reading training data", unit="image"):
        example = examples[i]
        sizes.append((example.image.shape[0], example.image.shape[1]))
        depths.add(example.image.shape[2])
        kinds.add(example.image.dtype)
        if example.objects is not None:
            found = [w for w in ndimage.find_objects(example.objects) if w is not None]
            sides += [(r.stop - r.start, c.stop - c.start) for r, c in found]
        counts = np.bincount(example.classes.ravel(), minlength=65536)
        pixels += counts[: len(pixels)]
        background += int(counts[codes(example.classes.dtype)[1]])
        mean, deviation = example.moments
        moments.append((mean, deviation**2 + mean**2))
    if len(kinds) > 1:
        raise ImageError(
            "images of different value types in one training",
            seen=", ".join(sorted(str(k) for k in kinds)),
            hint="convert them to one type",
        )
    if len(depths) > 1 and depths != {1, 3}:
        raise ImageError(
            "images of different channels in one training",
            seen=", ".join(str(d) for d in sorted(depths)),
            hint="train them apart",
        )
    return Survey(
        _preprocessing(moments, max(depths), kinds.pop()),
        pixels,
        background,
        np.array(sides, np.float64).reshape(-1, 2),
        (int(np.median([s[0] for s in sizes])), int(np.median([s[1] for s in sizes]))),
    )


def _preprocessing(
    moments: list[tuple[NDArray[np.float64], NDArray[np.float64]]], depth: int, dtype: np.dtype[Any]
) -> Preprocessing:
    scale = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(dtype, 1.0)
    first = np.mean([np.broadcast_to(m, depth) for m, _ in moments], axis=0) / scale
    second = np.mean([np.broadcast_to(m, depth) for _, m in moments], axis=0) / scale**2
    deviation = np.sqrt(np.maximum(second - first**2, 1e-6))
    return Preprocessing(
        channel_names(depth),
        scale,
        tuple(round(float(v), 6) for v in first),
        tuple(round(float(v), 6) for v in deviation),
    )
