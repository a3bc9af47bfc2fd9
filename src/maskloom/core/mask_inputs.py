"""From arrays, id maps and COCO counts to the four columns of `Masks`.

Checks what people hand over and names the row that is wrong; kernels do the work. Polygons are
`mask_polygons`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core import coco_rle, dense
from maskloom.core.components import gather
from maskloom.core.id_maps import scan_ids
from maskloom.core.kernel import Ints, Segments
from maskloom.core.runs import segments_to_runs
from maskloom.errors import MaskError

Columns = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint32], NDArray[np.int64]]
"""sizes, boxes, counts, offsets."""

TOO_LARGE = "the tight box of a mask holds 2**32 pixels or more"


def checked_size(size_hw: ArrayLike, where: str = "size") -> NDArray[np.int64]:
    """A frame [H, W] as int64; both from 0 to 2**31 - 1."""
    try:
        size = np.asarray(size_hw)
    except ValueError:
        size = np.empty(0)
    if size.shape != (2,) or size.dtype.kind not in "iu":
        raise MaskError("a frame size is two whole numbers [H, W]", where=where, seen=size_hw)
    if size.min() < 0 or size.max() > np.iinfo(np.int32).max:
        raise MaskError("a frame side lies outside 0 .. 2**31 - 1", where=where, seen=size_hw)
    return size.astype(np.int64)


def segments_to_columns(segments: Segments, offsets: Ints, sizes: Ints) -> Columns:
    """Canonical columns of sorted, maximal segments."""
    boxes, counts, run_offsets, bad = segments_to_runs(segments, offsets)
    if bad >= 0:
        raise MaskError(TOO_LARGE, where=f"row {bad}", hint="tile the frame")
    return sizes, boxes, counts, run_offsets


def dense_to_columns(array: ArrayLike) -> Columns:
    """Columns of one frame (H, W) or a stack (N, H, W) of bools or whole numbers."""
    stack = np.asarray(array)
    if stack.ndim not in (2, 3):
        raise MaskError("a mask array is (H, W) or (N, H, W)", seen=f"shape {stack.shape}")
    if stack.dtype.kind not in "biu":
        raise MaskError(
            "a mask array holds bools or whole numbers",
            seen=f"dtype {stack.dtype}",
            hint="compare it with a threshold first",
        )
    if stack.ndim == 2:
        stack = stack[None]
    size = checked_size(stack.shape[1:], where="shape")
    if stack.dtype.itemsize > 1:
        stack = stack != 0
    pixels = stack.view(np.uint8)
    turned = pixels.transpose(0, 2, 1)
    if turned.flags.c_contiguous and not pixels.flags.c_contiguous:
        boxes, counts, offsets, bad = dense.encode_columns(turned)
    else:
        boxes, counts, offsets, bad = dense.encode_rows(np.ascontiguousarray(pixels))
    if bad >= 0:
        raise MaskError(TOO_LARGE, where=f"row {bad}", hint="tile the frame")
    return np.tile(size, (len(stack), 1)), boxes, counts, offsets


def id_map_to_columns(ids: ArrayLike, background: int | None) -> tuple[Columns, Ints]:
    """Columns of every id in a map (H, W), and the ids, ascending."""
    pixels = np.asarray(ids)
    if pixels.ndim != 2 or pixels.dtype.kind not in "biu":
        raise MaskError(
            "an id map is (H, W) of whole numbers", seen=f"{pixels.dtype} {pixels.shape}"
        )
    size = checked_size(pixels.shape, where="shape")
    if pixels.size == 0:
        none = np.zeros((0, 3), np.int32), np.zeros(1, np.int64)
        return segments_to_columns(*none, np.zeros((0, 2), np.int64)), np.zeros(0, np.int64)
    dtype = np.dtype(np.uint8) if pixels.dtype.kind == "b" else pixels.dtype.newbyteorder("=")
    pixels = np.ascontiguousarray(pixels, dtype=dtype)
    segments, owners = scan_ids(pixels.view(f"u{dtype.itemsize}"))
    owners = owners.view(dtype)
    if dtype == np.uint64 and owners.max() > np.iinfo(np.int64).max:
        raise MaskError("an id does not fit in int64", seen=owners.max())
    found, labels = _unique(owners.astype(np.int64))
    if background is not None and background in found:
        gone = int(np.searchsorted(found, background))
        found = np.delete(found, gone)
        labels = np.where(labels == gone, -1, labels - (labels > gone))
    gathered = gather(segments, labels, len(found))
    return segments_to_columns(*gathered, np.tile(size, (len(found), 1))), found


def _unique(values: Ints) -> tuple[Ints, Ints]:
    """np.unique with inverse; by table where the range is small."""
    low, high = int(values.min()), int(values.max())
    if high - low > 4 * len(values) + 65536:
        found, labels = np.unique(values, return_inverse=True)
        return found, labels.astype(np.int64)
    present = np.zeros(high - low + 1, np.int64)
    present[values - low] = 1
    return np.flatnonzero(present) + low, (np.cumsum(present) - 1)[values - low]


def coco_to_columns(items: Sequence[Mapping[str, Any]]) -> Columns:
    """Columns of COCO segmentations {"size": [H, W], "counts": str | bytes | list}."""
    frames: list[Any] = []
    runs: list[Ints] = []
    texts: list[bytes] = []
    foreign: Sequence[Any] = items
    for i, item in enumerate(foreign):
        if not isinstance(item, Mapping) or "size" not in item or "counts" not in item:
            raise MaskError('not a segmentation with "size" and "counts"', where=f"row {i}")
        size, counts = item["size"], item["counts"]
        frames.append(size)
        if isinstance(counts, str):
            if not counts.isascii():
                raise MaskError(coco_rle.FAULTS[2], where=f"row {i}, counts", seen=counts)
            texts.append(counts.encode())
        elif isinstance(counts, bytes):
            texts.append(counts)
        else:
            runs.append(_listed_runs(counts, i))
            texts.append(b"")
    sizes = _checked_sizes(frames)
    text = np.frombuffer(b"".join(texts), np.uint8)
    parsed, offsets, bad, fault = coco_rle.parse(text, offsets_of([len(t) for t in texts]))
    if bad >= 0:
        seen = texts[bad].decode("ascii", "replace")
        raise MaskError(coco_rle.FAULTS[fault], where=f"row {bad}, counts", seen=seen)
    if runs:
        parsed, offsets = _interleave(items, parsed, offsets, runs)
    boxes, counts, run_offsets, bad, fault = coco_rle.frame_to_crop(parsed, offsets, sizes)
    if bad >= 0:
        height, width = (int(v) for v in sizes[bad])
        total = sum(parsed[offsets[bad] : offsets[bad + 1]].tolist())
        raise MaskError(
            f"{coco_rle.FAULTS[fault]}: {total} for {height} x {width} = {height * width}",
            where=f"row {bad}, counts",
            seen=parsed[offsets[bad] : offsets[bad + 1]][:12].tolist(),
        )
    return sizes, boxes, counts, run_offsets


def _checked_sizes(frames: Sequence[Any]) -> NDArray[np.int64]:
    """(N, 2) frames, all checked at once; one by one only to name the row that is wrong."""
    try:
        sizes = np.array(frames or np.zeros((0, 2), np.int64))
    except (ValueError, OverflowError):
        sizes = np.empty(0)
    good = sizes.shape == (len(frames), 2) and sizes.dtype.kind in "iu"
    if good and ((sizes >= 0) & (sizes <= np.iinfo(np.int32).max)).all():
        return sizes.astype(np.int64)
    return np.array([checked_size(s, where=f"row {i}, size") for i, s in enumerate(frames)])


def _listed_runs(counts: object, row: int) -> Ints:
    """An uncompressed list of runs as int64."""
    try:
        runs = np.asarray(counts)
    except (ValueError, TypeError, OverflowError):
        runs = np.empty((0, 0))
    if runs.ndim != 1 or (runs.size and runs.dtype.kind not in "iu"):
        raise MaskError(
            "counts are a string or a list of whole numbers", where=f"row {row}", seen=counts
        )
    if runs.dtype == np.uint64 and runs.size and runs.max() > np.iinfo(np.int64).max:
        raise MaskError(coco_rle.FAULTS[3], where=f"row {row}, counts", seen=runs.max())
    return runs.astype(np.int64)


def _interleave(
    items: Sequence[Mapping[str, Any]], parsed: Ints, offsets: Ints, runs: list[Ints]
) -> tuple[Ints, Ints]:
    """Put listed runs back among those parsed from strings, in row order."""
    listed = iter(runs)
    parts = [
        parsed[offsets[i] : offsets[i + 1]]
        if isinstance(item["counts"], str | bytes)
        else next(listed)
        for i, item in enumerate(items)
    ]
    return np.concatenate(parts), offsets_of([len(part) for part in parts])


def offsets_of(lengths: Sequence[int]) -> Ints:
    """Bounds (N+1,) of parts of these lengths that lie end to end."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.array(lengths, np.int64), out=offsets[1:])
    return offsets
