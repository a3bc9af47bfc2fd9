"""The review queue on the page: jump to what disagrees, decide by a key, and it is in the labels."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64decode

import numpy as np
import pytest

from maskloom.core.labels import Labels
from maskloom.edits.tiles import decode_tile

pytestmark = pytest.mark.browser
MODEL = "model/net@ab12"


def review(root, *words):
    command = [sys.executable, "-m", "maskloom", "review", str(root), f"{root}::{MODEL}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr


@pytest.fixture
def reviewed(tmp_path, kit):
    """One image whose four objects disagree in the four ways."""
    truth = kit.rows([(10, 10, 80, 80), (120, 10, 200, 90), (250, 10, 340, 100)], [0, 0, 0])
    said = kit.rows(
        [(120, 10, 200, 90), (250, 10, 340, 130), (40, 180, 140, 280)], [1, 0, 1],
        score=np.array([0.9, 0.95, 0.99]),
    )  # fmt: skip
    root = kit.make_project(tmp_path, {"main": {"a": truth}, MODEL: {"a": said}})
    review(root, "--task", "instance")
    with kit.serving(root) as server:
        yield server


def items(server):
    return server.call("/reviews/1/items?limit=100")["items"]


def by_kind(server):
    return {item["kind"]: item for item in items(server)}


def pixels(server, uid, layer="main"):
    out = np.zeros((512, 512), bool)
    (item,) = [one for one in server.document(1, layer)["objects"] if one["id"] == uid]
    for key, text in item["tiles"].items():
        tx, ty = map(int, key.split(","))
        out[ty * 256 : ty * 256 + 256, tx * 256 : tx * 256 + 256] = decode_tile(b64decode(text))
    return out


def classes(server):
    return {one["id"]: one["category"] for one in server.document(1)["objects"]}


def go_to(tab, server, kind):
    item = by_kind(server)[kind]
    tab.page.evaluate("item => maskloom.goTo({ review: 1, item })", item["id"])
    return tab.wait(f"maskloom.store.state.item?.id === {item['id']!r}")


def test_the_page_opens_at_the_worst_region_with_the_prediction_over_it(new_tab, reviewed):
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    worst = items(reviewed)[0]
    assert tab.value("maskloom.store.state.item.id") == worst["id"]
    assert worst["reason"] in tab.words("#card")
    seen = tab.value("maskloom.view.visible()")
    assert seen["x0"] <= worst["x0"] < worst["x1"] <= seen["x1"]
    tab.wait(f"maskloom.layers.others.has({MODEL!r})")
    assert tab.value("maskloom.store.state.tab") == "review"


def test_next_and_previous_walk_through_the_queue(new_tab, reviewed):
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    ids = [item["id"] for item in items(reviewed)]
    for expected in ids[1:]:
        tab.key(".").wait(f"maskloom.store.state.item.id === {expected!r}")
    tab.key(".").key(",").wait(f"maskloom.store.state.item.id === {ids[-2]!r}")


@pytest.mark.parametrize("kind", ["extra", "missing", "wrong-class", "boundary"])
def test_accepting_puts_what_the_model_says_into_the_labels(new_tab, reviewed, kind):
    before = classes(reviewed)
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    tab.wait(f"maskloom.layers.others.has({MODEL!r})")
    go_to(tab, reviewed, kind).key("a").saved()
    item = by_kind(reviewed)[kind]
    assert item["verdict"] == "accepted"
    after = classes(reviewed)
    if kind == "extra":
        (uid,) = after.keys() - before.keys()
        assert after[uid] == "debris"
        assert (pixels(reviewed, uid) == pixels(reviewed, item["object"], MODEL)).all()
        (made,) = [one for one in reviewed.document(1)["objects"] if one["id"] == uid]
        assert made["origin"] == f"{MODEL} {item['object']}"
    elif kind == "missing":
        assert before.keys() - after.keys() == {item["object"]}
    elif kind == "wrong-class":
        assert after[item["object"]] == "debris"
    else:
        assert pixels(reviewed, item["object"])[125, 300]
    assert len(reviewed.operations(1)) == 1
    go_to(tab, reviewed, kind).key("Control+z").saved()
    assert classes(reviewed) == before
    assert by_kind(reviewed)[kind]["verdict"] is None


@pytest.mark.parametrize(("key", "verdict"), [("k", "kept"), ("u", "unsure"), ("x", "void")])
def test_the_other_verdicts_are_noted_and_the_next_region_comes(new_tab, reviewed, key, verdict):
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    first, second = [item["id"] for item in items(reviewed)[:2]]
    go_to(tab, reviewed, items(reviewed)[0]["kind"]).key(key)
    tab.wait(f"maskloom.store.state.item.id === {second!r}").saved()
    assert {one["id"]: one["verdict"] for one in items(reviewed)}[first] == verdict


def test_void_takes_the_object_out_of_the_scores(new_tab, reviewed):
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    go_to(tab, reviewed, "missing").key("x").saved()
    assert classes(reviewed)[by_kind(reviewed)["missing"]["object"]] == "unclear"


def test_a_verdict_can_be_taken_back(new_tab, reviewed):
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    item = by_kind(reviewed)["extra"]
    go_to(tab, reviewed, "extra").key("k").saved()
    go_to(tab, reviewed, "extra")
    tab.page.get_by_role("button", name="Take the verdict back").click()
    tab.saved()
    assert by_kind(reviewed)["extra"]["verdict"] is None
    assert item["verdict"] is None


def test_in_a_class_map_accepting_moves_the_pixels_of_the_region(tmp_path, kit, new_tab):
    truth = np.zeros((300, 400), np.uint8)
    said = truth.copy()
    said[100:160, 200:290] = 1
    layers = {
        name: {"a": Labels((300, 400), class_map=one)}
        for name, one in (("main", truth), (MODEL, said))
    }
    root = kit.make_project(tmp_path, layers)
    review(root, "--task", "semantic")
    with kit.serving(root) as server:
        tab = new_tab().open(server.link()).wait("maskloom.store.state.item !== null")
        tab.wait(f"maskloom.layers.others.has({MODEL!r})").key("a").saved()
        assert pixels(server, "debris").sum() == 60 * 90
        assert not pixels(server, "cell")[100:160, 200:290].any()
        assert pixels(server, "cell").sum() == 300 * 400 - 60 * 90


def pressed(tab):
    """What the card says was decided."""
    return tab.page.locator("#card [aria-pressed=true] span").all_inner_texts()


def test_the_card_follows_undo_and_redo_of_the_verdict(new_tab, reviewed):
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    tab.wait(f"maskloom.layers.others.has({MODEL!r})")
    first = items(reviewed)[0]
    tab.key("a").wait(f"maskloom.store.state.item.id !== {first['id']!r}").saved()
    go_to(tab, reviewed, first["kind"]).wait("maskloom.store.state.item.verdict === 'accepted'")
    assert pressed(tab) == ["Accept the prediction"]
    tab.key("Control+z").wait("maskloom.store.state.item.verdict === null")
    assert pressed(tab) == []
    row = tab.page.locator(".rows[aria-label='Regions to review'] [aria-selected=true]")
    assert "accepted" not in row.inner_text()
    tab.key("Control+Shift+z").wait("maskloom.store.state.item.verdict === 'accepted'")
    assert pressed(tab) == ["Accept the prediction"]


def test_a_verdict_given_on_the_way_to_the_next_region_is_not_for_the_last(new_tab, reviewed):
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    first, second, third = [item["id"] for item in items(reviewed)[:3]]
    held = []

    def hold(route):
        held.append(route)

    tab.page.route("**/api/v1/items/*", hold)
    tab.key("u", "k")
    while not held:
        tab.page.wait_for_timeout(20)
    tab.key("k")
    tab.page.unroute("**/api/v1/items/*")
    tab.wait(f"maskloom.store.state.item.id === {second!r}").key("k")
    tab.wait(f"maskloom.store.state.item.id === {third!r}").saved()
    said = {one["id"]: one["verdict"] for one in items(reviewed)}
    assert [said[one] for one in (first, second, third)] == ["unsure", "kept", None]


def test_a_region_that_the_server_did_not_give_comes_when_it_is_back(new_tab, reviewed):
    tab = new_tab().open(reviewed.link()).wait("maskloom.store.state.item !== null")
    first, second = [item["id"] for item in items(reviewed)[:2]]
    tab.page.route("**/api/v1/items/*", lambda route: route.abort())
    tab.key("u").wait("maskloom.store.state.phase === 'failed'").key("k")
    tab.page.unroute("**/api/v1/items/*")
    tab.wait(f"maskloom.store.state.item.id === {second!r}")
    assert not tab.page.locator("#empty").is_visible()
    tab.saved()
    said = {one["id"]: one["verdict"] for one in items(reviewed)}
    assert [said[one] for one in (first, second)] == ["unsure", None]


def test_what_the_split_of_a_class_leaves_is_asked_in_words(new_tab, tmp_path, kit):
    root = kit.make_project(tmp_path, {"main": {"a": kit.rows(kit.boxes, [0, 1, 0])}})
    words = ["taxonomy", str(root), "--split", "cell=Round cell,Long cell"]
    command = [sys.executable, "-m", "maskloom", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with kit.serving(root) as server:
        tab = new_tab().open(server.link()).wait("maskloom.store.state.item !== null")
        assert tab.words("#card h2") == "Class to choose"
        assert "is it Round cell or Long cell?" in tab.words("#card")


@pytest.fixture
def two_images(tmp_path, kit):
    """Two images, each with an object that the model does not find and one that only it finds."""
    truth, said = kit.rows([(10, 10, 80, 80)], [0]), kit.rows([(120, 10, 200, 90)], [0])
    layers = {"main": dict.fromkeys("ab", truth), MODEL: dict.fromkeys("ab", said)}
    root = kit.make_project(tmp_path, layers)
    review(root, "--task", "instance")
    with kit.serving(root) as server:
        yield server


def test_undo_goes_back_to_the_region_that_was_judged_last(new_tab, two_images):
    server = two_images
    tab = new_tab().open(server.link())
    tab.wait("maskloom.store.state.item !== null")
    judged = []
    for n in (1, 2, 3):
        judged.append(tab.value("maskloom.store.state.item.id"))
        tab.key("k").wait(f"maskloom.store.state.item?.id !== '{judged[-1]}'").saved()
        tab.wait("maskloom.store.state.item !== null && maskloom.store.state.phase === 'ready'")
        assert [one["id"] for one in items(server) if one["verdict"]] == judged[:n]
    assert len({one["sample_id"] for one in items(server) if one["id"] in judged}) == 2
    for n in (2, 1, 0):
        tab.key("Control+z").wait(f"maskloom.trail.done.length === {n}").saved()
        assert tab.value("maskloom.store.state.item.id") == judged[n]
        assert [one["id"] for one in items(server) if one["verdict"]] == judged[:n]
    for n in (1, 2, 3):
        tab.key("Control+Shift+Z").wait(f"maskloom.trail.done.length === {n}").saved()
        assert tab.value("maskloom.store.state.item.id") == judged[n - 1]
        assert [one["id"] for one in items(server) if one["verdict"]] == judged[:n]
