from __future__ import annotations

import io

from maskloom.core.outcome import Outcome, Table
from maskloom.faces.console import BarSink, LineSink, show
from maskloom.work.progress import bar, step, using


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_drawn_table_with_its_brackets_intact():
    out, err = Terminal(), io.StringIO()
    show(Outcome({}, tables=(Table("[t]", ("[a]",), [("[bold]x",)]),)), out, err)
    for text in ("[t]", "[a]", "[bold]x"):
        assert text in out.getvalue()


def test_a_log_gets_a_line_per_interval_and_a_last_one():
    now = iter(range(0, 1000, 6))
    out = io.StringIO()
    with using(LineSink(out, every=10, clock=lambda: next(now))), bar("read", 4, "images") as one:
        step("begin")
        for _ in range(3):
            one.advance()
        one.advance(note="last.png")
    assert out.getvalue().splitlines() == [
        "begin",
        "read: 2/4 images",
        "read: 4/4 images  last.png",
    ]


def test_the_time_that_is_left_is_told_by_the_pace_after_the_start_up():
    # 12 s until the first of 12 units is done, then one every 4 s
    now = iter([0.0, *range(12, 100, 4)])
    out = io.StringIO()
    with using(LineSink(out, every=10, clock=lambda: next(now))), bar("read", 12, "images") as one:
        for _ in range(12):
            one.advance()
    assert out.getvalue().splitlines() == [
        "read: 1/12 images",
        "read: 4/12 images, 32 s left",
        "read: 7/12 images, 20 s left",
        "read: 10/12 images, 8 s left",
        "read: 12/12 images",
    ]


def test_what_an_earlier_run_had_done_is_no_pace():
    now = iter([0.0, 0.0, 20.0, 25.0, 30.0, 35.0, 40.0])
    out = io.StringIO()
    with using(LineSink(out, every=10, clock=lambda: next(now))), bar("tiles", 50, "tiles") as one:
        one.advance(40)
        for _ in range(4):
            one.advance()
    assert out.getvalue().splitlines() == [
        "tiles: 41/50 tiles",
        "tiles: 43/50 tiles, 35 s left",
        "tiles: 44/50 tiles, 40 s left",
    ]


def test_short_work_leaves_no_line_in_a_log():
    out = io.StringIO()
    with using(LineSink(out)), bar("read", 1) as one:
        one.advance()
    assert out.getvalue() == ""


def test_bars_nest_on_a_terminal():
    out = Terminal()
    with using(BarSink(out)), bar("epochs", 2) as outer:
        with bar("steps", None, "steps") as inner:
            inner.advance(3, "loss 0.5")
        outer.advance()
        step("[saved] x")
    with using(BarSink(out)), bar("again", 1) as one:
        one.advance()
    assert "[saved] x" in out.getvalue()
