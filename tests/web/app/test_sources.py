"""What the page's own files must never do, and how long they may be."""

from __future__ import annotations

import re

import pytest

MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function\("
    r"|setAttribute\(\"style\"|javascript:"
)
LINES = 300


@pytest.fixture(scope="module")
def sources(checkout):
    """Path → text of every file of the page."""
    root = checkout / "src/maskloom/web"
    found = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.suffix in {".js", ".html", ".css"}
    }
    assert len(found) > 50
    return found


def test_text_never_becomes_markup_or_script(sources):
    assert {
        path: MARKUP.search(text)[0] for path, text in sources.items() if MARKUP.search(text)
    } == {}


def test_nothing_is_loaded_from_elsewhere(sources):
    remote = re.compile(r"https?://(?!www\.w3\.org/2000/svg)")
    assert [path for path, text in sources.items() if remote.search(text)] == []


def test_the_index_has_no_inline_script_or_style(sources):
    index = sources["index.html"]
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", index)


def test_modules_are_short_and_say_what_they_are(sources):
    scripts = {path: text for path, text in sources.items() if path.endswith(".js")}
    assert {
        path: text.count("\n") for path, text in scripts.items() if text.count("\n") > LINES
    } == {}
    assert [path for path, text in scripts.items() if not text.startswith("/**\n * ")] == []
