"""The lines and numbers at the end of an evaluation.

Source: pycocotools 2.0.11 `COCOeval.summarize`; lvis-api 0.5.3 for rare, common and frequent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.params import Params
from maskloom.compat.coco.say import say
from maskloom.errors import UsageError
from maskloom.metrics.coco.lvis import FREQUENCIES

_LINE = " {:<18} {} @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} ] = {:0.3f}"


def summarized(
    params: Params, found: dict[str, Any], frequency: Sequence[str | None] | None
) -> NDArray[np.float64]:
    """Print the averages and return them.

    Args:
        params: what was evaluated.
        found: precision and recall of `accumulate`.
        frequency: of each category, to add APr, APc and APf as LVIS does.

    Returns:
        AP, AP50, AP75, APs, APm, APl, AR at each of three limits, ARs, ARm, ARl. With one limit,
        as in LVIS, there is one AR, and with frequencies APr, APc and APf are at the end.
    """
    limits = params.maxDets
    if len(limits) not in (1, 3):
        raise UsageError(
            "the summary is of one limit or of three", where="params.maxDets", seen=limits
        )
    top = limits[-1]
    rows: list[tuple[str, float | None, str, int]] = [
        ("precision", None, "all", 100 if len(limits) == 3 else top),
        ("precision", 0.5, "all", top),
        ("precision", 0.75, "all", top),
        *(("precision", None, area, top) for area in ("small", "medium", "large")),
        *(("recall", None, "all", most) for most in limits),
        *(("recall", None, area, top) for area in ("small", "medium", "large")),
    ]
    stats = [_average(params, found, *row) for row in rows]
    if frequency is not None:
        for kind in FREQUENCIES:
            own = [k for k, one in enumerate(frequency) if one == kind]
            stats.append(_average(params, found, "precision", None, "all", top, own))
    return np.array(stats)


def _average(
    params: Params,
    found: dict[str, Any],
    what: str,
    level: float | None,
    area: str,
    most: int,
    categories: Sequence[int] | None = None,
) -> float:
    areas = [i for i, label in enumerate(params.areaRngLbl) if label == area]
    limits = [i for i, limit in enumerate(params.maxDets) if limit == most]
    values = found[what]
    if level is not None:
        values = values[np.where(level == params.iouThrs)[0]]
    if categories is not None:
        values = values[..., categories, :, :]
    values = values[..., areas, limits]
    values = values[values > -1]
    mean = np.mean(values) if len(values) else -1
    title, kind = (
        ("Average Precision", "(AP)") if what == "precision" else ("Average Recall", "(AR)")
    )
    levels = (
        f"{params.iouThrs[0]:0.2f}:{params.iouThrs[-1]:0.2f}" if level is None else f"{level:0.2f}"
    )
    say(_LINE.format(title, kind, levels, area, most, mean))
    return float(mean)
