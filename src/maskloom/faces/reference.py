"""docs/cli.md, written from the signatures: `python -m maskloom.faces.reference [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from maskloom.faces.arguments import usage_word
from maskloom.faces.signature import Parameter, Signature, load_verb
from maskloom.verbs import VERBS

_HEAD = """\
# Command line

Written from the verbs' signatures by `python -m maskloom.faces.reference`; not by hand.

`maskloom VERB ... [--json FILE]`: people read stdout; `--json FILE` (`-` is stdout) writes
`{"maskloom": VERSION, "verb": ..., "inputs": ..., "results": ..., "warnings": [...]}`.
Options with several values take them after one flag, after several flags, or with commas.

| exit | meaning |
|---|---|
| 0 | done |
| 1 | done, but something was found, refused or left out (`--skip-bad` only warns) |
| 2 | bad input or usage: one message on stderr says what, where, the value seen, what to do |
| 130 | interrupted |

`MASKLOOM_DEBUG=1` shows library warnings, and the traceback of an internal error.
`maskloom serve [--root DIR] [--port N]` offers the same verbs over REST on this machine.
`maskloom label [PATH] [--port N] [--no-browser] [--user NAME]` opens the page in which labels of
a project are made and mended.
"""


def write_reference() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(_verb(load_verb(name)) for name in VERBS)])


def main(words: list[str]) -> int:
    """Write docs/cli.md of the working directory, or with --check compare it."""
    page, text = Path("docs/cli.md"), write_reference()
    if "--check" not in words:
        page.write_text(text, encoding="utf-8")
        return 0
    if page.is_file() and page.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{page} is out of date: run `python -m maskloom.faces.reference`\n")
    return 1


def _verb(signature: Signature) -> str:
    words = [usage_word(item) for item in signature.positionals]
    words += [f"{item.flag} {item.type.upper()}" for item in signature.options if item.required]
    rows = "\n".join(_row(item) for item in signature.parameters)
    table = f"\n| parameter | type | default | help |\n|---|---|---|---|\n{rows}\n" if rows else ""
    usage = " ".join(["maskloom", signature.verb, *words, "[OPTIONS]"])
    return f"## {signature.verb}\n\n{signature.text}\n\n`{usage}`\n{table}"


def _row(item: Parameter) -> str:
    name = item.public.upper() if item.positional else item.flag
    default = "required" if item.required else _default(item.default)
    kind = item.type.replace("|", " \\| ")
    return f"| `{name}` | {kind} | {default} | {item.help.replace('|', chr(92) + '|')} |"


def _default(value: object) -> str:
    if value is None or value in ((), ""):
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"`{value}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
