from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.core.dataset import Dataset
from maskloom.core.labels import BACKGROUND, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, TaxonomyError
from maskloom.metrics.judging.align import compare
from maskloom.quality.review import find_regions

SIZE = (48, 64)
TAXONOMY = Taxonomy.from_names(["cell", "dirt"])


def review(truth, predicted, top=50, renames=None, missing="error", **options):
    pair_up = compare(truth, predicted, renames=renames, missing=missing)
    return find_regions(pair_up, top=top, **options)


def maps(**by_key):
    """Class maps of one block each: key → (category, x0, y0, x1, y1)."""
    arrays = {}
    for key, (value, x0, y0, x1, y1) in by_key.items():
        arrays[key] = np.full(SIZE, BACKGROUND, np.uint8)
        arrays[key][y0:y1, x0:x1] = value
    samples = tuple(Sample(key, ImageRef(None)) for key in by_key)
    return Dataset(TAXONOMY, samples, lambda s: Labels(SIZE, class_map=arrays[s.key]))


def kinds(found):
    return [region.kind for region in found.regions]


def test_labels_agree_with_themselves(dataset, good):
    data = dataset({"a": good})
    found = review(data, data)
    assert (found.regions, found.agreement, found.task) == ((), 1.0, "instance")
    assert found.counts == dict.fromkeys(("missing", "extra", "wrong-class", "boundary"), 0)
    flat = review(maps(a=(0, 5, 5, 20, 20)), maps(a=(0, 5, 5, 20, 20)))
    assert (flat.regions, flat.agreement, flat.task) == ((), 1.0, "semantic")


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 1)), max_size=8, unique=True
    ),
    st.data(),
)
def test_a_dropped_object_is_missing_a_swapped_one_wrong_a_grown_one_a_boundary(places, data):
    """On a grid of blocks that do not touch: each change is one region, and nothing else is."""
    taken = {(x, y): c for x, y, c in places}
    truth, predicted, wanted = [], [], []
    for (x, y), category in taken.items():
        change = data.draw(st.sampled_from(["none", "missing", "wrong-class", "boundary"]))
        box = np.array([10 * x + 2, 11 * y + 2, 10 * x + 8, 11 * y + 8])
        truth.append((box, category))
        if change == "boundary":
            box = np.add(box, (-1, -1, 1, 1))
        if change != "missing":
            predicted.append((box, 1 - category if change == "wrong-class" else category))
        wanted += [change] if change != "none" else []

    def rows(objects):
        masks = np.zeros((len(objects), *SIZE), bool)
        for mask, (box, _) in zip(masks, objects, strict=True):
            mask[box[1] : box[3], box[0] : box[2]] = True
        made = Rows.make(Masks.from_dense(masks), [c for _, c in objects])
        return Dataset(TAXONOMY, (Sample("a", ImageRef(None)),), lambda s: Labels(SIZE, rows=made))

    found = review(rows(truth), rows(predicted))
    assert sorted(kinds(found)) == sorted(wanted)


def test_the_list_does_not_depend_on_the_order_of_samples_or_on_how_much_is_kept(
    dataset, labels, block
):
    rng = np.random.default_rng(0)

    def some():
        corners = rng.integers(0, 36, (5, 2))
        masks = [block(x, y, x + rng.integers(4, 12), y + rng.integers(4, 12)) for x, y in corners]
        return labels(*masks, score=rng.random(5))

    truth, predicted = ({f"s{i}": some() for i in range(12)} for _ in range(2))
    found = review(dataset(truth), dataset(predicted), top=1000)
    turned = dict(reversed(truth.items()))
    again = review(
        dataset(turned),
        dataset(dict(sorted(predicted.items(), key=lambda p: p[0][::-1]))),
        top=1000,
    )
    assert again.regions == found.regions
    assert (again.counts, again.agreement) == (found.counts, found.agreement)
    assert len(found.regions) == sum(found.counts.values()) > 50
    few = review(dataset(turned), dataset(predicted), top=7)
    assert few.regions == found.regions[:7]
    assert few.counts == found.counts


def test_unlabelled_parts_and_categories_are_no_faults(dataset, labels, block):
    predicted = dataset({"a": labels(block(2, 2, 20, 20), block(30, 5, 50, 25))})
    for coverage in (
        Coverage(nothing=True),
        Coverage(categories=frozenset()),
        Coverage(area=Masks.from_dense(block(0, 40, 10, 48))),
    ):
        truth = dataset({"a": labels().replace(coverage=coverage)})
        assert kinds(review(truth, predicted)) == []
        assert kinds(review(truth, predicted, task="semantic")) == []
    half = dataset({"a": labels().replace(coverage=Coverage(categories=frozenset({"cell"})))})
    assert [r.category for r in review(half, predicted).regions] == ["cell"]
    left = dataset(
        {"a": labels().replace(coverage=Coverage(area=Masks.from_dense(block(0, 0, 25, 48))))}
    )
    for task in ("instance", "semantic"):
        assert [r.box for r in review(left, predicted, task=task).regions] == [(2, 2, 20, 20)]


def test_objects_against_a_class_map_are_compared_as_classes_with_their_scores(
    dataset, labels, block
):
    truth = maps(a=(0, 2, 2, 10, 10))
    predicted = dataset({"a": labels(block(30, 5, 50, 25), score=[0.4])})
    found = review(truth, predicted)
    assert found.task == "semantic"
    by = {r.kind: r for r in found.regions}
    assert by["extra"].reason == "predicted cell (0.40), 400 px, where the truth has nothing"
    assert by["missing"].reason == "none predicted (1.00), 64 px, where the truth has cell"
    assert found.notes[:1] != (
        "the prediction does not say how sure it is: every region counts as certain",
    )


def test_the_certainty_of_a_map_is_its_confidence():
    truth, predicted = maps(a=(0, 2, 2, 10, 10)), maps(a=(1, 2, 2, 10, 10))
    read = predicted.labels_of
    sure = np.full(SIZE, 102, np.uint8)
    told = replace(predicted, labels_of=lambda s: read(s).replace(confidence=sure))
    assert review(truth, told).regions[0].reason.startswith("predicted dirt (0.40)")
    loud, quiet = (review(truth, one).regions[0].severity for one in (predicted, told))
    assert quiet == pytest.approx(0.4 * loud, abs=1e-5)


def test_notes_say_when_nothing_is_said_of_certainty_and_when_little_agrees():
    found = review(maps(a=(0, 0, 0, 64, 48)), maps(a=(1, 0, 0, 64, 40)))
    assert found.notes == (
        "the prediction does not say how sure it is: every region counts as certain",
        "both agree on only 0 % of the pixels: most regions are likely faults of the prediction, "
        "not of the labels",
    )


def test_categories_match_by_name_in_any_order_and_by_renames():
    turned = Taxonomy(tuple(reversed(TAXONOMY.categories)))
    truth, predicted = (
        maps(a=(0, 5, 5, 20, 20)),
        replace(maps(a=(1, 5, 5, 20, 20)), taxonomy=turned),
    )
    assert kinds(review(truth, predicted)) == []
    other = replace(predicted, taxonomy=Taxonomy.from_names(["rubble", "blob"]))
    with pytest.raises(
        TaxonomyError, match="the prediction uses a category that the truth does not"
    ):
        review(truth, other)
    assert kinds(review(truth, other, renames={"blob": "cell"})) == []


def test_void_never_counts_on_either_side(dataset, labels, block):
    void = Taxonomy((Category("cell", "cell"), Category("dirt", "dirt", void=True)))
    for task in ("instance", "semantic"):
        truth = dataset({"a": labels(block(2, 2, 20, 20), category=[1])}, taxonomy=void)
        predicted = dataset({"a": labels(block(2, 2, 20, 20), category=[0])}, taxonomy=void)
        assert kinds(review(truth, predicted, task=task)) == []
        empty = dataset({"a": labels()}, taxonomy=void)
        assert kinds(review(empty, truth, task=task)) == []


def test_a_row_s_place_counts_void_predictions_that_are_left_out(dataset, labels, block):
    void = Taxonomy((Category("cell", "cell"), Category("dirt", "dirt", void=True)))
    both = labels(block(2, 2, 20, 20), block(30, 5, 50, 25), category=[1, 0])
    found = review(dataset({"a": labels()}, taxonomy=void), dataset({"a": both}, taxonomy=void))
    assert [r.row for r in found.regions] == [1]


def test_a_sample_without_a_prediction_is_refused_skipped_or_empty(dataset, good):
    truth, predicted = dataset({"a": good, "b": good}), dataset({"a": good})
    with pytest.raises(DataError, match="no prediction for 1 of 2 samples: b"):
        review(truth, predicted)
    assert kinds(review(truth, predicted, missing="skip")) == []
    assert kinds(review(truth, predicted, missing="empty")) == ["missing", "missing"]


def test_labels_of_two_sizes_and_of_volumes_are_refused(dataset, good):
    small = Labels((4, 4), class_map=np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match="truth and prediction differ in size"):
        review(dataset({"a": good}), dataset({"a": small}))
    volume = Labels((2, 4, 4), class_map=np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(DataError, match="volumes"):
        review(dataset({"a": volume}), dataset({"a": volume}))


def test_the_machine_form_has_ranks_and_links(dataset, good, labels):
    found = review(dataset({"a": good}), dataset({"a": labels()}))
    rows = found.to_json({0: "http://x/#/1"})["rows"]
    assert [(row["rank"], row["link"]) for row in rows] == [(1, "http://x/#/1"), (2, None)]
    assert list(rows[0]) == [
        "rank", "sample", "kind", "category", "other", "box", "area", "severity", "reason",
        "object", "link",
    ]  # fmt: skip
