"""Damaged and hostile files of every format are one message each, in bounded time and memory.

Each process has a bound on its memory of its own; `hostile.py` says what counts as wrong.
"""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from maskloom import registry

from .hostile_files import packed

GROUPS = 5
NAMES = sorted(registry.FORMATS)


@pytest.mark.parametrize("group", [NAMES[i::GROUPS] for i in range(GROUPS)], ids=",".join)
def test_hostile_files_are_one_message_each(tmp_path, group):
    told = subprocess.run(
        [sys.executable, "-m", "tests.formats.hostile", ",".join(group), str(tmp_path), "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.stdout == ""
    assert told.returncode == 0, told.stderr[-2000:]
    tried = [line for line in told.stderr.splitlines() if " tried, peak " in line]
    assert [line.partition(":")[0] for line in tried] == group


def test_the_bomb_is_one():
    assert zlib.decompress(packed((5 << 20) + 7)) == bytes((5 << 20) + 7)
