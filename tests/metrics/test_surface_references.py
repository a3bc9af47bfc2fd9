from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from tests.metrics import surface_cases as cases

from maskloom.metrics.surface.rules import SURFACE_RULES
from maskloom.metrics.surface.scores import surface_scores

SINGLE = 2e-6
"""MONAI and torchmetrics give float32."""


def ours(name, truth, predicted, spacing, **options):
    return surface_scores(truth, predicted, spacing=spacing, rules=SURFACE_RULES[name], **options)


def agree(scores, wanted, case, *, rel=1e-9):
    mine = {name: getattr(scores, name) for name in wanted}
    bad = {n: (mine[n], wanted[n]) for n in wanted if not cases.same(mine[n], wanted[n], rel=rel)}
    assert not bad, (bad, *case)


def agree_on_percentile(name, case, options, theirs, *, by, rel):
    """The reference's value lies among those of percentiles that differ by its rounding."""
    percentiles = [min(max(options["percentile"] + d, 0), 100) for d in (-by, 0, by)]
    low, exact, high = (
        ours(name, *case, **{**options, "percentile": p}).hd_percentile for p in percentiles
    )
    if exact is None or theirs is None:
        assert exact is theirs, (*case, options)
    elif not cases.same(exact, theirs, rel=rel):
        assert low * (1 - rel) <= theirs <= high * (1 + rel), (exact, theirs, *case, options)


def monai(truth, predicted, spacing, tolerance, percentile):
    torch = pytest.importorskip("torch", reason="an oracle that the extra dev brings")
    from monai import metrics

    y, p = (torch.from_numpy(one)[None, None] for one in (truth, predicted))
    space = {"include_background": True, "spacing": spacing}
    hd, asd = metrics.compute_hausdorff_distance, metrics.compute_average_surface_distance
    return {
        "hd": cases.said(cases.quiet(hd, p, y, **space)),
        "hd_percentile": cases.said(cases.quiet(hd, p, y, percentile=percentile, **space)),
        "asd_truth": cases.said(cases.quiet(asd, y, p, **space)),
        "asd_predicted": cases.said(cases.quiet(asd, p, y, **space)),
        "assd": cases.said(cases.quiet(asd, p, y, symmetric=True, **space)),
        "nsd": cases.said(cases.quiet(metrics.compute_surface_dice, p, y, [tolerance], **space)),
    }


def test_monai():
    rng = np.random.default_rng(11)
    for _ in range(cases.FUZZ):
        case = cases.pair(rng)
        options = {"tolerance": cases.tolerance(rng, case[2]), "percentile": float(rng.choice([50, 95, 99]))}  # fmt: skip
        wanted = monai(*case, **options)
        # torch.quantile finds the rank in float32: 774.29993 where it is 774.3.
        agree_on_percentile(
            "monai", case, options, wanted.pop("hd_percentile"), by=3e-5, rel=SINGLE
        )
        agree(ours("monai", *case, **options), wanted, (*case, options), rel=SINGLE)


def test_monai_with_subvoxels_weighs_the_corners_by_area():
    torch = pytest.importorskip("torch", reason="an oracle that the extra dev brings")
    from monai.metrics import compute_surface_dice

    rng = np.random.default_rng(12)
    rules = dataclasses.replace(SURFACE_RULES["monai"], surface="corners")
    for _ in range(cases.FUZZ // 3):
        truth, predicted, spacing = case = cases.pair(rng)
        tolerance = cases.tolerance(rng, spacing)
        if truth.any() or predicted.any():
            y, p = (torch.from_numpy(one)[None, None] for one in (truth, predicted))
            wanted = cases.quiet(
                compute_surface_dice, p, y, [tolerance], True, spacing=spacing, use_subvoxels=True
            )
            mine = surface_scores(
                truth, predicted, spacing=spacing, rules=rules, tolerance=tolerance
            )
            assert cases.same(mine.nsd, cases.said(wanted), rel=SINGLE), (*case, tolerance)


def deepmind(truth, predicted, spacing, tolerance, percentile):
    reference = cases.deepmind()
    found = cases.quiet(reference.compute_surface_distances, truth, predicted, spacing)
    asd = [cases.said(v) for v in cases.quiet(reference.compute_average_surface_distance, found)]
    return {
        "asd_truth": asd[0],
        "asd_predicted": asd[1],
        "hd": cases.said(reference.compute_robust_hausdorff(found, 100)),
        "hd_percentile": cases.said(reference.compute_robust_hausdorff(found, percentile)),
        "nsd": cases.said(
            cases.quiet(reference.compute_surface_dice_at_tolerance, found, tolerance)
        ),
    }


def test_deepmind():
    rng = np.random.default_rng(13)
    for _ in range(cases.FUZZ):
        case = cases.pair(rng)
        options = {"tolerance": cases.tolerance(rng, case[2]), "percentile": float(rng.choice([50, 90, 95, 99]))}  # fmt: skip
        wanted = deepmind(*case, **options)
        scores = ours("deepmind", *case, **options)
        agree(scores, {"hd": wanted.pop("hd")}, (*case, options))
        # Areas of a kind of corner, and of all, are summed in another order there: where a share
        # is met exactly, the last bit decides which distance it is.
        agree_on_percentile(
            "deepmind", case, options, wanted.pop("hd_percentile"), by=1e-9, rel=1e-9
        )
        agree(scores, wanted, (*case, options), rel=1e-12)


def test_deepmind_leaves_a_share_that_is_met_exactly_to_rounding():
    """Three quarters of the surface are shared, and its sum falls short of them by a bit."""
    truth, predicted = np.array([[[1, 0], [0, 1]], [[1, 1], [0, 0]]], bool)
    wanted = deepmind(truth, predicted, (1, 1), 1.0, 75)["hd_percentile"]
    assert wanted == ours("deepmind", truth, predicted, (1, 1), percentile=75).hd_percentile == 1
    assert ours("maskloom", truth, predicted, (1, 1), percentile=75).hd_percentile == 0


def medpy(truth, predicted, spacing, percentile):
    """MedPy 0.5.2 `metric/binary.py`: hd, hd95, asd, assd by their definitions."""
    if not truth.any() or not predicted.any():
        return dict.fromkeys(("hd", "hd_percentile", "asd_truth", "asd_predicted", "assd"))
    forth, back = (
        ndimage.distance_transform_edt(~(b ^ ndimage.binary_erosion(b)), sampling=spacing)[
            a ^ ndimage.binary_erosion(a)
        ]
        for a, b in ((truth, predicted), (predicted, truth))
    )
    return {
        "hd": max(forth.max(), back.max()),
        "hd_percentile": np.percentile(np.hstack((back, forth)), percentile),
        "asd_truth": forth.mean(),
        "asd_predicted": back.mean(),
        "assd": np.concatenate((back, forth)).mean(),
    }


def test_medpy():
    rng = np.random.default_rng(14)
    for _ in range(cases.FUZZ):
        case = cases.pair(rng)
        agree(ours("medpy", *case), medpy(*case, 95), case)


def metrics_reloaded(truth, predicted, spacing, tolerance, percentile):
    """MetricsReloaded at cb38dfc, `BinaryPairwiseMeasures.measured_distance` and `nsd`."""
    if not truth.any() and not predicted.any():
        return {"hd": 0.0, "hd_percentile": 0.0, "assd": 0.0, "nsd": 1.0}
    if not truth.any() or not predicted.any():
        return dict.fromkeys(("hd", "hd_percentile", "assd"))
    edges = [one.astype(np.int8) - ndimage.binary_erosion(one) for one in (truth, predicted)]
    maps = [ndimage.distance_transform_edt(1 - edge, sampling=spacing) for edge in edges]
    to_truth, to_predicted = edges[1] * maps[0], edges[0] * maps[1]
    within = [np.where(one <= tolerance, 1, 0) for one in (to_truth, to_predicted)]
    total = np.sum(edges[0] + edges[1])
    return {
        "hd": max(to_truth.max(), to_predicted.max()),
        "hd_percentile": max(
            np.percentile(to_truth[edges[1] > 0], percentile),
            np.percentile(to_predicted[edges[0] > 0], percentile),
        ),
        "assd": (to_truth.sum() + to_predicted.sum()) / total,
        "nsd": ((edges[1] * within[0]).sum() + (edges[0] * within[1]).sum()) / total,
    }


def test_metrics_reloaded():
    rng = np.random.default_rng(15)
    for _ in range(cases.FUZZ):
        case = cases.pair(rng)
        options = {"tolerance": cases.tolerance(rng, case[2]), "percentile": 95.0}
        wanted = metrics_reloaded(*case, **options)
        agree(ours("metrics-reloaded", *case, **options), wanted, (*case, options))


def test_metrics_reloaded_measures_nsd_against_nothing_from_outside_the_image():
    """Without a border its distance transform has no zero to measure to, and invents one."""
    one, none = np.zeros((5, 5), bool), np.zeros((5, 5), bool)
    one[0, 0] = True
    invented = ndimage.distance_transform_edt(np.ones((5, 5)))
    assert np.isfinite(invented).all()
    assert ours("metrics-reloaded", one, none, None, tolerance=10).nsd == 0


def torchmetrics(truth, predicted, spacing=None):
    torch = pytest.importorskip("torch", reason="an oracle that the extra dev brings")
    from torchmetrics.functional.segmentation import hausdorff_distance

    y, p = (torch.from_numpy(one)[None, None].int() for one in (truth, predicted))
    options = {"num_classes": 1, "include_background": True}
    space = None if spacing is None else list(spacing)
    return float(cases.quiet(hausdorff_distance, p, y, spacing=space, **options))


def test_torchmetrics_on_square_images():
    rng = np.random.default_rng(16)
    for _ in range(min(cases.FUZZ, 1000)):
        side = int(rng.integers(2, 14))
        truth, predicted = cases.mask(rng, (side, side)), cases.mask(rng, (side, side))
        spacing = tuple(rng.choice(cases.SPACINGS, 2))
        if truth.any() and predicted.any():
            case = (truth, predicted, spacing)
            agree(ours("torchmetrics", *case), {"hd": torchmetrics(*case)}, case, rel=SINGLE)


def test_torchmetrics_hausdorff_distance_is_wrong_where_width_exceeds_height():
    """torchmetrics 1.9.0 puts the distance of pixel (i, j) at i * height + j; see its #3300."""
    truth, predicted = np.zeros((2, 4, 12), bool)
    truth[0, 0] = predicted[0, 9] = predicted[3, 1] = True
    right = medpy(truth, predicted, (1, 1), 95)["hd"]
    assert right == 9
    assert torchmetrics(truth, predicted) != right
    assert ours("torchmetrics", truth, predicted, None).hd == right
    with pytest.raises(IndexError):
        torchmetrics(np.ones((12, 4), bool), np.eye(12, 4, dtype=bool))


def test_torchmetrics_against_nothing_is_infinite():
    one, none = np.zeros((2, 5, 5), bool)
    one[2, 2] = True
    assert torchmetrics(one, none) == ours("torchmetrics", one, none, None).hd == np.inf
    assert torchmetrics(none, one) == ours("torchmetrics", none, one, None).hd == np.inf


@pytest.mark.parametrize("name", SURFACE_RULES)
def test_a_pair_and_its_reverse(name):
    rng = np.random.default_rng(17)
    for _ in range(cases.FUZZ // 3):
        truth, predicted, spacing = cases.pair(rng)
        one = ours(name, truth, predicted, spacing, tolerance=1.0)
        other = ours(name, predicted, truth, spacing, tolerance=1.0)
        assert (one.asd_truth, one.asd_predicted) == (other.asd_predicted, other.asd_truth)
        for value in ("assd", "hd", "hd_percentile", "nsd"):
            assert cases.same(getattr(one, value), getattr(other, value), rel=1e-12)
        if one.truth_points and one.predicted_points:
            assert 0 <= one.nsd <= 1
            assert max(one.assd, one.hd_percentile) <= one.hd * (1 + 1e-12)
        assert (one.reason is None) == (None not in dataclasses.astuple(one)[:6])


@pytest.mark.parametrize("name", SURFACE_RULES)
def test_a_mask_is_no_distance_from_itself(name):
    rng = np.random.default_rng(18)
    for _ in range(30):
        truth, _, spacing = cases.pair(rng)
        if truth.any():
            same = ours(name, truth, truth.copy(), spacing, tolerance=0.0)
            assert dataclasses.astuple(same)[:6] == (0, 0, 0, 0, 0, 1)


def test_maskloom_by_hand():
    """Two squares of two by two pixels, one a column on: each has four slanted pieces, four flat."""
    truth, predicted = np.zeros((2, 4, 6), bool)
    truth[1:3, 1:3] = predicted[1:3, 2:4] = True
    scores = surface_scores(truth, predicted, tolerance=0.5)
    slanted = np.sqrt(2) / 2
    # One away are its outer column, and the middle of the inner one, which the other covers.
    apart, total = 2 * slanted + 1 + 1, 4 * slanted + 4
    assert scores.hd == 1.0
    assert scores.hd_percentile == 1.0
    assert scores.assd == pytest.approx(apart / total)
    assert scores.nsd == pytest.approx(1 - apart / total)


def test_maskloom_counts_a_distance_that_only_rounding_puts_beyond_the_tolerance():
    truth, predicted = np.zeros((2, 1, 9), bool)
    truth[0, 1] = predicted[0, 4] = True
    assert 3 * 0.1 > 0.3
    options = {"spacing": (1, 0.1), "tolerance": 0.3}
    assert surface_scores(truth, predicted, **options).nsd == 1
    exact = dataclasses.replace(SURFACE_RULES["maskloom"], compare="double")
    assert surface_scores(truth, predicted, rules=exact, **options).nsd < 1


def test_maskloom_says_why_a_score_is_undefined():
    one, none = np.zeros((2, 5, 5), bool)
    one[2, 2] = True
    missed, spurious = surface_scores(one, none), surface_scores(none, one)
    assert (missed.hd, missed.nsd, missed.reason) == (None, 0.0, "the prediction has no surface")
    assert (spurious.hd, spurious.nsd, spurious.reason) == (None, 0.0, "the truth has no surface")
    both = surface_scores(none, none)
    assert (both.hd, both.nsd, both.reason) == (None, None, "both masks have no surface")
