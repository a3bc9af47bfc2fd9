"""CamVid from random weights: the command of docs/training.md, scored from predicted files.

    python benchmarks/camvid.py --data ../shared/data/camvid [--val val] [--steps 1600]

Runs train, predict and evaluate as a user would, and writes the scores with the machine's name
to benchmarks/results/camvid-VAL.json. Takes half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path

import torch

from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.predict import predict
from maskloom.verbs.train import train


def main() -> None:
    """Train, predict, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/camvid"))
    parser.add_argument("--val", default="val")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--work", type=Path, default=None)
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp())
    start = time.perf_counter()
    trained = train(
        given.data, out=work / "run", model="unet", split="train", val=given.val, steps=given.steps
    )
    minutes = (time.perf_counter() - start) / 60
    held = given.val.removeprefix("group:")
    split = given.val if held == given.val else "train"
    predict(str(given.data), model=str(work / "run"), out=work / "predicted", split=split)
    scored = evaluate(given.data, work / "predicted", split=split, by="group").results
    held_scores = scored["metrics"] if held == given.val else scored["per_slice"][held]
    result = {
        "val": given.val,
        "miou": held_scores["miou"],
        "per_class_iou": {k: v["iou"] for k, v in trained.results["per_class"].items()},
        "validation": trained.results["validation"],
        "minutes_whole_command": round(minutes, 2),
        "images_per_second": trained.results["images_per_second"],
        "precision": trained.results["precision"],
        "steps": given.steps,
        "cores": os.cpu_count(),
        "cpu": cpu_name(),
        "torch": torch.__version__,
    }
    name = given.val.replace(":", "-")
    out = Path(__file__).parent / f"results/camvid-{name}.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def cpu_name() -> str:
    """The model name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
