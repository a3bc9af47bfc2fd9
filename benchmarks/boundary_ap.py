"""Boundary AP of COCO objects beside faster-coco-eval and vernier; `boundary.py` runs it."""

from __future__ import annotations

import contextlib
import io
import json
import math
import time
import warnings

import cv2
import numpy as np

from maskloom.core.masks import Masks
from maskloom.metrics.boundary.bands import band_widths, boundary_bands, boundary_iou_pairs
from maskloom.metrics.objects import matching

READ = 40e9
"""Bytes a second that one core reads at best, by CPU time."""
LEVELS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
SIZE = (480, 640)
CLASSES = 80


def best(call, repeat):
    """The least CPU seconds of a call, and what it gave."""
    out, least = call(), math.inf
    for _ in range(repeat):
        start = time.process_time()
        out = call()
        least = min(least, time.process_time() - start)
    return least, out


def blob(rng, middle, radius):
    """A rough closed outline."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(np.clip(8 + radius, 10, 70))))
    far = np.ones_like(angles)
    for wave in range(1, 6):
        far += 0.12 / wave * rng.standard_normal() * np.cos(wave * angles + rng.uniform(0, 6.3))
    far = np.clip(far + 0.05 * rng.standard_normal(angles.size), 0.2, 2) * radius
    stretch = np.exp(rng.normal(0, 0.35))
    offset = np.stack([far * np.cos(angles) * stretch, far * np.sin(angles) / stretch], 1)
    return offset + middle


def drawn(outline):
    """A mask of an outline."""
    frame = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(frame, [np.clip(outline, -2000, 2000).round().astype(np.int32)], 1)
    return Masks.from_dense(frame)


def objects(images, truths=7, predictions=100):
    """COCO dictionaries: objects, and predictions near some of them, far from others."""
    rng = np.random.default_rng(1)
    height, width = SIZE
    annotations, results = [], []
    for image in range(1, images + 1):
        shapes = []
        for _ in range(truths):
            radius = float(np.clip(np.exp(rng.normal(3.2, 0.95)), 4, 220))
            shape = blob(rng, rng.uniform(0.05, 0.95, 2) * (width, height), radius)
            mask, category = drawn(shape), int(rng.integers(1, 4))
            if mask.areas[0] == 0:
                continue
            shapes.append((shape, radius, category))
            x0, y0, x1, y1 = (int(v) for v in mask.boxes[0])
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image, "category_id": category}
                | {"iscrowd": int(rng.random() < 0.01), "area": int(mask.areas[0])}
                | {"bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": mask.to_coco(0)}
            )
        for n in range(predictions):
            if n < 5 * len(shapes):
                shape, radius, category = shapes[n // 5]
                off = abs(rng.normal(0, 0.12))
                moved = shape + rng.normal(0, off * radius, 2) + rng.normal(0, 0.6, shape.shape)
                score = float(np.clip(0.95 - 2 * off + rng.normal(0, 0.1), 0.01, 0.999))
            else:
                radius = float(np.clip(np.exp(rng.normal(3.2, 0.95)), 4, 220))
                moved = blob(rng, rng.uniform(0, 1, 2) * (width, height), radius)
                category, score = int(rng.integers(1, CLASSES + 1)), float(rng.beta(1, 8))
            mask = drawn(moved)
            x0, y0, x1, y1 = (int(v) for v in mask.boxes[0])
            results.append(
                {"image_id": image, "category_id": category, "score": score}
                | {"bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": mask.to_coco(0)}
            )
    frames = [{"id": i, "height": height, "width": width} for i in range(1, images + 1)]
    classes = [{"id": k, "name": str(k)} for k in range(1, CLASSES + 1)]
    truth = {"info": {}, "images": frames, "annotations": annotations, "categories": classes}
    return truth, results


def sorted_rows(rows):
    """By image and category, and falling score, as `matching` wants them."""
    return sorted(rows, key=lambda r: (r["image_id"], r["category_id"], -r.get("score", 0)))


def columns(rows):
    """Masks of one side, and the columns of `matching.candidates` over all images at once."""
    masks = Masks.from_coco([row["segmentation"] for row in rows])
    key = [row["image_id"] * (CLASSES + 1) + row["category_id"] for row in rows]
    return masks, (*masks.segments(), masks.boxes, masks.areas, np.array(key, np.int32))


def boundary_ap(truth, results):
    """AP by the lesser of mask IoU and Boundary IoU, and the CPU seconds of each step."""
    times = [time.process_time()]
    (t_masks, t), (p_masks, p) = columns(truth), columns(results)
    crowd = np.array([row["iscrowd"] for row in truth], bool)
    scores = np.array([row["score"] for row in results])
    times.append(time.process_time())
    offsets, index, value = matching.candidates(p, t, crowd)
    times.append(time.process_time())
    # Bands only where masks overlap enough, and not for crowds.
    rows = np.repeat(np.arange(len(results)), np.diff(offsets))
    pairs = np.flatnonzero(~crowd[index])
    rows, others = rows[pairs], index[pairs]
    width = band_widths(t_masks.sizes[:1])[0]
    bands = []
    for masks, own in ((p_masks, rows), (t_masks, others)):
        wanted = np.zeros(len(masks), bool)
        wanted[own] = True
        bands.append(boundary_bands(masks, width, wanted=wanted))
    times.append(time.process_time())
    value[pairs] = np.minimum(value[pairs], boundary_iou_pairs(*bands, rows, others))
    times.append(time.process_time())
    outside = np.zeros((1, len(results)), bool)
    hit, drop = matching.match((offsets, index, value), crowd, crowd[None], outside, LEVELS)
    times.append(time.process_time())
    objects_of = np.bincount(t[4][~crowd] % (CLASSES + 1), minlength=CLASSES + 1)
    ap = mean_precision(objects_of, hit[:, 0], drop[:, 0], scores, p[4] % (CLASSES + 1))
    times.append(time.process_time())
    names = ("decode", "mask_iou", "bands", "pairs", "match", "average")
    return ap, dict(zip(names, np.diff(times).tolist(), strict=True))


def mean_precision(objects_of, hits, drops, scores, classes):
    """Mean over classes with an object, and over levels."""
    order = np.lexsort((-scores, classes))
    bounds = np.searchsorted(classes[order], np.arange(CLASSES + 2))
    found = []
    for k in np.flatnonzero(objects_of):
        own = order[bounds[k] : bounds[k + 1]]
        for level in range(len(LEVELS)):
            bit = np.uint16(1 << level)
            kept = own[drops[own] & bit == 0]
            flags = (hits[kept] & bit) != 0
            found.append(average_precision(flags, objects_of[k]))
    return math.fsum(found) / len(found)


def average_precision(flags, positives):
    """Interpolated precision at 101 recalls."""
    true = np.cumsum(flags)
    precision = true / np.arange(1, len(flags) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(true / positives, RECALLS, side="left")
    return float(np.append(precision, 0.0)[at].sum()) / len(RECALLS)


def faster(truth, results):
    """faster-coco-eval from dictionaries: bands, evaluation, AP."""
    from faster_coco_eval import COCO, COCOeval_faster

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = COCO(truth)
        evaluation = COCOeval_faster(known, known.loadRes(results), "boundary")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def vernier(truth, results):
    """vernier from the bytes of both files."""
    from vernier.instance import Boundary, CocoDataset, Evaluator

    evaluator = Evaluator(iou=Boundary(), parity_mode="strict")
    done = evaluator.evaluate(CocoDataset.from_json(truth), results, num_threads=1)
    return float(next(iter(done.stats)))


def bands(repeat, images):
    """Boundary AP of COCO objects, by everybody."""
    truth, results = objects(images)
    ours = sorted_rows(truth["annotations"]), sorted_rows(results)
    boundary_ap(*ours)
    runs = []
    for _ in range(repeat):
        ap, steps = boundary_ap(*ours)
        runs.append((sum(steps.values()), steps))
    total, spent = min(runs, key=lambda run: run[0])
    files = json.dumps(truth).encode(), json.dumps(results).encode()
    parsing, _ = best(lambda: [json.loads(file) for file in files], 1)
    start = time.process_time()
    faster_ap = faster(*(json.loads(file) for file in files))
    faster_s = time.process_time() - start - parsing
    vernier_s, vernier_ap = best(lambda: vernier(*files), min(repeat, 3))
    seconds = {"maskloom": total, "faster-coco-eval": faster_s, "vernier, JSON included": vernier_s}
    n_bytes = sum(len(row["segmentation"]["counts"]) for row in truth["annotations"] + results)
    return {
        "images": images,
        "masks": len(truth["annotations"]) + len(results),
        "ap": {"maskloom": ap, "faster-coco-eval": faster_ap, "vernier": vernier_ap},
        "seconds": {name: round(of, 4) for name, of in seconds.items()},
        "steps_s": {name: round(of, 4) for name, of in spent.items()},
        "bands_and_pairs_s": round(spent["bands"] + spent["pairs"], 4),
        "limit_s": round(n_bytes / READ, 5),
        "times_faster": {name: round(of / total, 1) for name, of in seconds.items()},
    }
