"""Fingers and pens on the stage: what was begun is not lost to a second finger or to a palm."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser
CORNERS = "maskloom.tools.polygon.corners.length"


class Hand:
    """Fingers and a pen on a page; places are px of the page."""

    def __init__(self, tab) -> None:
        self.tab = tab
        self.session = tab.page.context.new_cdp_session(tab.page)

    def touch(self, kind, *places):
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places, 1)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def tap(self, place):
        self.touch("touchStart", place)
        self.touch("touchEnd")

    def pinch(self, first, second):
        """The second finger comes after the first, both part, both leave."""
        self.touch("touchStart", first)
        for spread in (0, 30, 60):
            places = (first[0] - spread, first[1]), (second[0] + spread, second[1])
            self.touch("touchMove" if spread else "touchStart", *places)
        self.touch("touchEnd")

    def pen(self, kind, place):
        self.session.send(
            "Input.dispatchMouseEvent",
            {
                "type": kind, "x": place[0], "y": place[1], "pointerType": "pen",
                "button": "left", "buttons": 0 if kind == "mouseReleased" else 1, "clickCount": 1,
            },
        )  # fmt: skip


@pytest.fixture
def hand(new_tab, shared_server, sample):
    return Hand(new_tab(has_touch=True).open(shared_server.link(place=f"#/s/{sample}")).go(sample))


def test_two_fingers_zoom_while_a_polygon_is_half_drawn(hand, shared_server, sample):
    tab = hand.tab.key("p")
    for corner in ((310, 180), (390, 180), (390, 280)):
        hand.tap(tab.at(*corner))
    tab.wait(f"{CORNERS} === 3")
    scale = tab.value("maskloom.view.scale")
    hand.pinch(tab.at(150, 150), tab.at(250, 150))
    assert tab.value("maskloom.view.scale") > 1.2 * scale
    assert tab.value(CORNERS) == 3
    hand.touch("touchStart", tab.at(200, 100))
    hand.touch("touchCancel")
    assert tab.value(CORNERS) == 3
    tab.key("Enter").saved()
    assert len(shared_server.document(sample)["objects"]) == 4


def test_two_fingers_on_the_first_corner_do_not_bring_a_closed_ring_back(hand):
    tab = hand.tab.key("p")
    for corner in ((310, 180), (390, 180), (390, 280)):
        hand.tap(tab.at(*corner))
    hand.pinch(tab.at(310, 180), tab.at(200, 100))
    assert tab.value(CORNERS) == 0
    assert tab.value("maskloom.opened.document.objects.size") == 4


@pytest.mark.parametrize("first", ["pen", "palm"])
def test_a_palm_beside_the_pen_does_not_end_its_stroke(hand, shared_server, sample, first):
    tab = hand.tab.key("b")
    at = tab.value("maskloom.view.imageToScreen({ x: 0, y: 0 })")
    palm = tab.at(330, 200)
    for begin in ("pen", "palm") if first == "pen" else ("palm", "pen"):
        if begin == "pen":
            hand.pen("mousePressed", tab.at(320, 30))
        else:
            hand.touch("touchStart", palm)
    hand.pen("mouseMoved", tab.at(340, 30))
    hand.touch("touchMove", (palm[0] + 30, palm[1] + 30))
    hand.pen("mouseMoved", tab.at(360, 30))
    hand.touch("touchEnd")
    hand.pen("mouseReleased", tab.at(360, 30))
    tab.saved()
    assert [one["op"]["kind"] for one in shared_server.operations(sample)] == ["brush"]
    assert tab.value("maskloom.opened.document.at(350, 30).length") == 1
    assert tab.value("maskloom.opened.document.at(330, 200).length") == 0
    assert tab.value("maskloom.view.imageToScreen({ x: 0, y: 0 })") == at
