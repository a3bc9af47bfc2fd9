"""Real photographs that the installed scikit-image carries, with a truth drawn by hand.

They are test images: nothing here is for training (see `scenes.py` for that). Pixels come
from the installed wheel, without a network; outlines come from `truth/*.json`.
Next: `docs/demo-data.md` says how the outlines were drawn and how far to trust them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskloom.errors import DataError, ImageError

Polygon = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BuiltinImage:
    """One photograph and its hand-drawn outlines.

    Attributes:
        name: short and unique, such as ``coins`` or ``coins-row1``.
        pixels: (H, W) or (H, W, 3) uint8.
        polygons: one closed (n, 2) float64 xy ring an object, pixel-edge frame.
        categories: the category name of each polygon.
        cuts_y: rows where the picture can be cut without touching an object, ascending.
    """

    name: str
    pixels: npt.NDArray[np.uint8]
    polygons: tuple[Polygon, ...]
    categories: tuple[str, ...]
    cuts_y: tuple[int, ...] = ()

    def instance_map(self) -> npt.NDArray[np.int32]:
        """(H, W) int32: polygon i fills the value i + 1, 0 is background.

        A pixel belongs to a polygon when its centre is inside by the even-odd rule.
        """
        size_hw = (self.pixels.shape[0], self.pixels.shape[1])
        ids = np.zeros(size_hw, np.int32)
        for number, polygon in enumerate(self.polygons, start=1):
            ids[fill_even_odd(polygon, size_hw)] = number
        return ids

    def rows(self) -> list[BuiltinImage]:
        """The picture cut at ``cuts_y``, top first, so that a report can rank its parts.

        The parts are one photograph still: they are not independent images.
        """
        edges = (0, *self.cuts_y, self.pixels.shape[0])
        parts = []
        for number, (top, bottom) in enumerate(pairwise(edges), start=1):
            held = [i for i, p in enumerate(self.polygons) if top <= p[:, 1].min() < bottom]
            parts.append(
                BuiltinImage(
                    name=f"{self.name}-row{number}",
                    pixels=self.pixels[top:bottom],
                    polygons=tuple(self.polygons[i] - (0, top) for i in held),
                    categories=tuple(self.categories[i] for i in held),
                )
            )
        return parts


def real_images(*, data_dir: Path | None = None) -> list[BuiltinImage]:
    """The photographs that have a truth: at present ``coins``, 303 x 384, 24 coins.

    Args:
        data_dir: the folder that holds the image files; by default scikit-image's own.

    Raises:
        ImageError: an image is missing, unreadable, or not the one that was drawn on.
        DataError: scikit-image is not installed.
    """
    folder = _skimage_data() if data_dir is None else data_dir
    truth = resources.files("maskloom.store").joinpath("truth")
    files = sorted((f for f in truth.iterdir() if f.name.endswith(".json")), key=lambda f: f.name)
    return [_load(json.loads(f.read_text("utf-8")), folder) for f in files]


def fill_even_odd(polygon: Polygon, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels whose centre is inside a closed ring.

    Args:
        polygon: (n, 2) xy, pixel-edge frame, n ≥ 3; the last point joins the first.
        size_hw: (H, W) of the mask.

    Returns:
        (H, W) bool. An edge holds its upper end and not its lower one, and a centre that
        lies on an edge counts as inside if the inside is to its right.

    Source: crossing-number test (Shimrat, "Algorithm 112", CACM 1962).
    """
    height, width = size_hw
    row_y, col_x = np.arange(height) + 0.5, np.arange(width) + 0.5
    inside = np.zeros(size_hw, bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crossed = np.nonzero((y0 <= row_y) != (y1 <= row_y))[0]
        if crossed.size:
            at_x = x0 + (row_y[crossed] - y0) * (x1 - x0) / (y1 - y0)
            inside[crossed] ^= at_x[:, None] <= col_x
    return inside


def _load(truth: dict[str, Any], folder: Path) -> BuiltinImage:
    path = folder / truth["image"]
    pixels = _read(path)
    expected = tuple(truth["size"])
    if pixels.shape[:2] != expected or _digest(pixels) != truth["pixels_sha256"]:
        raise ImageError(
            "this is not the picture that the built-in truth was drawn on",
            where=path,
            seen=f"{pixels.shape[0]} x {pixels.shape[1]} px, pixels sha256 {_digest(pixels)[:16]}",
            hint="install the scikit-image version that maskloom's constraints name",
        )
    objects = truth["objects"]
    return BuiltinImage(
        name=Path(truth["image"]).stem,
        pixels=pixels,
        polygons=tuple(np.array(o["polygon"], np.float64) for o in objects),
        categories=tuple(o["category"] for o in objects),
        cuts_y=tuple(truth["cuts_y"]),
    )


def _read(path: Path) -> npt.NDArray[np.uint8]:
    """Pixels as stored: (H, W) grey or (H, W, 3) RGB."""
    try:
        encoded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise ImageError(
            f"cannot read a picture of the built-in data: {error.strerror}",
            where=path,
            hint="reinstall scikit-image",
        ) from error
    pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    if pixels is None or pixels.dtype != np.uint8:
        raise ImageError("not an 8-bit picture", where=path, hint="reinstall scikit-image")
    if pixels.ndim == 3:
        pixels = pixels[:, :, 2::-1]
    return np.ascontiguousarray(pixels, np.uint8)


def _digest(pixels: npt.NDArray[np.uint8]) -> str:
    """Of the pixels, not the file: a picture that was only compressed anew is the same."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _skimage_data() -> Path:
    """The data folder of the installed scikit-image, found without importing it."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise DataError(
            "scikit-image, which carries the demo's pictures, is not installed",
            hint="run pip install scikit-image",
        )
    return Path(spec.origin).parent / "data"
