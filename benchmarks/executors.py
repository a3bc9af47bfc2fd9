"""What spreading work costs, beside the usual tools; and that killed workers change no byte.

    python -m benchmarks.executors [--repeats 7] [--out benchmarks/results/executors.json]

The overhead is the wall time of a map over 1,000 items that do nothing, with two workers, start
and end of the workers included: the items' own work, which is measured alone, is taken off. Ray's
cluster is started once and timed apart. The proofs label 48 scenes with the watershed while one
worker is killed at its third image, and 400 items of which 1 % raise or kill.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import platform
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from maskloom.errors import DataError
from maskloom.work.executors import Executor, open_executor
from maskloom.work.shards import EachItem, run_items

ITEMS = 1000
WORKERS = 2
SCENES = 48


def nothing(item: int) -> int:
    """The work on one item."""
    return item


def make_nothing() -> Callable[[int], int]:
    return nothing


def one_of(raises: tuple[int, ...], kills: tuple[int, ...], item: int) -> int:
    if item in raises:
        raise DataError("is rotten")
    if item in kills:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def make_poisoned(raises: tuple[int, ...], kills: tuple[int, ...]) -> Callable[[int], int]:
    return partial(one_of, raises, kills)


def watershed():
    from maskloom.classical.regions import Watershed

    return Watershed()


class KilledOnce:
    """A watershed whose process is killed at its third image, the first time only."""

    def __init__(self, mark: Path) -> None:
        self.mark, self.seen, self.inner = mark, 0, watershed()
        self.name, self.taxonomy = self.inner.name, self.inner.taxonomy

    def predict(self, image, prompt=None):
        self.seen += 1
        if self.seen == 3 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.inner.predict(image, prompt)


def main() -> None:
    """Measure, prove, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/executors.json"))
    options = parser.parse_args()
    overhead = overheads(options.repeats)
    results = {
        "benchmark": "executors", "python": platform.python_version(), "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2), "items": ITEMS, "workers": WORKERS,
        "own_work_s": min(timed(own_work, options.repeats)),
        "overhead_s": {name: spread_of(times) for name, times in overhead.items()},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        results |= {"ray": on_ray(options.repeats, Path(folder) / "ray")}
        results |= {"killed_pool": killed(open_executor("local", WORKERS), Path(folder) / "pool")}
    results["versions"] = {
        name: importlib.metadata.version(name)
        for name in ("ray", "dask")
        if importlib.util.find_spec(name)
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def own_work() -> None:
    assert sum(nothing(i) for i in range(ITEMS)) == ITEMS * (ITEMS - 1) // 2


def timed(call: Callable[[], None], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return times


def spread_of(times: list[float]) -> dict[str, float]:
    return {
        "least": round(min(times), 4),
        "median": round(statistics.median(times), 4),
        "most": round(max(times), 4),
    }


def overheads(repeats: int) -> dict[str, list[float]]:
    """Wall times of a whole map, less the items' own work."""
    calls = {
        "maskloom serial": partial(ours, 1),
        f"maskloom pool, {WORKERS} workers": partial(ours, WORKERS),
        "concurrent.futures spawn": futures,
    }
    if importlib.util.find_spec("dask"):
        calls["dask bag, processes"] = dask_bag
    own = min(timed(own_work, repeats))
    return {name: [t - own for t in timed(call, repeats)] for name, call in calls.items()}


def ours(workers: int) -> None:
    with open_executor("local", workers) as executor:
        mapped(executor)


def mapped(executor: Executor) -> None:
    items = [(str(i), i) for i in range(ITEMS)]
    found = list(run_items(executor, EachItem(make_nothing), items, "nothing"))
    assert sorted(item.value or 0 for item in found) == list(range(ITEMS))


def futures() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        assert list(pool.map(nothing, range(ITEMS), chunksize=125)) == list(range(ITEMS))


def dask_bag() -> None:
    import dask.bag

    bag = dask.bag.from_sequence(range(ITEMS), npartitions=8).map(nothing)
    assert bag.compute(scheduler="processes", num_workers=WORKERS) == list(range(ITEMS))


def on_ray(repeats: int, folder: Path) -> dict[str, object]:
    """Start, maps on the running cluster, and the proof that a killed worker changes nothing."""
    if not importlib.util.find_spec("ray"):
        return {"installed": False}
    began = time.perf_counter()
    with open_executor("ray", WORKERS) as executor:
        mapped(executor)
        first = time.perf_counter() - began
        own = min(timed(own_work, repeats))
        times = [t - own for t in timed(lambda: mapped(executor), repeats)]
        proof = killed(executor, folder)
    return {"start_and_first_map_s": round(first, 3), "overhead_s": spread_of(times), **proof}


def killed(executor: Executor, folder: Path) -> dict[str, object]:
    """Bytes of a prediction during which a worker died, and items that raise or kill."""
    import numpy as np

    from maskloom.store.images import write_png

    rng = np.random.default_rng(0)
    for i in range(SCENES):
        scene = np.kron(rng.random((9, 12)) > 0.6, np.ones((24, 24)))
        write_png(folder / f"images/{i:02d}.png", (scene * 150 + 50).astype(np.uint8))
    with open_executor() as alone:
        labelled(folder, "whole", watershed, alone)
    with executor:
        labelled(folder, "out", partial(KilledOnce, folder / "killed"), executor)
        raises, kills = (7, 130), (55, 301)
        items = [(str(i), i) for i in range(400)]
        work = EachItem(partial(make_poisoned, raises, kills))
        found = {item.key: item for item in run_items(executor, work, items, "poisoned")}
    failed = sorted(int(key) for key, item in found.items() if item.failure)
    same = tree(folder / "whole") == tree(folder / "out")
    assert (folder / "killed").exists()
    assert same
    assert failed == sorted(raises + kills)
    return {
        "killed_worker_same_bytes": same,
        "poisoned_items": len(failed),
        "complete_items": sum(not item.failure for item in found.values()),
    }


def labelled(folder: Path, name: str, make: Callable[[], object], executor: Executor) -> None:
    from maskloom.formats.detect import load_format
    from maskloom.inference.batch import Target, predict_batch
    from maskloom.inference.items import Spread
    from maskloom.inference.sources import find_images

    fmt = load_format("objects")
    target = Target(folder / name, fmt, fmt.WriteOptions(images="none"))
    images = find_images(str(folder / "images"))
    predict_batch(watershed(), images, target, {}, spread=Spread(make, executor))


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


if __name__ == "__main__":
    # Under its own name, by which workers import what they are to do. What is heavy is imported
    # where it is used: a worker that does nothing must not load it.
    from benchmarks import executors

    executors.main()
