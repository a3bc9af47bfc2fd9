from __future__ import annotations

import pickle

import numpy as np
import pytest
from tests.metrics.panoptic_cases import (
    STUFF,
    TAXONOMY,
    THINGS,
    VOID_CATEGORY,
    oracle,
    oracle_means,
    random_image,
    rows_of,
)

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.panoptic.family import PANOPTIC_METRICS, PanopticMetrics

CAT, DOG, SKY, SEA = 0, 1, 3, 4
N_CASES = 600


def ids(text):
    """An id map from lines of digits."""
    return np.array([[int(c) for c in line] for line in text.split()])


def rows(text, info, **kwargs):
    return rows_of(ids(text), info, **kwargs)


def scored(truth, predicted, **kwargs):
    metric = PanopticMetrics(TAXONOMY)
    metric.update(truth, predicted, **kwargs)
    return metric.result()


def test_two_things_and_a_stuff_by_hand():
    truth = rows("1122 1122 3333", {1: (CAT, False), 2: (CAT, False), 3: (SKY, False)})
    predicted = rows("1402 1400 3333", {1: (CAT, False), 4: (DOG, False), 3: (SKY, False),
                                        2: (CAT, False)})  # fmt: skip
    found = scored(truth, predicted)
    # cat 1 has 2 of its 4 pixels, cat 2 has 1: no match; the sky is right; a dog is too many
    assert found.per_class["cat"] == {
        "name": "cat", "kind": "thing", "pq": 0.0, "sq": 0.0, "rq": 0.0, "tp": 0, "fp": 2, "fn": 2
    }  # fmt: skip
    assert found.per_class["sky"]["pq"] == 1.0
    assert found.per_class["dog"]["fp"] == 1
    assert found.per_class["owl"]["pq"] is None
    assert "no segment" in found.per_class["owl"]["reason"]
    assert found.metrics["pq"] == pytest.approx(1 / 3)
    assert (found.metrics["pq_things"], found.metrics["pq_stuff"]) == (0.0, 1.0)


def test_quality_is_fit_times_share_found():
    truth = rows("11110022 00000022", {1: (CAT, False), 2: (CAT, False)})
    predicted = rows("11100000 00000000", {1: (CAT, False)})
    found = scored(truth, predicted)
    assert found.metrics["sq"] == 0.75
    assert found.metrics["rq"] == pytest.approx(1 / 1.5)
    assert found.metrics["pq"] == pytest.approx(0.75 / 1.5)


def test_half_an_overlap_is_no_match_and_a_pixel_more_is():
    truth = rows("1111", {1: (CAT, False)})
    assert scored(truth, rows("1100", {1: (CAT, False)})).metrics["pq"] == 0.0
    assert scored(truth, rows("1110", {1: (CAT, False)})).metrics["pq"] == 0.75


def test_predicted_pixels_on_void_leave_the_union():
    truth = rows("111000", {1: (CAT, False)}, extra=[(ids("000111") == 1, VOID_CATEGORY)])
    predicted = rows("111111", {1: (CAT, False)})
    assert scored(truth, predicted).metrics["pq"] == 1.0
    without = rows("111000", {1: (CAT, False)})
    assert scored(without, predicted).metrics["pq"] == 0.0  # background is not void


def test_an_extra_segment_mostly_on_void_is_not_counted_and_half_on_void_is():
    truth = rows("1100000", {1: (CAT, False)}, extra=[(ids("0001100") == 1, VOID_CATEGORY)])
    on_void = rows("1101110", {1: (CAT, False)})
    assert scored(truth, on_void).per_class["cat"]["fp"] == 0
    mostly = rows("1102220", {1: (CAT, False), 2: (DOG, False)})
    assert scored(truth, mostly).per_class["dog"]["fp"] == 0
    half = rows("1100222", {1: (CAT, False), 2: (DOG, False)})
    assert scored(truth, half).per_class["dog"]["fp"] == 1


def test_a_crowd_excuses_its_own_class_alone_and_is_never_missed():
    truth = rows("1110000", {1: (CAT, True)})
    assert scored(truth, rows("2200000", {2: (CAT, False)})).metrics["pq"] is None
    assert scored(truth, rows("2200000", {2: (DOG, False)})).per_class["dog"]["fp"] == 1
    assert scored(truth, rows("0000000", {})).metrics["pq"] is None


def test_only_the_last_crowd_of_a_class_excuses_as_in_panopticapi():
    predicted = rows("330044", {3: (CAT, False), 4: (CAT, False)})
    first = scored(rows("110022", {1: (CAT, True), 2: (CAT, True)}), predicted)
    assert first.per_class["cat"]["fp"] == 1
    assert any("1 images hold several crowd regions" in note for note in first.notes)
    single = scored(rows("110022", {1: (CAT, True), 2: (DOG, True)}), predicted)
    assert single.notes == ()


def test_rows_of_a_stuff_category_are_one_segment_and_parts_of_a_thing_too():
    sky = {1: (SKY, False), 2: (SKY, False)}
    assert scored(rows("1022", sky), rows("3033", {3: (SKY, False)})).metrics["pq"] == 1.0
    parts = rows("1022", {1: (CAT, False), 2: (CAT, False)})
    whole = Rows.make(parts.masks, [CAT, CAT], instance=[7, 7])
    counted = scored(whole, rows("3033", {3: (CAT, False)})).per_class["cat"]
    assert (counted["tp"], counted["fn"]) == (1, 0)


def test_joined_segments_of_stuff_are_told_as_panopticapi_would_score_them_apart():
    truth = rows("111000", {1: (SKY, False)})
    predicted = rows("112000", {1: (SKY, False), 2: (SKY, False)})
    found = scored(truth, predicted)
    assert found.per_class["sky"]["tp"] == 1
    assert any("1 segment of stuff joined" in note for note in found.notes)
    assert not any("joined" in note for note in scored(truth, truth).notes)


def test_a_crowd_stays_apart_from_the_rest_of_its_class():
    truth = rows("1122", {1: (SKY, False), 2: (SKY, True)})
    found = scored(truth, rows("1100", {1: (SKY, False)}))
    assert found.metrics["pq"] == 1.0
    assert scored(truth, rows("0011", {1: (SKY, False)})).per_class["sky"]["fp"] == 0


def test_stuff_rows_may_overlap_their_own_class():
    both = Rows.make(Masks.from_dense(np.array([[[1, 1, 0]], [[0, 1, 1]]])), [SKY, SKY])
    assert scored(both, rows("111", {1: (SKY, False)})).metrics["pq"] == 1.0


def test_overlapping_segments_are_refused_with_place_and_pixels():
    over = Rows.make(
        Masks.from_dense(np.array([[[1, 1, 0], [0, 1, 0]], [[0, 1, 1], [0, 1, 0]]])), [CAT, SKY]
    )
    clean = rows("111 111", {1: (SKY, False)})
    with pytest.raises(
        DataError, match=r"im7: segments of the prediction overlap, by 2 pixels"
    ) as e:
        scored(clean, over, where="im7")
    assert "cat (instance 1) and sky at x=1, y=0" in e.value.message
    assert "--task instance" in e.value.message
    with pytest.raises(DataError, match="segments of the truth overlap"):
        scored(over, clean)


def test_nothing_on_either_side_is_undefined_with_a_reason():
    found = scored(rows("00", {}), rows("00", {}))
    assert set(found.metrics) == set(PANOPTIC_METRICS)
    assert set(found.metrics.values()) == {None}
    assert set(found.reasons) == set(PANOPTIC_METRICS)
    assert PanopticMetrics(TAXONOMY).result().metrics["pq"] is None


def test_a_taxonomy_without_stuff_says_why_stuff_is_undefined():
    metric = PanopticMetrics(Taxonomy.from_names(["a"]))
    metric.update(rows("1", {1: (0, False)}), rows("1", {1: (0, False)}))
    found = metric.result()
    assert (found.metrics["pq"], found.metrics["pq_stuff"]) == (1.0, None)
    assert found.reasons["sq_stuff"] == "no stuff category is in the taxonomy"


def test_unlabelled_area_is_void_except_where_the_truth_has_a_segment():
    truth = rows("1100", {1: (CAT, False)})
    ignore = Masks.from_dense(ids("0111") == 1)
    found = scored(truth, rows("1111", {1: (CAT, False)}), ignore=ignore)
    assert found.metrics["pq"] == 1.0
    assert scored(truth, rows("1122", {1: (CAT, False), 2: (DOG, False)}),
                  ignore=ignore).per_class["dog"]["fp"] == 0  # fmt: skip


def test_categories_that_were_not_looked_for_are_not_counted():
    truth = rows("1100", {1: (CAT, False)})
    predicted = rows("1123", {1: (CAT, False), 2: (DOG, False), 3: (CAT, False)})
    found = scored(truth, predicted, unlabelled=(DOG,))
    assert found.per_class["dog"]["fp"] == 0
    assert found.per_class["cat"]["fp"] == 0  # unclaimed pixels may be a dog: void
    assert scored(truth, predicted).per_class["cat"]["fp"] == 1


def test_a_true_segment_without_a_pixel_is_missed_and_a_predicted_one_is_none():
    empty = Rows.make(Masks.empty(1, (1, 2)), [CAT])
    found = scored(empty, rows("00", {}))
    assert found.per_class["cat"]["fn"] == 1
    assert scored(rows("00", {}), empty).per_class["cat"]["fp"] == 0


def test_boxes_are_no_segments_and_are_told():
    both = rows("12", {1: (CAT, False), 2: (CAT, False)})
    drawn = Rows.make(both.masks, [CAT, CAT], kind=[RowKind.MASK, RowKind.BOX])
    found = scored(drawn, rows("10", {1: (CAT, False)}))
    assert found.metrics["pq"] == 1.0
    assert found.notes == ("1 boxes or other drawings of the truth have no mask: no segments",)


# -- properties and the published algorithm over random cases ---------------------------------


def as_rows(image, rng, how):
    """Truth and prediction as rows, with pieces of segments, and how void is said."""
    truth, info, predicted, found = image
    split = {i for i in info if rng.random() < 0.3 and (truth == i).sum() > 1}
    void = truth == 0
    extra = [(void, VOID_CATEGORY)] if how == "row" and void.any() else []
    ignore = Masks.from_dense(void) if how == "area" else None
    pieces = {i for i in found if rng.random() < 0.3 and (predicted == i).sum() > 1}
    return (
        (rows_of(truth, info, pieces=split, extra=extra), rows_of(predicted, found, pieces=pieces)),
        {"ignore": ignore},
    )


@pytest.fixture(scope="module")
def cases():
    """(rng, images) of seeded data sets, 1 to 3 images each."""
    out = []
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        out.append((rng, [random_image(rng) for _ in range(rng.integers(1, 4))]))
    return out


@pytest.mark.parametrize("how", ["row", "area"])
def test_random_cases_equal_the_published_algorithm(cases, how):
    seen = np.zeros(4)
    for rng, images in cases:
        metric = PanopticMetrics(TAXONOMY)
        for image in images:
            sides, said = as_rows(image, rng, how)
            metric.update(*sides, **said)
        wanted = oracle(images, range(len(TAXONOMY)))
        found = metric.result()
        for k in (*THINGS, *STUFF):
            row = found.per_class[TAXONOMY[k].key]
            assert [row["tp"], row["fp"], row["fn"]] == wanted[k][1:]
        for of, categories in (("", (*THINGS, *STUFF)), ("_things", THINGS), ("_stuff", STUFF)):
            means = [found.metrics[f"{q}{of}"] for q in ("pq", "sq", "rq")]
            assert means == pytest.approx(list(oracle_means(wanted, categories)), abs=1e-12)
        seen += np.sum([wanted[k] for k in wanted], axis=0)
    assert (seen > 500).all()  # the cases have matches, extra and missed segments


def test_random_cases_have_void_and_crowds_that_matter(cases):
    """Forgetting void or crowds must change some scores, else the cases prove nothing."""
    plain = sum(void_free(images) != oracle(images, range(6)) for _, images in cases)
    crowds = sum(crowd_free(images) != oracle(images, range(6)) for _, images in cases)
    assert plain > 100
    assert crowds > 100


def void_free(images):
    """The oracle with void turned into a crowd of a class that nobody predicts."""
    return oracle(
        [(np.where(t == 0, 999, t), {**i, 999: (5, True)}, p, f) for t, i, p, f in images], range(6)
    )


def crowd_free(images):
    return oracle(
        [(t, {k: (c, False) for k, (c, _) in i.items()}, p, f) for t, i, p, f in images], range(6)
    )


def test_background_counts_against_predictions_as_labelled_pixels_do(cases):
    for rng, images in cases[:100]:
        metric = PanopticMetrics(TAXONOMY)
        for image in images:
            sides, _ = as_rows(image, rng, "background")
            metric.update(*sides)
        wanted = void_free(images)
        for k in (*THINGS, *STUFF):
            row = metric.result().per_class[TAXONOMY[k].key]
            assert [row["tp"], row["fp"], row["fn"]] == wanted[k][1:]


def test_truth_against_itself_is_exactly_one(cases):
    for _, images in cases[:150]:
        metric = PanopticMetrics(TAXONOMY)
        for truth, info, _, _ in images:
            plain = rows_of(truth, {i: (k, False) for i, (k, _) in info.items()})
            metric.update(plain, plain, ignore=Masks.from_dense(truth == 0))
        values = set(metric.result().metrics.values())
        assert values <= {1.0, None}


def test_sides_can_be_exchanged_where_nothing_is_void_or_crowd(cases):
    for _, images in cases[:150]:
        one, other = PanopticMetrics(TAXONOMY), PanopticMetrics(TAXONOMY)
        for truth, info, predicted, found in images:
            ours = rows_of(truth, {i: (k, False) for i, (k, _) in info.items()})
            theirs = rows_of(predicted, found)
            one.update(ours, theirs)
            other.update(theirs, ours)
        assert one.result().metrics == other.result().metrics
        assert (one.counts.fp == other.counts.fn).all()


def test_any_order_and_any_number_of_workers_give_the_same_bits(cases):
    samples = [as_rows(image, rng, "area") for rng, images in cases[:60] for image in images]
    whole = PanopticMetrics(TAXONOMY)
    for sides, said in samples:
        whole.update(*sides, **said)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        workers = [PanopticMetrics(TAXONOMY) for _ in range(int(rng.integers(1, 9)))]
        for i in rng.permutation(len(samples)):
            sides, said = samples[i]
            workers[int(rng.integers(len(workers)))].update(*sides, **said)
        merged = PanopticMetrics(TAXONOMY)
        for i in rng.permutation(len(workers)):
            merged.merge(pickle.loads(pickle.dumps(workers[i])))
        assert merged.result().metrics == whole.result().metrics
        assert merged.result().per_class == whole.result().per_class


def test_the_order_of_rows_does_not_matter_without_several_crowds(cases):
    for rng, images in cases[:100]:
        one, other = PanopticMetrics(TAXONOMY), PanopticMetrics(TAXONOMY)
        for truth, info, predicted, found in images:
            ours = rows_of(truth, {i: (k, False) for i, (k, _) in info.items()})
            theirs = rows_of(predicted, found)
            one.update(ours, theirs)
            other.update(
                ours.take(rng.permutation(len(ours))), theirs.take(rng.permutation(len(theirs)))
            )
        assert one.result().metrics == other.result().metrics


def test_the_kind_of_a_category_decides_what_a_segment_is():
    two = rows("12", {1: (0, False), 2: (0, False)})
    for kind, n in (("thing", 2), ("stuff", 1)):
        metric = PanopticMetrics(Taxonomy((Category("a", "a", kind=kind),)))
        assert metric.update(two, two)["tp"] == n
