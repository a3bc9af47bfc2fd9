from __future__ import annotations

import io

from maskloom.core.outcome import Outcome, Table
from maskloom.faces.console import BarSink, LineSink, cell_text, plain_table, printable, show
from maskloom.work.progress import bar, step, using


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_control_characters_of_a_file_name_are_spelled_out():
    assert printable("a\x1b[31mb\n") == "a\\x1b[31mb\n"


def test_cells_are_short_and_none_is_a_dash():
    cells = [None, float("nan"), True, 0.123456, 1234.56, 7, "a\nb"]
    assert [cell_text(cell) for cell in cells] == ["-", "-", "yes", "0.1235", "1234.6", "7", "a b"]


def test_numbers_stand_right_and_text_left():
    table = Table("", ("name", "n"), [("a", 10), ("long", None), ("b", 5)])
    assert plain_table(table) == "name   n\na     10\nlong   -\nb      5"


def test_a_wide_table_goes_on_in_further_lines_and_parts_no_word():
    rows = [("alpha", "one two three four five", 1), ("a/very/long/path@0123456789", "six", 22)]
    text = plain_table(Table("", ("name", "about", "n"), rows), 43)
    assert text.splitlines() == [
        "name                         about        n",
        "alpha                        one two      1",
        "                             three four",
        "                             five",
        "a/very/long/path@0123456789  six         22",
    ]
    narrow = plain_table(Table("", ("name", "about", "n"), rows), 10)
    assert "a/very/long/path@0123456789" in narrow


def test_a_table_that_goes_to_a_file_keeps_to_the_width_of_a_page(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    table = Table("", ("a", "b"), [("x", "word " * 100)])
    assert max(map(len, plain_table(table).splitlines())) <= 100


def test_an_empty_table_is_its_heading():
    assert plain_table(Table("T", ("a", "b"), [])) == "T\na  b"


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
