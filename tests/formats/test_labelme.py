from __future__ import annotations

import base64
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from maskloom.core.labels import BACKGROUND, VOID, Labels, RowKind
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import FormatError
from maskloom.formats.detect import detect_format, read_dataset

from .conftest import NUCLEUS, dataset_of, folder_bytes, objects, write_photo
from .tool_cases import SIZE, exact, hard_dataset, hard_masks, put, stable

SQUARE = [[4, 3], [9, 3], [9, 8], [4, 8]]


def exporters_mask(shape, size=SIZE):
    """What LabelMe's exporters make of a shape, by the rule of its documentation and pixels."""
    image = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(image)
    points = [tuple(p) for p in shape["points"]]
    if shape["shape_type"] == "circle":
        (cx, cy), (px, py) = points
        r = math.sqrt((cx - px) ** 2 + (cy - py) ** 2)
        draw.ellipse([cx - r, cy - r, cx + r, cy + r], outline=1, fill=1)
    elif shape["shape_type"] == "rectangle":
        draw.rectangle(points, outline=1, fill=1)
    elif shape["shape_type"] == "mask":
        (x0, y0), (x1, y1) = np.array(points).astype(int)
        out = np.zeros(size, bool)
        png = base64.b64decode(shape["mask"])
        out[y0 : y1 + 1, x0 : x1 + 1] = np.asarray(Image.open(io.BytesIO(png))).astype(bool)
        return out
    else:
        draw.polygon(points, outline=1, fill=1)
    return np.array(image)


def shape(label="cat", points=SQUARE, kind="polygon", **more):
    return {
        "label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more,
    }  # fmt: skip


def put_file(root, *shapes, key="a", size=SIZE, image=True, **more):
    if image:
        write_photo(root / f"{key}.png", size)
    data = {
        "version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": f"{key}.png".split("/")[-1],
        "imageData": None, "imageHeight": size[0], "imageWidth": size[1], **more,
    }  # fmt: skip
    path = root / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return root


def first(dataset):
    return dataset.labels_of(dataset.samples[0])


def png_text(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8) * 255).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("polygon", SQUARE),
        ("polygon", [[3.4, 2.6], [30.2, 7.5], [22.9, 33.1], [-4.0, 18.0]]),
        ("rectangle", [[4, 3], [9, 8]]),
        ("rectangle", [[4.6, 3.4], [60.2, 50.7]]),
        ("circle", [[20, 18], [25, 20]]),
        ("circle", [[3.3, 2.2], [9.1, 8.7]]),
    ],
)
def test_shapes_are_filled_as_the_exporters_of_labelme_fill_them(tmp_path, kind, points):
    one = shape(kind=kind, points=points)
    data = read_dataset(put_file(tmp_path, one))
    rows = first(data).rows
    np.testing.assert_array_equal(rows.masks.dense(0), exporters_mask(one))
    assert rows.geometry[0].parts[0].tolist() == points
    assert detect_format(tmp_path).name == "labelme"


def test_corners_of_a_rectangle_may_be_drawn_in_any_order(tmp_path):
    there, back = (
        shape(points=[[4, 3], [9, 8]], kind="rectangle"),
        shape(points=[[9, 3], [4, 8]], kind="rectangle"),
    )
    rows = first(read_dataset(put_file(tmp_path, there, back))).rows
    assert rows.masks[0] == rows.masks[1]
    assert rows.masks.areas.tolist() == [36, 36]


def test_a_mask_lies_at_its_first_corner_and_both_corners_are_inside(tmp_path):
    pixels = np.random.default_rng(1).random((6, 9)) < 0.5
    one = shape(points=[[7, 5], [15, 10]], kind="mask", mask=png_text(pixels))
    rows = first(read_dataset(put_file(tmp_path, one))).rows
    np.testing.assert_array_equal(rows.masks.dense(0), exporters_mask(one))
    np.testing.assert_array_equal(rows.masks.dense(0)[5:11, 7:16], pixels)


def test_a_mask_that_leaves_the_image_is_refused_with_its_pixels(tmp_path):
    pixels = np.ones((10, 10), np.uint8) * 255
    height, width = SIZE
    corners = [[width - 5, height - 5], [width + 4, height + 4]]
    put_file(tmp_path, shape(points=corners, kind="mask", mask=png_text(pixels)))
    with pytest.raises(FormatError, match="outside of the image, with 75 px"):
        first(read_dataset(tmp_path))


def test_fractional_corners_of_a_mask_are_rounded(tmp_path):
    one = shape(points=[[6.6, 5.4], [8.6, 7.4]], kind="mask", mask=png_text(np.ones((3, 3))))
    rows = first(read_dataset(put_file(tmp_path, one))).rows
    assert rows.masks.boxes.tolist() == [[7, 5, 10, 8]]


def test_labelme_2224_no_half_pixel_shift(tmp_path):
    """Masks made polygons by the tool came back one pixel away; here every figure stays put."""
    mask = np.zeros(SIZE, bool)
    mask[1:4, 1:8] = True
    for shapes in ("mask", "polygon"):
        exact(
            dataset_of(NUCLEUS, {"a": objects([mask])}), tmp_path / shapes, "labelme", shapes=shapes
        )
        entry = json.loads((tmp_path / shapes / "a.json").read_text())["shapes"][0]
        assert entry["shape_type"] == shapes
        np.testing.assert_array_equal(exporters_mask(entry), mask)
    assert [min(entry["points"]), max(entry["points"])] == [[1, 1], [7, 3]]


@pytest.mark.parametrize("shapes", ["mask", "polygon"])
def test_labelme_2555_holes_and_parts_are_kept(tmp_path, shapes):
    """The tool fills holes when it makes polygons of masks."""
    exact(
        dataset_of(NUCLEUS, {"a": objects(hard_masks())}), tmp_path / "a", "labelme", shapes=shapes
    )
    entries = json.loads((tmp_path / "a/a.json").read_text())["shapes"]
    for entry, mask in zip(entries, hard_masks(), strict=True):
        np.testing.assert_array_equal(exporters_mask(entry), mask)


def test_labelme_704_more_than_255_objects_keep_their_ids(tmp_path):
    """The tool's exporter counted objects in 8 bit."""
    exact(hard_dataset(), tmp_path / "a", "labelme")
    back = read_dataset(tmp_path / "a")
    rows = back.labels_of(back.samples[1]).rows
    assert rows.instance.tolist() == list(range(1, 561))


@pytest.mark.parametrize("shapes", ["mask", "polygon"])
def test_hard_labels_are_exact_and_their_bytes_stable(tmp_path, shapes):
    exact(hard_dataset(tmp_path / "photos"), tmp_path / "src", "labelme", shapes=shapes)
    written = stable(tmp_path / "src", tmp_path, "labelme", shapes=shapes)
    assert written == folder_bytes(tmp_path / "src")
    assert read_dataset(tmp_path / "src").splits == {"train": ("hard", "many"), "val": ("none",)}


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.05, 0.5, 0.95]),
    st.sampled_from(["mask", "polygon"]),
)
def test_any_mask_is_exact(tmp_path_factory, seed, share, shapes):
    rng = np.random.default_rng(seed)
    masks = [rng.random(SIZE) < share for _ in range(3)]
    target = tmp_path_factory.mktemp("any") / "a"
    exact(dataset_of(NUCLEUS, {"a": objects(masks)}), target, "labelme", shapes=shapes)
    for entry, mask in zip(
        json.loads((target / "a.json").read_text())["shapes"], masks, strict=True
    ):
        np.testing.assert_array_equal(exporters_mask(entry), mask)


def test_what_a_file_says_comes_back_in_the_written_one(tmp_path):
    shapes = [
        shape(description="left one", flags={"occluded": True}),
        shape("dog", [[20.5, 5.25], [30, 9], [25, 20]], group_id=7, score=0.25),
        shape("dog", [[40, 5], [44, 9]], "rectangle", group_id=7, attributes={"age": "old"}),
        shape("tail", [[10, 30]], "point", difficult=True),
        shape("tail", [[1, 30], [3, 31], [5, 30]], "linestrip"),
        shape("tail", [[1, 33], [9, 33]], "line"),
        shape("eye", [[1, 2], [3, 4]], "points"),
        shape("ball", [[20, 30], [22, 33]], "circle"),
        shape("book", [[50, 2], [54, 4], [52, 8], [48, 6]], "oriented_rectangle"),
    ]
    src = put_file(tmp_path / "src", *shapes, flags={"blurred": True}, reviewer="ann")
    rows = first(read_dataset(src)).rows
    assert rows.instance.tolist() == [1, 7, 7, 2, 3, 4, 5, 6, 8]
    assert rows.kind.tolist() == [0, 0, 0, 2, 3, 3, 2, 0, 0]
    assert rows.attributes[:3] == ({"occluded": True}, None, {"age": "old"})
    assert rows.score[1] == 0.25
    stable(src, tmp_path, "labelme")
    said = json.loads((tmp_path / "one/a.json").read_text())
    assert (said["flags"], said["reviewer"], said["version"]) == ({"blurred": True}, "ann", "5.4.1")
    assert [s["shape_type"] for s in said["shapes"]] == [s["shape_type"] for s in shapes]
    assert [s["points"] for s in said["shapes"]] == [s["points"] for s in shapes]
    assert [s["description"] for s in said["shapes"]][:2] == ["left one", ""]
    assert said["shapes"][3]["difficult"] is True
    groups = [s["group_id"] for s in said["shapes"]]
    assert groups == [None, 7, 7, None, None, None, None, None, None]


def test_parts_share_label_and_group(tmp_path):
    """A group of a man and his horse is two objects, as in the tool's own exporter."""
    shapes = [shape("man", group_id=1), shape("horse", group_id=1), shape("man", group_id=1)]
    assert first(read_dataset(put_file(tmp_path, *shapes))).rows.instance.tolist() == [1, 2, 1]


def test_background_shapes_are_holes_in_what_stands_before_them(tmp_path):
    ring = shape(points=[[2, 2], [20, 20]], kind="rectangle", group_id=0)
    hole = shape("_background_", [[5, 5], [9, 9]], "rectangle", group_id=0)
    after = shape("dog", [[4, 4], [6, 6]], "rectangle")
    data = read_dataset(put_file(tmp_path / "src", ring, hole, after))
    assert [c.name for c in data.taxonomy] == ["cat", "dog"]
    rows = first(data).rows
    wanted = exporters_mask(ring) & ~exporters_mask(hole)
    np.testing.assert_array_equal(rows.masks.dense(0), wanted)
    np.testing.assert_array_equal(rows.masks.dense(1), exporters_mask(after))
    stable(tmp_path / "src", tmp_path, "labelme")


def test_ignored_pixels_are_void(tmp_path):
    src = put_file(
        tmp_path / "src", shape(), shape("__ignore__", [[20, 20], [30, 30]], "rectangle")
    )
    data = read_dataset(src)
    seen = class_map(first(data), data.taxonomy)
    assert (seen[5, 5], seen[25, 25], seen[0, 0]) == (0, VOID, BACKGROUND)
    stable(src, tmp_path, "labelme")
    assert read_dataset(tmp_path / "one").taxonomy[1].void


def test_rectangles_are_boxes_where_the_user_says_so(tmp_path):
    src = put_file(tmp_path / "src", shape(points=[[4, 3], [9.5, 8]], kind="rectangle"))
    data = read_dataset(src, settings=["rectangles=box"])
    rows = first(data).rows
    assert rows.kind.tolist() == [RowKind.BOX]
    assert rows.masks.areas.tolist() == [0]
    exact(data, tmp_path / "a", "labelme")
    back = first(read_dataset(tmp_path / "a")).rows
    assert back.kind.tolist() == [RowKind.BOX]
    assert back.geometry[0].parts[0].tolist() == [[4, 3], [9.5, 8]]


def test_an_image_path_is_relative_to_the_json_and_may_lie_beside(tmp_path):
    write_photo(tmp_path / "images/deep/b.png", SIZE)
    put_file(tmp_path / "", shape(), key="json/a", image=False, imagePath="..\\images\\deep\\b.png")
    data = read_dataset(tmp_path)
    assert [s.key for s in data.samples] == ["json/a"]
    assert data.samples[0].image.path == tmp_path / "images/deep/b.png"


def test_image_paths_that_lead_out_are_not_followed(tmp_path):
    write_photo(tmp_path / "secret.png", SIZE)
    put_file(tmp_path / "data", shape(), image=False, imagePath="../secret.png")
    data = read_dataset(tmp_path / "data")
    assert data.samples[0].image.path is None
    assert "lead out of the data's folder" in data.warnings[0]


def test_an_image_that_is_only_in_the_json_is_counted_and_written_out_on_demand(tmp_path):
    write_photo(tmp_path / "photo.png", SIZE)
    text = base64.b64encode((tmp_path / "photo.png").read_bytes()).decode()
    src = put_file(
        tmp_path / "src", shape(), image=False, imageData=text, imageHeight=None, imageWidth=None
    )
    data = read_dataset(src)
    assert first(data).size == SIZE
    assert "1 images are in their JSON only" in data.warnings[0]
    data = read_dataset(src, settings=[f"extract={tmp_path / 'out'}"])
    assert data.samples[0].image.path == tmp_path / "out/a.png"
    assert (tmp_path / "out/a.png").read_bytes() == (tmp_path / "photo.png").read_bytes()
    exact(data, tmp_path / "a", "labelme")
    assert (tmp_path / "a/a.png").read_bytes() == (tmp_path / "photo.png").read_bytes()


def test_what_labelme_cannot_hold_is_declared(tmp_path):
    rows = objects(hard_masks()[:2]).rows
    changed = {name: getattr(rows, name) for name in type(rows).__slots__}
    changed |= {"crowd": np.array([True, False]), "parent": np.array([-1, 1])}
    labels = Labels(SIZE, rows=type(rows)(**changed))
    done = put(dataset_of(NUCLEUS, {"a": labels}), tmp_path / "a", "labelme")
    assert not done.written
    assert {loss.kind: loss.objects for loss in done.losses} == {"crowd": 1, "tracks": 1}
    void = Labels((2, 2), class_map=np.array([[0, 255], [254, 0]], np.uint8))
    grass = Taxonomy((Category("grass", "grass", "stuff"),))
    done = put(dataset_of(grass, {"a": void}), tmp_path / "b", "labelme")
    assert [(loss.kind, loss.pixels) for loss in done.losses] == [("void", 1)]


def test_splits_are_folders_or_stand_beside(tmp_path):
    put_file(tmp_path / "src", shape(), key="train/a")
    put_file(tmp_path / "src", shape(), key="valid/b")
    data = read_dataset(tmp_path / "src")
    assert data.splits == {"train": ("train/a",), "val": ("valid/b",)}
    stable(tmp_path / "src", tmp_path, "labelme")
    assert read_dataset(tmp_path / "one").splits == data.splits


NAN = float("nan")
BAD = {
    "no points": (shape(points=None), "points: vertices are pairs"),
    "two points of a polygon": (shape(points=[[1, 1], [2, 2]]), "fewer than 3"),
    "NaN": (shape(points=[[1, 1], [NAN, 2], [3, 3]]), "not finite"),
    "far away": (shape(points=[[1, 1], [1e9, 2], [3, 3]]), r"beyond 2\*\*24"),
    "three corners": (shape(points=SQUARE[:3], kind="rectangle"), "has two points"),
    "unknown type": (shape(kind="cube"), "unknown shape_type"),
    "no label": (shape(label=""), "without a label"),
    "text as group": (shape(group_id="x"), "group_id"),
    "no mask": (shape(points=SQUARE[:2], kind="mask"), "not a base64 text"),
    "not base64": (shape(points=SQUARE[:2], kind="mask", mask="%%%"), "not a base64 text"),
    "not a PNG": (shape(points=SQUARE[:2], kind="mask", mask="AAAA"), "PNG of a mask is damaged"),
    "wrong corners": (shape(points=[[1, 1], [5, 5]], kind="mask", mask=png_text(np.ones((3, 3)))), "corners say otherwise"),
    "score": (shape(score="7"), "score is a finite number"),
    "flags": (shape(flags=[1]), "flags is an object"),
    "not an object": (7, "a shape is an object"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_shape_is_refused_with_its_place_or_left_out(tmp_path, name):
    bad, said = BAD[name]
    put_file(tmp_path, shape(), bad)
    with pytest.raises(FormatError, match=rf"a\.json: shape 1.*{said}"):
        read_dataset(tmp_path)
    data = read_dataset(tmp_path, skip_bad=True)
    assert len(first(data).rows) == 1
    assert "1 invalid annotation was left out, first: " in data.warnings[0]


def test_files_that_are_damaged_or_of_another_image_are_refused(tmp_path):
    put_file(tmp_path, shape())
    whole = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(whole[:-20])
    with pytest.raises(FormatError, match=r"a\.json: not valid JSON"):
        read_dataset(tmp_path)
    put_file(tmp_path, shape(), imageHeight=-3)
    with pytest.raises(FormatError, match="imageHeight and imageWidth"):
        read_dataset(tmp_path)
    put_file(tmp_path, shape(), imageHeight=12)
    with pytest.raises(FormatError, match=r"56 × 12 px, its image 56 × 40 px \(saw .*a\.png\)"):
        first(read_dataset(tmp_path))
    put_file(tmp_path, shape(), imagePath=None)
    with pytest.raises(FormatError, match="imagePath is no file name"):
        read_dataset(tmp_path)


def test_a_frame_that_fills_the_memory_is_refused(tmp_path):
    far = 2.0**24 - 1
    one = shape(points=[[0, 0], [far, 0], [far, far]])
    put_file(tmp_path, one, image=False, imageHeight=2**24, imageWidth=2**24)
    with pytest.raises(FormatError, match="spans more than"):
        first(read_dataset(tmp_path))


def test_a_mask_that_claims_billions_of_pixels_is_refused_by_its_header(tmp_path):
    png = bytearray(base64.b64decode(png_text(np.ones((3, 3)))))
    png[16:24] = (60000).to_bytes(4, "big") * 2
    import zlib

    png[29:33] = zlib.crc32(bytes(png[12:29])).to_bytes(4, "big")
    text = base64.b64encode(bytes(png)).decode()
    put_file(tmp_path, shape(points=[[0, 0], [59999, 59999]], kind="mask", mask=text))
    with pytest.raises(FormatError, match="a mask that claims more pixels"):
        read_dataset(tmp_path)


XML = (
    "<annotation><filename>a.png</filename><folder>set</folder>{body}"
    "<imagesize><nrows>40</nrows><ncols>56</ncols></imagesize></annotation>"
)


def xml_object(number, name="cat", more="", part=""):
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in SQUARE)
    return (
        f"<object><name>{name}</name><deleted>0</deleted>{more}<id>{number}</id><parts><hasparts/>"
        f"<ispartof>{part}</ispartof></parts><polygon><username>ann</username>{points}</polygon></object>"
    )


def put_xml(root, *entries):
    write_photo(root / "Images/set/a.png", SIZE)
    (root / "Annotations/set").mkdir(parents=True)
    (root / "Annotations/set/a.xml").write_text(XML.format(body="".join(entries)))
    return root


def test_the_old_xml_gives_parts_attributes_and_no_deleted_objects(tmp_path):
    gone = xml_object(2).replace("<deleted>0", "<deleted>1")
    said = "<occluded>yes</occluded><attributes>old, colour=red</attributes>"
    put_xml(tmp_path, xml_object(0, more=said), xml_object(1, "tail", part="0"), gone)
    data = read_dataset(tmp_path)
    assert detect_format(tmp_path).name == "labelme"
    rows = first(data).rows
    assert rows.instance.tolist() == [1, 2]
    assert rows.parent.tolist() == [-1, 1]
    assert rows.attributes[0] == {"occluded": True, "old": True, "colour": "red"}
    assert rows.source[0]["username"] == "ann"
    np.testing.assert_array_equal(rows.masks.dense(0), exporters_mask(shape()))
    assert data.warnings == ("1 objects were deleted by their author and are left out",)
    assert data.samples[0].image.path == tmp_path / "Images/set/a.png"
    done = put(data, tmp_path / "out", "labelme", allow_loss=True)
    assert (done.changed_pixels, [loss.kind for loss in done.refused]) == (0, ["tracks"])


def test_xml_of_voc_with_polygons_is_not_that_of_the_old_tool(tmp_path):
    """Some exporters put polygons as <x1>, <y1>, ... into the XML of VOC."""
    from maskloom.formats.labelme.annotation_xml import looks_like_xml

    put_xml(tmp_path / "old", xml_object(0))
    assert looks_like_xml(tmp_path / "old")
    (tmp_path / "voc/Annotations").mkdir(parents=True)
    (tmp_path / "voc/Annotations/a.xml").write_text(
        "<annotation><segmented>0</segmented><object><name>cat</name><polygon><x1>1</x1><y1>2</y1>"
        "</polygon></object></annotation>"
    )
    assert not looks_like_xml(tmp_path / "voc")


def test_damaged_xml_is_refused_or_left_out(tmp_path):
    put_xml(tmp_path, xml_object(0).replace("<x>4</x>", "<x>four</x>"))
    with pytest.raises(FormatError, match=r"a\.xml: object 0, cat: x of a point"):
        read_dataset(tmp_path)
    file = tmp_path / "Annotations/set/a.xml"
    file.write_text(XML.format(body=xml_object(0)).replace("40</nrows>", "-4</nrows>"))
    with pytest.raises(FormatError, match="two whole numbers"):
        read_dataset(tmp_path)
    file.write_text("<annotation><imagesize>")
    with pytest.raises(FormatError, match="not valid XML"):
        read_dataset(tmp_path)


@pytest.mark.shared
def test_the_conformance_files_of_datumaro_are_read(shared, tmp_path):
    data = read_dataset(shared / "conformance/datumaro/labelme_dataset")
    rows = first(data).rows
    assert [data.taxonomy[c].name for c in rows.category] == [
        "window", "license plate", "o1", "q1", "b1", "m1", "hg",
    ]  # fmt: skip
    assert rows.parent.tolist() == [-1, -1, -1, 3, 3, -1, 6]
    assert rows.masks.areas[[1, 5]].tolist() == [10, 130]
    done = put(data, tmp_path / "a", "labelme", allow_loss=True)
    assert (done.objects, done.exact_objects, done.changed_pixels) == (7, 7, 0)
