"""Families of random masks on which exactness is claimed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter


def families(count: int, seed: int) -> list[tuple[str, NDArray[np.bool_]]]:
    """Stacks (3, H, W): blobs, holes, 1-px lines, noise, border, tiny, full, empty."""
    rng = np.random.default_rng(seed)
    out: list[tuple[str, NDArray[np.bool_]]] = []
    for _ in range(count):
        h, w = (int(v) for v in rng.integers(1, 150, 2))
        smooth = gaussian_filter(rng.standard_normal((3, h, w)), (0, 3, 3))
        lines = np.zeros((3, h, w), np.bool_)
        lines[:, rng.integers(h)] = True
        lines[:, :, rng.integers(w)] = True
        tiny = np.zeros((3, h, w), np.bool_)
        tiny[0, rng.integers(h), rng.integers(w)] = True
        border = np.ones((3, h, w), np.bool_)
        border[:, 1:-1, 1:-1] = False
        out += [
            ("blobs", smooth > 0.05),
            ("holes", np.abs(smooth) > 0.02),
            ("lines", lines),
            ("noise", rng.random((3, h, w)) < rng.random()),
            ("border", border),
            ("tiny", tiny),
            ("full", np.ones((3, h, w), np.bool_)),
            ("empty", np.zeros((3, h, w), np.bool_)),
            ("one row", rng.random((3, 1, w)) < 0.5),
            ("one column", rng.random((3, h, 1)) < 0.5),
        ]
    return out


FAMILIES = families(6, seed=7)


@pytest.fixture(params=[frames for _, frames in FAMILIES], ids=[name for name, _ in FAMILIES])
def mask_frames(request: pytest.FixtureRequest) -> Any:
    """A stack (3, H, W) of bool masks of one family."""
    return request.param
