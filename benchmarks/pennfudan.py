"""Mask R-CNN from random weights on Penn-Fudan pedestrians, by commands alone, on one core.

    python -m benchmarks.pennfudan --data ../shared/data/pennfudan [--part overfit|split]

overfit: eight images are trained on and predicted; whether the model can learn at all.
split: the split of the data's SOURCE.md; FudanPed00001, FudanPed00002, PennPed00001 and
PennPed00002 are test, of the others every fifth is validation.

Each part runs train, predict and evaluate as a user would type them; scores are of full-size
predictions in files. A part that was broken goes on in the same --work. Writes
benchmarks/results/pennfudan.json: figures as measured, and the commands.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from benchmarks.camvid import cpu_name

RESULT = Path(__file__).parent / "results/pennfudan.json"
TEST = ("FudanPed00001", "FudanPed00002", "PennPed00001", "PennPed00002")
FORMAT = ("from.kind=instance", "from.suffix=_mask", "from.category=person")
NETWORK = ("model.width=64", "model.hidden=256")
OVERFIT = (
    *NETWORK, "model.rois=48", "model.max_size=640", "model.mask_side=56", "batch=2",
    "crop=576,576", "scale=1,1", "rotate=0", "flip=none", "color=0", "lr=0.001", "ema=0.99",
    "eval_every=100",
)  # fmt: skip
SPLIT = (
    *NETWORK, "model.rois=64", "model.max_size=400", "batch=4", "crop=320,320", "scale=0.75,1.5",
    "lr=0.001", "ema=0.99", "minutes=20",
)  # fmt: skip
KEPT = ("ap", "ap50", "ap75", "ar1", "ar10", "f1_50", "miou")


def main() -> None:
    """Run the parts and write what they measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/pennfudan"))
    parser.add_argument("--part", choices=("overfit", "split"), default=None)
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=None)
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp())
    lists = write_lists(given.data, work)
    for part in (given.part,) if given.part else ("overfit", "split"):
        if part == "overfit":
            measured = run_part(
                given.data, work / part, (lists["eight"], "same", lists["eight"]),
                given.steps or 1500, OVERFIT,
            )  # fmt: skip
        else:
            measured = run_part(
                given.data, work / part, (lists["train"], f"@{lists['val']}", lists["test"]),
                given.steps or 400, SPLIT,
            )  # fmt: skip
        known = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
        known[part] = measured
        RESULT.write_text(json.dumps(known, indent=1) + "\n")
        print(json.dumps(measured["scores"], indent=1))


def write_lists(data: Path, work: Path) -> dict[str, Path]:
    """Key lists for `--split @FILE`: train, val and test of SOURCE.md, and eight to overfit."""
    names = sorted(path.stem for path in (data / "PNGImages").glob("*.png"))
    rest = [name for name in names if name not in TEST]
    val = rest[4::5]
    train = [name for name in rest if name not in val]
    lists = {"train": train, "val": val, "test": list(TEST), "eight": train[:8]}
    work.mkdir(parents=True, exist_ok=True)
    for name, keys in lists.items():
        (work / f"{name}.txt").write_text("".join(f"{key}\n" for key in keys))
    return {name: work / f"{name}.txt" for name in lists}


def run_part(
    data: Path, work: Path, lists: tuple[Path, str, Path], steps: int, settings: tuple[str, ...]
) -> dict[str, Any]:
    """Train on a list, predict and score another one."""
    trained_on, validated_on, scored_on = lists
    run, out = work / "run", work / "predicted"
    resume = ["--resume"] if (run / "state.pt").is_file() else []
    if out.exists():
        raise SystemExit(f"{out} exists: remove it, or choose another --work")
    work.mkdir(parents=True, exist_ok=True)
    train = [
        "train", str(data), "--model", "maskrcnn", "--out", str(run), "--split", f"@{trained_on}",
        "--val", validated_on, "--steps", str(steps), *resume, "--set", *FORMAT, *settings,
    ]  # fmt: skip
    predict = [
        "predict", str(data), "--model", str(run), "--out", str(out), "--split", f"@{scored_on}",
        "--set", *FORMAT,
    ]  # fmt: skip
    evaluate = [
        "evaluate", str(data), str(out), "--task", "instance", "--split", f"@{scored_on}",
        "--set", *FORMAT,
    ]  # fmt: skip
    trained = command(train)
    command(predict)
    scored = command(evaluate)
    return {
        "scores": {name: scored["metrics"][name] for name in KEPT},
        "images_scored": len(scored["per_sample"]),
        "training_images": trained["data"]["train"]["samples"],
        "validation": {n: v for n, v in trained["validation"].items() if n in KEPT},
        "steps": trained["steps"],
        "training_seconds": trained["seconds"],
        "precision": trained["precision"],
        "commands": [
            shlex.join(["maskloom", *words])
            .replace(str(work.parent), "WORK")
            .replace(str(data), "../shared/data/pennfudan")
            for words in (train, predict, evaluate)
        ],
        "threads": 1,
        "cpu": cpu_name(),
        "torch": torch.__version__,
    }


def command(words: list[str]) -> dict[str, Any]:
    """Run one command on one core; its results."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "out.json"
        subprocess.run(
            [sys.executable, "-m", "maskloom", *words, "--json", str(report)],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        results: dict[str, Any] = json.loads(report.read_text())["results"]
        return results


if __name__ == "__main__":
    main()
