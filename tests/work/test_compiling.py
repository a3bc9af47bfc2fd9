"""Kernels that no cache holds: the wait is told once, and only where anything is told."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

LINE = "compiling kernels, as every first run after an installation or update does"
COUNT = """
import sys
import numpy as np
from maskloom.core.taxonomy import Taxonomy
from maskloom.faces.console import progress_sink
from maskloom.metrics.pixels import PixelMetrics
from maskloom.work.executors.ticks import TickSink
from maskloom.work.progress import Silent, current, using

def count():
    zeros = np.zeros((4, 4), np.uint8)
    PixelMetrics(Taxonomy.from_names(["a"])).update(zeros, zeros)
"""


def run(code, cache, *args):
    return subprocess.run(
        [sys.executable, *(["-c", COUNT + code] if code else []), *args],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "numba"


def test_the_first_run_says_once_that_it_compiles_and_the_second_says_nothing(cache):
    code = "with using(progress_sink(sys.stderr)):\n    count()\n    count()\n"
    assert run(code, cache).stderr == LINE + "\n"
    assert any(cache.rglob("*.nbi"))
    assert run(code, cache).stderr == ""


def test_who_shows_no_progress_hears_nothing(cache):
    assert run("count()\n", cache).stderr == ""


def test_a_silent_compilation_uses_nothing_up_and_inner_sinks_pass_it_on(cache):
    code = """
with using(Silent()):
    count()
with using(progress_sink(sys.stderr)), using(TickSink(print, current())):
    from maskloom.metrics.shape.joint import joint_ids
    joint_ids(np.ones((4, 4), np.uint8), np.ones((4, 4), np.uint8))
"""
    assert run(code, cache).stderr == LINE + "\n"


def test_kernels_of_others_are_not_ours_to_tell(cache):
    code = """
import numba
with using(progress_sink(sys.stderr)):
    assert numba.njit(lambda x: x + 1)(1) == 2
"""
    assert run(code, cache).stderr == ""


def test_evaluate_tells_it_on_stderr_and_stdout_is_the_same(cache, tmp_path):
    rng = np.random.default_rng(0)
    for side in ("truth", "predicted"):
        (tmp_path / side).mkdir()
        Image.fromarray(rng.integers(0, 3, (9, 9), np.uint8)).save(tmp_path / side / "a.png")
    words = ["-m", "maskloom", "evaluate", str(tmp_path / "truth"), str(tmp_path / "predicted")]
    words += ["--metrics", "miou", "--resamples", "0"]
    first, second = run("", cache, *words), run("", cache, *words)
    assert first.stderr.splitlines().count(LINE) == 1
    assert LINE not in second.stderr
    assert first.stdout == second.stdout
