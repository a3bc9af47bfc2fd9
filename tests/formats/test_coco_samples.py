"""Samples and image entries of COCO files are made when asked for, and are those of the file."""

from __future__ import annotations

import json
import random

import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.lazy_samples import LazySamples
from maskloom.errors import FormatError
from maskloom.formats.coco.image_entries import ImageEntries
from maskloom.formats.detect import read_dataset
from maskloom.formats.shared.json_outline import outline


def images(n, first=0, name="im"):
    return [
        {"id": 7 * i + 3, "file_name": f"{name}{i:05d}.jpg", "height": 4, "width": 5 + i % 9,
         "note": {"i": i, "text": "ä,}]" * (i % 3)}}
        for i in range(first, first + n)
    ]  # fmt: skip


def put(path, listed):
    path.parent.mkdir(parents=True, exist_ok=True)
    own = [{"id": i, "image_id": one["id"], "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1,
            "iscrowd": 0, "segmentation": [[0, 0, 2, 0, 2, 2]]}
           for i, one in enumerate(listed)]  # fmt: skip
    categories = [{"id": 1, "name": "a"}]
    path.write_text(
        json.dumps({"images": listed, "annotations": own, "categories": categories}, indent=1)
    )
    return path


@pytest.mark.parametrize("what", ["images", "categories"])
def test_ids_of_more_than_64_bits_are_one_error(tmp_path, what):
    path = put(tmp_path / "a.json", images(3))
    data = json.loads(path.read_text())
    data[what][0]["id"] = 2**64 - 1
    path.write_text(json.dumps(data))
    with pytest.raises(FormatError, match="more than 64 bits"):
        read_dataset(path)


def test_entries_are_those_of_the_file_in_any_order(tmp_path):
    listed = images(5000)
    found = outline(put(tmp_path / "a.json", listed))
    entries = ImageEntries(found, found.lists["images"])
    assert list(entries) == [one["id"] for one in listed]
    assert list(entries.values()) == listed
    mixed = listed[:]
    random.Random(0).shuffle(mixed)
    assert all(entries[one["id"]] == one for one in mixed)
    assert 4 not in entries


def test_samples_are_not_held_and_lead_to_their_labels(tmp_path):
    listed = images(300)
    random.Random(1).shuffle(listed)
    data = read_dataset(put(tmp_path / "a.json", listed))
    assert isinstance(data.samples, LazySamples)
    assert [s.key for s in data.samples] == sorted(one["file_name"][:-4] for one in listed)
    kept = list(data.samples)
    random.Random(2).shuffle(kept)
    by_key = {one["file_name"][:-4]: one for one in listed}
    for sample in kept:
        one = by_key[sample.key]
        assert sample.extra["coco"] == {"id": one["id"], "note": one["note"]}
        assert data.labels_of(sample).size == sample.image.size == (one["height"], one["width"])
        assert data.labels_of(sample).rows.source[0]["id"] == listed.index(one)


def test_splits_with_one_key_are_told_apart_by_the_split(tmp_path):
    put(tmp_path / "annotations/instances_train.json", images(5))
    put(tmp_path / "annotations/instances_val.json", images(3, first=3))
    data = read_dataset(tmp_path)
    assert data.splits["val"] == ("val/im00003", "val/im00004", "val/im00005")
    assert len(data) == 8
    assert [s.key for s in data.split("val").samples] == list(data.splits["val"])
    assert all(len(labels.rows) == 1 for _, labels in data)


def test_a_selection_holds_no_other_samples_and_keeps_its_order(tmp_path):
    data = read_dataset(put(tmp_path / "a.json", images(20)))
    keys = ["im00007", "im00003", "im00019"]
    chosen = data.select(keys)
    assert [s.key for s in chosen.samples] == keys
    assert [s.key for s in chosen.samples[1:]] == keys[1:]
    assert [s.key for s in data.within(set(keys)).samples] == sorted(keys)
    with pytest.raises(Exception, match="two images"):
        Dataset(data.taxonomy, data.samples.of(["im00007", "im00007"]), data.labels_of)


def test_a_file_that_changed_is_told(tmp_path):
    path = put(tmp_path / "a.json", images(5000))
    data = read_dataset(path)
    put(path, images(4000))
    with pytest.raises(FormatError, match="changed"):
        list(data.samples)
