"""Code blocks of the README and docs run; command lines in them exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from maskloom.faces.cli import group

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page.exists()
]
# A block that cannot run stands after `<!-- not run: reason -->`.
BLOCK = re.compile(
    r"(?:<!-- not run: (\S.*?) -->\s*)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks(page, *kinds):
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [text for reason, kind, text in found if kind in kinds and not reason]


def commands(page):
    for text in blocks(page, "console", "sh", "bash", "shell"):
        for line in text.replace("\\\n", " ").splitlines():
            words = line.removeprefix("$ ").strip()
            if words.startswith("maskloom"):
                yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_blocks_of_a_page_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for text in blocks(page, "python"):
        exec(compile(text, str(page), "exec"), names)


def test_there_are_python_blocks_to_run():
    assert any(list(blocks(page, "python")) for page in PAGES)


LINES = [(page.name, line) for page in PAGES for line in commands(page)]


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_line_of_the_docs_parses(page, line):
    words = shlex.split(line, comments=True)[1:]
    for stop in ("|", ">", "&&", ";", "2>"):
        words = words[: words.index(stop)] if stop in words else words
    if not words or words[0].startswith("-"):
        assert words[:1] in ([], ["--help"], ["--version"])
        return
    command = group.get_command(click.Context(group), words[0])
    assert command is not None, f"no verb {words[0]!r}"
    if "--help" not in words:
        command.make_context(words[0], words[1:])


def test_the_docs_hold_command_lines():
    assert LINES
