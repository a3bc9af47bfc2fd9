"""Generated photographs of ancient coins on cloth, with exact instance maps.

The scenes are of the kind of scikit-image's `coins.png`, drawn from a far wider range
than that one picture (light, contrast, radius, spacing, dirt), so that a model trained on
them alone can be judged on the real picture. They are no simulation of optics.
Next: `builtin.py` for the real picture, `docs/demo-data.md` for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maskloom.errors import UsageError
from maskloom.store.scene_coin import Coin, Light, shade, strike
from maskloom.store.scene_ground import expose, ground
from maskloom.store.scene_noise import Field

SMALLEST_OBJECT_PX = 40
"""A coin that shows fewer pixels than this inside the frame is left out of the scene."""


@dataclass(frozen=True)
class Scene:
    """One generated photograph and its truth.

    Attributes:
        pixels: (H, W) uint8 grey levels.
        instance_map: (H, W) int32; 0 is background, coins are 1..n without gaps.
    """

    pixels: npt.NDArray[np.uint8]
    instance_map: npt.NDArray[np.int32]

    @property
    def count(self) -> int:
        """The number of coins."""
        return int(self.instance_map.max())


def generate(seed: int, count: int, *, size_hw: tuple[int, int] = (192, 192)) -> Iterator[Scene]:
    """Scenes 0 to count - 1 of a seed; scene i does not depend on ``count``.

    The same seed and size give the same bytes on every machine with the same numpy
    (its `Generator` may change its streams between releases, NEP 19).

    Args:
        seed: ≥ 0.
        count: how many scenes, ≥ 0.
        size_hw: (H, W) in px, each at least 64.

    Raises:
        UsageError: an argument is out of its range.
    """
    if seed < 0 or count < 0:
        raise UsageError("seed and count must not be negative", seen=f"{seed}, {count}")
    if min(size_hw) < 64:
        raise UsageError("a scene is at least 64 x 64 px", where="size_hw", seen=size_hw)
    return (_scene(np.random.default_rng([seed, i]), size_hw) for i in range(count))


def _scene(rng: np.random.Generator, size_hw: tuple[int, int]) -> Scene:
    field = ground(rng, size_hw)
    ids = np.zeros(size_hw, np.int32)
    light = Light(
        angle=rng.uniform(0, 2 * np.pi),
        relief=rng.uniform(8, 75),
        shadow=rng.uniform(0, 0.75),
        reach_px=rng.uniform(1, 7),
    )
    if rng.random() < 0.94:
        gap_px = rng.uniform(-0.5, 1) if rng.random() < 0.2 else rng.uniform(2, 9)
        coins = _place(rng, size_hw, gap_px)
        _paint(rng, coins, light, field, ids)
    return Scene(expose(rng, field), ids)


def _place(rng: np.random.Generator, size_hw: tuple[int, int], gap_px: float) -> list[Coin]:
    """Coins that keep ``gap_px`` from each other; some are cut by the frame."""
    typical = rng.uniform(15, 40)
    taken = np.zeros(size_hw, bool)
    coins: list[Coin] = []
    circles = np.empty((0, 3))
    for x, y in _sites(rng, size_hw, typical):
        radius = float(np.clip(typical * rng.uniform(0.75, 1.35), 13, 48))
        apart = np.hypot(circles[:, 0] - x, circles[:, 1] - y)
        if (apart < 0.92 * (circles[:, 2] + radius) + gap_px).any():
            continue  # almost certain to overlap: not worth striking
        coin = strike(rng, (x, y), radius)
        rows, cols, view = _window(coin, size_hw)
        body = coin.depth[view] > 0
        near = coin.depth[view] > -gap_px
        if body.sum() < SMALLEST_OBJECT_PX or (near & taken[rows, cols]).any():
            continue
        taken[rows, cols] |= body
        circles = np.vstack([circles, (x, y, radius)])
        coins.append(coin)
    return coins


def _sites(
    rng: np.random.Generator, size_hw: tuple[int, int], typical_px: float
) -> list[tuple[float, float]]:
    """Where to try a coin, as (x, y): in loose rows like a museum's plate, or anywhere."""
    height, width = size_hw
    if rng.random() < 0.5:
        pitch_x, pitch_y = typical_px * rng.uniform(2.2, 3.4, 2)
        start_x, start_y = rng.uniform(0, 1, 2) * (pitch_x, pitch_y)
        grid = np.array(
            [
                (x, y)
                for y in np.arange(start_y - pitch_y, height + pitch_y, pitch_y)
                for x in np.arange(start_x - pitch_x, width + pitch_x, pitch_x)
            ]
        )
        points = grid + rng.normal(0, 0.08 * typical_px, grid.shape)
        points = points[rng.random(len(points)) < rng.uniform(0.6, 1.0)]
    else:
        tries = int(rng.integers(2, 45))
        points = rng.uniform(-0.1, 1.1, (tries, 2)) * (width, height)
    return [(float(x), float(y)) for x, y in points]


def _paint(
    rng: np.random.Generator,
    coins: list[Coin],
    light: Light,
    field: Field,
    ids: npt.NDArray[np.int32],
) -> None:
    """Shadows first, then the coins, in place."""
    size_hw = (field.shape[0], field.shape[1])
    step = 3 * light.shadow * np.array([-np.cos(light.angle), -np.sin(light.angle)])
    local = field.copy()
    contrast = rng.uniform(15, 125) * (1 if rng.random() < 0.85 else -0.5)
    for coin in coins:
        rows, cols, view = _window(coin, size_hw, shift=(round(step[1]), round(step[0])))
        outside = np.clip(-coin.depth[view], 0, None)
        field[rows, cols] *= 1 - light.shadow * np.exp(-outside / light.reach_px)
    for number, coin in enumerate(coins, start=1):
        rows, cols, view = _window(coin, size_hw)
        under = local[rows, cols]
        level = float(np.median(under)) + contrast * rng.uniform(0.5, 1.3)
        face = shade(coin, light, float(np.clip(level, 12, 215)))[view]
        # The light on the cloth falls on the coin too; a plate edge or a stain does not.
        face = face + rng.uniform(0, 0.8) * np.clip(under - np.median(under), -20, 20)
        cover = np.clip(coin.depth[view] + 0.5, 0, 1)
        field[rows, cols] = field[rows, cols] * (1 - cover) + face * cover
        ids[rows, cols][coin.depth[view] > 0] = number


def _window(
    coin: Coin, size_hw: tuple[int, int], *, shift: tuple[int, int] = (0, 0)
) -> tuple[slice, slice, tuple[slice, slice]]:
    """The coin's window cut to the frame: rows and columns of the scene, and of the window."""
    cuts = []
    for start, length, limit in zip(
        (coin.top + shift[0], coin.left + shift[1]), coin.depth.shape, size_hw, strict=True
    ):
        first = min(max(start, 0), limit)
        last = max(min(start + length, limit), first)
        cuts.append((slice(first, last), slice(first - start, last - start)))
    (rows, view_rows), (cols, view_cols) = cuts
    return rows, cols, (view_rows, view_cols)
