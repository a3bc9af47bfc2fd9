"""The choices of an evaluation, under pycocotools' names.

Source: pycocotools 2.0.11 `cocoeval.Params`.
"""

# ruff: noqa: N802, N803 - names of pycocotools

from __future__ import annotations

from typing import Any

import numpy as np

from maskloom.errors import UsageError

KINDS = ("segm", "bbox", "boundary")


class Params:
    """What is evaluated, and at which thresholds.

    Args:
        iouType: "segm", "bbox" or "boundary".

    Attributes:
        imgIds, catIds: ids that take part.
        iouThrs: (T,) IoU thresholds.
        recThrs: (R,) recalls at which precision is read.
        maxDets: most detections of an image and category.
        areaRng, areaRngLbl: least and greatest area in px, and their names.
        useCats: 0 takes all objects as one kind.
        useSegm: deprecated there; None, or 1 for "segm" and 0 for "bbox".

    Raises:
        UsageError: another kind.
    """

    def __init__(self, iouType: str = "segm") -> None:
        if iouType not in KINDS:
            raise UsageError(
                "this kind of IoU is not evaluated here",
                where="iouType",
                seen=iouType,
                hint=f"use one of {', '.join(KINDS)}; keypoints are pycocotools' own",
            )
        self.setDetParams()
        self.iouType = iouType
        self.useSegm: int | None = None

    def setDetParams(self) -> None:
        """COCO's choices for boxes and masks."""
        self.imgIds: list[Any] = []
        self.catIds: list[Any] = []
        self.iouThrs = np.linspace(0.5, 0.95, 10)
        self.recThrs = np.linspace(0.0, 1.0, 101)
        self.maxDets: list[int] = [1, 10, 100]
        self.areaRng: list[Any] = [[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]]
        self.areaRngLbl = ["all", "small", "medium", "large"]
        self.useCats = 1
