"""COCO's own panoptic images against themselves and against disturbed copies.

Maps are read here without the format, so that the numbers do not rest on it.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.metrics.panoptic_cases import oracle, oracle_means

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.panoptic.family import PanopticMetrics
from maskloom.store.images import read_map

pytestmark = pytest.mark.shared

SETS = {
    "coco_mini": ("coco_mini/panoptic_train2017.json", "coco_mini/panoptic_train2017", 13),
    "panopticapi": (
        "conformance/panopticapi/panoptic_examples.json",
        "conformance/panopticapi/panoptic_examples",
        2,
    ),
}


@pytest.fixture(scope="module", params=sorted(SETS))
def coco(request, shared):
    """(taxonomy, [(ids, {id: (position, crowd)}, stated areas)])."""
    file, folder, n = SETS[request.param]
    said = json.loads((shared / file).read_text("utf-8"))
    kinds = ("stuff", "thing")
    taxonomy = Taxonomy(
        tuple(Category(f"c{c['id']}", c["name"], kinds[c["isthing"]]) for c in said["categories"])
    )
    images = []
    for one in said["annotations"]:
        values = read_map(shared / folder / one["file_name"]).astype(np.int64)
        ids = values @ np.array([1, 256, 65536])
        info = {
            s["id"]: (taxonomy.index(f"c{s['category_id']}"), bool(s["iscrowd"]))
            for s in one["segments_info"]
        }
        images.append((ids, info, {s["id"]: s["area"] for s in one["segments_info"]}))
    assert len(images) == n
    return taxonomy, images


def rows(ids, info):
    """Rows by `Masks.from_id_map`, one per segment."""
    masks, found = Masks.from_id_map(ids)
    place = {int(v): i for i, v in enumerate(found)}
    return Rows.make(
        masks[np.array([place[i] for i in info], int)],
        [k for k, _ in info.values()],
        instance=list(info),
        crowd=[c for _, c in info.values()],
    )


def disturbed(ids, info, rng, taxonomy):
    """A prediction: shifted, torn, relabelled, with segments lost, split and added."""
    out = np.roll(ids, rng.integers(-9, 10, 2), (0, 1))
    height, width = out.shape
    found = {}
    for i, (k, _) in info.items():
        what = rng.random()
        if what < 0.15:
            out[out == i] = 0
        elif what < 0.3 and taxonomy[k].kind == "thing":
            found[i + 2**25] = found[i] = (k, False)
            right = (out == i) & (np.arange(width) > width * rng.random())
            out[right] = i + 2**25
        else:
            found[i] = (int(rng.integers(len(taxonomy))) if what < 0.4 else k, False)
    for n in range(6):
        y, x, h, w = (rng.random(4) * [height, width, height / 4, width / 4]).astype(int)
        out[y : y + h + 1, x : x + w + 1] = 2**26 + n
        found[2**26 + n] = (int(rng.choice([k for k, _ in info.values()])), False)
    first = {}
    for i, (k, _) in list(found.items()):
        if taxonomy[k].kind == "stuff":
            out[out == i] = first.setdefault(k, i)
    return out, {i: k for i, k in found.items() if (out == i).any()}


def test_stated_areas_are_those_of_the_pixels(coco):
    """panopticapi takes the areas that the file states: here they are the same."""
    for ids, _, areas in coco[1]:
        values, counts = np.unique(ids[ids != 0], return_counts=True)
        assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == areas


def test_truth_against_itself_is_one(coco):
    taxonomy, images = coco
    metric = PanopticMetrics(taxonomy)
    for ids, info, _ in images:
        same = rows(ids, info)
        metric.update(same, same, ignore=Masks.from_dense(ids == 0))
    metrics = metric.result().metrics
    assert set(metrics.values()) == {1.0}


def test_disturbed_truth_scores_as_the_published_algorithm_does(coco):
    taxonomy, images = coco
    kinds = {
        of: [k for k, c in enumerate(taxonomy) if c.kind in said]
        for of, said in (("", ("thing", "stuff")), ("_things", "thing"), ("_stuff", "stuff"))
    }
    for seed in range(3):
        rng = np.random.default_rng(seed)
        metric, cases = PanopticMetrics(taxonomy), []
        for ids, info, _ in images:
            predicted, found = disturbed(ids, info, rng, taxonomy)
            cases.append((ids, info, predicted, found))
            metric.update(
                rows(ids, info),
                rows(predicted, found),
                ignore=Masks.from_dense(ids == 0),
            )
        wanted = oracle(cases, range(len(taxonomy)))
        metrics = metric.result().metrics
        for of, categories in kinds.items():
            means = [metrics[f"{q}{of}"] for q in ("pq", "sq", "rq")]
            assert means == pytest.approx(list(oracle_means(wanted, categories)), abs=1e-12)
        for k, category in enumerate(taxonomy):
            row = metric.result().per_class[category.key]
            assert [row["tp"], row["fp"], row["fn"]] == wanted[k][1:]
        assert 0.05 < metrics["pq"] < 0.95
