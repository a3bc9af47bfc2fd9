"""`taxonomy` as users run it: shown, changed one thing at a time, tried first, undone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maskloom.errors import MaskloomError, TaxonomyError, UsageError
from maskloom.faces.cli import main
from maskloom.store.images import write_png
from maskloom.verbs.import_ import import_
from maskloom.verbs.taxonomy import taxonomy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two images with a class map of sky, car and bus."""
    names = {"categories": [{"id": i, "name": n} for i, n in enumerate(("Sky", "Car", "Bus"))]}
    (tmp_path / "names.json").write_text(json.dumps(names))
    for i in range(2):
        write_png(tmp_path / f"data/images/{i}.png", np.zeros((40, 40, 3), np.uint8))
        classes = np.zeros((40, 40), np.uint8)
        classes[5:15, 5:15], classes[20:30, 20:30], classes[0:3, 0:3] = 1, 2, 2
        write_png(tmp_path / f"data/masks/{i}.png", classes)
    settings = (f"from.taxonomy={tmp_path / 'names.json'}", "from.kind=class")
    import_(tmp_path / "data", tmp_path / "project", from_="bitmap", set_=settings)
    return tmp_path / "project"


def keys(outcome) -> list[str]:
    return [one["key"] for one in outcome.results["taxonomy"]["categories"]]


def test_without_a_change_it_shows_categories_and_history(project: Path) -> None:
    shown = taxonomy(project)
    assert keys(shown) == ["sky", "car", "bus"]
    assert [line["kind"] for line in shown.results["history"]] == ["create", "add"]
    assert [table.title for table in shown.tables] == ["Categories", "History"]


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"add": "Tram"}, ["sky", "car", "bus", "tram"]),
        ({"rename": "car=Automobile"}, ["sky", "car", "bus"]),
        ({"rename": "Car = Automobile"}, ["sky", "car", "bus"]),
        ({"recolor": "car=#0a0B0c"}, ["sky", "car", "bus"]),
        ({"reorder": ("bus", "Sky")}, ["bus", "sky", "car"]),
        ({"retire": "bus"}, ["sky", "car", "bus"]),
    ],
)
def test_each_change_is_tried_done_and_undone(project: Path, change, after: list[str]) -> None:
    before = taxonomy(project).results["taxonomy"]
    tried = taxonomy(project, dry_run=True, **change)
    assert taxonomy(project).results["taxonomy"] == before
    done = taxonomy(project, author="ann", **change)
    assert keys(tried) == keys(done) == after
    assert taxonomy(project).results["history"][-1]["author"] == "ann"
    taxonomy(project, undo=done.results["seq"])
    assert taxonomy(project).results["taxonomy"] == before


def test_a_merge_and_a_split_say_what_they_concern(project: Path) -> None:
    merged = taxonomy(project, merge="bus=car", dry_run=True)
    assert merged.results["counts"]["samples"] == 2
    assert merged.results["inverse"] is None
    parted = taxonomy(project, split="bus=City bus, Coach")
    assert keys(parted) == ["sky", "car", "bus", "city-bus", "coach"]
    assert parted.results["reviews"]["main"]["items"] == 4
    assert any("cannot be undone" in line for line in parted.lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"add": "Tram", "retire": "bus"}, "one change at a time"),
        ({"rename": "car"}, "not KEY=NAME"),
        ({"rename": "cat=Cat"}, "no such category"),
        ({"recolor": "car=red"}, "not a colour"),
        ({"merge": "car="}, "not KEY=INTO"),
        ({"split": "car=Taxi"}, "two categories"),
        ({"reorder": ("car", "plane")}, "no such category"),
        ({"undo": 77}, "no change of the taxonomy"),
        ({"undo": 1}, "nothing can undo"),
        ({"add": "<b>\n"}, "not a name"),
    ],
)
def test_what_cannot_be_is_one_clear_error(project: Path, change, message: str) -> None:
    before = taxonomy(project).results
    with pytest.raises((TaxonomyError, UsageError), match=message):
        taxonomy(project, **change)
    assert taxonomy(project).results == before


def test_a_change_shows_what_it_changed_and_not_every_category(project: Path) -> None:
    renamed = taxonomy(project, rename="car=Automobile")
    (table,) = renamed.tables
    assert [row[0] for row in table.rows] == ["car"]
    parted = taxonomy(project, split="bus=City bus, Coach", dry_run=True)
    assert [row[0] for row in parted.tables[0].rows] == ["bus", "city-bus", "coach"]
    assert taxonomy(project, reorder=("bus",)).tables == ()


def test_the_history_names_the_first_of_many_and_when_a_change_can_be_undone(tmp_path) -> None:
    names = [{"id": i, "name": f"class {i}"} for i in range(80)]
    (tmp_path / "names.json").write_text(json.dumps({"categories": names}))
    write_png(tmp_path / "data/images/0.png", np.zeros((4, 4, 3), np.uint8))
    write_png(tmp_path / "data/masks/0.png", np.arange(16, dtype=np.uint8).reshape(4, 4))
    settings = (f"from.taxonomy={tmp_path / 'names.json'}", "from.kind=class")
    root = tmp_path / "project"
    import_(tmp_path / "data", root, from_="bitmap", set_=settings)
    taxonomy(root, rename="class-1=One")
    taxonomy(root, retire="class-2")
    rows = taxonomy(root).tables[1].rows
    assert rows[1][1] == "add class 0, class 1, class 2 and 77 more"
    assert [row[-1] for row in rows] == ["", "while unused", "yes", "yes"]
    with pytest.raises(TaxonomyError, match="labels say this category"):
        taxonomy(root, undo=rows[1][0], dry_run=True)


def test_one_object_on_one_image_is_no_plural(tmp_path: Path) -> None:
    for key, value in (("a", 1), ("b", 0)):
        write_png(tmp_path / f"data/images/{key}.png", np.zeros((4, 4, 3), np.uint8))
        write_png(tmp_path / f"data/masks/{key}.png", np.full((4, 4), value, np.uint8))
    import_(tmp_path / "data", tmp_path / "p", from_="bitmap", set_=("kind=class",))
    said = taxonomy(tmp_path / "p", retire="1", dry_run=True).lines
    assert "concerns 1 object on 1 image" in said


def test_it_needs_a_project(tmp_path: Path) -> None:
    with pytest.raises(MaskloomError, match="no such project"):
        taxonomy(tmp_path / "nothing")


def test_on_the_command_line(project: Path, capsys) -> None:
    assert main(["taxonomy", str(project), "--split", "bus=City bus,Coach", "--json", "-"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [c["name"] for c in said["results"]["migration"]["categories"]] == ["City bus", "Coach"]
    assert main(["taxonomy", str(project), "--reorder", "coach,car"]) == 0
    assert "coach" in capsys.readouterr().out
    assert main(["taxonomy", str(project), "--add", "Car"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
