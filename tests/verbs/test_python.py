"""Verbs called from Python as people write it."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maskloom
from maskloom.core.outcome import Outcome
from maskloom.errors import UsageError
from maskloom.faces.signature import load_verb
from maskloom.verbs import VERBS
from maskloom.verbs.python import from_python


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A COCO file in the working folder, named by a text."""
    monkeypatch.chdir(tmp_path)
    data = {
        "images": [{"id": 1, "file_name": "a.png", "width": 30, "height": 20}],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": 'x="y" '}],
        "annotations": [
            {
                "id": i,
                "image_id": 1,
                "category_id": i,
                "segmentation": [[2 * i, 2, 8, 2, 8, 8, 2 * i, 8]],
                "iscrowd": 0,
            }
            for i in (1, 2)
        ],
    }
    Path("labels.json").write_text(json.dumps(data))
    return "labels.json"


def names(file: str) -> list[str]:
    return [one["name"] for one in json.loads(Path(file).read_text())["categories"]]


def test_paths_may_be_texts(labels: str) -> None:
    done = maskloom.convert(labels, "out.json", to="coco")  # type: ignore[arg-type]
    assert done.results["written"]
    assert names("out.json") == ["car", 'x="y" ']
    assert maskloom.import_(labels, "p").results["objects"] == 2  # type: ignore[arg-type]
    assert maskloom.export("p::main", "again.json", to="coco").exit_code == 0  # type: ignore[arg-type]
    assert maskloom.check(labels, images=".").results["samples"] == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("car=auto", ["auto", 'x="y" ']),
        (["car=auto"], ["auto", 'x="y" ']),
        ({"car": "auto"}, ["auto", 'x="y" ']),
        ({'x="y" ': "z", "car": "auto"}, ["auto", "z"]),
        (None, ["car", 'x="y" ']),
    ],
)
def test_categories_are_renamed_by_a_string_a_list_or_a_mapping(
    labels: str, given: Any, expected: list[str]
) -> None:
    maskloom.convert(Path(labels), Path("out.json"), to="coco", map_=given)
    assert names("out.json") == expected


def test_settings_may_be_a_mapping(labels: str) -> None:
    settings: Any = {"to.segmentation": "rle", "from.skip_bad": True}
    maskloom.convert(Path(labels), Path("out.json"), to="coco", set_=settings)
    (first, _) = json.loads(Path("out.json").read_text())["annotations"]
    assert set(first["segmentation"]) == {"size", "counts"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": "2"}, r"--workers: not a whole number \(saw '2'\)"),
        ({"workers": 2.0}, "workers: not a whole number"),
        ({"workers": True}, "workers: not a whole number"),
        ({"engine": "spark"}, r"--engine: not one of local, ray \(saw 'spark'\)"),
        ({"allow_loss": "no"}, "--allow-loss: not True or False"),
        ({"images": 3}, "images: not a path"),
        ({"map_": 3}, "--map: not a string or several"),
        ({"map_": {"car": 3}}, "--map: not a mapping of texts"),
        ({"map_": [3]}, "--map: not a text"),
        ({"split": 3}, "split: not a text"),
    ],
)
def test_what_is_of_another_kind_is_one_clear_error(
    labels: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        maskloom.convert(Path(labels), Path("out.json"), to="coco", **arguments)
    assert not Path("out.json").exists()


def test_numbers_of_numpy_are_numbers(labels: str) -> None:
    workers: Any = np.int64(1)
    done = maskloom.convert(Path(labels), Path("out.json"), to="coco", workers=workers)
    assert done.results["written"]


def test_every_verb_takes_what_people_write() -> None:
    for verb in VERBS:
        function = load_verb(verb).function
        assert hasattr(function, "__wrapped__")
        assert inspect.signature(function) == inspect.signature(function.__wrapped__)


def test_values_of_the_right_kind_pass_as_they_are() -> None:
    seen: list[Any] = []

    @from_python
    def verb(src: Path, *, many: tuple[str, ...] = (), share: float = 0.0) -> Outcome:
        seen.extend((src, many, share))
        return Outcome({})

    verb(Path("a"), many=("x", "y"), share=1)
    assert seen == [Path("a"), ("x", "y"), 1.0]
    assert type(seen[2]) is float
