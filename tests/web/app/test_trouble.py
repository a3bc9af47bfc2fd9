"""A server that refuses, stumbles, breaks off or is busy: what waits is told and can be decided."""

from __future__ import annotations

import pytest

from .conftest import areas, strokes

pytestmark = pytest.mark.browser

PLACES = [(320, 20)]


def test_a_refused_gesture_is_shown_and_can_be_dropped(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    tab.page.route(
        "**/api/v1/ops",
        lambda route: route.fulfill(
            status=422, json={"title": "Invalid", "status": 422, "detail": "not like this"}
        ),
    )
    strokes(tab, PLACES[:1])
    card = tab.page.get_by_role("alertdialog")
    card.wait_for()
    assert "not like this" in card.inner_text()
    assert len(tab.shown()["objects"]) == 3
    card.get_by_role("button", name="Drop it").click()
    tab.saved()


def test_what_was_drawn_on_a_refused_gesture_waits_and_goes_with_it(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    before = areas(own_server)
    online, sent = [], []

    def refuse(route):
        if not online:
            return route.abort()
        sent.append(route.request.post_data_json["op"]["id"])
        if sent[0] != sent[-1]:
            return route.continue_()
        return route.fulfill(status=422, json={"title": "Invalid", "detail": "not like this"})

    tab.page.route("**/api/v1/ops", refuse)
    tab.key("v").click((60, 60)).key("b").drag((130, 50), (150, 50)).drag((130, 80), (150, 80))
    tab.key("n").drag((330, 250), (380, 250)).wait("maskloom.outbox.entries.length === 3")
    online.append(True)
    tab.value("maskloom.sender.wake()")
    card = tab.page.get_by_role("alertdialog")
    card.wait_for()
    assert "1 later change built on it" in card.inner_text()
    tab.wait("maskloom.outbox.entries.length === 2")
    assert len(areas(own_server)) == len(tab.shown()["objects"]) == 4
    after = areas(own_server)
    assert set(before) < set(after)
    tab.page.unroute("**/api/v1/ops")
    card.get_by_role("button", name="Try again").click()
    tab.saved()
    assert len(areas(own_server)) == 4
    assert sum(areas(own_server)) > sum(after)


def test_a_gesture_over_which_the_server_stumbles_does_not_hold_up_other_images(
    new_tab, own_server
):
    tab = new_tab().open(own_server.link(place="#/s/1"))

    def stumble(route):
        body = route.request.post_data_json
        if body["sample"] == 1:
            return route.fulfill(status=500, json={"title": "Fault", "detail": "a fault in here"})
        return route.continue_()

    tab.page.route("**/api/v1/ops", stumble)
    strokes(tab, PLACES[:1]).go(2)
    strokes(tab, PLACES[:1]).wait("maskloom.outbox.entries.length === 1")
    assert len(areas(own_server, 2)) == 4
    tab.wait("maskloom.sender.status().word === 'refused'").go(1)
    card = tab.page.get_by_role("alertdialog")
    card.wait_for()
    assert "a fault in here" in card.inner_text()
    tab.page.unroute("**/api/v1/ops")
    card.get_by_role("button", name="Try again").click()
    tab.saved()
    assert len(areas(own_server)) == 4


def test_an_answer_that_breaks_off_is_asked_for_again(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    broken = []

    def cut(route):
        answer = route.fetch()
        broken.append(answer.status)
        route.fulfill(response=answer, body=answer.body()[:7] if len(broken) < 3 else answer.body())

    tab.page.route("**/api/v1/ops", cut)
    strokes(tab, PLACES[:1]).saved()
    assert len(broken) == 3
    assert len(areas(own_server)) == len(tab.shown()["objects"]) == 4
    assert len(own_server.operations(1)) == 1


def test_a_page_that_finds_the_server_busy_says_so_and_begins_when_it_can(new_tab, own_server):
    tab = new_tab()
    asked = []

    def busy(route):
        asked.append(route)
        if len(asked) < 3:
            return route.fulfill(status=503, json={"title": "Busy", "detail": "somebody writes"})
        return route.continue_()

    tab.page.route("**/api/v1/project", busy)
    tab.page.goto(own_server.link(place="#/s/1"))
    tab.page.get_by_role("dialog").wait_for()
    assert "somebody writes" in tab.words("[role=dialog]")
    tab.ready()
    assert tab.page.get_by_role("dialog").count() == 0
