"""Boundary F1 beside DAVIS and OpenCV, and Boundary AP (`boundary_ap.py`), on one core.

Run `python -m benchmarks.boundary [--repeat N] [--images N] [--json FILE]`. Seconds are of the
process's CPU, the best of some runs after one to warm up; scores are compared before anything is
timed. DAVIS's F is written out after davis2017-evaluation `f_measure`, on OpenCV as there.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
from pathlib import Path

import cv2
import numpy as np
from benchmarks.boundary_ap import READ, bands, best
from benchmarks.masks import cpu_model
from skimage.morphology import disk

from maskloom.metrics.boundary.contours import boundary_f1
from maskloom.metrics.boundary.rules import CONTOUR_RULES


def field(rng, shape, grid):
    """Smooth noise over a frame."""
    noise = rng.standard_normal(grid).astype(np.float32)
    return cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)


def street(rng, shape=(1024, 2048)):
    """Land that three scales of noise parted, and a prediction: bent, with patches of its own."""
    truth = sum(field(rng, shape, g) for g in ((4, 8), (12, 24), (30, 60))) > 0.5
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape[::-1]))
    bend = [4 * field(rng, shape, (40, 80)) for _ in range(2)]
    predicted = cv2.remap(
        truth.astype(np.uint8),
        x + bend[0],
        y + bend[1],
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )
    for _ in range(30):
        middle = int(rng.integers(shape[1])), int(rng.integers(shape[0]))
        radius = int(rng.integers(8, 60))
        cv2.circle(predicted, middle, radius, int(rng.integers(2)), -1)
    return truth.astype(np.uint8), predicted


def davis_contour(mask):
    """davis2017-evaluation `_seg2bmap`."""
    mask = mask.astype(bool)
    e, s, se = (np.zeros_like(mask) for _ in range(3))
    e[:, :-1], s[:-1], se[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
    out = mask ^ e | mask ^ s | mask ^ se
    out[-1], out[:, -1] = mask[-1] ^ e[-1], mask[:, -1] ^ s[:, -1]
    out[-1, -1] = False
    return out


def harmonic(precision, recall):
    """F1 of both."""
    return 2 * precision * recall / (precision + recall)


def davis(truth, predicted, reach):
    """davis2017-evaluation `f_measure`, both contours there."""
    t, p = davis_contour(truth), davis_contour(predicted)
    footprint = disk(reach).astype(np.uint8)
    p_wide = cv2.dilate(p.astype(np.uint8), footprint)
    t_wide = cv2.dilate(t.astype(np.uint8), footprint)
    return harmonic(np.sum(p * t_wide) / np.sum(p), np.sum(t * p_wide) / np.sum(t))


def opencv(truth, predicted, reach):
    """The same by OpenCV's exact distance transform."""
    t, p = davis_contour(truth), davis_contour(predicted)
    far_t, far_p = (
        cv2.distanceTransform(1 - one.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for one in (t, p)
    )
    return harmonic((far_t[p] <= reach + 1e-3).mean(), (far_p[t] <= reach + 1e-3).mean())


def contours(repeat, images=10):
    """Boundary F1 by the rules of DAVIS, by everybody."""
    rng = np.random.default_rng(0)
    pairs = [street(rng) for _ in range(images)]
    reach = math.ceil(0.008 * math.hypot(*pairs[0][0].shape))
    rules = CONTOUR_RULES["davis"]
    calls = {
        "maskloom": lambda: [boundary_f1(t, p, rules) for t, p in pairs],
        "davis": lambda: [davis(t, p, reach) for t, p in pairs],
        "opencv": lambda: [opencv(t, p, reach) for t, p in pairs],
    }
    times, scores = {}, {}
    for name, call in calls.items():
        seconds, scores[name] = best(call, repeat if name == "maskloom" else 2)
        times[name] = round(1e3 * seconds / images, 3)
    limit = 1e3 * 2 * pairs[0][0].size / READ
    return {
        "images": images,
        "size": list(pairs[0][0].shape),
        "tolerance_px": reach,
        "mean_f1": float(np.mean(scores["maskloom"])),
        "largest_difference": {
            name: float(np.abs(np.subtract(scores["maskloom"], of)).max())
            for name, of in scores.items()
        },
        "ms_per_image": times,
        "limit_ms": round(limit, 3),
        "of_limit": round(times["maskloom"] / limit, 1),
        "times_faster": {n: round(t / times["maskloom"], 1) for n, t in times.items()},
    }


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/boundary.json"))
    args = parser.parse_args()
    cv2.setNumThreads(1)
    result = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": cpu_model(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "boundary_f1": contours(args.repeat),
    }
    print(json.dumps(result["boundary_f1"], indent=1), flush=True)
    result["boundary_ap"] = bands(args.repeat, args.images)
    print(json.dumps(result["boundary_ap"], indent=1))
    args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
