"""mask → runs → mask over 1,000,000 random masks: no pixel changes, on any way back.

Run `python -m benchmarks.exact_masks [--masks N] [--json FILE]`. Every mask goes through crop runs
in both memory orders, the COCO string (which unmodified pycocotools decodes, and whose bytes must
be those of pycocotools), and pixel-edge rings of 4- and of 8-connected parts.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask
from scipy.ndimage import gaussian_filter

from maskloom.core.masks import Masks

BATCH = 250


def smooth(rng, n, h, w):
    """Blobs of a few sizes."""
    field = gaussian_filter(rng.standard_normal((n, h, w)), (0, *rng.uniform(0.6, 4, 2)))
    return field > np.quantile(field, rng.uniform(0.2, 0.9))


def holes(rng, n, h, w):
    """Blobs with stray pixels taken out."""
    return smooth(rng, n, h, w) & (rng.random((n, h, w)) > 0.1)


def lines(rng, n, h, w):
    """Random walks one pixel wide, corners touching."""
    out = np.zeros((n, h, w), bool)
    y, x = rng.integers(0, h, n), rng.integers(0, w, n)
    every = np.arange(n)
    for _ in range(h + w):
        out[every, y, x] = True
        y = np.clip(y + rng.integers(-1, 2, n), 0, h - 1)
        x = np.clip(x + rng.integers(-1, 2, n), 0, w - 1)
    return out


def noise(rng, n, h, w):
    """Each pixel by chance, from almost none to almost all."""
    return rng.random((n, h, w)) < rng.uniform(0.01, 0.99)


def border(rng, n, h, w):
    """Blobs that reach every side, and frames one pixel wide."""
    out = smooth(rng, n, h, w)
    out[:, 0], out[:, -1] = rng.random((n, w)) < 0.8, rng.random((n, w)) < 0.8
    out[::2, :, 0], out[::2, :, -1] = True, True
    return out


def tiny(rng, n, h, w):
    """One to four pixels anywhere."""
    out = np.zeros((n, h, w), bool)
    for _ in range(int(rng.integers(1, 5))):
        out[np.arange(n), rng.integers(0, h, n), rng.integers(0, w, n)] = True
    return out


def full(rng, n, h, w):
    """Everything, or all but one pixel."""
    out = np.ones((n, h, w), bool)
    out[1::2, rng.integers(h), rng.integers(w)] = False
    return out


def empty(_rng, n, h, w):
    """Nothing."""
    return np.zeros((n, h, w), bool)


FAMILIES = {f.__name__: f for f in (smooth, holes, lines, noise, border, tiny, full, empty)}


def changed(pixels: np.ndarray) -> Counter[str]:
    """Changed pixels on each way back, and COCO strings that are not pycocotools' own."""
    n, h, w = pixels.shape
    masks = Masks.from_dense(pixels)
    again = Masks.from_dense(np.asfortranarray(pixels.transpose(1, 2, 0)).transpose(2, 0, 1))
    out = Counter(
        {
            "runs, C order": int((masks.decode("C") != pixels).sum()),
            "runs, F order": int((masks.decode("F") != pixels).sum()),
            "runs of an array in F order": int((again.decode("C") != pixels).sum()),
        }
    )
    coded = [masks.to_coco(i) for i in range(n)]
    out["COCO string"] = int((Masks.from_coco(coded).decode() != pixels).sum())
    theirs = coco_mask.encode(np.asfortranarray(pixels.transpose(1, 2, 0), np.uint8))
    out["strings that differ"] = sum(
        a["counts"].encode() != b["counts"] for a, b in zip(coded, theirs, strict=True)
    )
    read = [{"size": c["size"], "counts": c["counts"].encode()} for c in coded]
    decoded = coco_mask.decode(read).transpose(2, 0, 1)
    out["COCO string by pycocotools"] = int((decoded.astype(bool) != pixels).sum())
    for connectivity in (4, 8):
        rings = [masks.rings(i, connectivity) for i in range(n)]
        filled = Masks.from_polygons(rings, (h, w), rule="edge")
        out[f"rings, {connectivity}-connected"] = int((filled.decode() != pixels).sum())
    return out


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--masks", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    start = time.perf_counter()
    done: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    pixels_in = 0
    while sum(done.values()) < args.masks:
        for name, family in FAMILIES.items():
            h, w = (int(v) for v in rng.integers(1, 65, 2))
            pixels = family(rng, BATCH, h, w)
            wrong.update(changed(pixels))
            done[name] += BATCH
            pixels_in += pixels.size
    result = {
        "masks": dict(done),
        "total": sum(done.values()),
        "pixels": pixels_in,
        "changed": {name: wrong[name] for name in sorted(wrong)},
        "seconds": round(time.perf_counter() - start, 1),
        "seed": args.seed,
        "versions": {n: importlib.metadata.version(n) for n in ("numpy", "pycocotools")},
    }
    text = json.dumps(result, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")
    raise SystemExit(any(wrong.values()))


if __name__ == "__main__":
    main()
