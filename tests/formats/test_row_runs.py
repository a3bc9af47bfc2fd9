from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.core.masks import Masks
from maskloom.errors import MaskError
from maskloom.formats.shared import row_runs
from maskloom.formats.shared.row_runs import (
    counts_of_spans,
    mask_of_spans,
    spans_of_counts,
    spans_of_mask,
)


def counts_by_pixel(array):
    """Runs by walking the pixels of a row-major array, one after the other."""
    counts, value = [0], False
    for pixel in array.ravel().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


@pytest.mark.parametrize("slab", [1 << 24, 13])
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_masks_and_row_major_counts_are_the_same_both_ways(slab, height, width, seed, fill):
    array = np.random.default_rng(seed).random((height, width)) < fill
    mask = Masks.from_dense(array)
    counts = counts_by_pixel(array)
    before = row_runs._SLAB
    row_runs._SLAB = slab
    try:
        spans = spans_of_mask(mask, (0, 0, width, height))
        assert counts_of_spans(spans, array.size) == counts
        read = spans_of_counts(np.array(counts, np.int64), array.size)
        assert read.tolist() == spans.tolist()
        assert mask_of_spans(read, (height, width)) == mask
    finally:
        row_runs._SLAB = before


def test_the_order_is_that_of_rows():
    spans = spans_of_counts(np.array([1, 2, 3]), 6)
    assert mask_of_spans(spans, (2, 3)).dense(0).tolist() == [[0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("counts", "said"),
    [([1, 2], "do not sum to the 6"), ([5, 2], "sum"), ([-1, 7], "negative"), ([7], "too long")],
)
def test_runs_of_another_frame_are_refused(counts, said):
    with pytest.raises(MaskError, match=said):
        spans_of_counts(np.array(counts, np.int64), 6)


def test_a_frame_that_is_declared_large_asks_for_no_memory():
    some = np.array([[5, 7]], np.int64)
    assert mask_of_spans(some, (1 << 20, 1 << 12)).areas.tolist() == [2]
    for size in ((1 << 20, 1 << 20), (1, 1 << 25)):
        with pytest.raises(MaskError, match=r"2\*\*32"):
            mask_of_spans(some, size)
