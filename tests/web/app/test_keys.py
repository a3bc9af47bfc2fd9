"""Keys on the page, by the words of the help sheet."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def test_q_walks_through_the_objects_and_shift_q_back(tab):
    tab.wait("document.querySelectorAll('.rows[aria-label=Objects] [role=option]').length === 3")
    seen = []
    for key in ("q", "q", "Shift+Q"):
        tab.key(key)
        seen.append(tab.value("maskloom.store.state.selected"))
    assert seen[0] == seen[2] != seen[1]


def classes(tab):
    return [one["category"] for one in tab.shown()["objects"] if one["id"].startswith("n")]


def test_a_class_chosen_for_the_next_polygon_leaves_the_one_before_as_it_is(tab):
    tab.key("p").click((310, 180), (390, 180), (390, 280)).key("Enter", "2")
    assert tab.page.get_by_role("radio", name="Debris").is_checked()
    tab.click((20, 180), (80, 180), (80, 280)).key("Enter").saved()
    assert sorted(classes(tab)) == ["cell", "debris"]
    tab.key("v", "1").saved()
    assert classes(tab) == ["cell", "cell"]


def test_a_class_chosen_with_the_brush_is_given_to_what_it_adds_to(tab):
    tab.key("b").drag((320, 30), (350, 30)).key("2").saved()
    assert classes(tab) == ["debris"]
    tab.key("n", "1").drag((320, 80), (350, 80)).saved()
    assert sorted(classes(tab)) == ["cell", "debris"]
