from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.masks import Masks
from maskloom.core.views import class_map
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import png_bytes, write_png

from .conftest import write_photo

CAR, PERSON, DOOR = "car, auto, automobile", "person, human", "door"
# Class indexes 401 (car), 1831 (person) and 3000; B of the objects are 5, 9 and 200; 0 unlabelled.
CODES = {5: 401, 9: 401, 200: 1831}
BLUE = np.array([[5, 5, 9, 9], [5, 5, 9, 0], [200, 200, 200, 0]], np.uint8)
PART = np.array([[0, 7, 0, 0], [0, 7, 0, 0], [0, 0, 0, 0]], np.uint8)
TEXT = (
    f'001 # 0 # 0 # {CAR} # car # ""\n'
    f'002 # 0 # 1 # {CAR} # auto # "red, parked"\n'
    f'003 # 0 # 0 # {PERSON} # man # ""\n'
    f'001 # 1 # 0 # {DOOR} # door # ""\n'
)


def coded(blue, codes):
    """R, G, B of a map: class = R // 10 * 256 + G."""
    classes = np.vectorize(lambda b: codes.get(int(b), 0))(blue)
    return np.stack([classes // 256 * 10, classes % 256, blue], axis=-1).astype(np.uint8)


def old(root, place="training/street/1", text=TEXT, blue=BLUE, parts=(PART,)):
    """The files of 2017."""
    write_photo(root / f"{place}.png", blue.shape)
    (root / f"{place}.png").rename(root / f"{place}.jpg")
    write_png(root / f"{place}_seg.png", coded(blue, CODES))
    for level, values in enumerate(parts, 1):
        write_png(root / f"{place}_parts_{level}.png", coded(values, {7: 774}))
    (root / f"{place}_atr.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def entry(number, name, level=0, whole=(), **more):
    parts = {"hasparts": [], "ispartof": whole if whole != () else [], "part_level": level}
    return {"id": number, "name": name, "name_ndx": 401 if name == CAR else 774, "raw_name": "x",
            "attributes": [], "occluded": "no", "parts": parts,
            "instance_mask": f"1/instance_{number:03d}_1.png", **more}  # fmt: skip


def new(root, objects=None, masks=None, place="validation/1", text=None):
    """The files of 2020: a car that hides part of another, with a door."""
    near, far, door = np.zeros((3, 3, 4), np.uint8)
    near[:2, :2], far[:2, 2:], far[:2, 1], door[:2, 1] = 255, 255, 128, 255
    masks = {0: near, 1: far, 2: door} if masks is None else masks
    if objects is None:
        objects = [
            entry(0, CAR, attributes=["red"]),
            entry(1, CAR, occluded="yes", depth_ordering_rank=2, unknown={"a": [1]}),
            entry(2, DOOR, 1, 0, occluded=[]),
        ]
    write_photo(root / f"{place}.png", (3, 4))
    (root / f"{place}.png").rename(root / f"{place}.jpg")
    blue = np.zeros((3, 4), np.uint8)
    blue[:2, :2], blue[:2, 2:] = 1, 2
    write_png(root / f"{place}_seg.png", coded(blue, {1: 401, 2: 401}))
    for number, values in masks.items():
        path = root / place / f"instance_{number:03d}_1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, values)
    data = {"annotation": {"filename": "1.jpg", "imsize": [3, 4, 3], "object": objects}}
    (root / f"{place}.json").write_text(json.dumps(data) if text is None else text)
    return root


def one(data):
    return data.labels_of(data.samples[0])


def load_ade20k(seg):
    """Transcribed from loadAde20K.m: classes, and objects by the rank of B."""
    classes = seg[..., 0].astype(int) // 10 * 256 + seg[..., 1]
    return classes, np.unique(seg[..., 2], return_inverse=True)[1].reshape(classes.shape)


def test_objects_of_2017_are_ranks_of_blue_with_names_of_the_text(tmp_path):
    data = read_dataset(old(tmp_path))
    assert detect_format(tmp_path).name == "ade20k"
    assert [c.name for c in data.taxonomy] == [CAR, DOOR, PERSON]
    assert data.taxonomy.find("person") == 2
    assert data.splits == {"train": ("street/1",)}
    labels = one(data)
    # The part first, so that objects are painted over their parts.
    assert labels.rows.category.tolist() == [1, 0, 0, 2]
    assert labels.rows.instance.tolist() == [4, 1, 2, 3]
    assert labels.rows.parent.tolist() == [1, -1, -1, -1]
    assert labels.rows.attributes[2] == {"occluded": True, "red": True, "parked": True}
    assert [s["ade20k"]["class"] for s in labels.rows.source] == [774, 401, 401, 1831]
    classes, ranks = load_ade20k(coded(BLUE, CODES))
    for row, number in ((1, 1), (2, 2), (3, 3)):
        np.testing.assert_array_equal(labels.rows.masks.dense(row), ranks == number)
    assert labels.coverage.area == Masks.from_dense(classes > 0)
    assert class_map(labels, data.taxonomy)[0].tolist() == [0, 0, 0, 0]


def test_an_image_without_unlabelled_pixels_counts_its_objects_from_1_too(tmp_path):
    # The rank among all values would make the first object 0, and shift every name.
    full = np.where(BLUE == 0, 5, BLUE).astype(np.uint8)
    labels = one(read_dataset(old(tmp_path, blue=full), settings=["parts=false"]))
    assert labels.rows.instance.tolist() == [1, 2, 3]
    assert labels.rows.masks.areas.tolist() == [6, 3, 3]
    assert labels.coverage.full


def test_parts_of_parts_belong_to_the_part_that_covers_them(tmp_path):
    inner = np.array([[0, 0, 0, 0], [0, 7, 0, 0], [0, 0, 0, 0]], np.uint8)
    text = TEXT + '001 # 2 # 0 # handle # handle # ""\n'
    labels = one(read_dataset(old(tmp_path, text=text, parts=(PART, inner))))
    assert labels.rows.instance.tolist() == [5, 4, 1, 2, 3]
    assert labels.rows.parent.tolist() == [4, 1, -1, -1, -1]


def test_objects_of_2020_have_masks_of_their_own_and_hidden_parts(tmp_path):
    data = read_dataset(new(tmp_path))
    assert detect_format(tmp_path).name == "ade20k"
    assert [(c.name, c.ids) for c in data.taxonomy] == [
        (CAR, (("ade20k", 401),)),
        (DOOR, (("ade20k", 774),)),
    ]
    rows = one(data).rows
    assert rows.instance.tolist() == [3, 1, 2]
    assert rows.parent.tolist() == [1, -1, -1]
    assert rows.masks.areas.tolist() == [2, 4, 4]
    assert rows.attributes == (None, {"occluded": False, "red": True}, {"occluded": True})
    said = rows.source[2]["ade20k"]
    assert (said["depth_ordering_rank"], said["unknown"]) == (2, {"a": [1]})
    assert Masks.from_coco([said["hidden"]]).areas.tolist() == [2]
    assert one(data).extra == {}


def test_hidden_extents_can_be_rows(tmp_path):
    data = read_dataset(new(tmp_path), settings=["amodal=true", "parts=false"])
    rows = one(data).rows
    assert rows.amodal_of.tolist() == [2, -1, -1]
    assert rows.masks.areas.tolist() == [6, 4, 4]
    assert (class_map(one(data), data.taxonomy)[0] == 0).all()
    assert [c.name for c in data.taxonomy] == [CAR]


def test_conversions_keep_the_pixels_and_tell_what_is_lost(tmp_path):
    data = read_dataset(old(tmp_path / "a"))
    done = transfer(data, tmp_path / "coco", load_format("coco"), allow_loss=True)
    assert (done.objects, done.exact_objects) == (4, 4)
    # COCO says nothing of pixels that are not labelled: two become background.
    assert {loss.kind: loss.objects for loss in done.losses} == {"tracks": 1, "coverage": 0}
    assert done.changed_pixels == 2
    flat = transfer(data, tmp_path / "b", load_format("bitmap"))
    assert not flat.written
    told = {loss.kind: (loss.objects, loss.pixels) for loss in flat.refused}
    assert told == {
        "instances": (4, 0), "overlap": (2, 2), "attributes": (1, 3), "tracks": (1, 2),
    }  # fmt: skip
    with pytest.raises(UsageError, match="ade20k is only read"):
        transfer(data, tmp_path / "c", load_format("ade20k"))


BAD_LINES = [
    ("nonsense", "line 1: not a line of the form"),
    ("1 # 0 # 0 #  # x # \"\"", "line 1: not a line of the form"),
    ("one # 0 # 0 # a # x # \"\"", "line 1: not a line of the form"),
    (TEXT + TEXT, "line 5: an object is listed twice"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), BAD_LINES)
def test_a_damaged_text_is_named_by_line(tmp_path, text, told):
    old(tmp_path, text=text)
    old(tmp_path, "training/street/2")
    with pytest.raises(FormatError, match=told) as caught:
        read_dataset(tmp_path)
    assert "1_atr.txt" in caught.value.message
    data = read_dataset(tmp_path, skip_bad=True)
    assert [s.key for s in data.samples] == ["street/2"]
    assert data.warnings[0].startswith("1 image was left out, first: ")


def test_an_object_without_a_line_is_refused_or_left_out(tmp_path):
    data = read_dataset(old(tmp_path, text=TEXT.replace("003 # 0", "004 # 0")))
    with pytest.raises(FormatError, match=r"1_atr\.txt: object 3 of 1_seg\.png has no line"):
        one(data)
    labels = one(read_dataset(tmp_path, skip_bad=True))
    assert labels.rows.instance.tolist() == [3, 1, 2]
    assert labels.extra["notes"] == ("left out: object 3 of 1_seg.png has no line",)


def test_other_numbers_of_objects_in_map_and_text_are_told(tmp_path):
    more = TEXT + f'004 # 0 # 1 # {CAR} # car # ""\n'
    assert one(read_dataset(old(tmp_path, text=more))).extra["notes"] == ("1_seg.png has 3 objects, 1_atr.txt 4",)  # fmt: skip


BAD_JSON = [
    ("[", "not valid JSON"),
    ("[" * 100_000, "not valid JSON"),
    ("{}", 'no list "object"'),
    ('{"annotation": {"object": [3]}}', r"object\[0\]: an object without a whole id"),
    (json.dumps({"annotation": {"object": [entry(0, CAR), entry(0, CAR)]}}), "an id is listed twice"),
    (json.dumps({"annotation": {"object": [{**entry(0, CAR), "name": 3}]}}), "without a name"),
    (json.dumps({"annotation": {"object": [{**entry(0, CAR), "parts": 3}]}}), "part_level"),
]  # fmt: skip


def test_the_scene_of_2020_is_a_tag_of_the_image(tmp_path):
    root = new(tmp_path)
    path = next(tmp_path.rglob("*.json"))
    data = json.loads(path.read_text())
    data["annotation"]["scene"] = ["outdoor", "street"]
    path.write_text(json.dumps(data))
    assert read_dataset(root).samples[0].tags == {"scene": "outdoor, street"}
    data["annotation"]["scene"] = []
    path.write_text(json.dumps(data))
    assert read_dataset(root).samples[0].tags == {}


@pytest.mark.parametrize(("text", "told"), BAD_JSON)
def test_a_damaged_json_file_is_one_error_and_can_be_left_out(tmp_path, text, told):
    new(tmp_path, text=text)
    new(tmp_path, place="validation/2", objects=[], masks={})
    with pytest.raises(FormatError, match=told) as caught:
        read_dataset(tmp_path)
    assert "1.json" in caught.value.message
    assert [s.key for s in read_dataset(tmp_path, skip_bad=True).samples] == ["2"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"instance_mask": "../../../secret.png"}, "leads out"),
        ({"instance_mask": "/etc/hostname"}, "leads out"),
        ({"instance_mask": "1/none.png"}, "no such image file"),
        ({"instance_mask": 3}, "an object without a mask"),
    ],
)
def test_a_bad_mask_is_refused_or_left_out(tmp_path, change, told):
    new(tmp_path, objects=[entry(0, CAR), {**entry(1, CAR), **change}])
    with pytest.raises(DataError, match=told):
        one(read_dataset(tmp_path))
    labels = one(read_dataset(tmp_path, skip_bad=True))
    assert labels.rows.instance.tolist() == [1]
    assert labels.extra["notes"][0].startswith("left out: ")
    assert "4 px are visible" in labels.extra["notes"][1]


def test_sizes_damage_colours_and_missing_levels_are_named(tmp_path):
    new(tmp_path / "1", masks={0: np.zeros((2, 4), np.uint8)}, objects=[entry(0, CAR)])
    with pytest.raises(FormatError, match="the mask is 4 × 2 px"):
        one(read_dataset(tmp_path / "1"))
    old(tmp_path / "2")
    file = tmp_path / "2/training/street/1_seg.png"
    body = png_bytes(coded(BLUE, CODES))
    file.write_bytes(body[: len(body) // 2])
    with pytest.raises(DataError, match=r"1_seg\.png: .*damaged"):
        one(read_dataset(tmp_path / "2"))
    write_png(file, BLUE)
    with pytest.raises(FormatError, match="not a colour map"):
        one(read_dataset(tmp_path / "2"))
    old(tmp_path / "3", parts=())
    write_png(tmp_path / "3/training/street/1_parts_2.png", coded(PART, {}))
    with pytest.raises(FormatError, match=r"levels of parts are missing \(saw \[2\]\)"):
        read_dataset(tmp_path / "3")


def test_a_folder_of_many_data_sets_is_none_of_them(tmp_path):
    old(tmp_path / "ade/ADE20K_2016/images")
    assert detect_format(tmp_path / "ade").name == "ade20k"
    assert detect_format(tmp_path / "ade/ADE20K_2016/images/training").name == "ade20k"
    assert detect_format(tmp_path / "ade/ADE20K_2016/images/training/street").name == "ade20k"
    (tmp_path / "other").mkdir()
    assert load_format("ade20k").detect(tmp_path) == 0


def test_texts_in_latin_1_are_read(tmp_path):
    text = TEXT.replace(PERSON, "café").encode("latin-1")
    assert "café" in [c.name for c in read_dataset(old(tmp_path, text=text), "ade20k").taxonomy]


def test_an_image_without_objects_is_one(tmp_path):
    old(tmp_path, text="", blue=np.zeros((3, 4), np.uint8), parts=())
    labels = one(read_dataset(tmp_path))
    assert len(labels.rows) == 0
    assert not labels.coverage.area.areas[0]


@pytest.mark.shared
def test_the_sets_of_datumaro_have_their_numbers(shared):
    root = shared / "conformance/datumaro"
    first = read_dataset(root / "ade20k2017_dataset/dataset")
    assert detect_format(root / "ade20k2017_dataset/dataset").name == "ade20k"
    assert first.splits == {"train": ("street/1",), "val": ("2",)}
    assert [len(labels.rows) for _, labels in first] == [4, 3]
    second = read_dataset(root / "ade20k2020_dataset/dataset")
    assert first.splits == second.splits
    assert {labels.size for _, labels in second} == {(5, 5)}
    found = {s.key: labels for s, labels in second}
    assert found["street/1"].rows.parent.tolist() == [1, -1, -1]
    assert found["2"].rows.parent.tolist() == [3, 1, -1, -1]
    assert found["street/1"].rows.attributes[2] == {"occluded": False, "walkin": True}
    assert not any(labels.extra for labels in found.values())
