"""What lies under and over the coins of a generated scene: cloth, light, dirt, camera.

Grey levels run from 0 to 255 as float64 until `expose` rounds them.
Next: `scenes.py` composes, `scene_coin.py` draws the coins.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from maskloom.store.scene_noise import Field, smooth_noise


def ground(rng: np.random.Generator, size_hw: tuple[int, int]) -> Field:
    """(H, W) grey levels of an unevenly lit cloth with stains, scratches and dust."""
    field = rng.uniform(22, 120) + _light(rng, size_hw)
    field += max(0.0, 14 - float(field.min()))  # a person must still see coins everywhere
    field += rng.uniform(0, 9) * smooth_noise(rng, size_hw, rng.uniform(20, 70))
    field += rng.uniform(0, 5) * smooth_noise(rng, size_hw, rng.uniform(3, 9))
    field += rng.uniform(0.5, 5) * smooth_noise(rng, size_hw, rng.uniform(1.0, 2.2))
    if rng.random() < 0.25:
        field += _weave(rng, size_hw)
    for _ in range(rng.poisson(1.2)):
        field += _stain(rng, size_hw)
    for _ in range(rng.poisson(1.0)):
        field += _scratch(rng, size_hw)
    _dust(rng, field)
    if rng.random() < 0.3:
        field = _plate_edge(rng, field)
    return np.clip(field, 2, 245)


def expose(rng: np.random.Generator, field: Field) -> npt.NDArray[np.uint8]:
    """Blur, sharpening, tone curve, grain: from grey levels to the uint8 (H, W) photograph."""
    field = ndimage.gaussian_filter(field, rng.uniform(0.35, 1.0))
    if rng.random() < 0.65:
        halo = ndimage.gaussian_filter(field, rng.uniform(1.2, 4.0))
        field = field + rng.uniform(0.1, 1.2) * (field - halo)
    tone = np.clip(field / 255, 0, 1) ** rng.uniform(0.75, 1.35)
    field = 255 * tone * rng.uniform(0.8, 1.15)
    field += rng.uniform(0, 3.5) * smooth_noise(rng, field.shape, 1.0)
    field += rng.uniform(0.3, 4) * rng.standard_normal(field.shape)
    return np.clip(np.rint(field), 0, 255).astype(np.uint8)


def _light(rng: np.random.Generator, size_hw: tuple[int, int]) -> Field:
    """A tilted and bowed sheet of light, from all directions, up to ± 110 grey levels."""
    y, x = _unit_grid(size_hw)
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0, 70)
    bow = rng.uniform(-20, 20, 3)
    sheet: Field = slope * (np.cos(angle) * x + np.sin(angle) * y)
    sheet += bow[0] * (x**2 - 0.3) + bow[1] * (y**2 - 0.3) + bow[2] * x * y
    return sheet


def _weave(rng: np.random.Generator, size_hw: tuple[int, int]) -> Field:
    """Threads of a cloth: two crossed waves whose strength wanders."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(2.5, 6)
    along = (np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / pitch
    across = (np.cos(angle) * y - np.sin(angle) * x) * 2 * np.pi / pitch
    strength = rng.uniform(1, 5) * (1 + 0.4 * smooth_noise(rng, size_hw, 25))
    threads: Field = strength * (np.sin(along) + np.sin(across)) / 2
    return threads


def _stain(rng: np.random.Generator, size_hw: tuple[int, int]) -> Field:
    """A soft spot, brighter or darker: as large as a coin, without rim or relief."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    cy, cx = rng.uniform(0, 1, 2) * size_hw
    ry, rx = rng.uniform(6, 50, 2)
    distance = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
    distance += 0.25 * smooth_noise(rng, size_hw, 12)
    edge = np.clip((distance - 1) * rng.uniform(3, 7), -50, 50)
    spot: Field = rng.uniform(-22, 22) / (1 + np.exp(edge))
    return spot


def _scratch(rng: np.random.Generator, size_hw: tuple[int, int]) -> Field:
    """A thin, slightly bent line that fades in and out."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    cy, cx = rng.uniform(0, 1, 2) * size_hw
    angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.003)
    along = np.cos(angle) * (x - cx) + np.sin(angle) * (y - cy)
    across = np.cos(angle) * (y - cy) - np.sin(angle) * (x - cx) - bend * along**2
    line = np.exp(-((across / rng.uniform(0.5, 1.3)) ** 2))
    fade = np.exp(-((along / rng.uniform(10, 80)) ** 2))
    scratch: Field = rng.uniform(-20, 35) * line * fade
    return scratch


def _dust(rng: np.random.Generator, field: Field) -> None:
    """Specks of one to four pixels, mostly bright, added in place."""
    height, width = field.shape
    for _ in range(rng.poisson(rng.uniform(0, 14))):
        row, col = int(rng.integers(0, height - 1)), int(rng.integers(0, width - 1))
        tall, wide = rng.integers(1, 3, 2)
        field[row : row + tall, col : col + wide] += rng.uniform(-25, 60)


def _plate_edge(rng: np.random.Generator, field: Field) -> Field:
    """The rounded corner or straight border of the photographic plate: dark or pale outside."""
    y, x = _unit_grid((field.shape[0], field.shape[1]))
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.cos(angle) * y - np.sin(angle) * x
    outside = along + rng.uniform(0, 0.35) * across**2 - rng.uniform(0.75, 1.2)
    share = np.clip(outside * field.shape[0] / rng.uniform(2, 6) + 0.5, 0, 1)
    level = rng.uniform(2, 30) if rng.random() < 0.7 else rng.uniform(120, 230)
    framed: Field = field * (1 - share) + level * share
    return framed


def _unit_grid(size_hw: tuple[int, int]) -> tuple[Field, Field]:
    """Pixel centres as (y, x), from -1 to 1 along each axis."""
    y = (np.arange(size_hw[0]) + 0.5) / size_hw[0] * 2 - 1
    x = (np.arange(size_hw[1]) + 0.5) / size_hw[1] * 2 - 1
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    return grid_y, grid_x
