"""A conversion that is killed leaves no target, and the next one succeeds."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from maskloom.store.images import write_png
from maskloom.verbs.convert import convert


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images with instance maps."""
    root = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(0)
    for i in range(40):
        ids = np.kron(rng.integers(0, 9, (12, 16)), np.ones((20, 20))).astype(np.uint8)
        write_png(root / "images" / f"{i}.png", ids * 25)
        write_png(root / "masks" / f"{i}.png", ids)
    return root


@pytest.mark.parametrize("form", ["coco", "objects"])
def test_a_killed_conversion_leaves_nothing_that_reads_as_whole(
    source: Path, tmp_path: Path, form: str
) -> None:
    settings = ("from.kind=instance",)
    command = [sys.executable, "-m", "maskloom", "convert", str(source), str(tmp_path / "out"),
               "--to", form, "--set", *settings]  # fmt: skip
    clock = random.Random(form)
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (tmp_path / "out.partial").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(clock.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
        assert not (tmp_path / "out").exists()
    done = convert(source, tmp_path / "out", to=form, set_=settings)
    assert done.exit_code == 0
    assert done.results["exact_objects"] == done.results["objects"] > 0
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
