"""A region in review on the page: what it is about is seen, and everything is said in plain words."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from maskloom.core.labels import Labels

pytestmark = pytest.mark.browser
MODEL = "model/net@ab12"
ORANGE, BLUE = (230, 159, 0), (86, 180, 233)

LINE = """([x, y]) => {
  const at = maskloom.view.imageToScreen({ x, y });
  const { context, ratio } = maskloom.draft;
  // The middle of a line may lie between pixels: the one that it covers most.
  const [left, top] = [Math.round(at.x * ratio) - 1, Math.round(at.y * ratio) - 1];
  const { data } = context.getImageData(left, top, 3, 3);
  const pixels = Array.from({ length: 9 }, (_, i) => [...data.slice(4 * i, 4 * i + 4)]);
  return pixels.reduce((a, b) => (b[3] > a[3] ? b : a));
}"""
MASK = """([x, y]) => {
  const at = maskloom.view.imageToScreen({ x, y });
  const { context, ratio } = maskloom.compositor;
  const data = context.getImageData(Math.round(at.x * ratio), Math.round(at.y * ratio), 1, 1).data;
  return [...data.slice(0, 3)];
}"""


def maskloom(*words):
    command = [sys.executable, "-m", "maskloom", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr


@pytest.fixture
def reviewed(tmp_path, kit):
    """One image whose four objects disagree in the four ways, reviewed twice."""
    truth = kit.rows([(10, 10, 80, 80), (120, 10, 200, 90), (250, 10, 340, 100)], [0, 0, 0])
    said = kit.rows(
        [(120, 10, 200, 90), (250, 10, 340, 130), (40, 180, 140, 280)], [1, 0, 1],
        score=np.array([0.9, 0.95, 0.99]),
    )  # fmt: skip
    root = kit.make_project(tmp_path, {"main": {"a": truth}, MODEL: {"a": said}})
    for _ in range(2):
        maskloom("review", root, f"{root}::{MODEL}", "--task", "instance")
    with kit.serving(root) as server:
        yield server


def items(server, review=2):
    return server.call(f"/reviews/{review}/items?limit=100")["items"]


def go_to(tab, server, kind):
    """Open the region of a kind, with everything drawn."""
    (item,) = [one for one in items(server) if one["kind"] == kind]
    tab.page.evaluate("item => maskloom.goTo({ review: 2, item })", item["id"])
    tab.wait(f"maskloom.store.state.item?.id === {item['id']!r}")
    tab.wait(f"maskloom.layers.others.has({MODEL!r})")
    return drawn(tab)


def drawn(tab):
    tab.page.wait_for_timeout(150)
    return tab.wait("!maskloom.compositor.waiting && !maskloom.draft.waiting")


def line(tab, x, y):
    """RGB of the line that lies over the stage at a point of the image; None without one."""
    *rgb, alpha = tab.page.evaluate(LINE, [x, y])
    return tuple(rgb) if alpha > 200 else None


def opened(new_tab, server):
    return new_tab().open(server.link()).wait("maskloom.store.state.item !== null")


@pytest.mark.parametrize(
    ("kind", "own", "other"),
    [
        ("extra", (90, 180), None),
        ("missing", (45, 10), None),
        ("boundary", (300, 100), (300, 130)),
        ("wrong-class", (160, 10), None),
    ],
)
def test_what_a_region_is_about_is_outlined_and_all_else_is_faint(
    new_tab, reviewed, kind, own, other
):
    tab = go_to(opened(new_tab, reviewed), reviewed, kind)
    assert line(tab, *own) == ORANGE
    if other:
        assert line(tab, *other) == BLUE
    elsewhere = {"extra": (45, 45), "missing": (295, 50)}.get(kind, (45, 45))
    tab.key("v").key("f")
    drawn(tab)
    faint = np.array(tab.page.evaluate(MASK, elsewhere))
    assert line(tab, elsewhere[0], 10) is None
    tab.page.get_by_role("button", name="Close the review").click()
    tab.wait("maskloom.store.state.item === null").key("f")
    drawn(tab)
    assert line(tab, *own) is None
    full = np.array(tab.page.evaluate(MASK, elsewhere))
    tab.key("m")
    drawn(tab)
    bare = np.array(tab.page.evaluate(MASK, elsewhere))
    assert np.abs(faint - bare).sum() < 0.5 * np.abs(full - bare).sum()


def test_in_a_class_map_the_box_of_the_region_stands_out(tmp_path, kit, new_tab):
    truth = np.zeros((300, 400), np.uint8)
    said = truth.copy()
    said[100:160, 200:290] = 1
    layers = {
        name: {"a": Labels((300, 400), class_map=one)}
        for name, one in (("main", truth), (MODEL, said))
    }
    root = kit.make_project(tmp_path, layers)
    maskloom("review", root, f"{root}::{MODEL}", "--task", "semantic")
    with kit.serving(root) as server:
        tab = drawn(opened(new_tab, server))
        scale = tab.value("maskloom.view.scale")
        assert line(tab, 245, 100 - 6 / scale) == ORANGE
        within, outside = (tab.page.evaluate(MASK, at) for at in ((220, 130), (190, 130)))
        tab.key("m")
        drawn(tab)
        bare = [tab.page.evaluate(MASK, at) for at in ((220, 130), (190, 130))]
        change = np.abs(np.array([within, outside]) - bare).sum(axis=1)
        assert change[1] < 0.5 * change[0]


def test_a_region_is_named_by_the_side_that_has_it(new_tab, reviewed):
    tab = opened(new_tab, reviewed)
    assert go_to(tab, reviewed, "extra").words("#card h2") == "Only predicted"
    assert go_to(tab, reviewed, "missing").words("#card h2") == "Only in the labels"
    assert tab.words("#card .legend").split() == ["Label", "Prediction"]


def serve_split(kit, tmp_path, labels):
    """A project whose cells are to be told apart."""
    root = kit.make_project(tmp_path, {"main": {"a": labels}})
    maskloom("taxonomy", root, "--split", "cell=Round cell,Long cell")
    return kit.serving(root)


def button(tab, name):
    return tab.page.locator("#card").get_by_role("button", name=name)


def test_what_the_split_of_a_class_leaves_gets_one_of_its_classes_by_a_button(
    new_tab, tmp_path, kit
):
    with serve_split(kit, tmp_path, kit.rows(kit.boxes, [0, 1, 0])) as server:
        first, second = items(server, 1)
        tab = opened(new_tab, server).wait(f"maskloom.store.state.item.id === {first['id']!r}")
        assert button(tab, "Accept the prediction").count() == 0
        tab.key("a").page.wait_for_timeout(100)
        assert "new classes" in tab.words("#notice")
        button(tab, "Long cell").click()
        tab.wait(f"maskloom.store.state.item.id === {second['id']!r}").saved()
        said = {one["id"]: one["category"] for one in server.document(1)["objects"]}
        assert said[first["object"]] == first["choices"][1]
        assert said[second["object"]] == "cell"
        assert [one["verdict"] for one in items(server, 1)] == ["fixed", None]
        assert len(server.operations(1)) == 1
        tab.key("Control+z").wait(f"maskloom.store.state.item.id === {first['id']!r}").saved()
        assert [one["verdict"] for one in items(server, 1)] == [None, None]


def test_in_a_class_map_only_the_region_gets_the_new_class(new_tab, tmp_path, kit):
    shown = np.full((300, 400), 1, np.uint8)
    shown[20:120, 20] = shown[20, 20:320] = 0  # its box holds the other one
    shown[60:100, 60:100] = 0
    with serve_split(kit, tmp_path, Labels((300, 400), class_map=shown)) as server:
        tab = opened(new_tab, server)
        found = {one["area"]: one for one in items(server, 1)}
        angle, square = found[399], found[1600]
        tab.page.evaluate("item => maskloom.goTo({ review: 1, item })", angle["id"])
        tab.wait(f"maskloom.store.state.item.id === {angle['id']!r}")
        button(tab, "Round cell").click()
        tab.saved()
        areas = {one["id"]: one["area"] for one in server.document(1)["objects"]}
        assert areas[angle["choices"][0]] == 399
        assert areas["cell"] == 1600
        assert {one["id"]: one["verdict"] for one in items(server, 1)}[square["id"]] is None


QUEUE = ".rows[aria-label='Regions to review']"


def test_reviews_of_the_same_layers_are_told_apart(new_tab, reviewed):
    tab = opened(new_tab, reviewed)
    names = tab.page.locator("#review select option").all_inner_texts()
    assert [name.split(" · ")[0] for name in names] == ["2", "1"]
    assert all(name.endswith(" · net / main") for name in names)
    title = tab.page.locator("#review select").get_attribute("title")
    assert title.startswith("Review 2, ")
    assert MODEL in title


def test_what_was_closed_stays_in_its_place_and_is_marked_until_it_is_left_out(new_tab, reviewed):
    tab = opened(new_tab, reviewed)
    first, second, third = [one["id"] for one in items(reviewed)[:3]]
    note = tab.page.locator("#review .kept")
    assert not note.is_visible()
    tab.key("x").wait(f"maskloom.store.state.item.id === {second!r}")
    row = tab.page.locator(f"{QUEUE} .row.closed")
    assert row.count() == 1
    assert "cannot be judged" in row.inner_text()
    assert note.is_visible()
    tab.saved().page.get_by_role("button", name="Leave it out").click()
    tab.wait(f"document.querySelectorAll({QUEUE + ' .row.closed'!r}).length === 0")
    assert tab.page.locator(f"{QUEUE} .row").count() == 3
    assert not note.is_visible()
    assert {one["id"]: one["verdict"] for one in items(reviewed)}[first] == "void"
    assert third


def test_who_is_not_sure_leaves_the_region_undecided(new_tab, reviewed):
    tab = opened(new_tab, reviewed)
    second = items(reviewed)[1]["id"]
    tab.key("u").wait(f"maskloom.store.state.item.id === {second!r}")
    mark = tab.page.locator(f"{QUEUE} .row .mark", has_text="not sure")
    assert "done" not in mark.get_attribute("class").split()
    assert tab.page.locator(f"{QUEUE} .row.closed").count() == 0
    assert not tab.page.locator("#review .kept").is_visible()


def test_what_cannot_be_judged_has_one_name_and_says_what_follows(new_tab, reviewed):
    tab = opened(new_tab, reviewed)
    assert "not listed again" in button(tab, "Cannot be judged").get_attribute("title")


def test_the_card_of_a_split_follows_the_class_that_is_given_on_the_right(new_tab, tmp_path, kit):
    with serve_split(kit, tmp_path, kit.rows(kit.boxes, [0, 1, 0])) as server:
        tab = opened(new_tab, server)
        tab.page.locator("#inspect").get_by_role("radio", name="Round cell").click()
        tab.wait("document.querySelectorAll('#card [aria-pressed=true]').length === 1")
        assert button(tab, "Round cell").get_attribute("aria-pressed") == "true"
        assert "100" not in tab.words(f"{QUEUE} .row >> nth=0")
