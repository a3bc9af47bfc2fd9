"""Masks that try surfaces, and the references they are held against."""

from __future__ import annotations

import os
import warnings

import numpy as np
from scipy import ndimage

FUZZ = int(os.environ.get("MASKLOOM_FUZZ", "300"))
SPACINGS = (1.0, 1.0, 2.0, 3.0, 0.1, 0.3, 0.7, 1.5, 0.85)


def mask(rng, shape):
    """Noise, blobs that may touch the edge, boxes, single pixels, everything or nothing."""
    kind = rng.integers(7)
    if kind == 0:
        return rng.random(shape) < rng.choice([0.02, 0.3, 0.6, 0.95])
    if kind == 1:
        return np.full(shape, rng.random() < 0.5)
    if kind == 2:
        one = np.zeros(shape, bool)
        one[tuple(rng.integers(0, s) for s in shape)] = True
        return one
    if kind == 3:
        one = np.zeros(shape, bool)
        ends = [np.sort(rng.integers(0, s + 1, 2)) for s in shape]
        one[tuple(slice(a, b) for a, b in ends)] = True
        return one
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(0.6, 2.5))
    return smooth > np.quantile(smooth, rng.choice([0.3, 0.6, 0.9]))


def pair(rng, *, deep=None, widest=24):
    """Two masks of one shape and a spacing."""
    deep = rng.random() < 0.5 if deep is None else deep
    shape = tuple(int(n) for n in rng.integers(1, 9 if deep else widest, 3 if deep else 2))
    if rng.random() < 0.2:
        # Rows of more than one word, and of exactly one.
        shape = (*shape[:-1], int(rng.choice([63, 64, 65, 127, 128, 130])))
    truth = mask(rng, shape)
    other = mask(rng, shape)
    if rng.random() < 0.3:
        other = np.roll(truth, rng.integers(-2, 3, len(shape)), tuple(range(len(shape))))
    spacing = tuple(float(s) for s in rng.choice(SPACINGS, len(shape)))
    return truth, other, spacing


def tolerance(rng, spacing):
    """A tolerance that distances often meet exactly."""
    steps = rng.integers(0, 4, len(spacing))
    return float(np.sqrt(sum((s * n) ** 2 for s, n in zip(spacing, steps, strict=True))))


def border(one, *, full=False, outside=True):
    """Pixels of a mask that erosion takes away."""
    near = ndimage.generate_binary_structure(one.ndim, one.ndim if full else 1)
    return one & ~ndimage.binary_erosion(one, near, border_value=0 if outside else 1)


def distances(one, other, spacing, find=border):
    """From the border of one mask to that of another, by the distance transform of all pixels."""
    return ndimage.distance_transform_edt(~find(other), sampling=spacing)[find(one)]


def corners(one):
    """Corners between pixels that are not all alike, outside of the image being outside."""
    total = np.zeros(np.array(one.shape) + 1, int)
    for at in np.ndindex(*(2,) * one.ndim):
        total[tuple(slice(a, a + s) for a, s in zip(at, one.shape, strict=True))] += one
    return (total > 0) & (total < 2**one.ndim)


def deepmind():
    """surface-distance 0.1, which asks for names that NumPy 2 has not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        for name in ("Inf", "NaN"):
            if not hasattr(np, name):
                setattr(np, name, getattr(np, name.lower()))
        import surface_distance

    return surface_distance


def quiet(function, *args, **options):
    """The result of a reference that warns."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # MONAI's of empty masks, and of its own arguments
        return function(*args, **options)


def said(value):
    """A number of a reference as ours says it: None is not a number."""
    value = float(value)
    return None if np.isnan(value) else value


def same(mine, theirs, *, rel=1e-9):
    """Both undefined, both infinite, or close; by 1e-9 whole numbers are met to the last bit."""
    if mine is None or theirs is None:
        return mine is theirs
    if rel == 1e-9 and (theirs == np.inf or float(theirs).is_integer()):
        return mine == theirs
    return mine == theirs or abs(mine - theirs) <= rel * abs(theirs)
