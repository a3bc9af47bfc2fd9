"""Ids as COCO's tools take them: texts of images, truth values of crowds, numbers of any length."""

from __future__ import annotations

import contextlib
import io
import json
import random

import numpy as np
import pytest
from pycocotools import mask as oracle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from maskloom.errors import FormatError
from maskloom.formats.coco.entries import CocoEntries
from maskloom.formats.coco.image_ids import ImageIds
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
RING = [10.0, 10.0, 50.0, 10.0, 50.0, 50.0, 10.0, 50.0]


def coco(ids, annotations):
    return {
        "images": [
            {"id": one, "file_name": f"{i}.jpg", "height": 100, "width": 100}
            for i, one in enumerate(ids)
        ],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [
            {"id": i + 1, "category_id": 1, "iscrowd": 0, "segmentation": [RING], "area": 1600,
             "bbox": [10, 10, 40, 40], **one}
            for i, one in enumerate(annotations)
        ],
    }  # fmt: skip


def saved(path, data):
    path.write_text(json.dumps(data))
    return path


def written(tmp_path, path):
    """The file as COCO again, with polygons, through tables and without them."""
    name, to = load_format("coco"), load_format("parquet")
    options = name.WriteOptions(segmentation="polygon")
    assert transfer(read_dataset(path), tmp_path / "tables", to).written
    for source, target in ((path, "one.json"), (tmp_path / "tables", "two.json")):
        assert transfer(read_dataset(source), tmp_path / target, name, options=options).written
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    return tmp_path / "one.json"


def scores_of(truth):
    """pycocotools' own figures for predictions that are the truth of every image."""
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(str(truth))
        runs = oracle.merge(oracle.frPyObjects([RING], 100, 100))
        guesses = [{"image_id": one, "category_id": 1, "segmentation": runs, "score": 0.5}
                   for one in data.getImgIds()]  # fmt: skip
        data.dataset.setdefault("info", {})
        judged = COCOeval(data, data.loadRes(guesses), "segm")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return judged.stats.tolist()


def test_images_whose_ids_are_texts_are_read_and_written_as_pycocotools_reads_them(tmp_path):
    ids = ["b/2", "a", "ä 3", "10"]
    data = coco(ids, [{"image_id": one} for one in [*ids, "a", "10"]])
    path = saved(tmp_path / "a.json", data)
    found = read_dataset(path)
    assert [s.extra["coco"]["id"] for s in found.samples] == ids
    assert [len(labels.rows) for _, labels in found] == [1, 2, 1, 2]
    again = written(tmp_path, path)
    told = json.loads(again.read_text())
    assert {i["file_name"]: i["id"] for i in told["images"]} == dict(
        zip(["0.jpg", "1.jpg", "2.jpg", "3.jpg"], ids, strict=True)
    )
    by_id = {one["id"]: one for one in data["annotations"]}
    assert {one["id"]: one for one in told["annotations"]} == by_id
    assert scores_of(again) == scores_of(path)
    # Four of six objects are found: at 67 of 101 recalls the precision is 1.
    assert scores_of(again)[0] == pytest.approx(67 / 101)


@pytest.mark.parametrize(("image", "told"), [(2299, "2299"), ("2299", 2299)])
def test_an_image_whose_annotations_write_its_number_as_a_text_is_still_that_image(
    tmp_path, image, told
):
    path = saved(tmp_path / "a.json", coco([image], [{"image_id": told}, {"image_id": image}]))
    data = read_dataset(path)
    assert len(data.labels_of(data.samples[0]).rows) == 2
    entries = json.loads(written(tmp_path, path).read_text())["annotations"]
    assert [one["image_id"] for one in entries] == [image, image]


@pytest.mark.parametrize("told", ["02299", "2299.0", " 2299", "", None, True, [2299], 2300, "x"])
def test_what_only_looks_like_an_id_names_no_image(tmp_path, told):
    path = saved(tmp_path / "a.json", coco([2299], [{"image_id": told}]))
    with pytest.raises(FormatError, match="no image has this id"):
        read_dataset(path)


@pytest.mark.parametrize("ids", [[1, "a"], ["1", 2]])
def test_numbers_beside_texts_are_refused_as_no_tool_sorts_them(tmp_path, ids):
    path = saved(tmp_path / "a.json", coco(ids, []))
    with pytest.raises(FormatError, match="some image ids are numbers and some are texts"):
        read_dataset(path)


@pytest.mark.parametrize("ids", [[1, 2, 1], ["a", "b", "a"], [3, 1, 2, 1]])
def test_images_that_share_an_id_are_one_error(tmp_path, ids):
    path = saved(tmp_path / "a.json", coco(ids, []))
    with pytest.raises(FormatError, match="two images share an id"):
        read_dataset(path)


@pytest.mark.parametrize("own", [7, 2**63, 2**64, -(2**63), -(2**70)])
@pytest.mark.parametrize("between", [0, 3])
def test_annotations_that_share_an_id_are_told_however_long_it_is(tmp_path, own, between):
    others = [{"image_id": 1, "id": 100 + i} for i in range(between)]
    path = saved(
        tmp_path / "a.json",
        coco([1], [{"image_id": 1, "id": own}, *others, {"image_id": 1, "id": own}]),
    )
    with pytest.raises(FormatError, match="two annotations share an id"):
        read_dataset(path)
    data = read_dataset(path, skip_bad=True)
    sources = data.labels_of(data.samples[0]).rows.source
    assert [one["id"] for one in sources] == [own, *(one["id"] for one in others)]


def test_crowds_as_truth_values_are_those_of_pycocotools(tmp_path):
    crowds = [False, True]
    data = coco([1, 2], [{"image_id": i + 1, "iscrowd": c} for i, c in enumerate(crowds)])
    path = saved(tmp_path / "a.json", data)
    assert [labels.rows.crowd.tolist() for _, labels in read_dataset(path)] == [[False], [True]]
    again = written(tmp_path, path)
    told = [one["iscrowd"] for one in json.loads(again.read_text())["annotations"]]
    assert told == [0, 1]
    assert scores_of(again) == scores_of(path)
    path = saved(tmp_path / "b.json", coco([1], [{"image_id": 1, "iscrowd": "false"}]))
    # pycocotools takes any text for a crowd, and fails when it counts.
    with pytest.raises(FormatError, match="iscrowd: neither 0 nor 1"):
        read_dataset(path)


def test_ids_are_found_where_they_stand_in_any_order():
    rng = random.Random(0)
    for _ in range(50):
        numbers = rng.sample(range(-500, 500), rng.randrange(60))
        if rng.random() < 0.5:
            numbers.sort()
        ids = ImageIds(numbers)
        asked = [rng.randrange(-600, 600) for _ in range(200)] + numbers + numbers[::-1]
        wanted = [numbers.index(n) if n in numbers else -1 for n in asked]
        assert [ids.find(n) for n in asked] == wanted
        assert [ids.find(str(n)) for n in asked] == wanted
        assert ids.positions(np.array(asked, np.int64)).tolist() == wanted
        assert list(ids) == numbers
        assert ids.doubled() is None


def test_annotations_of_images_in_any_order_get_their_ids(tmp_path):
    rng = random.Random(1)
    for _ in range(30):
        entries = CocoEntries(tmp_path / "a.json", frozenset({2}))
        own = rng.sample(range(1000), 40)
        if rng.random() < 0.3:
            own.sort()
        kept = []
        for i in range(10):
            mine = [own.pop() for _ in range(rng.randrange(4))]
            kept.append(mine)
            entries.append(f"{i}", {"id": 10 - i}, [{"id": n, "category_id": n % 3} for n in mine])
        rows = np.array(rng.sample(range(10), rng.randrange(11)), np.int64)
        numbers, rows = entries.numbered(rows)
        assert list(numbers) == sorted(10 - rows)
        told = list(entries.annotations(numbers, rows, {0: 5, 1: 6, 2: 7}))
        assert [(one["image_id"], one["id"]) for one in told] == [
            (10 - row, n) for row in rows.tolist() for n in kept[row]
        ]
        used = any(n % 3 == 2 for row in rows.tolist() for n in kept[row])
        assert entries.used(rows) == (frozenset({2}) if used else frozenset())
