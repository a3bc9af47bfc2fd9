"""The lists on the right: they tell that they go on, and layers are told apart by their ends."""

from __future__ import annotations

import pytest

from maskloom.core.taxonomy import Category, Taxonomy

pytestmark = pytest.mark.browser
NAMES = [f"Tissue {n}" for n in range(1, 31)]
TWINS = ["model/unet-resnet34@9f3c2a7b1e4d", "model/unet-resnet34@9f3c2a7b77c0"]
LONG = "model/a-net-whose-name-tells-all-of-its-parts-and-how-each-was-trained@0123456789ab"
SEEN = """(row) => {
  const list = row.closest(".palette").getBoundingClientRect();
  const { top, bottom } = row.getBoundingClientRect();
  return top >= list.top - 1 && bottom <= list.bottom + 1;
}"""


@pytest.fixture
def crowded(tmp_path, kit, new_tab):
    """The page of a project with thirty classes and four layers."""
    classes = tuple(Category(f"t{n}", name) for n, name in enumerate(NAMES))
    said = {"a": kit.rows(kit.boxes, [0, 1, 0])}
    layers = dict.fromkeys(["main", *TWINS, LONG], said)
    root = kit.make_project(tmp_path, layers, taxonomy=Taxonomy(classes))
    with kit.serving(root) as server:
        yield new_tab().open(server.link(place="#/s/1")).go(1)


def row(tab, name):
    return tab.page.locator(".palette").get_by_role("radio", name=name, exact=False).first


def classes_list(tab):
    return tab.page.get_by_role("region", name="Classes").locator(".edges")


def test_a_list_of_classes_that_goes_on_says_how_far_and_leads_there(crowded):
    tab = crowded
    edges = classes_list(tab)
    assert tab.words("[aria-label=Classes] h2 .count") == "30"
    more = edges.locator("button.more")
    hidden = int(more.inner_text().split()[0])
    assert 0 < hidden < 30
    assert more.get_attribute("aria-label") == f"{hidden} more classes below"
    assert edges.get_attribute("class") == "edges down"
    first = row(tab, NAMES[30 - hidden])
    assert not first.evaluate(SEEN)
    more.focus()
    tab.key("Enter")
    assert first.evaluate("row => row === document.activeElement")
    assert first.evaluate(SEEN)
    tab.wait("document.querySelector('.edges').classList.contains('up')")
    row(tab, NAMES[-1]).scroll_into_view_if_needed()
    tab.wait("document.querySelector('.edges').className === 'edges up'")
    assert not more.is_visible()


def test_every_class_is_reached_by_keys_and_the_chosen_one_is_in_view(crowded):
    tab = crowded
    row(tab, NAMES[0]).focus()
    for name in NAMES[1:]:
        tab.key("ArrowDown")
        now = tab.page.evaluate("document.activeElement.title")
        assert now == name
    assert row(tab, NAMES[-1]).evaluate(SEEN)
    tab.key("Enter").wait("maskloom.store.state.category === 't29'")
    assert row(tab, NAMES[-1]).evaluate(SEEN)
    tab.page.locator("#stage").focus()
    tab.key("2").wait("maskloom.store.state.category === 't1'")
    assert row(tab, NAMES[1]).evaluate(SEEN)


def test_a_list_that_is_whole_shows_no_edges(tab):
    edges = classes_list(tab)
    assert edges.get_attribute("class") == "edges"
    assert not edges.locator("button.more").is_visible()


@pytest.mark.parametrize("width", [1440, 820])
def test_layers_that_differ_in_their_ends_are_told_apart(crowded, width):
    tab = crowded
    tab.page.set_viewport_size({"width": width, "height": 900})
    names = tab.page.locator(".shown .broken")
    for name in TWINS:
        shown = names.and_(tab.page.get_by_title(name, exact=True))
        assert shown.inner_text().replace("\n", "") == name
        assert shown.evaluate("one => one.scrollWidth <= one.clientWidth")
    long = names.and_(tab.page.get_by_title(LONG, exact=True))
    seen = long.locator("[aria-hidden]").inner_text().replace("\n", "")
    assert "…" in seen
    assert seen.startswith("model/a-net")
    assert seen.endswith("@0123456789ab")
    assert long.locator(".sr").text_content() == LONG
    for name in (*TWINS, LONG):
        title = f"Open {name}"
        assert tab.page.get_by_title(title, exact=True).inner_text() == "Open"
