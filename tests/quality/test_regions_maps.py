from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.core.labels import BACKGROUND, VOID
from maskloom.core.taxonomy import Taxonomy
from maskloom.quality.bands import find_dispute
from maskloom.quality.frame import Frame
from maskloom.quality.queue import circle_radius, severity
from maskloom.quality.regions_maps import map_regions

SIZE = (60, 80)
TAXONOMY = Taxonomy.from_names(["Road", "Car", "Tree"])
ROAD, CAR, TREE = 0, 1, 2
FRAME = Frame("a", SIZE, TAXONOMY, "main")
SCALE = 2.0


def ground(value=ROAD):
    return np.full(SIZE, value, np.uint8)


def painted(*blocks, on=ROAD):
    """(value, x0, y0, x1, y1), ... painted in turn."""
    out = ground(on)
    for value, x0, y0, x1, y1 in blocks:
        out[y0:y1, x0:x1] = value
    return out


def regions(truth, predicted, confidence=None, scale=SCALE):
    dispute = find_dispute(truth, predicted, len(TAXONOMY), scale)
    return list(map_regions(dispute, confidence, FRAME))


def one(truth, predicted, confidence=None):
    found = regions(truth, predicted, confidence)
    assert len(found) == 1, found
    return found[0]


CARS = painted((CAR, 10, 10, 30, 22), (CAR, 50, 30, 70, 40))


def test_equal_maps_are_no_fault():
    assert regions(CARS, CARS) == []
    assert regions(ground(VOID), CARS) == []


def test_a_car_that_is_not_labelled_is_one_region_of_another_class():
    found = one(painted((CAR, 10, 10, 30, 22)), CARS)
    assert (found.kind, found.category, found.other) == ("wrong-class", "road", "car")
    assert (found.box, found.area, found.row) == ((50, 30, 70, 40), 200, None)
    assert found.severity == severity(1.0, 1.0, circle_radius(200), 2.0)
    assert found.reason == "predicted Car, 200 px, where main has Road"


def test_over_background_it_is_extra_and_in_turn_missing():
    labelled = painted((CAR, 10, 10, 30, 22), on=BACKGROUND)
    both = painted((CAR, 10, 10, 30, 22), (CAR, 50, 30, 70, 40), on=BACKGROUND)
    found = one(labelled, both)
    assert (found.kind, found.category, found.other) == ("extra", "car", None)
    assert found.reason == "predicted Car, 200 px, where main has nothing"
    found = one(both, labelled)
    assert (found.kind, found.category, found.other) == ("missing", "car", None)
    assert found.reason == "none predicted, 200 px, where main has Car"


def test_certainty_is_the_mean_confidence_of_the_region():
    confidence = np.full(SIZE, 255, np.uint8)
    confidence[30:35, 50:70], confidence[35:40, 50:70] = 51, 153
    found = one(painted((CAR, 10, 10, 30, 22)), CARS, confidence)
    assert found.severity == severity(0.4, 1.0, circle_radius(200), 2.0)
    assert found.reason == "predicted Car (0.40), 200 px, where main has Road"


@pytest.mark.parametrize("predicted", [VOID, BACKGROUND])
def test_void_in_the_truth_never_counts_and_predicted_void_is_nothing(predicted):
    truth = painted((VOID, 10, 10, 40, 40), on=BACKGROUND)
    assert regions(truth, painted((CAR, 10, 10, 40, 40), on=BACKGROUND)) == []
    assert regions(ground(BACKGROUND), ground(predicted)) == []
    assert (
        one(CARS, np.where(painted((CAR, 50, 30, 70, 40)) == CAR, predicted, CARS)).kind
        == "missing"
    )


def test_an_outline_that_moved_is_one_boundary_with_its_offset_and_share():
    """A car grown by 2 px to the right. At the band's ends the outline moved by 1 px only, so of
    its 24 pixels 22 count and of the car's 64 pixel edges those 10 beside them."""
    found = one(CARS[:, :45], painted((CAR, 10, 10, 32, 22))[:, :45])
    assert (found.kind, found.category, found.other) == ("boundary", "car", "road")
    assert (found.box, found.area) == ((30, 10, 32, 22), 22)
    assert found.reason == "outline 2.0 px off over 16 % of the contour, Car against Road"
    assert found.severity == severity(1.0, 10 / 64, 2.0, 2.0)


def test_an_outline_off_by_one_pixel_is_left_alone():
    assert regions(CARS, painted((CAR, 9, 9, 31, 23), (CAR, 50, 30, 70, 40))) == []


def test_a_dilated_region_is_one_boundary():
    found = one(CARS, painted((CAR, 8, 8, 32, 24), (CAR, 50, 30, 70, 40)))
    assert (found.kind, found.box, found.area) == ("boundary", (8, 8, 32, 24), 24 * 16 - 20 * 12)
    # the car has 64 of the 124 pixel edges of all cars
    assert found.severity == pytest.approx(severity(1.0, 64 / 124, 2.0, 2.0), abs=0.01)


def test_an_outline_that_moved_far_leaves_a_solid_region():
    found = one(CARS, painted((CAR, 10, 10, 30, 22), (CAR, 50, 30, 76, 40)))
    assert (found.kind, found.box, found.area) == ("wrong-class", (70, 30, 76, 40), 60)


def test_half_a_car_is_one_solid_region_with_its_rim():
    """Its corners lie near the outline on both sides and would alone be bands."""
    found = one(CARS, painted((CAR, 10, 10, 20, 22), (CAR, 50, 30, 70, 40)))
    assert (found.kind, found.box, found.area) == ("wrong-class", (20, 10, 30, 22), 120)


def test_a_car_predicted_over_two_classes_is_one_region_that_names_both():
    truth = painted((TREE, 0, 0, 80, 25))
    predicted = painted((TREE, 0, 0, 80, 25), (CAR, 20, 10, 40, 35))
    found = one(truth, predicted)
    assert (found.kind, found.category, found.other) == ("wrong-class", "tree", "car")
    assert (found.box, found.area) == ((20, 10, 40, 35), 500)
    assert found.reason == "predicted Car, 500 px, where main has Tree, Road"


def test_a_car_labelled_where_two_classes_are_predicted_is_one_region_too():
    truth = painted((TREE, 0, 0, 80, 25), (CAR, 20, 10, 40, 35))
    found = one(truth, painted((TREE, 0, 0, 80, 25)))
    assert (found.kind, found.category, found.other) == ("wrong-class", "car", "tree")
    assert found.reason == "predicted Tree, Road, 500 px, where main has Car"


@pytest.mark.parametrize("width", [1, 2])
def test_a_thin_object_that_is_not_predicted_is_no_band(width):
    """A pole has road on both sides, but no pole is predicted anywhere near."""
    found = one(painted((CAR, 40, 5, 40 + width, 55)), ground())
    assert (found.kind, found.category, found.area) == ("wrong-class", "car", 50 * width)


def test_a_thin_object_that_moved_by_its_width_is_a_matter_of_outlines():
    found = regions(painted((CAR, 40, 5, 42, 55)), painted((CAR, 42, 5, 44, 55)))
    assert {r.kind for r in found} == {"boundary"}


def test_regions_that_touch_by_a_corner_are_one_and_others_two():
    together = painted((TREE, 10, 10, 20, 20), (TREE, 20, 20, 30, 30))
    assert one(ground(), together).area == 200
    apart = painted((TREE, 10, 10, 20, 20), (TREE, 25, 20, 35, 30))
    assert [r.area for r in regions(ground(), apart)] == [100, 100]


def test_regions_of_two_pairs_of_classes_are_two():
    truth = painted((CAR, 10, 10, 30, 30))
    predicted = painted((TREE, 10, 10, 50, 30))
    found = sorted((r.category, r.other, r.area) for r in regions(truth, predicted))
    assert found == [("car", "tree", 400), ("road", "tree", 400)]


def test_a_band_next_to_void_has_a_share_of_its_class_s_outline():
    truth = painted((CAR, 20, 20, 40, 40))
    truth[20:40, 40] = VOID
    predicted = painted((CAR, 20, 20, 38, 40))
    found = one(truth, predicted)
    # the pixel of void counts as part of the way: most of the outline moved by 3 px
    assert (found.kind, found.category, found.area) == ("boundary", "car", 38)
    assert found.severity == pytest.approx(severity(1.0, 22 / 80, 2.8, 2.0), abs=0.005)


@given(st.integers(0, 2**32 - 1))
def test_every_disputed_pixel_is_in_one_solid_region_or_at_an_outline(seed):
    rng = np.random.default_rng(seed)
    maps = []
    for _ in range(2):
        coarse = rng.choice([ROAD, CAR, TREE, BACKGROUND, VOID], (8, 10))
        maps.append(np.kron(coarse, np.ones((5, 5))).astype(np.uint8))
    dispute = find_dispute(*maps, len(TAXONOMY), SCALE)
    void = maps[0] == VOID
    differ = np.where(maps[1] == VOID, BACKGROUND, maps[1]) != maps[0]
    assert len(dispute.yx) == int((differ & ~void).sum())
    assert dispute.counted == int((~void).sum())
    assert np.isfinite(dispute.moved[~dispute.solid]).all()
    confidence = rng.integers(0, 256, maps[0].shape, dtype=np.uint8)
    found = list(map_regions(dispute, confidence, FRAME))
    assert sum(r.area for r in found if r.kind != "boundary") == int(dispute.solid.sum())
    assert all(0 <= r.severity <= 1 for r in found)
    for r in found:
        x0, y0, x1, y1 = r.box
        assert 0 <= x0 < x1 <= 50
        assert 0 <= y0 < y1 <= 40
        assert r.area <= (x1 - x0) * (y1 - y0)


@given(st.integers(0, 2**32 - 1))
def test_how_far_an_outline_moved_agrees_with_distances_to_every_pixel(seed):
    """Against the plain definition: nearest pixel of either class by brute force."""
    rng = np.random.default_rng(seed)
    truth, predicted = (rng.integers(0, 2, (9, 11)).astype(np.uint8) for _ in range(2))
    truth[rng.random((9, 11)) < 0.1] = VOID
    dispute = find_dispute(truth, predicted, len(TAXONOMY), 3.0)
    for (y, x), a, b, moved in zip(
        dispute.yx, dispute.truth, dispute.predicted, dispute.moved, strict=True
    ):
        near = []
        for codes, wanted in ((truth, b), (predicted, a)):
            there = np.argwhere(codes == wanted)
            near.append(np.hypot(*(there - (y, x)).T).min(initial=np.inf))
        # distances are looked for up to one and a half times the scale
        assert moved == (pytest.approx(sum(near) - 1) if max(near) <= 4.5 else np.inf)
