"""What the side file says of the objects of an image beside their masks: ids and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError


def ids_of(side: Mapping[str, Any], key: str, count: int, where: Path) -> NDArray[np.int64]:
    """The ids that the side file gives the objects of an image, else 1, 2, ...

    Raises:
        FormatError: they are not one whole number for each.
    """
    told = side.get("ids", {})
    if isinstance(told, Mapping) and key not in told:
        return np.arange(1, count + 1, dtype=np.int64)
    ids = told[key] if isinstance(told, Mapping) else told
    good = isinstance(ids, list) and all(type(n) is int and abs(n) < 2**63 for n in ids)
    if not good or len(ids) != count or len(set(ids)) < count:
        raise FormatError(
            f"the ids of the objects of {key} are not {count} different whole numbers",
            where=f"{where}: ids",
            seen=str(ids)[:80],
            hint="remove them, or put the masks back that they count",
        )
    return np.array(ids, np.int64)


def known_size(known: list[int] | None, folder: Path) -> tuple[int, int]:
    """(H, W) of an image without objects, as the side file says it.

    Raises:
        FormatError: it says none.
    """
    if known is None or len(known) != 2:
        raise FormatError(
            "no objects and no image: the size is not known",
            where=folder,
            hint="give the images with --images ROOT",
        )
    return int(known[0]), int(known[1])
