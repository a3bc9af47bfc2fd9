"""Objects in volumes where they overlap, share an id, or share a name."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.formats.detect import read_dataset
from maskloom.store.nrrd import write_nrrd
from maskloom.store.volumes import read_volume, volume_header

from .conftest import folder_bytes
from .test_nifti import exact, put
from .test_nrrd import TWO
from .volumes import CELL, OBLIQUE, volumes_of

SIZE = (3, 4, 6)


def bars(**columns):
    """Three objects in plane 1: columns 0-2, 1-4 and 3-5, the last in plane 2, too."""
    pixels = np.zeros((4, 4, 6), bool)
    for i, (start, stop) in enumerate(((0, 3), (1, 5), (3, 6), (3, 6))):
        pixels[i, :, start:stop] = True
    rows = Rows.make(
        Masks.from_dense(pixels),
        np.zeros(4, int),
        instance=[11, 12, 13, 13],
        plane=[1, 1, 1, 2],
        **columns,
    )
    return Labels(SIZE, rows=rows)


SEEN = [
    ({}, [11, 12, 12, 13, 13, 13]),
    ({"z_order": [9, 5, 1, 1]}, [11, 11, 11, 12, 12, 13]),
    ({"score": [0.25, 0.75, 0.5, 0.5]}, [11, 12, 12, 12, 12, 13]),
    ({"score": [0.25, 0.75, 0.5, 0.5], "z_order": [1, 0, 0, 0]}, [11, 11, 11, 12, 12, 13]),
    ({"score": [np.nan, 0.75, 0.5, 0.5]}, [11, 11, 11, 12, 12, 13]),
]


@pytest.mark.parametrize(("columns", "row"), SEEN)
@pytest.mark.parametrize(("to", "suffix"), [("nifti", ".nii.gz"), ("nrrd", ".nrrd")])
def test_what_lies_in_front_is_seen_as_in_maps_of_objects(tmp_path, columns, row, to, suffix):
    data = volumes_of(CELL, {"x": bars(**columns)})
    done = put(data, tmp_path / "no", to=to, kind="instance")
    assert "overlap" in {loss.kind for loss in done.refused}
    put(data, tmp_path / "a", to=to, kind="instance", allow_loss=True)
    values = read_volume(tmp_path / f"a/labels/x{suffix}").array
    assert values[1].tolist() == [row] * 4
    assert values[2].tolist() == [[0, 0, 0, 13, 13, 13]] * 4


def test_an_object_under_others_is_a_loss_of_its_own(tmp_path):
    labels = bars()
    covered = labels.rows.take(slice(None))
    inner = np.zeros((4, 6), bool)
    inner[1, 1] = True
    masks = Masks.concatenate([Masks.from_dense(inner), covered.masks])
    rows = Rows.make(masks, np.zeros(5, int), instance=[7, 11, 12, 13, 13], plane=[1, 1, 1, 1, 2])
    done = put(volumes_of(CELL, {"x": Labels(SIZE, rows=rows)}), tmp_path / "a", kind="instance")
    assert {loss.kind: loss.objects for loss in done.refused}["covered"] == 1


def test_ids_beyond_31_bit_are_numbered_in_the_order_of_the_rows(tmp_path):
    pixels = np.eye(3, dtype=bool)[:, None, :]
    rows = Rows.make(
        Masks.from_dense(pixels), np.zeros(3, int), instance=[1 << 40, 5, 1 << 40], plane=[0, 0, 1]
    )
    exact(volumes_of(CELL, {"x": Labels((2, 1, 3), rows=rows)}), tmp_path / "a", kind="instance")
    assert read_volume(tmp_path / "a/labels/x.nii.gz").array.tolist() == [[[1, 2, 0]], [[0, 0, 1]]]


@pytest.mark.parametrize("to", ["dicom-seg", "nrrd"])
def test_an_object_of_two_categories_is_told_and_becomes_one_of_each(tmp_path, to):
    if to == "dicom-seg":
        pytest.importorskip("pydicom", reason="needs the extra medical")
    pixels = np.zeros((3, 4, 6), bool)
    pixels[0, 0], pixels[1, 1], pixels[2, 2] = True, True, True
    rows = Rows.make(Masks.from_dense(pixels), [0, 1, 1], instance=[4, 4, 5], plane=[0, 1, 1])
    data = volumes_of(TWO, {"x": Labels(SIZE, rows=rows)})
    done = put(data, tmp_path / "no", to=to)
    assert not done.written
    (loss,) = done.refused
    assert (loss.kind, loss.objects) == ("parts", 1)
    assert "1 objects have rows of several categories" in loss.example
    put(data, tmp_path / "a", to=to, allow_loss=True)
    back = read_dataset(tmp_path / "a")
    found = back.labels_of(back.samples[0]).rows
    named = sorted(
        (back.taxonomy[c].name, p, found.masks[i].dense(0).nonzero()[0][0])
        for i, (c, p) in enumerate(zip(found.category, found.plane, strict=True))
    )
    assert named == [("a", 0, 0), ("b", 1, 1), ("b", 1, 2)]
    assert len(set(found.instance.tolist())) == 3


def ribs(path):
    """A Slicer file with three segments of one name, two of which overlap and one is empty."""
    pairs = {}
    for i, (layer, value, color) in enumerate(((0, 3, "1 0 0"), (0, 1, "0 1 0"), (1, 1, "0 0 1"))):
        said = {
            "ID": f"id-{i}",
            "Name": "rib",
            "Color": color,
            "LabelValue": value,
            "Layer": layer,
            "Tags": f"TerminologyEntry:Segmentation~SCT^113197003^Rib~{i}|",
            "Status": "done",
        }
        pairs |= {f"Segment{i}_{key}": str(text) for key, text in said.items()}
    array = np.zeros((2, 3, 4, 2), np.uint8)
    array[0, 0, :3, 0], array[:, 0, 2:, 1] = 1, 1
    path.mkdir()
    write_nrrd(path / "x.seg.nrrd", array, OBLIQUE, pairs=pairs)
    return path


def test_segments_of_one_name_keep_their_own_colours_and_codes(tmp_path):
    data = read_dataset(ribs(tmp_path / "in"))
    assert [(c.name, c.kind) for c in data.taxonomy] == [("rib", "thing")]
    done = exact(data, tmp_path / "a", to="nrrd")
    assert (done.objects, done.losses) == (2, ())

    def told(path):
        pairs = volume_header(path).kept["nrrd"]
        found = {}
        for i in range(3):
            keys = ("Name", "Color", "Tags", "Status")
            own = tuple(pairs[f"Segment{i}_{key}"] for key in keys)
            layer, value = (int(pairs[f"Segment{i}_{key}"]) for key in ("Layer", "LabelValue"))
            found[pairs[f"Segment{i}_ID"]] = (own, read_volume(path).array[..., layer] == value)
        return found

    before, after = (
        told(tmp_path / "in/x.seg.nrrd"),
        told(tmp_path / "a/labels/x.seg.nrrd"),
    )
    assert before.keys() == after.keys()
    for name, (own, voxels) in before.items():
        assert after[name][0] == own
        assert np.array_equal(after[name][1], voxels)
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nrrd")
    exact(read_dataset(tmp_path / "b"), tmp_path / "c", to="nrrd")
    assert folder_bytes(tmp_path / "b") == folder_bytes(tmp_path / "c")


def test_segments_of_one_name_stay_apart_in_dicom_and_are_told_where_they_join(tmp_path):
    data = read_dataset(ribs(tmp_path / "in"))
    done = put(data, tmp_path / "no", kind="class")
    assert {"instances", "overlap"} <= {loss.kind for loss in done.refused}
    pytest.importorskip("pydicom", reason="needs the extra medical")
    exact(data, tmp_path / "a", to="dicom-seg")
    done = exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nrrd")
    assert done.objects == 2
    pairs = volume_header(tmp_path / "b/labels/x.seg.nrrd").kept["nrrd"]
    assert [pairs[f"Segment{i}_Name"] for i in range(2)] == ["rib", "rib"]
