"""Tiles of the image and of the masks: fetched and made once, and again only where need be."""

from __future__ import annotations

from base64 import b64decode

import pytest

pytestmark = pytest.mark.browser
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

LARGE = """async ([width, height]) => {
  const { ImageTiles } = await import("/src/maskloom/web/app/imagetiles.js");
  const { View } = await import("/src/maskloom/web/app/view.js");
  const context = document.createElement("canvas").getContext("2d");
  const view = new View();
  view.resize(width, height);
  view.open(40000, 20000);
  view.scale = 0.6;
  view.y = 0;
  const tiles = new ImageTiles(() => requestAnimationFrame(draw), (text) => { throw text; });
  const draw = () => tiles.draw(context, view, 1);
  tiles.open({ id: 1, width: 40000, height: 20000, version: "1" });
  const rest = async () => {
    draw();
    // What is fetched for ever must not hold the test for ever.
    for (let n = 0; n < 20; n++) {
      await new Promise((done) => setTimeout(done, 300));
      if (tiles.loading.size + tiles.wanted.length === 0) return;
    }
  };
  const kept = [];
  for (const x of [0, 12000, 24000]) {
    view.x = x;
    await rest();
    kept.push(tiles.bitmaps.size, tiles.inView.size);
  }
  return kept;
}"""


@pytest.mark.parametrize("size", [(3840, 2160), (1200, 800)])
def test_every_tile_in_view_is_fetched_once_on_however_large_a_screen(page, size):
    asked = []

    def answer(route):
        asked.append(route.request.url)
        route.fulfill(status=200, content_type="image/png", body=PNG)

    page.route("**/api/v1/samples/**", answer)
    kept = page.evaluate(LARGE, list(size))
    assert len(asked) == len(set(asked))
    sizes, in_view = kept[::2], kept[1::2]
    assert all(
        many <= size <= max(96, many + 16) for size, many in zip(sizes, in_view, strict=True)
    )
    assert (max(in_view) > 96) == (size[0] == 3840)


BLURRED = "maskloom.compositor.images.missing.size > 0"
SHARP = f"!({BLURRED}) && maskloom.compositor.images.bitmaps.size > 0"


def refuse(tab, *patterns):
    for pattern in patterns:
        tab.page.route(pattern, lambda route: route.abort())


@pytest.mark.parametrize("news", ["online", "focus"])
def test_tiles_that_failed_are_asked_for_when_the_network_is_back(
    new_tab, shared_server, sample, news
):
    tab = new_tab()
    refuse(tab, "**/tiles/**")
    tab.open(shared_server.link(place=f"#/s/{sample}")).go(sample).wait(BLURRED)
    tab.page.unroute("**/tiles/**")
    tab.page.evaluate("news => window.dispatchEvent(new Event(news))", news)
    tab.wait(SHARP)


@pytest.mark.parametrize("by", ["a gesture that is saved", "news of the project"])
def test_tiles_that_failed_are_asked_for_when_the_server_answers_again(
    new_tab, shared_server, sample, by
):
    tab = new_tab()
    refuse(tab, "**/tiles/**")
    tab.open(shared_server.link(place=f"#/s/{sample}")).go(sample).wait(BLURRED)
    refuse(tab, "**/api/v1/ops*")
    if by == "a gesture that is saved":
        tab.key("b").drag((320, 30), (350, 30)).wait("maskloom.sender.trouble !== null")
    else:
        with tab.page.expect_event("requestfailed", lambda one: "/ops" in one.url):
            tab.value("maskloom.opened.poll(0)")
    tab.page.unroute("**/tiles/**")
    tab.page.unroute("**/api/v1/ops*")
    tab.value("void maskloom.refreshProject()" if "news" in by else "maskloom.sender.wake()")
    tab.wait(SHARP)


def test_news_of_the_project_that_change_no_class_draw_no_mask_again(tab, shared_server):
    made = "[...maskloom.compositor.masks.tiles.values()]"
    tab.wait(f"{made}.length > 0 && !maskloom.compositor.waiting")
    tab.value(f"void (window.before = {made})")
    todo = tab.value("maskloom.store.state.project.counts.todo")
    tab.key("d").saved().wait(f"maskloom.store.state.project.counts.todo !== {todo}", seconds=5)
    tab.page.wait_for_timeout(100)
    assert tab.value(f"before.every((one, i) => one === {made}[i] && one.stale === null)")
    taxonomy = tab.value("structuredClone(maskloom.store.state.project.taxonomy)")
    taxonomy["categories"][0]["color"] = [1, 2, 3]
    tab.page.evaluate(
        "taxonomy => maskloom.store.set({ project: { ...maskloom.store.state.project, taxonomy } })",
        taxonomy,
    )
    tab.wait(f"{made}.length > 0 && !{made}.includes(before[0])")
