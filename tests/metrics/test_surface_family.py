from __future__ import annotations

import math

import numpy as np
import pytest
from tests.metrics import surface_cases as cases

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, UsageError
from maskloom.metrics.surface.family import SurfaceMetrics
from maskloom.metrics.surface.rules import SURFACE_RULES
from maskloom.metrics.surface.scores import surface_scores

TWO = Taxonomy.from_names(["a", "b"])
VOID, BACKGROUND = 255, 254


def maps(rng, n=6, shape=(9, 12), names=3):
    """Pairs of class maps with background and void."""
    values = [*range(names), BACKGROUND, VOID]
    out = []
    for _ in range(n):
        truth = rng.choice(values, shape).astype(np.uint8)
        predicted = np.where(rng.random(shape) < 0.7, truth, rng.choice(values, shape))
        out.append((truth, predicted.astype(np.uint8)))
    return out


def measured(pairs, taxonomy=TWO, rules="maskloom", **options):
    family = SurfaceMetrics(taxonomy, SURFACE_RULES[rules], **options)
    for i, (truth, predicted) in enumerate(pairs):
        family.update(truth, predicted, order=i)
    return family


def stripe(first, last, value=0, width=9):
    one = np.full((3, width), BACKGROUND, np.uint8)
    one[:, first:last] = value
    return one


def test_one_class_of_one_sample_is_the_score_of_its_masks():
    truth, predicted = stripe(1, 4), stripe(2, 6)
    family = SurfaceMetrics(TWO)
    own = family.update(truth, predicted, spacing=(2, 0.5))
    wanted = surface_scores(truth == 0, predicted == 0, spacing=(2, 0.5))
    assert own == family.result().metrics
    assert own == {
        "assd": wanted.assd, "hd": wanted.hd, "hd95": wanted.hd_percentile, "nsd": wanted.nsd
    }  # fmt: skip
    row = family.result().per_class["a"]
    assert (row["asd_truth"], row["samples"]) == (wanted.asd_truth, 1)
    assert family.result().per_class["b"]["reason"] == "absent from truth and prediction"


def test_the_percentile_names_the_metric():
    family = measured([(stripe(1, 4), stripe(2, 6))], percentile=99.5)
    assert set(family.result().metrics) == {"assd", "hd", "hd99.5", "nsd"}


def test_means_are_over_samples_then_classes():
    pairs = [
        (stripe(0, 2), stripe(1, 3)),
        (stripe(0, 2), stripe(3, 5)),
        (stripe(0, 2, value=1), stripe(4, 6, value=1)),
    ]
    by_class = measured(pairs).result()
    assert by_class.per_class["a"]["hd"] == 2.0
    assert by_class.metrics["hd"] == 3.0
    by_sample = measured(pairs, rules="monai").result()
    assert by_sample.metrics["hd"] == pytest.approx((1 + 3 + 4) / 3)


def test_what_is_predicted_in_void_is_no_error():
    truth = stripe(1, 4)
    truth[:, 4:7] = VOID
    family = measured([(truth, stripe(1, 6))])
    assert family.result().metrics == {"assd": 0, "hd": 0, "hd95": 0, "nsd": 1}


def test_void_alone_makes_no_surface():
    truth = stripe(1, 6, value=VOID)
    family = measured([(truth, stripe(2, 5))])
    scores = family.result()
    assert scores.metrics == dict.fromkeys(("assd", "hd", "hd95", "nsd"))
    assert set(scores.reasons.values()) == {"no class occurs in the truth or the prediction"}
    assert not len(family.values)


def test_void_predicted_on_a_valid_pixel_stays_a_miss():
    predicted = stripe(1, 3)
    predicted[:, 3] = VOID
    assert measured([(stripe(1, 4), predicted)]).result().metrics["hd"] == 1.0


def test_a_void_category_is_no_class():
    taxonomy = Taxonomy((Category("a", "a"), Category("edge", "edge", void=True)))
    assert set(measured([(stripe(1, 4), stripe(1, 4))], taxonomy).result().per_class) == {"a"}


def test_missed_and_spurious_classes_are_counted_and_said():
    pairs = [(stripe(1, 4), stripe(1, 4, value=1)), (stripe(1, 4), stripe(1, 4))]
    scores = measured(pairs).result()
    assert (
        scores.per_class["a"] | {"missed": 1, "spurious": 0, "samples": 2} == scores.per_class["a"]
    )
    assert (
        scores.per_class["b"] | {"missed": 0, "spurious": 1, "samples": 1} == scores.per_class["b"]
    )
    assert scores.metrics["hd"] == 0
    assert scores.metrics["nsd"] == pytest.approx((0.5 + 0) / 2)
    assert scores.per_class["b"]["hd"] is None
    assert "missed: 1, predicted where they are not: 1; there" in " ".join(scores.notes)
    infinite = measured(pairs, rules="deepmind").result().metrics
    assert infinite["hd"] == math.inf


def test_absent_classes_count_where_the_convention_gives_them_a_score():
    pairs = [(stripe(1, 4), stripe(1, 4))]
    scores = measured(pairs, rules="metrics-reloaded").result()
    assert scores.per_class["b"]["nsd"] == 1
    assert scores.per_class["b"]["samples"] == 1


def test_a_metric_without_a_value_says_why():
    scores = measured([(stripe(1, 4), stripe(1, 4, value=1))]).result()
    assert scores.metrics["hd"] is None
    assert scores.reasons["hd"] == "no class occurs in the truth and the prediction of one sample"
    assert scores.metrics["nsd"] == 0


def test_units_that_are_mixed_are_said():
    family = SurfaceMetrics(TWO)
    family.update(stripe(1, 4), stripe(1, 4))
    family.update(stripe(1, 4), stripe(1, 4), spacing=(1, 1))
    assert "1 of 2 samples have no spacing" in " ".join(family.result().notes)


@pytest.mark.parametrize("rules", SURFACE_RULES)
def test_the_order_of_samples_and_workers_does_not_matter(rules):
    rng = np.random.default_rng(21)
    taxonomy = Taxonomy.from_names(["a", "b", "c"])
    pairs = maps(rng)
    whole = measured(pairs, taxonomy, rules)
    parts = [SurfaceMetrics(taxonomy, SURFACE_RULES[rules], threads=2) for _ in range(3)]
    for i in rng.permutation(len(pairs)):
        parts[i % 3].update(*pairs[i], order=int(i))
    first = SurfaceMetrics(taxonomy, SURFACE_RULES[rules])
    for part in (parts[2], parts[0]):
        first.merge(part)
    carried = SurfaceMetrics(taxonomy, SURFACE_RULES[rules])
    carried.load({name: array.copy() for name, array in parts[1].state().items()})
    first.merge(carried)
    assert first.result() == whole.result() or repr(first.result()) == repr(whole.result())
    state, other = first.state(), whole.state()
    assert all(state[name].tobytes() == other[name].tobytes() for name in other)


def test_each_class_is_the_score_of_its_masks_without_void():
    rng = np.random.default_rng(22)
    taxonomy = Taxonomy.from_names(["a", "b", "c"])
    for deep in (False, True):
        for truth, predicted in maps(rng, 10, (5, 6, 66) if deep else (9, 66)):
            spacing = tuple(rng.choice(cases.SPACINGS, truth.ndim))
            family = SurfaceMetrics(taxonomy)
            family.update(truth, predicted, spacing=spacing)
            valid = truth != VOID
            for k, key in enumerate("abc"):
                wanted = surface_scores(truth == k, (predicted == k) & valid, spacing=spacing)
                assert family.result().per_class[key]["assd"] == wanted.assd
                assert family.result().per_class[key]["nsd"] == wanted.nsd


def test_maps_of_two_types_are_the_same():
    rng = np.random.default_rng(23)
    truth, predicted = maps(rng, 1)[0]
    wide = predicted.astype(np.uint16)
    wide[predicted == VOID], wide[predicted == BACKGROUND] = 65535, 65534
    taxonomy = Taxonomy.from_names(["a", "b", "c"])
    one = measured([(truth, predicted)], taxonomy).result().metrics
    assert measured([(truth, wide)], taxonomy).result().metrics == one


def test_monai_averages_its_samples_so():
    torch = pytest.importorskip("torch", reason="an oracle that the extra dev brings")
    from monai.metrics import HausdorffDistanceMetric, SurfaceDistanceMetric

    rng = np.random.default_rng(24)
    pairs = maps(rng, 5, (8, 8), names=2)
    for both in pairs:
        for one in both:
            one[one == VOID] = BACKGROUND
    mine = measured(pairs, rules="monai").result().metrics
    for name, metric in (
        ("hd", HausdorffDistanceMetric(include_background=True)),
        ("assd", SurfaceDistanceMetric(include_background=True, symmetric=True)),
    ):
        for truth, predicted in pairs:
            hot = [np.stack([one == k for k in (0, 1)])[None] for one in (predicted, truth)]
            cases.quiet(metric, *map(torch.from_numpy, hot))
        assert mine[name] == pytest.approx(float(metric.aggregate()), rel=1e-6)


def test_what_does_not_fit_is_refused():
    family = SurfaceMetrics(TWO)
    with pytest.raises(DataError, match="no category"):
        family.update(stripe(1, 4, value=7), stripe(1, 4))
    with pytest.raises(DataError, match="no category"):
        family.update(stripe(1, 4), stripe(1, 4, value=2))
    with pytest.raises(DataError, match="differ in size"):
        family.update(stripe(1, 4), stripe(1, 4, width=8))
    with pytest.raises(DataError, match="uint8 or uint16"):
        family.update(stripe(1, 4).astype(np.int64), stripe(1, 4))
    assert family.samples.tolist() == [0, 0]
    with pytest.raises(UsageError):
        SurfaceMetrics(TWO, tolerance=-1)


def test_garbage_is_no_state():
    family = measured([(stripe(1, 4), stripe(1, 4))])
    for name, array in (
        ("counts", np.zeros((3, 3), np.int64)),
        ("counts", np.zeros((2, 3))),
        ("samples", np.zeros(3, np.int64)),
        ("values", np.zeros((1, 2))),
        ("orders", np.zeros(1)),
    ):
        with pytest.raises(ValueError, match="are"):
            SurfaceMetrics(TWO).load({**family.state(), name: array})
    with pytest.raises(ValueError, match="lack values"):
        SurfaceMetrics(TWO).load({k: v for k, v in family.state().items() if k != "values"})
    with pytest.raises(ValueError, match="counts of surfaces are nothing"):
        SurfaceMetrics(TWO).load({})
