"""AP of rare, common and frequent classes, where a truth in LVIS says which are which.

Source: Gupta et al., LVIS, CVPR 2019; lvis-api 0.5.3 `LVISEval.summarize`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.report import Score
from maskloom.metrics.scores import mean

NAMES = {"r": "ap_rare", "c": "ap_common", "f": "ap_frequent"}
"""Letters of files → scores."""


def frequency_scores(
    truth: Dataset, per_class: Mapping[str, Mapping[str, Any]]
) -> dict[str, Score]:
    """Means of AP over the classes of a frequency; only those that the truth has.

    Args:
        truth: whose categories may say how many training images show them.
        per_class: category key → scores.
    """
    listed = truth.extra.get("coco", {}).get("categories", {})
    values: dict[str, list[Score]] = {}
    for key, row in per_class.items():
        name = NAMES.get(str(listed.get(key, {}).get("frequency")))
        if name is not None and "ap" in row:
            values.setdefault(name, []).append(row["ap"])
    found = {name: mean(values[name]) for name in NAMES.values() if name in values}
    return {name: value for name, value in found.items() if value is not None}
