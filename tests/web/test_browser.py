"""The fixtures themselves: what every page test stands on."""

from __future__ import annotations

import asyncio

import pytest

pytestmark = pytest.mark.browser


def test_the_browser_runs_modules_of_the_page(page):
    key = page.evaluate(
        "async () => (await import('/src/maskloom/web/core/codec.js')).tileKey(3, 4)"
    )
    assert key == "3,4"


@pytest.mark.parametrize("path", ["/pyproject.toml", "/tests/web/../../pyproject.toml"])
def test_the_server_gives_nothing_but_the_files_of_the_page(page, static_site, path):
    assert page.request.get(static_site + path).status == 404


def test_other_event_loops_run_beside_the_browser(browser):
    asyncio._set_running_loop(None)
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"
