"""Pixels of a DICOM segmentation that is written: which frames there are, and their bytes in turn.

The first and the last plane always have a frame: they say how deep the volume is. So have planes
and segments that had an empty one in the file that was read, which says what was looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.volumes import paint_planes
from maskloom.formats.shared.flat import front_order


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """All frames of a file.

    Args:
        of: (segment number, plane) of each; number 0 where pixels say.
        bits: of a pixel: 1, 8 or 16.
        length: bytes of all.
        digest: of the pixels; the same pixels have the same.
        parts: yields their bytes.
    """

    of: list[tuple[int, int]]
    bits: int
    length: int
    digest: bytes
    parts: Callable[[], Iterator[bytes]]


Places = Collection[tuple[int, int]]


def empty_places(said: Mapping[str, list[int]], origin: Mapping[int, str], depth: int) -> Places:
    """(segment number, plane) of frames without a pixel in the file that was read.

    Args:
        said: number of a segment there, as text → planes.
        origin: number of a segment → that which it had there; of others only planes stay, under 0.
        depth: D.
    """
    numbers = {own: number for number, own in origin.items()}
    listed = [(numbers.get(own, 0), plane) for own, planes in said.items() for plane in planes]
    return {(number, plane) for number, plane in listed if 0 <= plane < depth}


def one_per_segment(
    rows: Rows,
    numbers: NDArray[np.int64],
    size: tuple[int, ...],
    *,
    bits: int,
    empty: Places = (),
) -> Frames:
    """Frames of one segment and plane each, of bits or of 0 and 255; they may overlap.

    Args:
        rows: masks with pixels.
        numbers: segment of each.
        size: (D, H, W).
        bits: of a pixel, 1 or 8.
        empty: frames that there are also without a pixel; number 0 is any segment's.
    """
    masks, of = _joined(rows.masks, numbers, rows.plane.astype(np.int64))
    columns = (masks.boxes, masks.counts, masks.offsets)
    digest = hashlib.sha256(b"".join(column.tobytes() for column in columns)).digest()
    place = {one: i for i, one in enumerate(of)}
    listed = {*of, *(one for one in empty if one[0])}
    wanted = {0, size[0] - 1} | {plane for _, plane in empty}
    frames = sorted(listed | {(1, plane) for plane in wanted - {plane for _, plane in listed}})
    order = [place.get(one, -1) for one in frames]
    length = (len(frames) * size[1] * size[2] * bits + 7) // 8
    return Frames(frames, bits, length, digest, lambda: _bytes(masks, order, size[1:], bits))


def label_map(
    rows: Rows,
    numbers: NDArray[np.int64],
    size: tuple[int, ...],
    most: int,
    *,
    empty: Places = (),
) -> Frames:
    """Frames of one plane each, of numbers of segments; what is in front is seen.

    Args:
        rows: masks with pixels.
        numbers: segment of each.
        size: (D, H, W).
        most: the highest number.
        empty: frames that there are also without a pixel, of any segment.
    """
    volume = np.zeros(size, np.uint8 if most <= 255 else "<u2")
    order = front_order(rows)
    paint_planes(rows.masks[order], rows.plane[order], volume, numbers[order])
    planes = sorted({0, size[0] - 1, *rows.plane.tolist(), *(plane for _, plane in empty)})
    of = [(0, plane) for plane in planes]
    digest = hashlib.sha256(volume.data).digest()
    length = len(of) * volume[0].nbytes
    bits = 8 * volume.itemsize
    return Frames(of, bits, length, digest, lambda: (volume[plane].tobytes() for plane in planes))


def _joined(
    masks: Masks, numbers: NDArray[np.int64], planes: NDArray[np.int64]
) -> tuple[Masks, list[tuple[int, int]]]:
    """One mask per segment and plane, in that order."""
    order = np.lexsort((planes, numbers))
    masks, numbers, planes = masks[order], numbers[order], planes[order]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(numbers) != 0) | (np.diff(planes) != 0)
    firsts = np.flatnonzero(new)
    of = list(zip(numbers[firsts].tolist(), planes[firsts].tolist(), strict=True))
    if len(firsts) == len(order):
        return masks, of
    groups = np.split(np.arange(len(order)), firsts[1:])
    return Masks.concatenate([masks[own].merge() for own in groups]), of


def _bytes(masks: Masks, order: list[int], size: tuple[int, ...], bits: int) -> Iterator[bytes]:
    """Eight frames at a time, which are whole bytes."""
    for first in range(0, len(order), 8):
        part = order[first : first + 8]
        pixels = np.zeros((len(part), *size), np.uint8)
        for k, i in enumerate(part):
            if i >= 0:
                masks[i].paint(pixels[k], [1 if bits == 1 else 255])
        yield (
            np.packbits(pixels.ravel(), bitorder="little").tobytes()
            if bits == 1
            else (pixels.tobytes())
        )
