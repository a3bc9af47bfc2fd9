"""A real browser and a server of the page's files, for every test of what runs in a page."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
)
SERVED = ("/src/maskloom/web/", "/tests/cases/", "/tests/web/")


class _Files(http.server.SimpleHTTPRequestHandler):
    """Three folders of the checkout under their own paths, and an empty page at /."""

    extensions_map = {  # noqa: RUF012 - of the base class
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
    }

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            body = b"<!doctype html><meta charset=utf-8><link rel=icon href='data:,'>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        elif path.startswith(SERVED) and ".." not in path:
            super().do_GET()
        else:
            self.send_error(404)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Tests read their own output."""


@pytest.fixture(scope="session")
def static_site(checkout: Path) -> Iterator[str]:
    """Address of a loopback server of the page's files, without a final slash."""
    handler = partial(_Files, directory=str(checkout))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


_loop: asyncio.AbstractEventLoop | None = None


@contextlib.contextmanager
def _own_loop() -> Iterator[None]:
    """The browser's event loop marked as running, which other tests must not see."""
    asyncio._set_running_loop(_loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture(autouse=True)
def browser_loop() -> Iterator[None]:
    """Playwright leaves its loop marked as running; tests elsewhere may run loops of their own."""
    with _own_loop():
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system, headless."""
    global _loop  # noqa: PLW0603 - there is one browser in a test process
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    assert executable is not None, "install chromium"
    manager = sync_playwright()
    playwright = manager.start()
    chromium = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
    _loop = asyncio.get_running_loop()
    yield chromium
    with _own_loop():
        chromium.close()
        playwright.stop()
    _loop = None


@pytest.fixture
def page(browser: Browser, static_site: str) -> Iterator[Page]:
    """An empty page of `static_site`; what its scripts throw or log as an error fails the test."""
    context = browser.new_context()
    tab = context.new_page()
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda note: faults.append(note.text) if note.type == "error" else None)
    tab.goto(static_site)
    yield tab
    context.close()
    assert faults == []
