"""`evaluate` of sequences on disk: DAVIS, MOTS and CVAT, whole, in shards and by workers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from tests.metrics.boundary_cases import db_eval_iou, db_statistics, f_measure, smooth_mask
from tests.metrics.test_boundary_video import davis2017

from maskloom.core.outcome import plain
from maskloom.errors import MaskloomError
from maskloom.metrics.boundary.video import VIDEO_METRICS
from maskloom.store.images import png_bytes, read_map, write_png
from maskloom.verbs.evaluate import evaluate

PALETTE = np.arange(768).reshape(256, 3).astype(np.uint8)
SIZE = (24, 40)
OF_FOLDERS = ("predicted.kind=instance", "predicted.sequences=folder")


def save(root, films):
    for name, frames in films.items():
        for i, ids in enumerate(frames):
            path = root / name / f"{i:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(np.array(ids, np.uint8), palette=PALETTE))
    return root


def films(seed, n=3):
    rng = np.random.default_rng(seed)
    truth, predicted = {}, {}
    for s in range(n):
        frames = []
        for _ in range(int(rng.integers(4, 8))):
            ids = np.zeros(SIZE, np.uint8)
            for number in (1, 2):
                ids[smooth_mask(rng, *SIZE)] = number
            frames.append(ids)
        frames[0][0, 0] = 2
        truth[f"s{s}"] = frames
        predicted[f"s{s}"] = [np.roll(ids, rng.integers(-2, 3, 2), (0, 1)) for ids in frames]
    return truth, predicted


@pytest.fixture
def davis(tmp_path):
    truth, predicted = films(0)
    return (
        save(tmp_path / "DAVIS/Annotations/480p", truth),
        save(tmp_path / "results", predicted),
        davis2017([(truth[s], predicted[s]) for s in truth]),
    )


def score(truth, predicted, **options):
    return plain(evaluate(truth, predicted, set_=OF_FOLDERS, **options).results)


def test_davis_is_scored_as_davis_does(davis):
    truth, predicted, (jm, jr, jd, fm, fr, fd) = davis
    found = score(truth, predicted, convention="davis")
    wanted = dict(zip(VIDEO_METRICS, ((jm + fm) / 2, jm, jr, jd, fm, fr, fd), strict=True))
    own = {name: found["metrics"][name] for name in VIDEO_METRICS}
    assert own == pytest.approx(wanted, abs=1e-12)
    assert found["provenance"]["convention"] == "davis"
    assert "j_and_f" in found["provenance"]["governs"]
    objects = found["breakdowns"]["video_objects"]
    assert len(objects) == 6
    assert np.mean([one["j"] for one in objects]) == pytest.approx(jm, abs=1e-4)
    assert [one["j"] + one["f"] for one in objects] == sorted(
        one["j"] + one["f"] for one in objects
    )
    json.dumps(found)


@pytest.mark.parametrize("convention", ["maskloom", "davis"])
def test_workers_and_shards_give_the_same_as_one_call(davis, tmp_path, convention):
    """The predicted frames that DAVIS gives, the first ones, are not there."""
    truth, predicted, _ = davis
    for file in predicted.glob("*/00000.png"):
        file.unlink()
    more = {"by": "sequence", "resamples": 0, "missing": "skip", "convention": convention}
    whole = score(truth, predicted, **more)
    assert set(whole["per_slice"]) == {"s0", "s1", "s2"}
    assert score(truth, predicted, workers=2, **more) == whole
    for number in (2, 3, 1):
        last = score(truth, predicted, shard=f"{number}/3", parts=tmp_path / "parts", **more)
    assert last == whole


def test_a_share_of_frames_does_not_join_a_share_of_images(davis, tmp_path):
    truth, predicted, _ = davis
    more = {"parts": tmp_path / "parts", "resamples": 0}
    score(truth, predicted, shard="1/2", **more)
    apart = ("from.sequences=none", "from.kind=instance", *OF_FOLDERS)
    with pytest.raises(MaskloomError, match="part is of other data"):
        evaluate(truth, predicted, set_=apart, shard="2/2", **more)


@pytest.mark.shared
def test_a_real_video_that_moved_by_three_pixels(shared, tmp_path):
    """DAVIS 2016 motocross-jump: foreground of 255 is one object if that is said."""
    source = shared / "davis2016/Annotations/480p"
    files = sorted((source / "motocross-jump").glob("*.png"))
    frames = [read_map(file) for file in files]
    moved = [np.roll(frame, 3, axis=1) for frame in frames]
    for file, ids in zip(files, moved, strict=True):
        path = tmp_path / "results/motocross-jump" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, ids)
    found = plain(
        evaluate(
            source,
            tmp_path / "results",
            set_=("from.kind=instance", *OF_FOLDERS),
            convention="davis",
            metrics=("j", "j_recall", "j_decay", "f", "f_recall", "f_decay"),
            resamples=0,
        ).results
    )
    pairs = [(t > 0, p > 0) for t, p in zip(frames, moved, strict=True)][1:-1]
    j = db_statistics([db_eval_iou(t, p) for t, p in pairs])
    f = db_statistics([f_measure(p, t) for t, p in pairs])
    own = [found["metrics"][name] for name in VIDEO_METRICS if name != "j_and_f"]
    assert own == pytest.approx([*j, *f], abs=1e-12)


def test_conventions_of_sequences_are_explained(davis):
    truth, predicted, (jm, *_) = davis
    found = score(truth, predicted, explain_conventions=True, metrics=("j", "hota"))
    moves = {(m["metric"], m["convention"]): m for m in found["conventions"]}
    assert moves["j", "davis"]["value"] == pytest.approx(jm, abs=1e-12)
    assert any("drop_first: yes" in rule for rule in moves["j", "davis"]["because"])
    assert moves["hota", "trackeval"]["difference"] == pytest.approx(0.0, abs=1e-12)


def test_another_prediction_is_compared_over_sequences(davis, tmp_path):
    truth, predicted, _ = davis
    worse = save(tmp_path / "worse", films(1)[1])
    for name in ("s0", "s1", "s2"):
        own = sorted((predicted / name).iterdir())
        have = sorted((worse / name).iterdir())
        for i, path in enumerate(own):
            (worse / name / path.name).write_bytes(have[min(i, len(have) - 1)].read_bytes())
    found = score(truth, predicted, against=worse, metrics=("j", "hota", "f1_50"))
    assert found["against"]["metrics"]["j"] < found["metrics"]["j"]
    (test,) = [one for one in found["against"]["tests"] if one["name"] == "j"]
    assert test["pairs"] == 3


def test_the_report_has_sequences_and_objects(davis, tmp_path):
    truth, predicted, _ = davis
    score(truth, predicted, report=tmp_path / "r.html", resamples=0)
    page = (tmp_path / "r.html").read_text()
    for text in ("J and F of each object", "Tracks of each sequence", "HOTA", "Identity switches"):
        assert text in page


def test_mots_is_scored_by_class(tmp_path):
    """One car followed, one pedestrian whose track breaks; a false car lies on what is ignored."""

    def frames(values):
        return [np.repeat(np.repeat([row], 8, axis=0), 8, axis=1) for row in values]

    def put(root, values):
        for i, ids in enumerate(frames(values)):
            path = root / "0000" / f"{i:06d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(ids.astype(np.uint16)))
        return root

    truth = put(tmp_path / "t", [[1001, 0, 2001, 10000]] * 4)
    predicted = put(tmp_path / "p", [[1005, 0, 2002, 1006]] * 2 + [[1005, 0, 2003, 1006]] * 2)
    told = ("from.kind=mots", "predicted.kind=mots")
    found = plain(evaluate(truth, predicted, set_=told).results)
    car, person = (found["per_class"][key] for key in ("car", "pedestrian"))
    assert (car["idf1"], car["mota"], car["hota"]) == (1.0, 1.0, 1.0)
    assert (person["idf1"], person["idsw"], person["mota"]) == (0.5, 1, 0.75)
    assert person["hota"] == pytest.approx(0.5**0.5)
    assert found["metrics"]["idf1"] == 0.75
    # numbers of two people who never met are not the same objects
    assert found["metrics"]["j"] == 0.0


def box(frame, x, outside=0):
    return (
        f'<polygon frame="{frame}" keyframe="1" outside="{outside}" occluded="0" z_order="0" '
        f'points="{x},2;{x + 8},2;{x + 8},10;{x},10"/>'
    )


def video(path, tracks):
    labels = "<labels><label><name>car</name><attributes/></label></labels>"
    size = "<original_size><width>60</width><height>20</height></original_size>"
    meta = f"<meta><task><size>6</size>{labels}{size}</task></meta>"
    body = "".join(
        f'<track id="{n}" label="car" source="manual">{"".join(shapes)}</track>'
        for n, shapes in enumerate(tracks)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotations><version>1.1</version>{meta}{body}</annotations>")
    return path


def test_tracks_of_cvat_against_a_changed_copy(tmp_path):
    """Six frames of two cars; in the copy the second is lost after frame 2 and found as another."""
    first, second = [box(f, 2 + 3 * f) for f in range(6)], [box(f, 40) for f in range(6)]
    truth = video(tmp_path / "t/annotations.xml", [first, second])
    same = plain(evaluate(truth, video(tmp_path / "s/annotations.xml", [first, second])).results)
    assert {same["metrics"][n] for n in ("hota", "idf1", "mota", "j", "f")} == {1.0}
    broken = [first, [*second[:3], box(3, 40, 1)], [box(4, 40), box(5, 40)]]
    copy = video(tmp_path / "p/annotations.xml", broken)
    found = plain(evaluate(truth, copy).results)
    # 6 + 3 right of 12 true and 11 predicted
    assert found["metrics"]["idf1"] == pytest.approx(2 * 9 / 23)
    row = found["per_class"]["car"]
    assert (row["idtp"], row["idsw"], row["mt"], row["pt"]) == (9, 1, 2, 0)
    assert found["metrics"]["mota"] == pytest.approx(1 - 2 / 12)
    assert found["metrics"]["j"] == pytest.approx((1 + 3 / 6) / 2)


def test_numbers_that_are_read_as_classes_are_refused_with_the_way_out(davis):
    truth, predicted, _ = davis
    with pytest.raises(MaskloomError, match=re.escape("--set predicted.kind=instance")):
        evaluate(truth, predicted)
