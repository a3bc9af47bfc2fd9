"""Small data sets made in memory, and the bytes of folders."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.store.images import write_png

NUCLEUS = Taxonomy((Category("nucleus", "nucleus", "thing"),))
SIZE = (24, 32)


def write_photo(path, size=SIZE, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, pixels)


def dataset_of(taxonomy, labels, root=None, splits=None):
    """A data set from {key: Labels}; images are written below `root` if one is given."""
    samples = []
    for i, (key, one) in enumerate(labels.items()):
        path = None
        if root is not None:
            path = root / f"{key}.png"
            write_photo(path, one.size, seed=i)
        samples.append(Sample(key, ImageRef(path)))
    return Dataset(
        taxonomy, tuple(samples), lambda s: labels[s.key], splits or {}, name="generated"
    )


def objects(masks, category=None, **columns):
    """Labels of a list of bool arrays."""
    batch = Masks.from_dense([np.asarray(m, bool) for m in masks])
    names = np.zeros(len(masks), np.int32) if category is None else category
    return Labels(masks[0].shape, rows=Rows.make(batch, names, **columns))


def random_objects(rng, n=5, size=SIZE, *, overlap=False):
    """n rectangles with holes and stray pixels; apart unless overlap is asked for."""
    taken = np.zeros(size, bool)
    masks = []
    for _ in range(n):
        y, x = rng.integers(0, size[0] - 3), rng.integers(0, size[1] - 3)
        h, w = rng.integers(1, 9), rng.integers(1, 9)
        mask = np.zeros(size, bool)
        mask[y : y + h, x : x + w] = rng.random(mask[y : y + h, x : x + w].shape) < 0.8
        if not overlap:
            mask &= ~taken
        taken |= mask
        if mask.any():
            masks.append(mask)
    if not masks:
        masks.append(np.eye(*size, dtype=bool))
    return objects(masks)


def folder_bytes(root):
    """Relative path → bytes of every file below a folder."""
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


@pytest.fixture
def nuclei(tmp_path):
    """Three images of objects of one category that do not overlap."""
    rng = np.random.default_rng(7)
    labels = {f"im{i}": random_objects(rng) for i in range(3)}
    return dataset_of(
        NUCLEUS, labels, tmp_path / "photos", {"train": ("im0", "im1"), "val": ("im2",)}
    )
