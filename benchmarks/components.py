"""Connected components from disk to disk: maskloom beside dask-image and cc3d.

    python benchmarks/components.py [--sides 6000,20000] [--repeat 3] [--out FILE]

A generated binary image (uint8 npy) goes to ids (uint32 npy); every row is a process of its own,
wall seconds and peak resident memory with start and imports. cc3d holds the whole image in memory,
as it is made to. Whether the result is a bijection with the peers' is checked.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PATCH = 500
CHUNK = 2000
PATIENCE_S = 1800


def generate(path: Path, side: int) -> None:
    """Discs of 4 to 14 px radius, about 92 per 500² patch, some touching."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[-14:15, -14:15]
    discs = [(x * x + y * y <= r * r).astype(np.uint8) for r in range(4, 15)]
    image = np.lib.format.open_memmap(path, "w+", np.uint8, (side, side))
    for top in range(0, side, PATCH):
        strip = np.zeros((min(PATCH, side - top), side), np.uint8)
        for _ in range(strip.size * 120 // PATCH**2):
            disc = discs[rng.integers(len(discs))]
            cy, cx = rng.integers(0, len(strip)), rng.integers(0, side)
            into = strip[max(0, cy - 14) : cy + 15, max(0, cx - 14) : cx + 15]
            dy, dx = max(0, 14 - cy), max(0, 14 - cx)
            into |= disc[dy : dy + into.shape[0], dx : dx + into.shape[1]]
        image[top : top + PATCH] = strip
    image.flush()


def run_maskloom(source: Path, target: Path) -> int:
    from maskloom.inference.stitch.components import label_components
    from maskloom.inference.stitch.npy_rows import NpyRows, npy_writer

    with NpyRows(source) as rows, npy_writer(target, rows.size) as put:
        return label_components(rows.read, rows.size, put=put, scratch=target.parent).count


def run_dask(source: Path, target: Path) -> int:
    import dask
    import dask.array as da
    from dask_image.ndmeasure import label

    image = da.from_array(np.load(source, mmap_mode="r"), chunks=(CHUNK, CHUNK))
    labels, count = label(image, structure=np.ones((3, 3)))
    out = np.lib.format.open_memmap(target, "w+", np.uint32, image.shape)
    # In one call: the count by itself would label everything a second time.
    _, found = dask.compute(da.store(labels.astype(np.uint32), out, compute=False), count)
    out.flush()
    return int(found)


def run_cc3d(source: Path, target: Path) -> int:
    import cc3d

    labels, count = cc3d.connected_components(
        np.load(source), connectivity=8, return_N=True, out_dtype=np.uint32
    )
    np.save(target, labels)
    return int(count)


RUNS = {"maskloom": run_maskloom, "cc3d whole": run_cc3d, "dask-image": run_dask}


def measured(name: str, source: Path, target: Path) -> dict[str, Any]:
    """One method in a process of its own."""
    command = [sys.executable, __file__, "--only", name, str(source), str(target)]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        target.unlink(missing_ok=True)
        print(f"{name:12s} stopped after {PATIENCE_S} s", flush=True)
        return {"stopped_after_s": PATIENCE_S}
    wall = time.perf_counter() - start
    row = {"wall_s": round(wall, 2), **json.loads(done.stdout.splitlines()[-1])}
    print(f"{name:12s} {row}", flush=True)
    return row


def only(name: str, source: Path, target: Path) -> None:
    start = time.perf_counter()
    count = RUNS[name](source, target)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    row = {
        "call_s": round(time.perf_counter() - start, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mib": peak_mib(),
        "objects": count,
    }
    print(json.dumps(row))


def peak_mib() -> int:
    """Most resident memory of this process; ru_maxrss would count the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def bijection(a: Path, b: Path) -> bool:
    """Whether two label files part the image alike, read by strips."""
    first, second = np.load(a, mmap_mode="r"), np.load(b, mmap_mode="r")
    there = np.zeros(int(max(s.max() for s in first)) + 1, np.int64)
    back = np.zeros(int(max(s.max() for s in second)) + 1, np.int64)
    for forward in (True, False):
        for y in range(0, len(first), 500):
            p, q = np.asarray(first[y : y + 500]).ravel(), np.asarray(second[y : y + 500]).ravel()
            if forward:
                there[p], back[q] = q, p
            elif not (np.array_equal(there[p], q) and np.array_equal(back[q], p)):
                return False
    return True


def main() -> None:
    """Generate, measure, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", default="6000,20000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--work", type=Path)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results/components.json"
    )
    parser.add_argument("--only", nargs=3)
    given = parser.parse_args()
    if given.only:
        only(given.only[0], Path(given.only[1]), Path(given.only[2]))
        return
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        results = {}
        for side in map(int, given.sides.split(",")):
            results[str(side)] = compare(Path(folder), side, given.repeat)
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    given.out.write_text(json.dumps({**machine, "sides": results}, indent=1) + "\n")


def compare(folder: Path, side: int, repeat: int) -> dict[str, object]:
    """All methods on one size."""
    source = folder / f"{side}.npy"
    generate(source, side)
    print(f"-- {side} x {side}")
    ours, theirs = folder / "ours.npy", folder / "theirs.npy"
    rows: dict[str, object] = {}
    for name in RUNS:
        target = ours if name == "maskloom" else theirs
        runs = [measured(name, source, target) for _ in range(repeat)]
        best = min(runs, key=lambda row: row.get("wall_s", PATIENCE_S))
        rows[name] = {"best": best, "all": runs}
        if theirs.is_file():
            rows[f"{name} finds the same"] = bijection(ours, theirs)
            print(f"the same objects: {rows[f'{name} finds the same']}", flush=True)
            theirs.unlink()
    return rows


if __name__ == "__main__":
    main()
