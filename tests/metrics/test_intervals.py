"""Scores of resamples, and intervals from them."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.intervals import Draws, Interval, intervals, often_undefined
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.panoptic.family import PanopticMetrics
from maskloom.metrics.pixels import PixelMetrics

SIZE = (24, 32)
CLASSES = Taxonomy((
    Category("a", "a"),
    Category("b", "b"),
    Category("sky", "sky", kind="stuff"),
    Category("void", "void", void=True),
))  # fmt: skip


def class_map(rng):
    out = rng.integers(0, 3, (6, 8), np.uint8)
    out[rng.random((6, 8)) < 0.2] = 255
    return np.kron(out, np.ones((4, 4), np.uint8))


def objects(rng, n, scores=None):
    dense = np.zeros((n, *SIZE), bool)
    for one in dense:
        y, x = rng.integers(0, 18), rng.integers(0, 26)
        one[y : y + rng.integers(2, 10), x : x + rng.integers(2, 10)] = True
    score = {} if scores is None else {"score": scores}
    return Rows.make(Masks.from_dense(dense), rng.integers(0, 2, n).astype(np.int32), **score)


def scenes(kind, seed, n=7):
    """The samples of a data set: for each what `update` takes."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        if kind == "pixels":
            truth = class_map(rng)
            predicted = np.where(rng.random(truth.shape) < 0.3, class_map(rng), truth)
            out.append((truth, predicted.astype(np.uint8)))
        elif kind == "instances":
            truth = objects(rng, int(rng.integers(0, 6)))
            # Some of the truth again, beside others; scores have ties between samples alone.
            more = objects(rng, 4)
            masks = Masks.concatenate([truth.masks, more.masks])
            category = np.concatenate([truth.category, more.category])
            out.append(
                (truth, Rows.make(masks, category, score=rng.permutation(12)[: len(masks)] / 12))
            )
        else:
            both = []
            for _ in range(2):
                ids = rng.integers(0, 5, (3, 4))
                masks, found = Masks.from_id_map(np.kron(ids, np.ones((8, 8), int)), None)
                both.append(Rows.make(masks, np.minimum(found, 2).astype(np.int32)))
            out.append(tuple(both))
    return out


MAKE = {"pixels": PixelMetrics, "instances": InstanceMetrics, "panoptic": PanopticMetrics}


def counted(kind, samples, orders):
    family = MAKE[kind](CLASSES)
    for order, pair in zip(orders, samples, strict=True):
        family.update(*pair, order=order)
    return family


@pytest.mark.parametrize("kind", list(MAKE))
@pytest.mark.parametrize("seed", range(4))
def test_a_resample_scores_as_the_data_set_that_it_is_would(kind, seed):
    samples = scenes(kind, seed)
    orders = [3, 9, 1, 4, 12, 7, 5]
    family = counted(kind, samples, orders)
    rng = np.random.default_rng(seed)
    rising = np.sort(orders)
    weights = rng.integers(0, 3, (5, len(orders)))
    weights[0] = 1
    found = family.resampled(weights, rising)
    by = np.argsort(orders)
    for b, row in enumerate(weights):
        taken = [by[i] for i in np.repeat(np.arange(len(row)), row)]
        again = counted(kind, [samples[i] for i in taken], range(len(taken))).result().metrics
        for name, values in found.items():
            if again[name] is None:
                assert np.isnan(values[b]), name
            else:
                assert values[b] == pytest.approx(again[name], abs=1e-12), (name, row)
    whole = family.result().metrics
    assert set(found) == set(whole)


@pytest.mark.parametrize("kind", list(MAKE))
def test_what_a_worker_counted_travels_with_its_samples(kind):
    samples = scenes(kind, 5)
    family = counted(kind, samples, range(7))
    parts = [counted(kind, samples[i:j], range(i, j)) for i, j in ((4, 7), (0, 4))]
    other = MAKE[kind](CLASSES)
    for part in parts:
        moved = MAKE[kind](CLASSES)
        moved.load({name: array.copy() for name, array in part.state().items()})
        other.merge(moved)
    weights = np.random.default_rng(0).integers(0, 3, (4, 7))
    one, two = (f.resampled(weights, np.arange(7)) for f in (family, other))
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name])
    assert family.result().metrics == other.result().metrics


def test_groups_are_drawn_whole():
    names = ["p1", "p2", "p1", "p3", "p2", "p1"]
    draws = Draws.of([5, 4, 3, 2, 1, 0], names, 40)
    assert draws.n_groups == 3
    weights = draws.weights(0, 40)
    for row in weights:
        each = {names[5 - order]: row[order] for order in range(6)}
        assert [each[names[5 - order]] for order in range(6)] == row.tolist()
        assert sum(each.values()) == 3
    np.testing.assert_array_equal(draws.weights(7, 5), weights[7:12])


def test_an_interval_holds_the_middle_of_the_resamples():
    values = np.append(np.arange(1001) / 1000, [np.nan] * 91)
    found = intervals({"miou": values, "ap": np.full(3, np.nan)})
    assert list(found) == ["miou"]
    one = found["miou"]
    assert (one.low, one.high) == pytest.approx((0.025, 0.975))
    assert one.undefined == pytest.approx(91 / 1092)


@pytest.mark.parametrize(("units", "least"), [(6, 0.85), (12, 0.85), (40, 0.92)])
def test_intervals_cover_the_true_value_as_often_as_they_say(units, least):
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        rates = rng.beta(4, 2, units)
        draws = Draws.of(range(units), [str(i) for i in range(units)], 300, seed=trial)
        scores = {"x": draws.weights(0, 300) @ rates / units}
        one = intervals(scores, units=units)["x"]
        covered += one.low <= 4 / 6 <= one.high
    assert least <= covered / 200


def test_scores_that_many_resamples_lack_are_told_with_their_shares():
    found = {
        "miou": Interval(0.1, 0.2, 0.0),
        "dice": Interval(0.1, 0.2, 0.05),
        "ap": Interval(0.1, 0.2, 0.061),
    }
    assert often_undefined({"miou": found["miou"], "dice": found["dice"]}) == ()
    assert often_undefined(found) == (
        "ap is undefined in 6 % of the resamples: its interval is of the others, and too narrow",
    )
    found["pq"] = Interval(0.1, 0.2, 0.25)
    assert often_undefined(found) == (
        "ap, pq are undefined in 6 % to 25 % of the resamples: their intervals are of the others, "
        "and too narrow",
    )


def test_what_is_not_finite_has_no_interval():
    assert intervals({"hd": np.array([1.0, np.inf])}, units=9) == {}
