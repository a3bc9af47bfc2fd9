"""What was labelled, as JSON beside stored labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from maskloom.core.labels import FULL, Coverage
from maskloom.core.masks import Masks


def coverage_to_json(coverage: Coverage, names: Mapping[str, str]) -> dict[str, Any] | None:
    """Plain JSON form; None for full coverage.

    Args:
        coverage: of a sample.
        names: what each key of a category is called in the store.
    """
    if coverage.full:
        return None
    out: dict[str, Any] = {}
    if coverage.nothing:
        out["nothing"] = True
    if coverage.categories is not None:
        out["categories"] = sorted(names[key] for key in coverage.categories if key in names)
    if coverage.area is not None:
        area = coverage.area
        out["area"] = {
            "size": area.sizes[0].tolist(),
            "box": area.boxes[0].tolist(),
            "runs": area.counts.tolist(),
        }
    return out


def coverage_from_json(
    data: Mapping[str, Any] | None, resolved: Callable[[list[str]], Iterable[str]]
) -> Coverage:
    """What `coverage_to_json` made.

    Args:
        data: the JSON form.
        resolved: keys of the store → keys of the taxonomy of the result.

    Raises:
        MaskError: runs that make no mask.
    """
    if data is None:
        return FULL
    area = None
    if "area" in data:
        runs = np.array(data["area"]["runs"], np.uint32)
        area = Masks(
            np.array([data["area"]["size"]], np.int64),
            np.array([data["area"]["box"]], np.int32),
            runs,
            np.array([0, len(runs)], np.int64),
        ).validate()
    listed = data.get("categories")
    categories = None if listed is None else frozenset(resolved(listed))
    return Coverage(categories, area, bool(data.get("nothing", False)))
