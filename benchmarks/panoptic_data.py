"""Panoptic maps with their segments, written as COCO panoptic files, and panopticapi's steps.

What panopticapi does is written out after `pq_compute_single_core`: decoding by Pillow, np.unique
of packed ids, matching over the pairs.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

THINGS, CLASSES = 80, 133
OFFSET = 256**3


def listed(rng, truth, predicted):
    """Segments of both maps: some class for each id, another one for a sixth of the predictions.

    A class of stuff has one segment at most: panopticapi would score more of them apart.
    """
    names = {}
    sides = []
    for ids, wrong in ((truth, 0.0), (predicted, 0.15)):
        found, areas = np.unique(ids, return_counts=True)
        segments, stuff = [], set()
        for value, area in zip(found.tolist(), areas.tolist(), strict=True):
            category = names.setdefault(value, int(rng.integers(1, CLASSES + 1)))
            if rng.random() < wrong or category in stuff:
                category = names[value] = int(rng.integers(1, THINGS + 1))
            if category > THINGS:
                stuff.add(category)
            segments.append({"id": value, "category_id": category, "area": area, "iscrowd": 0})
        sides.append(segments)
    return tuple(sides)


def write(folder, pairs):
    """Truth and prediction as JSON files and folders of PNG; the paths of the JSON files."""
    rng = np.random.default_rng(7)
    both = [listed(rng, *pair) for pair in pairs]
    files = []
    for side, name in enumerate(("truth", "predicted")):
        (folder / name).mkdir()
        annotations = []
        for i, (pair, segments) in enumerate(zip(pairs, both, strict=True)):
            ids = pair[side]
            colors = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], -1).astype(np.uint8)
            Image.fromarray(colors).save(folder / name / f"{i}.png")
            annotations.append(
                {"image_id": i, "file_name": f"{i}.png", "segments_info": segments[side]}
            )
        height, width = pairs[0][0].shape
        content = {
            "images": [{"id": i, "file_name": f"{i}.jpg", "height": height, "width": width}
                       for i in range(len(pairs))],
            "annotations": annotations,
            "categories": [{"id": k, "name": str(k), "isthing": int(k <= THINGS)}
                           for k in range(1, CLASSES + 1)],
        }  # fmt: skip
        files.append(folder / f"{name}.json")
        files[-1].write_text(json.dumps(content), encoding="utf-8")
    return tuple(files)


def annotations_of(files):
    """(true, predicted) annotations of each image."""
    sides = [json.loads(Path(file).read_text(encoding="utf-8"))["annotations"] for file in files]
    return list(zip(*sides, strict=True))


def ids_by_pillow(png):
    """panopticapi: `rgb2id` of what Pillow reads."""
    colors = np.array(Image.open(png), dtype=np.uint32)
    return colors[:, :, 0] + 256 * colors[:, :, 1] + 256 * 256 * colors[:, :, 2]


def by_panopticapi(truth, predicted, t_info, p_info, stat):
    """One image of `pq_compute_single_core`, added to {category: [IoU, tp, fp, fn]}."""
    t_segments, p_segments = ({s["id"]: s for s in info} for info in (t_info, p_info))
    labels, counts = np.unique(predicted, return_counts=True)
    areas = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    joined = truth.astype(np.uint64) * OFFSET + predicted.astype(np.uint64)
    labels, counts = np.unique(joined, return_counts=True)
    shared = {
        (label // OFFSET, label % OFFSET): n
        for label, n in zip(labels.tolist(), counts.tolist(), strict=True)
    }
    found, used = set(), set()
    for (t, p), pixels in shared.items():
        if t not in t_segments or p not in p_segments:
            continue
        category = t_segments[t]["category_id"]
        if t_segments[t]["iscrowd"] or category != p_segments[p]["category_id"]:
            continue
        union = areas[p] + t_segments[t]["area"] - pixels - shared.get((0, p), 0)
        if pixels / union > 0.5:
            stat[category][0] += pixels / union
            stat[category][1] += 1
            found.add(t)
            used.add(p)
    for t in t_segments.keys() - found:
        stat[t_segments[t]["category_id"]][3] += 1
    for p in p_segments.keys() - used:
        if shared.get((0, p), 0) / areas[p] <= 0.5:
            stat[p_segments[p]["category_id"]][2] += 1


def quality(stat):
    """Mean PQ over the classes that occur."""
    rows = [row for row in stat.values() if sum(row[1:])]
    return float(np.mean([iou / (tp + fp / 2 + fn / 2) for iou, tp, fp, fn in rows]))


def new_stat():
    """Nothing counted."""
    return defaultdict(lambda: [0.0, 0, 0, 0])
