"""Surface distances: what surface-distance, MONAI, MetricsReloaded and panoptica state."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from tests.metrics.replay.cases import Replay

from maskloom.metrics.surface.pair import grid, packed, sides
from maskloom.metrics.surface.rules import SURFACE_RULES
from maskloom.metrics.surface.scores import surface_scores

INF = math.inf
GOOGLE = "google-deepmind/surface-distance 1f805ce, surface_distance_test.py"
MONAI = "Project-MONAI/MONAI d388d1c, tests/metrics/"
RELOADED = "Project-MONAI/MetricsReloaded cb38dfc, test/test_metrics/test_pairwise_measures.py"
PANOPTICA = "BrainLesion/panoptica b0ac3e4, unit_tests/test_metrics.py"


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


def deepmind(name):
    def pairs(_shared):
        truth, predicted, spacing, asd, hd, hd95, nsd = DEEPMIND[name]
        mine = surface_scores(truth, predicted, spacing=spacing, rules=SURFACE_RULES["deepmind"])
        found = mine.hd, mine.hd_percentile, mine.asd_truth, mine.asd_predicted, mine.nsd
        return zip(found, (hd, hd95, *asd, nsd), strict=True)

    return pairs


def two_squares(_shared):
    """Its lists of distances and lengths, clockwise from the top left."""
    truth, predicted = boxes((6, 6), [(1, 3), (1, 3)]), boxes((6, 6), [(1, 4), (1, 3)])
    down, across = 2, 1
    slant = 0.5 * math.hypot(across, down)
    lengths = [slant, across, slant, down, slant, across, slant, down]
    more = [slant, across, slant, down, down, slant, across, slant, down, down]
    stated = [
        sorted(zip([0] * 5 + [across] + [0] * 2, lengths, strict=True)),
        sorted(zip([0] * 5 + [down] * 3 + [0] * 2, more, strict=True)),
    ]
    with grid(truth.shape, (down, across), 1) as at:
        words = [packed(one, at, 0, others=True) for one in (truth, predicted)]
        found = sides(*words, at, SURFACE_RULES["deepmind"])
    for side, own in zip(found, stated, strict=True):
        mine = sorted(zip(side.distances.tolist(), side.areas[side.kinds].tolist(), strict=True))
        for one, other in zip(mine, own, strict=True):
            yield from zip(one, other, strict=True)


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


def hausdorff(_shared):
    for predicted, truth, spacing, percentile, stated in HAUSDORFF:
        mine = surface_scores(truth, predicted, spacing=spacing, rules=SURFACE_RULES["monai"])
        yield float(directed(predicted, truth, spacing, percentile)), stated[0]
        yield (mine.hd if percentile is None else mine.hd_percentile), stated[1]


AVERAGE = [
    (sphere(), sphere(), None, (0, 0)),
    (sphere(33, (19, 33, 22)), sphere(33, (20, 33, 22)), None, (0.350217, 0.3483278807706289)),
    (sphere(20, (20, 33, 22)), sphere(40, (20, 33, 22)), None, (15.117741, 12.040033513150455)),
    (NONE, sphere(40, (20, 33, 22)), None, (INF, INF)),
    (sphere(33, (42, 45, 52), SPACED), sphere(33, (43, 45, 52), SPACED), SPACED, (0.4951, 0.4951)),
]


def average(_shared):
    for predicted, truth, spacing, stated in AVERAGE:
        mine = surface_scores(truth, predicted, spacing=spacing, rules=SURFACE_RULES["monai"])
        yield from zip((mine.assd, mine.asd_predicted), stated, strict=True)


def both_empty(_shared):
    for spacing in (None, SPACED):
        mine = surface_scores(NONE, NONE, spacing=spacing, rules=SURFACE_RULES["monai"])
        yield from zip((mine.hd, mine.hd_percentile, mine.assd), (None,) * 3, strict=True)


def nsd(truth, predicted, tolerance, spacing=None):
    options = {"spacing": spacing, "rules": SURFACE_RULES["monai"], "tolerance": tolerance}
    return surface_scores(truth, predicted, **options).nsd


def dice_of_images(_shared):
    for spacing, enough in ((None, 10), ((0.85, 1.2), 12)):
        predicted, truth = (boxes((480, 640), [(0, 480), (x, 640)]) for x in (50, 60))
        apart = 478 + 480 + 9 * 2
        total = 480 * 4 + 588 * 2 + 578 * 2
        yield nsd(truth, predicted, 0, spacing), 1 - apart / total
        total = 480 * 4 + 48 * 2 + 58 * 2
        yield nsd(~truth, ~predicted, 0, spacing), 1 - apart / total
        yield nsd(truth | True, predicted | True, 0, spacing), 1.0
        yield nsd(truth & False, predicted & False, 0, spacing), None
        yield nsd(truth, predicted, enough, spacing), 1.0
        yield nsd(truth, predicted, enough + 1, spacing), 1.0


def dice_of_volumes(_shared):
    predicted, truth = (boxes((200, 110, 80), [(0, 200), (0, 110), (z, 80)]) for z in (20, 30))
    apart = 200 * 110 + 198 * 108 + 9 * 200 * 2 + 9 * 108 * 2
    total = 200 * 110 * 4 + (58 + 48) * 200 * 2 + (58 + 48) * 108 * 2
    yield nsd(truth, predicted, 0), 1 - apart / total
    total = 200 * 110 * 4 + (28 + 18) * 200 * 2 + (28 + 18) * 108 * 2
    yield nsd(~truth, ~predicted, 0), 1 - apart / total


def dice_of_lines(_shared):
    predicted, truth = (boxes((10, 10), [(1, 4), (1, 2)]), boxes((10, 10), [(5, 8), (6, 7)]))
    for tolerances, stated in (
        ((0, 0), (1 - 12 / 84, 0.0)),
        ((2.8, 5.5), (1 - 3 / 84, 1 - 4 / 6)),
        ((3, 6), (1 - 1 / 84, 1 - 2 / 6)),
    ):
        yield nsd(~truth, ~predicted, tolerances[0]), stated[0]
        yield nsd(truth, predicted, tolerances[1]), stated[1]


REF210 = boxes((14, 14), [(5, 9), (5, 9)])
FIGURES = {
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


def figure(name):
    def pairs(_shared):
        truth, predicted, stated = FIGURES[name]
        rules = SURFACE_RULES["metrics-reloaded"]
        mine = dataclasses.asdict(surface_scores(truth, predicted, rules=rules))
        means = dataclasses.replace(rules, assd="directions")
        mine["masd"] = surface_scores(truth, predicted, rules=means).assd
        mine["nsd at 2"] = surface_scores(truth, predicted, rules=rules, tolerance=2).nsd
        return [(mine[one], value) for one, value in stated.items()]

    return pairs


def reloaded_empty(_shared):
    none, rules = REF210 & False, SURFACE_RULES["metrics-reloaded"]
    for pair in ((REF210, none), (none, REF210)):
        mine = surface_scores(*pair, rules=rules)
        yield from zip((mine.hd, mine.hd_percentile, mine.assd), (None,) * 3, strict=True)
    mine = surface_scores(none, none, rules=rules)
    found = mine.hd, mine.hd_percentile, mine.assd, mine.nsd
    yield from zip(found, (0.0, 0.0, 0.0, 1.0), strict=True)


def grown(*rows):
    return np.array([[int(one) for one in row] for row in rows], bool)


# panoptica, unit_tests/unit_test_utils.py: (prediction, reference)
IDENTICAL = (grown("0111", "0111", "0100", "0100"),) * 2
OPPOSITE = (grown("0101", "0101", "0100", "0100"), ~grown("0101", "0101", "0100", "0100"))
MOVED = (grown(*["1100"] * 4), grown(*["0110"] * 4))
MORE = (grown("0010", "1110", "1111", "0110"), grown("0000", "0110", "0110", "0000"))
APART = (grown("1110", "1110", "1110", "1000"), grown("0000", "0000", "0011", "0011"))
BY_PANOPTICA = (
    (IDENTICAL, 1, {"assd": 0.0, "hd": 0.0, "hd_percentile": 0.0}),
    (OPPOSITE, 1, {"assd": 1.05}),
    (OPPOSITE, 20, {"assd": 21.0, "hd": 40.0}),
    (MOVED, 1, {"hd": 1.0, "hd_percentile": 1.0}),
    (MORE, 1, {"assd": 0.625, "hd": 1.0, "hd_percentile": 1.0}),
    (MORE[::-1], 1, {"assd": 0.625, "hd": 1.0, "hd_percentile": 1.0}),
    (APART, 1, {"hd": 2.82842712474619, "hd_percentile": 2.473011636398349}),
)


def panoptica(_shared):
    """MedPy's border and percentile, and the mean of both directions."""
    rules = dataclasses.replace(SURFACE_RULES["medpy"], assd="directions")
    for (predicted, truth), side, stated in BY_PANOPTICA:
        mine = surface_scores(truth, predicted, spacing=(side, side), rules=rules)
        yield from ((getattr(mine, name), value) for name, value in stated.items())


REPLAYS = (
    *(Replay(GOOGLE, name, "ASD both ways, HD, HD95, NSD", 5e-4, deepmind(name))
      for name in DEEPMIND),
    Replay(GOOGLE, "two squares shifted by one pixel", "every distance and its length", 0.0,
           two_squares),
    Replay(f"{MONAI}test_hausdorff_distance.py", "spheres, the Euclidean ones",
           "HD, HD95, one way and both", 2e-5, hausdorff),
    Replay(f"{MONAI}test_surface_distance.py", "spheres, the Euclidean ones",
           "ASD one way, ASSD", 1e-4, average),
    Replay(f"{MONAI}test_surface_distance.py", "both empty", "undefined", 0.0, both_empty),
    Replay(f"{MONAI}test_surface_dice.py", "images", "NSD", 1e-6, dice_of_images),
    Replay(f"{MONAI}test_surface_dice.py", "volumes", "NSD", 1e-6, dice_of_volumes),
    Replay(f"{MONAI}test_surface_dice.py", "two lines", "NSD", 1e-6, dice_of_lines),
    *(Replay(RELOADED, name, "HD, HD95, ASSD, MASD, NSD", 0.01, figure(name))
      for name in FIGURES),
    Replay(RELOADED, "one or both empty", "HD, HD95, ASSD, NSD", 0.0, reloaded_empty),
    Replay(PANOPTICA, "4 × 4 masks", "HD, HD95, ASSD", 1e-7, panoptica),
)  # fmt: skip
