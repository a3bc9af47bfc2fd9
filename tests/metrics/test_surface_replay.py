"""Cases of the references' own tests: their masks, their numbers, to the digits that they check.

Source: google-deepmind/surface-distance `surface_distance_test.py` at 1f805ce; Project-MONAI/MONAI
`tests/metrics/test_hausdorff_distance.py`, `test_surface_distance.py`, `test_surface_dice.py` at
d388d1c (the Euclidean ones: there is no other distance here); Project-MONAI/MetricsReloaded
`test/test_metrics/test_pairwise_measures.py` at cb38dfc.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from maskloom.metrics.surface.pair import grid, packed, sides
from maskloom.metrics.surface.rules import SURFACE_RULES
from maskloom.metrics.surface.scores import surface_scores

INF = math.inf


def boxes(shape, *filled):
    one = np.zeros(shape, bool)
    for box in filled:
        one[tuple(slice(a, b) for a, b in box)] = True
    return one


def pixel(shape, *at):
    return boxes(shape, [(i, i + 1) for i in at])


IMAGE, CUBE = (128, 128), (128, 128, 128)
DEEPMIND = {
    "2 pixels 2 mm away, 2-D": (
        pixel(IMAGE, 50, 70), pixel(IMAGE, 50, 72), (2, 1), (1.5, 1.5), 2.0, 2.0, 0.5),
    "empty prediction, 2-D": (
        pixel(IMAGE, 50, 60), boxes(IMAGE), (3, 2), (INF, None), INF, INF, 0.0),
    "empty truth, 2-D": (
        boxes(IMAGE), pixel(IMAGE, 50, 60), (3, 2), (None, INF), INF, INF, 0.0),
    "both empty, 2-D": (boxes(IMAGE), boxes(IMAGE), (3, 2), (None, None), INF, INF, None),
    "2 pixels 2 mm away, 3-D": (
        pixel(CUBE, 50, 60, 70), pixel(CUBE, 50, 60, 72), (3, 2, 1), (1.5, 1.5), 2.0, 2.0, 0.5),
    "two cubes shifted by one pixel": (
        boxes((100,) * 3, [(0, 50), (0, 100), (0, 100)]),
        boxes((100,) * 3, [(0, 51), (0, 100), (0, 100)]),
        (2, 1, 1), (0.322, 0.339), 2.0, 2.0, 0.836),
    "empty prediction, 3-D": (
        pixel(CUBE, 50, 60, 70), boxes(CUBE), (3, 2, 1), (INF, None), INF, INF, 0.0),
    "empty truth, 3-D": (
        boxes(CUBE), pixel(CUBE, 50, 60, 72), (3, 2, 1), (None, INF), INF, INF, 0.0),
    "both empty, 3-D": (boxes(CUBE), boxes(CUBE), (3, 2, 1), (None, None), INF, INF, None),
}  # fmt: skip


@pytest.mark.parametrize("name", DEEPMIND)
def test_surface_distance_cases(name):
    truth, predicted, spacing, asd, hd, hd95, nsd = DEEPMIND[name]
    mine = surface_scores(truth, predicted, spacing=spacing, rules=SURFACE_RULES["deepmind"])
    assert (mine.hd, mine.hd_percentile) == (hd, hd95)
    for value, wanted in zip(
        (mine.asd_truth, mine.asd_predicted, mine.nsd), (*asd, nsd), strict=True
    ):
        assert value == wanted or round(abs(value - wanted), 3) == 0


def test_surface_distance_two_squares():
    """Its lists of distances and lengths, clockwise from the top left."""
    truth, predicted = boxes((6, 6), [(1, 3), (1, 3)]), boxes((6, 6), [(1, 4), (1, 3)])
    down, across = 2, 1
    slant = 0.5 * math.hypot(across, down)
    lengths = [slant, across, slant, down, slant, across, slant, down]
    more = [slant, across, slant, down, down, slant, across, slant, down, down]
    wanted = [
        sorted(zip([0] * 5 + [across] + [0] * 2, lengths, strict=True)),
        sorted(zip([0] * 5 + [down] * 3 + [0] * 2, more, strict=True)),
    ]
    with grid(truth.shape, (down, across), 1) as at:
        words = [packed(one, at, 0, others=True) for one in (truth, predicted)]
        found = sides(*words, at, SURFACE_RULES["deepmind"])
    for side, pairs in zip(found, wanted, strict=True):
        mine = sorted(zip(side.distances.tolist(), side.areas[side.kinds].tolist(), strict=True))
        assert mine == pairs


def sphere(radius=20.0, centre=(49, 49, 49), spacing=(1.0, 1.0, 1.0)):
    at = np.ogrid[:99, :99, :99]
    square = [(a * s - c) ** 2 for a, s, c in zip(at, spacing, centre, strict=True)]
    return square[0] + square[1] + square[2] <= radius * radius


NONE = np.zeros((99, 99, 99), bool)
SPACED = (0.85, 1.2, 0.9)
HAUSDORFF = [
    (sphere(), sphere(), None, None, (0, 0)),
    (sphere(20, (20, 20, 20)), sphere(20, (19, 19, 19)), None, None, (1.7320508075688772,) * 2),
    (sphere(33, (19, 33, 22)), sphere(33, (20, 33, 22)), None, None, (1, 1)),
    (sphere(20, (20, 33, 22)), sphere(40, (20, 33, 22)), None, None,
     (20.09975124224178, 20.223748416156685)),
    (NONE, sphere(40, (20, 33, 22)), None, None, (INF, INF)),
    (sphere(), NONE, None, None, (INF, INF)),
    (sphere(20, (20, 33, 22)), sphere(40, (20, 33, 22)), None, 95,
     (19.924858845171276, 20.09975124224178)),
    (sphere(20, (20, 20, 20), SPACED), sphere(20, (19, 19, 19), SPACED), SPACED, None,
     (2.0808651447296143, 2.2671568)),
    (sphere(15, (20, 33, 22), SPACED), sphere(30, (20, 33, 22), SPACED), SPACED, None,
     (15.439640998840332, 15.62594)),
]  # fmt: skip


def directed(predicted, truth, spacing, percentile):
    """From the prediction to the truth, as MONAI's `directed` has it."""
    with grid(truth.shape, spacing, 1) as at:
        words = [packed(one, at, 0, others=True) for one in (truth, predicted)]
        back = sides(*words, at, SURFACE_RULES["monai"])[1].distances
    if not truth.any() or not predicted.any():
        return INF
    return back.max() if percentile is None else np.percentile(back, percentile)


@pytest.mark.parametrize("case", range(len(HAUSDORFF)))
def test_monai_hausdorff_distance(case):
    predicted, truth, spacing, percentile, wanted = HAUSDORFF[case]
    mine = surface_scores(truth, predicted, spacing=spacing, rules=SURFACE_RULES["monai"])
    both = mine.hd if percentile is None else mine.hd_percentile
    found = directed(predicted, truth, spacing, percentile), both
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


AVERAGE = [
    (sphere(), sphere(), None, (0, 0)),
    (sphere(33, (19, 33, 22)), sphere(33, (20, 33, 22)), None, (0.350217, 0.3483278807706289)),
    (sphere(20, (20, 33, 22)), sphere(40, (20, 33, 22)), None, (15.117741, 12.040033513150455)),
    (NONE, sphere(40, (20, 33, 22)), None, (INF, INF)),
    (sphere(33, (42, 45, 52), SPACED), sphere(33, (43, 45, 52), SPACED), SPACED, (0.4951, 0.4951)),
]


@pytest.mark.parametrize("case", range(len(AVERAGE)))
def test_monai_average_surface_distance(case):
    predicted, truth, spacing, wanted = AVERAGE[case]
    mine = surface_scores(truth, predicted, spacing=spacing, rules=SURFACE_RULES["monai"])
    np.testing.assert_allclose((mine.assd, mine.asd_predicted), wanted, rtol=1e-5)


def test_monai_both_empty_is_undefined():
    for spacing in (None, SPACED):
        mine = surface_scores(NONE, NONE, spacing=spacing, rules=SURFACE_RULES["monai"])
        assert (mine.hd, mine.hd_percentile, mine.assd, mine.nsd) == (None,) * 4


def nsd(truth, predicted, tolerance, spacing=None):
    rules = SURFACE_RULES["monai"]
    options = {"spacing": spacing, "rules": rules, "tolerance": tolerance}
    return surface_scores(truth, predicted, **options).nsd


@pytest.mark.parametrize("spacing", [None, (0.85, 1.2)])
def test_monai_surface_dice_of_images(spacing):
    predicted, truth = (boxes((480, 640), [(0, 480), (x, 640)]) for x in (50, 60))
    apart = 478 + 480 + 9 * 2
    assert nsd(truth, predicted, 0, spacing) == pytest.approx(
        1 - apart / (480 * 4 + 588 * 2 + 578 * 2)
    )
    assert nsd(~truth, ~predicted, 0, spacing) == pytest.approx(
        1 - apart / (480 * 4 + 48 * 2 + 58 * 2)
    )
    assert nsd(truth | True, predicted | True, 0, spacing) == 1
    assert nsd(truth & False, predicted & False, 0, spacing) is None
    rising = [nsd(truth, predicted, t, spacing) for t in (0, 1, 9, 10)]
    assert rising == sorted(set(rising))
    enough = 10 if spacing is None else 12
    assert nsd(truth, predicted, enough, spacing) == nsd(truth, predicted, enough + 1, spacing) == 1


def test_monai_surface_dice_of_volumes():
    predicted, truth = (boxes((200, 110, 80), [(0, 200), (0, 110), (z, 80)]) for z in (20, 30))
    apart = 200 * 110 + 198 * 108 + 9 * 200 * 2 + 9 * 108 * 2
    total = 200 * 110 * 4 + (58 + 48) * 200 * 2 + (58 + 48) * 108 * 2
    assert nsd(truth, predicted, 0) == pytest.approx(1 - apart / total)
    total = 200 * 110 * 4 + (28 + 18) * 200 * 2 + (28 + 18) * 108 * 2
    assert nsd(~truth, ~predicted, 0) == pytest.approx(1 - apart / total)
    assert nsd(truth, predicted, 10) == nsd(truth, predicted, 11)


@pytest.mark.parametrize(
    ("tolerances", "wanted"),
    [
        ((0, 0), (1 - 12 / 84, 0)),
        ((2.8, 5.5), (1 - 3 / 84, 1 - 4 / 6)),
        ((3, 6), (1 - 1 / 84, 1 - 2 / 6)),
    ],
)
def test_monai_surface_dice_of_two_lines(tolerances, wanted):
    predicted, truth = (boxes((10, 10), [(1, 4), (1, 2)]), boxes((10, 10), [(5, 8), (6, 7)]))
    found = nsd(~truth, ~predicted, tolerances[0]), nsd(truth, predicted, tolerances[1])
    assert found == pytest.approx(wanted, abs=1e-6)


REF210 = boxes((14, 14), [(5, 9), (5, 9)])
RELOADED = {
    "figure 2.10, smaller": (
        REF210, boxes((14, 14), [(6, 8), (6, 8)]),
        {"hd": 1.41, "assd": 1.10, "masd": 1.07, "nsd": 0.75}),
    "figure 2.10, larger": (
        REF210, boxes((14, 14), [(4, 10), (4, 10)]),
        {"hd": 1.41, "assd": 1.05, "masd": 1.04, "nsd": 0.875}),
    "figure 5c": (
        boxes((14, 14), [(1, 2), (1, 2)], [(9, 12), (9, 12)]),
        boxes((14, 14), [(9, 12), (9, 12)]),
        {"hd": 11.31, "hd_percentile": 6.79}),
    "a cross": (
        boxes((11, 11), [(3, 8), (3, 8)]),
        boxes((11, 11), [(3, 8), (3, 8)], [(5, 6), (1, 10)], [(1, 10), (5, 6)]),
        {"assd": 0.44, "masd": 0.425, "nsd": 0.89, "nsd at 2": 1.0}),
}  # fmt: skip


@pytest.mark.parametrize("name", RELOADED)
def test_metrics_reloaded_cases(name):
    truth, predicted, wanted = RELOADED[name]
    rules = SURFACE_RULES["metrics-reloaded"]
    mine = dataclasses.asdict(surface_scores(truth, predicted, rules=rules))
    means = dataclasses.replace(rules, assd="directions")
    mine["masd"] = surface_scores(truth, predicted, rules=means).assd
    mine["nsd at 2"] = surface_scores(truth, predicted, rules=rules, tolerance=2).nsd
    assert {name: mine[name] for name in wanted} == pytest.approx(wanted, abs=0.01)


def test_metrics_reloaded_empty_cases():
    none, rules = REF210 & False, SURFACE_RULES["metrics-reloaded"]
    for pair in ((REF210, none), (none, REF210)):
        mine = surface_scores(*pair, rules=rules)
        assert (mine.hd, mine.hd_percentile, mine.assd) == (None, None, None)
    mine = surface_scores(none, none, rules=rules)
    assert (mine.hd, mine.hd_percentile, mine.assd, mine.nsd) == (0, 0, 0, 1)
