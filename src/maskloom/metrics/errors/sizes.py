"""True objects by their size: how many are found, and how well they fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.outcome import Cell, Table
from maskloom.metrics.objects.columns import AREAS_PX
from maskloom.metrics.scores import mean

_QUARTERS = ("smallest quarter", "second quarter", "third quarter", "largest quarter")
_HEAD = ("size", "area in px", "objects", "found", "share found", "found at 0.75", "mean IoU")
_NOTE = (
    "found: by a prediction of IoU 0.5 or more, matched as for AP; mean IoU is that of the objects "
    "found; quarters are of all objects of this data set by area"
)


def size_table(objects: Mapping[str, Any]) -> Table:
    """Objects small, medium and large as COCO has them, and in quarters of their own sizes.

    A size on a bound is of the smaller range. Quarters end at the sizes of objects, so that
    objects of one size are in one quarter; a quarter that has no object is left out.

    Args:
        objects: as `columns.OBJECTS`.
    """
    area = objects["area"]
    high = np.array([AREAS_PX[name][1] for name in ("small", "medium", "large")])
    rows = [
        _row(name, objects, np.searchsorted(high, area) == i)
        for i, name in enumerate(("small", "medium", "large"))
    ]
    if len(area):
        ends = np.quantile(area, [0.25, 0.5, 0.75], method="inverted_cdf")
        of = np.searchsorted(ends, area)
        rows += [
            _row(name, objects, of == i) for i, name in enumerate(_QUARTERS) if (of == i).any()
        ]
    return Table("Objects by size", _HEAD, rows, _NOTE)


def _row(name: str, objects: Mapping[str, Any], own: NDArray[np.bool_]) -> tuple[Cell, ...]:
    area, iou = objects["area"][own], objects["iou"][own]
    found = iou[iou > 0]
    fit = mean(found.tolist())
    share = len(found) / len(iou) if len(iou) else None
    return (
        name,
        f"{area.min():,.0f} to {area.max():,.0f}" if len(area) else None,
        len(iou),
        len(found),
        None if share is None else round(share, 4),
        int(objects["fine"][own].sum()),
        None if fit is None else round(fit, 4),
    )
