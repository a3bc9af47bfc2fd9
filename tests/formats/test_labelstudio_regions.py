"""Of which image a region of Label Studio is, and of which class."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.shared.brush_rle import encode_brush
from maskloom.formats.transfer import transfer

from .test_labelstudio import SIDES, SIZE, put, region, rows_of, task, tasks_in, triangle, twice

PAGES = ["a.png", "b.png"]
STEREO = {"left": "left/1.png", "right": "right/1.png"}
MIN = {"points": [[10, 10], [50, 15], [30.5, 80]], "polygonlabels": ["cat"]}
MIN |= {"original_width": 30, "original_height": 20}
BRUSH = {"format": "rle", "rle": encode_brush(Masks.from_dense(np.eye(*SIZE, dtype=bool)))}


def of(data, *results):
    return {**task(*results), "data": data}


def refused(path, said):
    """One error that names task and region, and with skip_bad one region fewer."""
    with pytest.raises(FormatError, match=said) as caught:
        rows_of(path)
    assert "export.json: task 7, region b" in str(caught.value)
    data = read_dataset(path, skip_bad=True)
    labels = [data.labels_of(sample) for sample in data.samples]
    assert [len(one.rows) for one in labels] == [1]
    assert "1 invalid annotation was left out" in data.warnings[0]
    return data


@pytest.mark.parametrize(
    ("data", "mine", "other"),
    [
        ({"image": "a.png", "image2": "b.png"}, {}, {"to_name": "image2"}),
        ({"image": "a.png", "image2": "https://h/get?id=2"}, {}, {"to_name": "image2"}),
        (STEREO, {"to_name": "left"}, {"to_name": "right"}),
        ({"image": "a.png", "pages": PAGES}, {"item_index": 0}, {"item_index": 1}),
        ({"image": "a.png", "pages": PAGES}, {}, {"to_name": "pages", "item_index": 1}),
        ({"image": "b.png", "pages": PAGES}, {}, {"item_index": 0}),
    ],
)
def test_a_region_is_never_put_on_another_image(tmp_path, data, mine, other):
    # The other image may have another size.
    far = triangle(id="b", original_width=31, **other)
    path = put(tmp_path, of(data, triangle(id="a", **mine), far))
    refused(path, f"another image or page than {data.get('image', 'left/1.png')}, which is read")
    refused(path, f"saw .*{next(iter(other))}")


def test_a_control_that_is_no_field_says_no_image_where_there_are_several(tmp_path):
    results = triangle(id="a", to_name="left"), triangle(id="b", to_name="img2")
    refused(put(tmp_path, of(STEREO, *results)), "does not say of which image .*img2")


@pytest.mark.parametrize(
    ("data", "more"),
    [
        ({"image": "/up/a.png", "caption": "no image"}, {"to_name": "img"}),
        ({"image": "/up/a.png", "file_name": "a.png"}, {"to_name": "img"}),
        ({"image": "a.png", "again": "a.png"}, {"to_name": "again"}),
        ({"image": "a.png", "thumb": "b.png"}, {"to_name": "image"}),
        ({"image": "a.png"}, {"item_index": 0}),
        ({"image": "a.png", "pages": PAGES}, {"to_name": "pages", "item_index": 0}),
        ({"photo": "https://h/get?id=1"}, {"to_name": "image"}),
    ],
)
def test_regions_of_the_one_image_stay_as_they_are(tmp_path, data, more):
    read = read_dataset(put(tmp_path, of(data, triangle(id="b", **more))))
    twice(read, tmp_path)
    (back,) = tasks_in(tmp_path / "a")
    assert back["data"] == data
    assert back["annotations"][0]["result"] == [triangle(id="b", **more)]


def test_pages_alone_are_one_error(tmp_path):
    path = put(tmp_path, of({"pages": PAGES}, triangle(item_index=0)))
    with pytest.raises(FormatError, match=r"without an image .* Make each page a task"):
        read_dataset(path)


def test_json_min_of_several_images_is_read_where_it_says_which(tmp_path):
    told = [{**MIN, "to_name": "image"}, {**MIN, "to_name": "image2"}, {**MIN, "item_index": 1}]
    two = {"image": "a.png", "image2": "b.png", "id": 7}
    for bad, said in ((told[1], "image2"), (told[2], "item_index"), (MIN, "does not say of which")):
        path = put(tmp_path, {**two, "a": told[:1], "b": [bad]})
        data = refused(path, said)
    assert transfer(data, tmp_path / "o", load_format("labelstudio")).written
    options = load_format("labelstudio").WriteOptions(form="min")
    twice(read_dataset(tmp_path / "o"), tmp_path / "min", form=options.form)
    assert tasks_in(tmp_path / "min/a")[0]["a"] == told[:1]


def test_new_regions_of_a_task_of_several_images_name_the_one_that_is_read(tmp_path):
    data = read_dataset(put(tmp_path, of(STEREO, triangle(id="a", to_name="left"))))
    (sample,) = data.samples
    labels = data.labels_of(sample)
    fresh = labels.replace(rows=Rows.make(labels.rows.masks, labels.rows.category))
    done = transfer(
        Dataset(data.taxonomy, data.samples, lambda _: fresh),
        tmp_path / "o",
        load_format("labelstudio"),
    )
    assert done.written
    assert tasks_in(tmp_path / "o")[0]["annotations"][0]["result"][0]["to_name"] == "left"


def test_what_is_said_of_another_image_is_no_tag_of_this_one(tmp_path):
    def choice(name, **more):
        return {
            "id": name,
            "type": "choices",
            "from_name": name,
            "value": {"choices": ["x"]},
        } | more

    said = [
        choice("here", to_name="image"),
        choice("there", to_name="image2"),
        choice("later", to_name="image", item_index=1),
        choice("text", to_name="caption"),
    ]
    two = {"image": "a.png", "image2": "b.png", "caption": "a cat"}
    data = read_dataset(put(tmp_path, of(two, triangle(id="a"), *said)))
    assert dict(data.samples[0].tags) == {"here": "x", "text": "x"}
    done = transfer(data, tmp_path / "coco", load_format("coco"), allow_loss=True)
    (fields,) = (loss for loss in done.losses if loss.kind == "fields")
    assert "what is said of other images" in fields.named
    twice(data, tmp_path)
    assert tasks_in(tmp_path / "a")[0]["annotations"][0]["result"][1:] == said


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ([triangle(id="b", label="cat") | {"value": {**MIN, "polygonlabels": ["cat", "dirty"]}}],
         "several values of tool, which is the class .*'cat', 'dirty'"),
        ([region("brush", BRUSH, id="b") | {"value": {**BRUSH, "brushlabels": ["cat", "wet"]}}],
         "several values of tool.*'cat', 'wet'"),
        ([triangle(id="b"), {"id": "b", "type": "labels", "from_name": "kind",
                             "value": {"labels": ["dog"]}, **SIDES}],
         "several values of tool and kind, which is the class .*'cat', 'dog'"),
    ],
)  # fmt: skip
def test_a_region_of_several_classes_is_refused_or_left_out(tmp_path, bad, said):
    refused(put(tmp_path, task(triangle(id="a"), *bad)), said)


def test_json_min_of_several_classes_is_refused_or_left_out(tmp_path):
    several = {**MIN, "polygonlabels": ["cat", "dirty"]}
    path = put(tmp_path, {"image": "a.png", "id": 7, "a": [MIN], "b": [several]})
    refused(path, "several values of b, which is the class .*'cat', 'dirty'")


def test_controls_that_say_one_class_and_choices_beside_it_are_read(tmp_path):
    plain = {**triangle(id="b"), "type": "polygon", "value": {"points": MIN["points"]}}
    again = {
        "id": "b",
        "type": "labels",
        "from_name": "kind",
        "value": {"labels": ["cat"]},
        **SIDES,
    }
    choice = {"id": "b", "type": "choices", "from_name": "is", "value": {"choices": ["wet", "big"]}}
    for results in ([triangle(id="b"), again, choice], [plain, again, choice]):
        data = read_dataset(put(tmp_path, task(*results)))
        rows = data.labels_of(data.samples[0]).rows
        assert [data.taxonomy[c].name for c in rows.category] == ["cat"]
        assert rows.attributes[0] == {"is": ["wet", "big"]}
