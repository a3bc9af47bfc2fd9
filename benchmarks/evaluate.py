"""Confusion matrix and COCO AP beside the usual tools: equal numbers, CPU time, peak memory.

    python benchmarks/evaluate.py [--images 500] [--out benchmarks/results/evaluate.json]

Each measurement runs in a process of its own, so that peak memory is its own; what is not
installed is left out. CPU seconds of one process are the figure, as wall time depends on what
else the machine does.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import json
import multiprocessing
import platform
import resource
import time
from pathlib import Path

import numpy as np

CLASSES = 19
REPEATS = 20


def class_maps(seed=0):
    """Two (1024, 2048) maps of 19 classes with void: blobs, shifted edges, sparse noise."""
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(0, CLASSES, (16, 32)), np.ones((64, 64), int)).astype(np.uint8)
    predicted = np.roll(truth, (3, 5), (0, 1))
    noise = rng.random(truth.shape) < 0.01
    predicted[noise] = rng.integers(0, CLASSES, int(noise.sum()))
    truth[:40] = 255
    return truth, predicted


def confusion_maskloom(truth, predicted):
    from maskloom.metrics.confusion import joint_counts

    return lambda: joint_counts(truth, predicted, CLASSES)[:CLASSES, :CLASSES]


def confusion_numpy(truth, predicted):
    def run():
        valid = truth < CLASSES
        index = truth[valid].astype(np.int64) * CLASSES + predicted[valid]
        return np.bincount(index, minlength=CLASSES**2).reshape(CLASSES, CLASSES)

    return run


def confusion_sklearn(truth, predicted):
    from sklearn.metrics import confusion_matrix

    def run():
        valid = truth < CLASSES
        return confusion_matrix(truth[valid], predicted[valid], labels=range(CLASSES))

    return run


def confusion_torchmetrics(truth, predicted):
    import torch
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    torch.set_num_threads(1)
    t, p = torch.from_numpy(truth.astype(np.int64)), torch.from_numpy(predicted.astype(np.int64))
    return lambda: multiclass_confusion_matrix(
        p, t, CLASSES, ignore_index=255, validate_args=False
    ).numpy()


def objects(n_images, seed=0):
    """COCO dictionaries: 7 objects and 40 predictions an image, 20 classes, 480 × 640 px."""
    from pycocotools import mask as coco_mask

    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:480, :640]
    shapes, areas = [], []
    for _ in range(300):
        h, w = rng.uniform(10, 160, 2)
        y, x = rng.uniform(0, 480 - h), rng.uniform(0, 640 - w)
        inside = ((yy - y - h / 2) / (h / 2)) ** 2 + ((xx - x - w / 2) / (w / 2)) ** 2
        wave = 0.15 * np.sin(xx / 7) * np.sin(yy / 5)
        for shift in (0, 2, 5, 9):
            mask = np.roll(inside + wave <= 1, shift, 1)
            shapes.append(coco_mask.encode(np.asfortranarray(mask.astype(np.uint8))))
            areas.append(int(mask.sum()))
    shapes = [{"size": s["size"], "counts": s["counts"].decode()} for s in shapes]
    truth, found = [], []
    for image in range(1, n_images + 1):
        for _ in range(7):
            base, k = int(rng.integers(300)) * 4, int(rng.integers(1, 21))
            truth.append(
                {
                    "id": len(truth) + 1, "image_id": image, "category_id": k,
                    "iscrowd": int(rng.random() < 0.02), "area": areas[base],
                    "segmentation": shapes[base], "bbox": [0, 0, 1, 1],
                }
            )  # fmt: skip
            found += [(image, k, base + int(rng.integers(4)), rng.random()) for _ in range(5)]
        found += [
            (image, int(rng.integers(1, 21)), int(rng.integers(1200)), rng.random())
            for _ in range(5)
        ]
    images = [
        {"id": i, "file_name": f"{i}.jpg", "height": 480, "width": 640}
        for i in range(1, n_images + 1)
    ]
    categories = [{"id": k, "name": f"class {k}"} for k in range(1, 21)]
    results = [
        {"image_id": i, "category_id": k, "segmentation": shapes[s],
         "score": float(np.float32(score))}
        for i, k, s, score in found
    ]  # fmt: skip
    return {"images": images, "annotations": truth, "categories": categories}, results


def ap_maskloom(truth, results):
    from maskloom.core.labels import Rows
    from maskloom.core.masks import Masks
    from maskloom.core.taxonomy import Taxonomy
    from maskloom.metrics.objects.family import InstanceMetrics
    from maskloom.metrics.objects.sides import COCO_RULES

    def rows(own):
        return Rows.make(
            Masks.from_coco([a["segmentation"] for a in own]),
            [a["category_id"] - 1 for a in own],
            crowd=[a.get("iscrowd", 0) for a in own],
            score=[a.get("score", np.nan) for a in own],
            source=[{"area": a["area"]} if "area" in a else None for a in own],
        )

    def run():
        sides = []
        for side in (truth["annotations"], results):
            by_image: dict[int, list[dict]] = {}
            for one in side:
                by_image.setdefault(one["image_id"], []).append(one)
            sides.append(by_image)
        taxonomy = Taxonomy.from_names([c["name"] for c in truth["categories"]])
        metric = InstanceMetrics(taxonomy, COCO_RULES)
        for image in truth["images"]:
            metric.update(rows(sides[0][image["id"]]), rows(sides[1][image["id"]]))
        scores = metric.result().metrics
        return np.array([scores[n] for n in ("ap", "ap50", "ap75", "ap_small", "ap_medium")])

    return run


def ap_pycocotools(truth, results):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return _ap_peer(COCO, COCOeval, truth, results)


def ap_faster(truth, results):
    from faster_coco_eval import COCO, COCOeval_faster

    return _ap_peer(COCO, COCOeval_faster, truth, results)


def _ap_peer(coco_class, eval_class, truth, results):
    def run():
        with contextlib.redirect_stdout(io.StringIO()):
            coco = coco_class()
            coco.dataset = truth
            coco.createIndex()
            ev = eval_class(coco, coco.loadRes([dict(r) for r in results]), "segm")
            ev.evaluate()
            ev.accumulate()
            ev.summarize()
        return np.array(ev.stats[:5], dtype=float)

    return run


def measure(name, make, data, repeats, queue):
    """CPU seconds of the best run, and how much the peak grew over the loaded inputs."""
    try:
        run = make(*data)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        value = run()
        first = time.process_time() - start
        best = first
        for _ in range(repeats):
            start = time.process_time()
            run()
            best = min(best, time.process_time() - start)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        queue.put({"tool": name, "cpu_s": best, "first_cpu_s": first, "peak_mb": grown / 1024,
                   "value": value.tolist()})  # fmt: skip
    except ImportError as error:
        queue.put({"tool": name, "absent": str(error)})


def compare(title, tools, data, repeats):
    """Measure each tool, check that the numbers agree, print ratios."""
    context = multiprocessing.get_context("fork")
    rows = []
    for name, make in tools.items():
        queue = context.Queue()
        process = context.Process(target=measure, args=(name, make, data, repeats, queue))
        process.start()
        rows.append(queue.get(timeout=600))
        process.join()
    ours = rows[0]
    expected = np.array(ours["value"])
    print(f"\n{title}")
    for row in rows:
        if "absent" in row:
            print(f"  {row['tool']:<16} not installed: {row['absent']}")
            continue
        row["difference"] = float(np.abs(np.array(row.pop("value")) - expected).max())
        row["ratio"] = row["cpu_s"] / ours["cpu_s"]
        print(
            f"  {row['tool']:<16} {row['cpu_s'] * 1000:10.2f} ms CPU  {row['ratio']:7.1f}x  "
            f"peak +{row['peak_mb']:.0f} MB  difference {row['difference']:.1e}"
        )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/evaluate.json"))
    given = parser.parse_args()
    results = {
        "confusion_1024x2048_19": compare(
            "confusion matrix, 1024 × 2048, 19 classes and void",
            {"maskloom": confusion_maskloom, "numpy bincount": confusion_numpy,
             "scikit-learn": confusion_sklearn, "torchmetrics": confusion_torchmetrics},
            class_maps(), REPEATS,
        ),
        f"coco_ap_{given.images}": compare(
            f"COCO mask AP, {given.images} images, from dictionaries",
            {"maskloom": ap_maskloom, "pycocotools": ap_pycocotools,
             "faster-coco-eval": ap_faster},
            objects(given.images), 1,
        ),
    }  # fmt: skip
    versions = {}
    tools = ("numpy", "numba", "scikit-learn", "torchmetrics", "pycocotools", "faster-coco-eval")
    for name in tools:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    record = {"results": results, "versions": versions, "machine": platform.machine(),
              "python": platform.python_version()}  # fmt: skip
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
