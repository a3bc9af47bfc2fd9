"""Confusion matrix, joint counts and PQ beside the usual tools: CPU time, peak memory, the limit.

    python -m benchmarks.panoptic [--images N] [--repeat N] [--json FILE]

Times are CPU milliseconds of one thread, the best of all repeats, by turns in one process: a
machine that is slower for a minute is so for all. Peaks are of a process each. Numbers are compared
before anything is timed. The limit is what one core needs to read both maps once, in this run.
References that are no packages here are written out (`panoptic_data.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import io
import json
import multiprocessing
import os
import platform
import resource
import tempfile
from pathlib import Path

import numba
import numpy as np
from benchmarks import panoptic_data as data
from benchmarks.evaluate import CLASSES, class_maps
from benchmarks.masks import cpu_model
from benchmarks.shape import coco_like, measured

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.detect import read_dataset
from maskloom.metrics.confusion import joint_counts
from maskloom.metrics.judging.align import compare
from maskloom.metrics.judging.scene import Scene
from maskloom.metrics.panoptic.family import BAND, PanopticMetrics
from maskloom.metrics.panoptic.pairs import MapSegments
from maskloom.store.png_colors import color_numbers

TAXONOMY = Taxonomy(tuple(
    Category(str(k), str(k), kind="thing" if k <= data.THINGS else "stuff")
    for k in range(1, data.CLASSES + 1)
))  # fmt: skip


@numba.njit(nogil=True)
def look(one, two):
    """Every word of both, and nothing done with it."""
    found = one[0]
    for i in range(one.size):
        found |= one[i] ^ two[i]
    return found


def read(maps):
    """Every pixel of both maps, eight bytes at a time."""
    return look(*(one.reshape(-1).view(np.uint64) for one in maps))


@numba.njit(nogil=True)
def one_counter(truth, predicted, counts):
    """The loop of cityscapesScripts `addToConfusionMatrix`, which is C there."""
    for i in range(truth.size):
        counts[truth[i], predicted[i]] += 1


def by_bincount(truth, predicted):
    """np.bincount of packed classes where the truth is none of void."""
    valid = truth < CLASSES
    index = truth[valid].astype(np.int64) * CLASSES + predicted[valid]
    return np.bincount(index, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def by_counter(truth, predicted):
    """The same by `one_counter`."""
    counts = np.zeros((256, 256), np.uint64)
    one_counter(truth.reshape(-1), predicted.reshape(-1), counts)
    return counts[:CLASSES, :CLASSES].astype(np.int64)


def by_hotcoco(truth, predicted):
    """The same by hotcoco."""
    from hotcoco.semantic import SemanticEval

    found = SemanticEval(CLASSES)
    found.update(truth, predicted)
    return np.asarray(found.confusion())[:CLASSES, :CLASSES]


def confusion(repeat):
    """A pair of class maps of 19 classes with void."""
    maps = class_maps()
    calls = {
        "maskloom": lambda: joint_counts(*maps, CLASSES)[:CLASSES, :CLASSES],
        "np.bincount": lambda: by_bincount(*maps),
        "a counter each, as Cityscapes": lambda: by_counter(*maps),
        **installed("hotcoco", lambda: by_hotcoco(*maps)),
        "reading both once": lambda: read(maps),
    }
    peaks = peaks_of(calls)
    wanted = calls["maskloom"]()
    for name, call in list(calls.items())[1:-1]:
        assert (call() == wanted).all(), name
    return row_of(calls, peaks, repeat)


def quality_of_arrays(pairs):
    """PQ from pairs of (maps, their segments)."""
    metric = PanopticMetrics(TAXONOMY)
    for maps, segments in pairs:
        metric.update_maps(maps, segments)
    return metric.result().metrics["pq"]


def quality_of_panopticapi(pairs, annotations):
    """The same by panopticapi's steps."""
    stat = data.new_stat()
    for maps, sides in zip(pairs, annotations, strict=True):
        data.by_panopticapi(*maps, *(side["segments_info"] for side in sides), stat)
    return data.quality(stat)


def listed(annotations):
    """What the ids of both maps of each image are."""
    return [
        tuple(
            MapSegments.make(
                [s["id"] for s in side["segments_info"]],
                [s["category_id"] - 1 for s in side["segments_info"]],
                [s["iscrowd"] for s in side["segments_info"]],
            )
            for side in sides
        )
        for sides in annotations
    ]


def arrays(pairs, files, repeat):
    """PQ of id maps in memory, what they are in lists."""
    annotations = data.annotations_of(files)
    known = list(zip(pairs, listed(annotations), strict=True))
    calls = {
        "maskloom": lambda: quality_of_arrays(known),
        "panopticapi": lambda: quality_of_panopticapi(pairs, annotations),
        "reading both once": lambda: [read(pair) for pair in pairs],
    }
    peaks = peaks_of(calls)
    assert abs(calls["maskloom"]() - calls["panopticapi"]()) < 1e-12
    return row_of(calls, peaks, repeat)


def quality_of_files(files):
    """PQ from JSON and PNG files."""
    annotations = data.annotations_of(files)
    folders = [file.with_suffix("") for file in files]
    metric = PanopticMetrics(TAXONOMY)
    for sides, segments in zip(annotations, listed(annotations), strict=True):
        maps = [color_numbers(f / s["file_name"]) for f, s in zip(folders, sides, strict=True)]
        metric.update_maps(tuple(maps), segments)
    return metric.result().metrics["pq"]


def quality_of_panopticapi_files(files):
    """The same by panopticapi's steps."""
    annotations = data.annotations_of(files)
    folders = [file.with_suffix("") for file in files]
    pairs = (
        [data.ids_by_pillow(f / s["file_name"]) for f, s in zip(folders, sides, strict=True)]
        for sides in annotations
    )
    return quality_of_panopticapi(pairs, annotations)


def quality_of_hotcoco(files):
    """The same by hotcoco."""
    from hotcoco.panoptic import pq_compute

    with contextlib.redirect_stdout(io.StringIO()):
        found = pq_compute(*map(str, files))
    return found["All"]["pq"]


def quality_of_datasets(files, band=None):
    """The same by what `maskloom evaluate` does: data sets checked, rows of masks made."""
    pair_up = compare(*map(read_dataset, files), missing="error", renames={})
    metric = PanopticMetrics(pair_up.taxonomy, band=band)
    for pair in pair_up.pairs:
        scene = Scene(pair_up, pair)
        metric.update(*scene.segments, **scene.limits)
    return next(iter(metric.result().metrics.values()))


def files_of(files, repeat):
    """PQ from files."""
    calls = {
        "maskloom, maps": lambda: quality_of_files(files),
        "panopticapi": lambda: quality_of_panopticapi_files(files),
        **installed("hotcoco", lambda: quality_of_hotcoco(files)),
        "maskloom, data sets": lambda: quality_of_datasets(files),
        "maskloom, data sets, Boundary PQ": lambda: quality_of_datasets(files, BAND),
    }
    peaks = peaks_of(calls)
    wanted = calls["panopticapi"]()
    for name, call in list(calls.items())[:-1]:
        assert abs(call() - wanted) < 1e-9, name
    return row_of(calls, peaks, repeat)


def installed(name, call):
    """The call, if the package is there."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {name: call}


def peak_of(call, queue):
    """How much the peak of this process grows, MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call()
    queue.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def peaks_of(calls):
    """Peaks of all, of processes that this one forks while no call has begun threads in it."""
    context = multiprocessing.get_context("fork")
    peaks = {}
    for name, call in calls.items():
        queue = context.Queue()
        process = context.Process(target=peak_of, args=(call, queue))
        process.start()
        peaks[name] = round(queue.get(timeout=600), 1)
        process.join()
    return peaks


def row_of(calls, peaks, repeat):
    """Times and peaks, and how many times the limit ours takes."""
    row = measured(calls, repeat)
    limit = row["ms"].get("reading both once")
    more = {"times_limit": round(next(iter(row["ms"].values())) / limit, 1)} if limit else {}
    return {**row, "peak_mb": peaks, **more}


def main():
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/panoptic.json"))
    args = parser.parse_args()
    pairs = coco_like(args.images)
    versions = {}
    for name in ("numpy", "numba", "pillow", "hotcoco"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    out = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": cpu_model(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "versions": versions,
        "images": args.images,
        "confusion_1024x2048_19": confusion(3 * args.repeat),
    }
    with tempfile.TemporaryDirectory() as folder:
        files = data.write(Path(folder), pairs)
        out["pq_of_arrays_480x640"] = arrays(pairs, files, args.repeat)
        out["pq_of_png_480x640"] = files_of(files, max(args.repeat // 2, 1))
    print(json.dumps(out, indent=1))
    args.json.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
