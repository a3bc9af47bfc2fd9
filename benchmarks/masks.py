"""Masks against pycocotools and faster-coco-eval, on the same masks in one process.

Run `python benchmarks/masks.py [--repeat N] [--quick] [--json FILE]`. Times are CPU
milliseconds of one thread, best and median; the first call is reported apart.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from scipy.ndimage import gaussian_filter

from maskloom.core.masks import Masks

Call = Callable[[], Any]


def timed(call: Call, repeat: int) -> dict[str, float]:
    """First call (wall), then best and median CPU time, in ms."""
    start = time.perf_counter()
    call()
    first = 1e3 * (time.perf_counter() - start)
    times = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        times.append(1e3 * (time.process_time() - start))
    return {"first_ms": first, "best_ms": min(times), "median_ms": statistics.median(times)}


def frames(size: tuple[int, int]) -> dict[str, np.ndarray]:
    """One large blob, and smooth classes as of land cover with many boundaries."""
    h, w = size
    y, x = np.mgrid[:h, :w]
    blob = (y - h / 2) ** 2 / (0.38 * h) ** 2 + (x - w / 2) ** 2 / (0.34 * w) ** 2 < 1
    noise = np.random.default_rng(0).standard_normal((h // 4, w // 4))
    land = (gaussian_filter(noise, 3) > 0).repeat(4, 0).repeat(4, 1)
    return {"blob": blob, "land cover": land}


def stars(n: int, size: tuple[int, int], seed: int) -> list[np.ndarray]:
    """Star polygons of 12 to 60 vertices, such as annotators draw."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        k = int(rng.integers(12, 60))
        angle = np.linspace(0, 2 * np.pi, k, endpoint=False)
        radius = rng.uniform(0.03, 0.2) * min(size) * rng.uniform(0.7, 1.0, k)
        centre = rng.uniform(0, 1, 2) * (size[1], size[0])
        out.append(centre + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))
    return out


def peers() -> dict[str, Any]:
    """pycocotools, and faster-coco-eval where it is installed."""
    found = {"pycocotools": coco_mask}
    if importlib.util.find_spec("faster_coco_eval"):
        from faster_coco_eval.core import mask as faster_mask

        found["faster-coco-eval"] = faster_mask
    return found


def frame_cases(size: tuple[int, int]) -> dict[str, dict[str, Call]]:
    """Encoding, decoding and area of single frames."""
    cases: dict[str, dict[str, Call]] = {}
    for name, frame in frames(size).items():
        by_column = np.asfortranarray(frame)
        mine = Masks.from_dense(frame)
        calls: dict[str, dict[str, Call]] = {
            "encode C": {"maskloom": lambda f=frame: Masks.from_dense(f)},
            "encode F": {"maskloom": lambda f=by_column: Masks.from_dense(f)},
            "decode": {
                "maskloom": lambda m=mine: m.decode(),
                "maskloom order F": lambda m=mine: m.decode("F"),
            },
            "area": {"maskloom": lambda m=mine: m.areas},
        }
        for peer, api in peers().items():
            code = api.encode(by_column.view(np.uint8))
            calls["encode C"][peer] = lambda a=api, f=frame: a.encode(
                np.asfortranarray(f).view(np.uint8)
            )
            calls["encode F"][peer] = lambda a=api, f=by_column: a.encode(f.view(np.uint8))
            calls["decode"][peer] = lambda a=api, c=code: a.decode(c)
            calls["area"][peer] = lambda a=api, c=code: a.area(c)
        cases |= {f"{verb}, {name}, {size[0]}x{size[1]}": c for verb, c in calls.items()}
    return cases


def object_cases(size: tuple[int, int], n: int) -> dict[str, dict[str, Call]]:
    """Polygon fill, IoU n x n and union of many objects in one frame."""
    polygons = stars(n, size, seed=1)
    flat = [p.ravel().tolist() for p in polygons]
    mine = Masks.from_polygons([[p] for p in polygons], size)
    ids = np.zeros(size, np.int32)
    mine.paint(ids, np.arange(1, n + 1))
    calls: dict[str, dict[str, Call]] = {
        f"fill {n} polygons": {
            "maskloom": lambda: Masks.from_polygons([[p] for p in polygons], size)
        },
        f"iou {n}x{n}": {"maskloom": lambda: mine.iou(mine)},
        f"merge {n}": {"maskloom": mine.merge},
        f"id map of {n}": {"maskloom": lambda: Masks.from_id_map(ids)},
    }
    for peer, api in peers().items():
        codes = api.frPyObjects(flat, *size)
        calls[f"fill {n} polygons"][peer] = lambda a=api: a.frPyObjects(flat, *size)
        calls[f"iou {n}x{n}"][peer] = lambda a=api, c=codes: a.iou(c, c, [0] * n)
        calls[f"merge {n}"][peer] = lambda a=api, c=codes: a.merge(c)
        calls[f"id map of {n}"][peer] = lambda a=api: a.encode(
            np.asfortranarray((ids[:, :, None] == np.arange(1, n + 1)).view(np.uint8))
        )
    if size[0] > 2000:
        for peer in peers():
            del calls[f"id map of {n}"][peer]
    return {f"{verb}, {size[0]}x{size[1]}": c for verb, c in calls.items()}


def read_limit(size: tuple[int, int], repeat: int) -> float:
    """GB/s at which this machine reads a frame once (maximum of its 64-bit words)."""
    words = np.random.default_rng(0).integers(0, 2**62, size[0] * size[1] // 8)
    best = min(timed(words.max, repeat)["best_ms"], timed(words.sum, repeat)["best_ms"])
    return words.nbytes / best / 1e6


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_model() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def run(sizes: list[tuple[int, int]], repeat: int) -> list[dict[str, Any]]:
    """All cases, printed as they are measured."""
    rows: list[dict[str, Any]] = []
    for size in sizes:
        limit = read_limit(size, repeat)
        print(f"\n{size[0]}x{size[1]}: memory read limit {limit:.1f} GB/s")
        for case, calls in (frame_cases(size) | object_cases(size, 100)).items():
            before = peak_mb()
            results = {name: timed(call, repeat) for name, call in calls.items()}
            mine = results["maskloom"]
            row: dict[str, Any] = {"case": case, "results": results, "read_limit_gbs": limit}
            row["peak_growth_mb"] = peak_mb() - before
            if case.startswith(("encode", "decode")):
                row["gb_per_s"] = size[0] * size[1] / mine["best_ms"] / 1e6
            if "pycocotools" in results:
                row["ratio"] = results["pycocotools"]["best_ms"] / max(mine["best_ms"], 1e-6)
            rows.append(row)
            cells = "  ".join(
                f"{name} {r['best_ms']:.3f}/{r['median_ms']:.3f}" for name, r in results.items()
            )
            print(f"{case:34s} x{row.get('ratio', float('nan')):7.1f}  {cells}")
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="640x480 only")
    default = Path(__file__).parent / "results" / "masks.json"
    parser.add_argument("--json", type=Path, default=default)
    options = parser.parse_args()
    rows = run([(480, 640)] if options.quick else [(480, 640), (4096, 4096)], options.repeat)
    packages = ["numpy", "numba", "pycocotools", "faster-coco-eval"]
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": cpu_model(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "unit": "CPU ms of one thread; first_ms is wall time and includes loading kernels",
        "peak_mb": peak_mb(),
        "rows": rows,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
