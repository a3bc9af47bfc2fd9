"""Masks of stitched objects in coordinates of the image, without an array of its size.

Each block gives the vertical spans of its core; those of one object are put in order and joined
where a seam cut them. Memory holds the spans, which is what the masks themselves are made of.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from maskloom.core.components import gather
from maskloom.core.id_maps import scan_ids
from maskloom.core.kernel import Ints, Segments, kernel, wide
from maskloom.core.mask_inputs import segments_to_columns
from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.inference.stitch.fragments import Fragments
from maskloom.inference.stitch.objects import Stitched


def assemble_masks(
    blocks: Iterable[Fragments], stitched: Stitched, size_hw: tuple[int, int]
) -> Masks:
    """Masks of all objects, row k-1 for id k, with what is hidden behind others.

    Where nothing is hidden they are equal to `Masks.from_id_map` of the whole.

    Args:
        blocks: every block of the image, in any order, read one at a time.
        stitched: what `join` made of them.
        size_hw: of the image.

    Raises:
        DataError: blocks are missing, or were not those that were stitched.
    """
    spans, owners = [np.zeros((0, 3), np.int32)], [np.zeros(0, np.int64)]
    count = len(stitched)
    twice = np.zeros(count + 1, np.bool_)
    for block in blocks:
        for ids, segments in (_block_spans(block, stitched), _hidden_spans(block, stitched)):
            spans.append(segments)
            owners.append(ids)
        twice[ids] = True
    gathered, bounds = gather(np.concatenate(spans), np.concatenate(owners) - 1, count)
    whole, bounds = _mend(gathered, bounds)
    masks = Masks(
        *segments_to_columns(whole, bounds, np.tile(np.array(size_hw, np.int64), (count, 1)))
    )
    # what is hidden behind another part of the same object is there twice
    wrong = np.flatnonzero(
        np.where(twice[1:], masks.areas > stitched.areas, masks.areas != stitched.areas)
    )
    if wrong.size:
        k = int(wrong[0])
        raise DataError(
            f"these blocks are not those that were stitched; {stitched.areas[k]} px expected",
            where=f"object {k + 1}",
            seen=int(masks.areas[k]),
        )
    return masks


def _block_spans(block: Fragments, stitched: Stitched) -> tuple[NDArray[np.int64], Segments]:
    """Ids and vertical spans of the objects in a core, in coordinates of the image."""
    y0, _, x0, _ = block.window
    top, bottom, left, right = block.core
    lookup = stitched.lookup(block.core)
    if len(lookup) != len(block.category) + 1:
        raise DataError("a block has other labels than when it was stitched", where=block.core)
    labels = block.labels[top - y0 : bottom - y0, left - x0 : right - x0]
    # compact, so that neighbouring labels of one object are one span
    used, place = np.unique(lookup, return_inverse=True)
    segments, owners = scan_ids(np.ascontiguousarray(place.astype(np.uint32)[labels]))
    ids = used[owners]
    kept = ids > 0
    segments = segments[kept]
    segments[:, 0] += left
    segments[:, 1:] += top
    return ids[kept], segments


def _hidden_spans(block: Fragments, stitched: Stitched) -> tuple[NDArray[np.int64], Segments]:
    """Ids and vertical spans of what lies behind other objects in a core."""
    ids = stitched.lookup(block.core)[block.hidden[:, 0]]
    kept = ids > 0
    return ids[kept], block.hidden[kept, 1:]


@kernel
def _mend(segments: Segments, bounds: Ints) -> tuple[Segments, Ints]:
    """Sort the spans of each object by column and row, and join those that meet."""
    out = np.empty_like(segments)
    new = np.zeros_like(bounds)
    k = 0
    for i in range(bounds.size - 1):
        part = segments[bounds[i] : bounds[i + 1]]
        first = k
        for j in _column_order(part):
            if k > first and out[k - 1, 0] == part[j, 0] and out[k - 1, 2] >= part[j, 1]:
                out[k - 1, 2] = max(out[k - 1, 2], part[j, 2])
            else:
                out[k] = part[j]
                k += 1
        new[i + 1] = k
    return out[:k].copy(), new


@kernel
def _column_order(part: Segments) -> Ints:
    """The order by column and row of the spans of one object."""
    keys = np.empty(part.shape[0], np.int64)
    ordered = True
    for j in range(part.shape[0]):
        keys[j] = wide(part[j, 0]) << 32 | wide(part[j, 1])
        ordered = ordered and (j == 0 or keys[j] > keys[j - 1])
    if ordered:
        return np.arange(part.shape[0])
    return np.argsort(keys)
