"""The kernels of COCO evaluation: by hand, and beside slower ones that say the same."""

from __future__ import annotations

import itertools
import json
import os

import numpy as np
import pytest

from maskloom.core.coco_rle import FAULTS, compress, parse
from maskloom.core.masks import Masks
from maskloom.metrics.coco.bits import fill_bits, shared_pixels
from maskloom.metrics.coco.columns import ListedTexts
from maskloom.metrics.coco.curves import EPSILON, curves
from maskloom.metrics.coco.ends import LEAD, read_ends
from maskloom.metrics.coco.near import near_boxes
from maskloom.metrics.coco.numbers import read_number
from maskloom.metrics.coco.order import by_falling_score, by_value, meets, rank_in_group
from maskloom.metrics.coco.results_file import FileTexts, read_results
from maskloom.metrics.coco.tokens import HARD, OPEN
from maskloom.metrics.objects.matching import match

ROUNDS = int(os.environ.get("MASKLOOM_FUZZ", "300"))


def decoded(texts, pixels, keep=None):
    """Ends and areas of strings, or the bad row and what is wrong."""
    text, offsets = ListedTexts(texts).block(np.arange(len(texts), dtype=np.int32))
    keep = np.ones(len(texts), bool) if keep is None else keep
    ends = np.empty(len(text) - LEAD, np.int32)
    out, areas, bad, fault = read_ends(text, offsets, np.asarray(pixels), keep, ends)
    if bad >= 0:
        return bad, FAULTS[fault]
    return [ends[a:b].tolist() for a, b in itertools.pairwise(out)], areas.tolist()


def test_runs_of_a_string_end_where_their_sum_is():
    # Runs 5, 2, 2, 2, 5: from the fourth on a string says the difference to the run two before.
    assert decoded(["52203"], [16]) == ([[5, 7, 9, 11, 16]], [4])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5220Q", "the counts string ends inside a number"),
        ("5 203", "the counts string holds a character that is no run-length code"),
        ("5220L", "a run is negative or too long"),
        ("5220", "the runs do not sum to the pixels of the frame"),
        ("", "the runs do not sum to the pixels of the frame"),
        ("oooooooooooooooooooooo0", "a run is negative or too long"),
    ],
)
def test_a_bad_string_is_told_with_its_row(text, said):
    assert decoded(["52203", text, "52203"], [16] * 3) == (1, said)


def runs_of(rng):
    """Runs of a frame; some sets have runs that need five characters and more."""
    largest = int(rng.choice([3, 40, 2000, 3_000_000]))
    runs = rng.integers(0, largest, int(rng.integers(1, 40)))
    runs[rng.random(len(runs)) < 0.1] = 0
    return runs


@pytest.mark.parametrize("chunk", range(5))
def test_strings_are_read_as_one_character_after_another_is(chunk):
    for seed in range(chunk, ROUNDS, 5):
        rng = np.random.default_rng(seed)
        runs = [runs_of(rng) for _ in range(int(rng.integers(1, 60)))]
        texts = [compress(one).tobytes().decode() for one in runs]
        pixels = [int(one.sum()) for one in runs]
        keep = rng.random(len(texts)) < 0.8
        ends, areas = decoded(texts, pixels, keep)
        for own, one, area, kept in zip(ends, runs, areas, keep, strict=True):
            assert own == (np.cumsum(one).tolist() if kept else [])
            assert area == one[1::2].sum()


@pytest.mark.parametrize("chunk", range(5))
def test_damaged_strings_have_the_fault_that_core_finds(chunk):
    for seed in range(chunk, ROUNDS, 5):
        rng = np.random.default_rng(seed)
        runs = rng.integers(1, 200, 8)
        text = bytearray(compress(runs).tobytes())
        text[int(rng.integers(len(text)))] = int(rng.integers(33, 126))
        line = np.frombuffer(bytes(text), np.uint8)
        parsed, _, bad, fault = parse(line, np.array([0, len(text)]))
        found = decoded([bytes(text)], [int(runs.sum())])
        if bad >= 0:
            assert found[0] == 0
            assert found[1] == FAULTS[fault]
        elif parsed.sum() != runs.sum():
            assert found == (0, FAULTS[4])
        else:
            assert found[0] == [np.cumsum(parsed).tolist()]


@pytest.mark.parametrize("seed", range(60))
def test_shared_pixels_are_those_of_both_masks(seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 150, 2))
    one, two = (rng.random(size) < rng.choice([0.02, 0.5, 0.98]) for _ in range(2))
    if not one.any() or not two.any():
        return
    lines = []
    for mask in (one, two):
        runs = Masks.from_dense(mask).to_coco(0, compressed=False)["counts"]
        lines.append(np.cumsum(runs).astype(np.int32))
    words, before = (np.empty(one.size // 64 + 3, np.uint64) for _ in range(2))
    low, high = fill_bits(lines[0], words, before)
    flat = np.flatnonzero(one.ravel(order="F"))
    assert (low, high) == (flat[0], flat[-1] + 1)
    assert shared_pixels(lines[1], low, high, words, before) == (one & two).sum()


def test_iou_of_boxes_counts_the_detection_alone_against_a_crowd():
    found = np.array([[0.0, 0, 2, 2], [5, 5, 1, 1]])
    truth = np.array([[1.0, 0, 2, 2], [0, 0, 10, 10]])
    at = (np.zeros(2, np.int32), np.zeros(2, np.int32))
    offsets, index, value = near_boxes(found, at, truth, at, np.array([False, True]), 0.01)
    assert offsets.tolist() == [0, 2, 3]
    assert index.tolist() == [0, 1, 1]
    assert value.tolist() == [2 / 6, 1.0, 1.0]


def test_a_free_object_that_counts_comes_before_one_of_higher_iou_that_is_ignored():
    pairs = (np.array([0, 2, 3]), np.array([0, 1, 0]), np.array([0.9, 0.6, 0.8]))
    none, ignored = np.zeros(2, bool), np.array([[True, False]])
    hit, drop = match(pairs, none, ignored, np.zeros((1, 2), bool), np.array([0.5, 0.7]))
    # The first takes object 1 at 0.5, and at 0.7, which only object 0 reaches, that one.
    assert hit.tolist() == [[0b11], [0b01]]
    assert drop.tolist() == [[0b10], [0b01]]


def test_the_later_of_equal_objects_is_taken_first():
    pairs = (np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([0.8, 0.8, 0.9]))
    none = np.zeros(2, bool)
    hit, _ = match(pairs, none, none[None], none[None], np.array([0.5]))
    assert hit.tolist() == [[1], [0]]


def by_points(hit, drop, score, positives, recalls):
    """Precision and scores of one curve, point by point as pycocotools makes it."""
    tp, fp = np.cumsum(hit & ~drop), np.cumsum(~hit & ~drop)
    precision = tp / (fp + tp + np.spacing(1))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(tp / positives, recalls, side="left")
    inside = at < len(hit)
    near = np.minimum(at, max(len(hit) - 1, 0))
    return (
        np.where(inside, envelope[near], 0),
        np.where(inside, score[near], 0),
        tp[-1] / positives,
    )


@pytest.mark.parametrize("seed", range(100))
def test_curves_are_those_of_their_points(seed):
    rng = np.random.default_rng(seed)
    n, levels = int(rng.integers(1, 60)), int(rng.integers(1, 17))
    hit, drop = rng.integers(0, 1 << levels, (2, n, 2)).astype(np.uint16)
    hit[rng.random(n) < 0.5] = 0
    rank = rng.integers(0, 4, n).astype(np.int32)
    score = -np.sort(-rng.random(n))
    positives, recalls = np.array([int(rng.integers(1, 40)), 0]), np.linspace(0, 1, 11)
    limits = np.array([0, 2, 9])
    found = curves(
        (hit, drop, rank, score), positives, limits, recalls, levels=levels, epsilon=EPSILON
    )
    assert (found[0][:, :, 1] == -1).all()
    assert (found[1][:, 0, 0] == 0).all()
    for m, most in enumerate(limits[1:], 1):
        near = rank < most
        for t in range(levels):
            own = [(bits[near, 0] >> t & 1).astype(bool) for bits in (hit, drop)]
            if not near.any():
                continue
            wanted = by_points(*own, score[near], positives[0], recalls)
            np.testing.assert_array_equal(found[0][t, :, 0, m], wanted[0])
            np.testing.assert_array_equal(found[2][t, :, 0, m], wanted[1])
            assert found[1][t, 0, m] == wanted[2]


@pytest.mark.parametrize("seed", range(30))
def test_orders_are_stable(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 200))
    scores = rng.choice([-1.5, -0.0, 0.0, 1e-300, 0.3, 2.0, 1e300], n)
    scores = np.where(rng.random(n) < 0.5, scores, rng.normal(size=n))
    rows = np.arange(n, dtype=np.int32)
    assert by_falling_score(rows, scores).tolist() == np.argsort(-scores, kind="stable").tolist()
    values = rng.integers(0, 5, n).astype(np.int32)
    order, firsts = by_value(rows, values, 5)
    assert order.tolist() == np.argsort(values, kind="stable").tolist()
    assert np.diff(firsts).tolist() == np.bincount(values, minlength=5).tolist()


def test_ranks_begin_again_in_each_image_and_category():
    image, category = (np.array(c, np.int32) for c in ([0, 0, 0, 1, 1], [1, 1, 2, 2, 2]))
    rows = np.arange(5, dtype=np.int32)
    assert rank_in_group(rows, image, category).tolist() == [0, 1, 0, 0, 1]
    other = (np.array([0, 1], np.int32), np.array([2, 2], np.int32))
    found = meets(rows, rows[:2], (image, category), other)
    assert found.tolist() == [False, False, True, True, True]


def read(text):
    line = np.frombuffer(text.encode(), np.uint8)
    return read_number(line.ctypes.data, len(line), 0)


def a_number(rng):
    kind = rng.integers(6)
    if kind == 0:
        return repr(float(rng.random()))
    if kind == 1:
        return repr(float(rng.random() * 10.0 ** rng.integers(-20, 20)))
    if kind == 2:
        return f"{rng.random() * 10.0 ** rng.integers(0, 5):.{rng.integers(0, 15)}f}"
    if kind == 3:
        return str(rng.integers(-(10**18), 10**18))
    if kind == 4:
        return repr(float(np.frombuffer(rng.bytes(8), np.float64)[0]))
    return f"{rng.integers(0, 99)}.{rng.integers(0, 10**15)}e{rng.integers(-330, 310)}"


def test_numbers_are_read_to_the_bit_as_python_reads_them():
    rng = np.random.default_rng(0)
    hard = 0
    for _ in range(20 * ROUNDS):
        text = a_number(rng)
        if "n" in text:
            continue
        value, end = read(text + ",")
        if end == HARD:
            hard += 1
            continue
        assert end == len(text)
        assert value == float(text)
    # Left to another parser: subnormal numbers, and those beyond the largest.
    assert hard < ROUNDS


@pytest.mark.parametrize(
    "text", ["0.1", "5e-324", "9007199254740993", "1e22", "1e23", "123456789012345678", "0", "-0.0"]
)
def test_numbers_at_the_edges_are_right_or_left_to_another_parser(text):
    value, end = read(text + "]")
    assert end == HARD or value == float(text)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("01,", HARD),
        (".5,", HARD),
        ("1.,", HARD),
        ("1e,", HARD),
        ("-,", HARD),
        ("12345678901234567890,", HARD),
        ("1e9999999,", HARD),
        ("12", OPEN),
        ("1.5", OPEN),
        ("1e5", OPEN),
        ("", OPEN),
    ],
)
def test_what_is_no_number_or_goes_on_is_told(text, end):
    assert read(text)[1] == end


@pytest.mark.parametrize("part", [64, 1000, 1 << 22])
def test_a_file_of_results_is_read_in_parts_of_any_size(part, tmp_path, monkeypatch):
    monkeypatch.setattr("maskloom.metrics.coco.results_file.PART", part)
    rng = np.random.default_rng(part)
    texts = ["".join(map(chr, rng.integers(48, 112, rng.integers(1, 300)))) for _ in range(50)]
    results = [
        {
            "image_id": int(rng.integers(1, 9)),
            "score": float(rng.random()),
            "segmentation": {"counts": text, "size": [int(rng.integers(9)), 640]},
            "category_id": int(rng.integers(-5, 99)),
            "note": 'of "no" account \\',
        }
        for text in texts
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    found = read_results(path)
    assert found is not None
    assert found.image.tolist() == [one["image_id"] for one in results]
    assert found.category.tolist() == [one["category_id"] for one in results]
    assert found.score.tolist() == [one["score"] for one in results]
    assert found.sizes.tolist() == [one["segmentation"]["size"] for one in results]
    assert found.boxes is None
    rows = rng.permutation(50).astype(np.int32)
    text, offsets = FileTexts(found).block(rows)
    strings = [bytes(text[a:b]).decode() for a, b in itertools.pairwise(offsets)]
    assert strings == [texts[i] for i in rows]
