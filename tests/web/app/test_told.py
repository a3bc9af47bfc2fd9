"""The page says why nothing happens, names what it lists, and keeps what it says in view."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import Labels
from maskloom.core.taxonomy import Category, Taxonomy

pytestmark = pytest.mark.browser
MODEL = "model/net@ab12"
LONG = "a name of a class that is much longer than any place for it on the page"


def answer_readonly(route):
    """What the server of a project says that cannot be written."""
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), "readonly": True})


@pytest.fixture
def readonly(new_tab, shared_server, sample):
    """The page at an image of a project that is open for reading only."""
    tab = new_tab()
    tab.page.route("**/api/v1/session", answer_readonly)
    return tab.open(shared_server.link(place=f"#/s/{sample}")).go(sample)


@pytest.fixture
def long_names(tmp_path, kit, new_tab):
    """A class and an image with long names, in a window that can be made narrow."""
    taxonomy = Taxonomy((Category("cell", LONG, color=(230, 60, 60)),))
    name = "an image whose name is longer than the list of the images is wide"
    labels = kit.rows(kit.boxes, [0, 0, 0])
    root = kit.make_project(tmp_path, {"main": {name: labels}}, taxonomy=taxonomy)
    with kit.serving(root) as server:
        yield new_tab().open(server.link(place="#/s/1")).go(1)


def box(tab, selector):
    found = tab.page.locator(selector).bounding_box()
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def test_what_cannot_be_changed_says_why(readonly, shared_server, sample):
    tab = readonly
    for keys in ("d", "n", "Delete"):
        tab.page.evaluate("maskloom.tell('')")
        tab.key(keys)
        assert "for reading only" in tab.words("#notice")
    for tool in ("b", "p"):
        tab.page.evaluate("maskloom.tell('')")
        tab.key(tool).drag((320, 30), (350, 30))
        assert "for reading only" in tab.words("#notice")
        assert "for reading only" in tab.words("#foot .hint")
    assert tab.words(".shown .mark") == "read only"
    assert shared_server.operations(sample) == []


def test_a_layer_says_who_may_change_it(tab):
    assert tab.words(".shown .mark") == "you edit this"
    tab.go(tab.value("maskloom.store.state.sample.id"), MODEL)
    tab.wait("document.querySelector('.shown .mark').textContent === 'read only'")
    tab.key("d")
    assert "as a model wrote it" in tab.words("#notice")


def test_keys_for_objects_tell_that_a_class_map_has_none(tmp_path, kit, new_tab):
    labels = Labels((300, 400), class_map=np.zeros((300, 400), np.uint8))
    with kit.serving(kit.make_project(tmp_path, {"main": {"a": labels}})) as server:
        tab = new_tab().open(server.link(place="#/s/1")).go(1)
        for key in ("n", "Delete"):
            tab.page.evaluate("maskloom.tell('')")
            tab.key(key)
            assert "has no objects" in tab.words("#notice")


def test_objects_have_numbers_that_stay(tab):
    def names():
        tab.page.wait_for_timeout(150)
        return sorted(tab.page.locator("[aria-label=Objects] .row .lines").all_inner_texts())

    assert names() == ["Cell 1", "Cell 3", "Debris 2"]
    tab.key("b").drag((320, 30), (350, 30))
    assert names() == ["Cell 1", "Cell 3", "Cell 4", "Debris 2"]
    tab.key("v").click((60, 60)).key("Delete").saved()
    tab.key("b").drag((320, 250), (350, 250))
    assert names() == ["Cell 3", "Cell 4", "Cell 5", "Debris 2"]


def test_names_that_are_too_long_end_in_an_ellipsis_and_move_no_button(long_names):
    tab = long_names
    name = tab.page.locator("#images .row .lines .clip").first
    cut, style = name.evaluate(
        "one => [one.scrollWidth > one.clientWidth, getComputedStyle(one).textOverflow]"
    )
    assert (cut, style) == (True, "ellipsis")
    assert tab.page.locator("#images .row").first.get_attribute("title").startswith("an image")
    tab.key("v").click((60, 60))
    for tool in ("v", "b", "e"):
        tab.key(tool)
        fresh, trash = box(tab, "#options >> text=New object"), box(tab, "#options [title*=Delete]")
        assert trash[1] < fresh[3]
        assert fresh[1] < trash[3]


def test_a_window_that_is_made_narrow_shows_image_tools_and_hint(long_names):
    tab = long_names
    tab.page.set_viewport_size({"width": 820, "height": 1180})
    tab.wait("document.querySelector('.work').classList.contains('no-browse')")
    tab.page.wait_for_timeout(200)
    hint = tab.page.locator("#foot .hint")
    assert hint.evaluate("one => one.scrollWidth <= one.clientWidth")
    x, y = tab.at(0, 0)
    rail, stage = box(tab, "#rail"), box(tab, "#stage")
    assert rail[2] <= x
    assert stage[1] <= y
    assert tab.at(400, 300)[0] <= stage[2]
    tab.page.set_viewport_size({"width": 1200, "height": 800})
    tab.wait("!document.querySelector('.work').classList.contains('no-browse')")


@pytest.mark.parametrize(
    ("address", "what"),
    [("#/review/99/99-1", "region"), ("#/review/99", "review"), ("#/s/99999", "image")],
)
def test_an_address_of_nothing_is_explained_over_the_image(tab, address, what):
    tab.page.evaluate("address => { location.hash = address; }", address)
    tab.page.get_by_role("heading", name=f"There is no such {what} in this project").wait_for()
    said = tab.words("#empty")
    assert address in said
    assert "Choose" in said
    ground = tab.page.locator("#empty .say").evaluate(
        "one => getComputedStyle(one).backgroundColor"
    )
    assert ground not in ("rgba(0, 0, 0, 0)", "transparent")
