"""Small generated data: bright discs and squares on a dark ground, as files and in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskloom.store.images import write_png


def _write_scenes(root: Path, *, count: int = 8, size: int = 48, seed: int = 0) -> Path:
    """A bitmap data set (class maps 0 ground, 1 disc, 2 square; 255 void) of `count` images."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    for i in range(count):
        classes = np.zeros((size, size), np.uint8)
        cx, cy, r = (*rng.uniform(12, size - 12, 2), rng.uniform(5, 9))
        classes[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = 1
        left, top = rng.integers(2, size - 14, 2)
        classes[top : top + 10, left : left + 10] = 2
        image = np.array([30, 200, 120])[classes] + rng.normal(0, 8, classes.shape)
        classes[:2] = 255
        rgb = np.repeat(image.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
        write_png(root / "images" / f"scene{i}.png", rgb)
        write_png(root / "masks" / f"scene{i}.png", classes)
    return root


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight scenes in the bitmap format."""
    return _write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="session")
def write_scenes() -> Callable[..., Path]:
    """Writes such a data set: (root, *, count, size, seed) -> root."""
    return _write_scenes
