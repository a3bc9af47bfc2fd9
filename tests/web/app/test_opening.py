"""What the stage says until an image is there, and what it asks the server for in the meantime."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PIL import Image

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.store.images import write_png
from maskloom.store.project import Project

from .conftest import TAXONOMY

pytestmark = pytest.mark.browser
SIDE = 2100  # more than the page opens without an overview
COLOR = (200, 60, 40)
SHOWN = "maskloom.store.state.picture === 'shown'"
MIDDLE = """() => {
  const { canvas, context } = maskloom.compositor;
  return [...context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data.slice(0, 3)];
}"""


@pytest.fixture
def scans(tmp_path, kit):
    """A server of two large images, a PNG and a JPEG, and a small one."""
    pixels = np.full((SIDE, SIDE, 3), COLOR, np.uint8)
    folder = tmp_path / "images"
    folder.mkdir()
    write_png(folder / "scan.png", pixels)
    Image.fromarray(pixels).save(folder / "photo.jpg", quality=95)
    write_png(folder / "small.png", pixels[:300, :400])
    sizes = {"scan.png": (SIDE, SIDE), "photo.jpg": (SIDE, SIDE), "small.png": (300, 400)}
    samples = tuple(
        Sample(f"plates/{name[:-4]}", ImageRef(folder / name, size), file_name=name)
        for name, size in sizes.items()
    )
    labels = {
        one.key: Labels(size, rows=Rows.make(Masks.empty(0, size), np.zeros(0, np.int32)))
        for one, size in zip(samples, sizes.values(), strict=True)
    }
    root = tmp_path / "project"
    with Project.create(root, name="plates", taxonomy=TAXONOMY) as project:
        project.add(Dataset(TAXONOMY, samples, lambda one: labels[one.key]), "main")
    with kit.serving(root) as server:
        server.ids = {
            one["key"].split("/")[1]: one["id"] for one in server.call("/samples")["samples"]
        }
        server.folder = folder
        yield server


class Gate:
    """Holds requests back until they are let go; knows which were made."""

    def __init__(self, tab, *patterns):
        self.held, self.asked, self.closed = [], [], set(patterns)
        for pattern in patterns:
            # Without a second argument of its own, which would be taken for the request.
            tab.page.route(pattern, partial(self.deal, pattern))

    def deal(self, pattern, route):
        self.asked.append(route.request.url)
        if pattern in self.closed:
            self.held.append((pattern, route))
        else:
            route.continue_()

    def open(self, pattern):
        self.closed.discard(pattern)
        for one in [one for one in self.held if one[0] == pattern]:
            self.held.remove(one)
            one[1].continue_()


def status(tab):
    return tab.page.locator("#opening [role=status]")


def alert(tab):
    return tab.page.locator("#opening [role=alert]")


@pytest.mark.parametrize("name", ["scan", "photo"])
def test_a_large_image_is_announced_then_seen_as_an_overview_then_in_full(scans, new_tab, name):
    tab = new_tab()
    gate = Gate(tab, "**/overview*", "**/tiles/**")
    tab.open(scans.link(place=f"#/s/{scans.ids[name]}"))
    status(tab).get_by_text(f"Opening {name}").wait_for()
    assert "2,100 × 2,100 px …" in status(tab).inner_text()
    assert not any("/tiles/" in one for one in gate.asked)
    gate.open("**/overview*")
    status(tab).get_by_text("Overview").wait_for()
    tab.wait("!maskloom.compositor.waiting")
    assert tab.value(MIDDLE) == pytest.approx(COLOR, abs=6)
    gate.open("**/tiles/**")
    tab.wait(SHOWN)
    assert status(tab).inner_text() == alert(tab).inner_text() == ""
    tab.wait("maskloom.compositor.images.loading.size === 0 && !maskloom.compositor.waiting")
    assert tab.value(MIDDLE) == pytest.approx(COLOR, abs=0 if name == "scan" else 4)


def test_tiles_that_are_softer_than_the_overview_are_not_asked_for(scans, new_tab):
    tab = new_tab()
    gate = Gate(tab, "**/tiles/**")
    gate.open("**/tiles/**")
    tab.open(scans.link(place=f"#/s/{scans.ids['scan']}")).wait(SHOWN)
    with tab.page.expect_request("**/tiles/0/**"):
        tab.key("g")
    tab.wait("maskloom.compositor.images.loading.size === 0")
    levels = {one.split("/tiles/")[1].split("/")[0] for one in gate.asked}
    assert "3" not in levels


@pytest.mark.parametrize("after", [100, 400])
def test_an_image_that_opens_at_once_flashes_nothing(tab, after):
    tab.wait(SHOWN)
    # The clock is the test's own: a busy machine fires timers late and together.
    tab.page.clock.install()
    tab.page.evaluate(
        """() => {
          window.said = 0;
          new MutationObserver((all) => {
            window.said += all.filter((one) => one.addedNodes.length > 0).length;
          }).observe(document.getElementById("opening"), { childList: true, subtree: true });
          maskloom.store.set({ picture: "opening" });
        }"""
    )
    tab.page.clock.run_for(after)
    tab.page.evaluate("maskloom.store.set({ picture: 'shown' })")
    tab.page.clock.run_for(300)
    said = tab.page.evaluate("[window.said, document.getElementById('opening').textContent]")
    assert said == [0 if after == 100 else 1, ""]


@pytest.mark.parametrize("name", ["scan", "small"])
def test_a_damaged_image_says_so_until_it_is_repaired_and_asked_for_again(scans, new_tab, name):
    path = scans.folder / f"{name}.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    tab = new_tab().open(scans.link(place=f"#/s/{scans.ids[name]}"))
    again = alert(tab).get_by_role("button", name="Try again")
    again.wait_for()
    said = alert(tab).inner_text()
    assert f"{name} cannot be shown" in said
    assert "damaged" in said
    assert status(tab).inner_text() == ""
    again.click()
    again.wait_for()
    path.write_bytes(whole)
    again.click()
    tab.wait(SHOWN)
    assert alert(tab).inner_text() == ""


def test_a_part_that_cannot_be_made_is_told_beside_the_rest(scans, new_tab):
    tab = new_tab()

    def refuse(route):
        route.fulfill(status=422, json={"title": "Image", "detail": "not enough memory"})

    tab.page.route("**/tiles/0/0/0*", refuse)
    tab.open(scans.link(place=f"#/s/{scans.ids['photo']}")).wait(SHOWN)
    tab.page.evaluate("maskloom.view.frame({ x0: 300, y0: 300, x1: 800, y1: 800 })")
    again = alert(tab).get_by_role("button", name="Try again")
    again.wait_for()
    assert "A part of the image is missing" in alert(tab).inner_text()
    assert "Not enough memory" in alert(tab).inner_text()
    tab.page.unroute("**/tiles/0/0/0*")
    again.click()
    tab.wait("maskloom.compositor.images.bitmaps.has('0/0/0')")
    assert alert(tab).inner_text() == ""


@pytest.mark.parametrize("name", ["photo", "small"])
def test_an_image_that_did_not_come_is_asked_for_when_the_network_is_back(scans, new_tab, name):
    tab = new_tab()
    patterns = ("**/samples/*/image", "**/overview*")
    for pattern in patterns:
        tab.page.route(pattern, lambda route: route.abort())
    tab.open(scans.link(place=f"#/s/{scans.ids[name]}"))
    alert(tab).get_by_text("cannot be reached").wait_for()
    for pattern in patterns:
        tab.page.unroute(pattern)
    tab.page.evaluate("window.dispatchEvent(new Event('online'))")
    tab.wait(SHOWN)
    assert alert(tab).inner_text() == ""


def test_the_pictures_of_the_list_wait_until_the_image_is_open(scans, new_tab):
    tab = new_tab()
    gate = Gate(tab, "**/overview*", "**/thumbnail")
    tab.open(scans.link(place=f"#/s/{scans.ids['scan']}"))
    status(tab).get_by_text("Opening scan").wait_for()
    tab.wait("document.querySelectorAll('#images .row').length === 3")
    tab.page.wait_for_timeout(200)
    assert not any(one.endswith("/thumbnail") for one in gate.asked)
    gate.open("**/overview*")
    tab.wait(SHOWN)
    tab.page.wait_for_timeout(200)
    assert sum(one.endswith("/thumbnail") for one in gate.asked) == 2
    gate.open("**/thumbnail")
    tab.wait("[...document.querySelectorAll('#images img.thumb')].length === 3")
    asked = [one for one in gate.asked if one.endswith("/thumbnail")]
    tab.go(scans.ids["small"]).wait(SHOWN)
    assert tab.value("document.querySelectorAll('#images img.thumb').length") == 3
    assert len(set(asked)) == len(asked) == 3
