"""`PROJECT[::LAYER[#REVISION]]`: how a command names what a layer of a project said, and when."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from maskloom.errors import UsageError

DEFAULT_LAYER = "main"
_LONGEST = 100
_PART = re.compile(r"[\w][\w.@+ -]*")
_NUMBER = re.compile(r"[0-9]{1,19}")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Address:
    """A layer of a project, as it was at a sequence number.

    Args:
        root: the project's folder.
        layer: name of the layer.
        at: sequence number of the project; None is now.
    """

    root: Path
    layer: str = DEFAULT_LAYER
    at: int | None = None

    def __str__(self) -> str:
        text = f"{self.root}::{self.layer}"
        return text if self.at is None else f"{text}#{self.at}"


def parse_address(text: str | Path) -> Address:
    """Read `PROJECT[::LAYER[#REVISION]]`; a path that exists is a project's folder as it is.

    >>> address = parse_address("cells::by/ann#12")
    >>> address.layer, address.at
    ('by/ann', 12)

    Raises:
        UsageError: the layer is no name for a layer, or the revision no whole number.
    """
    whole = str(text)
    if "\0" in whole:
        raise UsageError("not the name of a project", seen=whole)
    root, mark, rest = whole.rpartition("::")
    if isinstance(text, Path) or not mark or not root or os.path.lexists(whole):
        return Address(Path(whole))
    name, mark, revision = rest.partition("#")
    at = None
    if mark:
        if not _NUMBER.fullmatch(revision) or int(revision) > _LARGEST:
            raise UsageError(
                "a revision is a sequence number of the project",
                where=whole,
                seen=revision,
                hint="write PROJECT::LAYER#17",
            )
        at = int(revision)
    return Address(Path(root), layer_name(name or DEFAULT_LAYER), at)


def layer_name(name: str) -> str:
    """The name, if it is one for a layer: `main`, `gold`, `by/NAME`, `model/NAME@HASH`, ...

    Letters and digits of any script, and `. _ - @ +` and spaces inside; `/` parts levels. So a
    name never leads out of a folder and never breaks an address.

    Raises:
        UsageError: it is not.
    """
    parts = name.split("/")
    plain = all(_PART.fullmatch(part) and part == part.rstrip(" .") for part in parts)
    if not (
        plain
        and 0 < len(name) <= _LONGEST
        and name.isprintable()
        and unicodedata.is_normalized("NFC", name)
    ):
        raise UsageError(
            "not a name for a layer",
            seen=name,
            hint=f"use letters, digits and . _ - @ + /, at most {_LONGEST}, such as by/ann",
        )
    return name
