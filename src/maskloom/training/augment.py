"""One random geometric map per sample, applied alike to image, classes and objects.

The map composes scaling, rotation, mirroring and cropping into one matrix, and a smooth elastic
shift where asked: one interpolation, whatever is composed. Images are sampled bilinearly, label
maps by nearest neighbour; what lies outside the image is mirrored for pixels and void for
labels. Boxes and distances are computed from the moved masks, never moved themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskloom.core.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class GeometricMap:
    """Where each pixel of a crop comes from.

    Args:
        matrix: (2, 3) float64, crop pixel index (x, y, 1) → image pixel index (x, y).
        size: (H, W) of the crop.
        shift: (H, W, 2) float32 added to the image position in px, or None.
    """

    matrix: NDArray[np.float64]
    size: tuple[int, int]
    shift: NDArray[np.float32] | None = None

    def image(self, array: NDArray[Any]) -> NDArray[Any]:
        """(H, W, C) moved bilinearly; the outside is mirrored."""
        moved = self._move(array, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101, 0)
        return moved.reshape(*self.size, array.shape[2])

    def labels(self, array: NDArray[Any], outside: int) -> NDArray[Any]:
        """(H, W) uint8, uint16 or int32 below 2²⁴, moved by nearest neighbour."""
        small = array.dtype in (np.uint8, np.uint16)
        values = array if small else array.astype(np.float32)
        moved = self._move(values, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, outside)
        return moved if small else moved.astype(array.dtype)

    def _move(self, array: NDArray[Any], how: int, border: int, outside: int) -> NDArray[Any]:
        height, width = self.size
        if self.shift is None:
            return cv2.warpAffine(
                array,
                self.matrix,
                (width, height),
                flags=how | cv2.WARP_INVERSE_MAP,
                borderMode=border,
                borderValue=outside,
            )
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        m = self.matrix.astype(np.float32)
        from_x = m[0, 0] * x + m[0, 1] * y + m[0, 2] + self.shift[:, :, 0]
        from_y = m[1, 0] * x + m[1, 1] * y + m[1, 2] + self.shift[:, :, 1]
        return cv2.remap(array, from_x, from_y, how, borderMode=border, borderValue=outside)


def sample_map(
    rng: np.random.Generator, image_hw: tuple[int, int], crop_hw: tuple[int, int], recipe: Recipe
) -> GeometricMap:
    """Draw one map.

    The crop lies inside the scaled image where it fits, else it is centred on the image along
    that axis.

    Args:
        rng: the sample's own generator.
        image_hw: size of the image.
        crop_hw: size of the crop.
        recipe: ranges of `scale`, `rotate`, `flip` and `elastic`.
    """
    low, high = recipe.scale
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    angle = np.deg2rad(rng.uniform(-recipe.rotate, recipe.rotate))
    flip_x = recipe.flip != "none" and rng.random() < 0.5
    flip_y = recipe.flip == "both" and rng.random() < 0.5
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    linear = turn * np.array([-1.0 if flip_x else 1.0, -1.0 if flip_y else 1.0])
    centre = [
        rng.uniform(half, size - half) if size > 2 * half else size / 2
        for size, half in ((n, c / 2 / scale) for n, c in zip(image_hw, crop_hw, strict=True))
    ]
    # pixel indexes sit at pixel centres, so the frames' middles are at (size - 1) / 2
    middle = np.array([crop_hw[1] - 1, crop_hw[0] - 1]) / 2
    target = np.array([centre[1], centre[0]]) - 0.5
    matrix = np.hstack([linear, (target - linear @ middle)[:, None]])
    shift = _elastic(rng, crop_hw, recipe.elastic) if recipe.elastic > 0 else None
    return GeometricMap(matrix, crop_hw, shift)


def jitter(
    rng: np.random.Generator, image: NDArray[np.float32], recipe: Recipe
) -> NDArray[np.float32]:
    """Random brightness, contrast, gamma, saturation and noise.

    Args:
        rng: the sample's own generator.
        image: (H, W, C) float32 scaled to about [0, 1].
        recipe: strengths `color` and `noise`.
    """
    if recipe.color > 0:
        c = recipe.color
        contrast, brightness = rng.uniform(1 - c, 1 + c), rng.uniform(-c, c) / 2
        saturation, gamma = rng.uniform(1 - c, 1 + c), np.exp(rng.uniform(-c, c))
        mean = float(image.mean())
        if image.shape[2] == 3:
            luminance = image @ np.array([[0.299], [0.587], [0.114]], np.float32)
            image = luminance + (image - luminance) * np.float32(saturation)
        image = (image - mean) * np.float32(contrast) + np.float32(mean + brightness)
        if abs(gamma - 1) > 0.02:
            image = np.maximum(image, 0) ** np.float32(gamma)
    if recipe.noise > 0:
        strength = rng.uniform(0, recipe.noise)
        image = image + rng.standard_normal(image.shape, np.float32) * np.float32(strength)
    return image


def _elastic(
    rng: np.random.Generator, size: tuple[int, int], strength: float
) -> NDArray[np.float32]:
    """Smooth random shifts of at most `strength` px: cubic interpolation of a coarse grid.

    Source: Simard, Steinkraus, Platt 2003, with a coarse grid in place of Gaussian smoothing.
    """
    coarse = (max(3, size[0] // 64), max(3, size[1] // 64), 2)
    grid = rng.uniform(-strength, strength, coarse).astype(np.float32)
    return cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC).clip(-strength, strength)
