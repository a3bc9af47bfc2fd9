"""Two people at one image: what is apart is joined, what collides is shown and decided."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest

from maskloom.edits.tiles import decode_tile

pytestmark = pytest.mark.browser


@pytest.fixture
def pair(new_tab, shared_server, sample):
    """Ann and Bob at the same image."""
    return [
        new_tab().open(shared_server.link(name, f"#/s/{sample}")).go(sample)
        for name in ("ann", "bob")
    ]


def area(server, sample, uid):
    return {one["id"]: one["area"] for one in server.document(sample)["objects"]}.get(uid)


def mask(item):
    """(512, 512) of an object as told in JSON."""
    out = np.zeros((512, 512), bool)
    for key, text in item["tiles"].items():
        tx, ty = map(int, key.split(","))
        out[ty * 256 : ty * 256 + 256, tx * 256 : tx * 256 + 256] = decode_tile(b64decode(text))
    return out


def masks(document):
    return {one["id"]: mask(one) for one in document["objects"]}


def same(*documents):
    """Whether documents hold the same objects with the same pixels."""
    first, *others = [masks(one) for one in documents]
    return all(
        one.keys() == first.keys() and all((one[uid] == first[uid]).all() for uid in first)
        for one in others
    )


def collide(pair, sample):
    """Both change the same object in the same tile; Ann is cut off while Bob saves."""
    ann, bob = pair
    ann.page.route("**/api/v1/ops*", lambda route: route.abort())
    for tab in pair:
        tab.key("v").click((60, 60)).key("b")
        tab.value("maskloom.store.set({ size: 12 })")
    bob.drag((130, 50), (150, 50)).saved()
    ann.drag((130, 100), (150, 100)).wait("maskloom.sender.status().word === 'offline'")
    ann.page.unroute("**/api/v1/ops*")
    ann.value("maskloom.sender.wake()")
    ann.wait("maskloom.conflicts.shown !== null")
    return ann, bob


def test_strokes_in_different_places_are_joined_without_a_word(pair, shared_server, sample):
    ann, bob = pair
    for _ in range(3):
        ann.key("b", "n").drag((20, 20), (60, 20))
        bob.key("b", "n").drag((330, 250), (380, 250))
    for tab in pair:
        tab.saved().wait("maskloom.opened.document.objects.size === 9")
    assert same(ann.shown(), bob.shown(), shared_server.document(sample))
    assert ann.words("#card") == ""


def test_a_gesture_of_somebody_else_appears_by_itself(pair, sample):
    ann, bob = pair
    bob.key("v").click((60, 60)).key("Delete").saved()
    ann.wait("maskloom.opened.document.objects.size === 2")
    bob.key("d").saved()
    ann.wait("maskloom.opened.document.value('', 'state') === 'done'")


def test_labels_loaded_anew_while_news_were_under_way_still_follow(pair, sample):
    ann, bob = pair
    held = []

    def hold(route):
        held.append(route)

    ann.page.route("**/api/v1/ops*", hold)
    while not held:
        ann.page.wait_for_timeout(20)
    ann.value("maskloom.opened.reload()")
    # Lets go of what is held, too.
    ann.page.unroute("**/api/v1/ops*")
    bob.key("v").click((60, 60)).key("Delete").saved()
    ann.wait("maskloom.opened.document.objects.size === 2")


def test_a_collision_is_shown_with_who_what_and_when(pair, shared_server, sample):
    ann, _ = collide(pair, sample)
    card = ann.words("[role=alertdialog]")
    assert "bob: brush stroke on Cell" in card
    assert "You: brush stroke on Cell" in card
    assert ann.words("#saved") == "1 conflict to settle"
    assert len(shared_server.operations(sample)) == 1


@pytest.mark.parametrize(
    ("choice", "mine", "theirs"),
    [("Keep mine", True, False), ("Keep theirs", False, True), ("Keep both", True, True)],
)
def test_a_collision_is_settled_as_chosen(pair, shared_server, sample, choice, mine, theirs):
    ann, bob = collide(pair, sample)
    ann.page.get_by_role("button", name=choice).click()
    ann.saved()
    seen = masks(shared_server.document(sample))["2-0"]
    assert seen[45:55, 135:150].all() == theirs
    assert seen[95:105, 135:150].all() == mine
    assert seen[40:110, 40:120].all()
    bob.wait(f"maskloom.opened.revision === {shared_server.document(sample)['revision']}")
    assert same(ann.shown(), bob.shown(), shared_server.document(sample))
    assert ann.words("#card") == ""


def test_what_was_drawn_on_a_collision_waits_with_it_and_the_rest_goes_on(
    pair, shared_server, sample
):
    ann, bob = pair
    ann.page.route("**/api/v1/ops*", lambda route: route.abort())
    bob.key("v").click((60, 60)).key("Delete").saved()
    ann.key("v").click((60, 60)).key("b").drag((130, 50), (150, 50)).drag((130, 80), (150, 80))
    ann.key("n").drag((330, 250), (380, 250))
    ann.page.unroute("**/api/v1/ops*")
    ann.value("maskloom.sender.wake()")
    ann.wait("maskloom.conflicts.shown !== null && maskloom.outbox.entries.length === 2")
    assert len(shared_server.document(sample)["objects"]) == 3
    ann.page.get_by_role("button", name="Keep mine").click()
    ann.saved()
    seen = masks(shared_server.document(sample))
    assert len(seen) == 4
    assert any(one[45:55, 135:150].all() and one[75:85, 135:150].all() for one in seen.values())


def test_a_collision_survives_a_reload(pair, shared_server, sample):
    ann, _ = collide(pair, sample)
    ann.page.reload()
    ann.ready().wait("maskloom.conflicts.shown !== null")
    assert "bob: brush stroke" in ann.words("[role=alertdialog]")
    ann.page.get_by_role("button", name="Keep both").click()
    ann.saved()
    assert masks(shared_server.document(sample))["2-0"][95:105, 135:150].all()


def test_a_collision_of_which_nothing_can_be_shown_says_so_and_leaves_theirs(
    pair, shared_server, sample
):
    ann, bob = pair
    gone = {"title": "Not found", "detail": "no such revision"}
    ann.page.route("**/document?*revision=*", lambda route: route.fulfill(status=404, json=gone))
    ann.page.route("**/api/v1/ops*", lambda route: route.abort())
    bob.key("v").click((60, 60)).key("2").saved()
    ann.key("v").click((60, 60)).key("3").wait("maskloom.sender.status().word === 'offline'")
    ann.page.unroute("**/api/v1/ops*")
    ann.value("maskloom.sender.wake()")
    ann.wait("maskloom.conflicts.gone !== ''")
    card = ann.page.get_by_role("alertdialog")
    assert "cannot be shown or kept" in card.inner_text()
    assert card.get_by_role("button").all_inner_texts() == ["Keep theirs"]
    card.get_by_role("button", name="Keep theirs").click()
    ann.saved()
    assert same(ann.shown(), shared_server.document(sample))
    assert shared_server.document(sample)["objects"][0]["category"] == "debris"


def test_two_classes_for_one_object_collide_and_both_can_be_kept(pair, shared_server, sample):
    ann, bob = pair
    ann.page.route("**/api/v1/ops*", lambda route: route.abort())
    bob.key("v").click((60, 60)).key("2").saved()
    ann.key("v").click((60, 60)).key("3").wait("maskloom.sender.status().word === 'offline'")
    ann.page.unroute("**/api/v1/ops*")
    ann.value("maskloom.sender.wake()")
    ann.wait("maskloom.conflicts.shown !== null")
    ann.page.get_by_role("button", name="Keep both").click()
    ann.saved()
    classes = [one["category"] for one in shared_server.document(sample)["objects"]]
    assert sorted(classes) == ["cell", "debris", "debris", "unclear"]


def test_two_tabs_of_one_person_share_the_outbox_and_send_nothing_twice(
    new_tab, shared_server, sample
):
    first = new_tab().open(shared_server.link(place=f"#/s/{sample}")).go(sample)
    second = new_tab(first.page.context).open(f"{shared_server.address}/#/s/{sample}").go(sample)
    first.key("b").drag((20, 20), (60, 20))
    second.key("b").drag((330, 250), (380, 250))
    for tab in (first, second):
        tab.saved().wait("maskloom.opened.document.objects.size === 5")
    ids = [one["op"]["id"] for one in shared_server.operations(sample)]
    assert len(ids) == len(set(ids)) == 2


def test_a_corner_dragged_while_somebody_moves_another_does_not_undo_theirs(
    pair, shared_server, sample
):
    ann, bob = pair
    ann.key("p").click((310, 180), (390, 180), (390, 280), (310, 280)).key("Enter").saved()
    bob.wait("maskloom.opened.document.objects.size === 4")
    ann.page.mouse.move(*ann.at(310, 180))
    ann.page.mouse.down()
    ann.page.mouse.move(*ann.at(320, 190), steps=3)
    bob.key("v").click((350, 230)).key("p").drag((390, 280), (380, 260)).saved()
    ann.wait(f"maskloom.opened.revision === {shared_server.document(sample)['revision']}")
    ann.page.mouse.up()
    ann.page.get_by_text("Somebody changed this polygon meanwhile").wait_for()
    ann.drag((310, 180), (320, 190)).saved()
    assert len(shared_server.operations(sample)) == 3
    (made,) = [one for one in shared_server.document(sample)["objects"] if one.get("geometry")]
    ring = np.array(made["geometry"]["rings"][0]).reshape(-1, 2) / 64
    assert np.abs(ring - [(320, 190), (390, 180), (380, 260), (310, 280)]).max() < 1
    assert same(ann.shown(), shared_server.document(sample))
