"""Annotations of a COCO file by image, kept as places in the file and read when asked for.

So memory holds some numbers for each annotation, however many vertices it has. Polygons in plain
notation become columns at once; the JSON parser sees what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.formats.coco_polygons import read_polygons
from maskloom.formats.json_outline import parse
from maskloom.formats.json_window import Window


@dataclass(frozen=True, slots=True, eq=False)
class ImageAnnotations:
    """The N annotations of an image, in order of the file.

    Args:
        entries: each parsed; its `segmentation` is None where its polygons are told here.
        points: (V, 2) float64 vertices of polygons, x and y.
        rings: (R+1) offsets of the polygons in the points.
        objects: (N+1) offsets of the annotations in the polygons.
    """

    entries: list[dict[str, Any]]
    points: NDArray[np.float64]
    rings: NDArray[np.int64]
    objects: NDArray[np.int64]


class Annotations(Mapping[int, ImageAnnotations]):
    """Image id → its valid annotations."""

    def __init__(
        self,
        window: Window,
        images: NDArray[np.int64],
        kept: NDArray[np.int64],
        drawn: NDArray[np.uint32],
    ) -> None:
        """Sort annotations by image.

        Args:
            window: on all annotations of the file.
            images: ids of the images of those annotations that are kept.
            kept: their positions.
            drawn: (2, N) where plain polygons start and end in each annotation of the file; 0 and
                0 where it has none.
        """
        order = np.argsort(images, kind="stable")
        self._window, self._drawn = window, drawn
        self._positions = kept[order]
        sorted_images = images[order]
        first = np.flatnonzero(np.diff(sorted_images, prepend=sorted_images[:1] - 1))
        self._ends = np.append(first, len(order))
        self._at = {image: i for i, image in enumerate(sorted_images[first].tolist())}

    def __getitem__(self, image: int) -> ImageAnnotations:
        i = self._at[image]
        own = self._positions[self._ends[i] : self._ends[i + 1]]
        text, starts, ends = self._window.text_of(own)
        from_, to = starts + self._drawn[0, own], starts + self._drawn[1, own]
        points, rings, objects, read = read_polygons(np.frombuffer(text, np.uint8), from_, to)
        pieces: list[bytes] = []
        spans = (starts.tolist(), from_.tolist(), to.tolist(), ends.tolist(), read.tolist())
        for start, shape, behind, end, told in zip(*spans, strict=True):
            if told:
                pieces += (text[start:shape], b"null", text[behind:end], b",")
            else:
                pieces += (text[start:end], b",")
        pieces[-1] = b"]"
        entries = parse(b"[" + b"".join(pieces), self._window.path)
        return ImageAnnotations(entries, points, rings, objects)

    def __iter__(self) -> Iterator[int]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)
