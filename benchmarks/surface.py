"""Surface distances of a 256³ volume beside MONAI, DeepMind's surface-distance, edt and scipy.

Run `python -m benchmarks.surface [--repeat N] [--json FILE]` (by default
benchmarks/results/surface.json). Two generated masks of about 65,000 surface voxels each
(6-connected) with spacing (1.5, 1, 1) and one false blob far away; each tool, in a process of its
own, gives ASD, HD95 and NSD at 2. CPU seconds of one core, best of some calls after the first;
memory is how far the second call rises above what the process holds. Answers are compared.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

SPACING = (1.5, 1.0, 1.0)
TOLERANCE = 2.0
RULES = {"monai": "monai", "deepmind": "deepmind", "scipy": "medpy", "edt": "medpy"}
"""The rules of ours under which each tool's answer is the same."""
OURS = tuple(f"maskloom {name}" for name in ("maskloom", "monai", "deepmind", "medpy"))
PEERS = ("monai", "deepmind", "edt", "scipy")
BANDWIDTH = 40e9
"""Bytes a second that one core reads: the limit is both masks read once."""


def volumes(side: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """An ellipsoid with a rough surface; a prediction off by a few voxels, with a false blob."""
    from scipy import ndimage

    rng = np.random.default_rng(3)
    z, y, x = np.ogrid[:side, :side, :side]

    def field(grid: int, scale: float) -> np.ndarray:
        return ndimage.zoom(rng.standard_normal((grid,) * 3), side / grid, order=1) * scale

    base = np.sqrt((z - 120) ** 2 + ((y - 130) / 1.25) ** 2 + ((x - 128) / 1.1) ** 2)
    truth = base + field(16, 6) < 68
    predicted = (base + field(16, 2) + field(6, 3) < 69) & (base < 90)
    return truth, predicted | ((z - 205) ** 2 + (y - 60) ** 2 + (x - 190) ** 2 < 64)


def ours(rules: str, truth: np.ndarray, predicted: np.ndarray, threads: int = 1) -> dict:
    from maskloom.metrics.surface.rules import SURFACE_RULES
    from maskloom.metrics.surface.scores import surface_scores

    found = surface_scores(
        truth,
        predicted,
        spacing=SPACING,
        rules=SURFACE_RULES[rules],
        tolerance=TOLERANCE,
        threads=threads,
    )
    asd = [found.asd_truth, found.asd_predicted, found.assd]
    return {"asd": asd, "hd95": found.hd_percentile, "nsd": found.nsd}


def monai(truth: np.ndarray, predicted: np.ndarray) -> dict:
    import torch
    from monai import metrics

    torch.set_num_threads(1)
    y, p = (torch.from_numpy(one)[None, None] for one in (truth, predicted))
    asd = metrics.compute_average_surface_distance(p, y, True, symmetric=True, spacing=SPACING)
    hd = metrics.compute_hausdorff_distance(p, y, True, percentile=95, spacing=SPACING)
    nsd = metrics.compute_surface_dice(p, y, [TOLERANCE], True, spacing=SPACING)
    return {"asd": [None, None, float(asd)], "hd95": float(hd), "nsd": float(nsd)}


def deepmind(truth: np.ndarray, predicted: np.ndarray) -> dict:
    for name in ("Inf", "NaN"):
        # surface-distance 0.1 asks for names that NumPy 2 has not.
        if not hasattr(np, name):
            setattr(np, name, getattr(np, name.lower()))
    import surface_distance as reference

    found = reference.compute_surface_distances(truth, predicted, SPACING)
    return {
        "asd": [*map(float, reference.compute_average_surface_distance(found)), None],
        "hd95": float(reference.compute_robust_hausdorff(found, 95)),
        "nsd": float(reference.compute_surface_dice_at_tolerance(found, TOLERANCE)),
    }


def by_transform(truth: np.ndarray, predicted: np.ndarray, transform) -> dict:
    """MedPy's definitions, over any distance transform."""
    from scipy import ndimage

    edges = [one ^ ndimage.binary_erosion(one) for one in (truth, predicted)]
    forth, back = transform(~edges[1])[edges[0]], transform(~edges[0])[edges[1]]
    both = np.concatenate((forth, back))
    return {
        "asd": [float(forth.mean()), float(back.mean()), float(both.mean())],
        "hd95": float(np.percentile(both, 95)),
        "nsd": float((both <= TOLERANCE).mean()),
    }


def answer(tool: str, truth: np.ndarray, predicted: np.ndarray) -> dict:
    """The scores of one tool, `maskloom RULES` among them."""
    if tool.startswith("maskloom"):
        return ours(tool.split()[1], truth, predicted)
    if tool in ("monai", "deepmind"):
        return {"monai": monai, "deepmind": deepmind}[tool](truth, predicted)
    if tool == "scipy":
        from scipy.ndimage import distance_transform_edt

        return by_transform(truth, predicted, lambda m: distance_transform_edt(m, SPACING))
    import edt

    return by_transform(truth, predicted, lambda m: edt.edt(m, anisotropy=SPACING, parallel=1))


def job(tool: str, file: str, repeat: int) -> dict:
    """One tool in this process: first call, best CPU time, memory of a call."""
    warnings.simplefilter("ignore")
    with np.load(file) as stored:
        truth, predicted = stored["truth"], stored["predicted"]
    start = time.perf_counter()
    found = answer(tool, truth, predicted)
    row = {"first_call_s": round(time.perf_counter() - start, 3)}
    row["memory_mib"] = risen(lambda: answer(tool, truth, predicted))
    best = 1e9
    for _ in range(repeat):
        start = time.process_time()
        answer(tool, truth, predicted)
        best = min(best, time.process_time() - start)
    return {**row, "cpu_ms": round(best * 1e3, 2), "scores": found}


def risen(call) -> float | None:
    """MiB by which resident memory rises at most in a call; None where the system cannot say."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        return None

    def held(name: str) -> int:
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))

    reset.write_text("5")
    before = held("VmRSS")
    call()
    return round((held("VmHWM") - before) / 1024, 1)


def measured(tool: str, file: Path, repeat: int, *, fresh: Path | None = None) -> dict:
    """A job in a process of its own; `fresh` is an empty folder for compiled kernels."""
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    if fresh is not None:
        alone["NUMBA_CACHE_DIR"] = str(fresh)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.surface", "--job", tool]
    done = subprocess.run(
        [*command, "--file", str(file), "--repeat", str(repeat)],
        capture_output=True,
        text=True,
        check=True,
        env=alone,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def close(one: dict, other: dict) -> bool:
    """The same scores where both tools have them; MONAI's are float32."""
    pairs = [*zip(one["asd"], other["asd"], strict=True)]
    pairs += [(one[name], other[name]) for name in ("hd95", "nsd")]
    return all(None in pair or abs(pair[0] - pair[1]) <= 2e-6 * abs(pair[1]) for pair in pairs)


def threads(file: Path, repeat: int) -> dict:
    """Wall seconds of one call with one and two threads, and of eight pairs by a pool of pairs."""
    with np.load(file) as stored:
        truth, predicted = stored["truth"], stored["predicted"]
    out = {}
    for n in (1, 2):
        best = {"call": 1e9, "pairs": 1e9}
        for _ in range(repeat):
            start = time.perf_counter()
            ours("maskloom", truth, predicted, n)
            best["call"] = min(best["call"], time.perf_counter() - start)
            with concurrent.futures.ThreadPoolExecutor(n) as pool:
                start = time.perf_counter()
                list(pool.map(lambda _: ours("maskloom", truth, predicted), range(8)))
                best["pairs"] = min(best["pairs"], time.perf_counter() - start)
        out[str(n)] = {name: round(value * 1e3, 2) for name, value in best.items()}
    same = repr(ours("maskloom", truth, predicted, 1)) == repr(
        ours("maskloom", truth, predicted, 2)
    )
    ratio = {name: round(out["1"][name] / out["2"][name], 2) for name in ("call", "pairs")}
    return {"wall_ms": out, "faster": ratio, "same_bits": same}


def report(repeat: int) -> dict:
    """Everything, printed as it is measured."""
    from benchmarks import masks

    truth, predicted = volumes()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "volumes.npz"
        np.savez(file, truth=truth, predicted=predicted)
        fresh = measured("maskloom maskloom", file, 1, fresh=Path(folder) / "kernels")
        ready = measured("maskloom maskloom", file, 1)
        rows = {}
        for tool in (*OURS, *PEERS):
            mine = tool.startswith("maskloom")
            rows[tool] = measured(tool, file, repeat * 5 if mine else max(2, repeat // 2))
            print(f"{tool:18} {rows[tool]}", flush=True)
        for tool in PEERS:
            same = rows[f"maskloom {RULES[tool]}"]
            rows[tool]["ratio"] = round(rows[tool]["cpu_ms"] / same["cpu_ms"], 1)
            rows[tool]["same_as_ours"] = close(rows[tool]["scores"], same["scores"])
        return {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "cpu": masks.cpu_model(),
            "python": platform.python_version(),
            "load": os.getloadavg(),
            "volume": {"shape": truth.shape, "spacing": SPACING, "tolerance": TOLERANCE},
            "limit_ms": round(2 * truth.size / BANDWIDTH * 1e3, 2),
            "first_call_s": {
                "compiling": fresh["first_call_s"],
                "from_disk": ready["first_call_s"],
            },
            "tools": rows,
            "threads": threads(file, repeat * 2),
        }


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/surface.json"))
    parser.add_argument("--job")
    parser.add_argument("--file")
    args = parser.parse_args()
    if args.job:
        print(json.dumps(job(args.job, args.file, args.repeat)))
        return
    result = report(args.repeat)
    for name in ("limit_ms", "first_call_s", "threads"):
        print(name, result[name])
    args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
