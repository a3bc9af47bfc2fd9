"""Each tool of the page, seen from the project: what it made is there, pixel by pixel."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest

from maskloom.edits.tiles import decode_tile

pytestmark = pytest.mark.browser


def pixels(item, size=(300, 400)):
    """(H, W) of an object as the server tells it."""
    out = np.zeros((512, 512), bool)
    for key, text in item["tiles"].items():
        tx, ty = map(int, key.split(","))
        out[ty * 256 : ty * 256 + 256, tx * 256 : tx * 256 + 256] = decode_tile(b64decode(text))
    return out[: size[0], : size[1]]


def objects(server, sample):
    return {one["id"]: one for one in server.document(sample)["objects"]}


def made(server, sample):
    """The one object that the import did not bring."""
    (uid,) = [uid for uid in objects(server, sample) if uid.startswith("n")]
    return objects(server, sample)[uid]


def test_the_brush_makes_a_new_object_of_the_chosen_class(tab, shared_server, sample):
    tab.key("2", "b").value("maskloom.store.set({ size: 20 })")
    tab.drag((320, 30), (360, 30)).saved()
    item = made(shared_server, sample)
    mask = pixels(item)
    y, x = np.mgrid[:300, :400] + 0.5
    near = np.hypot(np.maximum(np.maximum(320 - x, x - 360), 0), y - 30)
    assert item["category"] == "debris"
    assert mask[near < 9.5].all()
    assert not mask[near > 10.5].any()


def test_strokes_beside_what_the_brush_made_make_objects_of_their_own(tab, shared_server, sample):
    tab.key("b").drag((320, 30), (350, 30))
    assert tab.words("#foot .hint").startswith("Drag beside it: one more Cell.")
    tab.drag((320, 80), (350, 80)).drag((320, 130), (350, 130)).saved()
    assert len(objects(shared_server, sample)) == 6
    assert [one["op"]["kind"] for one in shared_server.operations(sample)] == ["brush"] * 3


def test_a_stroke_that_comes_to_touch_what_the_brush_made_extends_it(tab, shared_server, sample):
    tab.key("b").drag((320, 30), (350, 30))
    tab.drag((320, 90), (335, 60), (335, 32)).drag((352, 30), (385, 30)).saved()
    item = made(shared_server, sample)
    assert pixels(item)[[30, 90, 30], [320, 320, 385]].all()


def test_an_object_that_was_chosen_is_extended_wherever_the_stroke_is(tab, shared_server, sample):
    tab.key("v").click((60, 60)).key("b").drag((320, 30), (350, 30))
    assert "selected Cell" in tab.words("#foot .hint")
    tab.drag((320, 80), (350, 80)).saved()
    assert len(objects(shared_server, sample)) == 3
    tab.key("n").drag((320, 200), (350, 200))
    uid = tab.value("maskloom.store.state.selected")
    tab.page.locator(f"[aria-label=Objects] .row[title*='{uid}']").click()
    tab.drag((370, 270), (380, 270)).saved()
    assert len(objects(shared_server, sample)) == 4
    tab.key("n").drag((20, 20), (30, 20)).saved()
    assert len(objects(shared_server, sample)) == 5


def test_the_eraser_takes_from_the_object_under_the_pointer(tab, shared_server, sample):
    tab.key("e").value("maskloom.store.set({ size: 30 })")
    tab.drag((45, 70), (60, 70)).saved()
    areas = {uid: pixels(item).sum() for uid, item in objects(shared_server, sample).items()}
    assert 0 < areas.pop("2-0") < 80 * 70
    assert areas == {"2-1": 90 * 90, "2-2": 90 * 80}
    assert tab.value("maskloom.store.state.selected") == "2-0"


def test_an_object_that_is_erased_entirely_is_deleted_and_undo_brings_it_back(
    tab, shared_server, sample
):
    tab.key("e").value("maskloom.store.set({ size: 400 })")
    tab.drag((60, 70), (70, 70)).saved()
    assert len(objects(shared_server, sample)) == 2
    tab.key("Control+z").saved()
    assert len(objects(shared_server, sample)) == 3
    assert sum(one["area"] for one in objects(shared_server, sample).values()) == 5600 + 8100 + 7200


def test_a_polygon_keeps_its_corners_on_the_grid_and_its_pixels_are_their_filling(
    tab, shared_server, sample
):
    tab.key("p").click((310, 200), (380, 205), (350, 270)).key("Enter").saved()
    item = made(shared_server, sample)
    ring = np.array(item["geometry"]["rings"][0]).reshape(-1, 2) / 64
    assert np.abs(ring - [(310, 200), (380, 205), (350, 270)]).max() < 1
    assert item["geometry"]["rule"] == "grid"
    assert item["area"] == pixels(item).sum() > 1000


def test_a_click_on_the_first_corner_closes_and_escape_gives_up(tab, shared_server, sample):
    tab.key("p").click((310, 200), (380, 205), (350, 270), (310, 200)).saved()
    assert made(shared_server, sample)["area"] > 1000
    tab.key("n").click((20, 200), (60, 205), (50, 270)).key("Escape").saved()
    assert len(objects(shared_server, sample)) == 4


def test_corners_are_moved_inserted_and_removed(tab, shared_server, sample):
    tab.key("p").click((310, 200), (380, 200), (380, 270), (310, 270)).key("Enter")
    tab.drag((380, 270), (390, 285)).saved()
    ring = np.array(made(shared_server, sample)["geometry"]["rings"][0]).reshape(-1, 2) / 64
    assert np.abs(ring[2] - (390, 285)).max() < 1
    tab.drag((345, 200), (345, 180)).saved()
    assert len(made(shared_server, sample)["geometry"]["rings"][0]) == 10
    tab.page.keyboard.down("Alt")
    tab.click((345, 180)).page.keyboard.up("Alt")
    tab.saved()
    assert len(made(shared_server, sample)["geometry"]["rings"][0]) == 8
    tab.key("ArrowRight", "Delete").saved()
    kinds = [one["op"]["kind"] for one in shared_server.operations(sample)]
    assert set(kinds) <= {"polygon", "delete"}


def test_what_a_dragged_corner_shows_is_what_its_polygon_fills(tab):
    tab.key("p").click((310, 200), (380, 200), (380, 270), (310, 270)).key("Enter").saved()
    rng = np.random.default_rng(3)
    for begin in ((380, 270), (345, 200)):  # a corner, and the middle of an edge
        tab.page.mouse.move(*tab.at(*begin))
        tab.page.mouse.down()
        for x, y in rng.integers((-40, -40), (440, 340), (12, 2)).tolist():
            tab.page.mouse.move(*tab.at(x, y), steps=2)
            differing = tab.value(
                """(async () => {
                  const { count, xor } = await import("/core/bits.js");
                  const { fillPolygon } = await import("/core/fill.js");
                  const { vertices } = maskloom.tools.polygon;
                  const { size } = maskloom.opened.document;
                  const filled = fillPolygon({ rule: "grid", rings: vertices.rings }, size);
                  const shown = maskloom.layers.draft.masks.get(vertices.uid);
                  return count(xor(filled, shown));
                })()"""
            )
            assert differing == 0
        tab.page.mouse.move(*tab.at(*begin))
        tab.page.mouse.up()
        tab.saved()


def test_a_hole_cut_into_a_polygon_is_a_ring_of_it(tab, shared_server, sample):
    tab.key("p").click((310, 180), (390, 180), (390, 280), (310, 280)).key("Enter").saved()
    whole = made(shared_server, sample)["area"]
    tab.page.get_by_role("button", name="Cut hole").click()
    tab.click((330, 200), (370, 200), (370, 240), (330, 240)).key("Enter").saved()
    item = made(shared_server, sample)
    assert len(item["geometry"]["rings"]) == 2
    assert whole - item["area"] == pytest.approx(1600, abs=100)


def test_without_overlap_neighbours_give_way_in_the_same_operation(tab, shared_server, sample):
    tab.key("o", "b").value("maskloom.store.set({ size: 40 })")
    tab.drag((120, 75), (130, 75)).saved()
    assert len(shared_server.operations(sample)) == 1
    masks = [pixels(one) for one in objects(shared_server, sample).values()]
    assert np.sum(masks, axis=0).max() == 1
    tab.key("Control+z").saved()
    assert sum(one["area"] for one in objects(shared_server, sample).values()) == 5600 + 8100 + 7200


def test_select_takes_the_front_object_and_delete_removes_it(tab, shared_server, sample):
    tab.key("v").click((250, 100))
    assert tab.value("maskloom.store.state.selected") == "2-1"
    tab.key("Delete").saved()
    assert "2-1" not in objects(shared_server, sample)
    tab.click((5, 5))
    assert tab.value("maskloom.store.state.selected") is None


def test_number_keys_change_the_class_of_the_selected_object(tab, shared_server, sample):
    tab.key("v").click((60, 60)).key("2").saved()
    assert objects(shared_server, sample)["2-0"]["category"] == "debris"


def test_done_and_not_done(tab, shared_server, sample):
    tab.key("d").saved()
    assert shared_server.call(f"/samples/{sample}")["state"] == "done"
    assert tab.page.get_by_role("button", name="Done", exact=True).is_visible()
    tab.key("d").saved()
    assert shared_server.call(f"/samples/{sample}")["state"] == "doing"


def test_panning_and_zooming_change_nothing_but_the_view(tab, shared_server, sample):
    at = tab.at(200, 150)
    tab.page.mouse.move(*at)
    tab.page.mouse.wheel(0, -300)
    assert tab.at(200, 150) == pytest.approx(at, abs=1)
    scale = tab.value("maskloom.view.scale")
    tab.key("h").drag((200, 150), (220, 160))
    assert tab.at(220, 160) != pytest.approx(at, abs=1)
    tab.key("f")
    assert tab.value("maskloom.view.scale") < scale
    tab.key("g")
    assert tab.value("maskloom.view.scale") == 1
    assert shared_server.operations(sample) == []


def test_every_tool_works_from_the_keyboard_alone(tab, shared_server, sample):
    tab.page.locator("#stage").focus()
    tab.key("b", *["ArrowRight"] * 8, "Enter", *["ArrowDown"] * 4, "Enter").saved()
    assert made(shared_server, sample)["area"] > 500
    tab.key("n", "p", "ArrowRight", "Enter", *["ArrowRight"] * 3, "Enter", *["ArrowDown"] * 3)
    tab.key("Enter").wait("maskloom.tools.polygon.corners.length === 3")
    tab.key("Enter").saved()
    assert len(objects(shared_server, sample)) == 5
