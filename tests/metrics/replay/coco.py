"""Average precision: what cocoapi, boundary-iou-api, faster-coco-eval and hotcoco state."""

from __future__ import annotations

import json
import re

import numpy as np
from tests.compat.coco_sets import quiet
from tests.metrics.replay.cases import Replay

from maskloom.compat.coco import COCO, COCOeval

FASTER = "MiXaiLL76/faster_coco_eval 33ab609"
FAKE = "conformance/faster_coco_eval/cocoapi"
BBOX = """0.5045806987249628 0.6969727247299577 0.5729816669904824 0.5856257209410443
 0.5193996948036719 0.5013978986347466 0.38681277964578054 0.5936795762842003
 0.595352982877607 0.6398109626113442 0.5664205978994309 0.5642905982905982"""
SEGM = """0.3195452758576433 0.5622883972521636 0.29892653412086784 0.3873740315997838
 0.31018272403369485 0.3269339071005138 0.2682297225711534 0.41544868114906375
 0.4168394992198818 0.4694498622754236 0.37675922666197265 0.3814715099715099"""
BOUNDARY = """0.6947194719471946 0.6947194719471946 0.6947194719471946 -1 0.7367986798679867 0
 0.6666666666666666 0.75 0.75 -1 0.7916666666666666 0"""
IGNORED = """0.7099009900990099 1 0.8415841584158416 -1 0.7099009900990099 -1
 0 0.45384615384615384 0.7153846153846154 -1 0.7153846153846154 -1"""
RANGES = {"nano": 8, "micro": 16, "small": 32, "medium": 96, "large": 1e5}
NARROW = {
    "bbox": """0.5113353643056614 0.6140617632744609 0.5922324594181126 0.5193996948036719
 0.5013978986347466 0.5275641025641026 0.6357804552804553 0.6244558281224948
 0.5664205978994309 0.5642905982905982""",
    "segm": """0.32192815435389693 0.42356630493674324 0.4177722071480622 0.31018272403369485
 0.3269339071005138 0.37756410256410255 0.4858371448371448 0.46426422959756286
 0.37675922666197265 0.3814715099715099""",
}


def numbers(text):
    return [float(word) for word in text.split()]


def evaluated(truth, results, kind, areas=None):
    """An evaluation that has been summed up."""
    with quiet():
        gt = COCO(truth)
        done = COCOeval(gt, gt.loadRes(results), kind)
        if areas is not None:
            done.params.areaRngLbl, done.params.areaRng = list(areas), list(areas.values())
        done.evaluate()
        done.accumulate()
        if areas is None:
            done.summarize()
    return done


def twelve(truth, results, kind, stated):
    found = evaluated(truth, results, kind).stats
    return zip(np.asarray(found).tolist(), stated, strict=True)


def fake(kind, stated):
    return lambda shared: twelve(
        shared / FAKE / "instances_val2014_100.json",
        shared / FAKE / f"instances_val2014_fake{kind}100_results.json",
        kind,
        numbers(stated),
    )


def printed(kind):
    """What cocoapi printed of its own files: three digits."""

    def pairs(shared):
        text = (shared / "conformance/cocoapi/val2014_fake_eval_res.txt").read_text()
        own = text.split(f"type={kind}")[1].split("-----")[0]
        stated = [float(one) for one in re.findall(r"= (-?\d\.\d+)$", own, re.MULTILINE)]
        assert len(stated) == 12
        results = shared / f"conformance/cocoapi/instances_val2014_fake{kind}100_results.json"
        return twelve(shared / FAKE / "instances_val2014_100.json", results, kind, stated)

    return pairs


def narrow(kind):
    """AP and AR of five ranges of area, as `stats` would have them."""

    def pairs(shared):
        sides = [0, *RANGES.values()]
        areas = {
            name: [low**2, high**2]
            for name, low, high in zip(RANGES, sides, sides[1:], strict=False)
        }
        done = evaluated(
            shared / FAKE / "instances_val2014_100.json",
            shared / FAKE / f"instances_val2014_fake{kind}100_results.json",
            kind,
            areas,
        )
        found = [
            own[..., a, -1][own[..., a, -1] > -1].mean()
            for own in (done.eval["precision"], done.eval["recall"])
            for a in range(len(areas))
        ]
        return zip(map(float, found), numbers(NARROW[kind]), strict=True)

    return pairs


def boundary(kind):
    """Masks without boxes, whose areas would be those of the boxes."""

    def pairs(shared):
        folder = shared / "conformance/faster_coco_eval"
        results = json.loads((folder / "dt_dataset.json").read_text())
        for one in results:
            del one["bbox"]
        return twelve(folder / "gt_dataset.json", results, kind, numbers(BOUNDARY))

    return pairs


def with_ignored(shared):
    """One image, whose id is text here and there; its reader leaves scores below 0.1 out."""
    folder = shared / "conformance/faster_coco_eval"
    truth = json.loads((folder / "gt_ignore_test.json").read_text())
    for one in truth["images"]:
        one["id"] = int(one["id"])
    for one in truth["annotations"]:
        one["image_id"] = int(one["image_id"])
    results = json.loads((folder / "dt_ignore_test.json").read_text())
    return truth, [one for one in results if one["score"] >= 0.1]


def ignored(shared):
    return twelve(*with_ignored(shared), "bbox", numbers(IGNORED))


def ious(shared):
    stated = np.load(shared / "conformance/faster_coco_eval/2299_1.npy")
    found = np.asarray(evaluated(*with_ignored(shared), "bbox").ious[2299, 1])
    assert found.shape == stated.shape
    return zip(found.ravel().tolist(), stated.ravel().tolist(), strict=True)


def box(image, category, place, **more):
    width, height = place[2:]
    return {
        "image_id": image, "category_id": category, "bbox": list(place),
        "area": width * height, "iscrowd": 0, **more,
    }  # fmt: skip


def boxes_set(n_images, size, categories, truth):
    return {
        "images": [{"id": i, "height": size, "width": size} for i in n_images],
        "annotations": truth,
        "categories": [{"id": i, "name": str(i)} for i in categories],
    }


# hotcoco, crates/hotcoco/tests/fixtures/edge_gt.json and edge_dt.json
EDGE_TRUTH = [
    box(1, 1, (10, 10, 50, 50), id=1, iscrowd=1),
    box(2, 1, (0, 0, 20, 20), id=2),
    box(3, 1, (5, 5, 20, 20), id=3),
    box(3, 1, (60, 60, 20, 20), id=4),
    box(5, 1, (10, 10, 30, 30), id=5),
    box(5, 1, (50, 50, 30, 30), id=6),
    box(6, 1, (0, 0, 32, 32), id=7),
    box(6, 1, (0, 0, 96, 96), id=8),
]
EDGE_RESULTS = [
    box(1, 1, (10, 10, 50, 50), score=0.9), box(1, 1, (12, 12, 48, 48), score=0.8),
    box(1, 1, (15, 15, 45, 45), score=0.7), box(2, 1, (0, 0, 20, 20), score=0.95),
    box(3, 1, (5, 5, 20, 20), score=0.5), box(3, 1, (60, 60, 20, 20), score=0.5),
    box(4, 2, (10, 10, 20, 20), score=0.6), box(4, 2, (50, 50, 20, 20), score=0.4),
    box(6, 1, (0, 0, 32, 32), score=0.85), box(6, 1, (0, 0, 96, 96), score=0.75),
]  # fmt: skip
EDGE = """0.712871 0.712871 0.712871 0.663366 1 1 0.428571 0.714286 0.714286 0.666667 1 1"""


def edge(_shared):
    truth = boxes_set(range(1, 7), 100, (1, 2, 3), EDGE_TRUTH)
    return twelve(truth, EDGE_RESULTS, "bbox", numbers(EDGE))


def crowd_alone(_shared):
    """Three detections of a crowd and nothing else: recall is -1."""
    truth = boxes_set([1], 100, [1], EDGE_TRUTH[:1])
    done = evaluated(truth, EDGE_RESULTS[:3], "bbox")
    return [(float(done.eval["recall"].max()), -1.0), (float(done.eval["precision"].max()), -1.0)]


REPLAYS = (
    *(
        Replay(f"{FASTER}, tests/test_cocoapi_fake_data.py", f"cocoapi's fake {kind}, 100 images",
               "AP, AR", 1e-12, fake(kind, stated), shared=True)
        for kind, stated in (("bbox", BBOX), ("segm", SEGM))
    ),
    *(
        Replay("cocodataset/cocoapi, results/val2014_fake_eval_res.txt",
               f"fake {kind}, 100 images, as printed", "AP, AR", 5e-4, printed(kind), shared=True)
        for kind in ("bbox", "segm")
    ),
    *(
        Replay(f"{FASTER}, tests/test_ranges.py", f"five ranges of area, {kind}",
               "AP, AR", 1e-12, narrow(kind), shared=True)
        for kind in ("bbox", "segm")
    ),
    *(
        Replay(f"{FASTER}, tests/{file}", f"3 images, {kind}", "AP, AR", 1e-12, boundary(kind),
               shared=True)
        for kind, file in (("boundary", "test_boundary.py"), ("segm", "test_basic.py"))
    ),
    Replay(f"{FASTER}, tests/test_basic.py", "annotations said to be ignored, bbox", "AP, AR",
           1e-12, ignored, shared=True),
    Replay(f"{FASTER}, tests/dataset/2299_1.npy", "annotations said to be ignored, each box with each", "IoU", 1e-12,
           ious, shared=True),
    Replay("derekallman/hotcoco ef5a158, crates/hotcoco/tests/integration_test.rs",
           "edge cases: crowd, ties, no truth, no prediction, areas at a bound", "AP, AR", 1e-6,
           edge),
    Replay("derekallman/hotcoco ef5a158, crates/hotcoco/tests/integration_test.rs",
           "a crowd alone", "highest precision and recall", 0.0, crowd_alone),
)  # fmt: skip
