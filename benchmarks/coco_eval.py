"""COCO evaluation beside pycocotools, faster-coco-eval, hotcoco and vernier, on one core each.

Run `python -m benchmarks.coco_eval [--images N] [--large N] [--repeat N] [--json FILE]`. Every
figure is of a process of its own, which evaluated a small set before (imports, compiled kernels);
tools take turns and the best CPU time counts. Memory is what the process grew by at its most.
All tools get the same generated set (`coco_eval_data.py`): from dicts that are loaded already,
and from the files. Boundary AP is of a tenth of the images, as some peers take minutes. Vernier
asks for boxes in results, and then sizes are those of boxes: its numbers by size differ.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import io
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOOLS = ("maskloom", "hotcoco", "vernier", "faster-coco-eval", "pycocotools")
SECONDS = 900
TARGETS = {"segm from dicts": "0.8 s", "memory": "a third of what hotcoco takes"}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def api(tool: str) -> tuple:
    """COCO and its evaluator, as the tool calls them."""
    if tool == "hotcoco":
        from hotcoco import COCO, COCOeval

        return COCO, COCOeval
    if tool == "faster-coco-eval":
        from faster_coco_eval import COCO, COCOeval_faster

        return COCO, COCOeval_faster
    if tool == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        return COCO, COCOeval
    from maskloom.compat.coco import COCO, COCOeval

    return COCO, COCOeval


def evaluated(tool: str, kind: str, truth, results, threads: int = 1) -> list[float]:
    """The twelve numbers of one evaluation."""
    if tool == "vernier":
        from vernier.instance import Boundary, CocoDataset, Evaluator, Segm

        one = Evaluator(iou=Segm() if kind == "segm" else Boundary(), parity_mode="strict")
        found = one.evaluate(CocoDataset.from_json(truth), results, num_threads=threads)
        return [float(value) for value in found.stats][:12]
    data, evaluator = api(tool)
    with contextlib.redirect_stdout(io.StringIO()):
        if tool == "pycocotools" and isinstance(truth, dict):
            gt = data()
            gt.dataset = truth
            gt.createIndex()
        else:
            gt = data(truth)
        more = {"threads": threads} if tool == "maskloom" else {}
        done = evaluator(gt, gt.loadRes(results), kind, **more)
        done.evaluate()
        done.accumulate()
        done.summarize()
    return [float(value) for value in done.stats][:12]


def inputs(tool: str, source: str, folder: Path) -> tuple:
    """What a tool is given: paths, dicts, or bytes for vernier, which asks for boxes."""
    truth, results = folder / "truth.json", folder / "results.json"
    if tool == "vernier":
        return truth.read_bytes(), (folder / "boxed.json").read_bytes()
    if source == "files":
        return str(truth), str(results)
    return json.loads(truth.read_text()), json.loads(results.read_text())


def job(tool: str, kind: str, source: str, folders: list[Path], threads: int) -> None:
    """Evaluate a small set, then a large one; print what the second took."""
    import numpy as np

    evaluated(tool, kind, *inputs(tool, source, folders[0]), threads)
    given = inputs(tool, source, folders[1])
    gc.collect()
    # Memory that is free already would hide what is taken next, and a peak before as well.
    base = peak_mb()
    ballast = np.ones(int(max(0, base - resident_mb()) * 2**20), np.uint8)
    start, wall = time.process_time(), time.perf_counter()
    stats = evaluated(tool, kind, *given, threads)
    cpu, wall = time.process_time() - start, time.perf_counter() - wall
    row = {"cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "mb": round(peak_mb() - base)}
    print(json.dumps({**row, "stats": stats, "ballast": len(ballast) >> 20}))


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measured(tool: str, kind: str, source: str, folders: list[Path], threads: int = 1) -> dict:
    """The row of a process, or why there is none."""
    alone = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": str(threads)}
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.coco_eval", "job"]
    words = [tool, kind, source, *map(str, folders), str(threads)]
    try:
        done = subprocess.run(
            [*command, *words],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env={**os.environ, **alone},
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"takes more than {SECONDS} s"}
    if done.returncode:
        return {"skipped": (done.stderr.strip().splitlines() or ["ended"])[-1][:160]}
    row = json.loads(done.stdout.strip().splitlines()[-1])
    row.pop("ballast")
    return row


def in_turns(kind: str, folders: list[Path], repeat: int, tools=TOOLS) -> list[dict]:
    """Best rows of all tools, from dicts and from files, and whether the numbers agree."""
    best: dict[tuple[str, str], dict] = {}
    for turn in range(repeat):
        for source in ("dicts", "files"):
            for tool in tools:
                slow = tool in ("pycocotools", "faster-coco-eval")
                if slow and (turn or source == "files"):
                    continue
                row = measured(tool, kind, source, folders)
                known = best.get((tool, source))
                if known is None or row.get("cpu_s", 1e9) < known.get("cpu_s", 1e9):
                    best[tool, source] = row
    ours = best["maskloom", "dicts"]
    out = []
    for (tool, source), row in best.items():
        stats = row.pop("stats", None) if row is not ours else row.get("stats")
        if stats:
            row["largest_difference"] = max(
                abs(a - b) for a, b in zip(stats, ours["stats"], strict=True)
            )
        mine = best["maskloom", source].get("cpu_s")
        row["ratio"] = round(row["cpu_s"] / mine, 2) if "cpu_s" in row else None
        out.append({"kind": kind, "tool": tool, "from": source, **row})
        print(out[-1], flush=True)
    return out


def written(folder: Path, images: int, *, boxed: bool) -> Path:
    """A generated set, and for vernier the same with the boxes of the masks."""
    from benchmarks.coco_eval_data import write

    folder.mkdir()
    write(folder, images)
    if boxed:
        from maskloom.core.masks import Masks

        results = json.loads((folder / "results.json").read_text())
        boxes = Masks.from_coco([one["segmentation"] for one in results]).boxes.tolist()
        for one, (x0, y0, x1, y1) in zip(results, boxes, strict=True):
            one["bbox"] = [x0, y0, x1 - x0, y1 - y0]
        (folder / "boxed.json").write_text(json.dumps(results))
    return folder


def report(args: argparse.Namespace) -> dict:
    """Everything, printed as it is measured."""
    from benchmarks import masks

    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        small = written(Path(name) / "small", 20, boxed=True)
        whole = written(Path(name) / "whole", args.images, boxed=True)
        tenth = written(Path(name) / "tenth", args.images // 10, boxed=True)
        size = (whole / "results.json").stat().st_size
        out = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "cpu": masks.cpu_model(),
            "python": platform.python_version(),
            "load": os.getloadavg(),
            "images": args.images,
            "results_bytes": size,
            "limit_s": {"bytes of the results at 40 GB/s": round(size / 40e9, 4)},
            "targets": TARGETS,
            "segm": in_turns("segm", [small, whole], args.repeat),
            "boundary": in_turns("boundary", [small, tenth], args.repeat),
            "threads": {str(n): best_wall("segm", [small, whole], n, args.repeat) for n in (1, 2)},
        }
        (whole / "results.json").unlink()
        if args.large:
            large = written(Path(name) / "large", args.large, boxed=False)
            row = measured("maskloom", "segm", "files", [small, large])
            out["large"] = {"images": args.large, **row}
            print(out["large"], flush=True)
        return out


def best_wall(kind: str, folders: list[Path], threads: int, repeat: int) -> dict:
    """From files, where all that is long is kernels."""
    rows = [measured("maskloom", kind, "files", folders, threads) for _ in range(repeat)]
    best = min(rows, key=lambda row: row.get("wall_s", 1e9))
    print(threads, "threads", best, flush=True)
    return best


def main() -> None:
    """Run and report."""
    if sys.argv[1:2] == ["job"]:
        tool, kind, source, small, whole, threads = sys.argv[2:]
        job(tool, kind, source, [Path(small), Path(whole)], int(threads))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--large", type=int, default=10_000, help="0 leaves it out")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to put files of 1 GB for a while")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = report(args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
