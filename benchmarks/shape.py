"""Joint counts of id maps, and what follows from them, beside the references on the same arrays.

Run `python -m benchmarks.shape [--repeat N] [--json FILE]`. Times are CPU milliseconds of one
thread in one process, the best of all repeats. The limit is the bytes of both maps at 40 GB/s, what
one core read when it had the machine for itself; beside it stands what numpy needs to look at
every pixel of both once, on this machine in this run. References that are no packages here are the
transcriptions that the tests compare with.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from benchmarks.masks import cpu_model
from scipy import ndimage
from skimage.metrics import adapted_rand_error, contingency_table, variation_of_information
from tests.metrics import test_shape_oracles as shapes
from tests.metrics import test_tracks_oracles as tracks

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.shape.cluster_metrics import ClusterMetrics
from maskloom.metrics.shape.joint import joint_ids
from maskloom.metrics.shape.object_metrics import ObjectShapeMetrics
from maskloom.metrics.shape.objects import ObjectRules
from maskloom.metrics.shape.thin import centreline_dice, lines_of
from maskloom.metrics.tracks.track_metrics import TrackMetrics

ONE = Taxonomy((Category("one", "one"),))
LIMIT_BYTES_PER_S = 40e9


def smooth(rng: np.random.Generator, size: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
    """A random field without sharp edges."""
    coarse = rng.standard_normal(grid).astype(np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def warped(ids: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """The map as another annotator would draw it: borders moved by some pixels."""
    h, w = ids.shape
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    moves = [smooth(rng, (h, w), (max(h // 24, 4), max(w // 24, 4))) * amount for _ in range(2)]
    moved = cv2.remap(ids.astype(np.float32), x + moves[0], y + moves[1], cv2.INTER_NEAREST,
                      borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return moved.astype(ids.dtype)


def scene(rng: np.random.Generator, size: tuple[int, int], stuff: int, things: int) -> np.ndarray:
    """Regions that fill the frame, and objects on them; ids from 1."""
    best, ids = np.full(size, -9.0, np.float32), np.zeros(size, np.int32)
    for s in range(stuff):
        field = smooth(rng, size, (4, 5))
        ids[field > best] = s + 1
        best = np.maximum(best, field)
    for t in range(things):
        radius = float(np.clip(np.exp(rng.normal(3.5, 0.8)), 6, 200))
        centre = int(rng.integers(size[1])), int(rng.integers(size[0]))
        axes = int(radius), int(0.7 * radius)
        cv2.ellipse(ids, centre, axes, float(rng.integers(180)), 0, 360, stuff + t + 1, -1)
    return ids


def coco_like(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs (480, 640) of about 20 segments, uint32 ids of 24 bits; 20 scenes, each copied."""
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(min(n, 20)):
        ids = scene(rng, (480, 640), 6, 14)
        names = rng.choice(1 << 24, 21, replace=False).astype(np.uint32)
        pairs.append((names[ids], names[warped(ids, rng, 3.0)]))
    # Copies, so that maps come from memory as those of a data set do, not from the cache.
    return [(pairs[i % 20][0].copy(), pairs[i % 20][1].copy()) for i in range(n)]


def nuclei(side: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """A tile of n small objects that touch, and a copy with borders moved; ids without gaps."""
    rng = np.random.default_rng(1)
    ids = np.zeros((side, side), np.int32)
    for i in range(n):
        centre = int(rng.integers(side)), int(rng.integers(side))
        axes = int(rng.integers(6, 14)), int(rng.integers(6, 14))
        cv2.ellipse(ids, centre, axes, 0, 0, 360, i + 1, -1)
    both = ids, warped(ids, rng, 2.0)
    return tuple(np.unique(b, return_inverse=True)[1].reshape(side, side) for b in both)


def by_panopticapi(truth: np.ndarray, predicted: np.ndarray) -> dict[Any, Any]:
    """The counting of panopticapi `pq_compute_single_core`, once ids are decoded."""
    offset = 256 * 256 * 256
    labels, counts = np.unique(predicted, return_counts=True)
    areas = dict(zip(labels, counts, strict=True))
    joined = truth.astype(np.uint64) * offset + predicted.astype(np.uint64)
    labels, counts = np.unique(joined, return_counts=True)
    found = {}
    for label, shared in zip(labels, counts, strict=True):
        found[label // offset, label % offset] = shared
    return {"areas": areas, "pairs": found}


def by_unique(truth: np.ndarray, predicted: np.ndarray) -> Any:
    """One np.unique over both ids packed into 64 bits."""
    return np.unique((truth.astype(np.int64) << 32) | predicted, return_counts=True)


def measured(calls: dict[str, Callable[[], Any]], repeat: int) -> dict[str, Any]:
    """Best CPU ms of each, by turns, after one call that is not counted; ratios to the first."""
    best: dict[str, float] = {}
    first: dict[str, float] = {}
    for turn in range(repeat + 1):
        for name, call in calls.items():
            start = time.process_time()
            call()
            spent = 1e3 * (time.process_time() - start)
            if turn == 0:
                first[name] = spent
            else:
                best[name] = min(spent, best.get(name, spent))
    ours = next(iter(best.values()))
    return {
        "ms": {name: round(ms, 3) for name, ms in best.items()},
        "times_ours": {name: round(ms / ours, 2) for name, ms in list(best.items())[1:]},
        "first_call_ms": round(next(iter(first.values())), 1),
    }


def with_limit(row: dict[str, Any], n_bytes: int) -> dict[str, Any]:
    """The row with what reading alone takes."""
    limit = 1e3 * n_bytes / LIMIT_BYTES_PER_S
    ours = next(iter(row["ms"].values()))
    return {
        **row,
        "bytes": n_bytes,
        "limit_ms": round(limit, 3),
        "times_limit": round(ours / limit, 1),
    }


def counting(repeat: int) -> dict[str, Any]:
    """Joint counts of large maps and of many small ones."""
    rng = np.random.default_rng(2)
    truth = scene(rng, (2048, 2048), 40, 400)
    predicted = warped(truth, rng, 4.0)
    pairs = coco_like(200)
    for t, p in ((truth, predicted), pairs[0]):
        table, (_, counts) = joint_ids(t, p), by_unique(t, p)
        assert (table.pixels == counts).all()

    def look(arrays: list[np.ndarray]) -> None:
        for array in arrays:
            array.max()

    both = [truth, predicted]
    large = {
        "maskloom": lambda: joint_ids(truth, predicted),
        "np.unique of packed ids": lambda: by_unique(truth, predicted),
        "scikit-image contingency_table": lambda: contingency_table(truth, predicted),
        "cellpose _label_overlap": lambda: shapes.cellpose_overlap(truth, predicted),
        "numpy looks once at each pixel": lambda: look(both),
    }
    many = {
        "maskloom": lambda: [joint_ids(*pair) for pair in pairs],
        "panopticapi's counting": lambda: [by_panopticapi(*pair) for pair in pairs],
        "np.unique of packed ids": lambda: [by_unique(*pair) for pair in pairs],
        "numpy looks once at each pixel": lambda: look([a for pair in pairs for a in pair]),
    }
    return {
        "2048 x 2048 int32": with_limit(measured(large, repeat), 2 * truth.nbytes),
        "200 pairs 480 x 640 uint32": with_limit(
            measured(many, repeat), 400 * pairs[0][0].nbytes
        ),
    }  # fmt: skip


def scoring(repeat: int) -> dict[str, Any]:
    """Whole scores of one sample, maps in and numbers out."""
    rng = np.random.default_rng(3)
    truth = scene(rng, (2048, 2048), 40, 400)
    predicted = warped(truth, rng, 4.0)
    tile = nuclei(1000, 600)
    line = ndimage.gaussian_filter(rng.standard_normal((960, 999)), 6)
    vessels = [np.abs(line + shift) < 0.004 for shift in (0, 0.001)]
    frames = []
    for _ in range(300):
        ids = [np.flatnonzero(rng.random(30) < 0.8) for _ in range(2)]
        near = (ids[0][:, None] == ids[1][None, :]) * rng.random((len(ids[0]), len(ids[1])))
        frames.append((*ids, near))
    data = tracks.data_of(frames)

    def all_tracks() -> Any:
        metric = TrackMetrics(ONE)
        for frame in frames:
            metric.update_frame(*frame)
        return metric.result()

    rows = {
        "VI and Rand, 2048 x 2048": {
            "maskloom": lambda: ClusterMetrics(ONE).update_maps(truth, predicted),
            "scikit-image": lambda: (
                variation_of_information(truth, predicted),
                adapted_rand_error(truth, predicted),
            ),
        },
        "AJI, AJI+, F1 at 0.5, 1000 x 1000 with 600 nuclei": {
            "maskloom": lambda: ObjectShapeMetrics(ONE, ObjectRules((0.5,))).update_maps(*tile),
            "hover_net AJI and AJI+": lambda: (
                shapes.hover_net_aji(*tile),
                shapes.hover_net_aji(*tile, plus=True),
            ),
            "cellpose average precision and AJI": lambda: (
                shapes.cellpose_average_precision(*tile, 0.5),
                shapes.cellpose_aji(*tile),
            ),
        },
        "clDice, 960 x 999": {
            "maskloom": lambda: centreline_dice(lines_of(*vessels)),
            "the paper's code": lambda: shapes.reference_cldice(*vessels),
        },
        "HOTA, identity, CLEAR, 300 frames of 24 tracks": {
            "maskloom": all_tracks,
            "TrackEval": lambda: (tracks.hota(data), tracks.identity(data), tracks.clear(data)),
        },
    }
    return {name: measured(calls, repeat) for name, calls in rows.items()}


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    out = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": cpu_model(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "versions": {n: importlib.metadata.version(n) for n in ("numpy", "numba", "scikit-image")},
        "counting": counting(args.repeat),
        "scoring": scoring(max(args.repeat // 2, 1)),
    }
    print(json.dumps(out, indent=1))
    if args.json:
        args.json.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
