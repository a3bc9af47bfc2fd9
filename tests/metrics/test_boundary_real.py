"""Outlines of real labels: people against people, and a video against a copy that moved."""

from __future__ import annotations

import cv2
import networkx as nx
import numpy as np
import pytest
from scipy.io import loadmat
from scipy.spatial import cKDTree
from tests.metrics.boundary_cases import (
    api_width,
    db_eval_iou,
    db_statistics,
    f_measure,
    mask_to_boundary,
    quotient,
)

from maskloom.core.masks import Masks
from maskloom.metrics.boundary.bands import band_widths, boundary_bands, boundary_iou_pairs
from maskloom.metrics.boundary.contours import boundary_f1, contour_counts
from maskloom.metrics.boundary.dense_bands import boundary_iou
from maskloom.metrics.boundary.rules import (
    BOUNDARY_RULES,
    CONTOUR_RULES,
    VIDEO_RULES,
    ContourRules,
)
from maskloom.metrics.boundary.video import VideoObjectMetrics
from maskloom.store.images import read_map

pytestmark = pytest.mark.shared

GIVEN = ContourRules(0.0075, contour="given", one_to_one=True)
MANY = ContourRules(0.0075, contour="given")


def pairs_of(a, b, reach):
    """Most pairs within reach, by networkx."""
    near = cKDTree(np.argwhere(a)).query_ball_tree(cKDTree(np.argwhere(b)), reach)
    graph = nx.Graph([((0, i), (1, j)) for i, found in enumerate(near) for j in found])
    left = [node for node in graph if node[0] == 0]
    return len(nx.bipartite.hopcroft_karp_matching(graph, left)) // 2


def test_bsds_people_agree_on_fewer_contours_one_to_one(shared):
    """13 images, the first person as the truth of the second: pairs equal networkx's."""
    folder = shared / "bsds500/groundTruth"
    files = sorted(folder.rglob("*.mat"))
    assert len(files) == 13
    one_to_one, many = [], []
    for file in files:
        people = loadmat(file)["groundTruth"][0]
        a, b = (person["Boundaries"][0, 0].astype(bool) for person in people[:2])
        counts = contour_counts(a, b, GIVEN)
        reach = 0.0075 * np.hypot(*a.shape)
        assert counts.truth_met == counts.predicted_met == pairs_of(a, b, reach)
        within = contour_counts(a, b, MANY)
        assert within.truth_met == int(
            (cv2.distanceTransform((~b).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[a]
             <= reach + 1e-3).sum()
        )  # fmt: skip
        assert counts.truth_met <= min(within.truth_met, within.predicted_met)
        one_to_one.append(counts.f1(None))
        many.append(within.f1(None))
    assert np.mean(one_to_one) == pytest.approx(0.7049, abs=5e-5)
    assert np.mean(many) == pytest.approx(0.7337, abs=5e-5)


def test_two_observers_of_retinal_vessels(shared):
    folder = shared / "chase_db1"
    names = sorted(folder.glob("*_1stHO.png"))
    assert len(names) == 20
    scores = []
    for name in names:
        truth = read_map(name).astype(bool)
        second = read_map(name.with_name(name.name.replace("1stHO", "2ndHO"))).astype(bool)
        davis = boundary_f1(truth, second, CONTOUR_RULES["davis"])
        assert davis == pytest.approx(f_measure(second, truth), abs=1e-12)
        api = boundary_iou(truth, second, BOUNDARY_RULES["boundary-iou-api"])
        d = api_width(*truth.shape)
        assert api == quotient(mask_to_boundary(truth, d), mask_to_boundary(second, d))
        scores.append((davis, boundary_f1(truth, second, CONTOUR_RULES["pixels"].within(1)), api))
        # Vessels are thinner than twice the band of 28 px: Boundary IoU is their plain IoU.
        assert api == quotient(truth, second)
    assert np.mean(scores, axis=0) == pytest.approx([0.9478, 0.6013, 0.6240], abs=5e-5)


def test_a_video_object_that_moved_by_three_pixels(shared):
    folder = shared / "davis2016/Annotations/480p/motocross-jump"
    frames = [read_map(file) > 0 for file in sorted(folder.glob("*.png"))]
    assert len(frames) == 40
    moved = [np.roll(frame, 3, axis=1) for frame in frames]
    made = VideoObjectMetrics(VIDEO_RULES["davis2017"])
    for i, (truth, predicted) in enumerate(zip(frames, moved, strict=True)):
        made.update(truth, predicted, sequence="motocross-jump", order=i)
    pairs = list(zip(frames, moved, strict=True))[1:-1]
    j = db_statistics([db_eval_iou(t, p) for t, p in pairs])
    f = db_statistics([f_measure(p, t) for t, p in pairs])
    scores = made.result().metrics
    assert [scores[n] for n in ("j", "j_recall", "j_decay")] == pytest.approx(j, abs=1e-12)
    assert [scores[n] for n in ("f", "f_recall", "f_decay")] == pytest.approx(f, abs=1e-12)
    assert scores["j_and_f"] == pytest.approx((j[0] + f[0]) / 2, abs=1e-12)


def test_bands_of_people_equal_the_reference(shared):
    """20 images of Penn-Fudan, each person against a copy that moved by 2 and 1 px."""
    folder = shared / "pennfudan"
    files = sorted(folder.rglob("*_mask.png"))[:20]
    assert files
    for file in files:
        ids = read_map(file)
        masks, found = Masks.from_id_map(ids)
        bands = boundary_bands(masks, band_widths(masks.sizes))
        d = api_width(*ids.shape)
        dense = [mask_to_boundary(ids == value, d) for value in found]
        assert bands.areas.tolist() == [int(band.sum()) for band in dense]
        moved = masks.shift(2, 1)
        other = boundary_bands(moved, band_widths(moved.sizes))
        n = np.arange(len(masks))
        theirs = [quotient(one, mask_to_boundary(moved.dense(i), d)) for i, one in enumerate(dense)]
        assert boundary_iou_pairs(bands, other, n, n).tolist() == theirs
