"""A validation loop of dense masks: AP beside torchmetrics, equal numbers, CPU time and memory.

    python -m benchmarks.validation [--images 60] [--out benchmarks/results/validation.json]

Every tool runs in a process of its own. CPU seconds are the figure; what is not told apart from
noise in memory is the growth over the loop, as all of them hold the same masks of one image.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
from benchmarks.convert_jobs import peak_mb

SIZE = (480, 640)
DETECTIONS = 100
OBJECTS = 8
CLASSES = 20


def image(number: int) -> tuple[dict, dict]:
    """Predictions and truth of one image: ellipses, a third of the predictions near an object."""
    rng = np.random.default_rng(number)
    y, x = np.ogrid[: SIZE[0], : SIZE[1]]

    def ellipses(n):
        centre = rng.uniform((40, 40), (440, 600), (n, 2))
        return centre, rng.uniform(8, 90, (n, 2)), rng.integers(0, CLASSES, n)

    def drawn(centre, radius):
        inside = ((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2
        return inside <= 1

    centre, radius, labels = ellipses(OBJECTS)
    truth = {"masks": np.stack([*map(drawn, centre, radius)]), "labels": labels}
    more, wide, guessed = ellipses(DETECTIONS)
    near = rng.integers(0, OBJECTS, DETECTIONS // 3)
    more[: len(near)] = centre[near] + rng.normal(0, 3, (len(near), 2))
    wide[: len(near)], guessed[: len(near)] = radius[near], labels[near]
    return {
        "masks": np.stack([*map(drawn, more, wide)]),
        "labels": guessed,
        # Exact in float32, in which torchmetrics keeps them.
        "scores": (rng.permutation(DETECTIONS) * 64 + number % 64) / 8192,
    }, truth


def job(tool: str, images: int) -> dict:
    """Run the loop of one tool and say what it took."""
    import torch

    torch.set_num_threads(1)
    if tool == "maskloom":
        from maskloom.compat.validation.objects import MeanAveragePrecision

        metric = MeanAveragePrecision(CLASSES)
    else:
        from torchmetrics.detection import MeanAveragePrecision

        levels = np.linspace(0.5, 0.95, 10).tolist()
        backend = tool.partition(" ")[2]
        recalls = np.linspace(0, 1, 101).tolist()
        # Its own levels and recalls are float32, and miss an IoU of 0.6 or a recall of 0.2.
        metric = MeanAveragePrecision(
            iou_type="segm", backend=backend, iou_thresholds=levels, rec_thresholds=recalls
        )

    def batch(number):
        return [[{k: torch.from_numpy(v) for k, v in side.items()}] for side in image(number)]

    metric.update(*batch(10**6))
    metric.compute()
    metric.reset()
    held = batch(0)
    before, took = peak_mb(), 0.0
    for number in range(images):
        held = batch(number)
        start = time.process_time()
        metric.update(*held)
        took += time.process_time() - start
    start = time.process_time()
    found = metric.compute()
    took += time.process_time() - start
    names = ("map", "map_50", "map_75", "mar_100")
    scores = {name: float(found[name]) for name in names}
    return {
        "tool": tool,
        "cpu_s": round(took, 3),
        "held_mb": before,
        "peak_mb": peak_mb(),
        "scores": scores,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--job")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/validation.json"))
    args = parser.parse_args()
    if args.job:
        print(json.dumps(job(args.job, args.images)))
        return
    rows = []
    for tool in ("maskloom", "torchmetrics pycocotools", "torchmetrics faster_coco_eval"):
        command = [sys.executable, "-m", "benchmarks.validation", "--job", tool]
        said = subprocess.run(
            [*command, "--images", str(args.images)], capture_output=True, text=True, check=True
        )
        rows.append(json.loads(said.stdout.splitlines()[-1]))
    first = rows[0]
    for row in rows:
        row["ratio"] = round(row["cpu_s"] / first["cpu_s"], 1)
        row["grown_mb"] = row["peak_mb"] - row["held_mb"]
        row["same_scores"] = all(
            abs(row["scores"][k] - v) < 1e-6 for k, v in first["scores"].items()
        )
        print(row)
    read = args.images * (DETECTIONS + OBJECTS) * SIZE[0] * SIZE[1]
    report = {
        "date": str(date.today()),
        "machine": platform.machine(),
        "images": args.images,
        "masks_per_image": DETECTIONS + OBJECTS,
        "reading_once_at_40_GB_s": round(read / 40e9, 3),
        "rows": rows,
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("torchmetrics", "torch", "pycocotools", "faster-coco-eval", "numpy")
        },
    }
    args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
