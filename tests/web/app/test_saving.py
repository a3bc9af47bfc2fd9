"""Work that is not saved yet: the server dies, the tab dies, nothing is lost or doubled."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from base64 import b64decode
from pathlib import Path

import pytest

from maskloom.core.dataset import Dataset
from maskloom.edits.tiles import decode_tile
from maskloom.store.project import Project

from .conftest import areas, strokes

pytestmark = pytest.mark.browser


PLACES = [(320, 20), (320, 60), (320, 250), (20, 20), (20, 270)]


def test_gestures_go_on_while_the_server_is_away_and_arrive_exactly_once(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    strokes(tab, PLACES[:1]).saved()
    own_server.kill()
    strokes(tab, PLACES[1:4])
    tab.wait("maskloom.sender.status().word === 'offline'")
    assert tab.words("#saved") == "Offline: 3 changes waiting"
    assert len(tab.shown()["objects"]) == 7
    own_server.start()
    tab.saved()
    assert tab.words("#saved") == "All changes saved"
    ids = [one["op"]["id"] for one in own_server.operations(1)]
    assert len(ids) == len(set(ids)) == 4
    assert areas(own_server) == sorted(
        sum(bin_count(t) for t in one["tiles"].values()) for one in tab.shown()["objects"]
    )


def bin_count(text):
    return int(decode_tile(b64decode(text)).sum())


def test_an_answer_that_is_lost_does_not_double_the_gesture(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    lost = []

    def lose(route):
        if route.request.method != "POST" or lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    tab.page.route("**/api/v1/ops*", lose)
    strokes(tab, PLACES[:2]).saved()
    assert lost == [200]
    assert len(own_server.operations(1)) == 2


def test_a_tab_that_is_closed_before_sending_replays_when_the_page_comes_back(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    own_server.kill()
    strokes(tab, PLACES[:3]).wait("maskloom.outbox.entries.length === 3")
    tab.page.wait_for_timeout(200)
    context = tab.page.context
    tab.page.close()
    own_server.start()
    again = new_tab(context).open(f"{own_server.address}/#/s/1").saved()
    assert len(own_server.operations(1)) == 3
    again.wait("maskloom.opened.document.objects.size === 6")
    again.wait("maskloom.history.events.length === 3").key("Control+z").saved()
    assert len(areas(own_server)) == 5


def test_a_gesture_that_is_sent_while_the_past_is_asked_for_can_be_undone(new_tab, own_server):
    """The answer with the past is older than the gesture, which no longer waits when it comes."""
    tab = new_tab().open(own_server.link(place="#/s/1"))
    tab.page.route("**/api/v1/ops", lambda route: route.abort())
    strokes(tab, PLACES[:1]).wait("maskloom.outbox.entries.length === 1")
    tab.page.wait_for_timeout(200)
    posts, asked, old = [], [], []

    def gate(route):
        if route.request.method == "POST":
            return route.continue_() if old else posts.append(route)
        if "after=1&" in f"{route.request.url}&":
            asked.append(route)
        # The first question is the document's, the second the history's.
        if len(asked) == 2 and not old:
            old.append((route, route.fetch()))
            return [post.continue_() for post in posts]
        return route.continue_()

    tab.page.unroute("**/api/v1/ops")
    tab.page.route("**/api/v1/ops*", gate)
    tab.page.reload()
    tab.ready().saved()
    assert len(own_server.operations(1)) == 1
    route, answer = old[0]
    route.fulfill(response=answer)
    tab.wait("maskloom.history.loaded === maskloom.opened.turn")
    assert tab.value("maskloom.history.events.length") == 1
    tab.key("Control+z").saved()
    assert len(areas(own_server)) == 3


def browser_of(folder):
    """Process id of the browser that was started with a folder."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if f"--user-data-dir={folder}" in words and not any("--type=" in w for w in words):
                return int(path.parent.name)
    raise AssertionError("no such browser")


def test_a_browser_that_is_killed_mid_stroke_loses_only_the_stroke_in_hand(
    browser, kit, tmp_path, own_server
):
    start = {
        "executable_path": shutil.which("chromium"),
        "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"],
    }
    folder = tmp_path / "profile"
    context = browser.browser_type.launch_persistent_context(folder, **start)
    tab = kit.Tab(context.new_page()).open(own_server.link(place="#/s/1"))
    context.route("**/api/v1/ops", lambda route: route.abort())
    strokes(tab, PLACES[:4])
    kept = "new Promise(done => maskloom.outbox.run('readonly', s => s.count()).then(done))"
    tab.wait(f"{kept}.then(n => n === 4)")
    tab.page.mouse.move(*tab.at(100, 200))
    tab.page.mouse.down()
    tab.page.mouse.move(*tab.at(150, 200))
    os.kill(browser_of(folder), signal.SIGKILL)
    context = browser.browser_type.launch_persistent_context(folder, **start)
    again = kit.Tab(context.new_page()).open(own_server.link(place="#/s/1")).saved()
    assert len(own_server.operations(1)) == 4
    assert len(again.shown()["objects"]) == 7
    context.close()


def test_work_on_several_images_waits_and_arrives_in_order(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1")).go(1)
    tab.page.route("**/api/v1/ops", lambda route: route.abort())
    strokes(tab, PLACES[:2])
    tab.go(2)
    strokes(tab, PLACES[:3])
    tab.wait("maskloom.outbox.entries.length === 5")
    tab.page.unroute("**/api/v1/ops")
    tab.value("maskloom.sender.wake()")
    tab.saved()
    assert [len(own_server.operations(n)) for n in (1, 2)] == [2, 3]


def test_work_goes_on_when_the_session_ends_and_is_sent_after_signing_in(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    tab.page.context.clear_cookies()
    strokes(tab, PLACES[:2]).wait("maskloom.sender.status().word === 'signed-out'")
    assert tab.words("#saved") == "Signed out: 2 changes waiting"
    tab.page.locator("#saved").click()
    gate = tab.page.get_by_role("dialog")
    gate.get_by_label("Link or token").fill(own_server.link())
    gate.get_by_role("button", name="Sign in").click()
    tab.saved()
    assert len(own_server.operations(1)) == 2


def test_the_page_says_saved_only_after_the_server_has_confirmed(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    held = []

    def hold(route):
        held.append(route)

    tab.page.route("**/api/v1/ops", hold)
    strokes(tab, PLACES[:1])
    tab.wait("maskloom.sender.status().word === 'saving'")
    assert tab.words("#saved") == "Saving 1 change"
    tab.page.wait_for_timeout(300)
    assert tab.words("#saved") == "Saving 1 change"
    held[0].continue_()
    tab.saved()
    assert tab.words("#saved") == "All changes saved"


def test_labels_that_arrive_late_do_not_undo_what_was_saved_meanwhile(new_tab, own_server):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    held = []

    def hold(route):
        held.append((route, route.fetch()))

    tab.page.route("**/document?*", hold)
    tab.value("void maskloom.opened.reload()")
    while not held:
        tab.page.wait_for_timeout(20)
    strokes(tab, PLACES[:2]).saved()
    tab.value("window.past = maskloom.opened.document")
    for route, answer in held:
        route.fulfill(response=answer)
    tab.wait("maskloom.opened.document !== past")
    assert len(tab.shown()["objects"]) == 5
    tab.drag((340, 20), (370, 20)).saved()
    assert areas(own_server) == sorted(
        sum(bin_count(t) for t in one["tiles"].values()) for one in tab.shown()["objects"]
    )


def test_a_gesture_drawn_before_an_import_can_still_be_kept(new_tab, own_server, kit):
    tab = new_tab().open(own_server.link(place="#/s/1"))
    own_server.kill(signal.SIGTERM)
    tab.key("v").click((60, 60)).key("b").drag((130, 60), (160, 60))
    tab.wait("maskloom.outbox.entries.length === 1")
    with Project.open(own_server.root) as project:
        samples = project.dataset().samples
        labels = kit.rows([(40, 40, 120, 110)], [1])
        found = Dataset(project.taxonomy(), samples, lambda sample: labels)
        project.add(found, "main", replace=True)
    own_server.start()
    tab.wait("maskloom.conflicts.shown !== null")
    tab.page.get_by_role("button", name="Keep mine").click()
    tab.saved()
    assert areas(own_server)[0] == 80 * 70 < areas(own_server)[1]
    assert len(areas(own_server)) == len(tab.shown()["objects"])
