"""Kill `predict` at random moments; what it wrote is whole or not there, and it goes on.

    python -m benchmarks.kills_predict [--kills 100] [--seed 0] [--out FILE]

A tiny U-Net and the watershed label 24 scenes, in turn into a folder and into a layer of a
project. After every SIGKILL the folder is absent or equal to that of an unbroken call, byte for
byte, and the layer has no image or all of them, with equal labels. Processes are forked from one
that has imported torch (`preloaded.py`); a kill comes at most the length of an unbroken call
after a start.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from benchmarks.preloaded import run, until_done

from maskloom.classical.regions import Watershed
from maskloom.errors import WriteError
from maskloom.inference import network, project_layer, verb
from maskloom.store.files import PARTIAL
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_
from maskloom.verbs.predict import predict
from maskloom.verbs.train import train

PRELOADED = (verb, network, project_layer)
IMAGES = 24
RECIPE = ("encoder=plain", "width=8", "depth=2", "batch=4", "precision=fp32", "crop=32,32")
WAYS = ("network-layer", "network-folder", "watershed-layer", "watershed-folder")


def main() -> None:
    """Kill, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/kills_predict.json"))
    options = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = measured(Path(folder), options.kills, random.Random(options.seed))
    results |= {
        "benchmark": "kills_predict", "seed": options.seed, "images": IMAGES,
        "torch": torch.__version__, "python": sys.version.split()[0],
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def measured(folder: Path, wanted: int, clock: random.Random) -> dict[str, object]:
    """Kill until there were enough; every way comes in turn."""
    Watershed().predict(np.eye(32, dtype=np.uint8)[..., None] * 255)  # compiles, on one thread
    run(partial(prepare, folder))
    whole = {
        way: min(run(partial(label, folder, way, f"whole{n}")) for n in range(3)) for way in WAYS
    }
    for way in WAYS:
        run(partial(remember, folder, way))
    counts = {"kills": 0, "calls": 0, "killed_calls": 0}
    by_way: Counter[str] = Counter()
    stages: Counter[str] = Counter()
    while counts["kills"] < wanted:
        one = (folder, WAYS[counts["calls"] % len(WAYS)], str(counts["calls"]))
        kills = until_done(
            partial(label, *one),
            partial(check, *one),
            clock,
            whole[one[1]],
            note=lambda one=one: stages.update([stage(*one)]),
        )
        run(partial(compare, *one))
        shutil.rmtree(place(*one), ignore_errors=True)
        counts["calls"] += 1
        counts["kills"] += kills
        counts["killed_calls"] += bool(kills)
        by_way[one[1]] += kills
        print(f"{counts['kills']:4d} kills, {counts['calls']} calls", file=sys.stderr, flush=True)
    return {
        **counts,
        "kills_by_way": by_way,
        "kills_by_stage": stages,
        "half_written_targets": 0,  # the first one ends the benchmark
        "other_labels": 0,  # likewise
        "seconds_unbroken": {way: round(value, 2) for way, value in whole.items()},
    }


def prepare(folder: Path) -> None:
    """Scenes of a disc and a square as files, as projects, and a network."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    for i in range(IMAGES):
        ids = np.zeros((96, 96), np.uint8)
        cx, cy = rng.uniform(20, 70, 2)
        ids[(x - cx) ** 2 + (y - cy) ** 2 < 150] = 1
        left, top = rng.integers(2, 70, 2)
        ids[top : top + 20, left : left + 20] = 2
        image = np.array([30, 200, 180])[ids] + rng.normal(0, 8, ids.shape)
        write_png(folder / f"scenes/images/{i:02d}.png", image.clip(0, 255).astype(np.uint8))
        write_png(folder / f"scenes/masks/{i:02d}.png", ids)
    settings = ("from.kind=instance", "from.category=object")
    import_(folder / "scenes", folder / "template", from_="bitmap", set_=settings)
    train(folder / "template", out=folder / "run", steps=20, set_=RECIPE)


def place(folder: Path, way: str, name: str) -> Path:
    """The target: a folder to write, or a project."""
    return folder / f"{way}-{name}"


def label(folder: Path, way: str, name: str) -> None:
    """Predict, or go on with it."""
    model = str(folder / "run") if way.startswith("network") else "watershed"
    to = place(folder, way, name)
    if way.endswith("folder"):
        if not to.exists():
            predict(str(folder / "scenes/images"), model=model, out=to, format="coco")
        return
    if not to.exists():
        copy = to.with_name(f"{to.name}.copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder / "template", copy)
        copy.rename(to)
    predict(str(to), model=model)


def remember(folder: Path, way: str) -> None:
    """What an unbroken call gave."""
    kept = folder / f"{way}.json"
    kept.write_text(json.dumps(said(place(folder, way, "whole0"))))


def said(target: Path) -> dict[str, str]:
    """Everything that a finished target says, as hashes."""
    if (target / "maskloom.toml").is_file():
        with Project.open(target, readonly=True) as project:
            machine = [info.name for info in project.layers() if info.immutable]
            return {
                f"{name} {sample.key}": layer.sample_hash(sample)
                for name in machine
                for layer in [project.dataset(name)]
                for sample in layer.samples
            }
    files = sorted(path for path in target.rglob("*") if path.is_file())
    return {str(path.relative_to(target)): path.read_bytes().hex() for path in files}


def stage(folder: Path, way: str, name: str) -> str:
    """How far the call had come, by the files that are there."""
    to = place(folder, way, name)
    left = list((to / "predictions").glob(f"*{PARTIAL}")) if way.endswith("layer") else []
    left += [to.with_name(to.name + PARTIAL)] if way.endswith("folder") else []
    items = [item for one in left for item in (one / "items").glob("*.npz")]
    if items:
        return "labelling" if len(items) < IMAGES else "writing"
    if way.endswith("folder") and to.exists():
        return "after the target was there"
    written = way.endswith("layer") and list((to / "predictions").rglob("*.parquet"))
    return "after the layer was there" if written else "before the first item"


def check(folder: Path, way: str, name: str) -> None:
    """The target is whole or not there; the project opens and main is as it was."""
    to = place(folder, way, name)
    if not to.exists():
        return
    whole = json.loads((folder / f"{way}.json").read_text())
    if way.endswith("layer"):
        with Project.open(to, readonly=True) as project:
            assert len(project.dataset().samples) == IMAGES
        assert said(to) in ({}, whole), "a layer with other or fewer labels"
    else:
        assert said(to) == whole, "a folder with other bytes"


def compare(folder: Path, way: str, name: str) -> None:
    """The finished target says what that of an unbroken call says, and nothing is left over."""
    to = place(folder, way, name)
    assert said(to) == json.loads((folder / f"{way}.json").read_text())
    # A call that is killed after its target was whole leaves its journal to the next one.
    if way.endswith("folder"):
        refused = False
        try:
            predict(str(folder / "scenes/images"), model="watershed", out=to)
        except WriteError:
            refused = True
        assert refused, "a target was written over"
        assert not to.with_name(to.name + PARTIAL).exists()
    else:
        predict(str(to), model=str(folder / "run") if way.startswith("network") else "watershed")
        files = list((to / "predictions").rglob("*"))
        assert len([file for file in files if file.suffix == ".parquet"]) == 1, files
        assert not [file for file in files if PARTIAL in file.name], files


if __name__ == "__main__":
    main()
