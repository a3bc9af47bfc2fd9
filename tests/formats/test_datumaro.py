from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from pycocotools import mask as coco

from maskloom.core.labels import RowKind
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.detect import detect_format, read_dataset

from . import tool_cases
from . import tool_torture as torture
from .conftest import NUCLEUS, dataset_of, objects, write_photo

write = partial(tool_cases.put, to="datumaro")
twice = partial(tool_cases.twice, to="datumaro")


# pycocotools copies by an older rule of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIZE = (20, 30)
LABELS = {
    "label_groups": [{"name": "g", "group_type": "exclusive", "labels": ["cat", "dog"]}],
    "labels": [
        {"name": "cat", "parent": "animal", "attributes": ["fur"]},
        {"name": "dog", "parent": "animal", "attributes": []},
        {"name": "animal", "parent": "", "attributes": []},
    ],
    "attributes": ["occluded"],
}
COLORS = {"colormap": [{"label_id": 1, "r": 10, "g": 20, "b": 30}]}
POINTS = {"items": [{"label_id": 0, "labels": ["nose"], "joints": [[0, 1]]}]}
CATEGORIES = {"label": LABELS, "mask": COLORS, "points": POINTS}


def annotation(kind, label=0, **more):
    return {"id": 0, "type": kind, "attributes": {}, "group": 0, "label_id": label, **more}


def polygon(**more):
    return annotation("polygon", points=[3, 2, 15.5, 3, 9.25, 16], z_order=0, **more)


def item(*annotations, name="a", size=SIZE, **more):
    image = {"path": f"{name}.jpg", **({"size": list(size)} if size else {})}
    return {"id": name, "annotations": list(annotations), "image": image, **more}


def put(root, *items, split="train", categories=CATEGORIES, **head):
    path = root / "annotations" / f"{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"infos": {}, **head, "categories": categories, "items": list(items)}
    path.write_text(json.dumps(data))
    return root


def rows_of(root, **options):
    data = read_dataset(root, "datumaro", **options)
    return data.labels_of(data.samples[0]).rows


def parsed(folder, split="train"):
    return json.loads((folder / f"annotations/{split}.json").read_text())


def test_polygons_and_masks_are_those_of_pycocotools(tmp_path):
    pixels = np.zeros(SIZE, np.uint8)
    pixels[2:9, 4:5] = 1
    rle = coco.encode(np.asfortranarray(pixels))
    counts = {"counts": rle["counts"].decode(), "size": list(SIZE)}
    rows = rows_of(put(tmp_path, item(polygon(), annotation("mask", rle=counts))))
    ring = coco.merge(coco.frPyObjects([[3, 2, 15.5, 3, 9.25, 16]], *SIZE))
    np.testing.assert_array_equal(rows.masks.dense(0), coco.decode(ring))
    np.testing.assert_array_equal(rows.masks.dense(1), pixels)


def test_a_file_comes_back_as_the_same_json(tmp_path):
    rle = Masks.from_dense(np.eye(*SIZE, dtype=bool)).to_coco(0)
    listed = [
        polygon(id=4, attributes={"occluded": False, "n": 1.5}, object_id=7),
        annotation("mask", 1, id=9, rle=rle, z_order=-2, group=3),
        annotation("bbox", 2, bbox=[1.1, 2.2, 3.3, 4.4], z_order=1),
        annotation("polyline", points=[1, 2, 3, 4.5], z_order=0),
        annotation("points", points=[1, 2, 3, 4], visibility=[2, 1], z_order=0),
        annotation("ellipse", points=[1, 2, 3.5, 4], z_order=0),
        annotation("polygon", None, points=[3, 2, 15, 3, 9, 16], z_order=0),
        annotation("label", 1),
        {"id": 0, "type": "caption", "attributes": {}, "group": 0, "caption": "a cat"},
    ]
    version = {"dm_format_version": "1.0", "media_type": 2, "infos": {"author": "x"}}
    first = item(*listed, attr={"frame": 3}, odd=[1])
    data = read_dataset(put(tmp_path, first, **version))
    assert data.labels_of(data.samples[0]).rows.kind.tolist() == [
        RowKind.MASK, RowKind.MASK, RowKind.BOX, RowKind.LINE, RowKind.POINT, RowKind.BOX,
        RowKind.MASK,
    ]  # fmt: skip
    assert [c.name for c in data.taxonomy] == ["cat", "dog", "animal", "unlabelled"]
    assert (data.taxonomy[0].parent, data.taxonomy[1].color) == ("animal", (10, 20, 30))
    assert data.samples[0].tags == {"dog": "true", "caption": "a cat"}
    assert write(data, tmp_path / "a").losses == ()
    back = parsed(tmp_path / "a")
    assert back == {**version, "categories": CATEGORIES, "items": [first]}
    twice(data, tmp_path / "again")


def test_datumaro_168_holes_and_parts_and_lines_and_pixels_come_back(tmp_path):
    data = torture.dataset(
        score=np.linspace(0, 1, 12),
        crowd=np.arange(12) == 3,
        track=np.arange(12) - 1,
        z_order=np.arange(12),
        attributes=[{"a": [1, {"b": None}]}] * 12,
    )
    back = twice(data, tmp_path)
    assert [c.name for c in back.taxonomy] == [c.name for c in torture.KINDS]
    assert back.splits == data.splits
    for sample, labels in back:
        own = next(s for s in data.samples if s.key == sample.key)
        assert labels.rows.masks == data.labels_of(own).rows.masks
    ours, rows = (d.labels_of(next(s for s in d.samples if s.key == "a/torture")).rows
                  for d in (data, back))  # fmt: skip
    for column in ("score", "crowd", "track", "z_order", "instance"):
        np.testing.assert_array_equal(getattr(rows, column), getattr(ours, column))
    assert rows.attributes == ours.attributes


def test_datumaro_317_more_objects_than_a_byte_counts(tmp_path):
    back = twice(dataset_of(NUCLEUS, {"a": torture.many(700)}), tmp_path)
    rows = back.labels_of(back.samples[0]).rows
    assert rows.instance.tolist() == list(range(1, 701))


def test_datumaro_masks_are_no_crowds_unless_the_file_says_so(tmp_path):
    rle = Masks.from_dense(torture.shapes()["hole"]).to_coco(0)
    listed = [
        annotation("mask", rle=rle),
        annotation("mask", rle=rle, attributes={"is_crowd": True}),
    ]
    data = read_dataset(put(tmp_path, item(*listed, size=torture.SIZE)))
    assert write(data, tmp_path / "c", to="coco").written
    entries = json.loads((tmp_path / "c/annotations/instances_train.json").read_text())
    assert [one["iscrowd"] for one in entries["annotations"]] == [0, 1]
    twice(data, tmp_path)


def test_datumaro_rings_and_lines_do_not_vanish_on_the_way_from_coco(tmp_path):
    masks = [torture.shapes()[name] for name in ("hole", "row of pixels", "pixel", "parts")]
    data = dataset_of(NUCLEUS, {"a": objects(masks)})
    assert write(data, tmp_path / "c", to="coco").written
    done = write(read_dataset(tmp_path / "c"), tmp_path / "d", allow_loss=True)
    assert (done.exact_objects, done.changed_pixels) == (4, 0)
    assert write(read_dataset(tmp_path / "d"), tmp_path / "e", to="coco").exact_objects == 4


def test_a_group_of_one_label_is_one_object(tmp_path):
    listed = [polygon(group=5, id=2), polygon(group=5, id=3), polygon(), polygon(group=5, label=1)]
    data = read_dataset(put(tmp_path, item(*listed)))
    assert data.labels_of(data.samples[0]).rows.instance.tolist() == [2, 2, 1, 4]
    twice(data, tmp_path)
    assert [one["group"] for one in parsed(tmp_path / "a")["items"][0]["annotations"]] == [
        5,
        5,
        0,
        5,
    ]
    parts = torture.dataset(instance=np.array([5, 1, 2, 5, *range(10, 18)]))
    back = twice(parts, tmp_path / "parts")
    rows = back.labels_of(next(s for s in back.samples if s.key == "a/torture")).rows
    assert rows.instance.tolist() == [5, 1, 2, 5, *range(10, 18)]


def test_files_of_splits_that_number_labels_otherwise_are_joined_by_name(tmp_path):
    turned = {"label": {"labels": [{"name": "dog", "parent": ""}, {"name": "cat", "parent": ""}]}}
    put(tmp_path, item(polygon()))
    put(tmp_path, item(polygon()), split="val", categories=turned)
    put(tmp_path, item(polygon(), name="c/d"), split="default")
    data = read_dataset(tmp_path)
    names = {s.key: data.taxonomy[labels.rows.category[0]].name for s, labels in data}
    assert names == {"c/d": "cat", "train/a": "cat", "val/a": "dog"}
    assert data.splits == {"train": ("train/a",), "val": ("val/a",)}
    twice(data, tmp_path)


@pytest.mark.parametrize("place", ["images/train/a.jpg", "images/a.jpg"])
def test_images_are_found_where_old_and_new_versions_put_them(tmp_path, place):
    write_photo(tmp_path / place, SIZE)
    data = read_dataset(put(tmp_path, item(polygon(), size=None)))
    assert data.samples[0].image.path == tmp_path / place
    assert data.labels_of(data.samples[0]).size == SIZE
    twice(data, tmp_path)
    assert (tmp_path / "a" / place).is_file()


def test_a_single_file_finds_its_images(tmp_path):
    write_photo(tmp_path / "images/train/a.jpg", SIZE)
    path = put(tmp_path, item(polygon())) / "annotations/train.json"
    assert detect_format(path).name == "datumaro"
    assert read_dataset(path).samples[0].image.path is not None


def test_what_datumaro_cannot_hold_is_told(tmp_path):
    data = dataset_of(NUCLEUS, {"a": objects([np.eye(8, dtype=bool)], parent=[3])})
    done = write(data, tmp_path / "a")
    assert [loss.kind for loss in done.refused] == ["tracks"]
    assert not (tmp_path / "a").exists()


def test_void_and_stuff_are_kept_beside_the_files(tmp_path):
    taxonomy = Taxonomy((Category("sky", "sky", "stuff"), Category("v", "nothing", void=True)))
    data = dataset_of(taxonomy, {"a": objects([np.eye(8, dtype=bool)] * 2, [0, 1])})
    back = twice(data, tmp_path)
    assert [(c.kind, c.void) for c in back.taxonomy] == [("stuff", False), ("thing", True)]


RLE = Masks.empty(1, SIZE).to_coco(0)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (annotation("polygon", points=[1, 2, 3, 4]), "points: fewer than 3 vertices"),
        (annotation("polygon", points=[1, 2, 3]), "pairs of numbers"),
        (annotation("polygon", points=[1, 2, 3, 4, 5, 1e300]), "2\\*\\*24"),
        (annotation("polygon"), "points: "),
        (annotation("bbox", bbox=[1, 2, 3]), "bbox is x, y, width, height"),
        (annotation("bbox", bbox=[1, 2, 3, "4"]), "bbox is x, y, width, height"),
        (annotation("mask", rle={**RLE, "size": [5, 5]}), "another size than the image"),
        (annotation("mask", rle={**RLE, "counts": "~~"}), "rle: not COCO runs"),
        (annotation("mask", rle={**RLE, "counts": [1, 2]}), "rle: not COCO runs"),
        (annotation("mask", rle={**RLE, "counts": ["x"]}), "rle: not COCO runs"),
        (annotation("mask"), "a mask without runs"),
        (polygon(label=9), "does not declare.*label_id 9"),
        (polygon(label="cat"), "does not declare"),
        (polygon() | {"z_order": "x"}, "z_order is a whole number"),
        (polygon() | {"group": 2**40}, "group is a whole number"),
        (polygon() | {"attributes": [1]}, "attributes are a JSON object"),
    ],
)
def test_a_bad_annotation_is_one_error_or_left_out(tmp_path, bad, said):
    put(tmp_path, item(polygon(), bad))
    with pytest.raises(FormatError, match=said) as caught:
        rows_of(tmp_path)
    assert "train.json: item 'a', annotation 1" in str(caught.value)
    data = read_dataset(tmp_path, skip_bad=True)
    assert len(data.labels_of(data.samples[0]).rows) == 1
    assert any("1 invalid annotation was left out" in w for w in data.warnings)


def label_of(name, parent=""):
    return {"name": name, "parent": parent, "attributes": []}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"categories": {}, "items": [', "not valid JSON"),
        ('{"categories": {}, "items": [NaN]}', "NaN is no JSON"),
        ('{"a":' * 100_000, "not valid JSON"),
        ('{"categories": [], "items": []}', 'no "categories"'),
        ('{"categories": {}, "items": [{"id": 3}]}', "an item has an id"),
        ('{"categories": {}, "items": [{"id": "a", "annotations": [1]}]}', "objects with a type"),
        ('{"categories": {"label": {"labels": [3]}}, "items": []}', "list of objects"),
        ('{"categories": {"label": {"labels": [{}]}}, "items": []}', "without a name"),
        (
            json.dumps({"categories": {"label": {"labels": [label_of("a"), label_of("a"),
                        label_of("/a")]}}, "items": []}),
            "two labels share a name",
        ),
        (
            json.dumps({"categories": {"label": {"labels": [label_of("a", "b"),
                        label_of("b", "a")]}}, "items": []}),
            "its own parent",
        ),
        (json.dumps({"categories": {}, "items": [item(size=(0, 3))]}), "is \\[height, width"),
        (json.dumps({"categories": {}, "items": [item(size=(2**40, 3))]}), "is \\[height, width"),
        (json.dumps({"categories": {}, "items": [item(), item()]}), "listed twice"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_error(tmp_path, text, said):
    path = tmp_path / "annotations/train.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(Exception, match=said) as caught:
        read_dataset(path, "datumaro")
    assert caught.type.__module__ == "maskloom.errors"


def test_names_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    write_photo(tmp_path / "secret.jpg", SIZE)
    entry = {**item(polygon(), name="x"), "id": "../../up", "image": {"path": "../../secret.jpg",
             "size": list(SIZE)}}  # fmt: skip
    data = read_dataset(put(tmp_path / "in", entry))
    assert data.samples[0].image.path is None
    assert ".." not in data.samples[0].key
    assert write(data, tmp_path / "out").written
    assert all(tmp_path / "out" in p.parents for p in (tmp_path / "out").rglob("*"))


@pytest.mark.shared
def test_the_set_of_datumaro_is_read_and_comes_back(shared, tmp_path):
    path = shared / "conformance/datumaro/datumaro_dataset/legacy"
    assert detect_format(path).name == "datumaro"
    data = read_dataset(path)
    assert {s.key: s.image.path is not None for s in data.samples} == dict.fromkeys("abcd", True)
    assert data.splits == {"train": ("a", "b"), "test": ("c",), "validation": ("d",)}
    assert [c.name for c in data.taxonomy] == ["car", "bicycle", "tom", "mary"]
    twice(data, tmp_path)
    for split in data.splits:
        ours, theirs = parsed(tmp_path / "a", split), parsed(path, split)
        assert ours["categories"] == theirs["categories"]
        kept = [{**i, "image": {"path": i["image"]["path"]}} for i in ours["items"]]
        assert kept == theirs["items"]


@pytest.mark.shared
def test_polygons_of_real_data_are_those_that_datumaro_itself_reads(shared, tmp_path):
    """Datumaro 1.13.12 keeps vertices in single precision, rounded to two decimals."""
    data = read_dataset(shared / "coco_mini")
    done = write(data, tmp_path / "a", allow_loss=True)
    assert (done.objects, done.exact_objects) == (149, 149)
    kinds = []
    items = {one["id"]: one["annotations"] for one in parsed(tmp_path / "a", "train2017")["items"]}
    for sample, labels in data:
        for said, mask in zip(items[sample.key], labels.rows.masks.decode(), strict=True):
            kinds.append(said["type"])
            if said["type"] == "polygon":
                seen = np.array(said["points"], np.float32).round(2).tolist()
                made = coco.decode(coco.merge(coco.frPyObjects([seen], *mask.shape)))
            else:
                made = coco.decode(said["rle"])
            np.testing.assert_array_equal(made, mask)
    assert (kinds.count("polygon"), kinds.count("mask")) == (91, 58)
