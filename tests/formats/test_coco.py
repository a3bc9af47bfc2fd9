from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as oracle
from pycocotools.coco import COCO

from maskloom.core.labels import Geometry, RowKind
from maskloom.errors import FormatError, WriteError
from maskloom.formats.coco.ids import IdColumn, kept_ids
from maskloom.formats.coco.rings import edges_of
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import write_png

from .conftest import write_photo

# pycocotools converts arrays in a way that numpy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SQUARE = [1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0]


def coco(annotations, size=(5, 6), **fields):
    return {
        "info": {"year": 2026},
        "images": [
            {"id": 7, "file_name": "a.png", "height": size[0], "width": size[1], "flickr_url": "u"}
        ],
        "categories": [
            {"id": 18, "name": "dog", "supercategory": "animal"},
            {"id": 3, "name": "car", "supercategory": "vehicle"},
        ],
        "annotations": [
            {"id": 10 + i, "image_id": 7, "category_id": 18, "iscrowd": 0, **a}
            for i, a in enumerate(annotations)
        ],
        **fields,
    }


def saved(tmp_path, data, name="instances.json"):
    path = tmp_path / name
    path.write_text(json.dumps(data))
    return path


def labels_of(path, **options):
    data = read_dataset(path, **options)
    return data, data.labels_of(data.samples[0])


def test_polygons_runs_and_strings_make_the_same_mask(tmp_path):
    mask = np.zeros((5, 6), np.uint8)
    mask[1:3, 1:4] = 1
    string = oracle.encode(np.asfortranarray(mask))["counts"].decode()
    runs = [6, 2, 3, 2, 3, 2, 12]
    path = saved(
        tmp_path,
        coco(
            [
                {"segmentation": [SQUARE]},
                {"segmentation": {"size": [5, 6], "counts": runs}, "iscrowd": 1},
                {"segmentation": {"size": [5, 6], "counts": string}},
            ]
        ),
    )
    _, labels = labels_of(path)
    for i in range(3):
        np.testing.assert_array_equal(labels.rows.masks.dense(i), mask.astype(bool))
    assert labels.rows.crowd.tolist() == [False, True, False]


def test_sparse_ids_and_foreign_fields_survive(tmp_path):
    path = saved(
        tmp_path,
        coco(
            [
                {
                    "segmentation": [SQUARE],
                    "area": 6.5,
                    "bbox": [1, 1, 3, 2],
                    "track": "x",
                    "category_id": 3,
                    "attributes": {"occluded": True},
                    "score": 0.3,
                }
            ]
        ),
    )
    data, labels = labels_of(path)
    assert [c.id_in("coco") for c in data.taxonomy] == [18, 3]
    assert labels.rows.source[0] == {"id": 10, "area": 6.5, "bbox": [1, 1, 3, 2], "track": "x"}
    done = transfer(data, tmp_path / "out.json", load_format("coco"))
    assert done.written
    assert done.losses == ()
    again = json.loads((tmp_path / "out.json").read_text())
    entry = again["annotations"][0]
    assert entry.pop("segmentation") == [SQUARE]
    assert entry == {
        "id": 10,
        "image_id": 7,
        "category_id": 3,
        "iscrowd": 0,
        "area": 6.5,
        "bbox": [1, 1, 3, 2],
        "track": "x",
        "attributes": {"occluded": True},
        "score": 0.3,
    }
    assert again["images"] == coco([])["images"]
    assert again["categories"] == coco([])["categories"]
    assert again["info"] == {"year": 2026}


def test_vertices_under_another_rule_become_runs_and_are_told(tmp_path):
    path = saved(tmp_path, coco([{"segmentation": [SQUARE]}]))
    data, labels = labels_of(path)
    ring = Geometry(tuple(np.array(p, float) for p in labels.rows.geometry[0].parts), "centre")
    other = labels.replace(rows=replace(labels.rows, geometry=(ring,)))
    for how, kind in (("source", dict), ("polygon", list), ("rle", dict)):
        fmt = load_format("coco")
        done = transfer(
            replace(data, labels_of=lambda _: other),
            tmp_path / f"{how}.json",
            fmt,
            options=fmt.WriteOptions(segmentation=how),
        )
        assert [(loss.kind, loss.objects) for loss in done.losses] == [("vertices", 1)]
        entry = json.loads((tmp_path / f"{how}.json").read_text())["annotations"][0]
        assert isinstance(entry["segmentation"], kind)


def test_a_second_conversion_writes_the_same_bytes(tmp_path):
    path = saved(tmp_path, coco([{"segmentation": [SQUARE], "score": 0.1}]))
    transfer(read_dataset(path), tmp_path / "b.json", load_format("coco"))
    transfer(read_dataset(tmp_path / "b.json"), tmp_path / "c.json", load_format("coco"))
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "c.json").read_bytes()


def test_author_polygons_are_written_verbatim_when_asked(tmp_path):
    ring = [0.25, 0.5, 5.5, 1.25, 2.0, 4.75]
    data, labels = labels_of(saved(tmp_path, coco([{"segmentation": [ring]}])))
    assert labels.rows.geometry[0].rule == "coco"
    fmt = load_format("coco")
    transfer(data, tmp_path / "o.json", fmt, options=fmt.WriteOptions(segmentation="polygon"))
    assert json.loads((tmp_path / "o.json").read_text())["annotations"][0]["segmentation"] == [ring]


def test_rings_of_holes_and_parts_make_the_same_mask_in_pycocotools():
    rng = np.random.default_rng(3)
    from maskloom.core.masks import Masks

    for density in (0.2, 0.5, 0.9):
        dense = rng.random((13, 11)) < density
        polygon = edges_of(Masks.from_dense(dense))
        assert polygon is not None
        theirs = oracle.decode(oracle.merge(oracle.frPyObjects(polygon, 13, 11)))
        np.testing.assert_array_equal(theirs.astype(bool), dense)


def test_boxes_without_masks_survive_coco_and_are_told_elsewhere(tmp_path):
    path = saved(tmp_path, coco([{"segmentation": [], "area": 3.0, "bbox": [2.0, 2.0, 3.0, 1.0]}]))
    data, labels = labels_of(path)
    assert labels.rows.kind.tolist() == [RowKind.BOX]
    done = transfer(data, tmp_path / "o.json", load_format("coco"))
    assert done.written
    entry = json.loads((tmp_path / "o.json").read_text())["annotations"][0]
    assert entry["segmentation"] == []
    assert entry["bbox"] == [2.0, 2.0, 3.0, 1.0]
    refused = transfer(data, tmp_path / "o", load_format("objects")).refused
    assert [(loss.kind, loss.objects) for loss in refused] == [("drawings", 1)]


def test_a_results_list_needs_its_ground_truth(tmp_path):
    truth = saved(tmp_path, coco([]))
    found = saved(
        tmp_path,
        [{"image_id": 7, "category_id": 3, "segmentation": [SQUARE], "score": 0.75}],
        "found.json",
    )
    with pytest.raises(FormatError, match=r"from\.like"):
        read_dataset(found)
    _, labels = labels_of(found, settings=[f"like={truth}"])
    assert labels.rows.score.tolist() == [0.75]
    assert int(labels.rows.masks.areas[0]) == 6


def test_images_are_found_below_the_root_or_where_told(tmp_path):
    path = saved(tmp_path, coco([{"segmentation": [SQUARE]}]))
    data, _ = labels_of(path)
    assert "1 of 1 images are missing" in data.warnings[0]
    write_photo(tmp_path / "images/a.png", (5, 6))
    assert read_dataset(path).samples[0].image.path == tmp_path / "images/a.png"
    write_photo(tmp_path / "other/a.png", (5, 6))
    told = read_dataset(path, images=tmp_path / "other")
    assert told.samples[0].image.path == tmp_path / "other/a.png"


BAD = {
    "nan": ({"segmentation": [[1, 1, math.nan, 1, 3, 3]]}, "not finite"),
    "infinite": ({"segmentation": [[1, 1, math.inf, 1, 3, 3]]}, "not finite"),
    "far": ({"segmentation": [[1, 1, 1e12, 1, 3, 3]]}, r"2\*\*24"),
    "four": ({"segmentation": [[1, 1, 3, 3]]}, "fewer than 3 vertices"),
    "odd": ({"segmentation": [[1, 1, 3, 3, 4, 4, 5]]}, "odd number"),
    "flat": ({"segmentation": [1, 1, 3, 3, 4, 4]}, "list"),
    "words": ({"segmentation": [["a", 1, 3, 3, 4, 4]]}, "finite numbers"),
    "short": ({"segmentation": {"size": [5, 6], "counts": [6, 2, 3]}}, "do not sum"),
    "long": ({"segmentation": {"size": [5, 6], "counts": [6, 2, 30]}}, "do not sum"),
    "negative": ({"segmentation": {"size": [5, 6], "counts": [40, -10]}}, "whole number from 0"),
    "short string": ({"segmentation": {"size": [5, 6], "counts": "62"}}, "do not sum"),
    "garbled string": ({"segmentation": {"size": [5, 6], "counts": "6~"}}, "counts"),
    "size": ({"segmentation": {"size": [6, 5], "counts": [30]}}, "another size"),
    "category": ({"segmentation": [SQUARE], "category_id": 1}, "no category"),
    "image": ({"segmentation": [SQUARE], "image_id": 8}, "no image"),
    "id": ({"segmentation": [SQUARE], "id": "ten"}, "whole number"),
    "crowd": ({"segmentation": [SQUARE], "iscrowd": 2}, "neither 0 nor 1"),
    "area": ({"segmentation": [SQUARE], "area": math.nan}, "finite"),
    "box": ({"segmentation": [SQUARE], "bbox": [1, 2, 3]}, "four finite"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_annotation_is_one_clear_error_or_is_left_out(tmp_path, name):
    bad, message = BAD[name]
    path = saved(tmp_path, coco([{"segmentation": [SQUARE]}, bad]))
    with pytest.raises(FormatError, match=message) as caught:
        read_dataset(path)
    assert str(path) in str(caught.value)
    assert (
        "annotation ten" in str(caught.value)
        if name == "id"
        else "annotation 11" in str(caught.value)
    )
    assert "--skip-bad" in str(caught.value)
    data, labels = labels_of(path, skip_bad=True)
    assert len(labels.rows) == 1
    assert "1 invalid annotation was left out" in data.warnings[0]


@pytest.mark.parametrize("name", ["iscrowd", "id", "image_id", "category_id"])
def test_a_field_that_says_null_is_named_with_it(tmp_path, name):
    path = saved(tmp_path, coco([{"segmentation": [SQUARE], name: None}]))
    with pytest.raises(FormatError, match=rf"{name}: .*\(saw null\)"):
        read_dataset(path)


def test_repeated_ids_are_refused(tmp_path):
    with pytest.raises(FormatError, match="two annotations share an id"):
        read_dataset(
            saved(
                tmp_path, coco([{"segmentation": [SQUARE]}, {"segmentation": [SQUARE], "id": 10}])
            )
        )
    doubled = coco([])
    doubled["images"] *= 2
    with pytest.raises(FormatError, match="two images share an id"):
        read_dataset(saved(tmp_path, doubled))


LEADING_OUT = ["../a.png", "OUTSIDE/a.png", "data/../../a.png", "..\\a.png", "C:\\x\\a.png"]


@pytest.mark.parametrize("name", LEADING_OUT)
def test_a_file_name_that_leads_out_is_an_image_that_is_missing(tmp_path, name):
    name = name.replace("OUTSIDE", str(tmp_path))
    data = coco([{"segmentation": [SQUARE]}])
    data["images"][0]["file_name"] = name
    (tmp_path / "data").mkdir()
    path = saved(tmp_path / "data", data)
    write_photo(tmp_path / "a.png", (5, 6))
    found, labels = labels_of(path)
    assert (found.samples[0].key, found.samples[0].image.path) == ("a", None)
    assert labels.rows.masks.areas.tolist() == [6]
    assert "lead out" in found.warnings[0]
    done = transfer(found, tmp_path / "out.json", load_format("coco"))
    assert done.written
    again = json.loads((tmp_path / "out.json").read_text())
    assert again["images"][0]["file_name"] == "a.png"
    told = read_dataset(path, images=tmp_path)
    assert told.samples[0].image.path == tmp_path / "a.png"


def test_names_that_lead_out_keep_their_folders_where_the_last_part_repeats(tmp_path):
    data = coco([])
    image = data["images"][0]
    data["images"] = [
        {**image, "id": i, "file_name": n} for i, n in enumerate(["/x/a.png", "../y/a.png", ".."])
    ]
    keys = [s.key for s in read_dataset(saved(tmp_path, data)).samples]
    assert keys == ["image", "x/a", "y/a"]


def test_an_image_that_is_a_link_is_found(tmp_path):
    write_photo(tmp_path / "elsewhere/a.png", (5, 6))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.png").symlink_to(tmp_path / "elsewhere/a.png")
    data, _ = labels_of(saved(tmp_path / "data", coco([{"segmentation": [SQUARE]}])))
    assert data.samples[0].image.path == tmp_path / "data/a.png"


def test_two_splits_may_name_their_images_alike(tmp_path):
    for split, seed in (("train", 1), ("val", 2)):
        write_photo(tmp_path / f"in/{split}/a.png", (5, 6), seed=seed)
        text = json.dumps(coco([{"segmentation": [SQUARE]}]))
        (tmp_path / f"in/instances_{split}.json").write_text(text)
    data = read_dataset(tmp_path / "in")
    assert data.splits == {"train": ("train/a",), "val": ("val/a",)}
    assert transfer(data, tmp_path / "out", load_format("coco")).written
    back = read_dataset(tmp_path / "out")
    assert back.splits == data.splits
    for sample in back.samples:
        source = tmp_path / f"in/{sample.key}.png"
        assert sample.image.path.read_bytes() == source.read_bytes()


def test_an_image_never_takes_the_name_of_another(tmp_path):
    from maskloom.core.sample import ImageRef, Sample
    from maskloom.formats.shared.folders import ImagePlacer

    placer = ImagePlacer(tmp_path / "out", "copy")
    for i in range(2):
        write_photo(tmp_path / f"{i}/a.png", seed=i)
    placer.put(Sample("a", ImageRef(tmp_path / "0/a.png")))
    placer.put(Sample("a", ImageRef(tmp_path / "0/a.png")))
    with pytest.raises(WriteError, match="two images would have one name"):
        placer.put(Sample("b", ImageRef(tmp_path / "1/a.png")), "a.png")


def test_scores_come_back_digit_for_digit(tmp_path):
    scores = [0.123456789012345, 0.3, 1e-9, 0.3 + 1e-9]
    path = saved(tmp_path, coco([{"segmentation": [SQUARE], "score": s} for s in scores]))
    data, labels = labels_of(path)
    assert labels.rows.score.tolist() == scores
    assert transfer(data, tmp_path / "o.json", load_format("coco")).exact_objects == 4
    again = json.loads((tmp_path / "o.json").read_text())
    assert [a["score"] for a in again["annotations"]] == scores


def test_an_object_is_exact_only_with_its_score(tmp_path):
    from maskloom.formats.compare import compare

    sides = [
        read_dataset(
            saved(
                tmp_path,
                coco([{"segmentation": [SQUARE], "score": s} for s in scores]),
                f"{scores[0]}.json",
            )
        )
        for scores in ([0.5, 0.25], [0.125, 0.5])
    ]
    found = compare(*sides, load_format("coco").holds)
    assert (found.objects, found.exact_objects, found.changed_scores) == (2, 1, 1)
    assert (found.changed_pixels, found.where) == (0, {"score": ("a", 1)})
    assert compare(*sides).exact_objects == 2


def test_a_category_name_that_repeats_is_numbered_and_the_used_one_keeps_it(tmp_path):
    data = coco([{"segmentation": [SQUARE], "category_id": 5}])
    data["categories"] = [
        {"id": 4, "name": "dog"},
        {"id": 5, "name": "dog"},
        {"id": 6, "name": "x"},
    ]
    found, labels = labels_of(saved(tmp_path, data))
    assert [c.name for c in found.taxonomy] == ["dog (2)", "dog", "x"]
    assert labels.rows.category.tolist() == [1]
    assert "4 is now 'dog (2)'" in found.warnings[0]
    assert transfer(found, tmp_path / "o.json", load_format("coco")).written


def test_the_suffix_of_a_file_may_be_in_capitals(tmp_path):
    path = saved(tmp_path, coco([{"segmentation": [SQUARE]}]), "instances_x.JSON")
    assert len(read_dataset(tmp_path)) == 1
    assert transfer(read_dataset(path), tmp_path / "o/OUT.JSON", load_format("coco")).written
    assert (tmp_path / "o/OUT.JSON").is_file()


@pytest.mark.parametrize(
    "text", ["", "{", '{"images": []}', '{"images": {}, "annotations": []}', "\x00", "3"]
)
def test_a_file_that_is_not_coco_is_one_error(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=str(path)):
        read_dataset(path, "coco")


def test_an_image_of_another_size_is_named_with_both_sizes(tmp_path):
    path = saved(tmp_path, coco([{"segmentation": [SQUARE]}]))
    write_photo(tmp_path / "a.png", (6, 6))
    data = read_dataset(path)
    with pytest.raises(FormatError, match=r"6 × 5 px, its image 6 × 6 px \(saw .*a\.png\)"):
        data.labels_of(data.samples[0])


@pytest.mark.shared
def test_every_annotation_of_coco_mini_equals_pycocotools(shared, capsys):
    theirs = COCO(str(shared / "coco_mini/instances_train2017.json"))
    seen = 0
    for _, labels in read_dataset(shared / "coco_mini"):
        for i, source in enumerate(labels.rows.source):
            mask = theirs.annToMask(theirs.anns[source["id"]]).astype(bool)
            np.testing.assert_array_equal(labels.rows.masks.dense(i), mask)
            seen += 1
    assert seen == len(theirs.anns) == 149
    capsys.readouterr()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["coco", "coco_instances", "mmdet_coco", "coco_roboflow"])
def test_the_layouts_of_datumaro_are_read_and_written_back(shared, tmp_path, name):
    data = read_dataset(shared / "conformance/datumaro/coco_dataset" / name)
    assert data.splits == {"train": ("a",), "val": ("b",)}
    b = data.labels_of(data.samples[1]).rows
    assert b.masks.areas.tolist() == [2, 20]
    assert b.crowd.tolist() == [False, True]
    assert b.attributes[0] == {"x": 1, "y": "hello"}
    done = transfer(data, tmp_path / "o", load_format("coco"))
    assert done.written
    assert read_dataset(tmp_path / "o").splits == data.splits


def test_a_new_object_without_an_id_leaves_the_ids_of_the_others_as_they_are():
    for own in (
        [7, None, 3, 7], [None, None], [3, 2, 1], [], ["4", 4, True], [-5, None, -5],
        [1, None, 2**70], [2**63 - 1, None],
    ):  # fmt: skip
        column = IdColumn()
        for value in own:
            column.append(value)
        assert list(column.kept(np.arange(len(own)))) == kept_ids(own)
    assert kept_ids([7, None, 3, 7]) == [7, 8, 3, 9]
    assert kept_ids([None, None]) == [1, 2]


def test_maps_with_names_beside_them_are_no_coco_file(tmp_path):
    write_png(tmp_path / "road.png", np.array([[0, 1], [11, 1]], np.uint8))
    names = {"categories": [{"id": 0, "name": "sky"}, {"id": 1, "name": "road"}], "void": 11}
    (tmp_path / "taxonomy.json").write_text(json.dumps(names))
    assert detect_format(tmp_path).name == "bitmap"
    data = read_dataset(tmp_path)
    assert data.labels_of(data.samples[0]).class_map.tolist() == [[0, 1], [255, 1]]
