"""Runs of a project: numbers that nobody else gets, and names that find them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from maskloom.core.run import WEIGHTS
from maskloom.errors import UsageError
from maskloom.store.project import Project
from maskloom.store.project.runs import claim_run, find_run, project_address, runs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Project.create(tmp_path / "cells").close()
    return tmp_path / "cells"


def test_claims_at_the_same_time_get_different_numbers(root: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim_run(root), range(40)))
    assert sorted(int(path.name) for path in claimed) == list(range(1, 41))
    assert runs(root) == [root / "runs" / str(number) for number in range(1, 41)]


def test_a_number_follows_the_largest_and_other_names_are_no_runs(root: Path) -> None:
    for name in ("3", "12", "best", "007", "٣", "4.partial"):
        (root / "runs" / name).mkdir(parents=True)
    (root / "runs" / "99").write_text("a file")
    assert [path.name for path in runs(root)] == ["3", "12"]
    assert claim_run(root).name == "13"


def test_a_run_is_found_by_path_first_and_then_in_the_project(root: Path, tmp_path: Path) -> None:
    inside = root / "runs/1"
    inside.mkdir(parents=True)
    assert find_run(Path("runs/1"), root) == Path("runs/1")  # nothing is there to be found
    (inside / WEIGHTS).touch()
    assert find_run(Path("runs/1"), root) == inside
    assert find_run(Path("runs/1"), None) == Path("runs/1")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / WEIGHTS).touch()
    assert find_run(tmp_path / "other", root) == tmp_path / "other"


def test_projects_and_their_layers_are_told_from_other_paths(root: Path, tmp_path: Path) -> None:
    address = project_address(f"{root}::model/unet-1@ab12#7")
    assert address is not None
    assert (address.root, address.layer, address.at) == (root, "model/unet-1@ab12", 7)
    assert project_address(Path(f"{root}::gold")) == project_address(f"{root}::gold")
    plain = project_address(root)
    assert plain is not None
    assert (plain.layer, plain.at) == ("main", None)
    for other in (tmp_path, tmp_path / "none", f"{tmp_path}::main", "a\0b", "", "::main"):
        assert project_address(other) is None
    with pytest.raises(UsageError):
        project_address(f"{root}::main#x")
