"""Maps of MOTS and KITTI MOTS: class * 1000 + object in 16 bit, 10000 where nothing is judged.

Source: Voigtlaender et al. 2019, "MOTS: Multi-Object Tracking and Segmentation"; mots_tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError

STEP, IGNORED = 1000, 10000
_CLASSES = ((1, "car"), (2, "pedestrian"))


def mots_taxonomy(data: Mapping[str, Any], where: Path) -> Taxonomy:
    """The classes that are named, else car and pedestrian.

    Raises:
        FormatError: names that are none.
    """
    if data:
        return Taxonomy.from_json(data, where=where)
    return Taxonomy(
        tuple(Category(name, name, "thing", ids=(("bitmap", n),)) for n, name in _CLASSES)
    )


def mots_labels(
    values: NDArray[Any], ids: Mapping[int, int], size: tuple[int, int], where: Path
) -> Labels:
    """Objects with their numbers as ids; what is ignored lies outside the coverage.

    Args:
        values: (H, W) of a map.
        ids: number of a class → position.
        size: (H, W).
        where: the file, for errors.

    Raises:
        FormatError: a class that is not named.
    """
    masks, found = Masks.from_id_map(values, background=0)
    hidden = found == IGNORED
    coverage = Coverage(area=masks[hidden].merge().complement()) if hidden.any() else FULL
    masks, found = masks[~hidden], found[~hidden]
    classes = found // STEP
    strange = ~np.isin(classes, list(ids))
    if strange.any():
        seen = int(found[strange][0])
        raise FormatError(
            "a number of no known class",
            where=where,
            seen=f"{seen}, of class {seen // STEP}; known are {sorted(ids)}",
            hint="name the classes with --set taxonomy=FILE",
        )
    category = [ids[one] for one in classes.tolist()]
    return Labels(size, rows=Rows.make(masks, category, instance=found), coverage=coverage)
