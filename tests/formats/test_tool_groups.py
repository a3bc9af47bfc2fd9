"""Groups that people make in LabelMe and Supervisely, judged by the JSON that is written."""

from __future__ import annotations

import json

import pytest

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.detect import read_dataset

from .conftest import dataset_of
from .test_labelme import put_file, shape
from .tool_cases import exact, hard_masks, put, stable

TWO = [[20, 20], [30, 20], [30, 30]]
THREE = [[33, 3], [39, 3], [39, 9]]


def groups(path):
    return [one["group_id"] for one in json.loads(path.read_text())["shapes"]]


@pytest.mark.parametrize(
    "said",
    [(1, 1, None), (None, 5, None), (0, 0, 0), (-1, -1, 7), (2**70, 2**70, 3), (2, None, 1)],
)
@pytest.mark.parametrize("labels", [("person", "hat", "dog"), ("person", "person", "dog")])
def test_labelme_gets_back_the_very_groups_and_no_others(tmp_path, said, labels):
    shapes = [
        shape(label, points, group_id=group)
        for label, points, group in zip(labels, (shape()["points"], TWO, THREE), said, strict=True)
    ]
    stable(put_file(tmp_path / "src", *shapes), tmp_path, "labelme")
    assert groups(tmp_path / "one/a.json") == list(said)


@pytest.mark.parametrize("way", ["coco", "parquet"])
def test_a_group_of_several_labels_survives_a_detour(tmp_path, way):
    shapes = [shape("person", group_id=1), shape("hat", TWO, group_id=1), shape("dog", THREE)]
    exact(read_dataset(put_file(tmp_path / "src", *shapes)), tmp_path / "way", way)
    exact(read_dataset(tmp_path / "way"), tmp_path / "out", "labelme")
    (said,) = (tmp_path / "out").glob("**/a.json")
    assert groups(said) == [1, 1, None]


def test_a_format_without_groups_tells_them_by_name(tmp_path):
    shapes = [shape("person", group_id=1), shape("hat", TWO, group_id=1)]
    source = read_dataset(put_file(tmp_path / "src", *shapes))
    losses = {loss.kind: loss for loss in put(source, tmp_path / "out", "labelstudio").losses}
    assert "group_id" in losses["fields"].example
    assert not losses["fields"].refused


def test_a_group_of_two_objects_of_one_label_is_given_up_and_told(tmp_path):
    """LabelMe would read them as one object."""
    masks = Masks.concatenate([Masks.from_dense(mask) for mask in hard_masks()[:3]])
    taxonomy = Taxonomy((Category("cat", "cat"),))
    source = tuple({"group_id": value} for value in (3, 3, "x"))
    rows = Rows.make(masks, [0] * 3, instance=[1, 2, 3], source=source)
    labels = Labels(tuple(masks.sizes[0].tolist()), rows=rows)
    done = exact(
        dataset_of(taxonomy, {"a": labels}, tmp_path / "photos"), tmp_path / "o", "labelme"
    )
    (loss,) = [loss for loss in done.losses if loss.kind == "fields"]
    assert loss.objects == 2
    assert "group_id" in loss.example
    assert groups(tmp_path / "o/a.json")[0] == 3
    assert groups(tmp_path / "o/a.json")[1] != 3
