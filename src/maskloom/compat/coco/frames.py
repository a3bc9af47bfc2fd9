"""The frame of each image: what its entry says, or the masks in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.places import Places
from maskloom.errors import DataError
from maskloom.metrics.coco.columns import MOST_PIXELS

Entry = dict[str, Any]


class Frames:
    """Heights and widths of images; all masks of an image must share one.

    Args:
        images: entries of images.
        places: of image ids.

    Attributes:
        sizes: (I, 2) int64 [H, W]; 0 where nothing says it.
    """

    def __init__(self, images: Sequence[Entry], places: Places) -> None:
        self.sizes = np.zeros((len(places), 2), np.int64)
        for one in images:
            place = places.find(one["id"])
            height, width = one.get("height"), one.get("width")
            if place >= 0 and isinstance(height, int) and isinstance(width, int):
                self.sizes[place] = height, width
        self._check()

    def meet(
        self, image: NDArray[np.int32], sizes: NDArray[np.int64], name: Callable[[int], str]
    ) -> None:
        """Compare the sizes (N, 2) of masks with those of their images (N,).

        Args:
            image: positions of images.
            sizes: what the masks say.
            name: of the mask at a place, for errors.

        Raises:
            DataError: a mask of another size than its image or another mask of it.
        """
        known = self.sizes[:, 0] > 0
        new = ~known[image] if len(image) else np.zeros(0, np.bool_)
        if new.any():
            self.sizes[image[new][::-1]] = sizes[new][::-1]
        wrong = (self.sizes[image] != sizes).any(axis=1)
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            height, width = self.sizes[image[place]].tolist()
            raise DataError(
                f"the mask is of another size than its image, which is {height} x {width}",
                where=f"{name(place)}, segmentation.size",
                seen=sizes[place].tolist(),
            )
        self._check()

    def drawn_in(self, place: int, name: str) -> tuple[int, int]:
        """Height and width of an image, which polygons need.

        Raises:
            DataError: nothing says them.
        """
        height, width = self.sizes[place].tolist()
        if not height:
            raise DataError("the image has no height and width", where=name, hint="give both")
        return height, width

    def _check(self) -> None:
        sides = self.sizes
        if sides.min(initial=0) < 0 or sides.max(initial=0) > MOST_PIXELS:
            raise _too_large(sides[((sides < 0) | (sides > MOST_PIXELS)).any(axis=1)][0])
        large = sides[:, 0] * sides[:, 1] > MOST_PIXELS
        if large.any():
            raise _too_large(sides[large][0])


def _too_large(size: NDArray[np.int64]) -> DataError:
    return DataError(
        "a frame has 0 to 2**31 - 1 pixels",
        where="height and width of an image",
        seen=size.tolist(),
    )
