"""The demo's data as label rows: the real photograph and generated scenes of the same kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Geometry, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.store.builtin import real_images
from maskloom.store.images import write_png
from maskloom.store.scenes import generate

COIN = Taxonomy.from_names(["coin"])


def real_samples(folder: Path, *, rows: bool = False) -> Iterator[tuple[Sample, Labels]]:
    """Write the built-in photographs into `folder`; yield each with its hand-drawn outlines.

    Args:
        folder: for the images.
        rows: cut each photograph between its rows of objects.

    Raises:
        ImageError: the installed scikit-image carries another picture.
        WriteError: the folder cannot be written.
    """
    whole = real_images()
    for image in [part for one in whole for part in one.rows()] if rows else whole:
        size = (image.pixels.shape[0], image.pixels.shape[1])
        parts = [[polygon] for polygon in image.polygons]
        masks = Masks.from_polygons(parts, size, rule="centre")
        drawn = tuple(Geometry((polygon,), "centre") for polygon in image.polygons)
        said = Rows.make(masks, np.zeros(len(masks)), geometry=drawn)
        yield _sample(folder, image.name, image.pixels), Labels(size, rows=said)


def generated_samples(folder: Path, count: int, seed: int) -> Iterator[tuple[Sample, Labels]]:
    """Write `count` generated scenes into `folder`; yield each with its exact objects.

    Raises:
        WriteError: the folder cannot be written.
    """
    for i, scene in enumerate(generate(seed, count)):
        masks, ids = Masks.from_id_map(scene.instance_map)
        size = (scene.pixels.shape[0], scene.pixels.shape[1])
        rows = Rows.make(masks, np.zeros(len(masks)), instance=ids)
        yield _sample(folder, f"scene{i:04d}", scene.pixels), Labels(size, rows=rows)


def _sample(folder: Path, key: str, pixels: NDArray[np.uint8]) -> Sample:
    path = folder / f"{key}.png"
    write_png(path, pixels)
    size = (pixels.shape[0], pixels.shape[1])
    return Sample(key, ImageRef(path, size), file_name=path.name)
