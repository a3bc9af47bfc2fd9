"""The loop in one go, on real data: import, train, predict, review, fix in the page, export, train.

    python -m benchmarks.loop [--data dsb2018 camvid] [--steps 120] [--whole]

Nuclei (objects) and CamVid frames (a class map) become projects; a small U-Net is trained in them
and its predictions are a layer; ten regions of the review are fixed by mouse and keyboard. What
the page then shows is compared, pixel by pixel, with the exported files as other readers read
them, for every image that was touched; all others must be unchanged, byte for byte. At last a run
goes on from the first one with the corrected labels and is compared with it.

The data are found in MASKLOOM_SHARED/data, by default ../shared/data. CamVid is a part of its
frames unless --whole is given.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from benchmarks import loop_files
from benchmarks.browsing import stored_operations, versions, write_result
from benchmarks.loop_page import NEW_CLASS, fix

from maskloom.core.migrations import Migration
from maskloom.store.project import Project
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_
from maskloom.verbs.predict import predict
from maskloom.verbs.review import review
from maskloom.verbs.train import train

FRAMES = {"train": 40, "val": 12}
RECIPES = {
    "dsb2018": ("normalize=image", "flip=both", "rotate=180", "scale=0.6,1.6", "color=0.4"),
    "camvid": ("crop=224,288",),
}
FIGURES = ("miou", "ap", "ap50")


class Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        """A step is over."""
        now = time.perf_counter()
        self.seconds[name] = round(now - self.last, 1)
        self.last = now
        print(f"{name:<10} {self.seconds[name]:7.1f} s", flush=True)


def shared() -> Path:
    """The folder of the data sets."""
    checkout = Path(__file__).resolve().parent.parent
    return Path(os.environ.get("MASKLOOM_SHARED", checkout.parent / "shared")) / "data"


def source_of(name: str, folder: Path, *, whole: bool) -> Path:
    """A data set, or an evenly spread part of CamVid's frames."""
    source = shared() / name
    if name != "camvid" or whole:
        return source
    part = folder / "camvid"
    for split, count in FRAMES.items():
        frames = sorted((source / split).glob("*.png"))
        for frame in frames[:: max(1, len(frames) // count)][:count]:
            for place in (split, f"{split}annot"):
                (part / place).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / place / frame.name, part / place / frame.name)
    return part


def exports(root: Path, folder: Path, form: str) -> dict[str, Path]:
    """The layer main as files, in every form that can hold its labels, or all but its overlaps."""
    out = {}
    formats = ("bitmap", "coco", "objects") if form == "rows" else ("bitmap", "coco")
    for name in formats:
        out[name] = folder / (f"{name}.json" if name == "coco" else name)
        done = export(root, out[name], to=name, allow_loss=True)
        assert done.results["written"], name
    return out


def compare_edited(files: dict[str, Path], shown, keys) -> tuple[list[str], Counter[str]]:
    """Whether the exported files hold what the page shows, for every image that was edited."""
    faults: list[str] = []
    counts: Counter[str] = Counter()
    side = loop_files.side_file(files["bitmap"])
    coco, unions = loop_files.read_coco(files["coco"])
    names = {one["key"]: one["name"] for one in side["categories"]}
    for sample, document in shown.items():
        key = keys[sample]
        wanted = loop_files.map_of(document, side)
        found = loop_files.read_map(files["bitmap"], key)
        counts["pixels of maps"] += wanted.size
        if not np.array_equal(wanted, found):
            faults.append(f"{key}: {int((wanted != found).sum())} pixels of the map differ")
        objects = loop_files.objects_of(document)
        if document["form"] == "rows":
            counts["objects"] += len(objects)
            named = sorted((names[category], mask) for category, mask in objects)
            if loop_files.read_objects(files["objects"], key) != objects:
                faults.append(f"{key}: objects differ in the PNGs")
            if coco[key] != named:
                faults.append(f"{key}: objects differ in COCO")
            continue
        # COCO has no void: that is a loss which the export tells.
        void = {one["key"] for one in side["categories"] if one.get("void")}
        for category, mask in objects:
            if category in void:
                continue
            union = unions[key].get(names[category])
            empty = not any(mask)
            counts["classes of maps in COCO"] += not empty
            if not empty and (union is None or np.packbits(union).tobytes() != mask):
                faults.append(f"{key}: {category} differs in COCO")
    return faults, counts


def fixed_in_page(root: Path, form: str, before: dict[str, Path], folder: Path):
    """Fix, export, compare; (what was done and counted, faults)."""
    done, shown, sent, ledger, chromium = asyncio.run(fix(root, form))
    files = exports(root, folder, form)
    with Project.open(root, readonly=True) as project:
        keys = {row.id: row.key for row in project.page(limit=1000)[0]}
        items, _ = project.review_items(1, offset=0, limit=1000)
    faults, counts = compare_edited(files, shown, keys)
    for sample, document in shown.items():
        if loop_files.objects_of(document) != loop_files.objects_of(sent[sample]):
            faults.append(f"{keys[sample]}: the page shows something else than the server sends")
    untouched = [key for sample, key in keys.items() if sample not in shown]
    masks = [name for name in files if name != "coco"]
    for name in masks:
        changed = loop_files.same_files(before[name], files[name], untouched)
        faults += [f"{key}: not edited, but its {name} changed" for key in changed]
    old, new = (loop_files.read_coco(one["coco"])[0] for one in (before, files))
    faults += [
        f"{key}: not edited, but its COCO changed" for key in untouched if old[key] != new[key]
    ]
    edited = [keys[sample] for sample in shown]
    if not loop_files.same_files(before[masks[0]], files[masks[0]], edited):
        faults.append("no edit changed a map")
    log = stored_operations(root)
    faults += [f"operation {one} is not stored" for one in ledger.made if one not in log]
    verdicts = Counter(item.verdict for item in items if item.verdict)
    if sum(verdicts.values()) < 10:
        faults.append(f"only {dict(verdicts)} regions are judged")
    told = {
        "gestures": done,
        "operations": dict(sorted(Counter(ledger.made.values()).items())),
        "verdicts": dict(sorted(verdicts.items())),
        "images_edited": len(shown),
        "images_untouched": len(untouched),
        "compared": dict(counts),
        "chromium": chromium,
    }
    return told, faults + ledger.faults


def figures(metrics) -> dict[str, float]:
    """The scores that this form has."""
    return {name: round(metrics[name], 4) for name in FIGURES if metrics.get(name) is not None}


def loop(name: str, folder: Path, *, steps: int, whole: bool) -> dict[str, object]:
    """One data set around the loop."""
    clock, root = Clock(), folder / "project"
    source = source_of(name, folder, whole=whole)
    category = ("category=nucleus",) if name == "dsb2018" else ()
    imported = import_(source, root, copy=True, set_=category)
    if name == "dsb2018":
        with Project.open(root) as project:
            project.migrate(Migration("add", key=NEW_CLASS.lower(), name=NEW_CLASS), author="ann")
    clock.lap("import")
    form = "map" if name == "camvid" else "rows"
    (folder / "before").mkdir()
    before = exports(root, folder / "before", form)
    clock.lap("export")
    val = "val" if name == "camvid" else "0.3"
    first = train(root, steps=steps, val=val, set_=(*RECIPES[name], f"eval_every={steps // 2}"))
    clock.lap("train")
    layer = predict(str(root), model="runs/1").results["address"]
    clock.lap("predict")
    split = f"@{root}/runs/1/val.txt"
    scored = evaluate(root, Path(layer), split=split)
    clock.lap("evaluate")
    reviewed = review(root, Path(layer), top=60)
    clock.lap("review")
    (folder / "after").mkdir()
    page, faults = fixed_in_page(root, form, before, folder / "after")
    clock.lap("page")
    again = train(root, steps=max(2, steps // 3), resume_from=root / "runs/1",
                  set_=(f"eval_every={max(1, steps // 6)}",))  # fmt: skip
    clock.lap("train again")
    compared = again.results.get("before_after", {})
    report = Path(again.results["report"]).read_text(encoding="utf-8")
    if not compared.get("metrics") or "Before and after" not in report:
        faults.append("the second run does not tell before and after")
    if not 1 <= compared.get("labels", {}).get("changed", 0) <= page["images_edited"]:
        faults.append(f"labels changed by the comparison: {compared.get('labels')}")
    return {
        "images": imported.results["samples"],
        "objects": imported.results["objects"],
        "trained": {"steps": steps, **figures(first.results["metrics"])},
        "predicted_layer": figures(scored.results["metrics"]),
        "regions": len(reviewed.results["rows"]),
        **page,
        "before_after": {
            "labels": compared.get("labels"),
            **{name: compared["metrics"][name] for name in FIGURES if name in compared["metrics"]},
        },
        "seconds": clock.seconds,
        "failures": faults,
    }


def run(names: list[str], *, steps: int, whole: bool) -> dict[str, object]:
    """Each data set in a folder of its own."""
    out = {}
    for name in names:
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="maskloom-loop-") as folder:
            out[name] = loop(name, Path(folder), steps=steps, whole=whole)
    import torch

    chromium = str(out[names[0]]["chromium"])
    failures = [f"{name}: {one}" for name in names for one in out[name].pop("failures")]
    for name in names:
        del out[name]["chromium"]
    facts = {
        **versions(chromium),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
    }
    return {"versions": facts, **out, "failures": failures}


def main() -> None:
    """Run and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["dsb2018", "camvid"], choices=list(RECIPES))
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/loop.json")
    asked = parser.parse_args()
    began = time.perf_counter()
    result = run(asked.data, steps=asked.steps, whole=asked.whole)
    write_result(asked.out, result, began)
    sys.exit(1 if result["failures"] else 0)


if __name__ == "__main__":
    main()
