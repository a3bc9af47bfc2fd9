"""Who gets in, and names that try to be more than text."""

from __future__ import annotations

import subprocess
import sys

import pytest

from maskloom.core.taxonomy import Category, Taxonomy

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=\"document.title='pwned'\">"


@pytest.fixture
def hostile(tmp_path, kit):
    """A project whose every name is markup."""
    taxonomy = Taxonomy((Category("a", HOSTILE), Category("b", "<script>alert(1)</script>")))
    layers = {
        "main": {"x'\"><b>bold": kit.rows(kit.boxes[:2], [0, 1])},
        "by/eve": {"x'\"><b>bold": kit.rows(kit.boxes[:1], [1])},
    }
    root = kit.make_project(tmp_path, layers, taxonomy=taxonomy, name="<u>project</u>")
    with kit.serving(root) as server:
        yield server


def test_names_of_classes_files_people_and_projects_are_text(hostile, new_tab):
    tab = new_tab().open(hostile.link("<b>mallory", "#/s/1"))
    assert tab.words(".palette .class >> nth=0").startswith(HOSTILE)
    assert tab.words("h1") == "x'\"><b>bold"
    assert tab.words(".project") == "<u>project</u>"
    tab.key("v").click((60, 60))
    assert HOSTILE in tab.words("#options")
    other = new_tab().open(hostile.link("eve", "#/s/1"))
    other.page.route("**/api/v1/ops*", lambda route: route.abort())
    tab.key("2").saved()
    other.key("v").click((60, 60)).key("Delete").page.unroute("**/api/v1/ops*")
    other.value("maskloom.sender.wake()")
    other.page.get_by_role("alertdialog").wait_for()
    assert "<b>mallory" in other.words("[role=alertdialog]")
    for one in (tab, other):
        assert (
            one.value("document.querySelectorAll('main b, main i, main u, main script').length")
            <= 2
        )
        assert "pwned" not in one.page.title()


def test_a_link_works_once_and_the_gate_says_how_to_get_another(shared_server, new_tab):
    link = shared_server.link()
    new_tab().open(link)
    other = new_tab()
    other.page.goto(link)
    gate = other.page.get_by_role("dialog")
    gate.get_by_text("This link is not valid").wait_for()
    assert "maskloom label" in gate.inner_text()
    assert "token" not in other.page.url


def test_a_wrong_token_is_told_and_a_right_link_lets_in(shared_server, new_tab):
    tab = new_tab()
    tab.page.goto(f"{shared_server.address}/#token=wrong")
    gate = tab.page.get_by_role("dialog")
    gate.get_by_text("This link is not valid").wait_for()
    gate.get_by_label("Link or token").fill("still wrong")
    gate.get_by_role("button", name="Sign in").click()
    gate.get_by_text("This link is not valid").wait_for()
    gate.get_by_label("Link or token").fill(shared_server.link())
    gate.get_by_role("button", name="Sign in").click()
    tab.ready()


def test_a_project_without_images_says_what_to_do(tmp_path, kit, new_tab):
    root = tmp_path / "project"
    command = [sys.executable, "-m", "maskloom", "init", str(root)]
    subprocess.run(command, check=True, capture_output=True)
    with kit.serving(root) as server:
        tab = new_tab()
        tab.page.goto(server.link())
        tab.page.get_by_role("heading", name="No images yet").wait_for()
        assert "maskloom import" in tab.words("#empty")


def test_a_class_is_added_on_the_page(tmp_path, kit, new_tab):
    root = kit.make_project(tmp_path, {"main": {"a": kit.rows(kit.boxes, [0, 1, 0])}})
    with kit.serving(root) as server:
        tab = new_tab().open(server.link(place="#/s/1"))
        tab.page.get_by_role("button", name="Add a class").click()
        tab.page.get_by_label("Name of the new class").fill("Dead Cell!")
        tab.key("Enter").wait("maskloom.store.state.category === 'dead-cell'")
        tab.page.locator("#stage").focus()
        tab.key("b").drag((320, 20), (360, 20)).saved()
        added = server.call("/project")["taxonomy"]["categories"][-1]
        assert (added["key"], added["name"]) == ("dead-cell", "Dead Cell!")
        assert [one["category"] for one in server.document(1)["objects"]].count("dead-cell") == 1


def test_a_project_that_cannot_be_written_is_shown_and_not_changed(tmp_path, kit, new_tab):
    root = kit.make_project(tmp_path, {"model/net@ab12": {"a": kit.rows(kit.boxes, [0, 1, 0])}})
    with kit.serving(root) as server:
        tab = new_tab().open(server.link(place="#/s/1?layer=model/net@ab12"))
        assert tab.words("#saved") == "model/net@ab12 is fixed"
        tab.key("b")
        tab.drag((320, 20), (360, 20)).key("d")
        tab.key("v").click((60, 60)).key("Delete")
        tab.page.wait_for_timeout(200)
        assert len(server.document(1, "model/net@ab12")["objects"]) == 3
        assert tab.value("maskloom.outbox.entries.length") == 0


def test_every_control_has_a_name_and_nothing_is_blocked_by_the_policy(tab):
    nameless = tab.value(
        """[...document.querySelectorAll("button, input, select, [role]")]
          .filter((one) => one.offsetParent && !one.matches("[role=presentation], [role=tabpanel]"))
          .filter((one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim()
            || one.getAttribute("aria-labelledby") || one.title))
          .map((one) => one.outerHTML.slice(0, 200))"""
    )
    assert nameless == []
    assert tab.page.locator("h1").count() == 1
