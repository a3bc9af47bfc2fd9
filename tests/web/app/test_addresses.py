"""What comes into the address bar while the page is open."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def test_a_link_pasted_into_the_tab_lets_in_another_person(tab, shared_server, sample):
    link = shared_server.link("bob", f"#/s/{sample}")
    with tab.page.expect_event("load"):
        tab.page.goto(link)
    tab.wait("window.maskloom?.store.state.session?.author === 'bob'").ready()
    assert tab.page.url == f"{shared_server.address}/#/s/{sample}"
    assert tab.value("maskloom.store.state.sample.id") == sample


def test_the_skip_link_leads_to_the_image_and_stops_nothing(tab, sample):
    other = sample + 1 if sample < 80 else sample - 1
    held = []

    def hold(route):
        held.append(route)

    tab.page.route(f"**/api/v1/samples/{other}?*", hold)
    tab.page.evaluate("sample => maskloom.goTo({ sample })", other)
    while not held:
        tab.page.wait_for_timeout(20)
    tab.page.locator(".skip").focus()
    tab.key("Enter")
    assert tab.value("document.activeElement.id") == "stage"
    assert tab.page.url.endswith(f"#/s/{other}")
    # Of a browser that was faster than the page's code.
    tab.page.evaluate("location.hash = '#stage'")
    tab.page.wait_for_timeout(50)
    tab.page.unroute(f"**/api/v1/samples/{other}?*")
    tab.ready().wait(f"maskloom.opened.sample === {other} && maskloom.opened.document !== null")


def test_an_address_of_another_project_opens_nothing_of_this_one(new_tab, shared_server, sample):
    own = shared_server.call("/project")["id"][:8]
    tab = new_tab().open(shared_server.link(place=f"#/s/{sample}?in={own}")).go(sample)
    tab.page.evaluate("location.hash = '#/review/1/1-1?in=00000000'")
    tab.wait("maskloom.store.state.phase === 'failed'")
    assert "of another project" in tab.words("#empty")
