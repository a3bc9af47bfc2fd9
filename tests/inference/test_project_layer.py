"""`predict` into a project: an immutable layer, whole or not there, made once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from maskloom.core.run import Run
from maskloom.errors import CheckpointError, UsageError
from maskloom.inference.project_layer import LayerAdded
from maskloom.inference.said import said_of_layer
from maskloom.store.images import write_png
from maskloom.store.project import Address, Project
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.import_ import import_
from maskloom.verbs.predict import predict
from maskloom.verbs.review import review
from maskloom.verbs.taxonomy import taxonomy

TINY = ("encoder=plain", "width=4", "depth=2", "batch=4", "precision=fp32", "crop=32,32")


@pytest.fixture
def coins(tmp_path: Path) -> Path:
    """A project of three images, one of them labelled: objects of the one category `coin`."""
    for i in range(3):
        write_png(tmp_path / f"images/{i}.png", np.roll(data.coins(), 40 * i, 1)[:120, :160])
    ids = (data.coins()[:120, :160] > 120).astype(np.uint8)
    write_png(tmp_path / "labelled/images/0.png", data.coins()[:120, :160])
    write_png(tmp_path / "labelled/masks/0.png", ids)
    settings = ("from.kind=instance", "from.category=coin")
    import_(tmp_path / "labelled", tmp_path / "project", from_="bitmap", set_=settings)
    for i in (1, 2):
        import_(tmp_path / f"images/{i}.png", tmp_path / "project")
    return tmp_path / "project"


def test_a_methods_labels_become_an_immutable_layer_that_other_verbs_take(coins: Path) -> None:
    done = predict(str(coins), model="watershed")
    assert done.exit_code == 0
    assert done.results["new_images"] == 3
    layer = done.results["layer"]
    assert layer.startswith("model/watershed@")
    with Project.open(coins) as project:
        info = {one.name: one for one in project.layers()}[layer]
        assert (info.immutable, info.form, info.samples) == (True, "rows", 3)
        assert info.objects == done.results["objects"] > 0
        assert project.taxonomy().keys == ("coin",)
    address = Path(done.results["address"])
    assert evaluate(coins, address).results["metrics"]["f1_50"] is not None
    assert review(coins, address).exit_code in (0, 1)
    assert not list((coins / "predictions").glob("*.partial"))


def test_a_second_time_says_that_it_is_there_and_adds_what_came_since(
    coins: Path, tmp_path: Path
) -> None:
    first = predict(str(coins), model="watershed")
    with Project.open(coins) as project:
        seq = project.sequence()
    again = predict(str(coins), model="watershed")
    assert again.results["new_images"] == 0
    assert any("there already" in line for line in again.lines)
    with Project.open(coins) as project:
        assert project.sequence() == seq
    write_png(tmp_path / "images/3.png", data.coins()[100:220, 100:260])
    import_(tmp_path / "images/3.png", coins)
    more = predict(str(coins), model="watershed")
    assert (more.results["new_images"], more.results["images"]) == (1, 4)
    assert more.results["layer"] == first.results["layer"]


def test_other_settings_are_another_layer(coins: Path) -> None:
    names = {
        predict(str(coins), model="watershed", set_=settings).results["layer"]
        for settings in ((), ("depth=3",), ("depth=4",), ("depth=3",))
    }
    assert len(names) == 3


def test_a_network_is_found_in_the_project_and_keeps_its_confidence(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    from maskloom.verbs.train import train

    root = tmp_path / "project"
    for i in range(6):
        pixels = np.roll(data.coins()[:48, :48], 7 * i, 0)
        write_png(tmp_path / f"scenes/images/{i}.png", pixels)
        write_png(tmp_path / f"scenes/masks/{i}.png", (pixels > 100).astype(np.uint8))
    import_(tmp_path / "scenes", root, from_="bitmap", set_=("from.kind=class",))
    run = Run.load(Path(train(root, steps=2, set_=TINY).results["run"]))
    done = predict(str(root), model="runs/1")
    assert done.results["layer"] == run.layer == f"model/unet-1@{run.weights_sha256[:12]}"
    predict(str(root), model="runs/1", out=tmp_path / "files")
    with Project.open(root) as project:
        stored = project.dataset(run.layer)
        labels = stored.labels_of(stored.samples[0])
        assert labels.confidence is not None
        assert labels.confidence.shape == (48, 48)
    scores = evaluate(tmp_path / "files", Path(done.results["address"])).results["metrics"]
    assert scores["pixel_accuracy"] == 1.0
    moved = tmp_path / "elsewhere"
    (root / "runs/1").rename(moved)
    again = predict(str(root), model=str(moved))
    assert again.results["layer"] == run.layer  # the same weights, whatever the folder is called
    assert again.results["new_images"] == 0


def test_categories_that_the_project_lacks_are_refused_unless_mapped(coins: Path) -> None:
    taxonomy(coins, add="Note")
    with pytest.raises(CheckpointError, match="does not have"):
        predict(str(coins), model="watershed")
    with Project.open(coins) as project:
        assert [one.name for one in project.layers()] == ["main"]
    done = predict(str(coins), model="watershed", map_=("coin=object",))
    assert done.results["new_images"] == 3
    with Project.open(coins) as project:
        assert project.taxonomy().keys == ("coin", "note")


def test_outside_projects_a_target_must_be_said(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", data.coins()[:50, :50])
    with pytest.raises(UsageError, match="--out"):
        predict(str(tmp_path / "a.png"), model="otsu")


def test_a_bad_image_is_named_and_the_rest_is_a_layer(coins: Path, tmp_path: Path) -> None:
    file = tmp_path / "images/1.png"
    file.write_bytes(file.read_bytes()[:200])
    done = predict(str(coins), model="watershed")
    assert done.exit_code == 1
    assert "1.png" in done.failures[0]
    assert done.results["new_images"] == 2


def test_bad_images_that_are_left_are_named_again_beside_the_layer(
    coins: Path, tmp_path: Path
) -> None:
    path = tmp_path / "images/2.png"
    path.write_bytes(path.read_bytes()[:200])
    first = predict(str(coins), model="otsu")
    again = predict(str(coins), model="otsu")
    assert (first.exit_code, again.exit_code) == (1, 1)
    assert again.results["images"] == first.results["images"] == 2
    assert again.failures == first.failures
    assert "2" in again.failures[0]


def test_a_killed_predict_leaves_no_layer_and_goes_on_with_its_items(tmp_path: Path) -> None:
    for i in range(60):
        write_png(tmp_path / f"images/{i:03d}.png", np.roll(data.coins(), 7 * i, 1))
    root = tmp_path / "project"
    from maskloom.verbs.init import init

    init(root)
    import_(tmp_path / "images", root, from_="images")
    taxonomy(root, add="object")
    command = [sys.executable, "-m", "maskloom", "predict", str(root), "--model", "watershed"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(root.glob("predictions/*.partial/items/*.npz"))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    with Project.open(root) as project:
        assert [one.name for one in project.layers()] == ["main"]
    done = predict(str(root), model="watershed")
    assert 5 <= done.results["resumed"] < 60
    assert done.results["new_images"] == 60
    assert not list(root.glob("predictions/*.partial"))
    assert len(list(root.glob("predictions/*"))) == 1


def test_a_run_that_is_not_there_is_answered_with_those_that_are(coins: Path) -> None:
    with pytest.raises(UsageError, match=r"runs of the project: none yet"):
        predict(str(coins), model="runs/7")
    for name in ("1", "2"):
        (coins / "runs" / name).mkdir(parents=True)
    with pytest.raises(UsageError, match=r"runs of the project: runs/1, runs/2"):
        predict(str(coins), model="runs/7")
    with pytest.raises(UsageError, match=r"Did you mean watershed\?"):
        predict(str(coins), model="watershd")


def test_a_project_without_categories_takes_those_of_the_model(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    from tests.inference.tiling.conftest import save_run

    images, root = tmp_path / "images", tmp_path / "project"
    for i in range(2):
        write_png(images / f"{i}.png", np.roll(data.coins()[:48, :48], 7 * i, 0))
    import_(images, root, from_="images")
    run = save_run(tmp_path / "classes")
    done = predict(str(root), model=str(run.path))
    assert any("categories and has the model's now: " in line for line in done.lines)
    with Project.open(root) as project:
        assert project.taxonomy().categories == run.taxonomy.categories
        assert {one.name: one.form for one in project.layers()}["main"] == "map"
    assert taxonomy(root).results["history"][-1]["kind"] == "add"
    # what came later finds the categories there
    write_png(images / "2.png", data.coins()[60:108, :48])
    import_(images / "2.png", root, from_="images")
    again = predict(str(root), model=str(run.path))
    assert again.results["new_images"] == 1
    assert not any("categories" in line for line in again.lines)


def test_hints_score_and_review_what_a_run_was_not_trained_on(coins: Path) -> None:
    run = coins / "runs/1"
    run.mkdir(parents=True)
    (run / "val.txt").write_text("1\n")
    address = Address(coins, "model/x@0123456789ab")
    lines = said_of_layer(LayerAdded(address, 3, new=3), run)
    assert [line.split()[0] for line in lines[-2:]] == ["evaluate", "review"]
    assert all(line.endswith("--split @runs/1/val.txt") for line in lines[-2:])
