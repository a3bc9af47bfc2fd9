from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.objects.sides import COCO_RULES, InstanceRules

STATS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100")
AB = Taxonomy.from_names(["a", "b"])
DEV = "an oracle that the extra dev brings"
VOID = Taxonomy((Category("a", "a"), Category("void", "void", void=True)))


def boxes_to_masks(*boxes, size=(10, 10)):
    dense = np.zeros((len(boxes), *size), bool)
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        dense[i, y0:y1, x0:x1] = True
    return Masks.from_dense(dense) if boxes else Masks.empty(0, size)


def rows(*boxes, category=0, **columns):
    size = columns.pop("size", (10, 10))
    return Rows.make(boxes_to_masks(*boxes, size=size), np.full(len(boxes), category), **columns)


def scores_of(truth, predicted, taxonomy=AB, **kwargs):
    metric = InstanceMetrics(taxonomy)
    metric.update(truth, predicted, **kwargs)
    return metric.result().metrics


def test_a_perfect_prediction_scores_exactly_one():
    truth = rows((0, 0, 4, 4), (5, 5, 9, 9))
    found = scores_of(truth, truth)
    assert [found[name] for name in ("ap", "ap50", "ap75", "ar100", "f1_50")] == [1.0] * 5


def test_one_of_two_objects_found_at_iou_three_quarters():
    truth = rows((0, 0, 4, 4), (6, 6, 10, 10))
    found = scores_of(truth, rows((0, 0, 4, 3), score=[0.9]))
    # 12 of 16 pixels: IoU 0.75, so six of ten levels hit; recall 1/2 covers 51 of 101 points
    assert found["ap50"] == pytest.approx(51 / 101)
    assert found["ap75"] == pytest.approx(51 / 101)
    assert found["ap"] == pytest.approx(0.6 * 51 / 101)
    assert found["ar100"] == pytest.approx(0.3)
    assert found["f1_50"] == pytest.approx(2 / 3)


def test_a_false_alarm_above_the_hit_halves_precision():
    truth = rows((0, 0, 4, 4))
    predicted = rows((6, 6, 9, 9), (0, 0, 4, 4), score=[0.9, 0.5])
    assert scores_of(truth, predicted)["ap"] == 0.5


def test_a_false_alarm_below_the_hit_costs_nothing():
    truth = rows((0, 0, 4, 4))
    predicted = rows((6, 6, 9, 9), (0, 0, 4, 4), score=[0.5, 0.9])
    assert scores_of(truth, predicted)["ap"] == 1.0


def test_the_right_mask_with_the_wrong_class_is_a_miss():
    metric = InstanceMetrics(AB)
    metric.update(rows((0, 0, 4, 4)), rows((0, 0, 4, 4), category=1))
    result = metric.result()
    assert result.metrics["ap"] == 0.0
    assert result.per_class["a"]["ap"] == 0.0
    assert result.per_class["b"]["ap"] is None
    assert "left out" in result.per_class["b"]["reason"]


def test_predictions_on_a_crowd_are_neither_hits_nor_false():
    truth = rows((0, 0, 4, 4), (5, 0, 10, 10), crowd=[False, True])
    predicted = rows((5, 0, 7, 2), (7, 5, 9, 9), (0, 0, 4, 4), score=[0.9, 0.8, 0.7])
    assert scores_of(truth, predicted)["ap"] == 1.0


def test_predictions_on_a_void_region_of_the_truth_are_not_judged():
    truth = Rows.make(boxes_to_masks((0, 0, 4, 4), (5, 0, 10, 10)), [0, 1])
    predicted = rows((5, 0, 7, 2), (0, 0, 4, 4), score=[0.9, 0.7])
    assert scores_of(truth, predicted, VOID)["ap"] == 1.0


def test_predictions_on_unlabelled_area_are_not_judged():
    predicted = rows((5, 0, 7, 2), (0, 0, 4, 4), score=[0.9, 0.7])
    ignore = boxes_to_masks((5, 0, 10, 10))
    assert scores_of(rows((0, 0, 4, 4)), predicted, ignore=ignore)["ap"] == 1.0


def test_a_category_not_listed_exhaustively_is_left_out_of_that_sample():
    both = Rows.make(boxes_to_masks((0, 0, 4, 4), (5, 5, 9, 9)), [0, 1], score=[0.5, 0.9])
    metric = InstanceMetrics(AB)
    metric.update(rows((0, 0, 4, 4)), both, unlabelled=(1,))
    assert metric.result().per_class["b"]["predicted_objects"] == 0


def test_nothing_on_both_sides_is_undefined_with_a_reason():
    metric = InstanceMetrics(AB)
    sample = metric.update(rows(), rows())
    result = metric.result()
    assert sample["f1_50"] is None
    assert set(result.metrics.values()) == {None}
    assert set(result.reasons) == set(result.metrics)


def test_no_sample_at_all_is_undefined():
    assert InstanceMetrics(AB).result().metrics["ap"] is None


def test_predictions_without_scores_count_as_one_and_are_noted():
    metric = InstanceMetrics(AB)
    metric.update(rows((0, 0, 4, 4)), rows((0, 0, 4, 4)))
    assert any("1 prediction without a score counts as 1.0" in n for n in metric.result().notes)


def test_rows_of_one_instance_are_one_object():
    truth = rows((0, 0, 4, 4), (6, 0, 9, 4), instance=[7, 7])
    predicted = Rows.make(truth.masks.merge(), [0])
    metric = InstanceMetrics(AB)
    sample = metric.update(truth, predicted)
    assert sample == {"f1_50": 1.0, "truth_objects": 1, "predicted_objects": 1}
    assert metric.result().metrics["ap"] == 1.0


def test_boxes_and_points_are_no_objects():
    truth = rows((0, 0, 4, 4), (6, 6, 9, 9), kind=[RowKind.MASK, RowKind.BOX])
    assert scores_of(truth, rows((0, 0, 4, 4)))["ap"] == 1.0


def test_more_objects_than_kept_predictions_is_noted():
    many = rows(*((i % 10, i // 10, i % 10 + 1, i // 10 + 1) for i in range(100)))
    metric = InstanceMetrics(AB, InstanceRules(max_detections=99))
    metric.update(many, many)
    assert metric.result().metrics["ap"] < 1.0
    assert any("capped" in note for note in metric.result().notes)
    assert scores_of(many, many)["ap"] == 1.0


# -- generated data sets against pycocotools -------------------------------------------------


def generate(seed, n_images=12, n_classes=4, size=(120, 150)):
    """(truth, predicted) rows per image: jittered copies, false alarms, crowds, ties, empties."""
    rng = np.random.default_rng(seed)

    def blob():
        scale = rng.choice([0.06, 0.25, 0.7]) * rng.uniform(0.4, 1, 2)
        h, w = np.maximum(2, np.array(size) * scale)
        y, x = rng.uniform(0, size[0] - h), rng.uniform(0, size[1] - w)
        return [x, y, w, h]

    def draw(boxes):
        out = np.zeros((len(boxes), *size), bool)
        yy, xx = np.mgrid[: size[0], : size[1]]
        for i, (x, y, w, h) in enumerate(boxes):
            cx, cy = x + w / 2, y + h / 2
            out[i] = ((xx + 0.5 - cx) / (w / 2)) ** 2 + ((yy + 0.5 - cy) / (h / 2)) ** 2 <= 1
        return Masks.from_dense(out) if boxes else Masks.empty(0, size)

    images = []
    for i in range(n_images):
        t_boxes = [blob() for _ in range(0 if i == 3 else rng.integers(0, 9))]
        t_class = rng.integers(0, n_classes - 1, len(t_boxes))
        p_boxes, p_class = [], []
        for box, k in zip(t_boxes, t_class, strict=True):
            for _ in range(rng.integers(0, 4)):
                jitter = rng.normal(0, 0.06, 4) * [box[2], box[3], box[2], box[3]]
                p_boxes.append([a + b for a, b in zip(box, jitter, strict=True)])
                p_class.append(k if rng.random() < 0.85 else rng.integers(0, n_classes))
        p_boxes += [blob() for _ in range(0 if i == 5 else rng.integers(0, 4))]
        p_class += rng.integers(0, n_classes, len(p_boxes) - len(p_class)).tolist()
        if i == 5:
            p_boxes, p_class = [], []
        truth = Rows.make(draw(t_boxes), t_class, crowd=rng.random(len(t_boxes)) < 0.2)
        score = rng.integers(1, 17, len(p_boxes)) / 16
        images.append((truth, Rows.make(draw(p_boxes), p_class, score=score)))
    return images


def pycocotools_scores(images, n_classes, max_detections=100):
    coco = pytest.importorskip("pycocotools.coco", reason=DEV)
    cocoeval = pytest.importorskip("pycocotools.cocoeval", reason=DEV)
    height, width = images[0][0].masks.sizes[0] if len(images[0][0]) else (120, 150)
    annotations, results = [], []
    for i, (truth, predicted) in enumerate(images, 1):
        for j in range(len(truth)):
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": i,
                    "category_id": int(truth.category[j]) + 1,
                    "iscrowd": int(truth.crowd[j]), "area": int(truth.masks.areas[j]),
                    "segmentation": truth.masks.to_coco(j),
                }
            )  # fmt: skip
        results += [
            {
                "image_id": i, "category_id": int(predicted.category[j]) + 1,
                "score": float(predicted.score[j]),
                "segmentation": predicted.masks.to_coco(j),
            }
            for j in range(len(predicted))
        ]  # fmt: skip
    truth = coco.COCO()
    truth.dataset = {
        "images": [
            {"id": i + 1, "height": int(height), "width": int(width)} for i in range(len(images))
        ],
        "annotations": annotations,
        "categories": [{"id": k + 1, "name": str(k)} for k in range(n_classes)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        ev = cocoeval.COCOeval(truth, truth.loadRes(results), "segm")
        ev.params.maxDets = [1, min(10, max_detections - 1), max_detections]
        ev.evaluate()
        ev.accumulate()
    precision, recall = ev.eval["precision"], ev.eval["recall"]

    def mean(values):
        defined = values[values > -1]
        return defined.mean() if defined.size else None

    stats = {
        "ap": mean(precision[..., 0, 2]), "ap50": mean(precision[0, ..., 0, 2]),
        "ap75": mean(precision[5, ..., 0, 2]), "ap_small": mean(precision[..., 1, 2]),
        "ap_medium": mean(precision[..., 2, 2]), "ap_large": mean(precision[..., 3, 2]),
        "ar1": mean(recall[..., 0, 0]), "ar10": mean(recall[..., 0, 1]),
        "ar100": mean(recall[..., 0, 2]),
    }  # fmt: skip
    per_class = [mean(precision[:, :, k, 0, 2]) for k in range(n_classes)]
    return stats, per_class


def measured(images, n_classes, rules=COCO_RULES):
    metric = InstanceMetrics(Taxonomy.from_names([f"c{k}" for k in range(n_classes)]), rules)
    for truth, predicted in images:
        metric.update(truth, predicted)
    return metric.result()


def same(ours, theirs):
    return (ours is None and theirs is None) or ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_all_nine_scores_equal_pycocotools(seed):
    images = generate(seed)
    stats, per_class = pycocotools_scores(images, 4)
    result = measured(images, 4)
    for name in STATS:
        assert same(result.metrics[name], stats[name]), name
    for k in range(4):
        assert same(result.per_class[f"c{k}"]["ap"], per_class[k])


def test_the_limit_on_predictions_equals_pycocotools():
    images = generate(99, n_classes=2)
    stats, _ = pycocotools_scores(images, 2, max_detections=3)
    result = measured(images, 2, InstanceRules(3, file_areas=True, void_ignores=False))
    assert same(result.metrics["ap"], stats["ap"])
    assert same(result.metrics["ap_small"], stats["ap_small"])


def test_merged_workers_equal_one_pass_in_any_order():
    images = generate(5)
    taxonomy = Taxonomy.from_names(["c0", "c1", "c2", "c3"])
    whole = measured(images, 4).metrics
    parts = [InstanceMetrics(taxonomy, COCO_RULES) for _ in range(3)]
    for i in reversed(range(len(images))):
        parts[i % 3].update(*images[i], order=i)
    parts[2].merge(parts[0])
    parts[2].merge(parts[1])
    assert parts[2].result().metrics == whole


@pytest.mark.shared
def test_the_published_cocoapi_case_replays(shared):
    # numbers of faster_coco_eval tests/test_cocoapi_fake_data.py and val2014_fake_eval_res.txt
    coco = pytest.importorskip("pycocotools.coco", reason=DEV)
    folder = shared / "conformance/faster_coco_eval/cocoapi"
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO(folder / "instances_val2014_100.json")
    results = json.loads((folder / "instances_val2014_fakesegm100_results.json").read_text())
    position = {category: i for i, category in enumerate(sorted(truth.getCatIds()))}
    metric = InstanceMetrics(Taxonomy.from_names([str(c) for c in position]), COCO_RULES)
    for image in sorted(truth.imgs):
        size = [truth.imgs[image]["height"], truth.imgs[image]["width"]]
        found = truth.imgToAnns[image]
        given = [r for r in results if r["image_id"] == image]
        nothing = Masks.empty(0, size)
        masks = [Masks.from_coco([truth.annToRLE(a)]) for a in found]
        metric.update(
            Rows.make(
                Masks.concatenate([nothing, *masks]),
                [position[a["category_id"]] for a in found],
                crowd=[a["iscrowd"] for a in found], source=found,
            ),
            Rows.make(
                Masks.concatenate(
                    [nothing, Masks.from_coco([r["segmentation"] for r in given])]
                ),
                [position[r["category_id"]] for r in given], score=[r["score"] for r in given],
            ),
        )  # fmt: skip
    expected = (0.320, 0.562, 0.299, 0.387, 0.310, 0.327, 0.268, 0.415, 0.417)
    got = metric.result().metrics
    assert [round(got[name], 3) for name in STATS] == list(expected)
