"""One struck and worn coin: its outline, its relief and the shadow at its foot.

A coin is drawn into a small window of the scene; the scene decides where it lies.
Next: `scenes.py` places coins, `scene_ground.py` makes what they lie on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskloom.store.scene_noise import Field, smooth_noise

_MARGIN_PX = 9
_BEVEL_PX = 2.2


@dataclass(frozen=True)
class Light:
    """How one scene is lit.

    Attributes:
        angle: where the light comes from, radians, x to the right and y down.
        relief: strength of the shading of slopes, grey levels per px of slope.
        shadow: darkening of the ground at a coin's foot, 0 to 0.8.
        reach_px: how far that shadow goes.
    """

    angle: float
    relief: float
    shadow: float
    reach_px: float


@dataclass(frozen=True)
class Coin:
    """A coin in its own window.

    Attributes:
        top, left: the window's corner in the scene, px; may be negative.
        depth: (h, w) px inside the outline, negative outside; a pixel whose centre has
            depth > 0 belongs to the coin.
        height: (h, w) relief, px.
        tint: (h, w) reflectance, about 1.
    """

    top: int
    left: int
    depth: Field
    height: Field
    tint: Field


def strike(rng: np.random.Generator, centre_xy: tuple[float, float], radius_px: float) -> Coin:
    """Make one coin of mean radius ``radius_px`` about ``centre_xy``."""
    half = int(np.ceil(radius_px * 1.3)) + _MARGIN_PX
    left, top = int(np.floor(centre_xy[0])) - half, int(np.floor(centre_xy[1])) - half
    y, x = np.mgrid[: 2 * half + 1, : 2 * half + 1] + 0.5
    dx, dy = x - (centre_xy[0] - left), y - (centre_xy[1] - top)
    depth = _outline(rng, dx, dy, radius_px)
    tint = 1 + rng.uniform(0, 0.16) * smooth_noise(rng, depth.shape, rng.uniform(5, 20))
    tint += rng.uniform(0, 0.10) * smooth_noise(rng, depth.shape, rng.uniform(1.0, 3))
    return Coin(top, left, depth, _relief(rng, depth, radius_px), np.clip(tint, 0.35, 1.7))


def shade(coin: Coin, light: Light, level: float) -> Field:
    """Grey levels (h, w) of the coin's face when lit; ``level`` is its mean."""
    slope_y, slope_x = np.gradient(coin.height)
    facing = -(np.cos(light.angle) * slope_x + np.sin(light.angle) * slope_y)
    shading = light.relief * np.tanh(1.6 * facing)
    hollow = 0.05 * (coin.height - coin.height[coin.depth > 0].mean())
    face: Field = level * (coin.tint + hollow) + shading
    return face


def _outline(rng: np.random.Generator, dx: Field, dy: Field, radius_px: float) -> Field:
    """Signed distance, nearly, from an irregular round: positive inside."""
    squash, turn = rng.uniform(0.9, 1.0), rng.uniform(0, np.pi)
    u = np.cos(turn) * dx + np.sin(turn) * dy
    v = (np.cos(turn) * dy - np.sin(turn) * dx) / squash
    distance = np.hypot(u, v)
    around = (u + 1j * v) / np.maximum(distance, 1e-9)
    uneven = rng.uniform(0, 0.035)
    edge = np.ones_like(distance)
    wave = around
    for order in range(2, 8):
        wave = wave * around
        phase = np.exp(1j * rng.uniform(0, 2 * np.pi))
        edge += rng.normal(0, uneven / order**0.5) * (wave * phase).real
    depth: Field = radius_px * edge - distance
    for _ in range(rng.poisson(0.35)):  # a clipped or flattened side
        side = rng.uniform(0, 2 * np.pi)
        reach = radius_px * rng.uniform(0.8, 1.0)
        depth = np.minimum(depth, reach - (np.cos(side) * dx + np.sin(side) * dy))
    if rng.random() < 0.15:  # a chip out of the rim
        side, bite = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.2) * radius_px
        away = np.hypot(dx - radius_px * np.cos(side), dy - radius_px * np.sin(side))
        depth = np.minimum(depth, away - bite)
    return depth


def _relief(rng: np.random.Generator, depth: Field, radius_px: float) -> Field:
    """A bevelled edge, a rim or not, and something like a worn head or figure."""
    inside = np.clip(depth, 0, None)
    height = rng.uniform(0.5, 2.2) * np.clip(inside / _BEVEL_PX, 0, 1)
    if rng.random() < 0.6:
        where, width = rng.uniform(1.5, 6), rng.uniform(0.7, 2)
        height += rng.uniform(0.2, 1.3) * np.exp(-(((inside - where) / width) ** 2))
    if rng.random() < 0.3:  # a ring of pearls or a second line
        where = rng.uniform(5, 9) * radius_px / 28
        height += rng.uniform(0.2, 0.6) * np.exp(-(((inside - where) / 0.9) ** 2))
    middle = np.clip((inside - 0.12 * radius_px) / (0.2 * radius_px), 0, 1)
    figure = smooth_noise(rng, depth.shape, radius_px * rng.uniform(0.3, 0.6))
    raised = 1 / (1 + np.exp(-np.clip(rng.uniform(4, 14) * figure, -50, 50)))
    height += rng.uniform(0.3, 3.0) * raised * middle
    detail = smooth_noise(rng, depth.shape, rng.uniform(1.6, 4.0))
    ridges = 1 - np.abs(smooth_noise(rng, depth.shape, rng.uniform(3, 8)))
    worn = np.clip(0.5 + smooth_noise(rng, depth.shape, radius_px * 0.5), 0, 1.5)
    height += middle * worn * (rng.uniform(0, 0.6) * detail + rng.uniform(0, 1.6) * ridges)
    return height + rng.uniform(0, 0.25) * smooth_noise(rng, depth.shape, 1.5)
