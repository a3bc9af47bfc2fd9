"""Polygon rules: pycocotools to the bit, pixel centres by hand and by definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskloom.core.masks import Masks
from maskloom.errors import MaskError

SQUARE = [(0, 0), (9, 0), (9, 9), (0, 9)]


def polygon(rng: np.random.Generator, kind: int, h: int, w: int) -> NDArray[np.float64]:
    """Inside, crossing the frame, outside, whole numbers, fifths, spikes, repeated, huge."""
    n = int(rng.integers(3, 12))
    points = rng.uniform(0, 1, (n, 2)) * (w, h)
    if kind == 1:
        points = rng.uniform(-1.5, 2.5, (n, 2)) * (w, h)
    elif kind == 2:
        points += (w * rng.choice([-2, 0, 2]), h * rng.choice([-2, 2]))
    elif kind == 3:
        points = np.round(points)
    elif kind == 4:
        points = np.round(points * 10) / 10
    elif kind == 5:
        points[1::2] = points[0] + rng.uniform(-0.3, 0.3, points[1::2].shape)
    elif kind == 6:
        points = np.repeat(points, 2, axis=0)
    elif kind == 7:
        points = rng.uniform(-5000, 5000, (n, 2))
    return points


@pytest.mark.parametrize("kind", range(8))
def test_coco_rule_equals_pycocotools_to_the_bit(kind: int) -> None:
    rng = np.random.default_rng(kind)
    for _ in range(300):
        h, w = (int(v) for v in rng.integers(1, 70, 2))
        rings = [polygon(rng, kind, h, w) for _ in range(rng.integers(1, 3))]
        peer = coco_mask.merge(coco_mask.frPyObjects([r.ravel().tolist() for r in rings], h, w))
        mine = Masks.from_polygons([rings], (h, w)).validate()
        assert mine.to_coco(0)["counts"].encode() == peer["counts"]


def test_a_square_of_side_9_has_81_pixels_under_every_rule() -> None:
    for rule in ("coco", "edge", "centre", "grid"):
        assert Masks.from_polygons([[SQUARE]], (12, 12), rule=rule).areas.tolist() == [81]


def test_rings_of_one_object_unite_under_coco_and_cancel_by_parity_otherwise() -> None:
    inner = [(3, 3), (6, 3), (6, 6), (3, 6)]
    areas = [
        int(Masks.from_polygons([[SQUARE, inner]], (12, 12), rule=rule).areas[0])
        for rule in ("coco", "edge", "centre", "grid")
    ]
    assert areas == [81, 72, 72, 72]


def test_ties_at_pixel_centres_go_to_the_left_and_upper_side() -> None:
    ring = [(0.5, 0.5), (2.5, 0.5), (2.5, 2.5), (0.5, 2.5)]
    for rule in ("centre", "grid"):
        assert Masks.from_polygons([[ring]], (4, 4), rule=rule).boxes.tolist() == [[0, 0, 2, 2]]


@pytest.mark.parametrize("rule", ["centre", "grid"])
def test_neighbours_share_no_pixel_and_leave_none(rule: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        centre = np.round(rng.uniform(5, 25, 2) * 64) / 64
        corners = [(0, 0), (30, 0), (30, 30), (0, 30)]
        fans = [[[corners[k], corners[(k + 1) % 4], centre]] for k in range(4)]
        masks = Masks.from_polygons(fans, (30, 30), rule=rule)
        assert masks.areas.sum() == 900
        assert masks.merge().areas.tolist() == [900]


def test_centre_and_grid_agree_on_the_grid_and_with_the_definition() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        ring = np.round(rng.uniform(-10, 40, (int(rng.integers(3, 9)), 2)) * 64) / 64
        centre = Masks.from_polygons([[ring]], (30, 31), rule="centre")
        grid = Masks.from_polygons([[ring]], (30, 31), rule="grid")
        assert np.array_equal(grid.dense(0), by_definition(ring, 30, 31))
        assert (grid.dense(0) != centre.dense(0)).sum() <= 1


def by_definition(ring: NDArray[np.float64], h: int, w: int) -> NDArray[np.bool_]:
    """Parity of the edges strictly above or at each pixel centre, in whole numbers."""
    whole = [(int(x), int(y)) for x, y in (ring * 64).tolist()]
    inside = np.zeros((h, w), np.bool_)
    for start, end in zip(whole, whole[1:] + whole[:1], strict=True):
        (xa, ya), (xb, yb) = sorted([start, end])
        for c in range(w):
            x = 64 * c + 32
            if xa <= x < xb:
                for r in range(h):
                    edge = ya * (xb - xa) + (yb - ya) * (x - xa)
                    inside[r, c] ^= (64 * r + 32) * (xb - xa) >= edge
    return inside


@pytest.mark.parametrize(
    ("ring", "message"),
    [
        ([(0, 0), (1, float("nan")), (2, 2)], "not finite"),
        ([(0, 0), (float("inf"), 1), (2, 2)], "not finite"),
        ([(0, 0), (1e9, 1), (2, 2)], r"2\*\*24"),
        ([1, 2, 3, 4], "fewer than 3"),
        ([], "fewer than 3|flat list"),
        ([1, 2, 3, 4, 5], "flat list"),
        (["a", "b"], "list of numbers"),
    ],
)
def test_a_polygon_that_makes_no_mask_is_refused_by_row(ring: list[object], message: str) -> None:
    with pytest.raises(MaskError, match=f"row 1: .*({message})"):
        Masks.from_polygons([[SQUARE], [ring]], (12, 12))


def test_edge_rule_refuses_what_is_no_pixel_edge() -> None:
    for ring in ([(0, 0), (5, 0), (5, 5)], [(0, 0), (2.5, 0), (2.5, 2), (0, 2)]):
        with pytest.raises(MaskError, match="whole corners"):
            Masks.from_polygons([[ring]], (9, 9), rule="edge")
    with pytest.raises(MaskError, match="unknown polygon rule"):
        Masks.from_polygons([[SQUARE]], (9, 9), rule="paint")


def test_many_crossings_in_one_column_are_sorted_too() -> None:
    rows = np.arange(200)
    ring = np.column_stack([np.where(rows % 2, 1.0, 0.0), rows])
    masks = Masks.from_polygons([[ring]], (200, 3), rule="centre").validate()
    assert np.array_equal(masks.dense(0), by_definition(ring, 200, 3))
