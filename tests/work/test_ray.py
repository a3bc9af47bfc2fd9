from __future__ import annotations

import os
import signal
from functools import partial

import pytest
import ray  # noqa: F401 - of the extras that the tests are made with
from tests.work import chores

from maskloom.errors import MaskloomError, UsageError
from maskloom.work.executors import open_executor
from maskloom.work.shards import EachItem, run_items

pytestmark = [
    pytest.mark.slow,
    # Ray's own files and sockets; and its announcement of a default that will change.
    pytest.mark.filterwarnings("ignore"),
]


def test_ray_gives_the_same_as_here_though_a_worker_is_killed(tmp_path):
    work = partial(chores.die_once, folder=str(tmp_path), victim=13)
    shards = [tuple(range(i, i + 5)) for i in range(0, 40, 5)]
    items = [(f"k{i}", i) for i in range(60)]
    poisoned = EachItem(partial(chores.make_poisoned, (5,), (41,)))
    ticks = []
    with open_executor("ray", 2) as executor:
        found = dict(executor.map(work, shards, ticked=ticks.append))
        assert (tmp_path / "died-13").exists()
        assert found == {i: [n * n for n in shard] for i, shard in enumerate(shards)}
        assert sum(ticks) == 40
        done = {item.key: item for item in run_items(executor, poisoned, items, "doing")}
        assert sorted(key for key, item in done.items() if item.failure) == ["k41", "k5"]
        assert "worker process died 2 times" in done["k41"].failure
        with pytest.raises(UsageError, match="here: no such thing"):
            list(executor.map(chores.fail, [(1,)]))
        [(_, (pid, threads))] = executor.map(chores.whose, [(1,)])
        assert threads == "1"
        os.kill(pid, signal.SIGKILL)  # between tasks
        assert dict(executor.map(chores.squares, [(2,)])) == {0: [4]}


def test_a_cluster_that_is_not_there_is_one_clear_error():
    with (
        open_executor("ray", 2, address="127.0.0.1:1") as executor,
        pytest.raises(MaskloomError, match=r"Ray cannot be reached.*--engine local"),
    ):
        list(executor.map(chores.squares, [(2,)]))
