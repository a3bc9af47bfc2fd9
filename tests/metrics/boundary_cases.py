"""Masks that are hard for outlines, and the references written out pixel by pixel.

The references follow the public code that they are named after; nothing here is fast.
"""

from __future__ import annotations

import os

import cv2
import numpy as np
from scipy import ndimage, optimize
from skimage.morphology import disk

FUZZ = int(os.environ.get("MASKLOOM_FUZZ", "300"))

SIDES = (1, 2, 3, 5, 31, 33, 62, 63, 64, 65, 66, 127, 128, 129, 130)


def smooth_mask(rng, height, width):
    """A blobby mask that cuts the frame's edges, from nearly empty to nearly full."""
    grid = rng.random((int(rng.integers(1, 10)), int(rng.integers(1, 10))))
    field = cv2.resize(grid, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
    return field > rng.uniform(0.1, 0.9)


def random_side(rng):
    return int(rng.choice(SIDES)) if rng.random() < 0.6 else int(rng.integers(1, 140))


def random_mask(rng, height, width):
    """One of: smooth, noise, a line of one pixel, a rectangle at an edge, empty, full."""
    kind = rng.integers(8)
    mask = np.zeros((height, width), bool)
    if kind <= 2:
        return smooth_mask(rng, height, width)
    if kind == 3:
        return rng.random((height, width)) < rng.choice([0.02, 0.5, 0.98])
    if kind == 4:
        if rng.random() < 0.5:
            mask[rng.integers(height)] = True
        else:
            mask[:, rng.integers(width)] = True
    elif kind == 5:
        y, x = rng.integers(height), rng.integers(width)
        mask[y:, : x + 1] = True
    elif kind == 6:
        mask[:] = True
    return mask


def disturbed(rng, mask):
    """A prediction of the mask: moved, torn or something else altogether."""
    if rng.random() < 0.2:
        return random_mask(rng, *mask.shape)
    moved = np.roll(mask, rng.integers(-4, 5, 2), (0, 1))
    return moved ^ (rng.random(mask.shape) < rng.choice([0.0, 0.0, 0.01]))


def pair(rng):
    truth = random_mask(rng, random_side(rng), random_side(rng))
    return truth, disturbed(rng, truth)


def mask_to_boundary(mask, width):
    """boundary-iou-api `mask_to_boundary`, the width given."""
    h, w = mask.shape
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=int(width))
    return mask & ~eroded[1 : h + 1, 1 : w + 1].astype(bool)


def api_width(height, width, ratio=0.02):
    return max(1, round(ratio * np.sqrt(height**2 + width**2)))


def reloaded_band(mask, distance):
    """MetricsReloaded: pixels of the mask nearer than `distance` to its border."""
    border = mask & ~ndimage.binary_erosion(mask)
    if not border.any():
        return border
    return mask & (ndimage.distance_transform_edt(~border) < distance)


def quotient(a, b):
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else None


def seg2bmap(mask):
    """davis2017-evaluation `_seg2bmap` at the mask's own size."""
    e, s, se = (np.zeros_like(mask) for _ in range(3))
    e[:, :-1] = mask[:, 1:]
    s[:-1] = mask[1:]
    se[:-1, :-1] = mask[1:, 1:]
    out = (mask ^ e) | (mask ^ s) | (mask ^ se)
    out[-1] = mask[-1] ^ e[-1]
    out[:, -1] = mask[:, -1] ^ s[:, -1]
    out[-1, -1] = False
    return out


def f_measure(predicted, truth, void=None, bound_th=0.008):
    """davis2017-evaluation `f_measure`."""
    judged = np.ones(truth.shape, bool) if void is None else ~void
    reach = bound_th if bound_th >= 1 else np.ceil(bound_th * np.linalg.norm(truth.shape))
    p, t = seg2bmap(predicted & judged), seg2bmap(truth & judged)
    footprint = disk(reach).astype(np.uint8)
    p_wide, t_wide = (cv2.dilate(one.astype(np.uint8), footprint).astype(bool) for one in (p, t))
    if not p.any() or not t.any():
        return float(p.any() == t.any())
    precision, recall = (p & t_wide).sum() / p.sum(), (t & p_wide).sum() / t.sum()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def db_eval_iou(truth, predicted, void=None):
    """davis2017-evaluation `db_eval_iou` of one frame."""
    judged = np.ones(truth.shape, bool) if void is None else ~void
    union = ((truth | predicted) & judged).sum()
    return ((truth & predicted) & judged).sum() / union if union else 1.0


def db_statistics(values):
    """davis2017-evaluation `db_statistics`, its 8-bit bounds included."""
    values = np.asarray(values, float)
    ids = np.round(np.linspace(1, len(values), 5) + 1e-10) - 1
    ids = ids.astype(np.uint8)
    quarters = [values[ids[i] : ids[i + 1] + 1] for i in range(4)]
    return values.mean(), (values > 0.5).mean(), quarters[0].mean() - quarters[3].mean()


def edges_within(a, b, reach):
    """(N, M) whether pixels of two contours are within `reach`, and their distances."""
    one, two = np.argwhere(a), np.argwhere(b)
    apart = ((one[:, None] - two[None]) ** 2).sum(axis=2)
    return apart <= reach * reach, np.sqrt(apart)


def correspond_pixels(a, b, reach, outlier=100.0):
    """BSDS500's problem solved exactly: pairs at the lowest cost; the number of pairs.

    A pair costs its distance, a pixel without one `outlier` times the reach.
    """
    close, distance = edges_within(a, b, reach)
    n, m = close.shape
    if not close.any():
        return 0
    dear = outlier * reach
    cost = np.full((n + m, n + m), 1e9)
    cost[:n, :m][close] = distance[close]
    cost[:n, m:][np.eye(n, dtype=bool)] = dear
    cost[n:, :m][np.eye(m, dtype=bool)] = dear
    cost[n:, m:] = 0.0
    rows, columns = optimize.linear_sum_assignment(cost)
    return int(((rows < n) & (columns < m)).sum())


def class_map(rng, height, width, n):
    """A class map of n classes with void pixels (255) and background (254)."""
    grid = rng.random((int(rng.integers(1, 9)), int(rng.integers(1, 9))))
    field = cv2.resize(grid, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
    out = np.clip(field * (n + 1) - 0.5, 0, n - 0.01).astype(np.uint8)
    out[rng.random(out.shape) < 0.03] = 254
    if rng.random() < 0.5:
        out[smooth_mask(rng, height, width) & (rng.random(out.shape) < 0.5)] = 255
    return out
