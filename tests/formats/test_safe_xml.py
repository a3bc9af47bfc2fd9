from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from maskloom.errors import FormatError, WriteError
from maskloom.formats.shared.safe_xml import (
    Bounds,
    Element,
    from_lists,
    is_verbatim,
    read_xml_tree,
    text_of_value,
    to_lists,
    value_of_text,
    xml_lines,
)

SMALL = Bounds(10_000, elements=50, depth=8)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)


def read(tmp_path, text):
    path = tmp_path / "a.xml"
    path.write_text(text, "utf-8")
    return read_xml_tree(path, SMALL)


def test_elements_come_back_with_attributes_and_text(tmp_path):
    root = Element("a", {"x": 'quo"te <&> \n\t'}, "one", [Element("b", {}, "ü & <"), Element("b")])
    back = read(tmp_path, "".join(xml_lines(root)))
    assert back == root
    assert from_lists(to_lists([root])) == [root]
    assert (back.text_of("b"), back.text_of("c"), back.at("b", "c")) == ("ü & <", "", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE a [<!ENTITY e "eeee">]><a>&e;</a>', "a DTD or entities"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a DTD or entities"),
        ("<a>" * 9 + "</a>" * 9, "8 levels"),
        ("<a>" + "<b/>" * 50 + "</a>", "more than 50 elements"),
        ("<a>" + " " * 10_000 + "</a>", "more than 10000 bytes"),
        ("<a><b></a>", "not valid XML"),
        ("<a>&e;</a>", "not valid XML"),
        ("", "not valid XML"),
    ],
)
def test_what_makes_a_small_file_large_is_refused(tmp_path, text, said):
    with pytest.raises(FormatError, match=said):
        read(tmp_path, text)


def test_a_long_text_takes_no_square_of_its_length(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<a>" + "word\n" * 4_000_000 + "</a>")
    started = time.perf_counter()
    assert len(read_xml_tree(path, Bounds(1 << 26, 2)).text) == 5 * 4_000_000 - 1
    assert time.perf_counter() - started < 10


def test_control_characters_cannot_be_written():
    with pytest.raises(WriteError, match="control character"):
        list(xml_lines(Element("a", {"x": "\0"})))


@given(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=4))
def test_values_come_back_from_their_text(value):
    assert value_of_text(text_of_value(value)) == value


@given(st.text() | st.sampled_from(["1.50", '"a"', "007", "NaN", "-Infinity", "1e999", "", "true"]))
def test_text_of_a_file_is_written_as_it_was(text):
    assume(is_verbatim(text))
    assert text_of_value(value_of_text(text)) == text
