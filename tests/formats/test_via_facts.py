"""VIA's classes to the letter, polygons outside of the image, and names of images."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.labels import Geometry, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.errors import WriteError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.rename import renamed

from .conftest import NUCLEUS, dataset_of, objects
from .test_via import balloons_mask, entry, first, polygon, put_file, region, said
from .tool_cases import SIZE, exact, hard_masks, put, stable

SPELLED = [
    {"label": value} for value in (1, "1", True, 2.5, None, "", {"cat": True}, {"cat": False})
]
FAR = ([150, 160, 160], [150, 150, 160])


def attributes(root, name="via_region_data.json"):
    return [one["region_attributes"] for one in said(root, name)[0]["regions"]]


def test_classes_come_back_to_the_letter(tmp_path):
    told = [*SPELLED, {}, {"label": "object"}, {"label": "cat", "age": 3}]
    put_file(tmp_path / "src", entry(*(polygon(**one) for one in told)))
    source = read_dataset(tmp_path / "src")
    used = [source.taxonomy[i].name for i in first(source).rows.category]
    wanted = [
        "1",
        "1",
        "true",
        "2.5",
        "object",
        "object",
        "cat",
        "object",
        "object",
        "object",
        "cat",
    ]
    assert used == wanted
    assert [text for text in source.warnings if '"1" and 1 are one class' in text]
    stable(tmp_path / "src", tmp_path, "via")
    assert attributes(tmp_path / "one") == told


@pytest.mark.parametrize("way", ["coco", "parquet"])
def test_regions_without_a_class_have_none_after_a_detour(tmp_path, way):
    told = [{"label": "cat"}, {}, {"label": None}]
    put_file(tmp_path / "src", entry(*(polygon(**one) for one in told)))
    exact(read_dataset(tmp_path / "src"), tmp_path / "way", way)
    exact(read_dataset(tmp_path / "way"), tmp_path / "out", "via")
    back = attributes(tmp_path / "out")
    assert [next(iter(one.values()), "absent") for one in back] == ["cat", "absent", None]


def test_files_without_any_class_get_none(tmp_path):
    put_file(tmp_path / "src", entry(polygon(color="red", size="big"), polygon()))
    stable(tmp_path / "src", tmp_path, "via")
    assert attributes(tmp_path / "one") == [{"color": "red", "size": "big"}, {}]


def test_a_class_that_the_user_names_is_written(tmp_path):
    put_file(tmp_path / "src", entry(polygon(), polygon(label="cat")))
    fmt = load_format("via")
    named = fmt.read(tmp_path / "src", fmt.ReadOptions(name="thing"), None)
    exact(named, tmp_path / "named", "via")
    assert attributes(tmp_path / "named") == [{"label": "thing"}, {"label": "cat"}]
    mapped = renamed(read_dataset(tmp_path / "src"), ["object=dog"])
    exact(mapped, tmp_path / "mapped", "via")
    assert attributes(tmp_path / "mapped") == [{"label": "dog"}, {"label": "cat"}]


def test_via_3_has_no_option_for_regions_without_a_class(tmp_path):
    put_file(tmp_path / "src", entry(*(polygon(**one) for one in [*SPELLED, {}])))
    put(read_dataset(tmp_path / "src"), tmp_path / "out", "via", form="via3")
    data = json.loads((tmp_path / "out/via3_project.json").read_text())
    options = data["attribute"]["1"]["options"]
    chosen = [options.get(one["av"].get("1")) for one in data["metadata"].values()]
    assert chosen == ["1", "1", "true", "2.5", None, None, "cat", None, None]


def test_polygons_and_circles_outside_of_the_image_stay_objects(tmp_path):
    far = polygon(*FAR, name="cat")
    round_one = region("circle", {"name": "cat"}, cx=200, cy=200, r=3)
    assert not balloons_mask(far["shape_attributes"]).any()
    put_file(tmp_path / "src", entry(polygon(name="cat"), far, round_one))
    stable(tmp_path / "src", tmp_path, "via")
    assert said(tmp_path / "one")[0]["regions"][1:] == [far, round_one]


@pytest.mark.parametrize("tool", ["via", "supervisely"])
def test_polygons_of_other_formats_outside_of_the_image_stay_objects(tmp_path, tool):
    ring = np.array(FAR, np.float64).T
    masks = Masks.concatenate([Masks.empty(1, SIZE)] * 2)
    rows = Rows.make(masks, [0, 0], geometry=(Geometry((ring,), "coco"), None))
    data = dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}, tmp_path / "photos")
    done = put(data, tmp_path / "out", tool)
    assert [(loss.kind, loss.objects) for loss in done.refused] == [("empty", 1)]
    assert put(data, tmp_path / "out", tool, allow_loss=True).written
    name = "via_region_data.json" if tool == "via" else "a*.json"
    (path,) = (tmp_path / "out").rglob(name)
    assert "150" in path.read_text()
    back = read_dataset(tmp_path / "out")
    assert first(back).rows.masks.areas.tolist() == [0]


@pytest.mark.parametrize("tool", ["via", "supervisely", "labelme"])
@pytest.mark.parametrize(
    "name", ["a.png.png", "img/a.png", "ann/a.png", "a b.c.png", "datasets/a.png"]
)
def test_odd_names_of_images_come_back(tmp_path, tool, name):
    key = name.removesuffix(".png")
    source = dataset_of(NUCLEUS, {key: objects(hard_masks()[:1])}, tmp_path / "photos")
    assert source.samples[0].image.path.name == name.rpartition("/")[2]
    exact(source, tmp_path / "out", tool)
    assert [one.key for one in read_dataset(tmp_path / "out").samples] == [key]


@pytest.mark.parametrize(("tool", "key"), [("via", "a\\b"), ("supervisely", ".hidden")])
def test_names_that_would_not_be_read_again_are_refused_by_name(tmp_path, tool, key):
    data = dataset_of(NUCLEUS, {key: objects(hard_masks()[:1])}, tmp_path / "photos")
    with pytest.raises(WriteError, match=r"an image of this name would") as caught:
        put(data, tmp_path / "out", tool)
    assert caught.value.seen == key
