"""Training as users run it: learns, repeats, survives a kill bit for bit, refuses bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.run import Run
from maskloom.errors import CheckpointError, MaskloomError, UsageError, WriteError
from maskloom.store.images import write_png
from maskloom.verbs.predict import predict
from maskloom.verbs.train import train

TINY = ("encoder=plain", "width=8", "depth=2", "batch=4", "precision=fp32", "crop=32,32", "lr=0.01")


def quick(data: Path, out: Path, **more):
    return train(data, out=out, **{"steps": 12, "val": "0.25", "set_": TINY, **more})


def weights(run: Path) -> str:
    return Run.load(run).weights_sha256


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "a"
    quick(scenes, out, steps=60)
    return out


def test_a_run_learns_and_leaves_all_its_files(run: Path) -> None:
    for name in (
        "model.safetensors",
        "model.json",
        "state.pt",
        "curves.parquet",
        "curves.png",
        "report.html",
    ):
        assert (run / name).stat().st_size > 0, name
    described = json.loads((run / "model.json").read_text())
    assert described["scores"]["validation"]["miou"] > 0.5
    assert described["weights_sha256"] == weights(run)
    assert not list(run.glob(".*partial"))


def test_the_time_of_validations_is_told_apart_and_counts_for_the_limit(
    scenes: Path, tmp_path: Path
) -> None:
    done = quick(scenes, tmp_path / "a", set_=(*TINY, "eval_every=4"))
    assert done.results["validation_seconds"] > 0
    assert any("validated in" in line for line in done.lines)
    one_validation = done.results["validation_seconds"] / 3
    limit = (*TINY, "eval_every=1", f"minutes={one_validation / 60}")
    late = quick(scenes, tmp_path / "b", steps=600, set_=limit)
    assert late.results["steps"] < 300


def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(scenes: Path, tmp_path: Path) -> None:
    quick(scenes, tmp_path / "a")
    quick(scenes, tmp_path / "b")
    quick(scenes, tmp_path / "c", seed=1)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_killed_run_resumes_to_the_bits_of_an_unbroken_one(
    scenes: Path, tmp_path: Path, threads: str
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    arguments = [sys.executable, "-m", "maskloom", "train", str(scenes), "--steps", "60", "--val", "0.25",
                 "--set", *TINY, "eval_every=5"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    subprocess.run(
        [*arguments, "--out", str(whole)], check=True, env=environment, capture_output=True
    )
    process = subprocess.Popen(
        [*arguments, "--out", str(broken)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (broken / "state.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "the run ended before it was killed"
    subprocess.run(
        [*arguments, "--out", str(broken), "--resume"],
        check=True,
        env=environment,
        capture_output=True,
    )
    assert weights(broken) == weights(whole)


def test_a_run_resumed_with_other_arguments_is_refused(run: Path, scenes: Path) -> None:
    with pytest.raises(CheckpointError, match="begun with another seed"):
        quick(scenes, run, steps=60, seed=5, resume=True)
    with pytest.raises(CheckpointError, match="recipe"):
        quick(scenes, run, steps=60, resume=True, set_=(*TINY[:-1], "lr=0.02"))


def test_a_run_resumed_on_other_data_names_them_by_whole_short_hashes(
    run: Path, write_scenes: Callable[..., Path], tmp_path: Path
) -> None:
    others = write_scenes(tmp_path / "others", seed=7)
    with pytest.raises(CheckpointError, match="another training data") as refused:
        quick(others, run, steps=60, resume=True)
    assert re.search(r"now [0-9a-f]{12}, then [0-9a-f]{12}\b", str(refused.value))


def test_an_existing_run_is_not_overwritten(run: Path, scenes: Path) -> None:
    before = weights(run)
    with pytest.raises(WriteError, match="exists"):
        quick(scenes, run)
    assert weights(run) == before


def test_instances_are_learned_from_touching_objects(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    for i in range(6):
        ids = np.zeros((64, 64), np.uint8)
        for n, (cx, cy) in enumerate(rng.uniform(10, 54, (5, 2)), start=1):
            ids[(x - cx) ** 2 + (y - cy) ** 2 < 64] = n
        write_png(tmp_path / "d/images" / f"{i}.png", ((ids > 0) * 180 + 30).astype(np.uint8))
        write_png(tmp_path / "d/masks" / f"{i}.png", ids)
    out = train(
        tmp_path / "d",
        out=tmp_path / "run",
        steps=80,
        val="0.34",
        set_=(*TINY, "from.kind=instance", "from.category=disc"),
    )
    assert out.results["task"] == "instance"
    assert out.results["metrics"]["ap50"] > 0.3
    assert Run.load(tmp_path / "run").taxonomy.keys == ("disc",)


@pytest.mark.parametrize("where", [0, 4, 40, -20])
def test_a_corrupt_checkpoint_is_one_clear_error(
    run: Path, scenes: Path, tmp_path: Path, where: int
) -> None:
    data = bytearray((run / "model.safetensors").read_bytes())
    for i in range(where, where + 12 if where >= 0 else 0):
        data[i] ^= 0xA5
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        predict(str(scenes / "images"), model=str(broken), out=tmp_path / "out")
    assert "model.safetensors" in caught.value.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("length", [0, 5, 100, 5000])
def test_a_truncated_checkpoint_is_one_clear_error(
    run: Path, scenes: Path, tmp_path: Path, length: int
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:length])
    with pytest.raises(CheckpointError):
        predict(str(scenes / "images"), model=str(broken), out=tmp_path / "out")


def test_a_damaged_state_is_refused_on_resume(run: Path, scenes: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "state.pt").write_bytes((run / "state.pt").read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged"):
        quick(scenes, copy, steps=60, resume=True)


def test_a_model_refuses_data_of_another_taxonomy_unless_mapped(
    run: Path, tmp_path: Path, write_scenes
) -> None:
    other = write_scenes(tmp_path / "other", count=3)
    names = {
        "categories": [
            {"id": 0, "name": "ground"},
            {"id": 1, "name": "disc"},
            {"id": 2, "name": "box"},
        ]
    }
    (tmp_path / "names.json").write_text(json.dumps(names))
    settings = (f"from.taxonomy={tmp_path / 'names.json'}", "from.void=255")
    with pytest.raises(CheckpointError, match=r"other categories.*--map"):
        predict(str(other), model=str(run), out=tmp_path / "out", set_=settings)
    done = predict(
        str(other),
        model=str(run),
        out=tmp_path / "out",
        set_=settings,
        map_=("ground=0", "disc=1", "box=2"),
    )
    assert done.results["images"] == 3


def test_starting_from_a_run_of_another_taxonomy_is_refused(
    run: Path, tmp_path: Path, write_scenes
) -> None:
    other = write_scenes(tmp_path / "other", count=4)
    for file in (other / "masks").iterdir():
        write_png(file, np.full((48, 48), 3, np.uint8) * (np.arange(48) > 20).astype(np.uint8))
    with pytest.raises(CheckpointError, match="another taxonomy"):
        quick(other, tmp_path / "run", resume_from=run)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"model": "unett"}, "(?i)did you mean 'unet'"),
        ({"set_": ("lr=fast",)}, "lr"),
        ({"set_": ("lrr=1",)}, "lrr"),
        ({"set_": ("lr=-1",)}, "out of range"),
        ({"set_": (*TINY, "encoder=resnet9000")}, "no such encoder"),
        ({"val": "nowhere"}, "--val"),
        ({"val": "1.5"}, "between 0 and 1"),
        ({"val": "group:x"}, "group"),
        ({"epochs": 2}, "not both"),
        ({"split": "train"}, "no such split"),
    ],
)
def test_wrong_arguments_are_told_before_training(
    scenes: Path, tmp_path: Path, more, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        quick(scenes, tmp_path / "run", **more)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_wrong_option_leaves_no_folder_that_would_refuse_the_right_one(
    scenes: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no such encoder"):
        quick(scenes, tmp_path / "run", set_=("encoder=plian",))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere", "--out", "run"],
        ["{scenes}"],
        ["{scenes}", "--out", "{scenes}"],
        ["{scenes}", "--out", "run", "--resume"],
        ["{scenes}", "--out", "run", "--resume-from", "nowhere"],
        ["{scenes}", "--out", "run", "--model", "unett"],
        ["{scenes}", "--out", "run", "--steps", "0"],
    ],
)
def test_wrong_paths_are_told_before_torch_is_loaded(
    scenes: Path, tmp_path: Path, words: list[str]
) -> None:
    given = ["train", *(word.format(scenes=scenes) for word in words)]
    code = (
        "import sys\nfrom maskloom.faces.cli import main\n"
        f"code = main({given!r})\nsys.exit('torch' in sys.modules or code != 2)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_training_image_names_the_file(tmp_path: Path, write_scenes) -> None:
    data = write_scenes(tmp_path / "data", count=4)
    victim = data / "images/scene2.png"
    victim.write_bytes(victim.read_bytes()[:300])
    with pytest.raises(MaskloomError, match=r"scene2\.png"):
        quick(data, tmp_path / "run")


def test_a_run_lists_its_samples_and_the_list_is_a_split(
    run: Path, scenes: Path, tmp_path: Path
) -> None:
    from maskloom.verbs.evaluate import evaluate

    keys = [(run / f"{name}.txt").read_text().split() for name in ("train", "val")]
    assert len(keys[0]) == 6
    assert len(keys[1]) == 2
    assert not set(keys[0]) & set(keys[1])
    predict(str(scenes / "images"), model=str(run), out=tmp_path / "out")
    scored = evaluate(scenes, tmp_path / "out", split=f"@{run / 'val.txt'}")
    assert [row["key"] for row in scored.results["per_sample"]] == keys[1]
    recorded = json.loads((run / "model.json").read_text())["scores"]["validation"]["miou"]
    assert scored.results["metrics"]["miou"] == pytest.approx(recorded, abs=1e-12)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_equal_runs_on_two_threads_give_equal_bits(tmp_path: Path, precision: str) -> None:
    """Objects too: their distance targets must not depend on threads or on the process."""
    rng = np.random.default_rng(0)
    for i in range(4):
        ids = np.kron(rng.integers(0, 9, (6, 6)), np.ones((16, 16))).astype(np.uint8)
        write_png(tmp_path / f"d/images/{i}.png", ids * 25)
        write_png(tmp_path / f"d/masks/{i}.png", ids)
    found = set()
    for name in "abc":
        subprocess.run(
            [sys.executable, "-m", "maskloom", "train", str(tmp_path / "d"), "--out", str(tmp_path / name),
             "--steps", "10", "--val", "0.25", "--set", "from.kind=instance", "encoder=plain", "width=8",
             "depth=2", "batch=4", "crop=64,64", f"precision={precision}"],
            check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "2"},
        )  # fmt: skip
        found.add(weights(tmp_path / name))
    assert len(found) == 1
