"""Errors of objects: by hand, against the rule of TIDE, and merged in any way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.metrics.errors.tide_rule import OURS, TIDECV, Image, tide

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.errors.object_family import ObjectErrors
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.objects.sides import COCO_RULES, LVIS_RULES, MASKLOOM_RULES

SIZE = (12, 12)
AT_075 = 1 << 5
"""The level of IoU 0.75 among the bits of AP."""
ABC = Taxonomy.from_names(["a", "b", "c"])
VOID = Taxonomy((*ABC, Category("void", "void", void=True)))


def rows(*given, size=SIZE):
    """Of (class, score, x0, y0, x1, y1)."""
    dense = np.zeros((len(given), *size), bool)
    for i, (_, _, x0, y0, x1, y1) in enumerate(given):
        dense[i, y0:y1, x0:x1] = True
    masks = Masks.from_dense(dense) if given else Masks.empty(0, size)
    return Rows.make(masks, [g[0] for g in given], score=[g[1] for g in given])


def tables(*samples, taxonomy=ABC, rules=MASKLOOM_RULES, **kwargs):
    family = ObjectErrors(taxonomy, rules)
    for truth, predicted in samples:
        family.update(truth, predicted, **kwargs)
    return {name: table.records() for name, table in family.result().breakdowns.items()}


def counts(found):
    return {row["error"]: row["count"] for row in found["object_errors"] if row["count"]}


def cost(found, error):
    return next(row["dAP"] for row in found["object_errors"] if row["error"] == error)


def test_a_perfect_prediction_has_no_errors():
    truth = rows((0, 1.0, 0, 0, 4, 4), (1, 1.0, 6, 6, 10, 10))
    found = tables((truth, truth))
    assert counts(found) == {}
    assert {row["dAP"] for row in found["object_errors"]} == {0.0, None}
    assert [row["right"] for row in found["object_errors_by_class"]] == [1, 1]


@pytest.mark.parametrize(
    ("predicted", "kind", "cost_of"),
    [
        ((1, 0.9, 0, 0, 4, 4), "class", 1.0),  # the right place, another class
        ((0, 0.9, 2, 0, 6, 4), "location", 1.0),  # 8 of 24 px: IoU 1/3
        ((1, 0.9, 2, 0, 6, 4), "both", 0.0),  # put right, it is gone, and nothing is found
        ((0, 0.9, 8, 8, 12, 12), "background", 0.0),
    ],
)
def test_each_kind_by_hand(predicted, kind, cost_of):
    found = tables((rows((0, 1.0, 0, 0, 4, 4)), rows(predicted)))
    assert counts(found)[kind] == counts(found)["false positives"] == 1
    assert cost(found, kind) == cost_of
    missed = 1 if kind in ("both", "background") else None
    assert counts(found).get("missed") == missed
    assert counts(found)["false negatives"] == 1


def test_a_duplicate_costs_the_precision_of_what_comes_after_it():
    truth = rows((0, 1.0, 0, 0, 4, 4), (0, 1.0, 6, 6, 10, 10))
    predicted = rows((0, 0.9, 0, 0, 4, 4), (0, 0.8, 0, 0, 4, 3), (0, 0.7, 6, 6, 10, 10))
    found = tables((truth, predicted))
    assert counts(found) == {"duplicate": 1, "false positives": 1}
    # precision 2/3 at the 50 recalls above one half
    assert cost(found, "duplicate") == pytest.approx(50 / 101 / 3, abs=1e-4)
    assert cost(found, "duplicate") == cost(found, "false positives")


def test_only_the_surest_error_about_an_object_is_put_right():
    truth = rows((0, 1.0, 0, 0, 4, 4))
    twice = rows((1, 0.9, 0, 0, 4, 4), (0, 0.8, 2, 0, 6, 4))
    found = tables((truth, twice))
    assert counts(found) == {"class": 1, "location": 1, "false positives": 2, "false negatives": 1}
    # put right, the error of class is the hit: it is surer; that of location would only vanish
    assert (cost(found, "class"), cost(found, "location")) == (1.0, 0.0)


def test_missed_objects_that_need_not_be_found_cost_recall():
    truth = rows((0, 1.0, 0, 0, 4, 4), (0, 1.0, 6, 6, 10, 10))
    found = tables((truth, rows((0, 0.9, 0, 0, 4, 4))))
    # recall 1/2 covers 51 of 101 points
    assert cost(found, "missed") == pytest.approx(50 / 101, abs=1e-4)
    assert cost(found, "missed") == cost(found, "false negatives")


def test_a_class_without_another_object_to_find_is_left_out_unless_it_is_predicted():
    truth = rows((0, 1.0, 0, 0, 4, 4), (1, 1.0, 6, 6, 10, 10))
    right, false = (0, 0.9, 0, 0, 4, 4), (1, 0.9, 0, 8, 2, 10)
    assert cost(tables((truth, rows(right))), "missed") == 0.5
    assert cost(tables((truth, rows(right, false))), "missed") == 0.0
    assert cost(tables((truth, rows())), "missed") is None


def test_where_nothing_is_to_be_found_costs_are_undefined():
    found = tables((rows(), rows((0, 0.9, 0, 0, 4, 4))))
    assert counts(found) == {"background": 1, "false positives": 1}
    assert {row["dAP"] for row in found["object_errors"]} == {None}


def test_predictions_on_crowds_void_and_unlabelled_area_are_no_errors():
    truth = rows((3, 1.0, 0, 0, 6, 6), (0, 1.0, 8, 8, 12, 12))
    predicted = rows((0, 0.9, 0, 0, 4, 4), (1, 0.9, 8, 0, 12, 4), (2, 0.9, 0, 8, 4, 12))
    ignore = rows((0, 1.0, 8, 0, 12, 6)).masks
    found = tables((truth, predicted), taxonomy=VOID, ignore=ignore, unlabelled=(2,))
    assert counts(found) == {"missed": 1, "false negatives": 1}


def test_where_a_class_is_listed_in_part_only_what_finds_an_object_is_judged():
    truth = rows((0, 1.0, 0, 0, 4, 4), (1, 1.0, 0, 8, 4, 12))
    predicted = rows((0, 0.9, 0, 0, 4, 4), (0, 0.8, 6, 6, 10, 10), (1, 0.7, 0, 8, 4, 12))
    given = {"rules": LVIS_RULES, "unlabelled": (0,)}
    assert counts(tables((truth, predicted), **given)) == {}
    assert counts(tables((truth, predicted)))["background"] == 1


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        (MASKLOOM_RULES, "all predictions counted"),
        (COCO_RULES, "of each class in an image the 100 surest predictions counted"),
        (LVIS_RULES, "of an image the 300 surest predictions counted"),
    ],
)
def test_the_note_says_which_predictions_the_rules_keep(rules, kept):
    truth = rows((0, 1.0, 0, 0, 4, 4))
    family = ObjectErrors(ABC, rules)
    family.update(truth, rows(*((0, 0.5, 0, 0, 4, 4),) * 320))
    table = family.result().breakdowns["object_errors"]
    assert kept in table.note
    assert ("all predictions" in table.note) == (rules is MASKLOOM_RULES)
    counted = {"all": 320, "of each": 100, "of an": 300}
    assert len(family.predictions.table()["kind"]) == next(
        n for words, n in counted.items() if kept.startswith(words + " ")
    )


def test_an_object_in_two_halves_is_split_and_two_in_one_are_merged():
    whole = (0, 1.0, 0, 0, 8, 4)
    halves = (0, 0.9, 0, 0, 4, 4), (0, 0.8, 4, 0, 8, 4)
    split = tables((rows(whole), rows(*halves)))
    assert (counts(split)["split"], counts(split).get("merged")) == (1, None)
    merged = tables((rows(*halves), rows(whole)))
    assert counts(merged).get("split") is None
    assert (counts(merged)["merged"], counts(merged)["joined"]) == (1, 2)
    assert split["object_errors_by_class"][0]["split"] == 1
    assert merged["object_errors_by_class"][0]["merged"] == 1


@pytest.mark.parametrize(
    "second",
    [
        (0, 0.8, 1, 0, 5, 4),  # a duplicate of the first
        (1, 0.8, 4, 0, 8, 4),  # of another class
        (0, 0.8, 6, 0, 7, 3),  # 3 of 32 px: less than a tenth
        (0, 0.8, 6, 0, 10, 4),  # half of it lies outside, not more than half within
    ],
)
def test_what_is_no_second_piece(second):
    found = tables((rows((0, 1.0, 0, 0, 8, 4)), rows((0, 0.9, 0, 0, 4, 4), second)))
    assert counts(found).get("split") is None


def test_an_object_that_a_prediction_covers_is_not_split_by_others_on_it():
    whole, halves = (0, 0.1, 0, 0, 8, 4), ((0, 0.9, 0, 0, 4, 4), (0, 0.8, 4, 0, 8, 4))
    truth = rows((0, 1.0, 0, 0, 8, 4))
    for predicted in ((whole, *halves), (*halves, whole)):
        assert counts(tables((truth, rows(*predicted)))).get("split") is None
    merged = tables((rows(whole, *halves), truth))
    assert counts(merged).get("merged") is None


@pytest.mark.parametrize(("second", "split"), [(0.8, 1), (0.95, None)])
def test_of_equally_large_pieces_the_surest_is_compared(second, split):
    # 10 px each; the second shares 7 with the first and 6 with the last, these 3 with each other
    truth = rows((0, 1.0, 0, 0, 20, 1), size=(4, 20))
    given = ((0, 0.9, 0, 0, 10, 1), (0, second, 3, 0, 13, 1), (0, 0.7, 7, 0, 17, 1))
    assert counts(tables((truth, rows(*given, size=(4, 20))))).get("split") == split


def test_of_many_predictions_on_an_object_each_is_compared_with_the_largest():
    size = (40, 60)
    truth = rows((0, 1.0, 0, 0, 60, 40), size=size)
    near = [(0, 0.5, i % 5, i % 7, 60, 40) for i in range(400)]
    once = tables((truth, rows(*near, size=size)))
    assert counts(once).get("split") is None
    half = [(0, 0.5, i % 5, 0, 30, 40) for i in range(400)]
    twice = tables((truth, rows(*half, (0, 0.5, 30, 0, 59, 40), size=size)))
    assert counts(twice)["split"] == 1


def test_sizes_count_each_object_once_in_each_division():
    sides = (4, 8, 32, 33, 96, 97)
    truth = rows(
        *((0, 1.0, 0, 100 * i, n, 100 * i + n) for i, n in enumerate(sides)), size=(600, 100)
    )
    short = ((0, 0.9, 0, 100 * i, n, 100 * i + n * 3 // 4) for i, n in enumerate(sides) if i != 1)
    table = tables((truth, rows(*short, size=(600, 100))))["object_sizes"]
    named = {row["size"]: row for row in table}
    assert [named[s]["objects"] for s in ("small", "medium", "large")] == [3, 2, 1]
    assert [named[s]["found"] for s in ("small", "medium", "large")] == [2, 2, 1]
    assert sum(row["objects"] for row in table[3:]) == 6
    assert (named["small"]["share found"], named["small"]["mean IoU"]) == (0.6667, 0.75)
    # 24 of 33 rows are not quite three quarters
    assert (named["medium"]["found at 0.75"], named["large"]["found at 0.75"]) == (1, 0)
    assert named["smallest quarter"]["area in px"] == "16 to 64"


def test_no_object_has_no_mean_iou_and_no_share():
    table = tables((rows(), rows()))["object_sizes"]
    assert [row["objects"] for row in table] == [0, 0, 0]
    assert {row["mean IoU"] for row in table} == {row["share found"] for row in table} == {None}


# --- against the rule of TIDE -------------------------------------------------------------------


def random_images(rng, n_classes, *, crowds=True, ties=True):
    """Samples as the oracle takes them; predictions by class, as equal scores are ordered."""
    images = []
    for _ in range(rng.integers(1, 4)):
        truth, predicted = [], []
        for _ in range(rng.integers(0, 6)):
            crowd = crowds and rng.random() < 0.15
            category = -1 if crowd and rng.random() < 0.5 else int(rng.integers(n_classes))
            truth.append((category, random_mask(rng), crowd))
        for _ in range(rng.integers(0, 8)):
            mask = random_mask(rng)
            if truth and rng.random() < 0.7:
                mask = truth[rng.integers(len(truth))][1].copy()
                mask[rng.random(SIZE) < rng.choice([0, 0.2, 0.5, 0.8])] ^= True
            score = rng.integers(1, 5) / 5 if ties else rng.random()
            if mask.any():
                predicted.append((int(rng.integers(n_classes)), float(score), mask))
        images.append((sorted(predicted, key=lambda p: p[0]), truth))
    return images


def random_mask(rng):
    y, x = rng.integers(0, SIZE[0] - 2, 2)
    h, w = rng.integers(1, 7, 2)
    mask = np.zeros(SIZE, bool)
    mask[y : y + h, x : x + w] = True
    return mask


def as_rows(side, n_classes, *, truth):
    category = [n_classes if one[0] < 0 else one[0] for one in side]
    masks = Masks.from_dense(
        np.array([one[1 if truth else 2] for one in side], np.bool_).reshape(-1, *SIZE)
    )
    if truth:
        return Rows.make(masks, category, crowd=[one[2] for one in side])
    return Rows.make(masks, category, score=[one[1] for one in side])


def family_of(images, n_classes):
    names = [f"c{i}" for i in range(n_classes)]
    categories = [Category(n, n) for n in names] + [Category("void", "void", void=True)]
    family, ap = (
        ObjectErrors(Taxonomy(tuple(categories))),
        InstanceMetrics(Taxonomy(tuple(categories))),
    )
    for predicted, truth in images:
        sides = as_rows(truth, n_classes, truth=True), as_rows(predicted, n_classes, truth=False)
        family.update(*sides)
        ap.update(*sides)
    return family, ap.result().metrics["ap50"]


def test_costs_and_counts_are_those_of_the_rule_on_any_small_case():
    rng = np.random.default_rng(0)
    as_tidecv = 0
    for case in range(2000):
        n = int(rng.integers(1, 4))
        images = random_images(rng, n, ties=case % 2 == 0)
        base, gained, numbers = expected = tide(images, n, OURS)
        as_tidecv += expected == tide(images, n, TIDECV)
        family, ap50 = family_of(images, n)
        assert ap50 == (None if base is None else pytest.approx(base, abs=1e-12))
        found = {row["error"]: row for row in family.result().breakdowns["object_errors"].records()}
        for error, number in numbers.items():
            assert found[error]["count"] == number, (case, error)
        for error, value in family.costs().gained.items():
            near = None if gained[error] is None else pytest.approx(gained[error], abs=1e-12)
            assert value == near, (case, error)
    # in so many cases tidecv itself says the same
    assert as_tidecv > 1000


def image(truth, predicted):
    """Of boxes (class, score, x0, y0, x1, y1)."""
    dense = [np.zeros(SIZE, bool) for _ in (*truth, *predicted)]
    for mask, (_, _, x0, y0, x1, y1) in zip(dense, (*truth, *predicted), strict=True):
        mask[y0:y1, x0:x1] = True
    objects = [(one[0], mask, False) for one, mask in zip(truth, dense, strict=False)]
    found = dense[len(truth) :]
    return [(*one[:2], mask) for one, mask in zip(predicted, found, strict=True)], objects


SQUARE, FAR = (0, 1.0, 0, 0, 4, 4), (0, 0.9, 8, 8, 12, 12)
DOTS = [(0, 1.0, 2 * (i % 5), 2 * (i // 5), 2 * (i % 5) + 1, 2 * (i // 5) + 1) for i in range(20)]


@pytest.mark.parametrize(
    ("quirk", "truth", "predicted"),
    [
        # 8 of 16 px of an object that is taken: a duplicate, not an error of location
        ("closed_bounds", [SQUARE], [(0, 0.9, 0, 0, 4, 4), (0, 0.8, 0, 0, 4, 2)]),
        # 1 of 10 px of an object of another class: near enough to be an error of both
        ("closed_bounds", [(0, 1.0, 0, 0, 6, 1)], [(1, 0.9, 5, 0, 10, 1)]),
        # half of each of two objects: the later one is found, so that the other is free
        (
            "first_of_equals",
            [SQUARE, (0, 1.0, 4, 0, 8, 4)],
            [(0, 0.9, 0, 0, 8, 4), (0, 0.8, 0, 0, 4, 4)],
        ),
        # 7 of 20 objects do not reach a recall of 35 times 0.01
        ("recalls_by_division", DOTS, [(0, 0.9, *one[2:]) for one in DOTS[:7]]),
        # a class that the truth does not have lowers no mean, so that nothing is gained without it
        ("empty_class_counts", [SQUARE], [(0, 0.9, 0, 0, 4, 4), (1, 0.8, 8, 8, 12, 12)]),
        # what found its object stays before what did not, although both have one score
        (
            "wrong_first",
            [SQUARE, (0, 1.0, 6, 0, 10, 4)],
            [(0, 0.9, 0, 0, 4, 4), FAR, (0, 0.8, 0, 0, 4, 3)],
        ),
    ],
)
def test_where_tidecv_is_not_followed(quirk, truth, predicted):
    images = [image(truth, predicted)]
    ours, theirs = tide(images, 2, OURS), tide(images, 2, replace(OURS, **{quirk: True}))
    assert ours != theirs
    assert family_of(images, 2)[0].costs().gained == pytest.approx(ours[1], abs=1e-12)


# --- merging ------------------------------------------------------------------------------------


def pieces_by_pixels(whole, pieces):
    """Whether a piece of a mask is distinct from the largest, by the rule as it is stated."""
    able = [
        p
        for p in pieces
        if 2 * (p & whole).sum() > p.sum() and 10 * (p & whole).sum() >= whole.sum()
    ]
    if not able:
        return False
    largest = max(able, key=lambda p: (p & whole).sum())
    return any(2 * (one & largest).sum() <= min(one.sum(), largest.sum()) for one in able)


def exchanged(predicted, truth):
    """What was true as the prediction, and the other way round: what was merged is split."""
    found = [(k, 0.5, mask) for k, mask, _ in truth]
    return sorted(found, key=lambda p: p[0]), [(k, mask, False) for k, _, mask in predicted]


def test_split_and_merged_are_those_of_brute_force_over_pixels():
    rng = np.random.default_rng(3)
    seen = np.zeros(3, int)
    for case in range(600):
        n = int(rng.integers(1, 3))
        images = random_images(rng, n, crowds=case % 2 == 0)
        if case % 2:
            images = [exchanged(*one) for one in images]
        expected = np.zeros((3, n), int)
        for predicted, truth in images:
            one = Image(predicted, truth, OURS, SIZE)
            judged = [
                p for p, used in zip(one.predictions, one.used, strict=True) if used is not None
            ]
            joined = [False] * len(one.objects)
            for k, mask, _ in one.objects:
                expected[0, k] += pieces_by_pixels(mask, [p[2] for p in judged if p[0] == k])
            for k, _, mask in judged:
                alike = [i for i, t in enumerate(one.objects) if t[0] == k]
                if pieces_by_pixels(mask, [one.objects[i][1] for i in alike]):
                    expected[1, k] += 1
                    for i in alike:
                        own = one.objects[i][1]
                        shared = (own & mask).sum()
                        joined[i] |= 2 * shared > own.sum() and 10 * shared >= mask.sum()
            for (k, _, _), is_in in zip(one.objects, joined, strict=True):
                expected[2, k] += is_in
        family, _ = family_of(images, n)
        assert np.array_equal(family.counts[1:, :n], expected)
        seen += expected.sum(axis=1)
    assert min(seen) > 20


def test_objects_are_found_at_three_quarters_as_often_as_by_ap():
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(200):
        images = random_images(rng, 2)
        family, _ = family_of(images, 2)
        judged = InstanceMetrics(family.taxonomy)
        for predicted, truth in images:
            judged.update(as_rows(truth, 2, truth=True), as_rows(predicted, 2, truth=False))
        hits = sum(
            int((c.hit[:, 0] & ~c.drop[:, 0] & AT_075).astype(bool).sum()) for c in judged.columns
        )
        fine = family.objects.table()["fine"]
        assert int(fine.sum()) == hits
        found += hits
    assert found > 50


def test_any_division_of_the_samples_gives_the_same_tables():
    rng = np.random.default_rng(2)
    for _ in range(30):
        images = random_images(rng, 3)
        whole, _ = family_of(images, 3)
        parts = []
        for i in reversed(range(len(images))):
            part = ObjectErrors(whole.taxonomy)
            sides = (as_rows(images[i][1], 3, truth=True), as_rows(images[i][0], 3, truth=False))
            part.update(*sides, order=i)
            travelled = ObjectErrors(whole.taxonomy)
            travelled.load(part.state())
            parts.append(travelled)
        merged = parts[0]
        for part in parts[1:]:
            merged.merge(part)
        assert merged.result().breakdowns == whole.result().breakdowns


def test_a_state_of_another_taxonomy_or_of_ragged_columns_is_refused():
    state = ObjectErrors(ABC).state()
    with pytest.raises(ValueError, match="counts"):
        ObjectErrors(VOID).load(state)
    ragged = {**state, "object.iou": np.zeros(3)}
    with pytest.raises(ValueError, match="iou"):
        ObjectErrors(ABC).load(ragged)
