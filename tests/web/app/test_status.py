"""What the page says when something waits: to who sees it, hears it, or presses it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser
PROBLEM = {"title": "Full", "status": 507, "detail": "There is no space left on the disk."}


def test_why_nothing_is_saved_is_told_when_the_state_is_pressed(tab):
    tab.page.route("**/api/v1/ops", lambda route: route.fulfill(status=507, json=PROBLEM))
    tab.key("b").drag((320, 30), (350, 30)).wait("maskloom.sender.status().word === 'troubled'")
    assert tab.words("#saved") == "Not saved yet: 1 change waiting"
    assert PROBLEM["detail"] in tab.page.locator("#saved + [role=status]").text_content()
    tab.page.locator("#saved").click()
    assert tab.words("#notice") == f"Not saved yet: {PROBLEM['detail']}"
    tab.page.unroute("**/api/v1/ops")
    tab.value("maskloom.sender.wake()")
    tab.saved()
    assert tab.page.locator("#saved + [role=status]").text_content() == "All changes saved"
