"""Images of any size: memory from 5k to 40k, kills, seams, and one pass beside tiles.

    python -m benchmarks.tiles [--sizes 5000,10000,20000,40000] [--kills 10] [--out FILE]

A ResNet-18 U-Net of two classes labels generated RGB images through the command line, each in a
fresh process whose peak memory the kernel reports. One size is killed at random moments and gone
on with until it is whole, and compared byte for byte with an unbroken call. Equality with one
pass is measured on 1536² (all blocks, fp32 and bf16), the seam figure on DeepLabV3+.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

from maskloom.inference.engines.machine import cpu_name
from maskloom.store.images import read_map, write_png
from maskloom.store.scenes import generate

BLOCK = 1000
TILE = 512


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="5000,10000,20000,40000")
    parser.add_argument("--killed", type=int, default=20000, help="size that is killed; 0: none")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--precision", default="fp32,bf16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keeps images and runs between calls")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/tiles.json"))
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [int(n) for n in options.sizes.split(",") if n]
    results: dict[str, Any] = {
        "benchmark": "tiles",
        "machine": cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "maskloom": code_hash(),
    }
    known = json.loads(options.out.read_text()) if options.out.is_file() else {}
    if results.items() <= known.items():  # parts may be measured by calls of their own
        results = known

    def keep(name: str, value: object) -> None:
        results[name] = value
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")

    for precision in options.precision.split(","):
        run = trained(folder, precision)
        keep(f"one_pass_{precision}", one_pass(run))
        rows: list[object] = []
        for size in sizes:
            rows.append(measured(folder, run, size))
            keep(f"sizes_{precision}", rows)
    if options.killed:
        run = trained(folder, options.precision.split(",")[-1])
        keep("kills", killed(folder, run, options.killed, options.kills, options.seed))
    keep("global_pooling", blended(folder))
    print(json.dumps(results, indent=1))
    if options.folder is None:
        shutil.rmtree(folder)


def trained(folder: Path, precision: str, model: str = "unet", steps: int = 20) -> Path:
    """A run of a few steps: what the weights say does not matter here."""
    out = folder / f"run-{model.strip('+')}-{precision}"
    if out.is_dir():
        return out
    data = folder / "scenes"
    if not data.is_dir():
        for name in ("images", "masks"):
            (data / name).mkdir(parents=True)
        for n in range(4):
            image, objects = pixels(n)
            write_png(data / "images" / f"{n}.png", image)
            write_png(data / "masks" / f"{n}.png", (objects > 0).astype(np.uint8))
    maskloom(
        "train", data, "--out", out, "--task", "semantic", "--steps", steps, "--set", "batch=2",
        "--model", model,
        "--set", "crop=128,128", "--set", f"precision={precision}", "--val", "0.25",
    )  # fmt: skip
    return out


def pixels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A generated scene (H, W, 3) and its objects."""
    scene = next(generate(seed, 1))
    return np.repeat(scene.pixels[:, :, None], 3, axis=2), scene.instance_map


def picture(folder: Path, size: int) -> Path:
    """A tiled TIFF of size² made of one scene at shifting places, with noise in each tile."""
    path = folder / f"{size}.tif"
    if path.is_file():
        return path
    image, _ = pixels(0)
    rng = np.random.default_rng(0)

    def tiles():
        across = -(-size // TILE)
        for _ in range(across * across):
            y, x = (int(rng.integers(0, n)) for n in image.shape[:2])
            rolled = np.roll(image, (y, x), (0, 1))
            yield np.resize(np.tile(rolled, (3, 3, 1))[:TILE, :TILE], (TILE, TILE, 3))

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(
            tiles(), shape=(size, size, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="rgb"
        )
    return path


def maskloom(*arguments: object, check: bool = True) -> tuple[int, float, int]:
    """(exit status, seconds, peak bytes of the process) of a command."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "maskloom", *map(str, arguments)], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if check and code:
        raise SystemExit(f"{arguments[0]} ended with {code}")
    return code, time.perf_counter() - begun, usage.ru_maxrss * 1024


def predict(image: Path, run: Path, out: Path) -> tuple[object, ...]:
    """The command that is measured."""
    return ("predict", image, "--model", run, "--out", out, "--json", f"{out}.json")


def measured(folder: Path, run: Path, size: int) -> dict[str, object]:
    """One unbroken call."""
    image = picture(folder, size)
    out = folder / f"out-{run.name}-{size}"
    shutil.rmtree(out, ignore_errors=True)
    _, seconds, peak = maskloom(*predict(image, run, out))
    said = json.loads(Path(f"{out}.json").read_text())["results"]
    row = {
        "size": size,
        "seconds": round(seconds, 1),
        "peak_mib": round(peak / 2**20),
        "px_per_second": round(size * size / seconds),
        "tiles": said.get("tiled"),
        "sha256": tree_hash(out),
    }
    print(json.dumps(row), flush=True)
    return row


def killed(folder: Path, run: Path, size: int, kills: int, seed: int) -> dict[str, object]:
    """Killed at random moments of its blocks and gone on with until whole; the bytes compared."""
    clock = random.Random(seed)
    image = picture(folder, size)
    whole = folder / f"out-{run.name}-{size}"
    if not whole.is_dir():
        maskloom(*predict(image, run, whole))
    out = folder / "killed" / whole.name  # one name: paths do not enter, but names might
    shutil.rmtree(out.parent, ignore_errors=True)
    out.parent.mkdir()
    blocks_at_kill = []
    while len(blocks_at_kill) < kills:
        process = subprocess.Popen(
            [sys.executable, "-m", "maskloom", *map(str, predict(image, run, out))],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        before = blocks(out)
        more = clock.randint(1, 12)
        while process.poll() is None and blocks(out) < before + more:
            time.sleep(0.05)
        time.sleep(clock.random())
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        blocks_at_kill.append(blocks(out))
    if not out.exists():  # few blocks may be done before they are killed often enough
        maskloom(*predict(image, run, out))
    return {
        "size": size,
        "kills": len(blocks_at_kill),
        "blocks_at_kill": blocks_at_kill,
        "identical": tree_hash(out) == tree_hash(whole),
    }


def blocks(out: Path) -> int:
    """Finished blocks of an unfinished target."""
    return sum(1 for _ in out.with_name(out.name + ".partial").rglob("0*.npz"))


def code_hash() -> str:
    """12 hex digits over the code that is measured."""
    import maskloom

    digest = hashlib.sha256()
    for path in sorted(Path(maskloom.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def tree_hash(folder: Path) -> str:
    """sha256 over names and bytes of a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def one_pass(run: Path) -> dict[str, object]:
    """All blocks of a 1536² image against one pass over it."""
    from maskloom.inference.network import NetworkSegmenter
    from maskloom.inference.open_run import open_run
    from maskloom.inference.preprocess import image_moments
    from maskloom.inference.tiling.choose import field_of, plan_for
    from maskloom.inference.tiling.forward import Feed, exact_logits
    from maskloom.inference.tiling.options import TileOptions

    segmenter = open_run(run)
    assert isinstance(segmenter, NetworkSegmenter)
    image, _ = pixels(1)
    image = np.ascontiguousarray(np.tile(image, (8, 8, 1))[:1536, :1536])
    whole = segmenter.logits(image)
    plan = plan_for(segmenter, (1536, 1536), TileOptions(tile=512))
    assert plan is not None

    def read(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        return image[y0:y1, x0:x1]

    moments = image_moments(read, (1536, 1536), segmenter.preprocessing)
    feed = Feed(read, segmenter.engine, segmenter.preprocessing, moments, len(whole))
    worst, flips = 0.0, 0
    for block in plan:
        y0, y1, x0, x1 = block.core
        there = whole[:, y0:y1, x0:x1]
        found = exact_logits(feed, plan, block.core)
        worst = max(worst, float(np.abs(found - there).max()))
        flips += int(np.count_nonzero(found.argmax(0) != there.argmax(0)))
    field = field_of(segmenter)
    return {
        "precision": segmenter.engine.precision,
        "field": {"stride": field.stride, "before": field.before, "after": field.after},
        "blocks": len(plan),
        "largest_logit_difference": worst,
        "labels_that_differ": flips,
    }


def blended(folder: Path) -> dict[str, object]:
    """DeepLabV3+ sees everything: windows of 256 px against one pass over 1536²."""
    run = trained(folder, "fp32", "deeplabv3+", steps=150)
    image = picture(folder, 1536)
    maps = {}
    for name, tile in (("whole", "0"), ("windows", "256")):
        out = folder / f"deeplab-{name}"
        shutil.rmtree(out, ignore_errors=True)
        maskloom(*predict(image, run, out), "--set", f"tile={tile}")
        maps[name] = read_map(out / "masks" / "1536.png")
        said = json.loads(Path(f"{out}.json").read_text())["results"]["tiled"]
    differing = np.count_nonzero(maps["whole"] != maps["windows"])
    facts = said["1536"]
    return {
        "mode": facts["mode"],
        "windows_px": facts["tile"][0],
        "computed_per_pixel": facts["computed_per_pixel"],
        "seam_disagreement": facts["seam_disagreement"],
        "classes_that_differ_from_one_pass": differing / maps["whole"].size,
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
