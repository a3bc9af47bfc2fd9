"""Blocks partition the image, and their reads hold what they need."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.errors import ImageError, UsageError
from maskloom.inference.tiling.field import Field
from maskloom.inference.tiling.plan import Plan, area, blend_plan, exact_plan

SIZES = st.tuples(st.integers(1, 700), st.integers(1, 700))


@given(SIZES, st.sampled_from([1, 4, 32]), st.integers(0, 3), st.integers(0, 40))
def test_cores_partition_the_image(size, stride, reach, margin):
    field = Field(stride, (reach * stride,) * 2, (reach * stride,) * 2)
    plan = exact_plan(size, field, most_px=1 << 17, margin=margin)
    seen = np.zeros(size, np.uint8)
    for block in plan:
        y0, y1, x0, x1 = block.core
        seen[y0:y1, x0:x1] += 1
    assert (seen == 1).all()


@given(SIZES, st.sampled_from([1, 4, 32]), st.integers(0, 3), st.integers(0, 40))
def test_reads_are_aligned_hold_the_field_and_fit(size, stride, reach, margin):
    field = Field(stride, (reach * stride,) * 2, (reach * stride, 0))
    plan = exact_plan(size, field, most_px=1 << 17, margin=margin)
    padded = [-(-n // stride) * stride for n in size]
    for block in plan:
        y0, y1, x0, x1 = plan.read_box(block.window)
        assert all(n % stride == 0 for n in (y0, y1, x0, x1))
        assert y0 <= max(0, block.window[0] - field.before[0])
        assert x1 >= min(padded[1], block.window[3] + field.after[1])
        assert 0 <= y0 < y1 <= padded[0]
        assert 0 <= x0 < x1 <= padded[1]
        assert area((y0, y1, x0, x1)) <= 1 << 17


@given(SIZES, st.sampled_from([1, 8, 32]), st.sampled_from([64, 100, 256]))
def test_windows_of_a_blend_cover_every_block(size, stride, tile):
    plan = blend_plan(size, stride, tile=tile, most_px=1 << 16)
    for block in plan:
        seen = np.zeros(size, np.uint8)
        for y0, y1, x0, x1 in plan.tiles_of(block.window):
            assert y1 - y0 == x1 - x0 == plan.tile
            assert min(y1, block.window[1]) > max(y0, block.window[0])
            seen[y0:y1, x0:x1] = 1
        y0, y1, x0, x1 = block.window
        assert seen[y0:y1, x0:x1].all()


def test_the_windows_of_a_pixel_do_not_depend_on_its_block():
    """Else the same pixel would be averaged from other windows in another plan."""
    few = blend_plan((900, 900), 8, tile=128, most_px=1 << 16)
    many = blend_plan((900, 900), 8, tile=128, most_px=1 << 18)

    def of_pixel(plan: Plan) -> list[tuple[int, int, int, int]]:
        block = next(
            b for b in plan if b.core[0] <= 500 < b.core[1] and b.core[2] <= 333 < b.core[3]
        )
        return [t for t in plan.tiles_of(block.window) if t[0] <= 500 < t[1] and t[2] <= 333 < t[3]]

    assert of_pixel(few) == of_pixel(many)
    assert len(of_pixel(few)) == 4


def test_a_tile_larger_than_the_image_is_one_block():
    plan = exact_plan((100, 50), Field(32, (32, 32), (32, 32)), most_px=1 << 20, tile=4096)
    assert len(plan) == 1
    assert plan[0].core == (0, 100, 0, 50)
    assert plan.read_box(plan[0].window) == (0, 128, 0, 64)


def test_a_narrow_image_is_cut_along_its_length_only():
    plan = exact_plan((40, 100_000), Field(32, (64, 64), (64, 64)), most_px=1 << 20)
    assert plan.grid[0] == 1
    assert plan.overhead < 1.7  # of which 1.6 are the rows that padding to the stride adds


def test_blocks_are_of_one_size():
    plan = exact_plan((2000, 2000), Field(32, (32, 32), (32, 32)), most_px=1100**2)
    assert plan.grid == (2, 2)
    assert plan.core == (1024, 1024)  # 1000 up to the stride, not 1088 and a rest


def test_a_plan_outlives_its_process():
    plan = exact_plan((2000, 900), Field(32, (32, 64), (32, 0)), most_px=1 << 18, margin=5)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_the_overhead_is_what_is_computed_per_pixel():
    plan = exact_plan((256, 256), Field(32, (32, 32), (32, 32)), most_px=1 << 20, tile=128)
    # four blocks, each reads its 128 px and 32 px towards the inside
    assert plan.overhead == pytest.approx(4 * 160 * 160 / 256**2)


@pytest.mark.parametrize("tile", [-5, 1, 31])
def test_a_tile_below_the_stride_is_refused(tile):
    with pytest.raises(UsageError, match="at least as large as the model's stride"):
        exact_plan((100, 100), Field(32), most_px=1 << 20, tile=tile)


def test_memory_that_holds_no_block_is_refused_with_what_would_help():
    with pytest.raises(ImageError, match=r"does not hold one block") as caught:
        exact_plan((5000, 5000), Field(32, (288, 288), (256, 256)), most_px=500**2)
    assert "model.memory" in str(caught.value)


def test_countless_tiles_are_refused():
    with pytest.raises(UsageError, match="too many tiles"):
        exact_plan((1 << 20, 1 << 20), Field(1), most_px=1 << 20, tile=16)
