"""Imports that are killed at random moments: the project must open and hold all of it or nothing.

    python benchmarks/kills_import.py [--kills 120] [--seed 0]

Three kinds take turns: objects with copied images into a new project; class maps into a project
that holds others; a second revision over a first one. SIGKILL hits between the start of the
process and a little after its usual end, most often while files are written; the aim follows the
pace of the machine. After every kill the project is opened, compared with what it held before and
with the whole import, imported again, and looked through for files that nobody names.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from maskloom.core.masks import Masks
from maskloom.formats.detect import read_dataset
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_

SIZE = (120, 160)
IMAGES = 60
JOURNAL = ".import.journal"


def write_sources(root):
    """Objects, the same objects but fewer, and class maps with images of other names."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for i in range(IMAGES):
        name = f"{i:03d}.png"
        pixels = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        for folder, file in (("objects", name), ("fewer", name), ("maps", f"m{name}")):
            path = root / folder / "images" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, pixels)
        images.append({"id": i, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
        for j in range(8):
            mask = np.kron(rng.random((12, 16)) < 0.2, np.ones((10, 10), bool))
            annotations.append(
                {"id": 8 * i + j, "image_id": i, "category_id": 1 + j % 2, "iscrowd": 0,
                 "bbox": [0, 0, 9, 9], "area": 9, "segmentation": Masks.from_dense(mask).to_coco(0)}
            )  # fmt: skip
        masks = root / "maps/masks"
        masks.mkdir(exist_ok=True)
        values = np.kron(rng.integers(0, 4, (12, 16)), np.ones((10, 10))).astype(np.uint8)
        write_png(masks / f"m{name}", values)
    categories = [{"id": 1, "name": "cell"}, {"id": 2, "name": "dirt"}]
    for folder, kept in (("objects", annotations), ("fewer", annotations[::3])):
        whole = {"images": images, "annotations": kept, "categories": categories}
        (root / folder / "labels.json").write_text(json.dumps(whole))


KINDS = {
    "objects, images copied, new project": ([], ["objects", "--copy"], "main"),
    "class maps into a project of objects": (
        ["objects"], ["maps", "--from", "bitmap", "--layer", "gold"], "gold"
    ),
    "a second revision": (["objects"], ["fewer", "--replace"], "main"),
}  # fmt: skip


def command(root, words, project):
    return [sys.executable, "-m", "maskloom", "import", str(root / words[0]), str(project),
            *words[1:]]  # fmt: skip


def held(project, layer):
    """What a layer says, as a hash; empty where there is no project, or no labels in the layer."""
    if not (project / "maskloom.toml").exists():
        return ""
    with Project.open(project) as opened:
        known = {one.name: one.samples for one in opened.layers()}
        opened.page()
    return read_dataset(f"{project}::{layer}").content_hash() if known.get(layer) else ""


def orphans(project):
    """Files of labels and images that the database does not name."""
    from sqlalchemy import select

    from maskloom.store.project import database, schema

    with Project.open(project) as opened, database.read(opened) as connection:
        columns = (schema.part.c.path, schema.sample.c.uri, schema.entry.c.blob)
        named = {v for c in columns for v in connection.execute(select(c)).scalars() if v}
    named |= {f"blobs/{name[:2]}/{name}" for name in named}
    places = (project / name for name in ("images", "blobs", "snapshots", "predictions"))
    there = {p.relative_to(project).as_posix() for place in places for p in place.rglob("*")
             if p.is_file()}  # fmt: skip
    return sorted(there - named)


def prepared(root, kind, project):
    for name in KINDS[kind][0]:
        import_(root / name, project)


def usual_times(root, kind, project):
    """Seconds from the start to the first file, and from there to the end."""
    prepared(root, kind, project)
    start = time.perf_counter()
    process = subprocess.Popen(command(root, KINDS[kind][1], project), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    begun = wait_for_begin(process, project) - start
    process.wait()
    return begun, time.perf_counter() - start - begun


def wait_for_begin(process, project):
    while process.poll() is None and not (project / JOURNAL).exists():
        time.sleep(0.0005)
    return time.perf_counter()


def one_kill(root, kind, project, times, clock):
    """Kill one import: the phase that was hit, what the layer said before, and what it says now."""
    layer = KINDS[kind][2]
    prepared(root, kind, project)
    before = held(project, layer)
    process = subprocess.Popen(command(root, KINDS[kind][1], project), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    if clock.random() < 0.15:
        time.sleep(clock.uniform(0, sum(times)))
    else:
        wait_for_begin(process, project)
        time.sleep(clock.uniform(0, 1.1 * times[1]))
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        return "too late", before, held(project, layer)
    phase = "writing" if (project / JOURNAL).exists() else "before or after"
    return phase, before, held(project, layer)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/kills_import.json"))
    given = parser.parse_args()
    clock = random.Random(given.seed)
    phases, states, left = Counter(), Counter(), Counter()
    with tempfile.TemporaryDirectory(prefix="maskloom-kills-") as folder:
        root = Path(folder)
        write_sources(root)
        whole, times = {}, {}
        for kind, (_, _, layer) in KINDS.items():
            project = root / "calibration"
            times[kind] = usual_times(root, kind, project)
            whole[kind] = held(project, layer)
            shutil.rmtree(project)
        number, aims = 0, dict(times)
        while phases.total() - phases["too late"] < given.kills:
            number += 1
            kind = list(KINDS)[number % len(KINDS)]
            project = root / f"p{number}"
            phase, before, after = one_kill(root, kind, project, aims[kind], clock)
            begun, rest = aims[kind]
            aims[kind] = begun, rest * (0.85 if phase == "too late" else 1.04)
            assert after in (before, whole[kind]), f"kill {number} left a part of {kind}"
            state = "all" if after == whole[kind] else "nothing"
            phases[phase] += 1
            states[state] += phase != "too late"
            left["files swept"] += len(orphans(project)) if (project / JOURNAL).exists() else 0
            if state == "nothing":
                done = subprocess.run(command(root, KINDS[kind][1], project), capture_output=True,
                                      text=True, check=False)  # fmt: skip
                assert done.returncode == 0, done.stderr
            assert held(project, KINDS[kind][2]) == whole[kind]
            assert orphans(project) == [], f"kill {number} left files"
            shutil.rmtree(project)
            print(f"{number:4d}  {kind:<40} {phase:<16} {state}", flush=True)
    record = {
        "kills": phases.total() - phases["too late"],
        "seed": given.seed,
        "killed in phase": dict(phases),
        "found": dict(states),
        "files of killed imports that the next one removed": left["files swept"],
        "checked after each": "opens; holds all or nothing; imports again; no file is left over",
        "seconds to the first file and from there to the end": {
            kind: [round(t, 3) for t in pair] for kind, pair in times.items()
        },
        "python": platform.python_version(),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
