from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.labels import BACKGROUND, VOID, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.coco_panoptic.ids import segment_ids
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.metrics.judging.judge import judge
from maskloom.quality.integrity import examine
from maskloom.store.images import png_bytes, read_map, write_png

from .conftest import dataset_of, folder_bytes, objects, write_photo

STREET = Taxonomy((Category("cat", "cat", "thing"), Category("sky", "sky", "stuff")))
# 2 × 4 px: cat 70000 left, sky 300 right, one pixel of each row nothing.
IDS = np.array([[70000, 70000, 300, 0], [70000, 300, 300, 0]])


def colors(ids):
    """The rule of the format, written out: id = R + 256 G + 65536 B."""
    return np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)


def segment(own, category, area, box, **more):
    return {"id": own, "category_id": category, "area": area, "bbox": box, "iscrowd": 0, **more}


def content():
    return {
        "info": {"year": 2018},
        "images": [{"id": 9, "file_name": "a.jpg", "height": 2, "width": 4, "license": 3}],
        "annotations": [
            {
                "image_id": 9,
                "file_name": "a.png",
                "segments_info": [
                    segment(70000, 17, 3, [0, 0, 2, 2], note="kept"),
                    segment(300, 187, 3, [1, 0, 2, 2]),
                ],
            }
        ],
        "categories": [
            {"id": 17, "name": "cat", "isthing": 1, "supercategory": "animal", "color": [9, 8, 7]},
            {"id": 187, "name": "sky", "isthing": 0, "supercategory": "sky"},
        ],
    }


def put(root, change=None, ids=IDS):
    """`panoptic_val.json` with its folder; `change` edits the parsed JSON."""
    data = content()
    if change is not None:
        change(data)
    (root / "panoptic_val").mkdir(parents=True, exist_ok=True)
    write_png(root / "panoptic_val/a.png", colors(ids))
    file = root / "panoptic_val.json"
    file.write_text(json.dumps(data))
    return file


def write(dataset, target, *, allow_loss=False, to="coco-panoptic"):
    return transfer(dataset, target, load_format(to), allow_loss=allow_loss)


def one(dataset):
    return dataset.labels_of(dataset.samples[0])


def test_segments_are_objects_with_ids_and_id_0_lies_outside_the_coverage(tmp_path):
    data = read_dataset(put(tmp_path))
    labels = one(data)
    assert labels.rows.instance.tolist() == [70000, 300]
    assert labels.rows.masks.decode().tolist() == [(IDS == 70000).tolist(), (IDS == 300).tolist()]
    assert [(c.name, c.kind, c.color) for c in data.taxonomy] == [
        ("cat", "thing", (9, 8, 7)),
        ("sky", "stuff", None),
    ]
    assert labels.coverage.area.dense(0).tolist() == (IDS > 0).tolist()
    assert class_map(labels, data.taxonomy).tolist() == [[0, 0, 1, VOID], [0, 1, 1, VOID]]


def test_a_map_without_0_is_covered_in_full(tmp_path):
    labels = one(read_dataset(put(tmp_path, ids=np.where(IDS == 0, 300, IDS))))
    assert labels.coverage.full
    assert labels.extra["notes"][0] == "segment 300: area 3, its pixels are 5"


def test_what_is_read_is_written_and_read_again_as_the_same_bytes(tmp_path):
    def crowded(data):
        data["annotations"][0]["segments_info"][0] |= {
            "iscrowd": 1, "score": 0.123456789, "attributes": {"wet": True},
        }  # fmt: skip
        data["annotations"][0]["by"] = "me"

    put(tmp_path / "src", crowded)
    write_photo(tmp_path / "src/images/a.jpg", (2, 4))
    data = read_dataset(tmp_path / "src")
    assert write(data, tmp_path / "a").changed_pixels == 0
    assert write(read_dataset(tmp_path / "a"), tmp_path / "b").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    assert (tmp_path / "a/images/a.jpg").is_file()
    again = json.loads((tmp_path / "a/annotations/panoptic_val.json").read_text())
    before = json.loads((tmp_path / "src/panoptic_val.json").read_text())
    assert again == before
    np.testing.assert_array_equal(
        read_map(tmp_path / "a/annotations/panoptic_val/a.png"), colors(IDS)
    )


def test_truth_against_itself_leaves_id_0_out(tmp_path):
    data = read_dataset(put(tmp_path))
    assert judge(data, data).metrics["miou"] == 1.0
    filled = read_dataset(put(tmp_path / "full", ids=np.where(IDS == 0, 300, IDS)))
    assert judge(data, filled).metrics["miou"] == 1.0
    assert judge(filled, data).metrics["miou"] < 1.0


def test_areas_and_boxes_that_the_pixels_do_not_have_are_warnings_of_check_and_convert(tmp_path):
    def wrong(data):
        data["annotations"][0]["segments_info"][1] |= {"area": 5, "bbox": [1, 0, 1, 1]}

    data = read_dataset(put(tmp_path / "src", wrong))
    found = [f.what for f in examine(data).ledger.kept if f.check == "contradiction"]
    assert found == [
        "segment 300: area 5, its pixels are 3",
        "segment 300: bbox [1, 0, 1, 1], that of its pixels is [1, 0, 2, 2]",
    ]
    done = write(data, tmp_path / "out")
    assert done.written
    assert "a: segment 300: area 5" in done.warnings[-1]
    assert done.warnings[-1].startswith("2 contradictions in the source")


def _segment(**change):
    return lambda data: data["annotations"][0]["segments_info"][1].update(change)


def _drop(name):
    return lambda data: data["annotations"][0]["segments_info"][1].pop(name)


def _annotation(**change):
    return lambda data: data["annotations"][0].update(change)


BAD = [
    (_segment(id=0), r"image 9, segment 0, id: .*1\.\.16777215"),
    (_segment(id=1 << 24), r"segment 16777216, id"),
    (_segment(id=True), r"segments_info\[1\], id: .*saw True"),
    (_segment(id=70000), r"segment 70000, id: two segments"),
    (_drop("category_id"), r"segment 300, category_id: the segment has no category_id"),
    (_segment(category_id=99), r"segment 300, category_id: no category has this id \(saw 99\)"),
    (_segment(iscrowd=2), r"segment 300, iscrowd"),
    (_segment(area="big"), r"segment 300, area"),
    (_segment(bbox=[1, 2, 3]), r"segment 300, bbox"),
    (_segment(bbox=[1, 2, 3, float("nan")]), r"segment 300, bbox"),
    (lambda d: d["annotations"][0]["segments_info"].append(7), r"segments_info\[2\]"),
    (_annotation(image_id=8), r"annotations\[0\], image_id: no image has this id \(saw 8\)"),
    (_annotation(file_name="../a.png"), r"image 9: file_name"),
    (_annotation(segments_info=None), r'image 9: no list "segments_info"'),
    (lambda d: d["annotations"].append(d["annotations"][0]), r"annotations\[1\].*two annotations"),
    (lambda d: d["images"].append(d["images"][0]), r"image 9: two images share an id"),
    (lambda d: d["categories"][0].update(isthing=3), r"category 17: isthing"),
    (lambda d: d["categories"][0].update(color=[1, 2]), r"category 17: a colour"),
    (lambda d: d.pop("categories"), r'no list "categories"'),
]


@pytest.mark.parametrize(("change", "told"), BAD)
def test_a_bad_entry_is_refused_with_file_image_segment_and_field(tmp_path, change, told):
    with pytest.raises(FormatError, match=told) as caught:
        read_dataset(put(tmp_path, change), "coco-panoptic")
    assert "panoptic_val.json" in caught.value.message


@pytest.mark.parametrize("change", [change for change, _ in BAD[1:3] + BAD[4:10]])
def test_skip_bad_leaves_a_segment_out_and_its_pixels_unlabelled(tmp_path, change):
    data = read_dataset(put(tmp_path, change), skip_bad=True)
    assert data.warnings[0].startswith("1 invalid annotation was left out")
    labels = one(data)
    assert labels.rows.instance.tolist() == [70000]
    assert labels.coverage.area.dense(0).tolist() == (IDS == 70000).tolist()


def test_ids_of_the_png_alone_and_of_the_json_alone_are_refused(tmp_path):
    stray = IDS.copy()
    stray[1, 3] = 5
    data = read_dataset(put(tmp_path, ids=stray))
    with pytest.raises(
        FormatError, match=r"image 9: .*1 px in a\.png, first at x=3, y=1 \(saw 5\)"
    ):
        one(data)
    assert len(one(read_dataset(put(tmp_path, ids=stray), skip_bad=True)).rows) == 2
    gone = np.where(IDS == 300, 0, IDS)
    with pytest.raises(FormatError, match=r"image 9, segment 300: .*no pixel in a\.png"):
        one(read_dataset(put(tmp_path, ids=gone)))
    assert one(read_dataset(put(tmp_path, ids=gone), skip_bad=True)).rows.instance.tolist() == [
        70000
    ]


def test_absent_damaged_grey_and_wrong_sized_maps_are_named(tmp_path):
    file = put(tmp_path)
    png = tmp_path / "panoptic_val/a.png"
    whole = png.read_bytes()
    for body, told in (
        (whole[: len(whole) // 2], r"a\.png: .*damaged or truncated"),
        (b"", r"a\.png: the image file is empty"),
        (png_bytes(IDS.astype(np.uint8)), r"a\.png: not a colour PNG"),
        (
            png_bytes(colors(IDS[:, :3])),
            r"image 9, a\.png: the map is 3 × 2 px, the JSON says 4 × 2",
        ),
    ):
        png.write_bytes(body)
        with pytest.raises(DataError, match=told):
            one(read_dataset(file))
    png.unlink()
    with pytest.raises(FormatError, match=r"image 9: the PNG map is not there"):
        one(read_dataset(file))


def test_the_folder_of_maps_is_named_as_the_file_or_by_an_option(tmp_path):
    file = put(tmp_path)
    (tmp_path / "panoptic_val").rename(tmp_path / "maps")
    with pytest.raises(FormatError, match=r"no folder of PNG maps .*from\.masks=FOLDER"):
        read_dataset(file)
    assert len(one(read_dataset(file, settings=[f"masks={tmp_path / 'maps'}"])).rows) == 2


def test_a_file_is_known_behind_many_images_and_a_folder_gives_way_to_instances(tmp_path):
    file = put(tmp_path)
    assert detect_format(file).name == "coco-panoptic"
    assert detect_format(tmp_path).name == "coco-panoptic"
    many = content()
    many["images"] = [{**many["images"][0], "id": i, "file_name": f"{i}.jpg"} for i in range(3000)]
    file.write_text(json.dumps(many))
    assert detect_format(file).name == "coco-panoptic"
    instances = {**content(), "annotations": []}
    (tmp_path / "instances_val.json").write_text(json.dumps(instances))
    assert detect_format(tmp_path).name == "coco"
    assert read_dataset(put(tmp_path).parent, "coco-panoptic").splits == {"val": ("a",)}


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_file_that_is_read_as_instances_is_told_to_be_panoptic(tmp_path, skip_bad):
    file = put(tmp_path)
    with pytest.raises(FormatError, match="this is a COCO panoptic file") as caught:
        read_dataset(file, "coco", skip_bad=skip_bad)
    assert "panoptic_val.json" in caught.value.message
    assert caught.value.hint == "read it with --from coco-panoptic"


def test_an_image_without_annotation_is_not_labelled_and_stays_so(tmp_path):
    def more(data):
        data["images"].append({"id": 10, "file_name": "b.jpg", "height": 3, "width": 3})

    data = read_dataset(put(tmp_path / "src", more))
    assert "1 images have no annotation and are not labelled, first 'b.jpg'" in data.warnings
    labels = data.labels_of(data.samples[1])
    assert labels.coverage.nothing
    assert write(data, tmp_path / "out").written
    again = json.loads((tmp_path / "out/annotations/panoptic.json").read_text())
    assert (len(again["images"]), len(again["annotations"])) == (2, 1)


def test_overlap_is_refused_and_else_goes_to_the_front(tmp_path):
    left, right = np.zeros((2, 2, 4), bool)
    left[:, :3], right[:, 1:] = True, True
    hidden = left & right
    both = {"score": [0.9, 0.2, 0.1], "z_order": [0, 0, 0]}
    data = dataset_of(STREET, {"a": objects([left, right, hidden], [0, 0, 0], **both)})
    refused = write(data, tmp_path / "x")
    assert not refused.written
    assert [(loss.kind, loss.objects, loss.pixels) for loss in refused.refused] == [
        ("overlap", 3, 8),
        ("covered", 1, 4),
    ]
    assert not (tmp_path / "x").exists()
    assert write(data, tmp_path / "score", allow_loss=True).written
    areas = one(read_dataset(tmp_path / "score")).rows.masks.areas
    assert areas.tolist() == [6, 2]
    both["z_order"] = [0, 2, 1]
    data = dataset_of(STREET, {"a": objects([left, right, hidden], [0, 0, 0], **both)})
    assert write(data, tmp_path / "z", allow_loss=True).written
    assert one(read_dataset(tmp_path / "z")).rows.masks.areas.tolist() == [2, 6]


def test_regions_of_one_stuff_become_one_segment_and_no_pixel_changes(tmp_path):
    a, b, c = np.zeros((3, 1, 3), bool)
    a[0, 0], b[0, 1], c[0, 2] = True, True, True
    done = write(dataset_of(STREET, {"k": objects([a, b, c], [1, 0, 1])}), tmp_path / "o")
    assert [(x.kind, x.objects) for x in done.refused] == [("parts", 1)]
    assert "2 regions of sky" in done.losses[0].example
    data = dataset_of(STREET, {"k": objects([a, b, c], [1, 0, 1])})
    done = write(data, tmp_path / "o", allow_loss=True)
    assert (done.changed_pixels, done.exact_objects, done.objects) == (0, 1, 3)
    assert one(read_dataset(tmp_path / "o")).rows.masks.areas.tolist() == [2, 1]


def test_background_has_no_value_and_is_a_loss_counted_in_pixels(tmp_path):
    mask = np.zeros((2, 4), bool)
    mask[0] = True
    rows = objects([mask])
    classes = Labels((2, 4), class_map=np.array([[1] * 4, [VOID, BACKGROUND, 1, 1]], np.uint8))
    for labels, pixels in ((rows, 4), (classes, 1)):
        done = write(dataset_of(STREET, {"a": labels}), tmp_path / "x")
        assert [(x.kind, x.pixels) for x in done.refused] == [("background", pixels)]
        done = write(dataset_of(STREET, {"a": labels}), tmp_path / str(pixels), allow_loss=True)
        assert done.changed_pixels == pixels
    covered = rows.replace(coverage=Coverage(area=rows.rows.masks))
    assert write(dataset_of(STREET, {"a": covered}), tmp_path / "y").losses == ()


def test_void_categories_and_void_pixels_become_id_0(tmp_path):
    taxonomy = Taxonomy((*STREET, Category("void", "void", void=True)))
    left, right = np.zeros((2, 1, 2), bool)
    left[0, 0], right[0, 1] = True, True
    data = dataset_of(taxonomy, {"a": objects([left, right], [0, 2])})
    refused = write(data, tmp_path / "a")
    assert not refused.written
    assert [(loss.kind, loss.objects) for loss in refused.refused] == [("ignored", 1)]
    assert [str(one) for one in refused.refused[0].first] == ["void 2 of a (1 px)"]
    done = write(data, tmp_path / "a", allow_loss=True)
    assert (done.written, done.changed_pixels) == (True, 0)
    regions = Taxonomy((*STREET, Category("void", "void", "stuff", void=True)))
    told = write(dataset_of(regions, {"a": objects([left, right], [0, 2])}), tmp_path / "told")
    assert (told.written, told.changed_pixels, told.refused) == (True, 0, ())
    assert [(loss.kind, loss.objects) for loss in told.losses] == [("void_classes", 1)]
    classes = Labels((1, 3), class_map=np.array([[1, VOID, 1]], np.uint8))
    done = write(dataset_of(taxonomy, {"a": classes}), tmp_path / "b")
    assert (done.written, done.changed_pixels) == (True, 0)
    back = read_dataset(tmp_path / "b")
    assert [c.name for c in back.taxonomy] == ["cat", "sky"]
    assert class_map(one(back), back.taxonomy).tolist() == [[1, VOID, 1]]


def test_new_ids_are_the_same_every_time_unique_apart_and_near_their_category():
    table = [(220, 20, 60), (0, 0, 0), (255, 255, 255)]
    category = np.repeat([0, 1, 2], 20).astype(np.int32)
    ids = segment_ids(category, table, [])
    np.testing.assert_array_equal(ids, segment_ids(category, table, []))
    assert ids.min() > 0
    assert len(set(ids.tolist())) == 60
    rgb = colors(ids).astype(int)
    apart = np.abs(rgb[:, None] - rgb[None]).max(axis=2) + 255 * np.eye(60, dtype=int)
    assert apart.min() >= 8
    assert tuple(rgb[0]) == table[0]
    assert np.abs(rgb - np.repeat(table, 20, axis=0)).max() <= 48


def test_thousands_of_segments_get_ids_of_their_own(tmp_path):
    masks, _ = Masks.from_id_map(np.arange(1, 64 * 64 + 1).reshape(64, 64))
    labels = Labels((64, 64), rows=Rows.make(masks, np.zeros(64 * 64)))
    done = write(dataset_of(STREET, {"a": labels}), tmp_path / "a")
    assert (done.written, done.exact_objects) == (True, 4096)


def test_own_ids_are_kept_and_one_that_is_taken_is_not():
    ids = segment_ids(np.zeros(4, np.int32), [(1, 1, 1)], [5, 5, None, 1 << 24])
    assert ids[0] == 5
    assert len(set(ids.tolist())) == 4


def test_maps_of_one_name_in_two_files_and_a_new_image_get_names_of_their_own(tmp_path):
    whole = np.where(IDS == 0, 300, IDS)
    for split, key in (("train", "x"), ("val", "y")):

        def renamed(data, key=key):
            data["images"][0]["file_name"] = f"{key}.jpg"

        put(tmp_path / split, renamed, whole if key == "x" else IDS)
        (tmp_path / split / "panoptic_val.json").rename(tmp_path / f"panoptic_{split}.json")
        (tmp_path / split / "panoptic_val").rename(tmp_path / f"panoptic_{split}")
    data = read_dataset(tmp_path)
    assert data.splits == {"train": ("x",), "val": ("y",)}
    fmt = load_format("coco-panoptic")
    writer = fmt.writer(tmp_path / "o", data.taxonomy, fmt.WriteOptions(images="none"), data.extra)
    for sample, labels in data:
        writer.put(sample, labels)
    new = Labels((2, 4), class_map=np.zeros((2, 4), np.uint8))
    writer.put(replace(data.samples[0], key="a", extra={}), new)
    writer.finish({})
    said = json.loads((tmp_path / "o/annotations/panoptic.json").read_text())
    assert [a["file_name"] for a in said["annotations"]] == ["a.png", "a-2.png", "y.png"]
    back = read_dataset(tmp_path / "o")
    areas = [labels.rows.masks.areas.tolist() for _, labels in back]
    assert sorted(areas) == [[3, 3], [3, 5], [8]]


def test_a_target_named_like_a_file_is_refused(tmp_path):
    data = read_dataset(put(tmp_path))
    with pytest.raises(UsageError, match=r"o\.json: coco-panoptic is a folder"):
        write(data, tmp_path / "o.json")
    fmt = load_format("coco-panoptic")
    with pytest.raises(UsageError, match=r"o\.json: coco-panoptic is a folder"):
        fmt.writer(tmp_path / "o.json", data.taxonomy, fmt.WriteOptions(), {})


@pytest.mark.shared
def test_coco_mini_comes_back_without_a_changed_pixel_or_fact(shared, tmp_path):
    source = shared / "coco_mini/panoptic_train2017.json"
    data = read_dataset(source)
    done = write(data, tmp_path / "a")
    assert (done.objects, done.exact_objects, done.changed_pixels) == (192, 192, 0)
    assert done.losses == ()
    assert done.warnings == ()
    said = json.loads(source.read_text())
    for name in ("images", "annotations"):
        said[name].sort(key=lambda entry: entry.get("image_id", entry.get("id")))
    assert json.loads((tmp_path / "a/annotations/panoptic.json").read_text()) == said
    for png in sorted((shared / "coco_mini/panoptic_train2017").iterdir()):
        np.testing.assert_array_equal(
            read_map(tmp_path / "a/annotations/panoptic" / png.name), read_map(png)
        )
    assert write(read_dataset(tmp_path / "a"), tmp_path / "b").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    assert read_dataset(shared / "coco_mini", "coco-panoptic").splits["train2017"]


@pytest.mark.shared
def test_the_examples_of_panopticapi_have_their_numbers(shared):
    folder = shared / "conformance/panopticapi"
    data = read_dataset(folder / "panoptic_examples.json", images=folder / "input_images")
    assert data.warnings == ()
    said = json.loads((folder / "panoptic_examples.json").read_text())
    wanted = {a["image_id"]: a["segments_info"] for a in said["annotations"]}
    for sample, labels in data:
        listed = wanted[sample.extra["coco"]["id"]]
        assert labels.rows.masks.areas.tolist() == [s["area"] for s in listed]
        assert labels.rows.crowd.tolist() == [bool(s["iscrowd"]) for s in listed]
        assert "notes" not in labels.extra
    assert sum(len(labels.rows) for _, labels in data) == 50


@pytest.mark.shared
def test_a_datumaro_map_of_another_size_is_refused_and_boxes_one_short_are_told(shared):
    root = shared / "conformance/datumaro/coco_dataset"
    with pytest.raises(FormatError, match="5 × 5 px, the JSON says 10 × 5 px"):
        one(read_dataset(root / "coco_panoptic", "coco-panoptic"))
    labels = one(read_dataset(root / "coco", "coco-panoptic"))
    assert labels.rows.masks.areas.tolist() == [20]
    assert labels.extra["notes"] == (
        "segment 7: bbox [2.0, 0.0, 4.0, 4.0], that of its pixels is [2, 0, 5, 5]",
    )
