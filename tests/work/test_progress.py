from __future__ import annotations

import contextlib

import pytest

from maskloom.work import progress
from maskloom.work.progress import Cancelled, Silent, bar, step, track, using


class Recorder(Silent):
    def __init__(self, stop_after=None):
        self.said = []
        self.stop_after = stop_after

    def open(self, label, total, unit):
        self.said.append(("open", label, total, unit))
        return len(self.said)

    def advance(self, key, n, note):
        self.said.append(("advance", n, note))

    def close(self, key):
        self.said.append(("close",))

    def step(self, text):
        self.said.append(("step", text))

    def cancelled(self):
        return self.stop_after is not None and len(self.said) > self.stop_after


def test_without_a_sink_work_runs_in_silence():
    step("begin")
    assert list(track([1, 2], "count")) == [1, 2]
    assert not progress.cancelled()


def test_track_opens_counts_and_closes():
    sink = Recorder()
    with using(sink):
        assert list(track("ab", "letters", unit="letters")) == ["a", "b"]
    assert sink.said == [
        ("open", "letters", 2, "letters"),
        ("advance", 1, ""),
        ("advance", 1, ""),
        ("close",),
    ]


def test_a_generator_has_no_total_unless_told():
    sink = Recorder()
    with using(sink):
        list(track(iter("ab"), "letters"))
        list(track(iter("ab"), "letters", total=2))
    assert [said[2] for said in sink.said if said[0] == "open"] == [None, 2]


def test_a_bar_closes_when_its_work_fails():
    def work():
        with bar("x", 3) as one:
            one.advance(2, "half")
            raise ValueError("no")

    sink = Recorder()
    with using(sink), pytest.raises(ValueError, match="no"):
        work()
    assert sink.said[1:] == [("advance", 2, "half"), ("close",)]


def test_cancelling_stops_the_loop_even_where_bad_items_are_survived():
    done = []

    def work():
        for item in track(range(9), "items"):
            done.append(item)
            with contextlib.suppress(Exception):
                step("one item")

    with using(Recorder(stop_after=3)), pytest.raises(Cancelled):
        work()
    assert done == [0, 1]


def test_the_sink_before_comes_back():
    outer, inner = Recorder(), Recorder()
    with using(outer):
        with using(inner):
            step("in")
        step("out")
    assert (inner.said, outer.said) == ([("step", "in")], [("step", "out")])
