"""Lines of YOLO that end in a confidence, the number of a track, or both."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from maskloom.core.labels import RowKind
from maskloom.errors import FormatError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer

BOX = (0.25, 0.5, 0.3, 0.5)
RING = (0.1, 0.1, 0.5, 0.1, 0.5, 0.5, 0.1, 0.5)
PENTAGON = (*RING, 0.05, 0.3)


def as_ultralytics(place, conf=None, track=None):
    """A line as `Results.save_txt` of Ultralytics 8 writes it."""
    line = (1, *place, *(() if conf is None else (conf,)), *(() if track is None else (track,)))
    return ("%g " * len(line)).rstrip() % line


def put(root, *files, names=("cat", "dog")):
    for i, lines in enumerate(files):
        image, label = root / f"images/train/{i}.png", root / f"labels/train/{i}.txt"
        for file in (image, label):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((80, 100, 3), np.uint8)).save(image)
        label.write_text("".join(f"{line}\n" for line in lines))
    (root / "data.yaml").write_text(f"train: images/train\nval: images/train\nnames: {[*names]}\n")
    return root


def rows_of(root, **settings):
    data = read_dataset(root, "yolo", settings=[f"{k}={v}" for k, v in settings.items()])
    return [data.labels_of(sample).rows for sample in data.samples]


def kinds(rows):
    return Counter(RowKind(kind).name for one in rows for kind in one.kind)


def test_boxes_with_confidence_and_track_are_read_as_such(tmp_path):
    one = [as_ultralytics(BOX, 0.875, 1)]
    two = [as_ultralytics(BOX, 0.5, 2), as_ultralytics((0.5, 0.5, 0.1, 0.1), 1.0, 1)]
    untracked = [as_ultralytics(BOX, 0.25)]
    root = put(tmp_path, one, two, untracked)
    assert detect_format(root).name == "yolo"
    rows = rows_of(root)
    assert kinds(rows) == {"BOX": 4}
    assert [one.score.tolist() for one in rows] == [[0.875], [0.5, 1.0], [0.25]]
    assert [one.track.tolist() for one in rows] == [[1], [2, 1], [-1]]
    assert rows[0].source[0]["bbox"] == pytest.approx([10, 20, 30, 40])


def test_boxes_with_a_track_alone_are_not_taken_for_confidences(tmp_path):
    root = put(tmp_path, [as_ultralytics(BOX, None, 1)], [as_ultralytics(BOX, None, 2)],
               [as_ultralytics(BOX)])  # fmt: skip
    rows = rows_of(root)
    assert kinds(rows) == {"BOX": 3}
    assert [one.track.tolist() for one in rows] == [[1], [2], [-1]]
    assert all(np.isnan(one.score).all() for one in rows)


def test_polygons_with_confidence_and_track_are_read_as_such(tmp_path):
    lines = [as_ultralytics(RING, 0.5, 1), as_ultralytics(PENTAGON, 0.75, 12)]
    (rows,) = rows_of(put(tmp_path / "both", lines))
    assert kinds([rows]) == {"MASK": 2}
    assert rows.track.tolist() == [1, 12]
    assert rows.score.tolist() == [0.5, 0.75]
    lines = [as_ultralytics(RING, None, 1), as_ultralytics(PENTAGON, None, 12)]
    (alone,) = rows_of(put(tmp_path / "track", lines))
    assert alone.track.tolist() == [1, 12]
    assert alone.masks == rows.masks


@pytest.mark.parametrize(
    ("line", "forms"),
    [
        (as_ultralytics(BOX, 0.875, 1), ("plain", "score-track")),
        (as_ultralytics(BOX, None, 1), ("plain", "track")),
    ],
)
def test_a_last_1_that_nothing_explains_is_refused_with_the_options_that_do(tmp_path, line, forms):
    root = put(tmp_path, [line], [line])
    with pytest.raises(FormatError) as error:
        rows_of(root)
    assert "0.txt: line 1" in str(error.value)
    assert line in str(error.value)
    for form in forms:
        assert f"from.form={form}" in str(error.value)
    plain, tracked = (rows_of(root, form=form) for form in forms)
    assert all((one.track == 1).all() for one in tracked)
    assert all((one.track == -1).all() for one in plain)
    assert kinds(tracked) == {"BOX": 2}
    assert kinds(plain) == ({"MASK": 2} if len(line.split()) == 7 else {"BOX": 2})


def test_triangles_stay_triangles_where_other_lines_say_so(tmp_path):
    edge = "1 0.25 0.5 0.3 0.5 0.875 1"
    for i, other in enumerate(("1 0.1 0.1 0.5 0.1 0.3 0.7", f"1 {' '.join(map(str, RING))}", edge)):
        root = put(tmp_path / str(i), [edge, other])
        rows = rows_of(root)
        assert kinds(rows) == {"MASK": 2}, other
        assert (rows[0].track == -1).all()


def test_one_confidence_that_is_no_whole_number_makes_all_of_them_such(tmp_path):
    root = put(tmp_path, [as_ultralytics(BOX, 1.0)], [as_ultralytics(BOX, 0.5)])
    rows = rows_of(root)
    assert [one.score.tolist() for one in rows] == [[1.0], [0.5]]
    # A track stands once in an image.
    twice = put(tmp_path / "twice", [as_ultralytics(BOX, 1.0), as_ultralytics(BOX, 1.0)])
    assert rows_of(twice)[0].score.tolist() == [1.0, 1.0]


def test_lines_that_contradict_each_other_are_refused(tmp_path):
    root = put(tmp_path / "a", [as_ultralytics(BOX, None, 2)], [as_ultralytics(BOX, 0.5)])
    with pytest.raises(FormatError, match=r"0\.txt: line 1: a confidence.*form=track"):
        rows_of(root)
    root = put(tmp_path / "b", [as_ultralytics(BOX, 0.5, 7)], ["1 0.1 0.1 0.5 0.1 0.3 0.7"])
    with pytest.raises(FormatError, match=r"0\.txt: line 1: .*7.*form=score-track"):
        rows_of(root)


def test_poses_with_tracks_are_not_read_as_polygons(tmp_path):
    pose = (*BOX, *(0.5 for _ in range(17 * 3)))
    root = put(tmp_path, [as_ultralytics(pose, None, 2)], [as_ultralytics(pose, None, 3)])
    with pytest.raises(FormatError, match="no fraction"):
        rows_of(root)


def test_scores_and_tracks_are_losses_of_targets_without_them(tmp_path):
    root = put(tmp_path / "in", [as_ultralytics(BOX, 0.5, 2), as_ultralytics(BOX, 1.0, 1)])
    done = transfer(read_dataset(root), tmp_path / "o", load_format("coco"))
    assert not done.written
    assert [loss.kind for loss in done.losses if loss.refused] == ["tracks"]
    done = transfer(read_dataset(root), tmp_path / "o.json", load_format("coco"), allow_loss=True)
    assert done.written
    entries = json.loads((tmp_path / "o.json").read_text())["annotations"]
    assert [(one["segmentation"], one["score"]) for one in entries] == [([], 0.5), ([], 1.0)]


def test_what_maskloom_wrote_ends_in_coordinates(tmp_path):
    root = put(tmp_path / "in", ["1 0.25 0.5 0.3 0.5 0.875 1"])
    data = read_dataset(root, "yolo", settings=["form=plain"])
    done = transfer(data, tmp_path / "o", load_format("yolo"))
    assert done.written, done.losses
    assert rows_of(tmp_path / "o")[0].masks == data.labels_of(data.samples[0]).rows.masks


def test_a_lone_polygon_that_may_end_in_a_track_is_told(tmp_path):
    root = put(tmp_path, ["1 0 0 1 0 1 1 0 1"])
    data = read_dataset(root)
    assert kinds([data.labels_of(data.samples[0]).rows]) == {"MASK": 1}
    (note,) = data.labels_of(data.samples[0]).extra["notes"]
    assert "form=score-track" in note
