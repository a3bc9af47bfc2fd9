"""The loop in a project: train, fix labels, train again from that run, compare before and after."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.report import Report
from maskloom.core.run import Run
from maskloom.edits.gestures import make, replace_pixels, set_field
from maskloom.edits.tiles import decode_tile, encode_tile
from maskloom.errors import CheckpointError, UsageError, WriteError
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.training.improvement import comparison_verdict, comparison_warning
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.import_ import import_
from maskloom.verbs.listing import list_
from maskloom.verbs.predict import predict
from maskloom.verbs.taxonomy import taxonomy
from maskloom.verbs.train import train

TINY = ("encoder=plain", "width=8", "depth=2", "batch=4", "precision=fp32", "crop=32,32", "lr=0.01")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, write_scenes: Callable[..., Path]) -> Path:
    """A project of ten scenes with one run."""
    folder = tmp_path_factory.mktemp("loop")
    import_(write_scenes(folder / "scenes", count=10), folder / "project", from_="bitmap")
    train(folder / "project", steps=20, set_=TINY)
    return folder / "project"


def paint(root: Path, sample: int) -> None:
    """Make a square of the class 1 in one image's map, as the page does."""
    square = np.zeros((256, 256), bool)
    square[40:46, 2:8] = True
    with Project.open(root) as project:
        document = project.document(sample, "main")
        changes = []
        for uid, held in document.objects.items():
            old = np.zeros((256, 256), bool)
            if (0, 0) in held.tiles:
                old = decode_tile(held.tiles[0, 0])
            new = old | square if uid == "1" else old & ~square
            if (new != old).any():
                tiles = {**held.tiles, (0, 0): encode_tile(new)}
                changes.append(replace_pixels(document, uid, tiles))
        project.commit(sample, make(document, "main", "brush", changes), author="ann")


def test_a_projects_run_takes_the_next_number_and_says_what_it_was_trained_on(
    trained: Path,
) -> None:
    (trained / "runs" / "7").mkdir(parents=True)
    done = train(trained, steps=2, set_=TINY)
    (trained / "runs" / "7").rmdir()
    assert done.results["run"] == str(trained / "runs" / "8")
    described = json.loads((trained / "runs/8/model.json").read_text())
    with Project.open(trained) as project:
        assert described["data"]["project"] == project.id
        assert described["data"]["sequence"] == project.sequence()
        assert described["data"]["content_sha256"] == project.dataset().content_hash()
        assert described["data"]["address"].endswith(f"::main#{project.sequence()}")
    assert "parent" not in described


def test_a_run_from_a_run_is_compared_on_the_same_samples_with_the_labels_of_now(
    trained: Path,
) -> None:
    parent = Run.load(trained / "runs/1")
    for sample in (2, 5):
        paint(trained, sample)
    done = train(trained, resume_from=Path("runs/1"), steps=6)
    run = Path(done.results["run"])
    compared = done.results["before_after"]
    assert compared["parent"]["id"] == parent.id
    assert compared["parent"]["path"] == "runs/1"
    assert compared["parent"]["weights_sha256"] == parent.weights_sha256
    assert {k: compared["labels"][k] for k in ("samples", "changed", "added", "removed")} == {
        "samples": 10, "changed": 2, "added": 0, "removed": 0,
    }  # fmt: skip
    for row in (*compared["metrics"].values(), *compared["per_class"].values()):
        assert row["change"] == pytest.approx(row["after"] - row["before"])
    assert compared["metrics"]["miou"]["after"] == done.results["metrics"]["miou"]
    assert (run / "val.txt").read_text() == (trained / "runs/1/val.txt").read_text()
    described = json.loads((run / "model.json").read_text())
    assert described["parent"] == compared["parent"]
    # Nothing else was said.
    assert Run.load(run).recipe == replace(parent.recipe, lr=parent.recipe.lr / 10)
    page = (run / "report.html").read_text()
    assert "Before and after" in page
    assert "2 of 10 labelled images were changed" in page


def test_a_run_has_no_layer_in_the_list_until_something_was_predicted_with_it(
    trained: Path,
) -> None:
    done = train(trained, steps=1, set_=TINY)
    row = list_("runs", trained).results["rows"][-1]
    assert (row["name"], row["layer"]) == (f"runs/{Path(done.results['run']).name}", None)
    assert any(line.startswith("trained 1 step in") for line in done.lines)


def test_the_verdict_is_on_the_score_that_chooses_runs_and_a_worse_run_warns() -> None:
    metrics = {
        "ap": {"before": 0.193, "after": 0.196, "change": 0.003},
        "ap50": {"before": 0.370, "after": 0.330, "change": -0.040},
    }
    parent = {"id": "unet-1@ab12", "path": "runs/1"}
    labels = {"samples": 40, "changed": 1, "added": 2, "removed": 1}
    compared = {"metrics": metrics, "labels": labels, "parent": parent, "notes": []}
    after = Report("t", "instance", {"ap": 0.196, "ap50": 0.330}, per_sample=({"key": "a"},))
    assert comparison_verdict(compared, after) == (
        "AP50 fell from 0.370 to 0.330 (-0.040) on the same 1 validation image. "
        "1 of 40 labelled images was changed since unet-1@ab12 was trained, 2 were added, "
        "1 was removed."
    )
    warned = comparison_warning(compared, after, "runs/2")
    assert warned.startswith("runs/2 is worse than runs/1, which it began from: AP50")
    assert "runs/1 is still there" in warned
    metrics["ap50"]["change"] = 0.0
    assert comparison_warning(compared, after, "runs/2") == ""


def test_a_layer_scored_on_what_its_run_was_trained_on_is_told(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Path(predict(str(trained), model="runs/1").results["address"])
    held = len((trained / "runs/1/val.txt").read_text().split())
    assert list_("runs", trained).results["rows"][0]["layer"] == Run.load(trained / "runs/1").layer
    (told,) = evaluate(trained, layer).warnings
    assert told.startswith(f"{10 - held} of 10 scored images were used to train runs/1")
    assert "--split @runs/1/val.txt" in told
    monkeypatch.chdir(trained.parent)
    held_out = evaluate(trained, layer, split="@runs/1/val.txt")
    assert not any("used to train" in text for text in held_out.warnings)


def test_before_is_what_the_parent_scores_now_and_not_what_it_scored_then(
    tmp_path: Path, write_scenes
) -> None:
    data = write_scenes(tmp_path / "scenes")
    train(data, out=tmp_path / "a", steps=12, val="0.25", set_=TINY)
    held = (tmp_path / "a/val.txt").read_text().split()
    halves = np.where(np.mgrid[:48, :48][1] < 24, 1, 2).astype(np.uint8)
    for key in held:  # labels turned into something else: the parent must score badly on them
        write_png(data / f"masks/{key}.png", halves)
    done = train(data, out=tmp_path / "b", resume_from=tmp_path / "a", steps=2)
    then = Run.load(tmp_path / "a").scores["validation"]["miou"]
    row = done.results["before_after"]["metrics"]["miou"]
    assert row["before"] < then - 0.1
    assert done.results["before_after"]["labels"] == {}  # no history outside projects
    assert (tmp_path / "b/val.txt").read_text().split() == held


def test_validation_samples_that_the_parent_was_trained_on_are_told(
    trained: Path, scenes: Path
) -> None:
    done = train(trained, resume_from=Path("runs/1"), steps=2, val="0.5", seed=3)
    assert "used to train" in done.results["before_after"]["notes"][0]


def test_categories_that_came_since_and_another_order_do_not_cost_what_was_learned(
    trained: Path, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(trained, root)
    shutil.copytree(trained.parent / "scenes", tmp_path / "scenes")
    given = {"resume_from": Path("runs/1"), "steps": 1, "set_": ("lr=1e-6",)}
    straight = train(root, **given).results["before_after"]["metrics"]["miou"]
    taxonomy(root, reorder=("2", "1"))
    turned = train(root, **given).results["before_after"]["metrics"]["miou"]
    assert turned["before"] == pytest.approx(straight["before"], abs=1e-12)
    assert turned["after"] == pytest.approx(straight["after"], abs=1e-3)
    taxonomy(root, add="Triangle")
    done = train(root, **given)
    assert Run.load(Path(done.results["run"])).taxonomy.keys == ("2", "1", "0", "triangle")
    grown = done.results["before_after"]["metrics"]["miou"]
    assert grown["after"] == pytest.approx(straight["after"], abs=1e-3)


def test_a_run_from_a_run_learns_at_a_tenth_of_its_rate_once(trained: Path) -> None:
    def rate(parent: str, *said: str) -> tuple[float, str]:
        done = train(trained, resume_from=Path(parent), steps=1, set_=said)
        run = Path(done.results["run"])
        return Run.load(run).recipe.lr, str(run)

    first = Run.load(trained / "runs/1").recipe.lr
    second, run = rate("runs/1")
    assert second == pytest.approx(first / 10)
    assert rate(run)[0] == second
    assert rate("runs/1", "lr=0.003")[0] == 0.003


def test_a_resumed_run_stays_with_the_labels_it_began_with(trained: Path, tmp_path: Path) -> None:
    done = train(trained, steps=4, set_=TINY)
    run = Path(done.results["run"])
    before = (run / "begun.json").read_text()
    weights = Run.load(run).weights_sha256
    paint(trained, 7)
    again = train(trained, steps=4, resume=True, set_=TINY)
    assert again.results["run"] == str(run)
    assert (run / "begun.json").read_text() == before
    assert Run.load(run).weights_sha256 == weights


def test_a_run_that_was_killed_before_its_first_state_begins_anew(
    trained: Path, tmp_path: Path
) -> None:
    whole = train(trained, out=tmp_path / "whole", steps=4, set_=TINY)
    for left in ("state.pt", "model.safetensors", "model.json", "report.html"):
        (tmp_path / "whole" / left).unlink()
    (tmp_path / "whole/.state.pt.123.partial").write_bytes(b"half")
    again = train(trained, out=tmp_path / "whole", steps=4, resume=True, set_=TINY)
    assert again.results["weights_sha256"] == whole.results["weights_sha256"]
    assert not list((tmp_path / "whole").glob(".*"))


def test_what_cannot_be_is_told_before_anything_is_written(trained: Path, tmp_path: Path) -> None:
    names = sorted(p.name for p in (trained / "runs").iterdir())
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        train(trained, resume_from=Path("runs/99"), steps=2)
    with pytest.raises(UsageError, match="no such layer"):
        train(Path(f"{trained}::gold2"), steps=2, set_=TINY)
    with pytest.raises(UsageError, match="so where should the run"):
        train(trained.parent / "scenes", steps=2)
    with pytest.raises(WriteError, match="exists"):
        train(trained, out=trained / "runs/1", steps=2)
    with pytest.raises(CheckpointError, match="no state to resume"):
        train(trained, out=tmp_path / "none", resume=True)
    with pytest.raises(CheckpointError, match="begun from another run"):
        train(trained, out=trained / "runs/1", resume=True, resume_from=trained / "runs/1")
    assert sorted(p.name for p in (trained / "runs").iterdir()) == names


def test_a_project_without_labels_cannot_be_trained_on(tmp_path: Path, scenes: Path) -> None:
    from maskloom.verbs.init import init

    init(tmp_path / "empty")
    import_(scenes / "images", tmp_path / "empty")
    with pytest.raises(Exception, match="no labels yet"):
        train(tmp_path / "empty", steps=2, set_=TINY)
    assert not (tmp_path / "empty/runs").exists()


def test_images_that_nobody_labelled_are_left_out(trained: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(trained, root)
    shutil.copytree(trained.parent / "scenes", tmp_path / "scenes")
    write_png(tmp_path / "more/new.png", np.zeros((48, 48, 3), np.uint8))
    import_(tmp_path / "more", root)
    done = train(root, steps=2, set_=TINY)
    assert (
        done.results["data"]["train"]["samples"] + done.results["data"]["validation"]["samples"]
        == 10
    )
    with Project.open(root) as project:
        document = project.document("new", "main")
        begun = [set_field(document, "", "state", "doing")]
        project.commit("new", make(document, "main", "state", begun), author="ann")
    again = train(root, steps=2, set_=TINY)
    assert "1 image without labels is left out" in again.warnings
