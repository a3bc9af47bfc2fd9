"""Kill -9 of the label server while pages save: what was answered is there, and it opens again."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_no_answered_operation_is_lost_to_twenty_kills(checkout, tmp_path):
    """`benchmarks/kills_server.py` does the work, and says what it compares."""
    out = tmp_path / "kills.json"
    words = ["--kills", "20", "--seed", "7", "--out", str(out)]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills_server", *words],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(out.read_text())
    assert told["faults"] == []
    assert told["kills"] == 20
    # Kills come after a number of answers that the seed decides, and not the clock.
    assert told["acknowledged"] >= told["waited_for"] > 20
