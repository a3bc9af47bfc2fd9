"""A generated COCO set for the evaluation benchmarks: blobs, noisy copies of them, false alarms.

5,000 images of 640 x 480, 35,000 objects, 100 detections an image, 80 classes of falling
frequency, 1 % crowds. The seed is fixed, so every tool is given the same files.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from maskloom.core.masks import Masks

HEIGHT, WIDTH, CLASSES = 480, 640, 80
OBJECTS, FOUND_AGAIN = 7, 5


def write(folder: Path, images: int = 5000, detections: int = 100, seed: int = 1) -> None:
    """Write `truth.json` and `results.json` (masks as compressed runs, without boxes)."""
    rng = np.random.default_rng(seed)
    share = np.arange(1, CLASSES + 1) ** -0.7
    classes = rng.permutation(CLASSES) + 1
    annotations: list[dict] = []
    with (folder / "results.json").open("w") as out:
        out.write("[")
        for image in range(1, images + 1):
            here = classes[rng.choice(CLASSES, 3, p=share / share.sum())]
            truth = [_object(rng, here) for _ in range(OBJECTS)]
            found = [_again(rng, one) for one in truth for _ in range(FOUND_AGAIN)]
            found += [_alarm(rng, here) for _ in range(detections - len(found))]
            masks = _masks([ring for ring, *_ in (*truth, *found)])
            for i, (_, _, category) in enumerate(truth):
                if masks.areas[i]:
                    annotations.append(
                        _annotation(masks, i, image, category, rng.random() < 0.01)
                        | {"id": len(annotations) + 1}
                    )
            for i, (_, score, category) in enumerate(found):
                line = {
                    "image_id": image,
                    "category_id": int(category),
                    "segmentation": masks.to_coco(len(truth) + i),
                    "score": score,
                }
                first = image == 1 and i == 0
                out.write(("" if first else ", ") + json.dumps(line))
        out.write("]")
    whole = {
        "info": {},
        "images": [
            {"id": i, "height": HEIGHT, "width": WIDTH, "file_name": f"{i:012d}.jpg"}
            for i in range(1, images + 1)
        ],
        "annotations": annotations,
        "categories": [{"id": k, "name": f"class {k}"} for k in range(1, CLASSES + 1)],
    }
    (folder / "truth.json").write_text(json.dumps(whole))


def _annotation(masks: Masks, i: int, image: int, category: int, crowd: bool) -> dict:
    x0, y0, x1, y1 = masks.boxes[i].tolist()
    return {
        "image_id": image,
        "category_id": int(category),
        "iscrowd": int(crowd),
        "area": float(masks.areas[i]),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "segmentation": masks.to_coco(i),
    }


def _masks(rings: list[np.ndarray]) -> Masks:
    edge = [WIDTH - 0.01, HEIGHT - 0.01]
    return Masks.from_polygons(
        [[np.clip(ring, 0, edge).round(2)] for ring in rings], (HEIGHT, WIDTH)
    )


def _radius(rng: np.random.Generator) -> float:
    return float(np.clip(np.exp(rng.normal(3.2, 0.95)), 4, 220))


def _blob(rng: np.random.Generator, margin: float) -> np.ndarray:
    """A star-shaped outline with a few waves, somewhere in the frame."""
    radius = _radius(rng)
    vertices = int(np.clip(8 + radius, 10, 70))
    turn = np.sort(rng.uniform(0, 2 * np.pi, vertices))
    reach = 1 + 0.05 * rng.standard_normal(vertices)
    for k in range(1, 6):
        reach += 0.12 / k * rng.standard_normal() * np.cos(k * turn + rng.uniform(0, 2 * np.pi))
    reach = radius * np.clip(reach, 0.2, 2)
    stretch = np.exp(rng.normal(0, 0.35))
    x = rng.uniform(margin, 1 - margin) * WIDTH + reach * np.cos(turn) * stretch
    y = rng.uniform(margin, 1 - margin) * HEIGHT + reach * np.sin(turn) / stretch
    return np.stack([x, y], 1)


def _object(rng: np.random.Generator, here: np.ndarray) -> tuple[np.ndarray, float, int]:
    return _blob(rng, 0.05), 1.0, int(rng.choice(here))


def _again(
    rng: np.random.Generator, truth: tuple[np.ndarray, float, int]
) -> tuple[np.ndarray, float, int]:
    """A detection of an object: scaled, shifted and frayed, of another class once in ten."""
    ring, _, category = truth
    middle = ring.mean(0)
    size = float(np.ptp(ring, axis=0).mean() / 2)
    blur = abs(rng.normal(0, 0.12))
    moved = (ring - middle) * (1 + rng.normal(0, blur)) + middle
    moved += rng.normal(0, blur * size, 2) + rng.normal(0, max(0.5, 0.03 * size), ring.shape)
    score = float(np.clip(0.95 - 2 * blur + rng.normal(0, 0.1), 0.01, 0.999))
    if rng.random() < 0.1:
        category = int(rng.integers(1, CLASSES + 1))
    return moved, score, category


def _alarm(rng: np.random.Generator, here: np.ndarray) -> tuple[np.ndarray, float, int]:
    category = rng.choice(here) if rng.random() < 0.5 else rng.integers(1, CLASSES + 1)
    return _blob(rng, 0.0), float(rng.beta(1, 8)), int(category)
