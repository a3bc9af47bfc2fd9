"""A project of 100,000 images and 1,000,000 objects: time, memory and disk of import and use.

    python -m benchmarks.project_scale [--images 100000] [--objects 10] [--keep FOLDER]

The labels are generated (polygons of a pool of 2,000 shapes at random places, with the ids, areas
and boxes of a COCO file), the way of one command is measured from the data set on, without the
parsing of a source. All samples refer to one tiny PNG file of 480 × 640, which is opened, measured
and hashed for each of them. A predicted layer of the last tenth of the images, with objects moved,
missing and of a wrong class, is reviewed into a queue. Every measurement runs in a process of its
own: its seconds are wall time of the work alone, its peak is that of the whole process, libraries
included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
from benchmarks.generated import SIZE, generated

PREDICTED = "model/generated@0000"
QUEUE = 10_000


def run_generate(root, given):
    """What the source itself costs: every label once, without a project."""
    source = generated(given.images, given.objects, root / "tiny.png")
    start = time.perf_counter()
    for sample in source.samples:
        source.labels_of(sample)
    return {"seconds": time.perf_counter() - start}


def run_source_hash(root, given):
    source = generated(given.images, given.objects, root / "tiny.png")
    start = time.perf_counter()
    digest = source.content_hash()
    return {"seconds": time.perf_counter() - start, "hash": digest}


def run_import(root, given):
    from maskloom.store.project import Project

    source = generated(given.images, given.objects, root / "tiny.png")
    start = time.perf_counter()
    with Project.create(root / "project") as project:
        added = project.add(source, "main")
    return {
        "seconds": time.perf_counter() - start,
        "samples": added.samples,
        "objects": added.objects,
    }


def run_open(root, given):
    del given
    start = time.perf_counter()
    from maskloom.store.project import Project

    with Project.open(root / "project"):
        return {"seconds": time.perf_counter() - start}


def opened(root):
    """A project that is open, and the moment since when."""
    from maskloom.store.project import Project

    project = Project.open(root / "project")
    return project, time.perf_counter()


def run_first_page(root, given):
    del given
    project, start = opened(root)
    with project:
        rows, total = project.page(limit=100)
        assert len(rows) == 100
        return {"seconds": time.perf_counter() - start, "samples": total}


def run_last_page(root, given):
    project, start = opened(root)
    with project:
        rows, _ = project.page(offset=given.images - 100, limit=100, state="todo")
        assert len(rows) == 100
        return {"seconds": time.perf_counter() - start}


def run_search(root, given):
    del given
    project, start = opened(root)
    with project:
        _, total = project.page(limit=100, search="77", split="val")
        return {"seconds": time.perf_counter() - start, "samples": total}


def run_counts(root, given):
    del given
    project, start = opened(root)
    with project:
        return {"counts": project.counts(), "seconds": time.perf_counter() - start}


def run_one_sample(root, given):
    project, start = opened(root)
    with project:
        number = given.images * 617 // 1000
        document = project.document(f"part{number // 1000:03d}/{number:06d}", "main")
        assert len(document.objects) == given.objects
        return {"seconds": time.perf_counter() - start}


def run_dataset(root, given):
    del given
    project, start = opened(root)
    with project:
        found = project.dataset()
        return {"seconds": time.perf_counter() - start, "samples": len(found)}


def run_random_labels(root, given):
    """One after the other in random order, as training reads them; the data set is open."""
    project, _ = opened(root)
    with project:
        found = project.dataset()
    rng = np.random.default_rng(1)
    chosen = rng.choice(given.images, min(1000, given.images), replace=False)
    times = []
    for i in chosen:
        start = time.perf_counter()
        found.labels_of(found.samples[int(i)])
        times.append(time.perf_counter() - start)
    return {
        "seconds": sum(times),
        "samples": len(times),
        "median_ms": 1e3 * float(np.median(times)),
    }


def run_content_hash(root, given):
    del given
    project, start = opened(root)
    with project:
        digest = project.dataset().content_hash()
        return {"seconds": time.perf_counter() - start, "hash": digest}


def run_predictions(root, given):
    source = generated(given.images, given.objects, root / "tiny.png", predicted=True)
    with opened(root)[0] as project:
        start = time.perf_counter()
        added = project.add(source, PREDICTED, immutable=True)
        return {"seconds": time.perf_counter() - start, "objects": added.objects}


def run_review(root, given):
    from maskloom.verbs.review import review

    del given
    project = root / "project"
    start = time.perf_counter()
    done = review(project, Path(f"{project}::{PREDICTED}"), split="val", top=QUEUE)
    return {"seconds": time.perf_counter() - start, "regions": len(done.results["rows"])}


def run_reviews(root, given):
    del given
    project, start = opened(root)
    with project:
        (row,) = project.reviews()
        return {"seconds": time.perf_counter() - start, "open": row.open}


def run_queue(root, given):
    del given
    project, start = opened(root)
    with project:
        rows, total = project.review_items(1, offset=0, limit=100, open_only=True)
        assert len(rows) == 100
        return {"seconds": time.perf_counter() - start, "regions": total}


def run_queue_end(root, given):
    del given
    project, start = opened(root)
    with project:
        total = project.reviews()[0].items
        rows, _ = project.review_items(1, offset=total - 100, limit=100)
        assert len(rows) == 100
        return {"seconds": time.perf_counter() - start}


STEPS = {
    "labels of the source, generated": run_generate,
    "content hash of the source": run_source_hash,
    "import": run_import,
    "open": run_open,
    "first page of 100": run_first_page,
    "last page of 100, to do": run_last_page,
    "search in a split": run_search,
    "counts by state": run_counts,
    "document of one sample": run_one_sample,
    "data set, without labels": run_dataset,
    "labels of 1,000 samples in random order": run_random_labels,
    "data set with content hash": run_content_hash,
    "predictions of a tenth, added": run_predictions,
    "review of a tenth": run_review,
    "reviews": run_reviews,
    "first page of 100 of the queue": run_queue,
    "last page of 100 of the queue": run_queue_end,
}


def measured(name, root, given):
    before = resource.getrusage(resource.RUSAGE_SELF)
    out = STEPS[name](root, given)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**out, "process_cpu_s": cpu, "process_peak_mb": after.ru_maxrss / 1024}


def folder_bytes(root):
    return {
        path.name: sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*"))
                       if f.is_file())
        for path in sorted(root.iterdir())
    }  # fmt: skip


def measure(root, given):
    from maskloom.store.images import write_png

    write_png(root / "tiny.png", np.zeros((*SIZE, 3), np.uint8))
    context = multiprocessing.get_context("spawn")
    results, sizes = {}, {}
    for name in STEPS:
        with ProcessPoolExecutor(1, context) as process:
            row = results[name] = process.submit(measured, name, root, given).result()
        print(f"{name:<42} {row['seconds']:9.3f} s  peak {row['process_peak_mb']:6.0f} MB",
              flush=True)  # fmt: skip
        if name == "import":
            sizes = folder_bytes(root / "project")
    hashes = {row["hash"] for row in results.values() if "hash" in row}
    assert len(hashes) == 1, "the project says something else than its source"
    return results, sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--keep", type=Path, help="leave the project in this folder")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/project_scale.json"))
    given = parser.parse_args()
    root = given.keep or Path(tempfile.mkdtemp(prefix="maskloom-scale-"))
    root.mkdir(parents=True, exist_ok=True)
    try:
        results, sizes = measure(root, given)
    finally:
        if given.keep is None:
            shutil.rmtree(root)
    for name, size in sizes.items():
        print(f"{name:<42} {size / 1e6:9.1f} MB")
    record = {
        "images": given.images,
        "objects": given.images * given.objects,
        "results": results,
        "bytes": sizes,
        "versions": {name: version(name) for name in ("numpy", "pyarrow", "sqlalchemy")},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
