"""Maps of frames: folders as sequences, the layouts of DAVIS and of MOTS."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import FormatError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import png_bytes, write_png

from .conftest import NUCLEUS

PALETTE = np.arange(768).reshape(256, 3).astype(np.uint8)
IDS = [[0, 1, 1, 2], [0, 1, 2, 2]]


def save(root, names, values=IDS, dtype=np.uint8):
    for name in names:
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, np.array(values, dtype))
    return root


def davis(root, values=IDS, frames=("cat/00000", "cat/00001", "dog/00000")):
    for name in frames:
        path = root / "Annotations/480p" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(np.array(values, np.uint8), palette=PALETTE))
    return root


def places(data):
    return {s.key: (s.kind, s.sequence, s.index) for s in data.samples}


def test_a_folder_is_a_sequence_in_the_natural_order_of_its_names(tmp_path):
    save(tmp_path, ["a/f10", "a/f9", "b/x"])
    data = read_dataset(tmp_path, settings=["sequences=folder", "kind=instance"])
    assert places(data) == {
        "a/f10": ("frame", "a", 1),
        "a/f9": ("frame", "a", 0),
        "b/x": ("frame", "b", 0),
    }
    for _, labels in data:
        assert labels.rows.track.tolist() == labels.rows.instance.tolist() == [1, 2]


def test_maps_beside_each_other_are_one_sequence_named_as_their_folder(tmp_path):
    save(tmp_path / "seq", ["1", "2"])
    data = read_dataset(tmp_path / "seq", settings=["sequences=folder"])
    assert places(data) == {"1": ("frame", "seq", 0), "2": ("frame", "seq", 1)}
    assert data.labels_of(data.samples[0]).class_map is not None


def test_folders_are_no_sequences_unless_it_is_said(tmp_path):
    save(tmp_path, ["a/1", "b/1"])
    for settings in (["kind=instance"], ["kind=instance", "sequences=none"]):
        data = read_dataset(tmp_path, settings=settings)
        assert {s.kind for s in data.samples} == {"image"}
        assert {s.sequence for s in data.samples} == {None}
        assert data.labels_of(data.samples[0]).rows.track.tolist() == [-1, -1]


@pytest.mark.parametrize("inside", [".", "Annotations", "Annotations/480p"])
def test_davis_is_known_by_its_folders_and_its_numbers_are_objects(tmp_path, inside):
    davis(tmp_path, [[0, 1, 2, 255]])
    data = read_dataset(tmp_path / inside)
    assert len({s.sequence for s in data.samples}) == 2
    assert sorted(s.index for s in data.samples) == [0, 0, 1]
    assert [c.name for c in data.taxonomy] == ["object"]
    labels = data.labels_of(data.samples[0])
    assert labels.rows.track.tolist() == [1, 2]
    np.testing.assert_array_equal(labels.coverage.area.dense(0), [[1, 1, 1, 0]])


def test_masks_of_davis_2016_stay_foreground_of_frames_and_are_objects_if_that_is_said(tmp_path):
    davis(tmp_path, [[0, 255, 0, 0]])
    data = read_dataset(tmp_path)
    assert {s.kind for s in data.samples} == {"frame"}
    assert data.labels_of(data.samples[0]).class_map.tolist() == [[254, 0, 254, 254]]
    objects = read_dataset(tmp_path, settings=["kind=instance"])
    assert objects.labels_of(objects.samples[0]).rows.track.tolist() == [255]


@pytest.mark.parametrize(
    "frame", ["Annotations/480p/cat/0", "Annotations/cat/00000", "masks/480p/cat/00000"]
)
def test_other_folders_are_not_davis(tmp_path, frame):
    save(tmp_path, [frame])
    data = read_dataset(tmp_path, "bitmap")
    assert data.samples[0].kind == "image"
    assert data.labels_of(data.samples[0]).class_map is not None


def test_numbers_of_mots_are_class_and_object(tmp_path):
    save(tmp_path, ["0000/000000", "0000/000001"], [[0, 1000, 1001, 2000, 10000]], np.uint16)
    data = read_dataset(tmp_path, settings=["kind=mots"])
    assert places(data)["0000/000001"] == ("frame", "0000", 1)
    rows = data.labels_of(data.samples[0]).rows
    assert [data.taxonomy[k].name for k in rows.category] == ["car", "car", "pedestrian"]
    assert rows.track.tolist() == [1000, 1001, 2000]
    area = data.labels_of(data.samples[0]).coverage.area
    np.testing.assert_array_equal(area.dense(0), [[1, 1, 1, 1, 0]])


def test_classes_of_mots_can_be_named_and_unknown_ones_are_refused(tmp_path):
    save(tmp_path / "maps", ["a/1"], [[0, 3001]], np.uint16)
    with pytest.raises(FormatError, match=r"3001, of class 3; known are \[1, 2\]"):
        list(read_dataset(tmp_path / "maps", settings=["kind=mots"]))
    names = tmp_path / "names.json"
    names.write_text('{"categories": [{"id": 3, "name": "bus"}]}')
    data = read_dataset(tmp_path / "maps", settings=["kind=mots", f"taxonomy={names}"])
    assert [c.name for c in data.taxonomy] == ["bus"]
    assert data.labels_of(data.samples[0]).rows.track.tolist() == [3001]


def write(data, target, **more):
    fmt = load_format("bitmap")
    return transfer(data, target, fmt, options=fmt.WriteOptions(images="none"), **more)


def test_sequences_of_objects_come_back_from_the_maps_that_were_written(tmp_path):
    data = read_dataset(davis(tmp_path / "davis") / "Annotations/480p")
    done = write(data, tmp_path / "out")
    assert {loss.kind for loss in done.losses} == {"fields"}
    assert json.loads((tmp_path / "out/taxonomy.json").read_text())["sequences"] == "folder"
    back = read_dataset(tmp_path / "out")
    assert places(back) == places(data)
    for (_, ours), (_, theirs) in zip(data, back, strict=True):
        np.testing.assert_array_equal(ours.rows.track, theirs.rows.track)
        assert ours.rows.masks == theirs.rows.masks


def frames(tracks, sequences):
    masks = Masks.from_dense([np.eye(4, dtype=bool)])
    held = {
        key: Labels((4, 4), rows=Rows.make(masks, [0], instance=[1], track=[track]))
        for key, track in tracks.items()
    }
    samples = tuple(
        Sample(key, ImageRef(None), "image" if of is None else "frame", of, i if of else None)
        for i, (key, of) in enumerate(sequences.items())
    )
    return Dataset(NUCLEUS, samples, lambda s: held[s.key])


def test_tracks_that_folders_do_not_say_are_losses_and_single_images_are_told(tmp_path):
    other = frames({"a/0": 7, "a/1": 7}, {"a/0": "a", "a/1": "a"})
    done = write(other, tmp_path / "x", allow_loss=True)
    assert "tracks" in {loss.kind for loss in done.losses}
    elsewhere = frames({"a/0": 1, "a/1": 1}, {"a/0": "film", "a/1": "film"})
    done = write(elsewhere, tmp_path / "y", allow_loss=True)
    assert "tracks" in {loss.kind for loss in done.losses}
    assert "sequences" not in json.loads((tmp_path / "y/taxonomy.json").read_text())
    mixed = frames({"a/0": 1, "b": -1}, {"a/0": "a", "b": None})
    done = write(mixed, tmp_path / "z", allow_loss=True)
    assert any("sequences=folder" in warning for warning in done.warnings)
