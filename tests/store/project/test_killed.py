"""A project whose writer is killed at any moment keeps every operation that was acknowledged."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from maskloom.edits.gestures import create_object, make
from maskloom.edits.tiles import encode_tile
from maskloom.store.project import Project

KILLS = 20

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="no fork there"),
    # The child does nothing but write to a project that it opens itself.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


def write(root: Path, seed: int, tell: int) -> None:
    """Commit operations until killed, and tell of each one after it was acknowledged."""
    with Project.open(root) as project:
        noise = np.random.default_rng(seed)
        for i in range(10**6):
            sample = int(noise.integers(1, 4))
            document = project.document(sample, "main")
            tiles = {(0, 0): encode_tile(noise.random((256, 256)) < noise.random() * 0.1)}
            change = create_object(f"k{seed}-{i}", tiles, "car")
            done = project.commit(sample, make(document, "main", "brush", [change]), author="ann")
            os.write(tell, f"{done.seq} {sample} {done.revision} {done.op.id}\n".encode())


def killed(root: Path, seed: int, after: float) -> list[str]:
    """What a writer was told before it was killed, some time after its first answer."""
    heard, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            write(root, seed, tell)
        finally:
            os._exit(1)
    os.close(tell)
    with os.fdopen(heard, "r") as answers:
        first = answers.readline()
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        rest = answers.readlines()
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "the writer ended by itself"
    return [line for line in (first, *rest) if line.endswith("\n")]


def test_every_acknowledged_operation_is_there_after_a_kill(project):
    clock = random.Random(1)
    told: dict[int, tuple[int, int, str]] = {}
    for seed in range(KILLS):
        for line in killed(project.root, seed, clock.uniform(0, 0.1)):
            seq, sample, revision, id_ = line.split()
            told[int(seq)] = int(sample), int(revision), id_
        with Project.open(project.root) as opened:
            stored = {
                one.seq: (sample, one.revision, one.op.id)
                for sample in (1, 2, 3)
                for one in opened.operations(sample, "main")
            }
            assert told.items() <= stored.items()
            # At most the one that it was about to tell when each writer was killed.
            assert len(stored) - len(told) <= seed + 1
            for sample in (1, 2, 3):
                row = opened.sample(sample)
                mine = [at for at, (where, *_) in stored.items() if where == sample]
                assert row.revision == row.objects == len(mine)
                assert len(opened.document(sample, "main").objects) == len(mine)
    assert len(told) >= KILLS


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_writer_leaves_a_sound_file(tmp_path, taxonomy, add_samples, seed):
    root = tmp_path / "p"
    with Project.create(root, taxonomy=taxonomy) as made:
        add_samples(made, 3)
    killed(root, 100 + seed, random.Random(seed).uniform(0, 0.2))
    connection = sqlite3.connect(root / "labels.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
