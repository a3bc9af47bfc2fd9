"""Average precision in a validation loop, beside torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision as Reference

from maskloom.compat.validation.objects import NAMES, MeanAveragePrecision
from maskloom.errors import DataError

SIZE = (40, 50)


def objects(rng, n, like=None):
    masks = torch.zeros((n, *SIZE), dtype=torch.bool)
    for i in range(n):
        y, x = rng.integers(0, 30, 2)
        masks[i, y : y + rng.integers(2, 12), x : x + rng.integers(2, 14)] = True
    labels = torch.tensor(rng.integers(0, 3, n))
    if like is not None:
        keep = rng.integers(0, max(len(like["masks"]), 1), n // 2)
        for i, j in enumerate(keep[: len(like["masks"])]):
            masks[i], labels[i] = torch.roll(like["masks"][j], 1, 1), like["labels"][j]
    return {"masks": masks, "labels": labels}


def batches(seed, crowds):
    rng = np.random.default_rng(seed)
    for _ in range(3):
        target = [objects(rng, int(rng.integers(1, 6))) for _ in range(4)]
        preds = [objects(rng, int(rng.integers(0, 9)), one) for one in target]
        for one in preds:
            # As doubles: torchmetrics' float32 scores tie where these do not.
            one["scores"] = torch.tensor(rng.permutation(64)[: len(one["labels"])] / 64)
        for one in target:
            if crowds:
                one["iscrowd"] = torch.tensor(rng.integers(0, 2, len(one["labels"])))
        yield preds, target


@pytest.mark.parametrize("seed", range(5))
def test_a_loop_gives_what_torchmetrics_gives(seed):
    # Its own levels are float32, see below.
    levels = np.linspace(0.5, 0.95, 10).tolist()
    ours = MeanAveragePrecision(3)
    theirs = Reference(iou_type="segm", backend="pycocotools", iou_thresholds=levels)
    for preds, target in batches(seed, crowds=False):
        ours.update(preds, target)
        theirs.update(preds, target)
    found, reference = ours.compute(), theirs.compute()
    for name in NAMES:
        assert found[name] == pytest.approx(float(reference[name]), abs=1e-6), name


@pytest.mark.parametrize("seed", range(5))
def test_a_loop_with_crowds_gives_what_pycocotools_gives(seed, capsys):
    ours = MeanAveragePrecision(3)
    said = {"images": [], "annotations": [], "categories": [{"id": k + 1} for k in range(3)]}
    results = []
    for preds, target in batches(seed, crowds=True):
        ours.update(preds, target)
        for found, truth in zip(preds, target, strict=True):
            image = len(said["images"]) + 1
            said["images"].append({"id": image, "height": SIZE[0], "width": SIZE[1]})
            for entry, crowd in zip(entries(truth, image), truth["iscrowd"].tolist(), strict=True):
                own = {"id": len(said["annotations"]) + 1, "iscrowd": crowd}
                said["annotations"].append({**entry, **own})
            scores = found["scores"].tolist()
            results += [
                {**entry, "score": score}
                for entry, score in zip(entries(found, image), scores, strict=True)
            ]
    coco = COCO()
    coco.dataset = said
    coco.createIndex()
    evaluated = COCOeval(coco, coco.loadRes(results), "segm")
    evaluated.evaluate()
    evaluated.accumulate()
    evaluated.summarize()
    assert capsys.readouterr().out
    found = ours.compute()
    assert [found[name] for name in NAMES] == pytest.approx(evaluated.stats[:9].tolist(), abs=1e-12)


def entries(sample, image):
    for dense, label in zip(sample["masks"].numpy(), sample["labels"].tolist(), strict=True):
        runs = mask.encode(np.asfortranarray(dense.astype(np.uint8)))
        area = float(mask.area(runs))
        yield {"image_id": image, "category_id": label + 1, "segmentation": runs, "area": area}


def test_torchmetrics_levels_are_single_precision_and_miss_an_iou_of_three_fifths():
    truth, found = torch.zeros((1, 1, 5), dtype=torch.bool), torch.ones((1, 1, 5), dtype=torch.bool)
    truth[..., :3] = True
    labels, scores = torch.tensor([0]), torch.tensor([0.5])
    batch = (
        [{"masks": found, "labels": labels, "scores": scores}],
        [{"masks": truth, "labels": labels}],
    )
    ours, theirs = MeanAveragePrecision(1), Reference(iou_type="segm", backend="pycocotools")
    ours.update(*batch)
    theirs.update(*batch)
    assert ours.compute()["map"] == pytest.approx(0.3)  # 0.5, 0.55 and 0.6, as pycocotools
    assert float(theirs.compute()["map"]) == pytest.approx(0.2)


def test_processes_merge_and_reset_forgets():
    whole, merged = MeanAveragePrecision(3), MeanAveragePrecision(3)
    for number, batch in enumerate(batches(1, crowds=False)):
        whole.update(*batch)
        part = MeanAveragePrecision(3)
        part.update(*batch)
        state = part.state()
        # Places of samples decide among equal scores.
        state["column.order"] = state["column.order"] + 4 * number
        merged.merge(state)
    assert merged.compute() == whole.compute()
    merged.reset()
    assert set(merged.compute().values()) == {-1.0}


def one(**changes):
    plain = {"masks": np.ones((1, 4, 4), bool), "labels": np.array([0]), "scores": np.array([0.5])}
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("preds", "target", "message"),
    [
        ([one()], [], "numbers of images"),
        ([one(labels=np.array([3]))], [one()], "prediction is no class.*3"),
        ([one()], [one(labels=np.array([-1]))], "truth is no class.*-1"),
        ([one(scores=np.array([np.nan]))], [one()], "finite numbers"),
        ([one(masks=np.ones((1, 5, 4), bool))], [one()], "differ in size"),
        ([one(masks=np.ones((4, 4), bool))], [one()], "do not fit"),
    ],
)
def test_what_does_not_fit_is_one_error(preds, target, message):
    with pytest.raises(DataError, match=message):
        MeanAveragePrecision(2).update(preds, target)
