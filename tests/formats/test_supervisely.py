from __future__ import annotations

import base64
import io
import json
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError, WriteError
from maskloom.formats.detect import detect_format, read_dataset
from maskloom.formats.shared.png_crops import unpacked

from .conftest import NUCLEUS, dataset_of, folder_bytes, objects, write_photo
from .tool_cases import SIZE, exact, hard_dataset, hard_masks, put, stable

PNG = b"\x89PNG\r\n\x1a\n"
CLASSES = [
    {"title": "car", "shape": "any", "color": "#FF0080", "geometry_config": {}, "id": 7, "hotkey": "c"},
    {"title": "sky", "shape": "bitmap", "color": "#00FF00", "geometry_config": {}, "id": 9, "hotkey": ""},
]  # fmt: skip
TAGS = [{"name": "new", "value_type": "none", "color": "#112233", "id": 4}]


def sdk_bitmap(data):
    """`Bitmap.base64_2_data` of the SDK, transcribed."""
    image = cv2.imdecode(np.frombuffer(zlib.decompress(base64.b64decode(data)), np.uint8), -1)
    if image.ndim == 3 and image.shape[2] >= 4:
        return image[:, :, 3].astype(bool)
    assert image.ndim == 2
    return image.astype(bool)


def sdk_mask(entry, size=SIZE):
    """What the SDK's reader draws of an object, transcribed."""
    out = np.zeros(size, np.uint8)
    if entry["geometryType"] == "bitmap":
        x, y = entry["bitmap"]["origin"]
        mask = sdk_bitmap(entry["bitmap"]["data"])
        out[y : y + mask.shape[0], x : x + mask.shape[1]][mask] = 1
    else:
        points = entry["points"]
        cv2.fillPoly(out, pts=[np.rint(points["exterior"]).astype(np.int32)], color=1)
        holes = [np.rint(ring).astype(np.int32) for ring in points["interior"]]
        cv2.fillPoly(out, pts=holes, color=0)
    return out > 0


def packed(pixels):
    """A bitmap as the SDK writes it."""
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", transparency=0, optimize=0)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def bitmap(number, pixels, origin=(3, 4), **more):
    data = packed(pixels) if isinstance(pixels, np.ndarray) else pixels
    return {
        "id": number, "classTitle": "car", "geometryType": "bitmap", "tags": [],
        "bitmap": {"data": data, "origin": list(origin)}, **more,
    }  # fmt: skip


def drawn(number, kind, exterior, interior=(), **more):
    points = {"exterior": exterior, "interior": list(interior)}
    return {
        "id": number,
        "classTitle": "car",
        "geometryType": kind,
        "tags": [],
        "points": points,
        **more,
    }


def put_project(root, *entries, name="a.png", folder="ds0", size=SIZE, meta=None, **more):
    write_photo(root / folder / "img" / name, size)
    (root / folder / "ann").mkdir(parents=True, exist_ok=True)
    data = {
        "description": "", "tags": [], "size": {"height": size[0], "width": size[1]},
        "objects": list(entries), **more,
    }  # fmt: skip
    (root / folder / "ann" / f"{name}.json").write_text(json.dumps(data))
    known = {"classes": CLASSES, "tags": TAGS, "projectType": "images"}
    (root / "meta.json").write_text(json.dumps(known if meta is None else meta))
    return root


def first(dataset):
    return dataset.labels_of(dataset.samples[0])


DISC = np.hypot(*np.mgrid[-5:6, -5:6]) < 5.2


def test_bitmaps_are_what_the_sdk_makes_of_them(tmp_path):
    entry = bitmap(501, DISC, (20, 8))
    data = read_dataset(put_project(tmp_path, entry))
    assert detect_format(tmp_path).name == "supervisely"
    rows = first(data).rows
    np.testing.assert_array_equal(rows.masks.dense(0), sdk_mask(entry))
    assert rows.masks.boxes.tolist() == [[20, 8, 31, 19]]
    assert rows.instance.tolist() == [501]
    assert [(c.name, c.color, c.id_in("supervisely")) for c in data.taxonomy] == [
        ("car", (255, 0, 128), 7), ("sky", (0, 255, 0), 9),
    ]  # fmt: skip
    assert data.samples[0].key == "ds0/a"
    assert data.samples[0].image.path == tmp_path / "ds0/img/a.png"


def test_bitmaps_without_packing_or_transparency_are_read(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(DISC).save(buffer, "PNG")
    plain = base64.b64encode(buffer.getvalue()).decode()
    grey = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    rows = first(read_dataset(put_project(tmp_path, bitmap(1, plain), bitmap(2, grey)))).rows
    assert rows.masks[0] == rows.masks[1]
    assert rows.masks.areas.tolist() == [int(DISC.sum())] * 2


@pytest.mark.parametrize(
    ("exterior", "interior"),
    [
        ([[5, 5], [40, 5], [40, 30], [5, 30]], []),
        ([[5, 5], [40, 5], [40, 30], [5, 30]], [[[10, 10], [20, 10], [20, 20], [10, 20]]]),
        ([[5, 5], [40, 5], [40, 30], [5, 30]], [[[8, 8], [20, 9], [15, 20]], [[12, 10], [30, 12], [22, 25]]]),
        ([[-9, 3], [70, 20], [30, 60]], [[[20, 20], [28, 22], [24, 30]]]),
        ([[5.5, 5.49], [40.5, 6.51], [22.4, 33.7]], []),
        ([[5, 5], [30, 9]], []),
        ([[7, 7]], []),
    ],
)  # fmt: skip
def test_polygons_are_drawn_as_the_sdk_draws_them(tmp_path, exterior, interior):
    """The outline of a hole is a hole; holes that overlap are filled by parity, in one call."""
    entry = drawn(1, "polygon", exterior, interior)
    rows = first(read_dataset(put_project(tmp_path, entry))).rows
    np.testing.assert_array_equal(rows.masks.dense(0), sdk_mask(entry))
    parts = rows.geometry[0].parts
    assert [part.tolist() for part in parts] == [exterior, *interior]


def test_any_polygon_with_holes_is_drawn_as_the_sdk_draws_it(tmp_path):
    rng = np.random.default_rng(5)

    def ring():
        return rng.integers(-4, 60, (int(rng.integers(3, 8)), 2)).tolist()

    entries = [
        drawn(i + 1, "polygon", ring(), [ring() for _ in range(int(rng.integers(0, 3)))])
        for i in range(60)
    ]
    rows = first(read_dataset(put_project(tmp_path, *entries))).rows
    for i, entry in enumerate(entries):
        np.testing.assert_array_equal(rows.masks.dense(i), sdk_mask(entry))


def test_rectangles_are_boxes_or_areas_with_both_corners_inside(tmp_path):
    put_project(tmp_path, drawn(1, "rectangle", [[9, 8], [4, 3]]))
    rows = first(read_dataset(tmp_path)).rows
    assert rows.kind.tolist() == [RowKind.BOX]
    assert rows.source[0]["bbox"] == [4, 3, 6, 6]
    rows = first(read_dataset(tmp_path, settings=["rectangles=mask"])).rows
    assert (rows.masks.boxes.tolist(), rows.masks.areas.tolist()) == ([[4, 3, 10, 9]], [36])


def test_what_a_project_says_comes_back_in_the_written_one(tmp_path):
    tag = {"id": 31, "tagId": 4, "name": "new", "value": None, "labelerLogin": "ann"}
    entries = [
        bitmap(77, DISC, labelerLogin="ann", description="old", tags=[tag]),
        drawn(12, "polygon", [[5, 5], [40, 5], [30, 30]], [[[10, 8], [20, 8], [20, 15]]], classId=99),
        drawn(13, "rectangle", [[4, 3], [9, 8]]),
        drawn(14, "point", [[3, 9]]),
        drawn(15, "line", [[3, 9], [4, 12], [30, 12]]),
        bitmap(16, DISC, instance="5", score=0.5, attributes={"occluded": False}),
        bitmap(17, DISC, (30, 20), instance="5", tags=[{"name": "kind", "value": "x"}, {"name": "kind", "value": 2}]),
    ]  # fmt: skip
    image_tags = [{"name": "night", "value": "late", "id": 3}]
    src = put_project(
        tmp_path / "src", *entries, tags=image_tags, name="a.b.png", folder="ds1", extra=1
    )
    data = read_dataset(src)
    rows = first(data).rows
    assert rows.instance.tolist() == [77, 12, 13, 14, 15, 5, 5]
    assert rows.attributes[0] == {"new": True}
    assert (rows.attributes[5], rows.attributes[6]) == ({"occluded": False}, {"kind": ["x", 2]})
    stable(src, tmp_path, "supervisely")
    said = json.loads((tmp_path / "one/ds1/ann/a.b.png.json").read_text())
    assert (said["tags"], said["extra"], said["size"]) == (
        image_tags,
        1,
        {"height": 40, "width": 56},
    )
    for i, entry in enumerate(entries[:5]):
        assert {k: said["objects"][i][k] for k in entry if k != "bitmap"} == {
            k: v for k, v in entry.items() if k != "bitmap"
        }
    assert said["objects"][5]["attributes"] == {"occluded": False}
    assert said["objects"][6]["tags"] == entries[6]["tags"]
    meta = json.loads((tmp_path / "one/meta.json").read_text())
    assert meta["classes"] == CLASSES
    assert meta["tags"][0] == TAGS[0]
    assert {t["name"]: t["value_type"] for t in meta["tags"]} == {
        "new": "none", "night": "any_string", "kind": "any_string",
    }  # fmt: skip


def test_ids_of_annotations_survive_the_way_through_a_project(tmp_path):
    masks = Masks.from_dense(hard_masks()[:3])
    source = ({"id": 900}, {"id": 12}, None)
    # A new object whose number the file gives another one has none of its own there.
    for instance, wanted in (([1, 2, 3], [900, 12, 3]), ([1, 2, 12], [900, 12, None])):
        rows = Rows.make(masks, [0] * 3, instance=instance, source=source)
        target = tmp_path / str(instance[2])
        exact(dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}), target, "supervisely")
        back = first(read_dataset(target)).rows
        assert [one.get("id") for one in back.source] == wanted
        read = dict(zip(wanted, back.instance.tolist(), strict=True))
        assert all(own == name for name, own in read.items() if name is not None)
        assert len(set(read.values())) == 3
    rows = Rows.make(masks, [0] * 3, instance=[4, 4, 5], source=source)
    exact(dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}), tmp_path / "parts", "supervisely")
    back = first(read_dataset(tmp_path / "parts")).rows
    assert back.instance.tolist() == [4, 4, 5]
    assert [one.get("id") for one in back.source] == [900, 12, 5]


def test_ids_that_are_0_negative_or_texts_come_back_and_shared_ones_are_told(tmp_path):
    masks = Masks.from_dense(hard_masks()[:4])
    for n, told in enumerate(([0, 1, 2, 3], [-3, 0, 7, 5], ["a7", 1, "b", 0])):
        source = tuple({"id": one} for one in told)
        rows = Rows.make(masks, [0] * 4, instance=[1, 2, 3, 4], source=source)
        target = tmp_path / str(n)
        exact(dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}), target, "supervisely")
        said = json.loads(next(target.rglob("ann/*.json")).read_text())
        assert [one["id"] for one in said["objects"]] == told
    source = ({"id": 5}, {"id": 5}, {"id": 0}, {"id": [1]})
    rows = Rows.make(masks, [0] * 4, instance=[1, 2, 3, 4], source=source)
    dataset = dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)})
    done = put(dataset, tmp_path / "shared", "supervisely")
    assert [(loss.kind, loss.objects, loss.named) for loss in done.losses] == [
        ("fields", 1, "of objects: id")
    ]


def test_tags_keep_who_made_them_where_an_attribute_changes(tmp_path):
    def made(number, name, value):
        who = {"labelerLogin": "ann", "createdAt": "2020"}
        return {"id": number, "tagId": number + 1, "name": name, "value": value, **who}

    tags = [made(70, "t", 1), made(72, "u", "x"), made(74, "m", "a"), made(76, "m", "b")]
    tags += [made(78, "gone", 3), made(80, "none", None)]
    source = ({"supervisely": {"tags": tags}},)
    masks = Masks.from_dense(hard_masks()[:1])
    edited = {"t": True, "u": "x", "m": ["a", "c", "d"], "none": True, "new": 2.5}
    rows = Rows.make(masks, [0], instance=[1], source=source, attributes=(edited,))
    exact(dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}), tmp_path / "a", "supervisely")
    said = json.loads(next((tmp_path / "a").rglob("ann/*.json")).read_text())["objects"][0]
    assert said["tags"] == [
        made(70, "t", None), made(72, "u", "x"), made(74, "m", "a"), made(76, "m", "c"),
        made(80, "none", None), {"name": "m", "value": "d"}, {"name": "new", "value": 2.5},
    ]  # fmt: skip
    rows = Rows.make(masks, [0], instance=[1], source=source, attributes=({"t": {"no": 1}},))
    done = put(dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}), tmp_path / "b", "supervisely")
    assert [(loss.kind, loss.named) for loss in done.losses] == [("fields", "of objects: tags")]
    said = json.loads(next((tmp_path / "b").rglob("ann/*.json")).read_text())["objects"][0]
    assert (said["tags"], said["attributes"]) == ([], {"t": {"no": 1}})


def test_a_class_of_bitmaps_that_gets_polygons_takes_any_shape(tmp_path):
    src = put_project(
        tmp_path / "src", {**drawn(1, "polygon", [[1, 1], [9, 1], [9, 9]]), "classTitle": "sky"}
    )
    exact(read_dataset(src), tmp_path / "a", "supervisely")
    meta = json.loads((tmp_path / "a/meta.json").read_text())
    assert [one["shape"] for one in meta["classes"]] == ["any", "any"]


def test_hard_labels_are_exact_for_the_sdk_and_their_bytes_stable(tmp_path):
    exact(hard_dataset(tmp_path / "photos"), tmp_path / "src", "supervisely")
    written = stable(tmp_path / "src", tmp_path, "supervisely")
    assert written == folder_bytes(tmp_path / "src")
    data = read_dataset(tmp_path / "src")
    assert [s.key for s in data.samples] == ["hard", "many", "none"]
    assert data.splits == {"train": ("hard", "many"), "val": ("none",)}
    entries = json.loads((tmp_path / "src/ds0/ann/hard.png.json").read_text())["objects"]
    for entry, mask in zip(entries, hard_masks(), strict=True):
        np.testing.assert_array_equal(sdk_mask(entry), mask)
    assert (tmp_path / "src/ds0/img/hard.png").read_bytes() == (
        tmp_path / "photos/hard.png"
    ).read_bytes()


def test_folders_of_keys_are_data_sets_and_those_of_splits_are_splits(tmp_path):
    labels = {key: objects(hard_masks()[:1]) for key in ("train/a", "val/deep/b", "val/c")}
    exact(dataset_of(NUCLEUS, labels, tmp_path / "photos"), tmp_path / "src", "supervisely")
    assert (tmp_path / "src/val/datasets/deep/ann/b.png.json").is_file()
    data = read_dataset(tmp_path / "src")
    assert [s.key for s in data.samples] == ["train/a", "val/c", "val/deep/b"]
    assert data.splits == {}
    (tmp_path / "src/taxonomy.json").unlink()
    data = read_dataset(tmp_path / "src")
    assert data.splits == {"train": ("train/a",), "val": ("val/c", "val/deep/b")}
    assert [s.key for s in read_dataset(tmp_path / "src/train").samples] == ["train/a"]
    stable(tmp_path / "src", tmp_path, "supervisely")


def test_images_that_differ_only_in_their_suffix_stay_two(tmp_path):
    put_project(tmp_path / "src", bitmap(1, DISC))
    put_project(tmp_path / "src", bitmap(2, DISC, (9, 9)), name="a.jpg")
    data = read_dataset(tmp_path / "src")
    assert [s.key for s in data.samples] == ["ds0/a.jpg", "ds0/a.png"]
    stable(tmp_path / "src", tmp_path, "supervisely")


def test_images_in_no_folder_and_in_the_folder_for_those_are_refused(tmp_path):
    labels = {key: objects(hard_masks()[:1]) for key in ("a", "ds0/a")}
    with pytest.raises(WriteError, match="both in no folder and in ds0"):
        put(dataset_of(NUCLEUS, labels), tmp_path / "a", "supervisely")


def test_what_supervisely_cannot_hold_is_declared(tmp_path):
    masks = Masks.from_dense([hard_masks()[0], np.zeros(SIZE, bool), hard_masks()[0]])
    rows = Rows.make(
        masks, [0, 0, 0], crowd=[True, False, False], z_order=[0, 4, 4], track=[3, -1, -1]
    )
    done = put(dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}), tmp_path / "a", "supervisely")
    assert {loss.kind for loss in done.losses} == {"crowd", "empty", "z_order", "tracks"}
    assert not (tmp_path / "a").exists()
    done = put(
        dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}),
        tmp_path / "a",
        "supervisely",
        allow_loss=True,
    )
    assert (done.written, done.objects, done.exact_objects) == (True, 3, 2)


def test_void_categories_stay_void(tmp_path):
    taxonomy = Taxonomy((Category("cell", "cell"), Category("none", "none", void=True)))
    labels = {"a": objects(hard_masks()[:2], [0, 1])}
    exact(dataset_of(taxonomy, labels), tmp_path / "a", "supervisely")
    assert [c.void for c in read_dataset(tmp_path / "a").taxonomy] == [False, True]


NAN = float("nan")
BAD = {
    "not an object": (5, "an object is a JSON object"),
    "no class": (bitmap(2, DISC, classTitle=None), "without a classTitle"),
    "unknown class": (bitmap(2, DISC, classTitle="dog"), "does not declare"),
    "no geometry": (drawn(2, 5, [[1, 1]]), "geometryType that is not read"),
    "no bitmap": (bitmap(2, DISC, bitmap=None), "data and an origin"),
    "origin": (bitmap(2, DISC, (1.5, 2)), "two whole numbers"),
    "not base64": (bitmap(2, "%%%"), "not a base64 text"),
    "not packed": (bitmap(2, base64.b64encode(b"hello").decode()), "packed mask is damaged"),
    "cut off": (bitmap(2, base64.b64encode(zlib.compress(PNG + bytes(999))[:-6]).decode()), "cut off"),
    "not a PNG": (bitmap(2, base64.b64encode(zlib.compress(b"hello")).decode()), "PNG of a mask is damaged"),
    "leaves the image": (bitmap(2, DISC, (50, 3)), "leaves the image"),
    "negative origin": (bitmap(2, DISC, (-1, 3)), "leaves the image"),
    "NaN": (drawn(2, "polygon", [[1, 1], [NAN, 2], [3, 3]]), "not finite"),
    "far away": (drawn(2, "polygon", [[1, 1], [1e9, 2], [3, 3]]), r"beyond 2\*\*24"),
    "no points": (drawn(2, "polygon", None), "pairs of numbers"),
    "tags": (bitmap(2, DISC, tags=[{"value": 1}]), "tag without a name"),
    "score": (bitmap(2, DISC, score="2"), "score is a finite number"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_object_is_refused_with_its_place_or_left_out(tmp_path, name):
    bad, said = BAD[name]
    put_project(tmp_path, bitmap(1, DISC), bad)
    with pytest.raises(FormatError, match=rf"a\.png\.json: object 1.*{said}"):
        first(read_dataset(tmp_path))
    data = read_dataset(tmp_path, skip_bad=True)
    assert len(first(data).rows) == 1
    assert "1 invalid annotation was left out, first: " in data.warnings[0]


def test_two_objects_of_one_id_are_refused(tmp_path):
    put_project(tmp_path, bitmap(4, DISC), bitmap(4, DISC))
    with pytest.raises(FormatError, match=r"share an id \(saw 4\)"):
        read_dataset(tmp_path)
    put_project(tmp_path, bitmap(4, DISC), bitmap("4", DISC))
    with pytest.raises(FormatError, match=r"share an id \(saw '4'\)"):
        read_dataset(tmp_path)


def test_damaged_files_and_projects_of_other_kinds_are_refused(tmp_path):
    put_project(tmp_path, bitmap(4, DISC))
    file = tmp_path / "ds0/ann/a.png.json"
    whole = file.read_text()
    for text, said in (
        (whole[:-30], "not valid JSON"),
        ("{}", 'no list "objects"'),
        (whole.replace("40", "-40"), "a height and a width"),
        (whole.replace('"height": 40', '"height": 20'), "its image 56 × 40 px"),
        (whole.replace('"tags": []', '"tags": 1.5', 1), "tags are a list"),
    ):
        file.write_text(text)
        with pytest.raises(FormatError, match=rf"a\.png\.json: .*{said}"):
            first(read_dataset(tmp_path))
    file.write_text(whole)
    for meta, said in (
        ({"classes": CLASSES, "tags": [], "projectType": "videos"}, "not a project of images"),
        ({"classes": [{"name": "x"}], "tags": []}, "objects with a title"),
        ({"classes": [CLASSES[0]] * 2, "tags": []}, "share a title"),
    ):
        put_project(tmp_path, meta=meta)
        with pytest.raises(FormatError, match=rf"meta\.json: .*{said}"):
            read_dataset(tmp_path)


def test_a_zlib_bomb_is_stopped_before_it_fills_the_memory(tmp_path, monkeypatch):
    from maskloom.formats.shared import png_crops

    monkeypatch.setattr(png_crops, "_MAX_BYTES", 1 << 16)
    bomb = zlib.compress(PNG + bytes(1 << 20))
    with pytest.raises(FormatError, match="unpacks to more than 65536 bytes"):
        unpacked(bomb, "here")
    put_project(tmp_path, bitmap(1, base64.b64encode(bomb).decode()))
    with pytest.raises(FormatError, match="a mask that unpacks to more"):
        first(read_dataset(tmp_path))


def test_a_png_bomb_is_stopped_by_its_header(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(DISC).save(buffer, "PNG")
    png = bytearray(buffer.getvalue())
    png[16:24] = (17000).to_bytes(4, "big") * 2
    png[29:33] = zlib.crc32(bytes(png[12:29])).to_bytes(4, "big")
    put_project(tmp_path, bitmap(1, base64.b64encode(zlib.compress(bytes(png))).decode()))
    with pytest.raises(FormatError, match="a mask that claims more pixels"):
        first(read_dataset(tmp_path))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "key", "count", "area"),
    [
        ("snacks_catalog", "ds1/Bon-Drops-Feta-Oregano-Bread-Crisps-with-Mint", 1, 273839),
        ("grocery_shelves", "ds0/IMG_1866_chips_frame_00065", 34, 0),
    ],
)
def test_real_projects_are_read_and_written_with_the_same_bytes(
    shared, tmp_path, name, key, count, area
):
    assert detect_format(shared / name).name == "supervisely"
    data = read_dataset(shared / name)
    assert (data.warnings, [s.key for s in data.samples]) == ((), [key])
    rows = first(data).rows
    assert (len(rows), int(rows.masks.areas.sum())) == (count, area)
    stable(shared / name, tmp_path, "supervisely")
    folder = key.partition("/")[0]
    given, made = (
        next((root / folder / "ann").glob("*.json")) for root in (shared / name, tmp_path / "one")
    )
    given, made = (json.loads(file.read_text()) for file in (given, made))
    assert {k: v for k, v in given.items() if k != "objects"} == {
        k: v for k, v in made.items() if k != "objects"
    }
    for one, two in zip(given["objects"], made["objects"], strict=True):
        if "bitmap" in one:
            np.testing.assert_array_equal(sdk_mask(two, (740, 740)), sdk_mask(one, (740, 740)))
            one["bitmap"] = two["bitmap"]
        assert one == two
