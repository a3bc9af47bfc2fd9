"""COCO files of one box in each image, for tests in which labels only have to be there."""

from __future__ import annotations

import json
from pathlib import Path


def coco_boxes(path: Path, *names: str, size: tuple[int, int]) -> Path:
    """Write a file; in the n-th image of these names a box of 2 rows and n + 1 columns."""
    data = {
        "images": [
            {"id": i, "file_name": name, "height": size[0], "width": size[1]}
            for i, name in enumerate(names)
        ],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": 1, "iscrowd": 0, "area": 2.0 * (i + 1),
             "bbox": [1, 1, i + 1, 2],
             "segmentation": [[1, 1, i + 2, 1, i + 2, 3, 1, 3]]}
            for i in range(len(names))
        ],
    }  # fmt: skip
    path.write_text(json.dumps(data))
    return path
