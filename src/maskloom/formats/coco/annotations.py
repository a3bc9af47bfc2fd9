"""Annotations of a COCO file by image, kept as places in the file and read when asked for.

So memory holds some numbers for each annotation, however many vertices it has. Polygons in plain
notation become columns at once; the JSON parser sees what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, Rows, kernel
from maskloom.formats.coco.image_ids import ImageId, ImageIds
from maskloom.formats.coco.polygons import read_polygons
from maskloom.formats.shared.json_outline import parse
from maskloom.formats.shared.json_window import Window


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


class File(Protocol):
    """What has annotations by image."""

    @property
    def annotations(self) -> Mapping[ImageId, ImageAnnotations]:
        """Those of each image that has some."""


def same_annotations(one: File, two: File, image: ImageId) -> bool:
    """Whether two files have the same annotations of an image, with the same ids."""
    first, second = one.annotations.get(image), two.annotations.get(image)
    if first is None or second is None:
        return first is second
    return first.entries == second.entries and all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("points", "rings", "objects")
    )


class Annotations(Mapping[ImageId, ImageAnnotations]):
    """Image id → its valid annotations; 16 bytes for each, 20 where they are in no order."""

    def __init__(
        self,
        window: Window,
        images: NDArray[np.int32],
        drawn: NDArray[np.uint32],
        bad: Iterable[int],
        ids: ImageIds,
    ) -> None:
        """Sort annotations by image.

        Args:
            window: on all annotations of the file.
            images: (N,) positions of the images of the annotations of the file; overwritten.
            drawn: (2, N) where plain polygons start and end in each; 0 and 0 where it has none.
            bad: annotations that are left out.
            ids: of the images.
        """
        self._window, self._drawn, self._ids = window, drawn, ids
        # What is left out is sorted to an image behind all others.
        images[np.fromiter(bad, np.int64)] = len(ids)
        ordered = bool((images[1:] >= images[:-1]).all())
        count = 0 if ordered else len(images)
        self._positions: NDArray[np.integer[Any]] = np.empty(
            count, np.int32 if count < 2**31 else np.int64
        )
        self._firsts = _sort(images, len(ids) + 1, self._positions)

    def __getitem__(self, image: ImageId) -> ImageAnnotations:
        at = self._ids.find(image)
        first, last = self._firsts[at : at + 2].tolist() if at >= 0 else (0, 0)
        if first == last:
            raise KeyError(image)
        own: NDArray[np.integer[Any]] = np.arange(first, last)
        if len(self._positions):
            own = self._positions[first:last]
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

    def __iter__(self) -> Iterator[ImageId]:
        return (self._ids[at] for at in self._with_some().tolist())

    def __len__(self) -> int:
        return len(self._with_some())

    def _with_some(self) -> NDArray[np.int64]:
        """Positions of the images that have annotations."""
        return np.flatnonzero(np.diff(self._firsts[: len(self._ids) + 1]))


@kernel
def _sort(images: Rows, n: int, positions: Any) -> Ints:
    """Where the annotations of each of n images begin among all of them, and after the last.

    `positions` is filled with the annotations in this order, unless it is empty.
    """
    firsts = np.zeros(n + 1, np.int64)
    for i in range(images.size):
        firsts[images[i] + 1] += 1
    for image in range(n):
        firsts[image + 1] += firsts[image]
    if positions.size:
        place = firsts.copy()
        for i in range(images.size):
            positions[place[images[i]]] = i
            place[images[i]] += 1
    return firsts
