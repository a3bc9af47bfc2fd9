"""Nuclei, membranes and vessels: the numbers of maskloom beside those of the references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import adapted_rand_error, variation_of_information
from tests.metrics.test_shape_oracles import (
    cellpose_aji,
    cellpose_average_precision,
    hover_net_aji,
    reference_cldice,
    stardist_dataset,
)

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.shape.cluster_metrics import ClusterMetrics
from maskloom.metrics.shape.clusters import CLUSTER_RULES
from maskloom.metrics.shape.object_metrics import ObjectShapeMetrics
from maskloom.metrics.shape.objects import OBJECT_RULES
from maskloom.metrics.shape.size_metrics import SizeMetrics
from maskloom.metrics.shape.thin_metrics import ThinMetrics
from maskloom.store.images import read_map

pytestmark = pytest.mark.shared

NUCLEI = Taxonomy((Category("nucleus", "nucleus"),))


def degraded(ids, rng):
    """Objects thinner by a pixel, every seventh joined with the next, every ninth lost."""
    out = ids.copy()
    same = np.ones(ids.shape, bool)
    for axis in (0, 1):
        for step in (-1, 1):
            same &= np.roll(ids, step, axis) == ids
    out[~same] = 0
    for i in np.unique(out)[1:]:
        if rng.random() < 1 / 7:
            out[out == i] = i + 1
        elif rng.random() < 1 / 9:
            out[out == i] = 0
    return np.unique(out, return_inverse=True)[1].reshape(ids.shape)


@pytest.fixture(scope="module")
def nuclei(shared):
    """Label images of the corrected nuclei, and degraded copies."""
    images = []
    rng = np.random.default_rng(0)
    for folder in sorted((shared / "dsb2018/masks_fixed").iterdir()):
        ids = None
        for n, file in enumerate(sorted(folder.glob("*.png")), 1):
            mask = read_map(file) > 0
            ids = np.zeros(mask.shape, np.int64) if ids is None else ids
            ids[mask] = n
        ids = np.unique(ids, return_inverse=True)[1].reshape(ids.shape)
        if ids.min() == 0 and ids.max() > 0 and len(images) < 25:
            images.append((ids, degraded(ids, rng)))
    assert len(images) > 10
    return images


def test_nuclei_against_a_degraded_copy(nuclei):
    metrics = {name: ObjectShapeMetrics(NUCLEI, rules) for name, rules in OBJECT_RULES.items()}
    for truth, predicted in nuclei:
        own = {name: metric.update_maps(truth, predicted) for name, metric in metrics.items()}
        assert own["hover-net"]["aji"] == pytest.approx(hover_net_aji(truth, predicted), abs=1e-12)
        plus = hover_net_aji(truth, predicted, plus=True)
        assert own["hover-net"]["aji_plus"] == pytest.approx(plus, abs=1e-12)
        assert own["maskloom"]["aji"] == own["hover-net"]["aji"]
        assert own["cellpose"]["aji"] == pytest.approx(cellpose_aji(truth, predicted), abs=1e-12)
    found = {name: metric.result().metrics for name, metric in metrics.items()}
    wanted = stardist_dataset(nuclei, 0.5, by_image=False)
    for ours, theirs in (("f1_50", "f1"), ("object_accuracy_50", "accuracy"),
                         ("mean_matched_score_50", "mean_matched_score"),
                         ("object_pq_50", "panoptic_quality")):  # fmt: skip
        assert found["stardist"][ours] == pytest.approx(wanted[theirs], abs=1e-6)
    average = np.mean([cellpose_average_precision(*pair, 0.75)[0] for pair in nuclei])
    assert found["cellpose"]["object_accuracy_75"] == pytest.approx(average, abs=1e-12)
    assert 0.4 < found["maskloom"]["aji"] < 0.95
    assert found["maskloom"]["count_bias"] < 0


def test_nuclei_as_rows_score_as_their_maps_do(nuclei):
    maps, rows = ObjectShapeMetrics(NUCLEI), ObjectShapeMetrics(NUCLEI)
    for pair in nuclei:
        maps.update_maps(*pair)
        sides = [Masks.from_id_map(ids) for ids in pair]
        rows.update(*(Rows.make(m, np.zeros(len(m)), instance=ids) for m, ids in sides))
    assert rows.result().metrics == pytest.approx(maps.result().metrics, abs=1e-12)


def test_membranes_with_gaps_merge_cells(shared):
    """Cells of the true membranes against cells of membranes thinned until they leak."""
    ours, theirs = ClusterMetrics(NUCLEI), ClusterMetrics(NUCLEI, CLUSTER_RULES["scikit-image"])
    for file in sorted((shared / "em_isbi2012/label").glob("*.png")):
        inside = read_map(file) > 127
        truth = ndimage.label(inside)[0]
        predicted = ndimage.label(ndimage.binary_dilation(inside, iterations=2))[0]
        found = ours.update_maps(truth, predicted)
        split, merge = variation_of_information(truth, predicted)
        assert (found["vi_split"], found["vi_merge"]) == pytest.approx((split, merge), abs=1e-12)
        error, precision, recall = adapted_rand_error(truth, predicted)
        named = theirs.update_maps(truth, predicted)
        wanted = (1 - error, precision, recall)
        assert tuple(
            named[n] for n in ("rand_f", "rand_precision", "rand_recall")
        ) == pytest.approx(wanted, abs=1e-12)
        assert found["rand_precision"] < found["rand_recall"]
    scores = ours.result().metrics
    assert scores["vi_merge"] > scores["vi_split"]


def test_the_second_observer_of_vessels_against_the_first(shared):
    vessel = Taxonomy((Category("vessel", "vessel", kind="stuff"),))
    thin, size = ThinMetrics(vessel), SizeMetrics(vessel)
    files = sorted((shared / "chase_db1").glob("*_1stHO.png"))
    assert len(files) == 20
    for file in files:
        first = read_map(file) > 0
        second = read_map(file.with_name(file.name.replace("1stHO", "2ndHO"))) > 0
        maps = [np.where(side, 0, 254).astype(np.uint8) for side in (first, second)]
        own = thin.update(*maps)
        assert own["cldice"] == pytest.approx(reference_cldice(second, first), abs=1e-12)
        assert size.update(*maps)["area_error"] == abs(int(first.sum()) - int(second.sum()))
    assert 0.75 < thin.result().metrics["cldice"] < 0.95
