"""Arrays of another process taken up: of the same names, shapes and kinds, or refused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def fill(target: NDArray[np.generic], state: Mapping[str, NDArray[np.generic]], name: str) -> None:
    """Copy an array into one of the same shape and type.

    Raises:
        ValueError: it is another.
    """
    found = state[name]
    if found.shape != target.shape or found.dtype != target.dtype:
        raise ValueError(f"{name} is {found.dtype}{found.shape}")
    target[...] = found


def numbers(state: Mapping[str, NDArray[np.generic]], name: str, count: int) -> list[int]:
    """So many whole numbers of an array.

    Raises:
        ValueError: it has others.
    """
    found = np.zeros(count, np.int64)
    fill(found, state, name)
    return [int(value) for value in found]
