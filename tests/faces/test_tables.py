from __future__ import annotations

import pytest

from maskloom.core.outcome import Table
from maskloom.faces.tables import cell_text, drawn_table, plain_table, printable

ADDRESS = "model/unet-cam@4a918feabe60"


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


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_title_takes_the_width_of_the_terminal_not_of_its_table(width):
    title = f"predictions of {ADDRESS}, validation scores of the kept weights"
    lines = drawn_table(Table(title, ("", "n"), [("a", 1)], note=title), width).splitlines()
    expected = {40: 3, 80: 2, 120: 1}[width]
    assert " ".join(lines[:expected]) == title
    assert " ".join(lines[-expected:]) == title
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_an_address_is_whole_at_any_width_that_it_fits_in(width):
    rows = [(ADDRESS, ADDRESS, "one two three four five six", 1)]
    text = drawn_table(Table(ADDRESS, ("layer", "parent", "about", "n"), rows), width)
    assert text.count(ADDRESS) == 3
    assert max(map(len, text.splitlines())) <= width


def test_words_longer_than_the_terminal_go_on_and_nothing_is_lost():
    text = drawn_table(Table("", ("layer", "n"), [(ADDRESS, 12)]), 10)
    assert text.splitlines() == ["layer", "model/unet", "-cam@4a918", "feabe60", "n      12"]


def test_a_drawn_table_has_a_rule_below_its_heads():
    table = Table("T", ("name", "n"), [("a", 10), ("b", None)], note="first\nsecond")
    assert drawn_table(table, 80, str.upper).splitlines() == [
        "T", "", "NAME   N", "────────", "a     10", "b      -", "", "first", "second",
    ]  # fmt: skip
