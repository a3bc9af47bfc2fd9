"""Real processes: what they load, what they send, how they die and how they are ended."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from tests.work import chores

from maskloom.errors import MaskloomError, UsageError
from maskloom.work import progress
from maskloom.work.executors import open_executor
from maskloom.work.executors.ticks import TickSink
from maskloom.work.progress import Cancelled, Silent
from maskloom.work.shards import EachItem, run_items


@pytest.fixture
def pool():
    with open_executor("local", 2) as executor:
        yield executor


def gone(pid, seconds=10.0):
    """Whether a process ends within the time; a zombie that nobody waits for has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_every_shard_gives_its_value_under_its_index(workers):
    shards = [(1, 2), (3,), (4, 5, 6), ()]
    with open_executor("local", workers) as executor:
        found = dict(executor.map(chores.squares, shards))
    assert found == {0: [1, 4], 1: [9], 2: [16, 25, 36], 3: []}


def test_one_worker_is_this_process_and_two_are_others(pool):
    with open_executor("local", 1) as executor:
        assert [pid for _, (pid, _) in executor.map(chores.whose, [(1,), (2,)])] == [
            os.getpid()
        ] * 2
    others = {pid for _, (pid, _) in pool.map(chores.whose, [(i,) for i in range(8)])}
    assert os.getpid() not in others
    assert len(others) <= 2


def test_a_worker_loads_nothing_heavy_and_takes_one_thread(pool):
    names = ("torch", "numpy", "cv2", "numba", "ray", "multiprocessing", "maskloom.verbs")
    assert [v for _, v in pool.map(partial(chores.loaded, names=names), [(1,), (2,)])] == [[], []]
    assert {threads for _, (_, threads) in pool.map(chores.whose, [(1,), (2,)])} == {"1"}


def test_workers_are_kept_from_one_map_to_the_next(pool):
    first = {pid for _, (pid, _) in pool.map(chores.whose, [(1,), (2,)])}
    second = {pid for _, (pid, _) in pool.map(chores.whose, [(1,), (2,)])}
    assert second <= first


def test_a_killed_worker_costs_an_attempt_and_nothing_else(pool, tmp_path):
    work = partial(chores.die_once, folder=str(tmp_path), victim=13)
    shards = [tuple(range(i, i + 5)) for i in range(0, 40, 5)]
    ticks = []
    found = dict(pool.map(work, shards, ticked=ticks.append))
    assert (tmp_path / "died-13").exists()
    assert found == {i: [n * n for n in shard] for i, shard in enumerate(shards)}
    assert sum(ticks) == 40


def test_a_worker_killed_from_outside_costs_an_attempt(pool):
    """The way of the system's memory killer: any moment, no warning."""
    killed = []

    def kill(pids):
        os.kill(pids[0], signal.SIGKILL)
        killed.append(pids[0])

    pids = [pid for _, (pid, _) in pool.map(chores.whose, [(1,), (2,)])]
    timer = threading.Timer(0.3, kill, [pids])
    timer.start()
    shards = [tuple(range(10))] * 4
    found = list(pool.map(partial(chores.sleep_items, seconds=0.04), shards))
    timer.join()
    assert killed
    assert sorted(index for index, _ in found) == [0, 1, 2, 3]


def test_an_item_that_always_kills_is_given_up_and_named_when_the_rest_is_done(pool):
    work = partial(chores.one_poisoned_shard, killing=(3,))
    parts = list(pool.parts(work, [(1, 2, 3, 4), (5, 6)]))
    assert sorted(i for part in parts if not part.lost for i in part.items) == [1, 2, 4, 5, 6]
    assert [(p.shard, p.items) for p in parts if p.lost] == [(0, (3,))]
    with pytest.raises(MaskloomError, match=r"1 item could not be done.*killed by SIGKILL"):
        list(pool.map(work, [(3,), (5,)]))


def test_an_exit_is_a_death_with_its_code(pool):
    [part] = pool.parts(chores.exit_at_once, [(1,)])
    assert part.lost.endswith("exit code 7")


def test_an_error_of_the_work_comes_whole_and_with_its_trace(pool):
    with pytest.raises(UsageError) as caught:
        list(pool.map(chores.fail, [("seen",)]))
    assert caught.value.message == "here: no such thing (saw 'seen'). Try another."
    assert any("In a worker process" in note for note in caught.value.__notes__)


def test_after_an_error_the_executor_can_be_used_again(pool):
    with pytest.raises(UsageError):
        list(pool.map(chores.fail, [(1,), (2,)]))
    assert dict(pool.map(chores.squares, [(2,)])) == {0: [4]}


def test_a_value_that_cannot_be_sent_is_an_error_and_no_hang(pool):
    with pytest.raises(Exception, match="pickle"):
        list(pool.map(chores.unpicklable, [(1,)]))


def test_work_of_a_module_that_workers_cannot_import_is_refused(pool, monkeypatch):
    def local(shard):
        return shard

    local.__module__, local.__qualname__ = "nowhere_at_all", "local"
    monkeypatch.setitem(sys.modules, "nowhere_at_all", type(sys)("nowhere_at_all"))
    sys.modules["nowhere_at_all"].local = local
    with pytest.raises(UsageError, match=r"cannot load what it is to do.*use one worker"):
        list(pool.map(local, [(1,)]))


def test_what_work_prints_does_not_get_between_results(pool):
    assert dict(pool.map(chores.print_much, [(1, 2), (3,)])) == {0: 2, 1: 1}


def test_items_are_counted_while_they_run(pool):
    ticks = []
    list(pool.map(chores.squares, [(1, 2, 3), (4, 5)], ticked=ticks.append))
    assert sum(ticks) == 5
    assert len(ticks) == 5


def test_only_the_outermost_bar_counts_items():
    told = []
    with progress.using(TickSink(told.append)):
        for _ in progress.track([1, 2], "items"):
            list(progress.track(range(10), "tiles of one item"))
    assert told == [1, 1]


class StopAfter(Silent):
    """Asks to stop some time after it was made."""

    def __init__(self, seconds):
        self.until = time.monotonic() + seconds

    def cancelled(self):
        return time.monotonic() > self.until


def test_cancellation_ends_workers_in_the_middle_of_a_shard(pool, tmp_path):
    began = time.monotonic()
    with progress.using(StopAfter(1.0)), pytest.raises(Cancelled):
        list(pool.map(partial(chores.sleep_long, folder=str(tmp_path)), [(1,), (2,)]))
    assert time.monotonic() - began < 5
    pids = [int(path.name[4:]) for path in tmp_path.glob("pid-*")]
    assert pids
    assert all(gone(pid) for pid in pids)


def test_cancellation_reaches_serial_work_between_items():
    with (
        open_executor("local", 1) as executor,
        progress.using(StopAfter(0.1)),
        pytest.raises(Cancelled),
    ):
        list(executor.map(partial(chores.sleep_items, seconds=0.02), [tuple(range(100))]))


SCRIPT = """
from functools import partial
from tests.work import chores
from maskloom.work.executors import open_executor
with open_executor("local", 2) as executor:
    print(dict(executor.map({work}, [(1,), (2,)])), flush=True)
"""


def script(checkout, work):
    return subprocess.Popen(
        [sys.executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=checkout, text=True, start_new_session=True,
    ), SCRIPT.format(work=work)  # fmt: skip


def test_a_script_without_a_main_guard_runs_once(checkout):
    process, text = script(checkout, "chores.squares")
    out, err = process.communicate(text, timeout=60)
    assert err == ""
    assert out.strip() in ("{0: [1], 1: [4]}", "{1: [4], 0: [1]}")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_a_parent_that_is_killed_or_interrupted(checkout, tmp_path, how):
    process, text = script(checkout, f"partial(chores.sleep_long, folder={str(tmp_path)!r})")
    # a test run that was started in the background of a shell ignores Ctrl-C, and so would this
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    process.stdin.write(heard + text)
    process.stdin.close()
    until = time.monotonic() + 30
    while len(list(tmp_path.glob("pid-*"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    pids = [int(path.name[4:]) for path in tmp_path.glob("pid-*")]
    assert len(pids) == 2
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does: the whole group hears it
    else:
        process.send_signal(how)
    process.wait(30)
    assert all(gone(pid) for pid in pids)
    err = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    if how == signal.SIGINT:
        assert err.count("KeyboardInterrupt") == 1, "workers say nothing of their own"


def test_an_interpreter_that_does_not_start_is_one_error_and_no_hang(monkeypatch, pool):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(MaskloomError, match="no worker process could be started"):
        list(pool.map(chores.squares, [(1,)]))


def spent_s():
    """CPU time of this process and of those that it has ended, which others' load leaves alone."""
    own, ended = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def test_a_thousand_items_cost_two_workers_less_than_300_ms():
    items = [(f"k{i}", i) for i in range(1000)]

    def once():
        began = spent_s()
        with open_executor("local", 2) as executor:
            work = EachItem(partial(chores.make_poisoned, (), ()))
            assert len(list(run_items(executor, work, items, "doing"))) == 1000
        return spent_s() - began

    assert min(once() for _ in range(5)) < 0.3
