"""Samples as training needs them: pixels, class map and objects, decoded once where memory allows.

Also the statistics that fix preprocessing and class weights. Augmentation is `augment.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import codes
from maskloom.core.run import Preprocessing
from maskloom.core.sample import Sample
from maskloom.core.views import class_map, instance_map, instance_rows
from maskloom.errors import ImageError
from maskloom.store.images import channel_names, read_image
from maskloom.work import progress

CACHE_BYTES = 3 << 30
_STATISTICS_IMAGES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One labelled image in memory.

    Args:
        image: (H, W, C) uint8, uint16 or float32.
        classes: (H, W) uint8 or uint16 class map with void and background codes.
        objects: (H, W) int32 instance map, 0 none; None where the task needs none.
    """

    image: NDArray[Any]
    classes: NDArray[Any]
    objects: NDArray[np.int32] | None


class Examples(Sequence[Example]):
    """The samples of a data set in key order, cached up to `cache_bytes`.

    Raises (on access):
        ImageError: an image is missing, damaged, or of another size than its labels.
    """

    def __init__(self, dataset: Dataset, *, objects: bool, cache_bytes: int = CACHE_BYTES) -> None:
        self.dataset = dataset
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
            size = sum(a.nbytes for a in (example.image, example.classes, example.objects) if a is not None)
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
        if labels.size != image.shape[:2]:
            raise ImageError(
                "the mask has another size than the image", where=sample.image.path,
                seen=f"image {image.shape[:2]}, mask {labels.size}",
            )
        taxonomy = self.dataset.taxonomy
        objects = None
        if self.objects:
            rows = instance_rows(labels, taxonomy)
            things = [taxonomy[c].kind == "thing" for c in rows.category]
            objects = instance_map(rows.take(np.array(things, bool)), labels.size)
        return Example(image, class_map(labels, taxonomy), objects)


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a pass over the training data found.

    Args:
        preprocessing: channels, value range, mean and deviation (its stride is set later).
        pixels: (K,) int64 pixels per category of the taxonomy.
        background: pixels that no row claims.
        median_size: (H, W).
    """

    preprocessing: Preprocessing
    pixels: NDArray[np.int64]
    background: int
    median_size: tuple[int, int]


def survey(examples: Examples) -> Survey:
    """Look at every sample once; fills the cache.

    Raises:
        ImageError: an image is missing or damaged, or value types are mixed.
    """
    pixels = np.zeros(len(examples.dataset.taxonomy), np.int64)
    background = 0
    sizes, depth, kinds = [], 1, set()
    every = max(1, len(examples) // _STATISTICS_IMAGES)
    moments: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for i in progress.track(range(len(examples)), "reading training data", unit="image"):
        example = examples[i]
        sizes.append(example.image.shape[:2])
        depth = max(depth, example.image.shape[2])
        kinds.add(example.image.dtype)
        counts = np.bincount(example.classes.ravel(), minlength=65536)
        pixels += counts[: len(pixels)]
        background += int(counts[codes(example.classes.dtype)[1]])
        if i % every == 0:
            values = example.image.reshape(-1, example.image.shape[2]).astype(np.float64)
            moments.append((values.mean(axis=0), (values**2).mean(axis=0)))
    if len(kinds) > 1:
        raise ImageError(
            "images of different value types in one training",
            seen=", ".join(sorted(str(k) for k in kinds)), hint="convert them to one type",
        )
    return Survey(
        _preprocessing(moments, depth, kinds.pop()), pixels, background,
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
        channel_names(depth), scale,
        tuple(round(float(v), 6) for v in first), tuple(round(float(v), 6) for v in deviation),
    )
