"""Several imports in one layer: licences, heads and kinds of categories, judged in the JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskloom.core.outcome import Outcome
from maskloom.core.taxonomy import Taxonomy
from maskloom.store.project.beside import Source, united
from maskloom.verbs.convert import convert
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_

SQUARE = [[5, 5, 15, 5, 15, 15, 5, 15]]


def coco(
    folder: Path,
    image: str,
    *,
    number: Any = 1,
    licences: Any = None,
    category: Any = None,
    head: Any = None,
) -> Path:
    """One picture with one object in a COCO file of its own."""
    (folder / "images").mkdir(parents=True)
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(folder / "images" / image)
    entry = {"id": 1, "file_name": image, "width": 30, "height": 20}
    data = {
        "images": [entry if number is None else {**entry, "license": number}],
        "categories": [{"id": 1, "name": "road", **(category or {})}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": SQUARE, "iscrowd": 0}
        ],
        **(head or {}),
        **({} if licences is None else {"licenses": licences}),
    }
    file = folder / "instances.json"
    file.write_text(json.dumps(data))
    return file


def exported(project: Path, tmp_path: Path, layer: str = "main") -> tuple[Any, Outcome]:
    target = tmp_path / f"out{len(list(tmp_path.iterdir()))}.json"
    outcome = export(Path(f"{project}::{layer}"), target, to="coco")
    return json.loads(target.read_text()), outcome


def licence_of(data: Any, image: str) -> Any:
    """What a reader of the JSON is told of an image's licence: the entry without its number."""
    (entry,) = [one for one in data["images"] if one["file_name"] == image]
    listed = [one for one in data.get("licenses", ()) if one.get("id") == entry.get("license")]
    assert len(listed) <= 1
    return {k: v for k, v in listed[0].items() if k != "id"} if listed else None


BY, ARR = {"name": "CC-BY", "url": "u"}, {"name": "All rights reserved"}


def test_images_keep_their_licences_when_two_files_number_them_alike(tmp_path: Path) -> None:
    project = tmp_path / "p"
    import_(coco(tmp_path / "a", "a.png", licences=[{"id": 1, **BY}]), project)
    import_(coco(tmp_path / "b", "b.png", licences=[{"id": 1, **ARR}, {"id": 2, **BY}]), project)
    import_(coco(tmp_path / "c", "c.png", licences=[{"id": 1, **BY}]), project)
    data, outcome = exported(project, tmp_path)
    assert outcome.warnings == ()
    assert [licence_of(data, f"{name}.png") for name in "abc"] == [BY, ARR, BY]
    numbers = [one["id"] for one in data["licenses"]]
    assert len(numbers) == len(set(numbers))


def test_licences_of_one_file_stand_as_they_were(tmp_path: Path) -> None:
    listed = [{"id": 7, **BY}, {"id": 3, **ARR}, {"id": 9, "name": "unused"}]
    source = coco(tmp_path / "a", "a.png", number=3, licences=listed, head={"info": {"x": 1}})
    import_(source, tmp_path / "p")
    straight = tmp_path / "straight.json"
    convert(source, straight, to="coco")
    data, outcome = exported(tmp_path / "p", tmp_path)
    assert data == json.loads(straight.read_text())
    assert data["licenses"] == listed
    assert outcome.warnings == ()


def test_a_number_that_no_list_has_takes_no_licence_of_another_source(tmp_path: Path) -> None:
    project = tmp_path / "p"
    import_(coco(tmp_path / "a", "a.png", number=1), project)
    import_(coco(tmp_path / "b", "b.png", licences=[{"id": 1, **ARR}]), project)
    data, outcome = exported(project, tmp_path)
    assert licence_of(data, "a.png") is None
    assert "license" not in next(one for one in data["images"] if one["file_name"] == "a.png")
    assert licence_of(data, "b.png") == ARR
    assert any("licence" in line and "'a'" in line for line in outcome.warnings)


def test_splits_of_one_import_may_number_licences_each_for_itself(tmp_path: Path) -> None:
    folder, project = tmp_path / "set", tmp_path / "p"
    (folder / "annotations").mkdir(parents=True)
    for split, licence in (("train", BY), ("val", ARR)):
        file = coco(tmp_path / split, f"{split}.png", licences=[{"id": 1, **licence}])
        file.rename(folder / "annotations" / f"instances_{split}.json")
    import_(folder, project)
    import_(coco(tmp_path / "c", "c.png", licences=[{"id": 1, "name": "third"}]), project)
    data, _ = exported(project, tmp_path)
    found = [licence_of(data, f"{name}.png") for name in ("train", "val", "c")]
    assert found == [BY, ARR, {"name": "third"}]


def test_another_layer_over_the_same_image_does_not_change_its_licence(tmp_path: Path) -> None:
    project = tmp_path / "p"
    import_(coco(tmp_path / "a", "a.png", licences=[{"id": 1, **BY}]), project)
    again = coco(tmp_path / "b", "a.png", licences=[{"id": 1, **ARR}])
    import_(again, project, layer="by/ann")
    for layer in ("main", "by/ann"):
        data, _ = exported(project, tmp_path, layer)
        assert licence_of(data, "a.png") == BY


def test_what_sources_say_otherwise_is_told_by_name(tmp_path: Path) -> None:
    project = tmp_path / "p"
    import_(coco(tmp_path / "a", "a.png", number=None, head={"info": {"from": "A"}}), project)
    import_(coco(tmp_path / "b", "b.png", number=None, head={"info": {"from": "B"}}), project)
    data, outcome = exported(project, tmp_path)
    assert data["info"] == {"from": "B"}
    assert any("info.from" in line for line in outcome.warnings)


def test_a_source_that_was_replaced_says_no_more(tmp_path: Path) -> None:
    project = tmp_path / "p"
    import_(coco(tmp_path / "a", "a.png", number=None, head={"info": {"old": 1}}), project)
    source = coco(tmp_path / "b", "a.png", number=None, head={"info": {"new": 2}})
    import_(source, project, replace=True)
    data, outcome = exported(project, tmp_path)
    assert data["info"] == {"new": 2}
    assert outcome.warnings == ()


@pytest.mark.parametrize("first", [1, 0])
def test_kinds_that_contradict_are_told_and_the_projects_kind_is_written(
    tmp_path: Path, first: int
) -> None:
    project = tmp_path / "p"
    import_(coco(tmp_path / "a", "a.png", category={"isthing": first}), project)
    outcome = import_(coco(tmp_path / "b", "b.png", category={"isthing": 1 - first}), project)
    kinds = ["stuff", "thing"]
    (told,) = [line for line in outcome.warnings if "in the project" in line]
    assert "'road'" in told
    assert f"stays {kinds[first]}" in told
    data, _ = exported(project, tmp_path)
    (category,) = data["categories"]
    assert category.get("isthing", 1) == first
    (known,) = json.loads((project / "taxonomy.json").read_text())["categories"]
    assert known.get("kind", "thing") == kinds[first]


def test_definitions_of_all_sources_stand_in_one_list() -> None:
    taxonomy = Taxonomy.from_names(["car"])
    first = {"x": {"tags": [{"name": "wet", "v": 1}, {"name": "dry", "v": 2}]}, "y": [1]}
    second = {"x": {"tags": [{"name": "dry", "v": 3}, {"name": "new", "v": 4}]}, "y": [2]}
    extra, told = united([Source(1, first, ()), Source(2, second, ())], taxonomy)
    assert extra["x"]["tags"] == [
        {"name": "wet", "v": 1},
        {"name": "dry", "v": 3},
        {"name": "new", "v": 4},
    ]
    assert extra["y"] == [2]
    assert [line.rpartition(": ")[2] for line in told] == ["x.tags.dry.v, y"]
