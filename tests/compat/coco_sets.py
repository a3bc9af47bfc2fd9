"""Small random data sets with everything that makes COCO's evaluation hard."""

from __future__ import annotations

import contextlib
import copy
import io

import numpy as np
from pycocotools import mask as coco_mask


def random_set(rng, lvis=False):
    """A truth and results: crowds, ties, empty images, absent classes, doubled detections."""
    height, width = (int(n) for n in rng.integers(6, 40, 2))
    images = [
        {"id": int(i), "height": height, "width": width, "file_name": f"{i}.png"}
        for i in rng.permutation(rng.choice(30, int(rng.integers(1, 7)), replace=False))
    ]
    classes = [
        int(c) for c in rng.permutation(rng.choice(20, int(rng.integers(1, 5)), replace=False))
    ]
    truth, results = [], []
    for image in images:
        for _ in range(int(rng.integers(0, 7))):
            truth.append(_annotation(rng, image, classes, len(truth)))
        results += [_result(rng, image, classes, truth) for _ in range(int(rng.integers(0, 10)))]
    if rng.random() < 0.3 and results:
        results += [copy.deepcopy(results[i]) for i in rng.integers(0, len(results), 3)]
    order = rng.permutation(len(results))
    ids = rng.permutation(len(truth)) + int(rng.random() < 0.7)
    for one, own in zip(truth, ids.tolist(), strict=True):
        one["id"] = own
    return {
        "info": {},
        "images": images,
        "annotations": truth,
        "categories": [{"id": c, "name": str(c), "frequency": "rcf"[c % 3]} for c in classes],
    }, [results[i] for i in order]


def _pixels(rng, image):
    mask = np.zeros((image["height"], image["width"]), np.uint8, order="F")
    for _ in range(int(rng.integers(1, 3))):
        y, x = int(rng.integers(0, image["height"])), int(rng.integers(0, image["width"]))
        mask[y : y + int(rng.integers(1, 20)), x : x + int(rng.integers(1, 20))] = 1
    if rng.random() < 0.2:
        mask[rng.random(mask.shape) < 0.3] = 0
    if rng.random() < 0.05:
        mask[:] = rng.integers(0, 2)
    return mask


def _coded(mask):
    runs = coco_mask.encode(mask)
    return {"size": runs["size"], "counts": runs["counts"].decode()}


def _annotation(rng, image, classes, place):
    mask = _pixels(rng, image)
    box = coco_mask.toBbox(coco_mask.encode(mask)).tolist()
    area = float(mask.sum()) if rng.random() < 0.7 else float(rng.integers(0, 400))
    one = {
        "id": place,
        "image_id": image["id"],
        "category_id": int(rng.choice(classes)),
        "iscrowd": int(rng.random() < 0.2),
        "area": area,
        "bbox": box,
        "segmentation": _coded(mask),
    }
    if rng.random() < 0.2:
        one["ignore"] = int(rng.integers(0, 2))
    if rng.random() < 0.2:
        x, y, w, h = (float(v) for v in box)
        one["segmentation"] = [[x, y, x + w, y, x + w / 2, y + h + 0.3, x - 0.2, y + h]]
    elif rng.random() < 0.1:
        one["segmentation"]["counts"] = _listed(mask)
    return one


def _listed(mask):
    flat = np.concatenate([[0], mask.ravel(order="F"), [2]])
    edges = np.flatnonzero(np.diff(flat))
    starts = np.diff(np.concatenate([[0], edges]))
    return starts.tolist() if flat[1] == 0 else [0, *starts[1:].tolist()]


def _result(rng, image, classes, truth):
    own = [one for one in truth if one["image_id"] == image["id"]]
    category = int(rng.choice([*classes, 77]))
    if own and rng.random() < 0.7:
        near = own[int(rng.integers(len(own)))]
        category = near["category_id"] if rng.random() < 0.9 else category
        mask = np.zeros((image["height"], image["width"]), np.uint8, order="F")
        x, y, w, h = (int(v) for v in near["bbox"])
        x, y = max(0, x + int(rng.integers(-1, 2))), max(0, y + int(rng.integers(-1, 2)))
        mask[y : y + h + int(rng.integers(-1, 2)), x : x + w] = 1
    else:
        mask = _pixels(rng, image)
    score = float(rng.choice([0.1, 0.5, 0.5, 0.9])) if rng.random() < 0.4 else float(rng.random())
    return {
        "image_id": image["id"],
        "category_id": category,
        "score": score,
        "segmentation": _coded(mask),
    }


def with_boxes(results):
    """The same results with boxes that are not quite those of the masks."""
    out = copy.deepcopy(results)
    for one in out:
        one["bbox"] = [v + 0.25 for v in coco_mask.toBbox(one["segmentation"]).tolist()]
    return out


@contextlib.contextmanager
def quiet():
    """What is printed meanwhile."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        yield said
