"""Streams, threads and first calls of metrics: memory of 100,000 maps, two threads, compilation.

    python -m benchmarks.stream [--maps 100000] [--images 2000] [--repeat 7] [--json FILE]

Memory: each stream has a process of its own; its resident size is read at a hundredth, a tenth and
all of the maps, and what grows is divided by the maps between. Threads: the same calls one after
the other and by two threads, best wall time of all repeats, on how many cores, and whether the
results are the same bits. First calls: every family in a process whose kernel cache is empty, then
in a second one.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from benchmarks.masks import cpu_model

CLASSES = 19
DISTINCT = 32


def class_maps(n, size, seed=0):
    """n pairs of maps: regions of 19 classes and void, and the same with edges moved and noise."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(n):
        grid = np.kron(rng.integers(0, CLASSES, (8, 16)), np.ones((size[0] // 8, size[1] // 16)))
        truth = grid.astype(np.uint8)
        truth[: size[0] // 16] = 255
        predicted = np.roll(truth, rng.integers(-4, 5, 2), (0, 1))
        noise = rng.random(size) < 0.01
        predicted[noise] = rng.integers(0, CLASSES, int(noise.sum()))
        pairs.append((truth, predicted))
    return pairs


def resident():
    """Bytes of this process in memory now, and the most so far."""
    said = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(said[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))


# --- memory


def stream(maps, keep):
    """Maps through `PixelMetrics`, with what is resident at three points; run in a child."""
    from maskloom.core.taxonomy import Taxonomy
    from maskloom.metrics.pixels import PixelMetrics

    metric = PixelMetrics(
        Taxonomy.from_names([f"class {k}" for k in range(CLASSES)]), keep_samples=keep
    )
    pairs = class_maps(DISTINCT, (256, 512))
    points, began = [], time.perf_counter()
    marks = sorted({max(1, maps // 100), max(1, maps // 10), maps})
    for n in range(1, maps + 1):
        metric.update(*pairs[n % DISTINCT])
        if n in marks:
            counted = time.perf_counter() - began
            before = resident()
            metric.result()
            kept = sum(array.nbytes for array in metric.state().values())
            points.append(
                {"maps": n, "seconds": round(counted, 3), "resident": before[0],
                 "peak": before[1], "peak_with_result": resident()[1], "kept": kept}
            )  # fmt: skip
    first, last = points[0], points[-1]
    between = max(1, last["maps"] - first["maps"])
    return {
        "keep_samples": keep,
        "points": points,
        "resident_bytes_per_map": round((last["resident"] - first["resident"]) / between, 1),
        "kept_bytes_per_map": round((last["kept"] - first["kept"]) / between, 1),
    }


def by_verb(images, folder):
    """The command `evaluate` over folders of PNG files; its peak memory, and where it spends it."""
    pairs = class_maps(DISTINCT, (256, 512))
    for side, place in (("truth", 0), ("predicted", 1)):
        (folder / side).mkdir()
        for k, pair in enumerate(pairs):
            cv2.imwrite(str(folder / f"{side}-{k}.png"), pair[place])
        for n in range(images):
            os.link(folder / f"{side}-{n % DISTINCT}.png", folder / side / f"{n:06d}.png")
    names = [{"id": k, "name": f"class {k}"} for k in range(CLASSES)]
    (folder / "names.json").write_text(json.dumps({"categories": names}))
    rows = []
    for n in sorted({max(1, images // 10), images}):
        for extra in (["--metrics", "miou", "--resamples", "0"], ["--metrics", "miou"]):
            listed = folder / "keys.txt"
            listed.write_text("".join(f"{i:06d}\n" for i in range(n)))
            sides = [str(folder / "truth"), str(folder / "predicted"), "--split", f"@{listed}"]
            words = ["evaluate", *sides, "--taxonomy", str(folder / "names.json"), *extra]
            seconds, peak = measured_call([sys.executable, "-m", "maskloom", *words])
            intervals = "--resamples" not in extra
            rows.append({"images": n, "intervals": intervals, "seconds": seconds, "peak": peak})
            print(f"evaluate, {n:7,} maps, intervals {intervals!s:5}: {peak / 1e6:8.1f} MB, "
                  f"{seconds:6.1f} s")  # fmt: skip
    return rows


def measured_call(argv, **environment):
    """Wall seconds and peak bytes of a command."""
    began = time.perf_counter()
    child = subprocess.Popen(
        argv, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(said.decode())
    return round(time.perf_counter() - began, 2), usage.ru_maxrss * 1024


# --- threads


def blobs(rng, n, size):
    """n round masks, as a batch, and the same moved by some pixels."""
    from maskloom.core.masks import Masks

    dense = np.zeros((2 * n, *size), np.uint8)
    for i in range(n):
        x, y = rng.integers(0, size[1]), rng.integers(0, size[0])
        r = int(rng.integers(6, 40))
        cv2.circle(dense[i], (int(x), int(y)), r, 1, -1)
        move = rng.integers(-6, 7, 2)
        cv2.circle(dense[n + i], (int(x + move[0]), int(y + move[1])), r, 1, -1)
    masks = Masks.from_dense(dense.astype(bool))
    return masks[np.arange(n)], masks[np.arange(n, 2 * n)]


def objects(rng):
    """True and predicted objects of one image, as the matching takes them."""
    from maskloom.core.labels import Rows
    from maskloom.core.taxonomy import Taxonomy
    from maskloom.metrics.objects.sides import MASKLOOM_RULES, predicted_objects, truth_objects

    truth, predicted = blobs(rng, 400, (480, 640))
    taxonomy = Taxonomy.from_names(["a", "b"])
    category = rng.integers(0, 2, 400)
    t = truth_objects(Rows.make(truth, category), taxonomy, MASKLOOM_RULES)
    rows = Rows.make(predicted, category, score=rng.random(400))
    return predicted_objects(rows, taxonomy, MASKLOOM_RULES)[0], t


def calls():
    """Name → a call of one kernel, and the arrays that it is called with, 8 of them."""
    from maskloom.metrics.boundary.bands import boundary_bands
    from maskloom.metrics.boundary.dense_bands import boundary_iou
    from maskloom.metrics.confusion import joint_counts
    from maskloom.metrics.objects.columns import AREAS_PX, LEVELS
    from maskloom.metrics.objects.matching import candidates, match
    from maskloom.metrics.shape.joint import joint_ids
    from maskloom.metrics.surface.scores import surface_scores

    rng = np.random.default_rng(0)
    low, high = np.array(list(AREAS_PX.values())).T[:, :, None]

    def matched(found, truth):
        pairs = candidates(found.columns(), truth.columns(), truth.crowd)
        ignored = truth.crowd | (truth.area < low) | (truth.area > high)
        outside = (found.area < low) | (found.area > high)
        return match(pairs, truth.crowd, ignored, outside, LEVELS)

    def ids(size):
        noise = cv2.resize(rng.random((size[0] // 16, size[1] // 16)), size[::-1])
        truth = cv2.connectedComponents((noise > 0.5).astype(np.uint8))[1]
        return truth, np.roll(truth, 3, 1)

    def ball():
        at = np.ogrid[:160, :160, :160]
        r = rng.integers(30, 60)
        inside = sum((a - 80) ** 2 for a in at) <= r * r
        return inside, np.roll(inside, 2, 0)

    maps = class_maps(8, (1024, 2048))
    binary = [(truth == 3, predicted == 3) for truth, predicted in maps]
    return {
        "confusion matrix": (lambda t, p: joint_counts(t, p, CLASSES), maps),
        "matching of 400 objects": (matched, [objects(rng) for _ in range(8)]),
        "surface distances, 160³": (surface_scores, [ball() for _ in range(8)]),
        "Boundary IoU of class maps": (boundary_iou, binary),
        "bands of 800 masks": (lambda *both: [boundary_bands(one, 16).areas for one in both],
                               [blobs(rng, 400, (480, 640)) for _ in range(8)]),
        "joint counts of id maps": (lambda t, p: joint_ids(t, p).pixels,
                                    [ids((1024, 2048)) for _ in range(8)]),
    }  # fmt: skip


def same(one, other):
    """Whether two results are the same bits."""
    if isinstance(one, tuple | list):
        return all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return one == other


def threads(repeat):
    rows = []
    for name, (call, inputs) in calls().items():
        wanted = [call(*one) for one in inputs]
        began = time.perf_counter()
        call(*inputs[0])
        # Some tenths of a second each, so that starting threads is nothing.
        times = max(1, int(0.3 / max(1e-6, time.perf_counter() - began) / len(inputs)))
        work, best, cores = inputs * times, {1: np.inf, 2: np.inf}, {}
        bits = True
        with ThreadPoolExecutor(2) as pool:
            for _ in range(repeat):
                for n in (1, 2):
                    wall, cpu = time.perf_counter(), time.process_time()
                    shares = [work[i::n] for i in range(n)]
                    found = list(pool.map(lambda own, call=call: [call(*o) for o in own], shares))
                    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                    if wall < best[n]:
                        best[n], cores[n] = wall, round(cpu / wall, 2)
                    for i, own in enumerate(found):
                        bits &= all(map(same, own, (wanted * times)[i::n]))
        ms = {n: round(1000 * best[n] / len(work), 3) for n in best}
        rows.append({"kernel": name, "ms_a_call": ms[1], "ms_by_two_threads": ms[2],
                     "times_faster": round(best[1] / best[2], 2), "cores": cores[2],
                     "same_bits": bits})  # fmt: skip
        print(f"{name:28} {ms[1]:9.3f} ms, two threads {ms[2]:9.3f} ms: {best[1] / best[2]:.2f} "
              f"times faster, on {cores[2]:.2f} cores, same bits: {bits}")  # fmt: skip
    return rows


# --- first calls


def first_call(name):
    """Seconds of the first sample of a family and its result, imports left out; in a child."""
    from maskloom.core.dataset import Dataset
    from maskloom.core.labels import Labels, Rows
    from maskloom.core.sample import ImageRef, Sample
    from maskloom.core.taxonomy import Category, Taxonomy
    from maskloom.metrics.judging.align import compare
    from maskloom.metrics.judging.families import FAMILIES, make_families
    from maskloom.metrics.judging.scene import Scene

    rng = np.random.default_rng(0)
    truth, predicted = class_maps(1, (64, 128))[0]
    if FAMILIES[name].tasks == ("semantic",) or name == "pixels":
        taxonomy = Taxonomy.from_names([f"class {k}" for k in range(CLASSES)])
        sure = np.full(truth.shape, 200, np.uint8)
        labels = [
            Labels(truth.shape, class_map=truth),
            Labels(truth.shape, class_map=predicted, confidence=sure),
        ]
    else:
        taxonomy = Taxonomy((Category("a", "a"), Category("b", "b", "stuff")))
        masks = blobs(rng, 1, (200, 200))
        labels = [
            Labels((200, 200), rows=Rows.make(one, [0], instance=[1], track=[1])) for one in masks
        ]
    samples = (Sample("a", ImageRef(None), kind="frame", sequence="s", index=0),)
    sides = [Dataset(taxonomy, samples, lambda _, own=own: own) for own in labels]
    pair_up = compare(*sides)
    began = time.perf_counter()
    made = make_families((name,), taxonomy)[name]
    FAMILIES[name].feed(made, Scene(pair_up, pair_up.pairs[0]))
    made.result()
    return {"seconds": round(time.perf_counter() - began, 3)}


def first_calls(folder):
    """Every family and the whole verb, with an empty cache and with the one that it left."""
    from maskloom.metrics.judging.families import FAMILIES

    rows = []
    for name in FAMILIES:
        cache = str(folder / f"cache-{name}")
        times = [in_child("first", name, NUMBA_CACHE_DIR=cache)["seconds"] for _ in range(2)]
        rows.append({"family": name, "empty_cache_s": times[0], "second_process_s": times[1]})
        print(f"first call of {name:12} {times[0]:7.2f} s, in a second process {times[1]:6.3f} s")
    for side, place in (("t", 0), ("p", 1)):
        (folder / side).mkdir()
        for n, pair in enumerate(class_maps(8, (64, 128))):
            cv2.imwrite(str(folder / side / f"{n}.png"), pair[place])
    words = [sys.executable, "-m", "maskloom", "evaluate", str(folder / "t"), str(folder / "p")]
    cache = str(folder / "cache-verb")
    times = [measured_call(words, NUMBA_CACHE_DIR=cache)[0] for _ in range(2)]
    rows.append({"verb": "evaluate", "empty_cache_s": times[0], "second_process_s": times[1]})
    print(f"maskloom evaluate, 8 maps: {times[0]:.2f} s, again {times[1]:.2f} s")
    return rows


def in_child(*words, **environment):
    """What a part says in a process of its own."""
    argv = [sys.executable, "-m", "benchmarks.stream", "--part", *map(str, words)]
    done = subprocess.run(
        argv, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


PARTS = {
    "stream": lambda maps, keep: stream(int(maps), keep == "True"),
    "first": first_call,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=int, default=100_000)
    parser.add_argument("--images", type=int, default=2_000, help="of the verb")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(PARTS[asked.part[0]](*asked.part[1:])))
        return
    streams = []
    for keep in (True, False):
        found = in_child("stream", asked.maps, keep)
        streams.append(found)
        for one in found["points"]:
            print(f"keep_samples={keep!s:5} {one['maps']:7,} maps: resident "
                  f"{one['resident'] / 1e6:7.1f} MB, peak {one['peak'] / 1e6:7.1f} MB, with result "
                  f"{one['peak_with_result'] / 1e6:7.1f} MB, kept {one['kept'] / 1e6:6.2f} MB, "
                  f"{one['seconds']:.1f} s")  # fmt: skip
        print(f"    {found['resident_bytes_per_map']} bytes a map resident, "
              f"{found['kept_bytes_per_map']} kept")  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="maskloom-stream-"))
    try:
        verb = by_verb(asked.images, folder)
        scaling = threads(asked.repeat)
        firsts = first_calls(folder)
    finally:
        shutil.rmtree(folder)
    if asked.json:
        out = {
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "load": os.getloadavg(),
                        "python": platform.python_version()},
            "streams": streams, "evaluate": verb, "threads": scaling, "first_calls": firsts,
        }  # fmt: skip
        asked.json.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
