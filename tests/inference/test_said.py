"""What `predict` says of images that were cut: one by one, and of many in one line."""

from __future__ import annotations

from typing import Any

from maskloom.inference.said import said_of_cut
from maskloom.inference.tiling.field import Field
from maskloom.inference.tiling.plan import blend_plan, exact_plan


def facts(**changed: Any) -> dict[str, Any]:
    usual = {"mode": "blend", "tiles": 35, "blocks": 1, "tile": [128, 128],
             "computed_per_pixel": 3.32, "damaged_journal_lines": 0, "seam_pixels": 1000,
             "seam_disagreement": 0.004, "resumed": 0}  # fmt: skip
    return {**usual, **changed}


def test_windows_of_a_blend_are_counted() -> None:
    plan = blend_plan((360, 480), 16, tile=128, most_px=1 << 22)
    assert len(plan) == 1
    assert plan.windows == 5 * 7  # each half a window after the one before
    assert exact_plan((360, 480), Field(1), most_px=1 << 20, tile=128).windows == 0
    (said,) = said_of_cut({"a": facts()})
    assert said == (
        "a: 35 windows of 128 × 128 px, 3.32 px computed per px, "
        "windows disagree on 0.40% of what they share"
    )


def test_many_images_that_were_cut_are_one_line() -> None:
    tiled = {f"{n:02d}": facts() for n in range(11)}
    tiled["07"] = facts(seam_disagreement=0.048, damaged_journal_lines=1)
    assert len(said_of_cut({key: tiled[key] for key in list(tiled)[:10]})) == 10
    assert said_of_cut(tiled) == (
        "11 images were cut: 385 windows, 3.32 px computed per px (median), "
        "0.80% of px differ at seams (most: 4.80% of 07), 1 line of the journal damaged and "
        "done again",
    )


def test_what_a_call_before_had_done_is_told() -> None:
    (said,) = said_of_cut({"a": facts(blocks=63, resumed=5)})
    assert said.endswith(", 5 of 63 blocks were there already")
