"""Masks and data sets that formats break on: families of masks, and one set of all hard cases."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from maskloom.core.labels import Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy

from .conftest import dataset_of

FAMILIES = ("smooth", "holes", "lines", "noise", "border", "tiny", "full", "empty")
TAXONOMY = Taxonomy(
    (
        Category("cell", "cell", "thing"),
        Category("two-words", "two words", "thing"),
        Category("tissue", "tissue", "stuff"),
    )
)
SIZE = (48, 64)


def mask_of(family, rng, size=(64, 64)):
    """One (H, W) bool mask of a family; only `empty` is always without a pixel."""
    if family == "smooth":
        return _smooth(rng, size, 5)
    if family == "holes":
        return _smooth(rng, size, 4) & (ndimage.gaussian_filter(rng.standard_normal(size), 1) < 0.2)
    if family == "lines":
        return _lines(rng, size)
    if family == "noise":
        return rng.random(size) < rng.uniform(0.2, 0.8)
    if family == "border":
        return _border(rng, size)
    if family == "tiny":
        return _tiny(rng, size)
    return np.full(size, family == "full")


def _smooth(rng, size, sigma):
    field = ndimage.gaussian_filter(rng.standard_normal(size), sigma)
    labels, _ = ndimage.label(field > np.quantile(field, 0.6))
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return labels == counts.argmax()


def _lines(rng, size):
    mask = np.zeros(size, bool)
    for _ in range(int(rng.integers(1, 4))):
        y, x = (int(rng.integers(0, n)) for n in size)
        for _ in range(60):
            mask[y, x] = True
            y = int(np.clip(y + rng.integers(-1, 2), 0, size[0] - 1))
            x = int(np.clip(x + rng.integers(-1, 2), 0, size[1] - 1))
    return mask


def _border(rng, size):
    mask = np.zeros(size, bool)
    deep = int(rng.integers(1, 5))
    mask[:deep], mask[-deep:], mask[:, :deep], mask[:, -deep:] = True, True, True, True
    return mask & (rng.random(size) < rng.choice([0.9, 1.0]))


def _tiny(rng, size):
    mask = np.zeros(size, bool)
    h, w = (int(v) for v in rng.integers(1, 4, 2))
    y, x = (int(rng.integers(0, n - 3)) for n in size)
    mask[y : y + h, x : x + w] = rng.random((h, w)) < 0.8
    mask[y, x] = True
    return mask


def hard_masks(size=SIZE):
    """Name → mask: every shape that some tool loses."""
    h, w = size
    y, x = np.mgrid[:h, :w]
    away = np.hypot(y - h // 2, x - w // 2)
    disc, hole, island = away < h / 3, away < h / 6, away < h / 12
    holes = (abs(y - h // 2) < 3) & (abs(abs(x - w // 2) - 6) < 3)
    return {
        "disc": disc,
        "ring": disc & ~hole,
        "island in a hole": (disc & ~hole) | island,
        "two holes": disc & ~holes,
        "two parts": ((x < 5) & (y < 5)) | ((x > w - 5) & (y > h - 4)),
        "parts by a corner": ((x < 4) & (y < 4)) | ((x > 3) & (x < 8) & (y > 3) & (y < 8)),
        "row": (y == 7) & (x > 3) & (x < w - 9),
        "column": (x == 9) & (y > 2),
        "diagonal": (x == y) & (x < h - 2),
        "other diagonal": (x + y == h - 1) & (y > 3),
        "pixel": (x == w - 1) & (y == h - 1),
        "two pixels": (y == 0) & (x < 2),
        "frame": (x == 0) | (y == 0) | (x == w - 1) | (y == h - 1),
        "grid": (x % 3 == 0) | (y % 3 == 0),
        "everything": np.ones(size, bool),
    }


def rows_of(masks, category=None, **columns):
    """Rows of bool arrays, of category 0 unless said."""
    batch = Masks.from_dense([np.asarray(m, bool) for m in masks])
    names = np.zeros(len(masks), np.int32) if category is None else category
    return Rows.make(batch, names, **columns)


def torture(root=None, *, parts=True, overlap=True, empty=True, many=True, facts=(), families=1):
    """A data set of the hard cases; those that a format cannot hold are left out by name.

    Args:
        root: images are written there, if given.
        parts: objects whose pixels do not all touch.
        overlap: an image of objects that share pixels.
        empty: an image without objects.
        many: an image of 599 objects.
        facts: of crowd, void, attributes, scores and nothing (an object without a pixel), an
            image each.
        families: images of each family of random masks.
    """
    hard = hard_masks()
    if not parts:
        hard = {n: m for n, m in hard.items() if ndimage.label(m, np.ones((3, 3)))[1] == 1}
    labels = {
        f"hard/{i:02d}": Labels(SIZE, rows=rows_of([m], [i % 3]))
        for i, m in enumerate(hard.values())
    }
    if overlap:
        kinds = np.arange(len(hard)) % 2
        labels["overlap"] = Labels(SIZE, rows=rows_of(list(hard.values()), kinds))
    if empty:
        none = rows_of([hard["disc"]]).take(slice(0, 0))
        labels["without objects"] = Labels(SIZE, rows=none)
    if many:
        ids = np.arange(600).reshape(20, 30).repeat(2, 0).repeat(2, 1)
        masks, _ = Masks.from_id_map(ids)
        labels["many"] = Labels((40, 60), rows=Rows.make(masks, np.arange(599) % 2))
    every = _facts(hard)
    labels |= {name: every[name] for name in facts}
    labels |= _random_images(families, parts=parts)
    return dataset_of(TAXONOMY, labels, root)


def _facts(hard):
    two = [hard["disc"], hard["row"] & ~hard["disc"]]
    told = ({"occluded": True, "pose": "left"}, None)
    seen = Coverage(area=Masks.from_dense(~(hard["frame"] | hard["two holes"])))
    return {
        "crowd": Labels(SIZE, rows=rows_of(two, crowd=[True, False])),
        "void": Labels(SIZE, rows=rows_of([hard["row"]]), coverage=seen),
        "attributes": Labels(SIZE, rows=rows_of(two, attributes=told)),
        "scores": Labels(SIZE, rows=rows_of(two, score=[0.875, 0.1])),
        "nothing": Labels(SIZE, rows=rows_of([two[0], two[0] & False])),
    }


def _random_images(families, *, parts):
    rng = np.random.default_rng(3)
    labels = {}
    for family in FAMILIES[:-1]:
        for i in range(families):
            mask = mask_of(family, rng)
            if not parts:
                found, _ = ndimage.label(mask, np.ones((3, 3)))
                mask = found == 1
            labels[f"{family}/{i}"] = Labels(mask.shape, rows=rows_of([mask]))
    return labels
