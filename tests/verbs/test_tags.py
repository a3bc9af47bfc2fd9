"""Tags of whole images through the verbs: named in JSON, kept by projects, slices of a score."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.formats.detect import read_dataset
from maskloom.store.images import write_png
from maskloom.verbs.convert import convert
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_

WEATHER = {"a": "sun", "b": "rain", "c": "rain"}


@pytest.fixture
def source(tmp_path):
    """Three images with a VIA attribute of the file, and one circle each."""
    entries = {}
    for name, weather in WEATHER.items():
        write_png(tmp_path / f"source/{name}.png", np.full((30, 40, 3), 90, np.uint8))
        region = {
            "shape_attributes": {"name": "circle", "cx": 15, "cy": 15, "r": 9},
            "region_attributes": {"class": "cell"},
        }
        entries[name] = {
            "filename": f"{name}.png", "size": 1, "regions": [region],
            "file_attributes": {"weather": weather}, "odd": 1,
        }  # fmt: skip
    (tmp_path / "source/via_region_data.json").write_text(json.dumps(entries))
    return tmp_path / "source"


def tags(root):
    return {sample.key: dict(sample.tags) for sample in read_dataset(root).samples}


def test_the_result_of_a_conversion_names_tags_and_fields(source, tmp_path):
    refused = convert(source, tmp_path / "out", to="coco")
    assert refused.exit_code == 1
    losses = refused.results["losses"]
    assert losses["tags"]["refused"] is True
    assert losses["tags"]["samples"] == 3
    assert losses["tags"]["example"] == "of images: weather"
    assert losses["fields"]["example"].endswith("of images: odd")
    rows = {row[0]: row[1] for row in refused.tables[0].rows}
    assert rows["tags"] == "tags of whole images are dropped (of images: weather)"
    assert convert(source, tmp_path / "out", to="coco", allow_loss=True).exit_code == 0


def test_workers_compare_tags_too(source, tmp_path):
    done = convert(source, tmp_path / "out", to="supervisely", workers=2)
    assert done.exit_code == 0
    assert {
        key.rpartition("/")[2]: own["weather"] for key, own in tags(tmp_path / "out").items()
    } == WEATHER


def test_a_project_keeps_tags_and_gives_them_to_every_format(source, tmp_path):
    import_(source, tmp_path / "p")
    told = {name: {"weather": weather} for name, weather in WEATHER.items()}
    assert tags(tmp_path / "p") == told
    for to in ("via", "cvat", "datumaro", "parquet"):
        assert export(tmp_path / "p", tmp_path / to, to=to).exit_code == 0
        assert tags(tmp_path / to) == told
    refused = export(tmp_path / "p", tmp_path / "out", to="coco")
    assert refused.results["losses"]["tags"]["example"] == "of images: weather"


def test_scores_are_sliced_by_a_tag(source, tmp_path):
    convert(source, tmp_path / "predicted", to="via")
    scores = evaluate(source, tmp_path / "predicted", by="weather").results
    assert set(scores["per_slice"]) == {"sun", "rain"}
