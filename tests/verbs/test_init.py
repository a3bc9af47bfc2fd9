from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.errors import TaxonomyError, UsageError, WriteError
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_
from maskloom.verbs.init import init


def test_a_project_is_made_and_told(tmp_path):
    outcome = init(tmp_path / "cells", name="Cells of May")
    assert outcome.exit_code == 0
    assert outcome.results["name"] == "Cells of May"
    with Project.open(tmp_path / "cells") as project:
        assert project.id == outcome.results["id"]
        assert project.sequence() == outcome.results["sequence"] == 1
        assert [one.name for one in project.layers()] == ["main"]
    assert init(tmp_path / "other").results["name"] == "other"


def test_a_taxonomy_is_taken_from_a_file(tmp_path):
    words = {"categories": [{"id": 0, "name": "<img onerror>", "color": [1, 2, 3]}], "void": 9}
    (tmp_path / "words.json").write_text(json.dumps(words))
    outcome = init(tmp_path / "p", taxonomy=tmp_path / "words.json")
    assert outcome.results["categories"] == ["img-onerror", "void"]
    again = json.loads((tmp_path / "p/taxonomy.json").read_text())
    (tmp_path / "again.json").write_text(json.dumps(again))
    same = init(tmp_path / "q", taxonomy=tmp_path / "again.json")
    assert same.results["taxonomy_hash"] == outcome.results["taxonomy_hash"]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"taxonomy": "bad.json"}, TaxonomyError, 'no list "categories"'),
        ({"name": "a\nb"}, UsageError, "not a name"),
        ({"database": "mysql://x/y"}, UsageError, "not the URL"),
    ],
)
def test_what_cannot_be_leaves_no_project(tmp_path, options, error, match):
    (tmp_path / "bad.json").write_text("{}")
    if "taxonomy" in options:
        options = {"taxonomy": tmp_path / options["taxonomy"]}
    with pytest.raises(error, match=match):
        init(tmp_path / "p", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.json"]


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p/mine.txt").write_text("x")
    with pytest.raises(WriteError, match="something else is there"):
        init(tmp_path / "p")
    assert [p.name for p in (tmp_path / "p").iterdir()] == ["mine.txt"]


def test_a_project_of_class_maps_begins_without_labels(tmp_path):
    words = {"categories": [{"id": 0, "name": "cell"}]}
    (tmp_path / "words.json").write_text(json.dumps(words))
    init(tmp_path / "p", taxonomy=tmp_path / "words.json", form="map")
    (tmp_path / "images").mkdir()
    write_png(tmp_path / "images/a.png", np.zeros((4, 4), np.uint8))
    import_(tmp_path / "images", tmp_path / "p", from_="images")
    with Project.open(tmp_path / "p") as project:
        for layer in ("main", "gold"):
            assert project.document("a", layer).form == "map"
            assert next(iter(project.document("a", layer).objects)) == "cell"
