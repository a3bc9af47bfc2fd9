from __future__ import annotations

from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest
from pycocotools import mask as coco

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import FormatError, WriteError
from maskloom.formats.detect import detect_format, read_dataset
from maskloom.formats.shared.safe_xml import Bounds, read_xml_tree

from . import tool_cases
from . import tool_torture as torture
from .conftest import NUCLEUS, dataset_of, objects, write_photo

write = partial(tool_cases.put, to="cvat")
twice = partial(tool_cases.twice, to="cvat")


# pycocotools copies by an older rule of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LABELS = "<labels><label><name>cat</name><color>#ff8000</color></label></labels>"
BOX = 'xtl="1" ytl="1" xbr="5" ybr="6"'
META = f"<meta><task><name>t</name>{LABELS}</task></meta>"


def image(*shapes, name="a.png", size=(20, 30), more=""):
    sides = f'width="{size[1]}" height="{size[0]}"'
    return f'<image id="7" name="{name}" {more} {sides}>{"".join(shapes)}</image>'


def shape(tag, place, label="cat", inside=""):
    return f'<{tag} label="{label}" occluded="0" {place} z_order="0">{inside}</{tag}>'


def put(tmp_path, *body, meta=META):
    path = tmp_path / "annotations.xml"
    path.write_text(f"<annotations><version>1.1</version>{meta}{''.join(body)}</annotations>")
    return path


def one(path, **options):
    data = read_dataset(path, "cvat", **options)
    return data.labels_of(data.samples[0])


def cvat_decode(rle, left, top, right, size):
    """CVAT's own loop (formats/transformations.py): along the rows of the box, value by value."""
    mat = np.zeros(size, np.uint8)
    width, value, offset = right - left + 1, 0, 0
    for count in rle:
        for _ in range(count):
            x, y = offset % width, offset // width
            mat[y + top][x + left] = value
            offset += 1
        value = abs(value - 1)
    return mat


def test_cvat_6487_8124_runs_of_masks_go_along_the_rows_of_their_box(tmp_path):
    rle = [1, 2, 3, 1, 2, 3]
    place = 'rle="1, 2, 3, 1, 2, 3" left="5" top="6" width="4" height="3"'
    rows = one(put(tmp_path, image(shape("mask", place)))).rows
    np.testing.assert_array_equal(rows.masks.dense(0), cvat_decode(rle, 5, 6, 8, (20, 30)))


def test_masks_that_are_written_are_what_cvat_decodes(tmp_path):
    data = torture.dataset()
    write(data, tmp_path / "a")
    root = read_xml_tree(tmp_path / "a/annotations.xml", Bounds(1 << 24, 10_000))
    elements = [m for i in root.children if i.tag == "image" for m in i.children]
    masks = [mask for _, labels in data for mask in labels.rows.masks.decode()]
    assert len(elements) == len(masks) == 312
    for element, mask in zip(elements, masks, strict=True):
        said = element.attributes
        left, top, width = (int(said[name]) for name in ("left", "top", "width"))
        rle = [int(text) for text in said["rle"].split(",")]
        assert sum(rle) == width * int(said["height"])
        made = cvat_decode(rle, left, top, left + width - 1, torture.SIZE)
        np.testing.assert_array_equal(made, mask)


@pytest.mark.parametrize("form", ["images", "video"])
def test_cvat_5137_7520_holes_and_parts_and_pixels_come_back(tmp_path, form):
    data = torture.dataset()
    if form == "video":
        frames = [
            Sample(f"frame_{i:06d}", ImageRef(None, torture.SIZE), "frame", "s", i)
            for i in range(len(data.samples))
        ]
        every = [data.labels_of(sample) for sample in data.samples]
        data = Dataset(data.taxonomy, tuple(frames), lambda s: every[s.index], name="torture")
    back = twice(data, tmp_path, form=form)
    assert [c.name for c in back.taxonomy] == [c.name for c in torture.KINDS]
    for sample, own in zip(back.samples, data.samples, strict=True):
        ours, theirs = (d.labels_of(s).rows.masks for d, s in ((data, own), (back, sample)))
        if form == "video":  # in order of tracks
            ours, theirs = (sorted(map(hash, masks)) for masks in (ours, theirs))
        assert ours == theirs
    assert back.splits == ({} if form == "video" else data.splits)


def test_polygons_are_filled_as_pycocotools_fills_them_and_stay_polygons(tmp_path):
    points = [1.5, 2.25, 17.1, 3, 9.999999999999, 15.3]
    text = "1.5,2.25;17.1,3;9.999999999999,15.3"
    data = read_dataset(put(tmp_path, image(shape("polygon", f'points="{text}"'))))
    made = coco.decode(coco.merge(coco.frPyObjects([points], 20, 30)))
    rows = data.labels_of(data.samples[0]).rows
    np.testing.assert_array_equal(rows.masks.dense(0), made)
    assert write(data, tmp_path / "a").losses == ()
    assert f'points="{text}"' in (tmp_path / "a/annotations.xml").read_text()


def test_shapes_without_pixels_are_drawings_and_come_back(tmp_path):
    drawn = (
        shape("box", 'xtl="1" ytl="2.5" xbr="9" ybr="8"'),
        shape("box", 'xtl="1" ytl="2" xbr="9" ybr="8" rotation="30.5"'),
        shape("ellipse", 'cx="9.1" cy="8" rx="3.3" ry="2" rotation="10"'),
        shape("polyline", 'points="1,2;3,4"'),
        shape("points", 'points="1,2;3,4;5,6"'),
    )
    data = read_dataset(put(tmp_path, image(*drawn)))
    rows = data.labels_of(data.samples[0]).rows
    assert rows.kind.tolist() == [RowKind.BOX] * 3 + [RowKind.LINE, RowKind.POINT]
    assert rows.masks.areas.sum() == 0
    assert rows.source[0]["bbox"] == [1, 2.5, 8, 5.5]
    assert "bbox" not in rows.source[1]
    text = (twice(data, tmp_path), (tmp_path / "a/annotations.xml").read_text())[1]
    for place in ('ytl="2.5"', 'rotation="30.5"', 'cx="9.1" cy="8" rx="3.3" ry="2"'):
        assert place in text
    assert 'points="1,2;3,4;5,6"' in text


def test_facts_of_shapes_and_images_come_back(tmp_path):
    attributes = (
        '<attribute name="pose">007</attribute><attribute name="n">1.50</attribute>'
        '<attribute name="ok">true</attribute><attribute name="x &lt;">a &amp; b</attribute>'
    )
    mask = '<mask label="cat" source="semi-auto" occluded="1" rle="0,4" left="1" top="1" '
    body = image(
        mask + f'width="2" height="2" z_order="-3" group_id="4" odd="1">{attributes}</mask>',
        '<tag label="cat" source="manual"><attribute name="q">1</attribute></tag>',
        '<cuboid label="cat" xtl1="1"/>',
        more='subset="train" task_id="9"',
    )
    data = read_dataset(put(tmp_path, body))
    assert data.warnings[0] == (
        "1 annotation of kinds that are not read (1 cuboid); of all formats, only cvat writes "
        "them again"
    )
    assert data.samples[0].tags == {"cat": "true", "cat.q": "1"}
    rows = data.labels_of(data.samples[0]).rows
    assert rows.attributes[0] == {
        "pose": "007", "n": "1.50", "ok": True, "x <": "a & b", "occluded": True,
    }  # fmt: skip
    assert rows.z_order.tolist() == [-3]
    assert data.taxonomy[0].color == (255, 128, 0)
    twice(data, tmp_path)
    text = (tmp_path / "a/annotations.xml").read_text()
    for fact in (
        'id="7" name="a.png" subset="train" task_id="9"', 'source="semi-auto"', 'occluded="1"',
        'group_id="4"', 'odd="1"', 'z_order="-3"', "<cuboid", "<tag", ">007<", ">1.50<",
        'name="x &lt;">a &amp; b<', "#ff8000", "<name>t</name>",
    ):  # fmt: skip
        assert fact in text, fact


@pytest.mark.parametrize("flag", ["0", "1"])
@pytest.mark.parametrize("said", [None, "true", "false", "yes"])
def test_an_attribute_called_occluded_and_the_flag_both_come_back(tmp_path, flag, said):
    inside = "" if said is None else f'<attribute name="occluded">{said}</attribute>'
    box = shape("box", BOX, inside=inside).replace('occluded="0"', f'occluded="{flag}"')
    write(read_dataset(put(tmp_path, image(box))), tmp_path / "a")
    found = ElementTree.parse(tmp_path / "a/annotations.xml").getroot().find("image/box")
    assert found.get("occluded") == flag
    assert [one.text for one in found] == ([] if said is None else [said])


def test_objects_that_are_told_not_to_be_occluded_stay_so(tmp_path):
    # As the exporters of CVAT and Datumaro write COCO.
    mask = Masks.from_dense([np.eye(8, dtype=bool)] * 3)
    attributes = ({"occluded": False}, {"occluded": True}, {})
    rows = Rows.make(mask, [0] * 3, instance=[1, 2, 3], attributes=attributes)
    back = twice(dataset_of(NUCLEUS, {"a": Labels((8, 8), rows=rows)}), tmp_path)
    found = next(labels.rows for _, labels in back)
    assert [dict(one or {}) for one in found.attributes] == list(attributes)
    root = ElementTree.parse(tmp_path / "a/annotations.xml").getroot()
    assert [one.get("occluded") for one in root.iter("mask")] == ["0", "1", "0"]


def test_shapes_of_a_group_and_a_label_are_parts_of_one_object(tmp_path):
    box = 'left="1" top="1" width="1" height="1" rle="0,1"'
    grouped = [
        f'<mask label="{label}" {box} group_id="{group}"/>'
        for label, group in (("cat", 2), ("cat", 2), ("cat", 0), ("dog", 2))
    ]
    meta = META.replace("</labels>", "<label><name>dog</name></label></labels>")
    data = read_dataset(put(tmp_path, image(*grouped), meta=meta))
    assert data.labels_of(data.samples[0]).rows.instance.tolist() == [1, 1, 2, 3]
    twice(data, tmp_path)
    parts = torture.dataset(instance=np.array([5, 1, 2, 5, *range(10, 18)]))
    rows = twice(parts, tmp_path / "parts")
    found = rows.labels_of(rows.samples[0]).rows.instance.tolist()
    assert found[0] == found[3]
    assert len(set(found)) == 11


def test_cvat_718_9709_9713_the_order_in_depth_decides_not_the_order_in_the_file(tmp_path):
    def square(side, z):
        place = f'left="0" top="0" width="{side}" height="{side}" rle="0,{side * side}"'
        return f'<mask label="l{side}" {place} z_order="{z}"/>'

    meta = "<meta/>"
    for order in ((0, 1), (1, 0)):
        listed = [square(9, 0), square(3, 1)]
        path = put(tmp_path, image(*(listed[i] for i in order)), meta=meta)
        data = read_dataset(path)
        small = [c.name for c in data.taxonomy].index("l3")
        labels = data.labels_of(data.samples[0])
        assert (class_map(labels, data.taxonomy)[:3, :3] == small).all()
        back = twice(data, tmp_path / str(order))
        assert back.labels_of(back.samples[0]).rows.z_order.tolist() == [(0, 1)[i] for i in order]


def test_cvat_3360_more_than_255_objects_of_an_image_are_told_apart(tmp_path):
    back = twice(dataset_of(NUCLEUS, {"a": torture.many(700)}), tmp_path)
    rows = back.labels_of(back.samples[0]).rows
    assert len(set(rows.instance.tolist())) == len(rows) == 700
    assert rows.masks == torture.many(700).rows.masks


def track(*shapes, number=0, label="cat"):
    return f'<track id="{number}" label="{label}" source="auto">{"".join(shapes)}</track>'


def key(tag, frame, place, outside=0):
    more = f'occluded="0" keyframe="1" z_order="0" {place}'
    return f'<{tag} frame="{frame}" outside="{outside}" {more}/>'


VIDEO = (
    f"<meta><task>{LABELS}<start_frame>10</start_frame><stop_frame>22</stop_frame>"
    "<frame_filter>step=3</frame_filter><original_size><width>30</width><height>20</height>"
    "</original_size></task></meta>"
)


def test_boxes_move_between_keyframes_and_stay_until_they_are_outside(tmp_path):
    path = put(
        tmp_path,
        track(
            key("box", 10, 'xtl="0" ytl="0" xbr="4" ybr="4" rotation="350"'),
            key("box", 16, 'xtl="6" ytl="2" xbr="10" ybr="6" rotation="30"'),
            key("box", 22, 'xtl="6" ytl="2" xbr="10" ybr="6"', 1),
        ),
        track(key("points", 16, 'points="1,1"'), number=4),
        meta=VIDEO,
    )
    data = read_dataset(path)
    assert [(s.key, s.kind, s.index) for s in data.samples] == [
        (f"frame_{n:06d}", "frame", n) for n in (10, 13, 16, 19, 22)
    ]
    rows = [labels.rows for _, labels in data]
    assert [r.track.tolist() for r in rows] == [[0], [0], [0, 4], [0, 4], [4]]
    corners = [r.geometry[0].parts[0].tolist() for r in rows[:4]]
    assert corners[1] == [[3, 1], [7, 5]]
    assert corners[3] == [[6, 2], [10, 6]]
    turns = [r.source[0]["cvat"].get("rotation") for r in rows[:4]]
    assert list(map(float, turns)) == [350, 10, 30, 15]
    assert rows[1].source[0]["cvat"]["keyframe"] == "0"
    back = twice(data, tmp_path)
    again = [labels.rows for _, labels in back]
    assert [r.track.tolist() for r in again] == [r.track.tolist() for r in rows]


def test_keyframes_in_which_an_object_is_outside_come_back(tmp_path):
    def child(text):
        return f'<attribute name="p">{text}</attribute>'

    def at(frame, outside, left, text, *, z="0", occluded="0", tag="box"):
        place = f'xtl="{left}.5" ytl="1" xbr="9" ybr="9"'
        place = 'rle="0, 4" left="3" top="9" width="2" height="2"' if tag == "mask" else place
        said = f'frame="{frame}" outside="{outside}" keyframe="1" occluded="{occluded}"'
        return f'<{tag} {said} {place} z_order="{z}">{child(text)}</{tag}>'

    boxes = [
        at(0, 1, 7, "first", z="9"), at(2, 0, 1, "a", occluded="1"), at(4, 1, 2, "b", z="4"),
        at(5, 1, 3, "c"), at(7, 0, 4, "d"), at(9, 1, 4, "d"),
    ]  # fmt: skip
    masks = [at(1, 0, 0, "m", tag="mask"), at(2, 1, 0, "m", z="2", occluded="1", tag="mask")]
    size = "<original_size><width>30</width><height>20</height></original_size>"
    meta = f"<meta><task><size>11</size>{LABELS}{size}</task></meta>"
    tracks = [track(*boxes), track(*masks, number=4)]
    path = put(tmp_path, *tracks, meta=meta)
    wanted = [one for one in ElementTree.parse(path).getroot().iter() if one.get("frame")]
    write(read_dataset(path), tmp_path / "a", form="video")
    tool_cases.put(read_dataset(path), tmp_path / "p", "parquet")
    write(read_dataset(tmp_path / "p"), tmp_path / "b", form="video")
    for folder in ("a", "b"):
        root = ElementTree.parse(tmp_path / folder / "annotations.xml").getroot()
        for one in wanted:
            if one.get("outside") == "1":
                query = f"track/{one.tag}[@frame='{one.get('frame')}'][@outside='1']"
                (same,) = root.findall(query)
                assert dict(same.items()) == dict(one.items())
                assert [each.text for each in same] == [each.text for each in one]
        found = [one.get("frame") + one.get("outside") for one in root.iter("box")]
        assert found == ["01", "20", "30", "41", "51", "70", "80", "91"]
    done = write(read_dataset(path), tmp_path / "i", form="images", allow_loss=True)
    told = next(loss.named for loss in done.losses if loss.kind == "fields")
    assert "keyframe, outside-after, outside-before" in told
    texts = {name: (tmp_path / name / "annotations.xml").read_text() for name in "ab"}
    write(read_dataset(tmp_path / "a"), tmp_path / "c", form="video")
    assert texts["a"] == texts["b"] == (tmp_path / "c/annotations.xml").read_text()


@pytest.mark.parametrize(
    "text",
    ["", "{", "7", "[]", "[[]]", '["abcd"]', '[["box", {"frame": "1", "xtl": "x"}, "", []]]',
     '[["box", {"frame": 1}, "", []]]', '[["box", [], "", []]]', '[["a", {"frame": "1"}, "", []]]',
     '[["box", {"frame": "1"}, "", [["attribute", {"name": 3}, "", []]]]]', "[" * 5000],
)  # fmt: skip
def test_a_foreign_field_that_is_no_keyframe_is_told_and_not_written(tmp_path, text):
    source = ({"cvat": {"outside-after": text}},)
    rows = Rows.make(Masks.from_dense([np.eye(8, dtype=bool)]), [0], track=[3], source=source)
    samples = tuple(Sample(f"frame_{n:06d}", ImageRef(None), "frame", "s", n) for n in (1, 2))
    every = [Labels((8, 8), rows=rows), Labels((8, 8), rows=rows.take(slice(0, 0)))]
    data = Dataset(NUCLEUS, samples, lambda s: every[(s.index or 0) - 1])
    done = write(data, tmp_path / "a", form="video")
    assert [loss.kind for loss in done.losses] == ["fields"]
    root = ElementTree.parse(tmp_path / "a/annotations.xml").getroot()
    assert [one.get("outside") for one in root.iter("mask")] == ["0", "1"]


def test_polygons_that_change_between_keyframes_are_labelled_only_in_part(tmp_path):
    first, second = 'points="1,1;9,1;9,9"', 'points="2,1;9,1;9,9"'
    path = put(
        tmp_path,
        track(key("polygon", 10, first), key("polygon", 16, first), key("polygon", 22, second)),
        meta=VIDEO,
    )
    data = read_dataset(path)
    found = [(len(labels.rows), labels.coverage.nothing) for _, labels in data]
    assert found == [(1, False), (1, False), (1, False), (0, True), (1, False)]
    assert "1 frames lie between keyframes" in data.warnings[0]
    done = write(data, tmp_path / "a")
    assert [loss.kind for loss in done.refused] == ["coverage"]


def test_a_video_is_one_sequence_with_one_step(tmp_path):
    every = {n: objects([np.eye(8, dtype=bool)]) for n in (1, 2, 4)}
    samples = tuple(Sample(f"frame_{n:06d}", ImageRef(None), "frame", "s", n) for n in every)
    data = Dataset(NUCLEUS, samples, lambda s: every[s.index])
    with pytest.raises(WriteError, match=r"one step parts.*form=images"):
        write(data, tmp_path / "a", form="video")
    assert write(data, tmp_path / "b").written
    other = Sample("a", ImageRef(None), "frame", "s", 1)
    with pytest.raises(WriteError, match="names frames by their number"):
        write(Dataset(NUCLEUS, (other,), lambda _: every[1]), tmp_path / "c", form="video")
    with pytest.raises(WriteError, match=r"not known to be a frame.*saw 'frame_000001'"):
        write(dataset_of(NUCLEUS, {"frame_000001": every[1]}), tmp_path / "c", form="video")


def test_tracks_are_a_loss_for_images_and_kept_by_videos(tmp_path):
    masks = Masks.from_dense([np.eye(8, dtype=bool)])
    rows = Rows.make(masks, [0], track=[3])
    samples = tuple(Sample(f"frame_{n:06d}", ImageRef(None), "frame", "s", n) for n in (1, 2))
    data = Dataset(NUCLEUS, samples, lambda _: Labels((8, 8), rows=rows))
    done = write(data, tmp_path / "a", form="images")
    assert [loss.kind for loss in done.refused] == ["tracks"]
    back = twice(data, tmp_path, form="video")
    assert [labels.rows.track.tolist() for _, labels in back] == [[3], [3]]


def test_what_cvat_cannot_hold_is_told(tmp_path):
    data = torture.dataset(
        score=np.full(12, 0.5), crowd=np.arange(12) < 3, parent=np.arange(12) - 1
    )
    done = write(data, tmp_path / "a")
    assert {loss.kind: loss.objects for loss in done.refused} == {
        "crowd": 3, "score": 12, "tracks": 11,
    }  # fmt: skip
    assert not (tmp_path / "a").exists()


def test_void_and_stuff_are_kept_beside_the_file_and_refused_in_it_alone(tmp_path):
    taxonomy = Taxonomy((Category("sky", "sky", "stuff"), Category("v", "nothing", void=True)))
    data = dataset_of(taxonomy, {"a": objects([np.eye(8, dtype=bool)] * 2, [0, 1])})
    back = twice(data, tmp_path)
    assert [(c.kind, c.void) for c in back.taxonomy] == [("stuff", False), ("thing", True)]
    assert [loss.kind for loss in write(data, tmp_path / "a.xml").refused] == ["void"]


def test_images_of_projects_lie_in_folders_of_their_subsets(tmp_path):
    for subset in ("Train", "Test"):
        write_photo(tmp_path / f"src/images/{subset}/a.png", (20, 30), seed=len(subset))
    body = [image(more=f'subset="{subset}"') for subset in ("Train", "Test")]
    data = read_dataset(put(tmp_path / "src", *body))
    assert sorted(s.key for s in data.samples) == ["Test/a", "Train/a"]
    assert all(s.image.path is not None for s in data.samples)
    back = twice(data, tmp_path)
    assert back.splits == {"Test": ("Test/a",), "Train": ("Train/a",)}
    assert (tmp_path / "a/images/Test/a.png").is_file()


MASK = 'left="{}" top="{}" width="{}" height="{}" rle="{}"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (shape("polygon", 'points="1,2;3,nan;4,5"'), r"shape 1 \(polygon\), points.*not finite"),
        (shape("polygon", 'points="1,2;3,4"'), "fewer than 3 vertices"),
        (shape("polygon", 'points="1,2;3;4,5"'), "points are pairs"),
        (shape("polygon", 'points="1,2;3,1e300;4,5"'), "a.png"),
        (shape("polygon", ""), "fewer than 3"),
        (shape("box", 'xtl="1" ytl="2" xbr="inf" ybr="8"'), "xbr: not a finite number"),
        (shape("mask", MASK.format(0, 0, 2, 2, "1,2")), "do not sum to the 4 pixels"),
        (shape("mask", MASK.format(0, 0, 2, 2, "1,-2,5")), "negative"),
        (shape("mask", MASK.format(0, 0, 2, 2, "")), "rle is not a list"),
        (shape("mask", MASK.format(0, 0, 2, 2, "9" * 30)), "rle is not a list"),
        (shape("mask", MASK.format(29, 0, 2, 2, "0,4")), "leaves the image"),
        (shape("mask", MASK.format(-1, 0, 2, 2, "0,4")), "left: not a whole number"),
        (shape("mask", MASK.format(0, 0, 0, 2, "0")), "width: not a whole number from 1"),
        (shape("mask", MASK.format(0, 0, 2, 2, "0,4"), label="dog"), "does not declare"),
        ('<polygon label="cat" occluded="2" points="1,2;3,4;5,9"/>', "neither 0 nor 1"),
        ('<polygon label="cat" z_order="x" points="1,2;3,4;5,9"/>', "z_order: not a whole"),
    ],
)
def test_a_bad_shape_is_one_error_or_left_out(tmp_path, text, said):
    good = shape("mask", MASK.format(0, 0, 2, 2, "0,4"))
    path = put(tmp_path, image(good, text) if "neither" not in said else image(text, good))
    with pytest.raises(FormatError, match=said.replace("shape 1", "shape 2")) as caught:
        one(path)
    assert "annotations.xml" in str(caught.value)
    data = read_dataset(path, "cvat", skip_bad=True)
    assert len(data.labels_of(data.samples[0]).rows) == 1
    assert "1 invalid annotation was left out" in data.warnings[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<image id='0' width='3' height='3'/>", "without a name"),
        ("<image id='0' name='a' width='3'/>", "height: not a whole number from 1"),
        ("<image id='0' name='a' width='3' height='9999999999'/>", "more than 2"),
        ("<image id='0' name='a' width='-3' height='3'/>", "width: not a whole"),
        (image() + image(), "listed twice"),
        ("<track label='cat'/>", "track, id"),
        (track(key("box", 1, 'xtl="0"')) * 2, "two tracks share an id"),
        (track(key("box", 1, 'xtl="0"') * 2), "two shapes of a track in one frame"),
        (track(key("box", -1, 'xtl="0"')), "frame: not a whole"),
    ],
)
def test_a_bad_file_is_one_error(tmp_path, text, said):
    with pytest.raises(Exception, match=said) as caught:
        read_dataset(put(tmp_path, text), "cvat")
    assert caught.type.__module__ == "maskloom.errors"


def test_a_video_that_is_declared_endless_is_refused(tmp_path):
    meta = VIDEO.replace(">22<", ">9999999999<")
    with pytest.raises(FormatError, match="more than 1000000 frames"):
        read_dataset(put(tmp_path, track(key("box", 10, "")), meta=meta))


@pytest.mark.parametrize("size", [60, 200, 400])
def test_truncated_files_are_refused(tmp_path, size):
    path = put(tmp_path, image(shape("polygon", 'points="1,2;3,4;5,9"')))
    path.write_bytes(path.read_bytes()[: -min(size, 300)])
    with pytest.raises(FormatError, match="not valid XML"):
        read_dataset(path, "cvat")


def test_names_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    write_photo(tmp_path / "secret.png", (20, 30))
    (tmp_path / "in").mkdir()
    data = read_dataset(put(tmp_path / "in", image(name="../secret.png")))
    assert data.samples[0].image.path is None
    assert write(data, tmp_path / "in/out", allow_loss=True).written
    assert "../" not in (tmp_path / "in/out/annotations.xml").read_text()


def test_an_image_of_another_size_is_refused(tmp_path):
    write_photo(tmp_path / "a.png", (21, 30))
    with pytest.raises(FormatError, match="30 × 20 px, its image 30 × 21 px"):
        one(put(tmp_path, image(shape("polygon", 'points="1,2;3,4;5,9"'))))


def test_a_single_file_is_written_where_its_name_says_so(tmp_path):
    assert write(torture.dataset(), tmp_path / "out.xml").written
    assert detect_format(tmp_path / "out.xml").name == "cvat"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "images", "kinds"),
    [
        ("for_images/export_project", 6, {1: 3, 3: 3, 0: 3, 2: 3}),
        ("for_images/export_task", 2, {1: 1, 3: 1, 0: 1, 2: 1}),
        ("for_video", 4, {1: 1, 2: 1, 3: 1}),
    ],
)
def test_the_sets_of_datumaro_are_read_and_come_back(shared, tmp_path, name, images, kinds):
    path = shared / "conformance/datumaro/cvat_dataset" / name
    assert detect_format(path).name == "cvat"
    data = read_dataset(path)
    assert len(data) == images
    listed = [kind for _, labels in data for kind in labels.rows.kind.tolist()]
    assert {kind: listed.count(kind) for kind in set(listed)} == kinds
    twice(data, tmp_path)
