"""HOTA, identity scores and CLEAR: by hand, TrackEval's own cases, fuzz against TrackEval."""

from __future__ import annotations

import os

import numpy as np
import pytest
from tests.metrics.test_tracks_oracles import (
    ALPHAS,
    clear,
    clear_combined,
    data_of,
    hota,
    hota_combined,
    identity,
    identity_combined,
)

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, UsageError
from maskloom.metrics.tracks import hota as our_hota
from maskloom.metrics.tracks.clear import clear_counts
from maskloom.metrics.tracks.hota import hota_counts
from maskloom.metrics.tracks.identity import IdentityCounts, identity_counts
from maskloom.metrics.tracks.sequences import checked_frame, track_sequence
from maskloom.metrics.tracks.track_metrics import TRACK_METRICS, TRACK_RULES, TrackMetrics

N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "400"))
PEOPLE = Taxonomy((
    Category("person", "person"), Category("car", "car"), Category("void", "void", void=True)
))  # fmt: skip
HOTA_NAMES = {
    "hota": "HOTA", "det_a": "DetA", "ass_a": "AssA", "loc_a": "LocA",
    "det_re": "DetRe", "det_pr": "DetPr", "ass_re": "AssRe", "ass_pr": "AssPr",
}  # fmt: skip
CLEAR_NAMES = {"mota": "MOTA", "motp": "MOTP", "moda": "MODA", "smota": "sMOTA"}
COUNTS = {"tp": "CLR_TP", "fp": "CLR_FP", "fn": "CLR_FN", "idsw": "IDSW", "frag": "Frag",
          "mt": "MT", "pt": "PT", "ml": "ML"}  # fmt: skip


def sequence(frames):
    return track_sequence([checked_frame(*frame) for frame in frames])


def from_dense(similarity, gt_present, tracker_present):
    """TrackEval's test cases: similarity (T, N, M) and who is present (T, N), (T, M)."""
    frames = []
    for table, g, t in zip(similarity, gt_present, tracker_present, strict=True):
        here = np.flatnonzero(g), np.flatnonzero(t)
        frames.append((*here, table[np.ix_(*here)]))
    return frames


def random_frames(rng):
    n, m = rng.integers(0, 6, 2)
    frames = []
    for _ in range(int(rng.integers(1, 9))):
        g = rng.permutation(n)[: rng.integers(0, n + 1)] * 7 + 3
        t = rng.permutation(m)[: rng.integers(0, m + 1)] * 10**6
        kind = rng.integers(0, 3)
        table = rng.random((len(g), len(t))) * (rng.random((len(g), len(t))) < 0.6)
        if kind == 1:
            table = rng.integers(0, 21, table.shape) / 20  # ties, and thresholds hit exactly
        elif kind == 2 and g.size and t.size:
            table = np.where(g[:, None] // 7 == t[None, :] // 10**6, 0.5 + table / 2, table / 3)
        frames.append((g, t, table))
    return frames


def no_confusion():
    similarity = np.zeros((5, 2, 2))
    similarity[:, 0, 1], similarity[:, 1, 0] = [0, 0, 0, 1, 1], [1, 1, 0, 0, 0]
    return from_dense(
        similarity,
        np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).T,
        np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).T,
    )


def with_confusion():
    similarity = np.zeros((5, 2, 2))
    similarity[:, 0, 1], similarity[:, 1, 0] = [0, 0, 0, 1, 1], [1, 1, 0, 0, 0]
    similarity[:, 0, 0], similarity[:, 1, 1] = [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]
    return from_dense(
        similarity,
        np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).T,
        np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).T,
    )


def split_tracks():
    similarity = np.zeros((5, 2, 5))
    similarity[:, 0, 0], similarity[:, 0, 3] = [1, 1, 0, 0, 0], [0, 0, 0, 1, 1]
    similarity[:, 1, 1], similarity[:, 1, 2] = [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]
    similarity[:, 1, 4] = [1, 1, 0, 0, 0]
    present = [[1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1], [0, 0, 1, 1, 1], [1, 1, 0, 0, 0]]
    return from_dense(
        similarity, np.array([[1, 1, 0, 1, 1], [1, 1, 1, 1, 1]]).T, np.array(present).T
    )


@pytest.mark.parametrize(
    ("frames", "followed", "named"),
    [
        (no_confusion(), (4, 4, 5, 0, 1 - 9 / 8), (4, 4, 5, 4 / 8, 4 / 9, 8 / 17)),
        (with_confusion(), (5, 3, 4, 1, 1 - 8 / 8), (4, 4, 5, 4 / 8, 4 / 9, 8 / 17)),
        (split_tracks(), (9, 0, 2, 3, 1 - 5 / 9), (4, 5, 7, 4 / 9, 4 / 11, 8 / 20)),
    ],
)
def test_replay_of_trackeval_test_metrics(frames, followed, named):
    """tests/test_metrics.py of TrackEval, with its own expected numbers."""
    found = clear_counts(sequence(frames))
    assert (found.tp, found.fn, found.fp, found.idsw) == followed[:4]
    assert found.scores()["mota"] == pytest.approx(followed[4])
    known = identity_counts(sequence(frames))
    assert (known.idtp, known.idfn, known.idfp) == named[:3]
    scores = known.scores()
    assert (scores["idr"], scores["idp"], scores["idf1"]) == pytest.approx(named[3:])


def test_a_track_that_changes_its_name_halfway_by_hand():
    frames = [
        ([1], [10], [[0.8]]),
        ([1], [10], [[0.8]]),
        ([1], [20], [[0.8]]),
        ([1], [20], [[0.8]]),
    ]
    found = hota_counts(sequence(frames))
    curves = found.curves()
    # all four are found at alpha up to 0.8; each half shares 2 of 4 frames with the truth
    assert curves["det_a"] == [1.0] * 16 + [0.0] * 3
    assert curves["ass_a"] == [0.5] * 16 + [0.0] * 3
    assert curves["loc_a"] == [pytest.approx(0.8)] * 16 + [None] * 3
    assert curves["hota"][0] == pytest.approx(0.5**0.5)
    assert found.scores()["hota"] == pytest.approx(0.5**0.5 * 16 / 19)
    assert found.scores()["ass_pr"] == pytest.approx(16 / 19)
    assert identity_counts(sequence(frames)).scores()["idf1"] == 0.5
    followed = clear_counts(sequence(frames))
    assert (followed.tp, followed.idsw, followed.frag, followed.mt) == (4, 1, 0, 1)
    assert followed.scores() == {
        "mota": 0.75, "motp": pytest.approx(0.8), "moda": 1.0, "smota": pytest.approx((3.2 - 1) / 4),
    }  # fmt: skip


def test_thresholds_are_those_of_trackeval():
    np.testing.assert_allclose(our_hota.ALPHAS, ALPHAS, rtol=0, atol=3e-16)


def test_nothing_on_both_sides_or_on_one():
    none = sequence([([], [], [])])
    assert set(hota_counts(none).scores().values()) == {None}
    assert set(identity_counts(none).scores().values()) == {None}
    assert set(clear_counts(none).scores().values()) == {None}
    missed = sequence([([1, 2], [], [])])
    assert hota_counts(missed).scores()["hota"] == 0.0
    assert hota_counts(missed).scores()["loc_a"] is None
    assert identity_counts(missed) == IdentityCounts(0, 0, 2)
    assert clear_counts(missed).ml == 2
    extra = sequence([([], [5], [])])
    assert (hota_counts(extra).scores()["det_a"], clear_counts(extra).scores()["mota"]) == (
        0.0,
        None,
    )


def test_trackeval_counts_and_scores_the_same():
    rules = TRACK_RULES["trackeval"]
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        many = [random_frames(rng) for _ in range(int(rng.integers(1, 4)))]
        metric = TrackMetrics(PEOPLE, rules)
        for s, frames in enumerate(many):
            for frame in frames:
                metric.update_frame(*frame, sequence=str(s), category=1)
        data = [data_of(frames) for frames in many]
        parts = [hota(d) for d in data], [clear(d) for d in data], [identity(d) for d in data]
        whole = hota_combined(parts[0]), clear_combined(parts[1]), identity_combined(parts[2])
        results = [(metric.result(), whole)]
        by_sequence = metric.by_sequence()
        results += [(by_sequence[str(s)], part) for s, part in enumerate(zip(*parts, strict=True))]
        for scores, (wanted_hota, wanted_clear, wanted_id) in results:
            row = scores.per_class["car"]
            if row.get("reason"):
                assert row["reason"] == "no track on either side"
                continue
            for ours, theirs in HOTA_NAMES.items():
                assert row[ours] == pytest.approx(wanted_hota[theirs].mean(), abs=1e-12), (
                    seed,
                    ours,
                )
            # without truth TrackEval's is minus the false alarms: no share of anything
            names = {**CLEAR_NAMES, **COUNTS} if row["tp"] + row["fn"] else COUNTS
            for ours, theirs in names.items():
                assert row[ours] == pytest.approx(wanted_clear[theirs], abs=1e-12), (seed, ours)
            for ours in ("idtp", "idfp", "idfn", "idf1", "idp", "idr"):
                assert row[ours] == pytest.approx(wanted_id[ours.upper()], abs=1e-12), (seed, ours)


def test_scores_are_shares_and_perfect_for_the_truth():
    for seed in range(N_CASES // 8):
        frames = random_frames(np.random.default_rng(seed))
        found = hota_counts(sequence(frames)).scores()
        assert all(v is None or 0 <= v <= 1 + 1e-12 for v in found.values())
        same = sequence([(g, g, np.eye(len(g))) for g, _, _ in frames])
        if same.n_truth:
            scores = {**hota_counts(same).scores(), **identity_counts(same).scores()}
            assert set(scores.values()) == {1.0}
            assert clear_counts(same).scores()["mota"] == 1.0


def frame(ids, category=0, **columns):
    masks, found = Masks.from_id_map(np.asarray(ids))
    return Rows.make(masks, np.broadcast_to(category, len(found)), track=found, **columns)


def test_frames_of_masks_by_hand():
    metric = TrackMetrics(PEOPLE)
    truth = [[1, 1, 0, 2, 2, 0]]
    own = metric.update(frame(truth), frame([[7, 7, 0, 0, 8, 8]]))
    assert own == {"det_a_50": 1 / 3, "truth_objects": 2, "predicted_objects": 2}
    metric.update(frame(truth), frame([[9, 9, 0, 0, 0, 0]]))
    person = metric.result().per_class["person"]
    assert (person["tp"], person["fn"], person["fp"], person["idsw"]) == (2, 2, 1, 1)
    assert person["idf1"] == pytest.approx(2 / (2 + 2 + 3) * 1)
    assert metric.result().per_class["car"]["reason"] == "no track on either side"
    assert metric.result().metrics["mota"] == 0.0


def test_unmatched_predictions_mostly_on_ignored_parts_are_left_out():
    truth = [[1, 1, 0, 0, 0, 0]]
    guess = frame([[7, 7, 8, 8, 8, 9]])
    ignore = Masks.from_dense(np.array([[[0, 0, 0, 1, 1, 0]]]))
    whole = TrackMetrics(PEOPLE).update(frame(truth), guess)
    assert whole["predicted_objects"] == 3
    assert TrackMetrics(PEOPLE).update(frame(truth), guess, ignore=ignore)["predicted_objects"] == 2
    crowd = frame([[1, 1, 0, 2, 2, 0]], crowd=[False, True])
    assert TrackMetrics(PEOPLE).update(crowd, guess)["predicted_objects"] == 2
    void = frame([[1, 1, 0, 2, 2, 0]], [0, 2])
    assert TrackMetrics(PEOPLE).update(void, guess)["predicted_objects"] == 2
    exactly_half = Masks.from_dense(np.array([[[1, 0, 0, 0, 0, 0]]]))
    kept = TrackMetrics(PEOPLE).update(
        frame([[0] * 6]), frame([[7, 7, 0, 0, 0, 0]]), ignore=exactly_half
    )
    assert kept["predicted_objects"] == 1
    matched = Masks.from_dense(np.array([[[1, 1, 0, 0, 0, 0]]]))
    assert (
        TrackMetrics(PEOPLE).update(frame(truth), frame(truth), ignore=matched)["det_a_50"] == 1.0
    )


def test_parts_of_a_track_are_one_object_and_drawings_are_told():
    masks = Masks.from_dense(np.array([[[1, 0, 0]], [[0, 0, 1]], [[0, 1, 0]]]))
    parts = Rows.make(
        masks, [0, 0, 0], track=[4, 4, 5], kind=[RowKind.MASK, RowKind.MASK, RowKind.BOX]
    )
    metric = TrackMetrics(PEOPLE)
    whole = Rows.make(Masks.from_dense(np.array([[[1, 0, 1]]])), [0], track=[4])
    assert metric.update(parts, whole)["det_a_50"] == 1.0
    assert metric.result().notes == (
        "1 boxes or other drawings of the truth have no mask and are not followed",
    )
    assert TrackMetrics(PEOPLE).update(parts, whole, unlabelled=(0,))["det_a_50"] is None


def test_what_is_wrong_with_a_frame_is_told():
    lost = Rows.make(Masks.from_dense(np.ones((1, 2, 2), bool)), [0])
    with pytest.raises(DataError, match="has no track"):
        TrackMetrics(PEOPLE).update(lost, lost)
    metric = TrackMetrics(PEOPLE)
    with pytest.raises(DataError, match="twice in a frame"):
        metric.update_frame([1, 1], [2], [[0.5], [0.5]])
    with pytest.raises(DataError, match="IoU has not one row"):
        metric.update_frame([1, 2], [2], [[0.5]])
    for wrong in (1.5, -0.1, np.nan):
        with pytest.raises(DataError, match=r"not in \[0, 1\]"):
            metric.update_frame([1], [2], [[wrong]])
    with pytest.raises(DataError, match="whole numbers"):
        metric.update_frame([1.5], [2], [[0.5]])
    metric.update_frame([1], [1], [[1.0]], order=3)
    metric.update_frame([1], [1], [[1.0]], order=3)
    with pytest.raises(UsageError, match="given twice"):
        metric.result()


def test_classes_are_averaged_and_none_has_a_reason():
    metric = TrackMetrics(PEOPLE)
    metric.update_frame([1], [1], [[1.0]], category=0)
    metric.update_frame([1], [2], [[0.0]], category=1)
    assert metric.result().metrics["hota"] == 0.5
    found = TrackMetrics(PEOPLE).result()
    assert set(found.metrics) == set(TRACK_METRICS) == set(found.reasons)
    assert set(found.metrics.values()) == {None}


def test_of_many_classes_only_those_of_a_sequence_are_scored_in_it():
    metric = TrackMetrics(Taxonomy(tuple(Category(f"c{k}", f"c{k}") for k in range(50))))
    for s in range(4):
        metric.update_frame([1], [1], [[1.0]], sequence=f"s{s}", order=0, category=3 * s)
    alone = metric.by_sequence()
    assert [list(one.per_class) for one in alone.values()] == [["c0"], ["c3"], ["c6"], ["c9"]]
    assert {one.metrics["hota"] for one in alone.values()} == {1.0}
    found = metric.result()
    assert list(found.per_class) == [f"c{k}" for k in range(50)]
    assert found.per_class["c1"]["reason"] == "no track on either side"
    assert found.per_class["c1"]["idsw"] == 0
    assert found.per_class["c1"]["hota"] is None
    assert "reason" not in found.per_class["c3"]


def test_only_pairs_that_meet_are_kept():
    """500 objects on each side that meet one partner each: 500 pairs and not 250,000."""
    metric = TrackMetrics(PEOPLE)
    metric.update_frame(np.arange(500), np.arange(500), np.eye(500) / 2)
    state = metric.state()
    assert max(array.size for array in state.values()) == 500
    sent = TrackMetrics(PEOPLE)
    sent.load(state)
    assert sent.result().metrics == metric.result().metrics
    assert metric.result().per_class["person"]["idtp"] == 500


def test_workers_merge_to_the_same_bits_and_states_travel():
    rng = np.random.default_rng(1)
    many = [(s, i, f) for s in range(4) for i, f in enumerate(random_frames(rng))]
    whole, parts = TrackMetrics(PEOPLE), [TrackMetrics(PEOPLE) for _ in range(3)]
    for n, (s, i, f) in enumerate(many):
        whole.update_frame(*f, sequence=str(s), order=i)
        parts[n % 3].update_frame(*f, sequence=str(s), order=i)
    joined = TrackMetrics(PEOPLE)
    for part in reversed(parts):
        sent = TrackMetrics(PEOPLE)
        sent.load(part.state())
        joined.merge(sent)
    assert joined.result().metrics == whole.result().metrics
    assert joined.result().per_class == whole.result().per_class
    assert all(a.dtype != object for a in joined.state().values())
    good = whole.state()
    for wrong in ({}, {"counters": good["counters"]}, {**good, "iou": good["iou"][1:]},
                  {**good, "truth": good["truth"].astype(float)}, {**good, "frames": good["frames"][:, :5]},
                  {**good, "frames": good["frames"] + np.array([9, 0, 0, 0, 0, 0])},
                  {**good, "frames": good["frames"] + np.array([0, 9, 0, 0, 0, 0])},
                  {**good, "rows": good["rows"] + 6}, {**good, "columns": good["columns"] - 6},
                  {**good, "sequences": np.zeros(4)}):  # fmt: skip
        with pytest.raises(
            ValueError, match=r"counters|missing|values for|frames are|category|named|sequences are"
        ):
            TrackMetrics(PEOPLE).load(wrong)
    empty = TrackMetrics(PEOPLE)
    empty.load(TrackMetrics(PEOPLE).state())
    assert empty.result().metrics["hota"] is None
