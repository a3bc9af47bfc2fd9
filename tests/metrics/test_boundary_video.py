"""J and F of video objects, frame by frame and over sequences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.metrics.boundary_cases import (
    FUZZ,
    db_eval_iou,
    db_statistics,
    disturbed,
    f_measure,
    random_side,
    smooth_mask,
)

from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.metrics.boundary.object_windows import joint_window, pixels_in
from maskloom.metrics.boundary.rules import CONTOUR_RULES, VIDEO_RULES, VideoRules
from maskloom.metrics.boundary.video import VIDEO_METRICS, VideoObjectMetrics
from maskloom.metrics.boundary.video_values import Statistics, statistics

DAVIS = VIDEO_RULES["davis2017"]


def square(x, size=10, number=1, width=40):
    out = np.zeros((30, width), np.uint8)
    out[5 : 5 + size, x : x + size] = number
    return out


def objects_of(rng, shape, n):
    out = np.zeros(shape, np.uint8)
    for number in range(1, n + 1):
        out[smooth_mask(rng, *shape)] = number
    return out


def davis2017(sequences):
    """davis2017-evaluation, semi-supervised: J and F, mean over objects of M, R, D."""
    found = []
    for truth, predicted in sequences:
        for number in range(1, int(truth[0].max()) + 1):
            pairs = [(t == number, p == number) for t, p in zip(truth, predicted, strict=True)]
            j = [db_eval_iou(t, p) for t, p in pairs[1:-1]]
            f = [f_measure(p, t) for t, p in pairs[1:-1]]
            found.append((*db_statistics(j), *db_statistics(f)))
    return np.mean(found, axis=0)


def measured(sequences, rules):
    made = VideoObjectMetrics(rules)
    for s, (truth, predicted) in enumerate(sequences):
        for i, (t, p) in enumerate(zip(truth, predicted, strict=True)):
            made.update(t, p, sequence=f"s{s}", order=i)
    return made


def test_a_square_that_is_missed_by_a_quarter():
    made = VideoObjectMetrics()
    scores = made.update(square(10), square(14), sequence="a")
    assert scores["j"] == 60 / 140
    assert scores["f"] < 1.0
    assert scores["j_and_f"] == (scores["j"] + scores["f"]) / 2
    result = made.result()
    assert result.metrics["j"] == scores["j"]
    assert result.metrics["j_recall"] == 0.0
    assert result.metrics["j_decay"] == 0.0
    assert tuple(result.metrics) == VIDEO_METRICS
    assert "1 object of 1 sequence" in result.notes[0]


def test_statistics_of_five_frames():
    """Quarters of five frames are frames 1-2, 2-3, 3-4 and 4-5."""
    assert statistics([1.0, 0.8, 0.5, 0.4, 0.2]) == Statistics(0.58, 0.4, 0.9 - (0.4 + 0.2) / 2)
    assert statistics([]) == Statistics(None, None, None)
    assert statistics([0.7]) == Statistics(0.7, 1.0, 0.0)
    assert statistics([None, None]) == Statistics(None, None, None)
    assert statistics([1.0, None, 0.0, None]).mean == 0.5


def test_statistics_equal_the_reference():
    rng = np.random.default_rng(0)
    for _ in range(FUZZ):
        values = rng.random(int(rng.integers(1, 256)))
        ours = statistics(values.tolist())
        assert [ours.mean, ours.recall, ours.decay] == pytest.approx(db_statistics(values))


def test_the_reference_takes_other_quarters_in_sequences_of_more_than_256_frames():
    """davis2017-evaluation holds bounds in 8 bits: the last quarter is that from 224 to 43."""
    values = np.linspace(1.0, 0.0, 300)
    assert statistics(values.tolist()).decay == pytest.approx(
        values[:76].mean() - values[224:].mean()
    )
    with pytest.warns(RuntimeWarning):
        assert np.isnan(db_statistics(values)[2])


def test_void_masks():
    """davis2017-evaluation pytest/test_evaluation.py: test_void_masks."""
    truth, predicted, void = np.zeros((3, 2, 200, 200), np.uint8)
    truth[:, 100:150, 100:150] = 1
    void[:, 50:100, 100:150] = 1
    predicted[:, 50:150, 100:150] = 1
    for rules in VIDEO_RULES.values():
        made = VideoObjectMetrics(rules)
        for i in range(2):
            scores = made.update(truth[i], predicted[i], void=void[i])
            assert (scores["j"], scores["f"]) == (1.0, 1.0)


def test_the_first_and_last_frame_are_dropped_by_davis_alone():
    frames = [square(x) for x in (0, 5, 6, 7)]
    predicted = [square(20), *frames[1:3], square(20)]
    assert measured([(frames, predicted)], DAVIS).result().metrics["j"] == 1.0
    assert measured([(frames, predicted)], VIDEO_RULES["maskloom"]).result().metrics["j"] == 0.5
    short = measured([(frames[:2], predicted[:2])], DAVIS).result()
    assert short.metrics["j"] is None
    assert short.reasons["j"] == "no frame has a value"


def test_an_object_that_is_away_scores_one_in_davis_and_nothing_here():
    away = np.zeros((30, 40), np.uint8)
    frames = [square(5), square(5), away, away, away]
    predicted = [square(5), away, away, away, away]
    davis = measured([(frames, predicted)], DAVIS).result().metrics
    assert davis["j"] == 2 / 3
    ours = measured([(frames, predicted)], VIDEO_RULES["maskloom"]).result().metrics
    assert ours["j"] == 0.5
    # What is predicted where nothing is, is wrong by both.
    predicted[2] = square(5)
    assert measured([(frames, predicted)], DAVIS).result().metrics["j"] == 1 / 3
    ours = measured([(frames, predicted)], VIDEO_RULES["maskloom"]).result().metrics
    assert ours["j"] == 1 / 3


def test_objects_are_averaged_and_those_that_nobody_asked_for_are_told():
    made = VideoObjectMetrics()
    made.update(square(5), square(5), sequence="a")
    made.update(square(5, number=2), square(5, number=3), sequence="b")
    result = made.result()
    assert result.metrics["j"] == 0.5
    assert set(made.objects()) == {("a", 1), ("b", 2)}
    assert "1 predicted object" in result.notes[1]
    nothing = VideoObjectMetrics()
    assert nothing.update(np.zeros((4, 4), bool), np.zeros((4, 4), bool))["j_and_f"] is None
    assert nothing.result().reasons["j"] == "the truth shows no object"


@pytest.mark.parametrize("seed", range(4))
def test_davis2017_equals_the_reference(seed):
    rng = np.random.default_rng(seed)
    for _ in range(max(FUZZ // 40, 3)):
        sequences = []
        for _ in range(2):
            shape, n = (random_side(rng) + 5, random_side(rng) + 5), int(rng.integers(1, 4))
            truth = [objects_of(rng, shape, n) for _ in range(int(rng.integers(3, 9)))]
            truth[0][0, 0] = n
            predicted = [np.roll(t, rng.integers(-2, 3, 2), (0, 1)) for t in truth]
            predicted[1][disturbed(rng, predicted[1] == 1)] = 1
            predicted[2][predicted[2] == n] = 0
            sequences.append((truth, predicted))
        ours = measured(sequences, DAVIS).result().metrics
        jm, jr, jd, fm, fr, fd = davis2017(sequences)
        assert ours == pytest.approx(
            {"j_and_f": (jm + fm) / 2, "j": jm, "j_recall": jr, "j_decay": jd}
            | {"f": fm, "f_recall": fr, "f_decay": fd}
        )


WINDOWED = {
    **VIDEO_RULES,
    "edge": VideoRules(replace(CONTOUR_RULES["maskloom"], frame_edge=True)),
    "pairs": VideoRules(CONTOUR_RULES["bsds"]),
    "far": VideoRules(replace(CONTOUR_RULES["maskloom"], tolerance=0.4)),
    "void apart": VideoRules(replace(CONTOUR_RULES["davis"], void="apart")),
}


@pytest.mark.parametrize("name", WINDOWED)
def test_an_object_measured_in_its_own_part_of_the_frame_has_the_bits_of_the_whole(name):
    """Boxes of some pixels anywhere, also at the frame's edge, in two parts, and with void."""
    rng = np.random.default_rng(8)
    height, width = 50, 150
    for case in range(max(20, FUZZ // 10)):
        sides = []
        for _ in range(2):
            dense = np.zeros((2, height, width), bool)
            for part in dense[: rng.integers(0, 3)]:
                y, x = (
                    rng.integers(-6, 50),
                    rng.integers(-6, 150) if case % 2 else rng.integers(60, 70),
                )
                box = part[max(y, 0) : max(y + 9, 0), max(x, 0) : max(x + 12, 0)]
                box[:] = rng.random(box.shape) < rng.choice([0.3, 0.9, 1.0])
            sides.append(dense)
        void = smooth_mask(rng, height, width) if case % 3 else np.zeros((height, width), bool)
        whole, part = VideoObjectMetrics(WINDOWED[name]), VideoObjectMetrics(WINDOWED[name])
        whole.update(*(one.any(axis=0).astype(np.uint8) for one in sides), void=void, order=0)
        given = ({1: Masks.from_dense(one)} if one.any() else {} for one in sides)
        part.update_masks(*given, size=(height, width), void=void, order=0)
        np.testing.assert_array_equal(part.state()["keys"], whole.state()["keys"])
        np.testing.assert_array_equal(part.state()["values"], whole.state()["values"])


def test_the_part_of_a_frame_that_an_object_is_measured_in():
    dense = np.zeros((2, 30, 40), bool)
    dense[0, 5:9, 7:12] = dense[1, 8:10, 20:39] = True
    truth, predicted = Masks.from_dense(dense[:1]), Masks.from_dense(dense[1:])
    nobody = Masks.empty(1, (30, 40))
    assert joint_window([truth, nobody], (30, 40)).tolist() == [4, 6, 10, 13]
    assert joint_window([truth, predicted], (30, 40)).tolist() == [4, 6, 11, 40]
    assert joint_window([nobody, nobody], (30, 40)).tolist() == [0, 0, 1, 1]
    assert pixels_in(truth, np.array([8, 11, 10, 14])).tolist() == [[1, 0, 0], [0, 0, 0]]
    made = VideoObjectMetrics()
    with pytest.raises(DataError, match="differ in size"):
        made.update_masks({1: truth}, {1: Masks.empty(1, (30, 41))}, size=(30, 40))
    assert made.update_masks({1: nobody}, {1: nobody}, size=(30, 40))["j"] is None


def test_any_division_of_the_work_gives_the_same_bits():
    rng = np.random.default_rng(3)
    frames = [
        (name, i, objects_of(rng, (40, 66), 3), objects_of(rng, (40, 66), 3))
        for name in ("b", "a", "c")
        for i in range(5)
    ]

    def made(chosen):
        one = VideoObjectMetrics(DAVIS)
        for name, i, truth, predicted in chosen:
            one.update(truth, predicted, sequence=name, order=i)
        return one

    whole = made(frames)
    shuffled = [frames[i] for i in rng.permutation(len(frames))]
    part, rest = made(shuffled[:6]), made(shuffled[6:])
    travelled = VideoObjectMetrics(DAVIS)
    travelled.load(rest.state())
    travelled.merge(part)
    assert travelled.result().metrics == whole.result().metrics
    assert list(travelled.objects()) == list(whole.objects())
    for one, other in zip(travelled.state().values(), whole.state().values(), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype != object


def test_a_state_that_is_none_is_refused():
    made = VideoObjectMetrics()
    made.update(square(5), square(6), sequence="a")
    state = made.state()
    for broken in (
        {},
        {**state, "frames": np.zeros(1)},
        {**state, "more": np.zeros(1)},
        {**state, "keys": state["keys"][:, :2]},
        {**state, "values": state["values"][1:]},
        {**state, "sequences": np.array([1])},
        {**state, "sequences": np.array(["a", "a"])},
        {**state, "keys": state["keys"] + 5},
        {**state, "spans": np.array(["a"])},
        {**state, "named": np.array([1])},
        {**state, "ends": np.zeros((0, 3))},
    ):
        with pytest.raises(ValueError, match=r"state|frames|keys|named"):
            VideoObjectMetrics().load(broken)
    empty = VideoObjectMetrics()
    empty.load(VideoObjectMetrics().state())
    assert empty.result().metrics["j"] is None


def test_maps_of_any_whole_type_meet_and_others_are_refused():
    made = VideoObjectMetrics()
    large = square(5).astype(np.int64) * 70000
    assert made.update(large, large.astype(np.uint32))["j"] == 1.0
    assert made.update(large, square(5))["j"] == 0.0
    with pytest.raises(DataError, match="numbered from 1"):
        made.update(-large, large)
    with pytest.raises(DataError, match="differ in size"):
        made.update(square(5), square(5, width=41))
    with pytest.raises(DataError, match="no mask"):
        made.update(square(5) * 0.5, square(5))
    with pytest.raises(DataError, match=r"end at 2\*\*63"):
        made.update(square(5), square(5).astype(np.uint64) * np.uint64(2**63))
    assert made.frames == 2
