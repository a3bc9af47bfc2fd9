"""Unfinished targets: where they lie, and who takes them away."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskloom.errors import WriteError
from maskloom.formats.detect import load_format
from maskloom.formats.target import staged


@pytest.mark.parametrize("name", ["labels.json", "labels"])
def test_what_a_killed_run_left_goes_with_the_next_one(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    # A generator that is never ended leaves what a killed process leaves.
    killed = staged(target, load_format("coco"))
    place = killed.__enter__()
    if name.endswith(".json"):
        place.write_text("{")
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.partial"]
    with staged(target, load_format("coco")) as whole:
        if name.endswith(".json"):
            whole.write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_files_of_others_are_not_taken_for_unfinished_targets(tmp_path: Path) -> None:
    (tmp_path / "labels.json.partial").write_text("mine")
    with (
        pytest.raises(WriteError, match=r"labels\.json\.partial: the partial folder exists"),
        staged(tmp_path / "labels.json", load_format("coco")),
    ):
        pass
    assert (tmp_path / "labels.json.partial").read_text() == "mine"


@pytest.mark.parametrize("name", ["labels.json", "labels"])
def test_a_place_that_takes_no_files_is_told_by_the_targets_own_name(name: str) -> None:
    with (
        pytest.raises(WriteError, match=rf"^/proc/{name}: cannot write: no folder can be made"),
        staged(Path("/proc") / name, load_format("coco")),
    ):
        pass
