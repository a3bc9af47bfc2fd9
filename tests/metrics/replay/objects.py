"""Objects and segments: StarDist, MONAI, torchmetrics, panoptica, panopticapi."""

from __future__ import annotations

import json

import numpy as np
from skimage.draw import disk
from tests.metrics.replay.cases import Replay

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.calibration import CalibrationRules
from maskloom.metrics.objects.calibration import object_calibration
from maskloom.metrics.objects.columns import PredictionColumns
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.objects.sides import COCO_RULES
from maskloom.metrics.panoptic.family import PanopticMetrics
from maskloom.metrics.shape.joint import joint_ids
from maskloom.metrics.shape.objects import match_scores, matched_at
from maskloom.metrics.shape.pairs import object_pairs
from maskloom.store.images import read_map

STARDIST = "stardist/stardist 650d3a1, "
MONAI = "Project-MONAI/MONAI d388d1c, tests/metrics/test_compute_panoptic_quality.py"
TORCH = "Lightning-AI/torchmetrics dab0333, tests/unittests/detection/test_panoptic_quality.py"
PANOPTICA = "BrainLesion/panoptica b0ac3e4, unit_tests/"


def matched(truth, predicted, level):
    return matched_at(object_pairs(joint_ids(np.asarray(truth), np.asarray(predicted))), level)


def counts(found):
    return found.tp, found.fp, found.fn


def discs(_shared):
    n, width = 5, 128
    y = np.zeros((width, width), np.uint16)
    for i, r in enumerate(np.linspace(0, width, n + 2)[1:-1]):
        rows, columns = disk((width // 2, r), radius=width // (3 * n), shape=y.shape)
        y[rows, columns] = i + 1
    for shift in (0, 5, 10):
        y2 = np.roll(y, shift, axis=0)
        iou = np.sum((y2 == y)[y > 0]) / np.sum((y + y2) > 0)
        yield from zip(counts(matched(y, y2, 0.5 * iou)), (n, 0, 0), strict=True)
        # Above 1 nothing can match: no such level can be asked for here.
        if 2 * iou <= 1:
            yield from zip(counts(matched(y, y2, 2 * iou)), (0, n, n), strict=True)


def square_moved(_shared):
    y = np.zeros((100, 100), np.uint16)
    y[10:20, 10:20] = 1
    found = matched(y, np.roll(y, 5, axis=0), 0.5)
    return zip((*counts(found), found.iou), (0, 1, 1, 0.0), strict=True)


def ids(*rows):
    return np.array([[int(c) for c in row] for row in rows])


# Below a half MONAI matches by the largest sum of IoU above the level, here by count, then sum.
PAIR = ids("0111", "0000", "2033", "4220"), ids("1121", "0000", "1300", "4333")
NUMBERED = ids("0777", "0000", "1088", "9110")


def monai_images(_shared):
    predicted, truth = PAIR
    yield match_scores(matched(truth, truth, 0.99))["object_pq"], 1.0
    yield match_scores(matched(truth, predicted, 0.5 + 1e-9))["object_pq"], 0.25
    yield match_scores(matched(truth, predicted, 0.3))["mean_matched_score"], 0.6
    yield match_scores(matched(truth, NUMBERED, 0.3))["f1"], 0.75


# (instances, classes) of two samples of 3 × 3 pixels
MONAI_PREDICTED = (
    (ids("201", "211", "011"), ids("013", "000", "121")),
    (ids("111", "320", "321"), ids("113", "311", "030")),
)
MONAI_TRUTH = (
    (ids("200", "200", "223"), ids("333", "321", "223")),
    (ids("111", "003", "003"), ids("013", "210", "303")),
)


def monai_class(k, level):
    """tp, fp, fn, sum of IoU of each sample."""
    out = []
    for (p, p_class), (t, t_class) in zip(MONAI_PREDICTED, MONAI_TRUTH, strict=True):
        own = matched(t * (t_class == k), p * (p_class == k), level)
        out.append((*counts(own), own.iou))
    return np.array(out)


def quality(name, tp, fp, fn, iou):
    """Its smoothing makes nothing 0; more than 1e-6 it changes nowhere."""
    base = {"pq": tp + fp / 2 + fn / 2, "rq": tp + fp / 2 + fn / 2, "sq": tp}[name]
    return float((tp if name == "rq" else iou) / base) if base else 0.0


def monai_classes(_shared):
    for name, level, stated in (
        ("pq", 0.5 + 1e-9, (0, 0, 0.25)),
        ("pq", 0.3, (0.25, 0.5, 0.25)),
        ("sq", 0.3, (0.5, 0.5, 1.0, 0.0)),
    ):
        for k, value in enumerate(stated, 1):
            yield quality(name, *monai_class(k, level).sum(axis=0)), value
    for name, stated in (
        ("rq", ((0, 1, 0), (0.6667, 0, 0.4))),
        ("pq", ((0, 0.5, 0), (0.3333, 0, 0.4))),
    ):
        for i, row in enumerate(stated):
            for k, value in enumerate(row, 1):
                yield quality(name, *monai_class(k, 0.4)[i]), value


def segments(pixels, known):
    """Rows of (category, instance) pixels; ids of stuff mean nothing, other categories are void."""
    pixels = np.asarray(pixels)
    kinds, place = np.unique(pixels.reshape(-1, 2), axis=0, return_inverse=True)
    masks, category = [], []
    for i, (k, _) in enumerate(kinds.tolist()):
        if k in known:
            masks.append((place.ravel() == i).reshape(pixels.shape[:2]))
            category.append(known.index(k))
    if not masks:
        return Rows.make(Masks.empty(0, pixels.shape[:2]), []), np.ones(pixels.shape[:2], bool)
    covered = np.any(masks, axis=0)
    rows = Rows.make(
        Masks.from_dense(np.array(masks)), category, instance=list(range(len(category)))
    )
    return rows, ~covered


def panoptic(predicted, truth, things, stuff):
    known = sorted({*things, *stuff})
    taxonomy = Taxonomy(
        tuple(Category(f"c{k}", f"c{k}", "thing" if k in things else "stuff") for k in known)
    )
    metric = PanopticMetrics(taxonomy)
    (p, _), (t, void) = segments(predicted, known), segments(truth, known)
    for _ in range(2):
        metric.update(t, p, ignore=Masks.from_dense(void))
    return metric.result()


def pixels(*rows):
    """ "60" is category 6, instance 0."""
    return [[(int(word[:-1]), int(word[-1])) for word in row.split()] for row in rows]


FIVE = (
    pixels("60 00 60 60 01", "00 00 60 01 01", "00 00 60 01 10", "00 70 60 10 10",
           "00 70 70 70 70"),
    pixels("60 60 60 60 00", "01 01 60 00 00", "01 01 60 10 10", "01 70 70 10 10",
           "01 70 70 70 70"),
)  # fmt: skip
POINTS = (
    [[(10, 0), (10, 123), (0, 1), (10, 0), (1, 2)]],
    [[(10, 0), (10, 0), (0, 0), (0, 1), (1, 0)]],
)


def torch_whole(_shared):
    yield panoptic(*FIVE, (0, 1), (6, 7)).metrics["pq"], 0.7753
    yield panoptic(*FIVE, (2,), (3,)).metrics["pq"], None


def torch_points(_shared):
    yield panoptic(*POINTS, (0, 1), (10, 11)).metrics["pq"], (2 / 3 + 1 + 2 / 3) / 3


def torch_classes(_shared):
    for order in ((0, 2, 1), (0, 3, 2), (0, 10, 2)):
        for things in (True, False):
            a, b, c = ((k, 0) for k in order)
            sides = [[a, a, b, b, b, c]], [[a, a, b, b, c, c]]
            groups = (order, ()) if things else ((), order)
            found = panoptic(*sides, *groups).per_class
            stated = dict(zip(order, (1.0, 2 / 3, 0.0), strict=True))
            yield from ((found[f"c{k}"]["pq"], stated[k]) for k in order)


def strips(*bands):
    """(50, 50) with ids in columns 10 to 19 from a row to another."""
    out = np.zeros((50, 50), np.int64)
    for first, last, value in bands:
        out[first:last, 10:20] = value
    return out


def panoptica(_shared):
    corner = np.zeros((50, 50), np.int64)
    corner[20:25, 10:15] = 2
    whole, part = strips((20, 40, 1)), strips((20, 35, 2))
    for truth, predicted, tp, fp, fn, sq, pq in (
        (whole, part, 1, 0, 0, 0.75, 0.75),
        (strips((20, 30, 1), (30, 40, 3)), part, 1, 0, 1, 0.6666666666666666, 0.4444444444444444),
        (whole, strips(), 0, 0, 1, 0.0, 0.0),
        (whole, corner, 0, 1, 1, 0.0, 0.0),
        (strips(), part, 0, 1, 0, 0.0, 0.0),
        (strips(), strips(), 0, 0, 0, None, None),
    ):
        found = matched(truth, predicted, 0.5)
        scores = match_scores(found)
        yield from zip(counts(found), (tp, fp, fn), strict=True)
        yield scores["object_pq"], pq
        # SQ is 0 there where nothing matches; here it is no number.
        if sq:
            yield scores["mean_matched_score"], sq


def calibrated(_shared):
    """Two hits of 0.9 and two false alarms of 0.2; masks instead of boxes, of the same IoU."""
    masks = np.zeros((4, 100, 100), bool)
    for i, (at, side) in enumerate(((10, 30), (60, 30), (0, 5), (90, 5))):
        masks[i, at : at + side, at : at + side] = True
    metric = InstanceMetrics(Taxonomy.from_names(["obj"]), COCO_RULES)
    metric.update(
        Rows.make(Masks.from_dense(masks[:2]), [0, 0]),
        Rows.make(Masks.from_dense(masks), [0] * 4, score=[0.9, 0.9, 0.2, 0.2]),
    )
    found = object_calibration(PredictionColumns.join(metric.columns), 0, CalibrationRules(10))
    return [(found.score, 0.15), *zip(found.curves[0].y, (0.0, 1.0), strict=True)]


def itself(shared):
    """panopticapi's own two images as their prediction: 100, 100, 100."""
    folder = shared / "conformance/panopticapi"
    said = json.loads((folder / "panoptic_examples.json").read_text("utf-8"))
    taxonomy = Taxonomy(
        tuple(
            Category(f"c{c['id']}", c["name"], ("stuff", "thing")[c["isthing"]])
            for c in said["categories"]
        )
    )
    metric = PanopticMetrics(taxonomy)
    for one in said["annotations"]:
        values = read_map(folder / "panoptic_examples" / one["file_name"]).astype(np.int64)
        image = values @ np.array([1, 256, 65536])
        masks, found = Masks.from_id_map(image)
        place = {int(v): i for i, v in enumerate(found)}
        rows = Rows.make(
            masks[np.array([place[s["id"]] for s in one["segments_info"]], int)],
            [taxonomy.index(f"c{s['category_id']}") for s in one["segments_info"]],
            instance=[s["id"] for s in one["segments_info"]],
            crowd=[bool(s["iscrowd"]) for s in one["segments_info"]],
        )
        metric.update(rows, rows, ignore=Masks.from_dense(image == 0))
    return [(100 * value, 100.0) for value in metric.result().metrics.values()]


REPLAYS = (
    Replay(f"{STARDIST}tests/test_matching.py", "five discs, moved", "tp, fp, fn", 0, discs),
    Replay(f"{STARDIST}stardist/matching.py, docstring", "a square, moved", "tp, fp, fn, IoU", 0,
           square_moved),
    Replay(MONAI, "one image", "PQ, SQ, RQ at 0.99, 0.5, 0.3", 1e-4, monai_images),
    Replay(MONAI, "two images with classes", "PQ, SQ, RQ at 0.5, 0.4, 0.3", 1e-4, monai_classes),
    Replay(TORCH, "5 × 5 pixels of things and stuff; all of it unknown", "PQ", 5e-5, torch_whole),
    Replay(TORCH, "five points, stuff with instances", "PQ", 1e-6, torch_points),
    Replay(TORCH, "order of classes", "PQ of classes", 1e-6, torch_classes),
    Replay(f"{PANOPTICA}test_panoptic_evaluator.py", "strips, one or both empty",
           "tp, fp, fn, SQ, PQ", 1e-7, panoptica),
    Replay("derekallman/hotcoco ef5a158, crates/hotcoco/tests/integration_test.rs",
           "calibration of four detections", "ECE of objects, share of hits in two bins", 1e-9,
           calibrated),
    Replay("cocodataset/panopticapi, sample_data", "the truth as its own prediction",
           "PQ, SQ, RQ of all, things, stuff", 0.0, itself, shared=True),
)  # fmt: skip
