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
        "read: 2/4 images, 12 s left",
        "read: 4/4 images  last.png",
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
