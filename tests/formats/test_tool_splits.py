"""Splits of LabelMe, Supervisely and VIA: those that are written, and no others."""

from __future__ import annotations

import json

import pytest

from maskloom.formats.detect import read_dataset

from .conftest import NUCLEUS, dataset_of, objects
from .tool_cases import exact, hard_masks

TOOLS = ("labelme", "supervisely", "via")


def written(tmp_path, tool, keys, splits):
    labels = {key: objects(hard_masks()[:1]) for key in keys}
    source = dataset_of(NUCLEUS, labels, tmp_path / "photos", splits)
    exact(source, tmp_path / tool, tool)
    return tmp_path / tool


@pytest.mark.parametrize("tool", TOOLS)
def test_a_folder_named_train_makes_no_split_that_the_source_lacks(tmp_path, tool):
    root = written(tmp_path, tool, ("train/x", "y"), None)
    assert "splits" not in json.loads((root / "taxonomy.json").read_text())
    assert read_dataset(root).splits == {}
    again = written(tmp_path / "two", tool, ("train/x", "y"), {"test": ("train/x",)})
    assert read_dataset(again).splits == {"test": ("train/x",)}


@pytest.mark.parametrize("tool", TOOLS)
def test_an_image_may_be_in_several_splits_and_a_split_may_be_empty(tmp_path, tool):
    splits = {"train": ("a", "b"), "val": (), "mini": ("b",)}
    root = written(tmp_path, tool, ("a", "b", "c"), splits)
    said = json.loads((root / "taxonomy.json").read_text())["splits"]
    assert said == {"train": ["a", "b"], "val": [], "mini": ["b"]}
    back = read_dataset(root)
    assert back.splits == splits
    exact(back, tmp_path / "again", tool)
    assert read_dataset(tmp_path / "again").splits == splits


@pytest.mark.parametrize("tool", TOOLS)
def test_without_a_side_file_folders_are_splits(tmp_path, tool):
    root = written(tmp_path, tool, ("train/x", "valid/y"), None)
    (root / "taxonomy.json").unlink()
    assert read_dataset(root, tool).splits == {"train": ("train/x",), "val": ("valid/y",)}


def test_splits_of_what_is_not_opened_are_left_out(tmp_path):
    splits = {"train": ("one/a",), "val": ("two/b",), "none": ()}
    root = written(tmp_path, "supervisely", ("one/a", "two/b"), splits)
    assert read_dataset(root / "one").splits == {"train": ("one/a",), "none": ()}
    root = written(tmp_path, "labelme", ("a", "b"), {"train": ("a",), "val": ("b",)})
    assert read_dataset(root / "b.json").splits == {"val": ("b",)}
