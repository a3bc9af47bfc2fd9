from __future__ import annotations

import math

import numpy as np
import pytest

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.quality.frame import Frame
from maskloom.quality.outlines import outline_gap, tolerance
from maskloom.quality.pairing import Blind, pair_objects
from maskloom.quality.queue import circle_radius, severity
from maskloom.quality.regions_rows import row_regions

SIZE = (40, 60)
TAXONOMY = Taxonomy(
    (Category("coin", "Coin"), Category("dirt", "Dirt"), Category("other", "Other", void=True))
)
FRAME = Frame("a", SIZE, TAXONOMY, "main")
COIN, DIRT, VOID = 0, 1, 2


def block(x0, y0, x1, y1):
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def rows(*masks, category=None, **columns):
    batch = Masks.from_dense(np.array(masks)) if masks else Masks.empty(0, SIZE)
    given = [COIN] * len(masks) if category is None else category
    return Rows.make(batch, given, **columns)


def regions(truth, predicted, *, blind=None, confidence=None):
    pairing = pair_objects(truth, predicted, TAXONOMY, blind or Blind())
    return list(row_regions(pairing, FRAME, confidence))


def one(truth, predicted, **options):
    found = regions(truth, predicted, **options)
    assert len(found) == 1, found
    return found[0]


A, B = block(2, 2, 12, 12), block(30, 10, 50, 30)


def test_equal_objects_are_no_fault():
    assert regions(rows(A, B), rows(B, A)) == []
    assert regions(rows(), rows()) == []


def test_an_object_that_is_not_predicted_is_one_missing_region():
    found = one(rows(A, B), rows(B))
    assert (found.kind, found.category, found.other) == ("missing", "coin", None)
    assert (found.box, found.area, found.row) == ((2, 2, 12, 12), 100, 0)
    assert found.severity == severity(1.0, 1.0, circle_radius(100), 2.0)
    assert found.severity == pytest.approx(
        math.sqrt(100 / math.pi) / (math.sqrt(100 / math.pi) + 2), abs=1e-6
    )
    assert found.reason == "none predicted, 100 px, where main has Coin"


def test_a_prediction_without_an_object_is_one_extra_region_as_sure_as_its_score():
    found = one(rows(A), rows(A, B, score=[0.9, 0.97]))
    assert (found.kind, found.category, found.box, found.row) == (
        "extra",
        "coin",
        (30, 10, 50, 30),
        1,
    )
    assert found.severity == severity(0.97, 1.0, circle_radius(400), 2.0)
    assert found.reason == "predicted Coin (0.97), 400 px, where main has nothing"


@pytest.mark.parametrize("score", [7.5, math.inf])
def test_a_score_beyond_one_counts_as_certain(score):
    found = regions(rows(A), rows(B, score=[score]))
    assert [r.severity for r in found] == [
        severity(1.0, 1.0, circle_radius(100), 2.0),
        severity(1.0, 1.0, circle_radius(400), 2.0),
    ]


def test_another_class_is_one_region_of_both_classes():
    found = one(rows(A, B), rows(A, B, category=[COIN, DIRT], score=[1, 0.6]))
    assert (found.kind, found.category, found.other) == ("wrong-class", "coin", "dirt")
    assert found.severity == severity(0.6, 1.0, circle_radius(400), 2.0)
    assert found.reason == "predicted Dirt (0.60), 400 px, where main has Coin"


def test_a_dilated_object_is_one_boundary_region():
    found = one(rows(A, B), rows(A, block(27, 7, 53, 33)))
    assert (found.kind, found.category, found.row) == ("boundary", "coin", 1)
    assert (found.box, found.area) == ((27, 7, 53, 33), 26 * 26 - 400)
    # 76 contour pixels and 80 of the other 100 lie 3 px apart, the 20 at its corners farther
    corners = 2 * math.hypot(3, 1) + 2 * math.hypot(3, 2) + math.hypot(3, 3)
    offset = (156 * 3 + 4 * corners) / 176
    assert found.reason == "outline 3.1 px off over 100 % of the contour"
    assert found.severity == pytest.approx(offset / (offset + 2), abs=1e-5)


def test_an_outline_off_along_one_side_is_off_by_that_share():
    truth, longer = rows(block(10, 10, 30, 30)), rows(block(10, 10, 33, 30))
    gap = outline_gap(truth.masks, 0, longer.masks, 0, 2.0)
    assert tolerance(400, 2.0) == pytest.approx(0.1 * math.sqrt(400 / math.pi))
    # Off by more than 1.1 px are, of the 76 contour pixels of the truth, the 16 inner ones of its
    # right side (14 by 3 px, 2 by 2 px); of the other 82, its right side and the two beside it.
    assert gap.area == 60
    assert gap.share == pytest.approx((16 + 22) / (76 + 82))
    assert gap.offset == pytest.approx((14 * 3 + 2 * 2 + 20 * 3 + 2 * 2) / 38)


def test_a_pixel_of_outline_is_tolerated_of_large_objects_only():
    large, small = (rows(block(5, 5, 35, 35)), rows(block(5, 5, 36, 35))), (
        rows(block(5, 5, 10, 10)), rows(block(5, 5, 11, 10)),
    )  # fmt: skip
    assert outline_gap(large[0].masks, 0, large[1].masks, 0, 2.0) is None
    gap = outline_gap(small[0].masks, 0, small[1].masks, 0, 2.0)
    assert gap.offset == 1.0


def test_an_outline_along_the_border_of_the_image_is_no_fault():
    assert regions(rows(block(0, 0, 20, 20)), rows(block(0, 0, 20, 20))) == []
    assert one(rows(block(0, 0, 20, 20)), rows(block(0, 0, 20, 16))).box == (0, 0, 20, 20)


def test_a_badly_outlined_object_is_one_region_and_not_two():
    found = one(rows(block(10, 10, 20, 20)), rows(block(10, 10, 25, 30)))
    assert found.kind == "boundary"
    apart = regions(rows(block(10, 10, 20, 20)), rows(block(18, 10, 40, 20)))
    assert sorted(r.kind for r in apart) == ["extra", "missing"]


def test_a_surer_prediction_takes_the_object_and_the_other_is_extra():
    truth, twice = rows(B), rows(block(30, 10, 50, 29), B, score=[0.9, 0.5])
    found = [r for r in regions(truth, twice) if r.kind == "extra"]
    assert [r.row for r in found] == [1]
    assert found[0].reason == "predicted Coin (0.50), 400 px, where main has one larger Coin"


def test_objects_joined_into_one_are_told_so_at_half_the_weight():
    left, right = block(10, 10, 24, 20), block(24, 10, 34, 20)
    found = regions(rows(left, right), rows(left | right, score=[0.8]))
    assert sorted(r.kind for r in found) == ["boundary", "missing"]
    missing = next(r for r in found if r.kind == "missing")
    assert missing.reason == "predicted as a part of another (0.80), 100 px, where main has Coin"
    assert missing.severity == severity(0.8, 0.5, circle_radius(100), 2.0)


def test_an_extra_object_on_another_class_names_it():
    found = regions(rows(block(10, 10, 30, 30), category=[DIRT]), rows(block(12, 12, 16, 16)))
    extra = next(r for r in found if r.kind == "extra")
    assert extra.reason == "predicted Coin, 16 px, where main has Dirt"


def test_a_hint_makes_a_missing_object_less_certain():
    """A quarter of it is predicted at 0.8: the mean certainty that nothing is there is 0.8."""
    hint = block(30, 10, 40, 20)
    missing = next(
        r for r in regions(rows(B), rows(hint, category=[DIRT], score=[0.8])) if r.kind == "missing"
    )
    assert missing.severity == pytest.approx(
        severity((300 + 100 * 51 / 255) / 400, 1.0, circle_radius(400), 2.0), abs=1e-6
    )


def test_a_confidence_map_says_how_sure_the_absence_is():
    confidence = np.full(SIZE, 51, np.uint8)
    found = one(rows(A), rows(), confidence=confidence)
    assert found.severity == severity(0.2, 1.0, circle_radius(100), 2.0)
    assert found.reason == "none predicted (0.20), 100 px, where main has Coin"


def test_void_crowds_and_unlabelled_parts_swallow_predictions():
    assert regions(rows(B, category=[VOID]), rows(B)) == []
    assert regions(rows(B, crowd=[True]), rows(block(32, 12, 40, 20))) == []
    assert [r.kind for r in regions(rows(B, crowd=[True]), rows(B, category=[DIRT]))] == ["extra"]
    ignore = Masks.from_dense(block(30, 0, 60, 40))
    assert regions(rows(A), rows(A, B), blind=Blind(ignore=ignore)) == []
    assert regions(rows(), rows(B), blind=Blind(unlabelled=(COIN,))) == []
    assert one(rows(), rows(A), blind=Blind(ignore=ignore)).kind == "extra"


def test_a_prediction_on_void_by_less_than_half_counts():
    truth = rows(block(30, 10, 38, 30), category=[VOID])
    assert one(truth, rows(B)).kind == "extra"


def test_rows_that_are_not_masks_are_left_out():
    assert regions(rows(B, kind=[RowKind.BOX]), rows()) == []
    assert regions(rows(), rows(B, kind=[RowKind.POINT])) == []
    assert regions(rows(block(0, 0, 0, 0)), rows()) == []


def test_parts_of_one_object_are_one_and_named_by_their_first_row():
    parts = rows(A, B, block(14, 2, 20, 12), instance=[1, 2, 1])
    found = one(parts, rows(B))
    assert (found.kind, found.area, found.row, found.object) == ("missing", 160, 0, "1")
    whole = rows(A | block(14, 2, 20, 12), B)
    assert regions(parts, whole) == []


def test_rows_keep_their_places_beside_rows_that_are_left_out():
    truth = rows(B, A, B, category=[VOID, COIN, COIN], kind=[0, 0, RowKind.BOX])
    assert one(truth, rows()).row == 1


def test_the_file_s_own_id_names_the_object():
    truth = rows(A, source=[{"id": "n-7"}])
    assert one(truth, rows()).object == "n-7"


def test_each_object_is_in_one_region_at_most():
    rng = np.random.default_rng(3)
    for _ in range(30):
        sides = []
        for _ in range(2):
            corners = rng.integers(0, 30, (6, 2))
            masks = [block(x, y, x + 8, y + 8) for x, y in corners]
            sides.append(rows(*masks, category=rng.integers(0, 2, 6), score=rng.random(6)))
        found = regions(*sides)
        rows_of = {r.kind: [o.row for o in found if o.kind == r.kind] for r in found}
        missing, extra = rows_of.get("missing", []), rows_of.get("extra", [])
        paired = rows_of.get("wrong-class", []) + rows_of.get("boundary", [])
        assert len({*missing, *paired}) == len(missing) + len(paired)
        assert len({*extra}) == len(extra) == len(missing)
        assert all(0 <= r.severity <= 1 for r in found)
