"""Undo and redo on the page: one's own gestures, one by one, also those of before a reload."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def state(server, sample, layer="main"):
    """What the server says, without what every operation moves on."""
    said = server.document(sample, layer)
    return said["fields"], sorted(
        (one["id"], one["category"], str(one["tiles"])) for one in said["objects"]
    )


def paint_three(tab):
    tab.key("b")
    for y in (20, 140, 280):
        tab.key("n").drag((320, y), (360, y))
    return tab.saved()


def test_each_gesture_is_undone_and_redone_alone(tab, shared_server, sample):
    states = [state(shared_server, sample)]
    tab.key("b")
    for y in (20, 140, 280):
        tab.key("n").drag((320, y), (360, y)).saved()
        states.append(state(shared_server, sample))
    for expected in reversed(states[:-1]):
        tab.key("Control+z").saved()
        assert state(shared_server, sample) == expected
    for expected in states[1:]:
        tab.key("Control+Shift+Z").saved()
        assert state(shared_server, sample) == expected


def test_undo_goes_on_after_a_reload_and_after_closing_the_tab(tab, new_tab, shared_server, sample):
    first = state(shared_server, sample)
    paint_three(tab).key("Control+z").saved()
    tab.page.reload()
    tab.ready().wait("maskloom.history.events.length === 4")
    tab.key("Control+Shift+Z").saved()
    assert len(state(shared_server, sample)[1]) == 6
    tab.page.close()
    other = new_tab().open(shared_server.link(place=f"#/s/{sample}")).go(sample)
    other.wait("maskloom.history.events.length === 5")
    for _ in range(3):
        other.key("Control+z").saved()
    assert state(shared_server, sample) == first
    other.key("Control+z").saved()
    assert state(shared_server, sample) == first


def test_a_new_gesture_ends_the_redoable_past(tab, shared_server, sample):
    paint_three(tab).key("Control+z", "d").saved()
    seen = state(shared_server, sample)
    tab.key("Control+Shift+Z").saved()
    assert state(shared_server, sample) == seen


def test_only_ones_own_gestures_are_undone(tab, new_tab, shared_server, sample):
    tab.key("b").drag((320, 20), (360, 20)).saved()
    other = new_tab().open(shared_server.link("bob", f"#/s/{sample}")).go(sample)
    other.key("b").drag((20, 20), (60, 20)).saved()
    tab.wait("maskloom.opened.document.objects.size === 5")
    tab.key("Control+z").saved()
    tab.key("Control+z").saved()
    authors = [one["author"] for one in shared_server.operations(sample)]
    assert authors == ["ann", "bob", "ann"]
    assert len(state(shared_server, sample)[1]) == 4


def test_what_somebody_built_on_is_not_undone_and_that_is_said(tab, new_tab, shared_server, sample):
    tab.key("v").click((60, 60)).key("2").saved()
    other = new_tab().open(shared_server.link("bob", f"#/s/{sample}")).go(sample)
    other.key("v").click((60, 60)).key("3").saved()
    tab.wait("maskloom.opened.document.objects.get('2-0').category === 'unclear'")
    tab.key("Control+z")
    assert "bob changed the same place" in tab.words("#notice")
    assert state(shared_server, sample)[1][0][1] == "unclear"


def test_undo_of_an_accepted_gesture_costs_what_the_gesture_cost(tab, shared_server, sample):
    tab.key("b").drag((320, 20), (360, 20)).key("Control+z").saved()
    first, second = (one["op"] for one in shared_server.operations(sample))
    assert second["kind"] == "undo"
    assert second["changes"][0]["tiles"] == first["changes"][0]["tiles"]
