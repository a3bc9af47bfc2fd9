"""What is drawn: layers over the image, only rows in view of long lists, addresses, panels."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser
MODEL = "model/net@ab12"

PIXEL = """([x, y]) => {
  const at = maskloom.view.imageToScreen({ x: x + 0.5, y: y + 0.5 });
  const ratio = maskloom.compositor.ratio;
  const data = maskloom.compositor.context.getImageData(
    Math.round(at.x * ratio), Math.round(at.y * ratio), 1, 1).data;
  return [...data.slice(0, 3)];
}"""


def color(tab, x, y):
    """RGB on the stage at a pixel of the image, once all is drawn."""
    tab.page.wait_for_timeout(100)
    tab.wait("!maskloom.compositor.waiting && maskloom.compositor.images.loading.size === 0")
    return tab.page.evaluate(PIXEL, [x, y])


def show(tab, layer, *, name="Show"):
    tab.page.get_by_role("button", name=f"{name} {layer}").click()


def test_masks_are_drawn_over_the_image_and_hidden_by_a_key(tab):
    tinted = color(tab, 80, 75)
    tab.key("m")
    bare = color(tab, 80, 75)
    expected = [0.65 * one + 0.35 * own for one, own in zip(bare, (230, 60, 60), strict=True)]
    assert tinted == pytest.approx(expected, abs=2)
    tab.key("m")
    assert color(tab, 80, 75) == tinted


def test_any_layer_is_shown_over_the_one_that_is_edited(tab):
    def outline():
        return [color(tab, 299.7, y) for y in range(220, 230)]

    edge, inside = outline(), color(tab, 330, 230)
    show(tab, MODEL)
    tab.wait(f"maskloom.layers.others.has({MODEL!r})")
    assert outline() != edge
    assert color(tab, 330, 230) == inside
    tab.page.locator(".shown").nth(1).get_by_label("fill").check()
    tab.page.get_by_label(f"Opacity of {MODEL}").press("End")
    assert color(tab, 330, 230) == [60, 120, 230]
    show(tab, MODEL)
    assert outline() == edge


def test_another_layer_is_opened_and_a_machine_layer_is_not_edited(tab, shared_server, sample):
    tab.page.get_by_role("button", name="Open", exact=True).click()
    tab.wait(f"maskloom.opened.layer === {MODEL!r} && maskloom.opened.document !== null")
    assert len(tab.shown()["objects"]) == 2
    assert tab.page.get_by_role("button", name="Brush").is_disabled()
    tab.key("b").drag((20, 20), (60, 20))
    assert shared_server.operations(sample, MODEL) == []


def test_a_stroke_is_seen_while_it_is_drawn(tab):
    before = color(tab, 340, 30)
    tab.key("b").page.mouse.move(*tab.at(320, 30))
    tab.page.mouse.down()
    tab.page.mouse.move(*tab.at(360, 30), steps=4)
    during = color(tab, 340, 30)
    tab.key("Escape")
    assert color(tab, 340, 30) == before != during
    tab.page.mouse.up()
    assert tab.value("maskloom.opened.document.objects.size") == 3


def test_the_selected_object_stands_out(tab):
    edge = (40, 75)
    before = color(tab, *edge)
    tab.key("v").click((80, 75))
    assert color(tab, *edge) != before


def test_images_are_found_by_name_and_state(tab, shared_server, sample):
    tab.key("d").saved()
    tab.page.get_by_label("Find images by name").fill(f"{sample:02}")
    rows = tab.page.locator("#images .row")
    tab.wait("document.querySelectorAll('#images .row').length === 1")
    assert rows.first.inner_text().startswith(f"plate {sample:02}")
    tab.page.get_by_label("Show images that are").select_option("todo")
    tab.page.get_by_text("Nothing matches").wait_for()


def test_next_and_previous_open_images_and_back_returns(tab, sample):
    tab.page.locator("#stage").focus()
    other = sample + 1 if sample < 80 else sample - 1
    tab.key("." if other > sample else ",")
    tab.wait(f"maskloom.store.state.sample.id === {other}")
    assert tab.page.url.endswith(f"#/s/{other}")
    tab.page.go_back()
    tab.wait(f"maskloom.store.state.sample.id === {sample}")


def test_an_address_names_the_layer_over_the_image(new_tab, shared_server, sample):
    link = shared_server.link(place=f"#/s/{sample}%3Fover=model/net@ab12")
    tab = new_tab().open(link)
    tab.wait(f"maskloom.layers.others.has({MODEL!r})")


def test_an_address_of_no_image_says_so(new_tab, shared_server):
    tab = new_tab()
    tab.page.goto(shared_server.link(place="#/s/99999"))
    tab.page.get_by_role("heading", name="There is no such image in this project").wait_for()


def test_a_list_of_100_000_rows_has_only_those_in_view(page):
    seen = page.evaluate(
        """async () => {
          const { VirtualList } = await import("/src/maskloom/web/app/virtual.js");
          const list = new VirtualList({
            label: "many", height: 40, choose: () => {},
            draw: (row, index) => { row.textContent = String(index); },
          });
          document.body.append(list.root);
          list.root.style.cssText = "position:relative;height:400px;overflow:auto";
          const style = new CSSStyleSheet();
          style.replaceSync(".row{position:absolute;top:0}");
          document.adoptedStyleSheets = [style];
          const out = [];
          for (const count of [100000, 3000000]) {
            list.resize(count);
            list.activate(count - 1);
            await new Promise((done) => setTimeout(done, 50));
            const last = [...list.root.querySelectorAll(".row")].find(
              (row) => row.textContent === String(count - 1));
            const [a, b] = [last.getBoundingClientRect(), list.root.getBoundingClientRect()];
            out.push([list.rows.size < 40, a.bottom <= b.bottom + 1 && a.top >= b.top]);
            list.root.scrollTop = 0;
          }
          return out;
        }"""
    )
    assert seen == [[True, True], [True, True]]


def test_on_a_tablet_the_image_comes_first_and_the_lists_are_one_touch_away(
    new_tab, shared_server, sample
):
    tab = new_tab(has_touch=True).page
    tab.set_viewport_size({"width": 820, "height": 1180})
    tab.goto(shared_server.link(place=f"#/s/{sample}"))
    search = tab.get_by_label("Find images by name")
    tab.locator("#rail").wait_for()
    assert not search.is_visible()
    tab.get_by_role("button", name="Images and review").tap()
    assert search.is_visible()


def test_two_fingers_zoom_and_one_draws(new_tab, shared_server, sample):
    tab = new_tab(has_touch=True).open(shared_server.link(place=f"#/s/{sample}")).go(sample)
    tab.key("b")
    session = tab.page.context.new_cdp_session(tab.page)

    def touch(kind, *points):
        places = [dict(zip(("x", "y"), tab.at(*point), strict=True)) for point in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (320, 30))
    touch("touchMove", (350, 30))
    touch("touchEnd")
    tab.saved()
    assert len(shared_server.operations(sample)) == 1
    scale = tab.value("maskloom.view.scale")
    a, b = tab.at(150, 150), tab.at(250, 150)
    for kind, spread in (("touchStart", 0), ("touchMove", 40), ("touchMove", 80)):
        places = [
            {"x": a[0] - spread, "y": a[1], "id": 1},
            {"x": b[0] + spread, "y": b[1], "id": 2},
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert tab.value("maskloom.view.scale") > 1.2 * scale
    assert len(shared_server.operations(sample)) == 1
