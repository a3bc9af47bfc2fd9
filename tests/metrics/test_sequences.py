"""Families of sequences in a judgement: by hand, against transcriptions, whoever counts what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.metrics.boundary_cases import smooth_mask
from tests.metrics.test_boundary_video import davis2017, objects_of
from tests.metrics.test_tracks_metrics import CLEAR_NAMES, HOTA_NAMES
from tests.metrics.test_tracks_oracles import (
    clear,
    clear_combined,
    data_of,
    hota,
    hota_combined,
    identity,
    identity_combined,
)

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.boundary.video import VIDEO_METRICS
from maskloom.metrics.conventions import CONVENTIONS
from maskloom.metrics.intervals import Draws
from maskloom.metrics.judging.align import compare
from maskloom.metrics.judging.count import count, new_tally
from maskloom.metrics.judging.families import FAMILIES, make_families
from maskloom.metrics.judging.frames import units_of
from maskloom.metrics.judging.judge import Terms, judge
from maskloom.metrics.tracks.counts import TRACK_METRICS

KINDS = Taxonomy((Category("cat", "cat"), Category("dog", "dog"), Category("void", "void", void=True)))  # fmt: skip
INSTANCE = Terms(task="instance")
NAMES = (*VIDEO_METRICS, *TRACK_METRICS)


def rows_of(ids, *, category=0, tracks=None, **columns):
    """Labels of a map of object numbers; `tracks` renames them."""
    masks, found = Masks.from_id_map(np.asarray(ids))
    named = [(tracks or {}).get(n, n) for n in found.tolist()]
    kinds = [category.get(n, 0) if isinstance(category, dict) else category for n in found.tolist()]
    size = np.shape(ids)
    return Labels(size, rows=Rows.make(masks, kinds, track=np.array(named, np.int64), **columns))


def films(sequences, *, group=None, taxonomy=KINDS, name="d"):
    """A data set of {sequence: [Labels]}; frames have every other number."""
    held, samples = {}, []
    for sequence, frames in sequences.items():
        for i, labels in enumerate(frames):
            key = f"{sequence}/{i:03d}"
            held[key] = labels
            samples.append(
                Sample(key, ImageRef(None), "frame", sequence, 2 * i, group=(group or {}).get(key))
            )
    return Dataset(taxonomy, tuple(samples), lambda s: held[s.key], name=name)


def maps(sequences):
    return films({name: [rows_of(ids) for ids in frames] for name, frames in sequences.items()})


def strip(*ids):
    """A frame of 8-pixel bars of the objects, one after another; 0 is nothing."""
    return np.repeat(np.repeat([ids], 8, axis=0), 8, axis=1)


def changed(rng, frames):
    """Predictions: shifted, with objects lost, invented and exchanged from some frame on."""
    out = []
    at = int(rng.integers(1, len(frames) + 1))
    for i, ids in enumerate(frames):
        moved = np.roll(ids, rng.integers(-2, 3, 2), (0, 1))
        if i >= at:
            moved = np.array([0, 2, 1, 3], np.uint8)[moved]
        if rng.random() < 0.2:
            moved[moved == int(rng.integers(1, 4))] = 0
        out.append(moved)
    return out


def random_films(seed, n=3):
    rng = np.random.default_rng(seed)
    truth, predicted = {}, {}
    for s in range(n):
        frames = []
        for _ in range(int(rng.integers(3, 7))):
            ids = np.zeros((20, 31), np.uint8)
            for number in (1, 2, 3):
                if rng.random() < 0.85:
                    ids[smooth_mask(rng, 20, 31)] = number
            frames.append(ids)
        frames[0][:2, :2] = 3
        truth[f"s{s}"], predicted[f"s{s}"] = frames, changed(rng, frames)
    return truth, predicted


def test_an_identity_switch_behind_an_occlusion_by_hand():
    """Two objects pass: the second is hidden in frame 2, and the names are exchanged after it.

    Truth: object 1 in five frames, object 2 in four. The predicted 1 meets object 1 in frames
    0, 1, 2 and object 2 in 3, 4; the predicted 2 the reverse but for the hidden frame. One
    partner each: 3 + 2 right of 9 and 9, so IDF1 = 2 * 5 / 18.
    """
    truth = [strip(1, 0, 2), strip(0, 1, 2), strip(0, 1, 0), strip(2, 0, 1), strip(2, 0, 1)]
    predicted = [*truth[:3], strip(1, 0, 2), strip(1, 0, 2)]
    report = judge(maps({"a": truth}), maps({"a": predicted}), INSTANCE)
    found = report.metrics
    assert found["idf1"] == pytest.approx(2 * 5 / 18)
    assert found["det_a"] == 1.0
    row = report.per_class["cat"]
    assert (row["idtp"], row["idfp"], row["idfn"], row["idsw"]) == (5, 4, 4, 2)
    assert found["mota"] == pytest.approx(1 - 2 / 9)
    # object 1 fits in 3 of 5 frames; object 2 in 2 of 4, and where it is hidden nothing is asked
    assert found["j"] == pytest.approx((3 / 5 + 2 / 4) / 2)
    table = report.breakdowns["sequences"].records()
    assert table[0]["sequence"] == "a"
    assert table[0]["idsw"] == 2
    objects = report.breakdowns["video_objects"].records()
    assert [(one["object"], one["j"]) for one in objects] == [(2, 0.5), (1, 0.6)]


def similarities(truth, predicted):
    """Frames as TrackEval has them, counted pixel by pixel."""
    frames = []
    for t, p in zip(truth, predicted, strict=True):
        own, other = (np.setdiff1d(one, [0]) for one in (t, p))
        table = np.zeros((len(own), len(other)))
        for i, n in enumerate(own):
            for j, m in enumerate(other):
                table[i, j] = ((t == n) & (p == m)).sum() / ((t == n) | (p == m)).sum()
        frames.append((own, other, table))
    return frames


@pytest.mark.parametrize("seed", range(12))
def test_a_judgement_gives_what_davis_and_trackeval_give(seed):
    truth, predicted = random_films(seed)
    both = maps(truth), maps(predicted)
    davis = judge(*both, Terms(task="instance", convention=CONVENTIONS["davis"])).metrics
    jm, jr, jd, fm, fr, fd = davis2017([(truth[s], predicted[s]) for s in truth])
    wanted = dict(zip(VIDEO_METRICS, ((jm + fm) / 2, jm, jr, jd, fm, fr, fd), strict=True))
    assert {name: davis[name] for name in VIDEO_METRICS} == pytest.approx(wanted, abs=1e-12)
    found = judge(*both, Terms(task="instance", convention=CONVENTIONS["trackeval"])).metrics
    data = [data_of(similarities(truth[s], predicted[s])) for s in truth]
    one, two = hota_combined([hota(d) for d in data]), clear_combined([clear(d) for d in data])
    three = identity_combined([identity(d) for d in data])
    for ours, theirs in HOTA_NAMES.items():
        assert found[ours] == pytest.approx(one[theirs].mean(), abs=1e-12), ours
    for ours, theirs in CLEAR_NAMES.items():
        assert found[ours] == pytest.approx(two[theirs], abs=1e-12), ours
    for ours in ("idf1", "idp", "idr"):
        assert found[ours] == pytest.approx(three[ours.upper()], abs=1e-12), ours


def test_any_division_and_order_of_the_frames_gives_the_same_bits():
    truth, predicted = (maps(side) for side in random_films(1, n=5))
    pair_up = compare(truth, predicted)
    places = range(len(pair_up.pairs))
    names = {"video", "tracks"}
    whole = count(pair_up, places, INSTANCE, "instance").slices[""]
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 3, (4, len(places)))
    orders = np.arange(len(places))
    for _ in range(3):
        joined = new_tally(KINDS, INSTANCE, "instance")
        for part in np.array_split(rng.permutation(len(places)), 4):
            own = count(pair_up, part.tolist(), INSTANCE, "instance").slices[""]
            sent = new_tally(KINDS, INSTANCE, "instance")
            sent.load(own.state(), own.samples)
            assert all(array.dtype != object for array in own.state().values())
            joined.merge(sent)
        for name in names:
            one, other = whole.families[name], joined.families[name]
            assert told(one.result()) == told(other.result())
            drawn = one.resampled(weights, orders), other.resampled(weights, orders)
            assert set(drawn[0]) == set(FAMILIES[name].metrics)
            for score in drawn[0]:
                np.testing.assert_array_equal(drawn[0][score], drawn[1][score])


def told(scores):
    tables = [table.records() for table in scores.breakdowns.values()]
    return scores.metrics, scores.reasons, scores.per_class, scores.notes, tables


def test_resampled_scores_are_those_of_sequences_taken_again():
    truth, predicted = random_films(2, n=4)
    pair_up = compare(maps(truth), maps(predicted))
    whole = count(pair_up, range(len(pair_up.pairs)), INSTANCE, "instance").slices[""]
    orders = np.array([pair.order for pair in pair_up.pairs])
    sequences = [pair.truth.sequence for pair in pair_up.pairs]
    rng = np.random.default_rng(0)
    for _ in range(6):
        times = dict(zip(truth, rng.integers(0, 3, len(truth)).tolist(), strict=True))
        again = [(f"{s}-{i}", s) for s in truth for i in range(times[s])]
        if not again:
            continue
        weights = np.array([[times[s] for s in sequences]])
        wanted = judge(
            maps({name: truth[s] for name, s in again}),
            maps({name: predicted[s] for name, s in again}),
            INSTANCE,
        ).metrics
        for name in ("video", "tracks"):
            for score, values in whole.families[name].resampled(weights, orders).items():
                assert values[0] == pytest.approx(wanted[score], abs=1e-12), score


def test_intervals_draw_sequences_and_slices_are_sequences():
    truth, predicted = random_films(3, n=7)
    terms = Terms(task="instance", by="sequence", resamples=30)
    report = judge(maps(truth), maps(predicted), terms)
    assert "30 resamples of 7 sequences" in report.provenance["intervals"]
    assert set(NAMES) - {n for n in NAMES if report.metrics[n] is None} <= set(report.intervals)
    assert set(report.per_slice) == set(truth)
    alone = judge(maps({"s4": truth["s4"]}), maps({"s4": predicted["s4"]}), INSTANCE).metrics
    assert {n: report.per_slice["s4"][n] for n in NAMES} == {n: alone[n] for n in NAMES}
    few = judge(maps({"s1": truth["s1"]}), maps({"s1": predicted["s1"]}), terms)
    assert few.intervals == {}
    assert few.provenance["intervals"].startswith("none: 1 sequence, and fewer than")


def sample(key, sequence=None, group=None):
    return Sample(key, ImageRef(None), sequence=sequence, group=group)


def test_the_index_of_a_frame_is_its_place_whatever_the_order_of_samples():
    """The object is renamed once, in the middle, and lost in the end; samples are listed 3 0 2 1."""
    predicted = [strip(1), strip(1), strip(2), strip(2)]

    def shuffled(frames):
        held = {f"a/{name}": rows_of(ids) for name, ids in zip("zyxw", frames, strict=True)}
        samples = [Sample(key, ImageRef(None), "frame", "a", i) for i, key in enumerate(held)]
        return Dataset(KINDS, tuple(samples[i] for i in (3, 0, 2, 1)), lambda s: held[s.key])

    found = judge(shuffled([strip(1)] * 4), shuffled(predicted), INSTANCE)
    assert found.per_class["cat"]["idsw"] == 1
    assert found.metrics["j_decay"] == 1.0


def test_images_of_a_place_that_are_no_frames_are_not_followed():
    data = maps({"a": [strip(1), strip(2)]})
    samples = tuple(Sample(s.key, s.image, "image", s.sequence, s.index) for s in data.samples)
    images = Dataset(KINDS, samples, data.labels_of)
    assert not set(NAMES) & set(judge(images, images, INSTANCE).metrics)


def test_what_is_drawn_together():
    assert units_of([sample("a"), sample("b")]) == (
        {"a": "sample a", "b": "sample b"},
        "2 samples",
    )
    units, said = units_of([sample("a", "s"), sample("b", "s"), sample("c", "t")])
    assert (units["a"] == units["b"] != units["c"], said) == (True, "2 sequences")
    units, said = units_of([sample("a", "s"), sample("b")])
    assert (units["a"] != units["b"], said) == (True, "2 sequences and single samples")
    grouped = [sample("a", "s", "g"), sample("b", "t", "g"), sample("c", "u", "h")]
    units, said = units_of(grouped)
    assert (units["a"] == units["b"] != units["c"], said) == (True, "2 groups of samples")
    # two groups that share a sequence are no two, and one that shares another is of them, too
    shared = [sample("a", "s", "g"), sample("b", "s", "h"), sample("c", "t", "h"),
              sample("d", "t", "i"), sample("e", None, "j")]  # fmt: skip
    units, said = units_of(shared)
    assert len({units[k] for k in "abcd"}) == 1
    assert said == "2 groups of samples"
    # a sequence of the name of a sample is not that sample
    units, said = units_of([sample("a", "x"), sample("x")])
    assert len(set(units.values())) == 2
    assert units_of([])[1] == "0 samples"


def test_a_draw_takes_whole_sequences():
    data = maps(random_films(4, n=3)[0])
    units = units_of(data.samples)[0]
    draws = Draws.of(range(len(data)), list(units.values()), 20)
    weights = draws.weights(0, 20)
    for name in ("s0", "s1", "s2"):
        own = weights[:, [s.sequence == name for s in data.samples]]
        assert (own == own[:, :1]).all()


def test_two_frames_at_one_place_are_refused_unless_nothing_follows_objects():
    data = maps({"a": [strip(1), strip(1)]})
    samples = tuple(Sample(s.key, s.image, "frame", "a", 3) for s in data.samples)
    twice = Dataset(KINDS, samples, data.labels_of)
    with pytest.raises(DataError, match=r"sequence a.*a/000 and a/001, index 3"):
        judge(twice, data, INSTANCE)
    assert judge(twice, data, Terms(task="instance", metrics=("ap",))).metrics["ap"] == 1.0
    assert judge(twice, data, Terms(task="semantic")).metrics["miou"] == 1.0


def test_a_frame_without_a_prediction_follows_the_policy():
    truth = maps({"a": [strip(1), strip(1), strip(1)]})
    predicted = truth.select(["a/000", "a/002", "a/001"][:2])
    with pytest.raises(DataError, match="1 of 3 samples: a/001"):
        judge(truth, predicted, INSTANCE)
    empty = judge(truth, predicted, Terms(task="instance", missing="empty")).metrics
    assert (empty["j"], empty["idr"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    skipped = judge(truth, predicted, Terms(task="instance", missing="skip")).metrics
    assert (skipped["j"], skipped["idr"]) == (1.0, 1.0)


DAVIS = Terms(task="instance", convention=CONVENTIONS["davis"])


@pytest.mark.parametrize("lacking", [[0], [11], [0, 11], [0, 1]])
def test_the_first_frame_names_objects_and_the_ends_are_not_scored_where_they_are_skipped(lacking):
    """Object 3 is in the first frame alone, which DAVIS gives to whoever predicts."""
    rng = np.random.default_rng(5)
    frames = [objects_of(rng, (24, 40), 2) for _ in range(12)]
    frames[0][:3, :3] = 3
    truth, predicted = maps({"a": frames}), maps({"a": changed(rng, frames)})
    kept = [s.key for i, s in enumerate(truth.samples) if i not in lacking]
    some, empty = (
        judge(truth, predicted.select(kept), replace(DAVIS, missing=missing))
        for missing in ("skip", "empty")
    )
    assert [one["object"] for one in some.breakdowns["video_objects"].records()].count(3) == 1
    if lacking == [0, 1]:
        # frame 1 is scored as empty, or not at all: the 10 frames between the ends, or 9 of them
        assert some.metrics["j"] > empty.metrics["j"]
        return
    assert {n: some.metrics[n] for n in VIDEO_METRICS} == {
        n: empty.metrics[n] for n in VIDEO_METRICS
    }


def test_a_slice_of_a_sequence_is_not_scored_at_the_ends_of_the_sequence_alone():
    """Frame 1 is missed, frame 2 is right; frames 0 and 3 are the ends."""
    truth, predicted = maps({"a": [strip(1)] * 4}), maps({"a": [strip(i) for i in (1, 0, 1, 0)]})
    halves = ("early", "early", "late", "late")
    samples = tuple(
        replace(s, tags={"half": half}) for s, half in zip(truth.samples, halves, strict=True)
    )
    tagged = Dataset(KINDS, samples, truth.labels_of)
    report = judge(tagged, predicted, replace(DAVIS, by="half"))
    assert {name: one["j"] for name, one in report.per_slice.items()} == {"early": 0.0, "late": 1.0}
    assert report.metrics["j"] == 0.5


def test_predicted_sequences_that_the_truth_lacks_are_told():
    truth = maps({"a": [strip(1)]})
    report = judge(truth, maps({"a": [strip(1)], "b": [strip(1), strip(2)]}), INSTANCE)
    assert report.metrics["hota"] == 1.0
    assert any("2 predicted samples are not among" in note for note in report.notes)


def test_objects_of_the_prediction_without_tracks_leave_scores_out_with_a_word():
    truth = maps({"a": [strip(1), strip(1)]})
    plain = films({"a": [rows_of(strip(1), tracks={1: -1})] * 2})
    report = judge(truth, plain, INSTANCE)
    assert not set(NAMES) & set(report.metrics)
    assert "scores of tracks are not given: no object of the prediction has a track" in report.notes
    assert not {"sequences", "video_objects"} & set(report.breakdowns)
    asked = judge(truth, plain, Terms(task="instance", metrics=("hota",)))
    assert asked.metrics["hota"] is None
    assert "no frames of a sequence whose objects have tracks" in asked.reasons["hota"]
    reverse = judge(plain, truth, INSTANCE)
    assert not set(NAMES) & set(reverse.metrics)
    assert not any("track" in note for note in reverse.notes)


def test_an_object_without_a_track_among_others_makes_scores_undefined_with_a_reason():
    truth = maps({"a": [strip(1, 2), strip(1, 2)]})
    torn = films({"a": [rows_of(strip(1, 2)), rows_of(strip(1, 2), tracks={2: -1})]})
    report = judge(truth, torn, Terms(task="instance", resamples=5))
    for name in NAMES:
        assert report.metrics[name] is None
        assert report.reasons[name] == "1 object of the prediction without a track"
    assert report.metrics["ap"] == 1.0


def test_an_empty_prediction_is_scored_and_single_images_have_no_such_scores():
    truth = maps({"a": [strip(1), strip(1)]})
    nothing = films({"a": [rows_of(strip(0))] * 2})
    found = judge(truth, nothing, INSTANCE).metrics
    assert (found["hota"], found["idf1"], found["mota"], found["j"]) == (0.0, 0.0, 0.0, 0.0)
    images = Dataset(KINDS, tuple(sample(s.key) for s in truth.samples), truth.labels_of)
    assert not set(NAMES) & set(judge(images, images, INSTANCE).metrics)
    part = Dataset(KINDS, (*truth.samples[:1], sample("a/001")), truth.labels_of)
    report = judge(part, truth, INSTANCE)
    assert any("are of 1 of 2 samples: the others are no frames" in n for n in report.notes)
    note = report.breakdowns["video_objects"].note
    assert note == "j and f: means over 1 object of 1 sequence; lowest J&F first"
    untracked = films({"a": [rows_of(strip(1), tracks={1: -1})] * 2})
    without = judge(part, untracked, INSTANCE)
    assert not set(NAMES) & set(without.metrics)
    assert not any("of 1 of 2 samples" in note for note in without.notes)


def test_a_track_that_changes_its_class_is_told_and_counts_as_one_for_each():
    cats = [rows_of(strip(1, 2))] * 2
    odd = films({"a": [rows_of(strip(1, 2)), rows_of(strip(1, 2), category={2: 1})]})
    report = judge(films({"a": cats}), odd, INSTANCE)
    assert any("1 tracks of the prediction change their class" in n for n in report.notes)
    assert any("2 of a (cat, dog)" in note for note in report.notes)
    # J and F ask who it is, not what it is
    assert report.metrics["j"] == 1.0
    assert report.per_class["cat"]["idf1"] == pytest.approx(2 * 3 / 7)
    assert report.per_class["dog"]["idf1"] == 0.0


def test_void_crowds_and_what_nobody_labelled_are_not_judged():
    truth = strip(1, 0, 0)
    predicted = films({"a": [rows_of(strip(1, 1, 2))]})
    wrong = judge(maps({"a": [truth]}), predicted, INSTANCE).metrics
    assert (wrong["j"], wrong["det_pr"] < 1) == (0.5, True)
    masks = Masks.from_dense(np.array([strip(1, 0, 0) == 1, strip(0, 1, 1) == 1]))
    void = Labels((8, 24), rows=Rows.make(masks, [0, 2], track=[1, -1]))
    crowd = Labels((8, 24), rows=Rows.make(masks, [0, 0], track=[1, -1], crowd=[False, True]))
    area = Masks.from_dense(np.array([strip(1, 0, 0) == 1]))
    seen = Labels((8, 24), rows=void.rows.take([0]), coverage=Coverage(area=area))
    for labels in (void, crowd, seen):
        found = judge(films({"a": [labels]}), predicted, INSTANCE).metrics
        assert found["j"] == 1.0
        # object 2 lies on it, and of object 1 one half, so that it fits up to an IoU of 0.5
        assert found["det_pr"] == pytest.approx(10 / 19)


def test_overlapping_objects_and_those_of_several_parts_are_followed():
    dense = np.zeros((3, 8, 24), bool)
    dense[0, :, :12] = dense[1, :, 6:18] = dense[2, :, 20:] = True
    rows = Rows.make(Masks.from_dense(dense), [0, 0, 0], track=[0, 5, 0])
    film = films({"a": [Labels((8, 24), rows=rows)] * 3})
    report = judge(film, film, INSTANCE)
    assert all(report.metrics[name] == 1.0 for name in ("j", "f", "hota", "idf1", "mota"))
    assert {one["object"] for one in report.breakdowns["video_objects"].records()} == {0, 5}


def test_a_state_that_is_none_is_refused():
    truth = maps({"a": [strip(1)]})
    counted = count(compare(truth, truth), [0], INSTANCE, "instance").slices[""]
    for name in ("video", "tracks"):
        state = counted.families[name].state()
        for broken in (
            {},
            {k: v for k, v in state.items() if k != "seen"},
            {**state, "orders": np.zeros(3, np.int64)},
            {**state, "objects": np.zeros(2, np.int64)},
            {**state, "seen": np.zeros(1)},
        ):
            with pytest.raises(ValueError, match="sequences"):
                make_families((name,), KINDS)[name].load(broken)
