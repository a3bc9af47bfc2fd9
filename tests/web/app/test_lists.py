"""Long lists on the page: nothing is skipped while they shrink, and steps go on from what is open."""

from __future__ import annotations

import pytest

from maskloom.core.region import Region
from maskloom.store.project import Address, Project

pytestmark = pytest.mark.browser
REGIONS, IMAGES = 250, 130


def key(n):
    return f"plate {n:03}"


@pytest.fixture
def long(tmp_path, kit):
    """A review of 250 regions of the first three of 130 images."""
    labels = kit.rows(kit.boxes, [0, 1, 0])
    root = kit.make_project(tmp_path, {"main": {key(n): labels for n in range(1, IMAGES + 1)}})
    regions = [
        Region(key(1 + n % 3), "missing", "cell", None, (10, 20, 60, 80), 99, 1 - n / 500,
               f"region {n + 1}", None, None)
        for n in range(REGIONS)
    ]  # fmt: skip
    with Project.open(root) as project:
        project.add_review(Address(root, "main"), "elsewhere", regions)
    with kit.serving(root) as server:
        yield server


def at_region(tab, rank):
    return tab.wait(f"maskloom.store.state.item?.rank === {rank}").ready()


def at_image(tab, id_):
    return tab.wait(f"maskloom.store.state.sample?.id === {id_}").ready()


def active(tab, panel):
    """The marked row: its place, of how many, and whether it is in view."""
    rows = f"document.querySelector('#{panel} .rows')"
    tab.wait(f"{rows}.querySelector('.active') !== null")
    return tab.value(
        f"""(() => {{
          const row = {rows}.querySelector('.active'), list = {rows}.getBoundingClientRect();
          const box = row.getBoundingClientRect();
          return [Number(row.dataset.index), Number(row.getAttribute('aria-setsize')),
                  box.top >= list.top - 1 && box.bottom <= list.bottom + 1];
        }})()"""
    )


def test_a_queue_that_is_judged_page_by_page_skips_no_region(long, new_tab):
    tab = new_tab().open(long.link())
    for rank in range(1, 13):
        at_region(tab, rank).key("k")
    at_region(tab, 13).saved()
    assert long.call("/reviews/1/items?open=true")["total"] == REGIONS - 12
    tab.page.evaluate("maskloom.goTo({ review: 1, item: '1-100' })")
    at_region(tab, 100).key("k")
    at_region(tab, 101).key("k")
    at_region(tab, 102)
    assert active(tab, "review") == [101, REGIONS, True]
    tab.page.get_by_label("only what is still open").set_checked(checked=False)
    tab.page.get_by_label("only what is still open").set_checked(checked=True)
    tab.wait("document.querySelector('#review .active')?.dataset.index === '87'")
    assert active(tab, "review") == [87, REGIONS - 14, True]


def test_the_last_region_is_told_as_such_only_at_the_end(long, new_tab):
    tab = new_tab().open(long.link(place=f"#/review/1/1-{REGIONS - 1}"))
    at_region(tab, REGIONS - 1)
    assert active(tab, "review") == [REGIONS - 2, REGIONS, True]
    tab.key("k")
    at_region(tab, REGIONS).key("k")
    tab.page.get_by_text("This was the last region.").wait_for()


def test_steps_go_on_from_an_image_far_down_the_list(long, new_tab):
    tab = new_tab().open(long.link(place="#/s/115"))
    at_image(tab, 115)
    tab.page.get_by_role("tab", name="Images").click()
    assert active(tab, "images") == [114, IMAGES, True]
    tab.key(".")
    at_image(tab, 116)
    assert active(tab, "images") == [115, IMAGES, True]
    tab.key(",", ",")
    at_image(tab, 114)


def test_images_that_are_done_keep_their_places_until_the_filter_is_chosen_again(long, new_tab):
    tab = new_tab().open(long.link(place="#/s/1"))
    tab.page.get_by_role("tab", name="Images").click()
    state = tab.page.get_by_label("Show images that are")
    state.select_option("done")
    tab.page.get_by_text("Nothing matches").wait_for()
    state.select_option("todo")
    tab.wait("document.querySelectorAll('#images .row').length > 5")
    for id_ in range(1, 8):
        at_image(tab, id_).key("d").saved()
        tab.key(".")
    at_image(tab, 8)
    tab.page.evaluate("maskloom.goTo({ sample: 100, layer: 'main' })")
    at_image(tab, 100)
    tab.key(".")
    at_image(tab, 101)
    assert active(tab, "images") == [100, IMAGES, True]
    state.select_option("done")
    tab.wait("document.querySelectorAll('#images .row').length === 7")
    # What is open lies behind all seven.
    tab.key(",")
    at_image(tab, 7)
    assert active(tab, "images") == [6, 7, True]
