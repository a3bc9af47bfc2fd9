"""Generated volumes, and data sets of them."""

from __future__ import annotations

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.volumes import spacing_of

ORGANS = Taxonomy(tuple(Category(name, name, "stuff") for name in ("liver", "spleen", "tumour")))
CELL = Taxonomy((Category("cell", "cell", "thing"),))
# A rotation about two axes, anisotropic, with one axis turned over; exact in 32 bit.
OBLIQUE = (
    (-1.5, 0.0, 0.0, 100.5),
    (0.0, 0.0, 3.0, -20.25),
    (0.0, 0.75, 0.0, 7.0),
    (0.0, 0.0, 0.0, 1.0),
)


def oblique(angle=0.3, spacing=(0.7, 0.8, 2.5), origin=(12.0, -7.5, 30.0)):
    """An affine whose axes are rotated about z and x."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, c, -s], [0, s, c]]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * spacing
    matrix[:3, 3] = origin
    return tuple(tuple(float(v) for v in row) for row in matrix)


def torture(size=(7, 12, 9), n=3, seed=0):
    """A class map with holes, stray voxels, 1-voxel lines along every axis, and the border."""
    rng = np.random.default_rng(seed)
    out = np.full(size, 254, np.uint8)
    out[:, 2:8, 2:6] = 0
    out[:, 4:6, 3:5] = 254
    out[3, :, 4] = 1
    out[:, 9, 1] = 1 % n
    out[2, 10, :] = 2 % n
    out[0], out[:, 0], out[:, :, -1] = 2 % n, 1 % n, 0
    stray = rng.random(size) < 0.05
    out[stray] = rng.integers(0, n, int(stray.sum()))
    return out


def cells(size=(9, 40, 40), seed=1):
    """Labels of more than 255 objects over several planes each."""
    ids = np.zeros(size, np.int32)
    number = 0
    for y in range(0, size[1] - 1, 2):
        for x in range(0, size[2] - 1, 2):
            number += 1
            ids[(x // 2) % 5 : (x // 2) % 5 + 3, y, x] = number
    return objects_of(ids)


def objects_of(ids):
    masks, instance, plane = [], [], []
    for z, pixels in enumerate(ids):
        found, values = Masks.from_id_map(pixels)
        masks.append(found)
        instance += values.tolist()
        plane += [z] * len(values)
    rows = Rows.make(
        Masks.concatenate(masks), np.zeros(len(plane), int), instance=instance, plane=plane
    )
    return Labels(ids.shape, rows=rows)


def volumes_of(taxonomy, labels, *, affine=OBLIQUE, splits=None, images=None):
    """A data set from {key: Labels}."""
    samples = tuple(
        Sample(
            key,
            ImageRef(
                None if images is None else images[key],
                size=one.size,
                affine=affine,
                spacing=spacing_of(affine) if affine else (),
            ),
            kind="volume",
        )
        for key, one in labels.items()
    )
    return Dataset(taxonomy, samples, lambda s: labels[s.key], splits or {}, name="generated")


def classes(pixels):
    return Labels(pixels.shape, class_map=pixels)
