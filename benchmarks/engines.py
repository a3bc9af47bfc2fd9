"""Engines side by side: U-Net on a ResNet-18, 3 × 512 × 512, batch 1, one core.

Run `python benchmarks/engines.py [--repeat N] [--quick] [--json FILE]`. Every engine runs in a
process of its own that is bound to one core; times are wall milliseconds after warm-up. The peak
is what one large 3 × 3 convolution reaches by oneDNN, measured before and after; a machine that
is shared shows in the difference. Memory is that of a pass over 1600 × 1600: peak of the resident
set above what the process held before it, after a first small pass.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.recipe import Recipe
from maskloom.core.run import Preprocessing, Run
from maskloom.core.taxonomy import Taxonomy
from maskloom.inference.engines.machine import cpu_name, versions

RESULTS = Path(__file__).parent / "results/engines.json"
SIDE, LARGE = 512, 1600
CASES = {
    "torch eager fp32 NCHW": ("nchw", "fp32"),
    "torch eager fp32 channels_last": ("eager", "fp32"),
    "torch fp32, folded": ("torch", "fp32"),
    "torch eager bf16 channels_last": ("eager", "bf16"),
    "torch bf16, folded": ("torch", "bf16"),
    "onnx fp32": ("onnx", "fp32"),
    "openvino fp32": ("openvino", "fp32"),
    "openvino bf16": ("openvino", "bf16"),
    "auto fp32": ("auto", "fp32"),
    "auto bf16": ("auto", "bf16"),
}


def timed(call: Callable[[], Any], repeat: int) -> dict[str, float]:
    """Two warm passes, then best and median in ms."""
    call()
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return {"best_ms": min(times), "median_ms": statistics.median(times)}


def status(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def write_run(folder: Path, precision: str) -> None:
    """A run with random weights that training has not seen."""
    import torch

    from maskloom.models import checkpoint

    torch.manual_seed(0)
    rgb = (0.5,) * 3
    run = Run(
        path=folder,
        model="unet",
        options={"encoder": "resnet18"},
        task="semantic",
        taxonomy=Taxonomy.from_names(["object"]),
        background=True,
        preprocessing=Preprocessing(("red", "green", "blue"), 255.0, rgb, rgb, 32),
        recipe=Recipe(crop=(SIDE, SIDE)),
        weights_sha256="",
        scores={"precision": precision},
    )
    checkpoint.save(run, checkpoint.build(run).state_dict())


def count_flops(folder: Path) -> float:
    """GFLOP of one pass: two per multiplication and addition, as torch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from maskloom.models import checkpoint

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        checkpoint.load(Run.load(folder))(torch.zeros(1, 3, SIDE, SIDE))
    return counter.get_total_flops() / 1e9


def measure_peak(repeat: int) -> dict[str, float]:
    """GFLOP/s of the best of several large 3 × 3 convolutions, fp32 and bf16."""
    import torch

    torch.set_num_threads(1)
    best = {"fp32": 0.0, "bf16": 0.0}
    for channels, side in ((64, 128), (128, 128), (256, 64), (256, 128), (512, 64)):
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            conv = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            conv = conv.to(dtype=dtype, memory_format=torch.channels_last)
            feature = torch.randn(1, channels, side, side, dtype=dtype)
            feature = feature.to(memory_format=torch.channels_last)
            with torch.inference_mode():
                took = timed(lambda conv=conv, feature=feature: conv(feature), repeat)
            gflop = 2 * 9 * channels**2 * side**2 / 1e9
            best[name] = max(best[name], 1e3 * gflop / took["median_ms"])
    return best


def open_case(kind: str, precision: str, folder: Path) -> tuple[Any, Callable[[Any], Any]]:
    """The engine, and a call that computes the logits of an image (H, W, C)."""
    run = Run.load(folder)
    if kind in ("nchw", "eager"):
        import torch

        from maskloom.inference.engines.torch_engine import TorchEngine
        from maskloom.models import checkpoint

        torch.set_num_threads(1)
        network = checkpoint.load(run)
        if kind == "eager":
            engine = TorchEngine(network, precision=precision)
            return engine, engine.logits
        network = network.to(memory_format=torch.contiguous_format)
        plain = TorchEngine(network, precision=precision)

        def call(image: Any) -> Any:
            with torch.inference_mode():
                return network(torch.from_numpy(image.transpose(2, 0, 1).copy())[None])[0].numpy()

        return plain, call
    from maskloom.inference.engines.choose import open_engine

    chosen = open_engine(run, engine=kind, device="cpu", threads=1)
    return chosen, chosen.logits


def run_case(kind: str, precision: str, folder: Path, repeat: int) -> dict[str, Any]:
    """Inside a process of its own."""
    start = time.perf_counter()
    engine, call = open_case(kind, precision, folder)
    opened = time.perf_counter() - start
    rng = np.random.default_rng(0)
    call(rng.standard_normal((128, 128, 3), np.float32))
    image = rng.standard_normal((SIDE, SIDE, 3), np.float32)
    large = rng.standard_normal((LARGE, LARGE, 3), np.float32)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    call(large)
    call(large)
    peak = status("VmHWM")
    return {
        **timed(lambda: call(image), repeat),
        "engine": engine.name,
        "precision": engine.precision,
        "open_s": opened,
        "runtime_mib": before / 2**20,
        "peak_mib": peak / 2**20,
        "bytes_per_pixel": (peak - before) / LARGE**2,
        "claimed_bytes_per_pixel": engine.bytes_per_pixel,
        "torch_loaded": "torch" in sys.modules,
    }


def inside(words: list[str], core: int) -> Any:
    """The JSON that a fresh process on one core prints last."""
    ran = subprocess.run(
        ["taskset", "-c", str(core), sys.executable, __file__, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def measure_all(repeat: int) -> dict[str, Any]:
    """Every case after the other, the peak before and after."""
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folders = {precision: Path(name) / precision for precision in ("fp32", "bf16")}
        for precision, folder in folders.items():
            write_run(folder, precision)
            # Exports and chooses before the clock runs: the later processes find both.
            inside(["--prepare", str(folder)], core)
        gflop = count_flops(folders["fp32"])
        peaks = [inside(["--peak", "--repeat", str(repeat)], core)]
        rows = {}
        for title, (kind, precision) in CASES.items():
            words = ["--case", kind, precision, str(folders[precision]), "--repeat", str(repeat)]
            rows[title] = inside(words, core)
            print(f"{title:32} {rows[title]['median_ms']:7.1f} ms", flush=True)
        peaks.append(inside(["--peak", "--repeat", str(repeat)], core))
        choice = json.loads((folders["fp32"] / "exports/engine.json").read_text())
    peak = {name: max(one[name] for one in peaks) for name in peaks[0]}
    eager = rows["torch eager fp32 NCHW"]["median_ms"]
    for row in rows.values():
        row["gflop_per_s"] = 1e3 * gflop / row["median_ms"]
        row["share_of_peak"] = row["gflop_per_s"] / peak[row["precision"]]
        row["times_eager"] = eager / row["median_ms"]
    return {"gflop": gflop, "peak_gflop_per_s": peak, "peaks": peaks, "rows": rows, "auto": choice}


def verdict(found: dict[str, Any]) -> dict[str, Any]:
    """The two goals: 85 % of the fp32 peak, and auto 1.5 times as fast as eager fp32."""
    exact = [row for row in found["rows"].values() if row["precision"] == "fp32"]
    share = max(row["share_of_peak"] for row in exact)
    gain = found["rows"]["auto fp32"]["times_eager"]
    return {
        "best_fp32_share_of_peak": share,
        "best_fp32_reached": share >= 0.85,
        "auto_times_eager": gain,
        "auto_reached": gain >= 1.5,
    }


def show(found: dict[str, Any]) -> None:
    print(f"\n{cpu_name()}; {found['gflop']:.1f} GFLOP; peak GFLOP/s {found['peak_gflop_per_s']}")
    head = ("", "ms", "best", "× eager", "of peak", "peak MiB", "B/px")
    print(f"{head[0]:32}" + "".join(f"{one:>10}" for one in head[1:]))
    for title, row in found["rows"].items():
        cells = [f"{row['median_ms']:.1f}", f"{row['best_ms']:.1f}", f"{row['times_eager']:.2f}",
                 f"{row['share_of_peak']:.0%}", f"{row['peak_mib']:.0f}",
                 f"{row['bytes_per_pixel']:.0f}"]  # fmt: skip
        name = f"{title} ({row['engine']})" if title.startswith("auto") else title
        print(f"{name:32}" + "".join(f"{cell:>10}" for cell in cells))
    print(found["verdict"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="three repetitions, nothing written")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        from maskloom.inference.engines.choose import open_engine

        chosen = open_engine(Run.load(given.prepare), engine="auto", device="cpu", threads=1)
        print(json.dumps(chosen.name))
    elif given.peak:
        print(json.dumps(measure_peak(given.repeat)))
    elif given.case:
        kind, precision, folder = given.case
        print(json.dumps(run_case(kind, precision, Path(folder), given.repeat)))
    else:
        found = measure_all(3 if given.quick else given.repeat)
        found = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": cpu_name(),
            "versions": versions(),
            "repeat": 3 if given.quick else given.repeat,
            **found,
            "verdict": verdict(found),
        }
        show(found)
        if not given.quick:
            given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
