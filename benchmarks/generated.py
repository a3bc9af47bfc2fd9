"""A generated data set of any number of images: polygons of a pool of shapes, and wrong ones."""

from __future__ import annotations

import numpy as np

SIZE = (480, 640)
CLASSES = 20
POOL = 2000


def shapes():
    """A pool of star polygons near the origin, of 12 to 40 vertices and 20 to 120 px."""
    rng = np.random.default_rng(0)
    out = []
    for _ in range(POOL):
        n = int(rng.integers(12, 40))
        angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
        radius = rng.uniform(10, 60) * rng.uniform(0.7, 1.0, n)
        ring = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        out.append(np.round(ring - ring.min(axis=0), 2))
    return out


def generated(n_images, n_objects, picture, *, predicted=False):
    """A data set whose labels are made when asked for, always the same.

    With `predicted` it is the last tenth of the images, and objects differ: each is moved by a
    pixel or two, one in twenty is missing, one in twenty is of another class.
    """
    from maskloom.core.dataset import Dataset
    from maskloom.core.labels import Geometry, Labels, Rows
    from maskloom.core.masks import Masks
    from maskloom.core.sample import ImageRef, Sample
    from maskloom.core.taxonomy import Category, Taxonomy

    pool = shapes()
    taxonomy = Taxonomy(
        tuple(Category(f"class-{i}", f"class {i}", ids=(("coco", i + 1),)) for i in range(CLASSES))
    )

    def labels_of(sample):
        number = sample.extra["coco"]["id"]
        rng = np.random.default_rng(number)
        corners = rng.uniform((0, 0), (SIZE[1] - 120, SIZE[0] - 120), (n_objects, 2)).round(2)
        rings = [
            pool[j] + corner
            for j, corner in zip(rng.integers(POOL, size=n_objects), corners, strict=True)
        ]
        classes = rng.integers(CLASSES, size=n_objects)
        if predicted:
            return wrong(rings, classes, rng)
        masks = Masks.from_polygons([[ring] for ring in rings], SIZE)
        rows = Rows.make(
            masks,
            classes,
            geometry=[Geometry((ring,), "coco") for ring in rings],
            source=[
                {"id": number * n_objects + i, "area": float(area), "bbox": box}
                for i, (area, box) in enumerate(
                    zip(masks.areas.tolist(), masks.boxes.tolist(), strict=True)
                )
            ],
        )
        return Labels(SIZE, rows=rows)

    def wrong(rings, classes, rng):
        kept = rng.random(n_objects) >= 0.05
        moved = [
            [np.clip(ring + rng.integers(-2, 3, 2), 0, SIZE[::-1])]
            for ring, keep in zip(rings, kept, strict=True)
            if keep
        ]
        other = np.where(rng.random(n_objects) < 0.05, (classes + 1) % CLASSES, classes)[kept]
        scores = rng.uniform(0.5, 1.0, len(moved))
        made = Rows.make(Masks.from_polygons(moved, SIZE), other, score=scores)
        return Labels(SIZE, rows=made)

    cut = n_images * 9 // 10
    samples = tuple(
        Sample(
            f"part{i // 1000:03d}/{i:06d}",
            ImageRef(picture, SIZE),
            file_name=f"part{i // 1000:03d}/{i:06d}.png",
            extra={"coco": {"id": i, "license": 1}},
        )
        for i in range(cut if predicted else 0, n_images)
    )
    if predicted:
        return Dataset(taxonomy, samples, labels_of, name="predicted")
    keys = [sample.key for sample in samples]
    splits = {"train": tuple(keys[:cut]), "val": tuple(keys[cut:])}
    return Dataset(taxonomy, samples, labels_of, splits, name="generated")
