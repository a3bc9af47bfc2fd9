"""LVIS: which categories were looked for survives, both ways, and nothing is invented."""

from __future__ import annotations

import copy
import json
from functools import partial

import pytest

from maskloom.core.labels import Coverage, Labels
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.verbs.evaluate import evaluate

from . import tool_cases
from .conftest import dataset_of, folder_bytes, write_photo
from .torture import TAXONOMY, hard_masks, rows_of, torture

write = partial(tool_cases.put, to="lvis")


def category(number, name):
    return {
        "id": number, "name": name, "synset": f"{name}.n.01", "synonyms": [name], "def": "a thing",
        "frequency": "r", "image_count": 1, "instance_count": 1,
    }  # fmt: skip


LVIS = {
    "info": {"version": "v1"},
    "licenses": [{"id": 1}],
    "categories": [category(3, "aerosol_can"), category(9, "air_conditioner"), category(12, "alcohol"), category(700, "zebra")],
    "images": [
        {
            "id": 5, "height": 20, "width": 30, "license": 1, "flickr_url": "http://x/y.jpg",
            "coco_url": "http://images.cocodataset.org/val2017/000000000005.jpg",
            "neg_category_ids": [12], "not_exhaustive_category_ids": [9],
        },
        {
            "id": 6, "height": 20, "width": 30,
            "coco_url": "http://images.cocodataset.org/train2017/000000000006.jpg",
            "neg_category_ids": [700, 3], "not_exhaustive_category_ids": [],
        },
    ],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 3, "area": 99.5, "bbox": [1, 1, 10, 10], "segmentation": [[1, 1, 11, 1, 11, 11, 1, 11]]},
        {"id": 2, "image_id": 5, "category_id": 9, "area": 25, "bbox": [15, 2, 5, 5], "segmentation": [[15, 2, 20, 2, 20, 7, 15, 7]]},
    ],
}  # fmt: skip


def put(path, data=LVIS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def changed(**changes):
    data = copy.deepcopy(LVIS)
    for place, value in changes.items():
        data["images"][0][place] = value
    return data


def test_lvis_is_told_apart_from_coco(tmp_path):
    path = put(tmp_path / "annotations/lvis_v1_val.json")
    assert detect_format(path).name == "lvis"
    assert detect_format(tmp_path).name == "lvis"
    crowd = copy.deepcopy(LVIS)
    for image in crowd["images"]:
        image["file_name"] = "a.jpg"
    for annotation in crowd["annotations"]:
        annotation["iscrowd"] = 0
    assert detect_format(put(tmp_path / "coco.json", crowd)).name == "coco"


def test_coverage_is_what_was_looked_for_in_each_image(tmp_path):
    data = read_dataset(put(tmp_path / "lvis_v1_val.json"))
    assert [s.key for s in data.samples] == ["train2017/000000000006", "val2017/000000000005"]
    other, first = (labels for _, labels in data)
    # Named: the can (annotated) and alcohol (not there); conditioners may be missing.
    assert first.coverage.categories == {"aerosol_can", "alcohol"}
    assert other.coverage.categories == {"aerosol_can", "zebra"}
    assert first.rows.masks.areas.tolist() == [100, 25]
    assert first.rows.source[0]["area"] == 99.5


def test_lists_frequency_synsets_ids_and_areas_come_back(tmp_path):
    data = read_dataset(put(tmp_path / "src/lvis_v1_val.json"))
    done = write(data, tmp_path / "a.json")
    assert (done.written, done.losses, done.changed_pixels) == (True, (), 0)
    back = json.loads((tmp_path / "a.json").read_text())
    assert back["categories"] == LVIS["categories"]
    for image, own in zip(back["images"], LVIS["images"], strict=True):
        assert {k: v for k, v in image.items() if k in own} == own
    assert back["annotations"] == LVIS["annotations"]
    assert back["info"] == LVIS["info"]
    assert detect_format(tmp_path / "a.json").name == "lvis"
    assert write(read_dataset(tmp_path / "a.json"), tmp_path / "b.json").written
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_folder_keeps_splits_and_images(tmp_path):
    put(tmp_path / "src/annotations/lvis_v1_val.json")
    for name in ("val2017/000000000005", "train2017/000000000006"):
        write_photo(tmp_path / f"src/{name}.jpg", (20, 30))
    data = read_dataset(tmp_path / "src")
    assert (list(data.splits), data.warnings) == (["val"], ())
    assert write(data, tmp_path / "a").written
    assert (tmp_path / "a/annotations/lvis_val.json").is_file()
    again = read_dataset(tmp_path / "a")
    assert again.warnings == ()
    assert write(again, tmp_path / "b").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_what_is_labelled_in_full_says_that_all_else_is_absent(tmp_path):
    data = dataset_of(TAXONOMY, {"a": Labels((48, 64), rows=rows_of([hard_masks()["ring"]], [1]))})
    write(data, tmp_path / "a.json")
    image = json.loads((tmp_path / "a.json").read_text())["images"][0]
    assert (image["neg_category_ids"], image["not_exhaustive_category_ids"]) == ([1, 3], [])
    back = read_dataset(tmp_path / "a.json", "lvis")
    assert back.labels_of(back.samples[0]).coverage.full


def test_coverage_of_other_formats_becomes_lists(tmp_path):
    rows = rows_of([hard_masks()["ring"], hard_masks()["row"]], [1, 2])
    covered = Coverage(frozenset({"cell", "two-words"}))
    data = dataset_of(TAXONOMY, {"a": Labels((48, 64), rows=rows, coverage=covered)})
    done = write(data, tmp_path / "a.json")
    assert (done.written, done.losses, done.changed_pixels) == (True, (), 0)
    image = json.loads((tmp_path / "a.json").read_text())["images"][0]
    assert (image["neg_category_ids"], image["not_exhaustive_category_ids"]) == ([1], [3])
    back = read_dataset(tmp_path / "a.json")
    assert back.labels_of(back.samples[0]).coverage.categories == covered.categories


def test_lists_follow_categories_that_are_renamed_or_numbered_anew(tmp_path):
    from maskloom.formats.rename import renamed

    data = read_dataset(put(tmp_path / "lvis.json"))
    write(renamed(data, ["alcohol=zebra"]), tmp_path / "a.json")
    back = read_dataset(tmp_path / "a.json")
    names = {c.key: c.name for c in back.taxonomy}
    found = [{names[k] for k in labels.coverage.categories} for _, labels in back]
    # In no image both were looked for that become one.
    assert found == [{"aerosol_can"}, {"aerosol_can"}]
    write(renamed(data, ["alcohol=bottle"]), tmp_path / "b.json")
    back = read_dataset(tmp_path / "b.json")
    names = {c.key: c.name for c in back.taxonomy}
    found = [{names[k] for k in labels.coverage.categories} for _, labels in back]
    assert found == [{"aerosol_can", "zebra"}, {"aerosol_can", "bottle"}]


@pytest.mark.parametrize("target", ["voc", "cityscapes", "bitmap", "coco-panoptic", "camvid"])
def test_maps_drop_which_classes_were_not_there_and_are_refused_for_it(tmp_path, target):
    """All that a map can say of the rest of an image is that nobody labelled it."""
    data = read_dataset(put(tmp_path / "lvis_v1_val.json"))
    done = transfer(data, tmp_path / "o", load_format(target))
    (loss,) = [loss for loss in done.losses if loss.kind == "looked_for"]
    assert loss.refused
    assert loss.samples == 2
    assert not done.written


@pytest.mark.parametrize("target", ["coco", "yolo"])
def test_formats_that_call_the_rest_background_are_refused_once(tmp_path, target):
    data = read_dataset(put(tmp_path / "lvis_v1_val.json"))
    done = transfer(data, tmp_path / "o", load_format(target))
    kinds = [loss.kind for loss in done.losses if loss.refused]
    assert "coverage" in kinds
    assert "looked_for" not in kinds


@pytest.mark.parametrize("how", ["polygon", "rle"])
def test_the_torture_set_comes_back(tmp_path, how):
    done = write(torture(tmp_path / "p"), tmp_path / "a", segmentation=how)
    assert (done.written, done.losses, done.changed_pixels) == (True, (), 0)
    assert done.exact_objects == done.objects > 600
    assert detect_format(tmp_path / "a").name == "lvis"
    assert write(read_dataset(tmp_path / "a"), tmp_path / "b", segmentation=how).written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_what_lvis_cannot_say_is_refused(tmp_path):
    data = torture(None, many=False, facts=("crowd", "void", "scores", "nothing"))
    told = {loss.kind: loss.objects for loss in write(data, tmp_path / "a").refused}
    assert told == {"crowd": 1, "coverage": 0, "score": 2, "empty": 1}


def test_unmodified_pycocotools_reads_the_polygons(tmp_path):
    coco = pytest.importorskip("pycocotools.mask", reason="an oracle that the extra dev brings")
    data = torture(None, many=False)
    write(data, tmp_path / "a.json")
    told = json.loads((tmp_path / "a.json").read_text())
    names = {image["id"]: image["file_name"].rpartition(".")[0] for image in told["images"]}
    sizes = {image["id"]: (image["height"], image["width"]) for image in told["images"]}
    seen = {}
    for one in told["annotations"]:
        assert isinstance(one["segmentation"], list)
        runs = coco.merge(coco.frPyObjects(one["segmentation"], *sizes[one["image_id"]]))
        seen.setdefault(names[one["image_id"]], []).append({**runs, "counts": runs["counts"]})
    for sample, labels in data:
        if len(labels.rows):
            assert Masks.from_coco(seen[sample.key]) == labels.rows.masks


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (changed(neg_category_ids=[4]), "image 5, neg_category_ids: no category has this id"),
        (changed(neg_category_ids="12"), "not a list of category ids"),
        (changed(not_exhaustive_category_ids=[True]), "no category has this id"),
        (changed(coco_url=None), "no file_name"),
        (changed(coco_url="http://[x/y"), "no file_name"),
        (changed(height=-4), "height is a positive whole number"),
    ],
)
def test_damage_is_one_error_with_its_place(tmp_path, data, said):
    with pytest.raises(FormatError, match=said):
        read_dataset(put(tmp_path / "lvis.json", data), "lvis")


def test_addresses_that_climb_are_not_followed(tmp_path):
    write_photo(tmp_path / "secret.jpg", (20, 30))
    url = "http://x/../../secret.jpg"
    data = read_dataset(put(tmp_path / "in/lvis.json", changed(coco_url=url)), "lvis")
    assert [s.image.path for s in data.samples] == [None, None]
    assert any("lead out" in w for w in data.warnings)


def test_results_are_read_beside_the_truth_by_either_name(tmp_path):
    truth = put(tmp_path / "lvis_v1_val.json")
    runs = {"size": [20, 30], "counts": [0, 40, 560]}
    found = [
        {"image_id": 6, "category_id": 12, "segmentation": runs, "score": 0.25},
        {"image_id": 5, "category_id": 3, "segmentation": runs, "score": 0.75},
        {"image_id": 5, "category_id": 700, "segmentation": runs, "score": 0.5},
    ]
    results = put(tmp_path / "results.json", found)
    assert detect_format(results).name == "coco"
    for fmt in ("lvis", "coco"):
        with pytest.raises(FormatError, match=r"from\.like"):
            read_dataset(results, fmt)
        data = read_dataset(results, fmt, settings=[f"like={truth}"])
        assert [s.key for s in data.samples] == ["train2017/000000000006", "val2017/000000000005"]
        one, two = (labels for _, labels in data)
        names = [c.name for c in data.taxonomy]
        assert [names[c] for c in one.rows.category] == ["alcohol"]
        assert [names[c] for c in two.rows.category] == ["aerosol_can", "zebra"]
        assert two.rows.score.tolist() == [0.75, 0.5]
        assert two.rows.masks.areas.tolist() == [40, 40]
        # A model has looked for everything, whatever people looked for.
        assert one.coverage.full
        assert two.coverage.full


def test_results_are_scored_beside_lvis_without_an_option(tmp_path):
    truth = put(tmp_path / "lvis_v1_val.json")
    ours = read_dataset(truth)
    results = [
        {"image_id": sample.extra["coco"]["id"], "score": 1,
         "category_id": ours.taxonomy[int(labels.rows.category[i])].id_in("coco"),
         "segmentation": labels.rows.masks.to_coco(i)}
        for sample, labels in ours for i in range(len(labels.rows))
    ]  # fmt: skip
    done = evaluate(truth, put(tmp_path / "results.json", results), task="instance")
    assert done.results["metrics"]["ap"] == pytest.approx(1)
