"""Conversions beside pycocotools, faster-coco-eval, supervision and datumaro, on one core each.

Run `python -m benchmarks.convert [--repeat N] [--annotations N] [--large N] [--json FILE]`. Every
figure is of a process of its own, which has done the same job on a small file before (imports,
compiled kernels), so peak memory is its own; the processes take turns and the best CPU time
counts. What takes more than 8 GiB or ten minutes is said to. Datumaro is in `.venv-peers`, which
`make bench` makes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.convert_jobs import PEER_MEMORY

JOBS = ("parse", "rasterise")
TOOLS = ("maskloom", "pycocotools", "faster-coco-eval", "supervision", "datumaro")
PEERS = Path(".venv-peers/bin/python")
SECONDS = 600
TARGETS = {"parse": "0.6 s", "rasterise": "2 s, parsing apart, with it 200 MB"}


def measured(tool: str, job: str, file: Path, small: Path) -> dict:
    """The row of a process, or why there is none."""
    python = str(PEERS) if tool == "datumaro" else sys.executable
    if not Path(python).exists():
        return {"skipped": f"no {PEERS}; `make bench` makes it"}
    command = [python, "-W", "ignore", "-m", "benchmarks.convert_jobs", "job", tool, job]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [*command, str(file), str(small)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=alone,
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"takes more than {SECONDS} s"}
    if done.returncode == 0:
        return json.loads(done.stdout.strip().splitlines()[-1])
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if "MemoryError" in last or "alloc" in last.lower():
        return {"skipped": f"takes more than {PEER_MEMORY >> 30} GiB"}
    return {"skipped": last[:160] or f"ended with {done.returncode}"}


def in_turns(tools: tuple[str, ...], file: Path, small: Path, repeat: int) -> list[dict]:
    """Best rows of all tools and jobs; one that was skipped is not tried again."""
    best: dict[tuple[str, str], dict] = {}
    for _ in range(repeat):
        for job in JOBS:
            for tool in tools:
                known = best.get((tool, job))
                if known and "skipped" in known:
                    continue
                row = measured(tool, job, file, small)
                if known is None or row.get("cpu_s", 1e9) < known["cpu_s"]:
                    best[tool, job] = row
    rows = []
    for (tool, job), row in sorted(best.items(), key=lambda r: r[0][1]):
        mine = best["maskloom", job].get("cpu_s")
        ratio = round(row["cpu_s"] / mine, 2) if mine and "cpu_s" in row else None
        rows.append({"job": job, "tool": tool, **row, "ratio": ratio})
        print(f"{job:10} {tool:18} {row.get('skipped') or row} ratio {ratio}", flush=True)
    return rows


def read_once(file: Path, repeat: int) -> float:
    """Seconds of reading the file's bytes once from the system's memory and looking at each."""
    import numpy as np

    best = 1e9
    for _ in range(repeat + 1):
        start = time.process_time()
        with file.open("rb", buffering=0) as data:
            while block := data.read(1 << 22):
                np.frombuffer(block, np.uint8).max()
        best = min(best, time.process_time() - start)
    return round(best, 4)


def converted(file: Path, folder: Path) -> list[dict]:
    """COCO to Parquet and back: CPU, wall and peak memory of each process."""
    rows = []
    steps = ((file, folder / "tables", "parquet"), (folder / "tables", folder / "b.json", "coco"))
    for source, target, name in steps:
        command = [sys.executable, "-m", "benchmarks.convert_jobs", "convert", name]
        done = subprocess.run(
            [*command, str(source), str(target)], stdout=subprocess.PIPE, text=True, check=True
        )
        rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
        print(f"{source.name} {rows[-1]}", flush=True)
    return rows


def encoded(repeat: int) -> list[dict]:
    """C-order masks of 4096 x 4096 to runs: a blob that fills 30 %, and land cover."""
    import numpy as np
    from benchmarks import masks
    from scipy.ndimage import gaussian_filter

    from maskloom.core.masks import Masks

    side = 4096
    y, x = np.mgrid[:side, :side] / side - 0.5
    noise = np.random.default_rng(0).standard_normal((side // 4, side // 4))
    frames = {
        "blob": (y / 0.33) ** 2 + (x / 0.29) ** 2 < 1,
        "land cover": (gaussian_filter(noise, 4.8) > 0).repeat(4, 0).repeat(4, 1),
    }
    limit = masks.read_limit((side, side), repeat)
    rows = []
    for name, frame in frames.items():
        calls = {"maskloom": lambda f=frame: Masks.from_dense(f)}
        for tool, api in masks.peers().items():
            calls[tool] = lambda a=api, f=frame: a.encode(np.asfortranarray(f).view(np.uint8))
        best = {tool: round(masks.timed(c, repeat)["best_ms"], 3) for tool, c in calls.items()}
        coded = Masks.from_dense(frame)
        wanted = masks.peers()["pycocotools"].encode(np.asfortranarray(frame).view(np.uint8))
        same = coded.to_coco(0)["counts"].encode() == wanted["counts"]
        rows.append({"mask": name, "runs": len(coded.counts)})
        rows[-1] |= {
            "fills": round(float(frame.mean()), 3),
            "ms": best,
            "read_once_ms": round(frame.size / limit / 1e6, 3),
        }
        rows[-1]["same_string_as_pycocotools"] = same
        print(rows[-1], flush=True)
    return rows


def report(args: argparse.Namespace) -> dict:
    """Everything, printed as it is measured."""
    from benchmarks import coco_files, masks

    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        # Datumaro knows COCO by these names.
        names = (f"annotations/instances_{n}.json" for n in ("small", "train", "large", "tenth"))
        small, file, large, tenth = (folder / n for n in names)
        (folder / "images").mkdir()
        coco_files.write(small, 70)
        n = coco_files.write(file, args.annotations)
        coco_files.write(tenth, args.annotations // 10)
        out = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "cpu": masks.cpu_model(),
            "python": platform.python_version(),
            "load": os.getloadavg(),
            "file": {"annotations": n, "bytes": file.stat().st_size},
            "read_once_s": read_once(file, args.repeat),
            "targets": TARGETS,
            "coco": in_turns(TOOLS, file, small, args.repeat),
            "coco_of_a_tenth": in_turns(("maskloom", "supervision"), tenth, small, args.repeat),
            "masks": encoded(args.repeat),
            "through_parquet": {},
        }
        for source, count in ((file, n), (large, args.large)):
            if not count:
                continue
            if source is large:
                count = coco_files.write(large, count)  # noqa: PLW2901
            out["through_parquet"][str(count)] = converted(source, folder)
            shutil.rmtree(folder / "tables")
            (folder / "b.json").unlink()
        return out


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--annotations", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000, help="0 leaves it out")
    parser.add_argument("--folder", type=Path, help="where to put files of 2 GB for a while")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = report(args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
