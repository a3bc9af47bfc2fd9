"""Objects that conversions lose: holes, parts, lines, pixels, borders, overlaps, very many."""

from __future__ import annotations

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy

SIZE = (40, 56)
KINDS = Taxonomy(
    (Category("cell", "cell"), Category("two-words", "two words"), Category("c", "Zürich <&>"))
)


def shapes():
    """Name → mask of `SIZE`."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    ring = (abs(y - 12) < 9) & (abs(x - 14) < 9)
    hole = ring & ~((abs(y - 12) < 4) & (abs(x - 14) < 4))
    island = hole | ((y == 12) & (x == 14))
    parts = ((y < 3) & (x > 50)) | ((y > 36) & (x < 4))
    return {
        "hole": hole,
        "island in a hole": island,
        "parts": parts,
        "diagonal": y == x - 3,
        "row of pixels": (y == 7) & (x > 3) & (x < 40),
        "column of pixels": (x == 55) & (y > 3),
        "pixel": (y == 0) & (x == 0),
        "last pixel": (y == SIZE[0] - 1) & (x == SIZE[1] - 1),
        "whole": np.ones(SIZE, bool),
        "checkers": (y + x) % 2 == 0,
        "noise": np.random.default_rng(3).random(SIZE) < 0.4,
        "corners that touch": ((y < 5) & (x < 5)) | ((y >= 5) & (y < 9) & (x >= 5) & (x < 9)),
    }


def labels(**columns):
    """All shapes in one image, over one another."""
    masks = Masks.from_dense(list(shapes().values()))
    category = np.arange(len(masks)) % len(KINDS)
    return Labels(SIZE, rows=Rows.make(masks, category, **columns))


def many(n=300):
    """More objects than a byte counts, a pixel each."""
    ids = np.zeros(SIZE, np.int64)
    ids.ravel()[:n] = np.arange(1, n + 1)
    masks, _ = Masks.from_id_map(ids)
    return Labels(SIZE, rows=Rows.make(masks, np.zeros(n)))


def empty():
    """An image without an object."""
    return Labels(SIZE, rows=Rows.make(Masks.empty(0, SIZE), np.zeros(0)))


def dataset(**columns):
    """The images `a/torture`, `b/many` and `empty`, in two splits and none."""
    every = {"a/torture": labels(**columns), "b/many": many(), "empty": empty()}
    samples = tuple(Sample(key, ImageRef(None, SIZE), file_name=f"{key}.jpg") for key in every)
    splits = {"train": ("a/torture",), "val": ("b/many",)}
    return Dataset(KINDS, samples, lambda s: every[s.key], splits, name="torture")
