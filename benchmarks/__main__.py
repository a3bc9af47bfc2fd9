"""Run every benchmark, one after the other: `python -m benchmarks`."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

NAMES = (
    "masks",
    "evaluate",
    "coco_eval",
    "surface",
    "boundary",
    "shape",
    "panoptic",
    "stream",
    "validation",
    "losses",
    "engines",
    "executors",
    "stitch",
    "components",
    "convert",
    "peer_bugs",
)

if __name__ == "__main__":
    folder = Path(__file__).parent
    for name in NAMES:
        print(f"\n== {name}", flush=True)
        sys.argv = [str(folder / f"{name}.py")]
        runpy.run_path(sys.argv[0], run_name="__main__")
