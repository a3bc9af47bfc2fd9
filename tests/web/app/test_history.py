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


def object_area(server, sample, uid):
    return {one["id"]: one["area"] for one in server.document(sample)["objects"]}[uid]


def test_two_gestures_on_one_object_come_back_one_by_one(tab, shared_server, sample):
    tab.key("v").click((60, 60)).key("b")
    areas = [object_area(shared_server, sample, "2-0")]
    for x in (130, 150):
        tab.drag((x, 60), (x + 30, 60)).saved()
        areas.append(object_area(shared_server, sample, "2-0"))
    assert areas[0] < areas[1] < areas[2]
    for _ in range(2):
        for expected in (1, 0):
            tab.key("Control+z").saved()
            assert object_area(shared_server, sample, "2-0") == areas[expected]
        for expected in (1, 2):
            tab.key("Control+Shift+Z").saved()
            assert object_area(shared_server, sample, "2-0") == areas[expected]


def test_an_undo_that_collides_is_as_if_it_had_not_been(tab, new_tab, shared_server, sample):
    other = new_tab().open(shared_server.link("bob", f"#/s/{sample}")).go(sample)
    tab.key("v").click((60, 60)).key("b").drag((130, 60), (160, 60)).saved()
    other.wait(f"maskloom.opened.revision === {shared_server.document(sample)['revision']}")
    tab.page.route("**/api/v1/ops*", lambda route: route.abort())
    other.key("v").click((60, 60)).key("b").drag((130, 100), (160, 100)).saved()
    seen = state(shared_server, sample)
    tab.key("Control+z").wait("maskloom.sender.status().word === 'offline'")
    tab.page.unroute("**/api/v1/ops*")
    tab.value("maskloom.sender.wake()")
    tab.wait("maskloom.conflicts.shown !== null")
    tab.page.get_by_role("button", name="Keep theirs").click()
    tab.saved().key("Control+Shift+Z")
    assert tab.words("#notice") == "Nothing to redo."
    assert state(shared_server, sample) == seen
    tab.key("Control+z")
    assert "bob changed the same place" in tab.words("#notice")
    assert state(shared_server, sample) == seen


def test_without_a_network_undo_says_why_and_works_again_with_it(tab, shared_server, sample):
    tab.key("b").drag((320, 20), (360, 20)).saved()
    tab.page.route("**/api/v1/ops?*", lambda route: route.abort())
    tab.page.reload()
    tab.ready().key("Control+z")
    # Not the notice of the past that did not load: the key is still at work while that is shown.
    why = "That cannot be done now: The server cannot be reached."
    tab.wait(f"document.getElementById('notice').innerText.includes('{why}')")
    tab.page.unroute("**/api/v1/ops?*")
    tab.key("Control+z").wait("maskloom.opened.document.objects.size === 3").saved()
    assert len(state(shared_server, sample)[1]) == 3
