from __future__ import annotations

import json
import math

import numpy as np
import pytest
import skimage.draw
from hypothesis import given, settings
from hypothesis import strategies as st

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError, UsageError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of, folder_bytes, objects, write_photo
from .tool_cases import SIZE, exact, hard_dataset, hard_masks, put, stable

X, Y = [4, 40, 31.5, 12], [3, 6, 30, 22.25]


def balloons_mask(shape, size=SIZE):
    """What Mask R-CNN's sample for VIA files makes of a polygon, transcribed."""
    out = np.zeros(size, bool)
    rr, cc = skimage.draw.polygon(shape["all_points_y"], shape["all_points_x"], size)
    out[rr, cc] = True
    return out


def polygon(x=X, y=Y, **attributes):
    return {
        "shape_attributes": {"name": "polygon", "all_points_x": x, "all_points_y": y},
        "region_attributes": attributes,
    }


def region(name, /, _attributes=None, **fields):
    return {"shape_attributes": {"name": name, **fields}, "region_attributes": _attributes or {}}


def entry(*regions, name="a.png", size=123, **more):
    return {"filename": name, "size": size, "regions": list(regions), "file_attributes": {}, **more}


def put_file(root, *entries, name="via_region_data.json", project=None, image=True):
    listed = {f"{one['filename']}{one['size']}": one for one in entries}
    for one in entries:
        if image:
            write_photo(root / one["filename"], SIZE)
    data = listed if project is None else {**project, "_via_img_metadata": listed}
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(data))
    return root


def first(dataset):
    return dataset.labels_of(dataset.samples[0])


def said(root, name="via_region_data.json"):
    data = json.loads((root / name).read_text())
    return list(data.get("_via_img_metadata", data).values())


def test_polygons_are_filled_as_the_sample_of_mask_r_cnn_fills_them(tmp_path):
    rng = np.random.default_rng(2)
    regions = [polygon()]
    for _ in range(40):
        corners = rng.integers(-5, 60, (2, int(rng.integers(3, 9))))
        regions.append(polygon(*corners.tolist()))
    rows = first(read_dataset(put_file(tmp_path, entry(*regions)))).rows
    assert detect_format(tmp_path).name == "via"
    for i, one in enumerate(regions):
        np.testing.assert_array_equal(rows.masks.dense(i), balloons_mask(one["shape_attributes"]))
    assert rows.geometry[0].parts[0].T.tolist() == [X, Y]


@pytest.mark.parametrize("theta", [None, 0.0, 0.5, -2.664, math.pi / 2])
def test_an_ellipse_turns_clockwise_on_the_screen(tmp_path, theta):
    turn = {} if theta is None else {"theta": theta}
    one = region("ellipse", cx=28, cy=20, rx=16.5, ry=7.25, **turn)
    rows = first(read_dataset(put_file(tmp_path, entry(one)))).rows
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] - np.array([20, 28])[:, None, None]
    c, s = math.cos(theta or 0), math.sin(theta or 0)
    inside = ((x * c + y * s) / 16.5) ** 2 + ((y * c - x * s) / 7.25) ** 2 < 1
    np.testing.assert_array_equal(rows.masks.dense(0), inside)


def test_a_circle_holds_the_pixels_nearer_than_its_radius(tmp_path):
    rows = first(
        read_dataset(put_file(tmp_path, entry(region("circle", cx=10, cy=12, r=6.5))))
    ).rows
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    np.testing.assert_array_equal(rows.masks.dense(0), np.hypot(x - 10, y - 12) < 6.5)


def test_rectangles_are_boxes_or_polygons(tmp_path):
    put_file(tmp_path, entry(region("rect", x=4, y=3, width=5, height=6)))
    rows = first(read_dataset(tmp_path)).rows
    assert (rows.kind.tolist(), rows.source[0]["bbox"]) == ([RowKind.BOX], [4, 3, 5, 6])
    rows = first(read_dataset(tmp_path, settings=["rectangles=mask"])).rows
    corners = {"all_points_x": [4, 9, 9, 4], "all_points_y": [3, 3, 9, 9]}
    np.testing.assert_array_equal(rows.masks.dense(0), balloons_mask(corners))


@pytest.mark.parametrize(
    ("attributes", "options", "wanted"),
    [
        ({"class": "cat", "age": "old"}, [], ("cat", {"age": "old"})),
        ({"animal": "cat"}, [], ("cat", {})),
        ({"animal": {"cat": True, "dog": False}}, [], ("cat", {})),
        ({"kind": "cat", "age": "old"}, ["category=kind"], ("cat", {"age": "old"})),
        ({"kind": "cat", "age": "old"}, ["name=pet"], ("pet", {"kind": "cat", "age": "old"})),
        ({}, ["name=balloon"], ("balloon", {})),
        ({"class": ""}, [], ("object", {})),
        ({"class": 3}, [], ("3", {})),
    ],
)
def test_a_region_attribute_is_the_class(tmp_path, attributes, options, wanted):
    put_file(tmp_path, entry(polygon(**attributes)))
    data = read_dataset(tmp_path, "via", settings=options)
    rows = first(data).rows
    name = data.taxonomy[rows.category[0]].name
    assert (name, rows.attributes[0] if rows.attributes else {}) == wanted
    told = "names it" in " ".join(data.warnings)
    assert told == (options == ["name=pet"])


def test_an_attribute_that_no_region_has_is_refused(tmp_path):
    put_file(tmp_path, entry(polygon(kind="cat")))
    with pytest.raises(UsageError, match="Known are kind"):
        read_dataset(tmp_path, settings=["category=clas"])


def test_versions_1_and_2_alone_and_in_projects_say_the_same(tmp_path):
    regions = [polygon(**{"class": "cat"}), region("point", {"class": "dog"}, cx=3, cy=4)]
    put_file(tmp_path / "two", entry(*regions))
    one = {
        **entry(),
        "regions": {str(i): r for i, r in enumerate(regions)},
        "fileref": "",
        "base64_img_data": "",
    }
    put_file(tmp_path / "one", one)
    project = {
        "_via_settings": {"ui": {}},
        "_via_attributes": {"region": {}, "file": {}},
        "_via_data_format_version": "2.0.10",
    }
    put_file(tmp_path / "project", entry(*regions), name="my.json", project=project)
    third = {
        "project": {"data_format_version": "3.1.1", "vid_list": ["1", "2"]},
        "config": {"file": {"loc_prefix": {"1": ""}}},
        "attribute": {"1": {"aname": "class", "type": 4, "options": {"0": "cat", "1": "dog"}}},
        "file": {
            "1": {"fid": "1", "fname": "a.png", "type": 2, "loc": 1, "src": ""},
            "2": {"fid": "2", "fname": "b.mp4", "type": 4, "loc": 1, "src": ""},
        },
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
        "metadata": {
            "1_a": {"vid": "1", "flg": 0, "z": [], "xy": [7, *np.array([X, Y]).T.ravel().tolist()], "av": {"1": "0"}},
            "1_b": {"vid": "1", "flg": 0, "z": [], "xy": [1, 3, 4], "av": {"1": "1"}},
            "2_a": {"vid": "2", "flg": 0, "z": [1.5, 2.5], "xy": [], "av": {"1": "1"}},
        },
    }  # fmt: skip
    write_photo(tmp_path / "three/a.png", SIZE)
    (tmp_path / "three/p.json").write_text(json.dumps(third))
    seen = []
    for name in ("one", "two", "project", "three"):
        assert detect_format(tmp_path / name).name == "via"
        data = read_dataset(tmp_path / name)
        rows = first(data).rows
        seen.append(
            (
                [c.name for c in data.taxonomy],
                [s.key for s in data.samples],
                rows.kind.tolist(),
                rows.masks,
            )
        )
        exact(data, tmp_path / f"{name}_out", "via")
    assert seen[1:] == seen[:-1]
    assert seen[0][:3] == (["cat", "dog"], ["a"], [RowKind.MASK, RowKind.POINT])
    assert read_dataset(tmp_path / "three").warnings == (
        "1 regions of video, audio or several files are left out",
    )


def test_shapes_of_version_3_are_told_by_their_number(tmp_path):
    shapes = [
        [2, 1, 2, 3, 4],
        [3, 9, 9, 4],
        [4, 20, 20, 5, 3],
        [4, 20, 20, 5, 3, 0.5],
        [6, 1, 1, 5, 5, 9, 1],
        [5, 1, 1, 5, 5],
    ]
    data = {
        "project": {}, "config": {"file": {"loc_prefix": {}}}, "attribute": {},
        "file": {"1": {"fname": "a.png", "type": 2}}, "view": {"1": {"fid_list": ["1"]}},
        "metadata": {str(i): {"vid": "1", "z": [], "xy": xy, "av": {}} for i, xy in enumerate(shapes)},
    }  # fmt: skip
    write_photo(tmp_path / "a.png", SIZE)
    (tmp_path / "p.json").write_text(json.dumps(data))
    rows = first(read_dataset(tmp_path)).rows
    assert rows.kind.tolist() == [RowKind.BOX, 0, 0, 0, RowKind.LINE, RowKind.LINE]
    assert rows.masks[2] != rows.masks[3]
    data["metadata"]["9"] = {"vid": "1", "z": [], "xy": [8, 1, 2], "av": {}}
    (tmp_path / "p.json").write_text(json.dumps(data))
    with pytest.raises(FormatError, match=r"p\.json: a\.png: region 6: an unknown shape of VIA 3"):
        first(read_dataset(tmp_path))
    data = read_dataset(tmp_path, skip_bad=True)
    assert len(first(data).rows) == 6


def test_what_a_file_says_comes_back_in_the_written_one(tmp_path):
    regions = [
        polygon(**{"class": "cat", "age": {"old": True}}),
        region("circle", {"class": "dog"}, cx=10, cy=12, r=6.5),
        region("ellipse", {"class": "dog"}, cx=28, cy=20, rx=16.5, ry=7.25, theta=-0.3),
        region("rect", {"class": "dog"}, x=4, y=3, width=5, height=6),
        region("point", {"class": "cat"}, cx=3, cy=4),
        region("polyline", {"class": "cat"}, all_points_x=[1, 2, 9], all_points_y=[1, 5, 5]),
    ]
    regions[0]["timestamp"] = 5
    project = {
        "_via_settings": {"ui": {"zoom": 1}},
        "_via_attributes": {
            "region": {"class": {"type": "radio", "options": {"cat": "a cat"}}},
            "file": {"by": {}},
        },
        "_via_data_format_version": "2.0.9",
    }
    one = entry(*regions, file_attributes={"by": "ann"}, note="x")
    src = put_file(tmp_path / "src", one, name="my.json", project=project)
    stable(src, tmp_path, "via")
    made = said(tmp_path / "one", "via_project.json")[0]
    for wanted, back in zip(regions, made["regions"], strict=True):
        assert wanted == back
    assert (made["filename"], made["file_attributes"], made["note"]) == (
        "a.png",
        {"by": "ann"},
        "x",
    )
    assert made["size"] == (tmp_path / "src/a.png").stat().st_size
    whole = json.loads((tmp_path / "one/via_project.json").read_text())
    assert {k: whole[k] for k in project} == project
    assert whole["_via_image_id_list"] == list(whole["_via_img_metadata"])


def test_a_project_for_via_lists_its_classes(tmp_path):
    data = dataset_of(NUCLEUS, {"a": objects(hard_masks()[:1])})
    exact(data, tmp_path / "a", "via", form="project")
    whole = json.loads((tmp_path / "a/via_project.json").read_text())
    assert whole["_via_attributes"]["region"]["class"]["options"] == {"nucleus": ""}
    assert detect_format(tmp_path / "a/via_project.json").name == "via"


def test_a_project_of_version_3_says_what_version_2_says(tmp_path):
    data = dataset_of(NUCLEUS, {"a": objects(hard_masks()), "b": objects(hard_masks()[:1])})
    exact(data, tmp_path / "a", "via", form="via3")
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", "via", form="via3")
    files = [(tmp_path / one / "via3_project.json").read_bytes() for one in "ab"]
    assert files[0] == files[1]
    whole = json.loads(files[0])
    assert whole["project"]["vid_list"] == list(whole["view"]) == list(whole["file"])
    assert whole["attribute"]["1"] == {
        "aname": "class", "anchor_id": "FILE1_Z0_XY1", "type": 4, "desc": "",
        "options": {"0": "nucleus"}, "default_option_id": "",
    }  # fmt: skip
    (one,) = [m for m in whole["metadata"].values() if m["vid"] == "2"]
    assert (one["xy"][0], one["av"], one["z"]) == (7, {"1": "0"}, [])
    assert detect_format(tmp_path / "a/via3_project.json").name == "via"


def test_what_version_3_has_no_place_for_is_told(tmp_path):
    ellipse = {"cx": 28, "cy": 20, "rx": 16.5, "ry": 7.25}
    regions = [
        polygon(**{"class": "cat", "age": "old"}),
        region("circle", {"class": "dog"}, cx=10, cy=12, r=6.5),
        region("ellipse", {"class": "dog"}, **ellipse, theta=-0.3),
        region("ellipse", {"class": "dog"}, **ellipse),
        region("rect", {"class": "dog"}, x=4, y=3, width=5, height=6),
        region("point", {"class": "cat"}, cx=3, cy=4),
        region("polyline", {"class": "cat"}, all_points_x=[1, 2, 9], all_points_y=[1, 5, 5]),
    ]
    put_file(tmp_path / "plain", entry(*regions, file_attributes={"by": "ann"}))
    data = read_dataset(tmp_path / "plain")
    fmt = load_format("via")
    done = transfer(data, tmp_path / "out", fmt, options=fmt.WriteOptions(form="via3"))
    assert done.written
    told = {loss.kind: loss.objects for loss in done.losses}
    assert told == {"vertices": 1, "fields": 1}  # of the ellipse that is turned
    back = read_dataset(tmp_path / "out")
    assert first(back).rows.masks == first(data).rows.masks
    assert back.samples[0].tags == {"by": "ann"}
    kinds = [m["xy"][0] for m in said_by_third(tmp_path / "out") if m["xy"]]
    assert kinds == [7, 3, 7, 4, 2, 1, 6]
    regions[0]["timestamp"] = 5
    put_file(tmp_path / "odd", entry(*regions[:1], note="x"))
    odd = transfer(
        read_dataset(tmp_path / "odd"), tmp_path / "b", fmt, options=fmt.WriteOptions(form="via3")
    )
    assert [(loss.kind, loss.objects) for loss in odd.losses] == [("fields", 1)]


def said_by_third(root):
    return json.loads((root / "via3_project.json").read_text())["metadata"].values()


def test_hard_labels_are_exact_for_scikit_image_and_their_bytes_stable(tmp_path):
    exact(hard_dataset(tmp_path / "photos"), tmp_path / "src", "via")
    written = stable(tmp_path / "src", tmp_path, "via")
    assert written == folder_bytes(tmp_path / "src")
    assert read_dataset(tmp_path / "src").splits == {"train": ("hard", "many"), "val": ("none",)}
    for one, mask in zip(said(tmp_path / "src")[0]["regions"], hard_masks(), strict=True):
        np.testing.assert_array_equal(balloons_mask(one["shape_attributes"]), mask)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.5, 0.95]))
def test_any_mask_is_exact_for_scikit_image(tmp_path_factory, seed, share):
    rng = np.random.default_rng(seed)
    masks = [rng.random(SIZE) < share for _ in range(2)]
    target = tmp_path_factory.mktemp("any") / "a"
    exact(dataset_of(NUCLEUS, {"a": objects(masks)}), target, "via")
    for one, mask in zip(said(target)[0]["regions"], masks, strict=True):
        np.testing.assert_array_equal(balloons_mask(one["shape_attributes"]), mask)


def test_scikit_image_7271_masks_do_not_lean_to_one_side(tmp_path):
    """Vertices on pixels' centres are taken in on two sides and left out on the others."""
    disc = np.hypot(*(np.mgrid[: SIZE[0], : SIZE[1]] - np.array([17, 25])[:, None, None])) < 9.3
    turned = [disc, disc[::-1], disc[:, ::-1], disc[::-1, ::-1]]
    exact(dataset_of(NUCLEUS, {"a": objects(turned)}), tmp_path / "a", "via")
    seen = [balloons_mask(one["shape_attributes"]) for one in said(tmp_path / "a")[0]["regions"]]
    for back, mask in zip(seen, turned, strict=True):
        np.testing.assert_array_equal(back, mask)


def test_polygons_are_made_for_another_reader_where_one_is_named(tmp_path):
    import cv2

    masks = [hard_masks()[i] for i in (0, 2, 6, 8)]
    exact(dataset_of(NUCLEUS, {"a": objects(masks[:1])}), tmp_path / "a", "via", rule="opencv")
    shape = said(tmp_path / "a")[0]["regions"][0]["shape_attributes"]
    canvas = np.zeros(SIZE, np.uint8)
    ring = np.array([shape["all_points_x"], shape["all_points_y"]]).T
    cv2.fillPoly(canvas, [ring.astype(np.int32)], 1)
    np.testing.assert_array_equal(canvas > 0, masks[0])
    assert json.loads((tmp_path / "a/taxonomy.json").read_text())["rule"] == "opencv"
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", "via", rule="opencv")
    first_bytes, second = (folder_bytes(tmp_path / n) for n in ("a", "b"))
    assert first_bytes == second


def test_parts_that_a_reader_of_outlines_cannot_get_in_one_ring_are_told(tmp_path):
    data = dataset_of(NUCLEUS, {"a": objects([hard_masks()[1]])})
    done = put(data, tmp_path / "a", "via", rule="opencv")
    assert not done.written
    told = done.losses[0]
    assert (told.kind, told.objects) == ("pixels", 1)
    assert told.pixels > 0
    assert "one ring cannot join" in told.example


def test_a_layout_of_train_and_val_folders_is_kept(tmp_path):
    put_file(tmp_path / "src/train", entry(polygon(), name="a.jpg"))
    put_file(tmp_path / "src/val", entry(polygon(), name="b.jpg"))
    data = read_dataset(tmp_path / "src", settings=["name=balloon"])
    assert data.splits == {"train": ("train/a",), "val": ("val/b",)}
    exact(data, tmp_path / "out", "via")
    names = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")
    )
    assert names == [
        "taxonomy.json", "train/a.jpg", "train/via_region_data.json", "val/b.jpg", "val/via_region_data.json",
    ]  # fmt: skip
    assert said(tmp_path / "out/train")[0]["filename"] == "a.jpg"
    stable(tmp_path / "src", tmp_path, "via")


def test_images_that_differ_only_in_their_suffix_stay_two(tmp_path):
    put_file(tmp_path / "src", entry(polygon(), name="a.png"), entry(polygon(Y, X), name="a.jpg"))
    data = read_dataset(tmp_path / "src")
    assert [s.key for s in data.samples] == ["a.jpg", "a.png"]
    stable(tmp_path / "src", tmp_path, "via")


def test_without_the_image_the_size_is_asked_for(tmp_path):
    put_file(tmp_path, entry(polygon()), image=False)
    with pytest.raises(FormatError, match="neither the label file nor an image tells the size"):
        first(read_dataset(tmp_path))


def test_names_that_lead_out_are_not_followed(tmp_path):
    write_photo(tmp_path / "secret.png", SIZE)
    put_file(tmp_path / "data", entry(polygon(), name="../secret.png"), image=False)
    data = read_dataset(tmp_path / "data")
    assert data.samples[0].image.path is None
    assert ".." not in data.samples[0].key
    assert "lead out of the data's folder" in " ".join(data.warnings)


def test_what_via_cannot_hold_is_declared(tmp_path):
    masks = Masks.from_dense([hard_masks()[0], hard_masks()[1], np.zeros(SIZE, bool)])
    rows = Rows.make(
        masks, [0] * 3, instance=[1, 1, 2], score=[0.5, np.nan, np.nan], crowd=[True, False, False]
    )
    data = dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)})
    done = put(data, tmp_path / "a", "via")
    assert {loss.kind for loss in done.losses} == {"parts", "score", "crowd", "empty"}
    assert not (tmp_path / "a").exists()
    assert put(data, tmp_path / "a", "via", allow_loss=True).written


def test_void_categories_stay_void(tmp_path):
    taxonomy = Taxonomy((Category("cell", "cell"), Category("none", "none", void=True)))
    exact(dataset_of(taxonomy, {"a": objects(hard_masks()[:2], [0, 1])}), tmp_path / "a", "via")
    assert [c.void for c in read_dataset(tmp_path / "a").taxonomy] == [False, True]


NAN = float("nan")
BAD = {
    "no shape": ({"region_attributes": {}}, "without shape_attributes"),
    "not an object": (3, "without shape_attributes"),
    "unknown shape": (region("cube"), "an unknown shape"),
    "lengths": (polygon([1, 2, 3], [1, 2]), "lists of one length"),
    "few": (polygon([1, 2], [1, 2]), "fewer than 3"),
    "NaN": (polygon([1, NAN, 3], [1, 2, 9]), "not finite"),
    "text": (polygon([1, "a", 3], [1, 2, 9]), "pairs of numbers"),
    "far away": (polygon([1, 1e9, 3], [1, 2, 9]), r"beyond 2\*\*24"),
    "circle": (region("circle", cx=1, cy=2, r=None), "cx, cy, r are numbers"),
    "ellipse": (region("ellipse", cx=1, cy=2, rx=3, ry=NAN), "are numbers"),
    "rect": (region("rect", x=1, y=2, width=-3, height=1), "negative size"),
    "attributes": ({**polygon(), "region_attributes": [1]}, "region_attributes are an object"),
    "two classes": (polygon(**{"class": {"a": True, "b": True}}), "several values of class"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_region_is_refused_with_its_place_or_left_out(tmp_path, name):
    bad, said_of = BAD[name]
    put_file(tmp_path, entry(polygon(**{"class": "cat"}), bad))
    with pytest.raises(FormatError, match=rf"via_region_data\.json: a\.png: region 1.*{said_of}"):
        first(read_dataset(tmp_path))
    data = read_dataset(tmp_path, skip_bad=True)
    assert len(first(data).rows) == 1
    assert "1 invalid annotation was left out, first: " in " ".join(data.warnings)


def test_damaged_files_are_refused(tmp_path):
    put_file(tmp_path, entry(polygon()))
    file = tmp_path / "via_region_data.json"
    whole = file.read_text()
    for text, said_of in (
        (whole[:-5], "not valid JSON"),
        (whole.replace('"filename"', '"fname"'), "an entry without a filename"),
        (whole.replace('"regions": [', '"regions": 5, "x": ['), "regions are a list"),
        (
            "{" + f'"x": {whole[1:-1].partition(": ")[2]}, ' + whole[1:],
            "two entries tell of one image",
        ),
    ):
        file.write_text(text)
        with pytest.raises(FormatError, match=said_of):
            read_dataset(tmp_path, "via")


def test_two_files_that_tell_of_one_image_are_refused(tmp_path):
    put_file(tmp_path, entry(polygon()))
    put_file(tmp_path, entry(polygon()), name="copy.json")
    with pytest.raises(FormatError, match="two files tell of one image"):
        read_dataset(tmp_path)
    assert len(read_dataset(tmp_path / "copy.json").samples) == 1
