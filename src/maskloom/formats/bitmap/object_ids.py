"""Maps of object ids: each object keeps the id that it came with, where the map has that number."""

from __future__ import annotations

from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import WriteError
from maskloom.formats.loss import Loss, first_instances
from maskloom.formats.shared.flat import as_things, flat_rows, void_rows

PNG_IDS, TIFF_IDS = 2**16 - 1, 2**32 - 1
_SHOWN = 5


def object_ids(labels: Labels, taxonomy: Taxonomy, path: Path, most: int) -> NDArray[Any]:
    """The map of object ids, as narrow as they allow; what is in front is seen.

    Args:
        labels: of an image.
        taxonomy: says what is void and so no object.
        path: of the map, named in errors.
        most: the highest id that the map takes; higher ones become the lowest free numbers.

    Raises:
        WriteError: more objects than that.
    """
    rows = flat_rows(labels, as_things(taxonomy))
    if len(rows) > most:
        raise WriteError(
            f"an instance map holds {most} objects",
            where=path,
            seen=len(rows),
            hint="write --to coco or --to objects",
        )
    painted = np.zeros(labels.size, np.uint32)
    rows.masks.paint(painted, _fitting(rows.instance, most))
    top = painted.max(initial=0)
    return painted.astype(np.uint8 if top <= 255 else np.uint16 if top <= PNG_IDS else np.uint32)


def id_losses(key: str, labels: Labels, taxonomy: Taxonomy, most: int) -> list[Loss]:
    """Objects whose ids are none of a map's.

    Args:
        key: of the sample.
        labels: of an image.
        taxonomy: says what is void and so no object.
        most: the highest id that the map takes.
    """
    rows = labels.rows
    if rows is None or not (out := (rows.instance < 1) | (rows.instance > most)).any():
        return []
    solid = (rows.kind == RowKind.MASK) & (rows.masks.areas > 0) & ~void_rows(rows, taxonomy)
    lost = first_instances(rows, out & solid)
    if not lost:
        return []
    own = np.unique(rows.instance[solid])
    moved = [
        f"{one} → {other}"
        for one, other in zip(own.tolist(), _fitting(own, most).tolist(), strict=True)
        if one != other
    ]
    more = f" and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
    detail = f"ids lie in 1..{most}, others change: {', '.join(moved[:_SHOWN])}{more}"
    return [Loss(key, "ids", len(moved), detail=detail, instances=lost)]


def _fitting(own: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The ids, those that a map does not take replaced by the lowest free numbers."""
    out = (own < 1) | (own > most)
    if not out.any():
        return own
    taken = set(own[~out].tolist())
    free = (number for number in count(1) if number not in taken)
    found = own.copy()
    found[out] = list(islice(free, int(out.sum())))
    return found
