"""Kill `train` at random moments; it must go on to the weights of an unbroken run.

    python -m benchmarks.kills_train [--kills 100] [--seed 0] [--out FILE]

A tiny U-Net on ten small scenes, in turn into a folder, into a project, and in a project from the
weights of an earlier run. After every SIGKILL each file of the run is read: it is whole or it is
not there. Processes are forked from one that has imported torch (`preloaded.py`), so that a start
costs milliseconds; a kill comes at most the length of an unbroken run after it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # bits depend on the number of threads

import numpy as np
import pyarrow.parquet as pq
import torch
from benchmarks.preloaded import run, until_done

from maskloom.core.report import Curve, Report
from maskloom.core.run import Run
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.pixels import PixelMetrics
from maskloom.models import checkpoint
from maskloom.report.html import render
from maskloom.report.plots import write_curves_png
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.store.project.runs import runs
from maskloom.training import project_data, verb
from maskloom.training.beginning import load_beginning
from maskloom.training.request import BEGUN
from maskloom.training.state import load_state
from maskloom.verbs.import_ import import_
from maskloom.verbs.train import train

PRELOADED = (verb, project_data)
STEPS = 60
RECIPE = (
    "encoder=plain", "width=8", "depth=2", "batch=4", "precision=fp32", "crop=32,32", "lr=0.01",
    "eval_every=5",
)  # fmt: skip
WAYS = ("folder", "project", "parent")


def main() -> None:
    """Kill, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/kills_train.json"))
    options = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = measured(Path(folder), options.kills, random.Random(options.seed))
    results |= {
        "benchmark": "kills_train", "seed": options.seed, "steps": STEPS,
        "torch": torch.__version__, "python": sys.version.split()[0],
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    if results["other_weights"]:
        raise SystemExit(1)


def warm(folder: Path) -> None:
    """What every child would compile or load first, on one thread."""
    zeros = np.zeros((4, 4), np.uint8)
    PixelMetrics(Taxonomy.from_names(["a", "b"])).update(zeros, zeros)
    write_curves_png((Curve("loss", (0.0, 1.0), (1.0, 0.5)),), folder / "warm.png")
    render(Report("warm", "semantic", {"miou": 1.0}))


def measured(folder: Path, wanted: int, clock: random.Random) -> dict[str, object]:
    """Kill until there were enough; every way comes in turn."""
    warm(folder)
    run(lambda: prepare(folder))
    whole = {
        way: min(run(lambda way=way, n=n: begin(folder, way, f"whole{n}")) for n in range(3))
        for way in WAYS
    }
    counts = {"kills": 0, "runs": 0, "other_weights": 0, "killed_runs": 0}
    by_way: Counter[str] = Counter()
    stages: Counter[str] = Counter()
    while counts["kills"] < wanted:
        name = str(counts["runs"])
        one = (folder, WAYS[counts["runs"] % len(WAYS)], name)
        kills = until_done(
            partial(go_on, *one),
            partial(check, *one),
            clock,
            whole[one[1]],
            note=lambda one=one: stages.update([stage(*one)]),
        )
        counts["runs"] += 1
        counts["kills"] += kills
        counts["killed_runs"] += bool(kills)
        by_way[one[1]] += kills
        run(partial(compare, *one))
        counts["other_weights"] += (folder / "differs").is_file()
        (folder / "differs").unlink(missing_ok=True)
        print(f"{counts['kills']:4d} kills, {counts['runs']} runs", file=sys.stderr, flush=True)
    return {
        **counts,
        "kills_by_way": by_way,
        "kills_by_stage": stages,
        "half_written_files": 0,  # the first one ends the benchmark
        "seconds_unbroken": {way: round(value, 2) for way, value in whole.items()},
    }


def prepare(folder: Path) -> None:
    """Ten scenes of a disc and a square each, as files; and as projects with one run."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48]
    for i in range(10):
        classes = np.zeros((48, 48), np.uint8)
        cx, cy = rng.uniform(12, 36, 2)
        classes[(x - cx) ** 2 + (y - cy) ** 2 < 49] = 1
        left, top = rng.integers(2, 34, 2)
        classes[top : top + 10, left : left + 10] = 2
        image = np.array([30, 200, 120])[classes] + rng.normal(0, 8, classes.shape)
        rgb = np.repeat(image.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
        write_png(folder / f"scenes/images/{i}.png", rgb)
        write_png(folder / f"scenes/masks/{i}.png", classes)
    import_(folder / "scenes", folder / "project", from_="bitmap", set_=("from.kind=class",))
    train(folder / "project", out=folder / "parent", steps=10, set_=RECIPE)


def target(folder: Path, way: str, name: str) -> Path | None:
    """Where a run lies; None while a project has not given it a number."""
    if way == "folder" or name.startswith("whole"):
        return folder / f"{way}-{name}"
    note = folder / f"{way}-{name}.number"
    known = int(note.read_text()) if note.is_file() else 0
    newer = [path for path in runs(folder / "project") if int(path.name) > known]
    begun = [path for path in newer if (path / BEGUN).is_file()]
    return begun[-1] if begun else None


def begin(folder: Path, way: str, name: str, *, resume: bool = False) -> None:
    """Train in one of the ways."""
    out = target(folder, way, name) if way == "folder" or name.startswith("whole") else None
    data = folder / ("scenes" if way == "folder" else "project")
    parent = folder / "parent" if way == "parent" else None
    settings = (*RECIPE, "from.kind=class") if way == "folder" else RECIPE
    train(data, out=out, steps=STEPS, val="0.2", resume=resume, resume_from=parent, set_=settings)


def go_on(folder: Path, way: str, name: str) -> None:
    """Begin, or go on where the last process was killed."""
    note = folder / f"{way}-{name}.number"
    if way != "folder" and not note.is_file():
        newest = runs(folder / "project")
        note.write_text(newest[-1].name if newest else "0")
    out = target(folder, way, name)
    begin(folder, way, name, resume=out is not None and (out / BEGUN).is_file())


def stage(folder: Path, way: str, name: str) -> str:
    """How far the run had come, by the files that are there."""
    out = target(folder, way, name)
    marks = (("report.html", "after the report"), ("curves.parquet", "writing the report"),
             ("state.pt", "training"), (BEGUN, "before the first state"))  # fmt: skip
    if out is not None:
        for file, words in marks:
            if (out / file).is_file():
                return words
    return "before the run's folder"


def check(folder: Path, way: str, name: str) -> None:
    """Every file under its own name is whole."""
    with Project.open(folder / "project", readonly=True) as project:
        assert len([labels for _, labels in project.dataset()]) == 10
    out = target(folder, way, name)
    if out is None or not out.is_dir():
        return
    for file in out.iterdir():
        if not file.name.startswith("."):
            READERS.get(file.name, READERS.get(file.suffix, unknown))(file)


def weights(file: Path) -> None:
    """Compares the hash of the weights."""
    checkpoint.load(Run.load(file.parent))


def page(file: Path) -> None:
    """A report to its end."""
    assert file.read_text().rstrip().endswith("</html>"), file


def keys(file: Path) -> None:
    """A list of all samples of one side."""
    assert len(file.read_text().split()) in (2, 8), file


def picture(file: Path) -> None:
    """A PNG to its end."""
    assert file.read_bytes()[-8:-4] == b"IEND", file


def unknown(file: Path) -> None:
    """No run has such a file."""
    raise AssertionError(file)


READERS = {
    "model.safetensors": weights,
    "state.pt": lambda file: load_state(file.parent),
    BEGUN: lambda file: load_beginning(file.parent),
    ".json": lambda file: json.loads(file.read_bytes()),
    ".parquet": pq.read_table,
    ".html": page,
    ".txt": keys,
    ".png": picture,
}


def compare(folder: Path, way: str, name: str) -> None:
    """The finished run has all its files and the weights of the unbroken one."""
    check(folder, way, name)
    out = target(folder, way, name)
    assert out is not None
    assert (out / "report.html").is_file()
    assert not list(out.glob(".*")), "left over"
    if Run.load(out).weights_sha256 != Run.load(folder / f"{way}-whole0").weights_sha256:
        (folder / "differs").touch()


if __name__ == "__main__":
    main()
