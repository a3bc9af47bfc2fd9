"""Small versions of the proofs in benchmarks/: two browsers on one image, and a killed browser.

They run as a person would run them, in a process of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def prove(checkout, tmp_path, name, *words):
    out = tmp_path / "result.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", *words, "--out", str(out)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert out.is_file(), done.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["failures"] == []
    assert done.returncode == 0, done.stderr
    return result


@pytest.mark.parametrize("form", ["rows", "map"])
def test_two_browsers_on_one_image_end_alike_and_nothing_vanishes(checkout, tmp_path, form):
    result = prove(checkout, tmp_path, "two_browsers", "--operations", "100", "--form", form)
    told = result[form]
    assert told["operations"] >= 100
    assert told["saved"] > 50
    # Without a conflict nothing would be said about how one is settled.
    assert told["settled_on_the_card"] >= told["collided"] > 0


def test_what_a_killed_browser_kept_arrives_once(checkout, tmp_path):
    result = prove(checkout, tmp_path, "kills_tab", "--kills", "3")
    assert result["kills"] == 3
    assert result["gestures found in IndexedDB after a kill"] > 0
    assert result["stored"] >= result["called saved by a page that was killed later"] > 0
