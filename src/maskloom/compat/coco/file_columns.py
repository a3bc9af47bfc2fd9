"""From the columns of a file of results to those of what is evaluated."""

from __future__ import annotations

import numpy as np

from maskloom.compat.coco.fields import Asked
from maskloom.compat.coco.frames import Frames
from maskloom.metrics.coco.columns import Found, Shapes
from maskloom.metrics.coco.results_file import FileTexts, ResultsFile


def serves(file: ResultsFile, kind: str) -> bool:
    """Whether a file tells what is compared: boxes, or a mask of every result."""
    return (file.boxes if kind == "bbox" else file.sizes) is not None


def file_columns(file: ResultsFile, asked: Asked, frames: Frames) -> Found:
    """Results of a file: ids from 1, areas of boxes where the first has one, else of masks.

    Args:
        file: of which `serves` is true.
        asked: what is evaluated.
        frames: of the images.

    Raises:
        DataError: a mask of another size than its image.
    """
    image = asked.images.of_numbers(file.image)
    category = asked.categories.of_numbers(file.category)
    ids = np.arange(1, len(file) + 1)
    rows = np.flatnonzero((image >= 0) & (category >= 0))
    whole = len(rows) == len(file)
    if not whole:
        image, category, ids = image[rows], category[rows], ids[rows]
    score = file.score if whole else file.score[rows]
    area, boxes = np.full(len(ids), np.nan), file.boxes
    if boxes is not None:
        boxes = boxes if whole else boxes[rows]
        area = boxes[:, 2] * boxes[:, 3]
    if asked.kind == "bbox":
        return Found(image, category, ids, score, area, Shapes(boxes=boxes))
    if file.sizes is not None:
        sizes = (file.sizes if whole else file.sizes[rows]).astype(np.int64)
        frames.meet(image, sizes, lambda i: f"result {ids[i]} of image {file.image[ids[i] - 1]}")
    texts = FileTexts(file, None if whole else rows)
    return Found(image, category, ids, score, area, Shapes(texts))
