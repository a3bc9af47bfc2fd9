"""Pixels, lines, areas, outlines, confidences: MONAI, MetricsReloaded, panoptica, torchmetrics."""

from __future__ import annotations

import numpy as np
from tests.metrics.replay.cases import Replay
from tests.metrics.replay.surfaces import IDENTICAL, MORE, OPPOSITE, PANOPTICA, RELOADED, boxes

from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.boundary.dense_bands import boundary_iou
from maskloom.metrics.boundary.rules import BOUNDARY_RULES, VIDEO_RULES, BoundaryRules
from maskloom.metrics.boundary.video import VideoObjectMetrics
from maskloom.metrics.calibration import Calibration, CalibrationRules
from maskloom.metrics.pixel_rules import PIXEL_RULES
from maskloom.metrics.pixels import PixelMetrics
from maskloom.metrics.shape.size_metrics import SizeMetrics
from maskloom.metrics.shape.thin import THIN_RULES, centreline_dice, lines_of

MONAI = "Project-MONAI/MONAI d388d1c, tests/metrics/"
BINARY = Taxonomy.from_names(["background", "object"])
BACKGROUND = 254
OVERALL = {"dice": "dice", "iou": "miou"}


def channels(*planes):
    """Masks of channels, which may overlap, as one class map with a slice for each channel."""
    out = np.full((len(planes), *np.shape(planes[0])), BACKGROUND, np.uint8)
    for k, plane in enumerate(planes):
        out[k][np.asarray(plane, bool)] = k
    return out


def squares(*texts):
    """Samples of channels of 2 × 2 pixels: "1000 0100"."""
    return [
        channels(*(np.array([int(c) for c in word]).reshape(2, 2) for word in text.split()))
        for text in texts
    ]


def scored(truth, predicted, first=0):
    """Of MONAI's rules, over samples; channels before `first` do not count."""
    n = len(truth[0])
    taxonomy = Taxonomy.from_names([str(k) for k in range(first, n)])
    metric, each = PixelMetrics(taxonomy, PIXEL_RULES["monai"]), []
    for t, p in zip(truth, predicted, strict=True):
        own = PixelMetrics(taxonomy, PIXEL_RULES["monai"])
        pair = [np.where(one == BACKGROUND, BACKGROUND, one - first)[first:] for one in (t, p)]
        pair = [one.astype(np.uint8) for one in pair]
        metric.update(*pair)
        own.update(*pair)
        each.append(list(own.result().per_class.values()))
    return metric.result().metrics, each


# MONAI's test cases: (truth, prediction, first channel, {score: stated})
ALONE = (squares("1011"), squares("1001"), 0)
THREE = (
    squares("0001 1010 0100", "0001 1100 0010"),
    squares("0100 0011 1000", "0001 1000 0110"),
    1,
)
ABSENT = (
    squares("1111 0000 0000", "0110 1001 0000"),
    squares("0000 0000 1111", "0000 0000 1111"),
    0,
)
MIXED = (
    squares("1111 0000 0000", "0001 1100 0010"),
    squares("1110 0100 0111", "1011 0111 0110"),
    0,
)
SECOND_EMPTY = (squares("1111 0000 0000", "1111 0000 0000"), MIXED[1], 0)


def each_channel(case, name, stated, *, false_alarms=False):
    """Of each sample and channel; where the truth is empty MONAI gives nothing."""

    def pairs(_shared):
        truth = case[0]
        _, each = scored(*case)
        for i, row in enumerate(each):
            for k, own in enumerate(row):
                there = (truth[i][k + case[2]] != BACKGROUND).any() or false_alarms
                yield (own[name] if there else None), stated[i][k]

    return pairs


def averaged(case, name, stated):
    return lambda _shared: [(scored(*case)[0][name], stated)]


def each_class(case, name, stated):
    """MONAI's `mean_batch`: of each channel over the samples whose truth has it."""

    def pairs(_shared):
        for k, value in enumerate(stated):
            one = [[sample[[k]] for sample in side] for side in case[:2]]
            one = [[np.where(s == BACKGROUND, s, 0).astype(np.uint8) for s in o] for o in one]
            yield scored(*one)[0][OVERALL[name]], value

    return pairs


def full(name):
    """Both full; an empty truth under a full prediction, which counts once empty ones do."""

    def pairs(_shared):
        on, off = squares("1111 1111"), squares("0000 0000")
        for truth, predicted, stated in ((on, on, 1.0), (off, on, 0.0)):
            for row in scored(truth, predicted)[1]:
                yield from ((own[name], stated) for own in row)

    return pairs


def of_pair(truth, predicted):
    """Of one binary pair, any shape: scores of the data set, of the object, of the rest."""
    metric = PixelMetrics(BINARY)
    metric.update(np.asarray(truth, np.uint8), np.asarray(predicted, np.uint8))
    found = metric.result()
    return found.metrics, found.per_class["object"], found.per_class["background"]


def runs(*lengths):
    """Ones and zeros in turn."""
    return np.repeat(np.arange(len(lengths)) % 2 == 0, lengths)


FIGURE_9 = (
    (runs(50, 50), np.r_[runs(45, 5, 10, 40)], 0.86, 0.82, 0.85),
    (runs(90, 10), np.r_[runs(81, 9, 2, 8)], 0.94, 0.98, 0.85),
)


def figure_9(_shared):
    for truth, predicted, dice, precision, balanced in FIGURE_9:
        metrics, own, _ = of_pair(truth, predicted)
        yield from (
            (own["dice"], dice),
            (own["precision"], precision),
            (metrics["mean_accuracy"], balanced),
        )


def counts_of_figure_10(_shared):
    truth = boxes((14, 14), [(5, 9), (5, 9)])
    for predicted, tp, fp, fn, tn in (
        (boxes((14, 14), [(6, 8), (6, 8)]), 4, 0, 12, 180),
        (boxes((14, 14), [(4, 10), (4, 10)]), 16, 20, 0, 160),
    ):
        metric = PixelMetrics(BINARY)
        metric.update(truth.astype(np.uint8), predicted.astype(np.uint8))
        c = metric.confusion.counts
        found = int(c[1, 1]), int(c[0, 1]), int(c[1, 0]), int(c[0, 0])
        yield from zip(found, (tp, fp, fn, tn), strict=True)


def confusion(_shared):
    truth, predicted = np.zeros((2, 5, 6), np.uint8)
    truth[:, :4] = 1
    predicted[1:4, 1:] = 1
    metric = PixelMetrics(BINARY)
    metric.update(truth, predicted)
    # It has the prediction in rows.
    found = metric.confusion.counts[:2, :2].T.ravel().tolist()
    return zip(found, (4, 11, 6, 9), strict=True)


def shares_of_figure_17(_shared):
    truth = runs(3, 97)
    for predicted, recall, specificity in ((runs(6, 94), 1.0, 0.97), (~runs(100), 0.0, 1.0)):
        _, own, rest = of_pair(truth, predicted)
        yield from ((own["accuracy"], recall), (rest["accuracy"], specificity))
    yield of_pair(runs(70, 1), np.r_[runs(40, 30, 1)])[1]["accuracy"], 0.57


def accuracy_of_figure_11(_shared):
    for truth, predicted in (
        (runs(30, 75), runs(105)),
        (runs(35, 70), runs(20, 15, 60, 10)),
    ):
        yield of_pair(truth, predicted)[0]["pixel_accuracy"], 0.286


def four_classes(_shared):
    """52 values of 4 classes: how often each true class is given each."""
    table = [[6, 0, 1, 2], [3, 9, 1, 1], [1, 0, 10, 2], [1, 2, 1, 12]]
    truth = np.concatenate([np.full(sum(row), k) for k, row in enumerate(table)])
    predicted = np.concatenate([np.repeat(np.arange(4), row) for row in table])
    metric = PixelMetrics(Taxonomy.from_names(list("abcd")))
    metric.update(truth.astype(np.uint8), predicted.astype(np.uint8))
    return [(metric.result().metrics["mean_accuracy"], 0.7071)]


CROSS = (
    boxes((11, 11), [(3, 8), (3, 8)]),
    boxes((11, 11), [(3, 8), (3, 8)], [(5, 6), (1, 10)], [(1, 10), (5, 6)]),
)


def cross(_shared):
    own = of_pair(*CROSS)[1]
    return [(own["dice"], 0.862), (own["iou"], 0.76)]


def same_size(_shared):
    truth, predicted = boxes((14, 14), [(2, 4), (2, 4)]), boxes((14, 14), [(3, 5), (3, 5)])
    return [(areas(truth, predicted), 0.0)]


def areas(truth, predicted):
    """Error of the area of the objects as a share of the truth."""
    metric = SizeMetrics(Taxonomy.from_names(["object"]))
    pair = [np.where(one, 0, BACKGROUND).astype(np.uint8) for one in (truth, predicted)]
    return metric.update(*pair)["area_error_relative"]


def bands(_shared):
    truth, predicted = boxes((22, 22), [(2, 21), (2, 21)]), boxes((22, 22), [(3, 21), (2, 21)])
    yield boundary_iou(truth, predicted, BOUNDARY_RULES["metrics-reloaded"]), 0.6
    yield boundary_iou(truth, predicted, BoundaryRules(2.0, "px", "euclidean")), 0.8
    none = np.zeros((14, 14), bool)
    yield boundary_iou(none, none, BOUNDARY_RULES["metrics-reloaded"]), 1.0


FIGURE_14 = boxes(
    (24, 24), [(1, 10), (7, 12)], [(10, 12), (3, 19)], [(12, 15), (3, 5)], [(12, 15), (15, 19)],
    [(14, 20), (15, 17)], [(14, 15), (1, 5)], [(14, 17), (2, 3)], [(14, 19), (4, 5)],
    [(17, 18), (4, 8)], [(14, 15), (15, 24)], [(12, 15), (22, 23)], [(14, 17), (21, 22)],
    [(17, 20), (5, 6)], [(17, 22), (12, 13)], [(19, 20), (12, 17)], [(18, 19), (15, 20)],
    [(17, 18), (19, 20)],
)  # fmt: skip
TRUNK = boxes((24, 24), [(1, 10), (7, 12)], [(10, 12), (3, 15)])
THINNED = FIGURE_14 & ~boxes(
    (24, 24), [(10, 14), (3, 4)], [(10, 11), (3, 9)], [(10, 11), (10, 19)], [(1, 11), (7, 9)],
    [(1, 11), (10, 12)], [(10, 14), (18, 19)], [(12, 14), (15, 17)], [(14, 19), (15, 16)],
)  # fmt: skip


def cl_dice(truth, predicted):
    return centreline_dice(lines_of(truth, predicted), THIN_RULES["cldice"])["cldice"]


def lines_of_figure_14(_shared):
    for predicted, stated in ((TRUNK, 0.475), (THINNED, 0.78)):
        yield cl_dice(FIGURE_14, predicted), stated


def dice_of_figure_14(_shared):
    for predicted, stated in ((TRUNK, 0.666), (THINNED, 0.685)):
        yield of_pair(FIGURE_14, predicted)[1]["dice"], stated


def short_lines(_shared):
    truth = boxes((14, 14), [(1, 4), (1, 2)], [(3, 4), (1, 4)])
    for predicted, stated in (
        (boxes((14, 14), [(2, 4), (1, 2)], [(3, 4), (1, 4)]), 0.86),
        (boxes((14, 14), [(3, 4), (1, 4)]), 0.67),
    ):
        yield cl_dice(truth, predicted), stated


def panoptica(_shared):
    """Dice, clDice, error of volume: of 4 × 4 masks."""
    for (predicted, truth), dice, thin, volume in (
        (IDENTICAL, 1.0, 1.0, 0.0),
        (OPPOSITE, 0.0, None, 0.4),
        (MORE, 0.5714285714285714, 1.0, 1.5),
        (MORE[::-1], 0.5714285714285714, 1.0, 0.6),
    ):
        yield of_pair(truth, predicted)[1]["dice"], dice
        yield cl_dice(truth, predicted), thin
        yield areas(truth, predicted), volume


PROBABLE = np.array([0.22, 0.48, 0.49, 0.96, 0.55, 0.64, 0.78, 0.82, 0.34, 0.87])
TRUE = np.array([0, 1, 0, 0, 1, 1, 1, 1, 1, 0], bool)


def calibration(_shared):
    """Of the probability of one class, whether or not it is the larger one."""
    for bins, stated in ((2, 0.11), (5, 0.32), (10, 0.36)):
        yield Calibration(CalibrationRules(bins)).count(TRUE, PROBABLE)["ece"], stated


def void_masks(_shared):
    truth, predicted, void = np.zeros((3, 2, 200, 200), np.uint8)
    truth[:, 100:150, 100:150] = 1
    void[:, 50:100, 100:150] = 1
    predicted[:, 50:150, 100:150] = 1
    made = VideoObjectMetrics(VIDEO_RULES["davis2017"])
    for i in range(2):
        found = made.update(truth[i], predicted[i], void=void[i])
        yield from ((found[name], 1.0) for name in ("j", "f"))


def jaccard(_shared):
    """IoU of two classes, and the mean without the third, which occurs nowhere."""
    truth, predicted = np.array([0, 1, 0, 0], np.uint8), np.array([0, 1, 0, 1], np.uint8)
    metric = PixelMetrics(Taxonomy.from_names(list("abc")))
    metric.update(truth, predicted)
    found = metric.result()
    own = [row["iou"] for row in found.per_class.values()]
    return zip((*own[:2], found.metrics["miou"]), (2 / 3, 0.5, 0.5833333), strict=True)


REPLAYS = (
    *(
        Replay(f"{MONAI}{file}", what, {"dice": "Dice", "iou": "IoU"}[name], 1e-4, pairs)
        for file, name, values in (
            ("test_compute_meandice.py", "dice", (
                ([[0.8]], [[0.5, 0.0], [0.6667, 0.6667]]), (0.6786, 0.4, 0.6667),
                0.689683, 0.857143)),
            ("test_compute_meaniou.py", "iou", (
                ([[0.6667]], [[0.3333, 0.0], [0.5, 0.5]]), (0.5416, 0.25, 0.5),
                0.5555, 0.75)),
        )
        for what, pairs in (
            ("one channel", each_channel(ALONE, name, values[0][0])),
            ("three channels without the first", each_channel(THREE, name, values[0][1])),
            ("classes absent from the truth are undefined",
             each_channel(ABSENT, name, [[0.0, None, None], [0.0, 0.0, None]])),
            ("means over samples", each_class(MIXED, name, values[1])),
            ("means of means", averaged(MIXED, OVERALL[name], values[2])),
            ("means of means, a class empty everywhere",
             averaged(SECOND_EMPTY, OVERALL[name], values[3])),
            ("full, and full against empty", full(name)),
        )
    ),
    Replay(RELOADED, "figure 2.9", "Dice, precision, balanced accuracy", 0.01, figure_9),
    Replay(RELOADED, "figure 2.10", "tp, fp, fn, tn", 0, counts_of_figure_10),
    Replay(RELOADED, "figure 3.39", "confusion matrix", 0, confusion),
    Replay(RELOADED, "figures 2.17 and 27", "recall, specificity", 0.01, shares_of_figure_17),
    Replay(RELOADED, "figure 2.11", "pixel accuracy", 1e-3, accuracy_of_figure_11),
    Replay(RELOADED, "four classes", "balanced accuracy", 1e-3, four_classes),
    Replay(RELOADED, "a cross", "Dice, IoU", 0.01, cross),
    Replay(RELOADED, "squares of one size", "error of area", 0.0, same_size),
    Replay(RELOADED, "figure 2.12", "Boundary IoU", 0.1, bands),
    Replay(RELOADED, "figure 2.14", "clDice", 0.01, lines_of_figure_14),
    Replay(RELOADED, "figure 2.14", "Dice", 0.01, dice_of_figure_14),
    Replay(RELOADED, "short lines", "clDice", 0.01, short_lines),
    Replay(RELOADED.replace("pairwise_measures", "calibration_metrics"), "figure 2.24",
           "ECE of 2, 5 and 10 bins", 0.01, calibration),
    Replay(PANOPTICA, "4 × 4 masks", "Dice, clDice, error of area", 1e-7, panoptica),
    Replay("davisvideochallenge/davis2017-evaluation ac7c43f, pytest/test_evaluation.py",
           "void masks", "J, F", 0.0, void_masks),
    Replay("Lightning-AI/torchmetrics dab0333, tests/unittests/classification/test_jaccard.py",
           "a class that occurs nowhere", "IoU, mean IoU", 1e-7, jaccard),
)  # fmt: skip
