"""Names of classes that a format's files cannot hold: refused before anything is written.

A rule takes a category and says why its name would come back otherwise, or "". A format names
its rule (`Format.names`); what no rule lets through can be renamed with `--map`.
"""

from __future__ import annotations

import json
import shlex
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import WriteError
from maskloom.formats.shared.safe_xml import is_text

Rule = Callable[[Category], str]
_SHOWN = 60
_DICOM_SIGNS = 64
_ENDS = "blanks at the ends of a name are lost there"


def any_name(category: Category) -> str:
    """Every text that UTF-8 can hold."""
    try:
        category.name.encode()
    except UnicodeEncodeError:
        return "half a character (a lone surrogate) is no text"
    return ""


def some_name(category: Category) -> str:
    """Every text but none."""
    return any_name(category) if category.name else "a class needs a name there"


def trimmed_name(category: Category) -> str:
    """A text without blanks at its ends."""
    return some_name(category) or (_ENDS if category.name != category.name.strip() else "")


def line_name(category: Category) -> str:
    """A name that is (the rest of) a line of a text file."""
    several = len(category.name.splitlines()) > 1
    return trimmed_name(category) or ("a name is one line there" if several else "")


def xml_name(category: Category) -> str:
    """A text of an XML element."""
    held = trimmed_name(category)
    return held or ("" if is_text(category.name) else "XML holds no control characters")


def dicom_name(category: Category) -> str:
    """A value of a long string (LO), whose parts a backslash divides (DICOM PS3.5, 6.2)."""
    name = category.name
    if held := trimmed_name(category):
        return held
    if len(name) > _DICOM_SIGNS:
        return f"a name has at most {_DICOM_SIGNS} characters there"
    odd = "\\" in name or any(unicodedata.category(sign) == "Cc" for sign in name)
    return "a name has no backslash and no control character there" if odd else ""


def refuse_names(taxonomy: Taxonomy, rule: Rule, fmt: str, where: Path) -> None:
    """Refuse classes whose names would come back otherwise.

    Args:
        taxonomy: what is to be written.
        rule: of the format.
        fmt: its name.
        where: the target.

    Raises:
        WriteError: names the first such class and how to rename it.
    """
    for category in taxonomy:
        if why := rule(category):
            name = category.name
            shown = name if len(name) <= _SHOWN else f"{name[: _SHOWN - 3]}..."
            raise WriteError(
                f"{fmt} cannot hold the class {shown!r}: {why}",
                where=where,
                hint=f"rename it with --map {shlex.quote(f'{quoted(name)}=NEW')}",
            )


def quoted(name: str) -> str:
    """A name as `--map` takes it, in double quotes like a text of JSON."""
    return json.dumps(name, ensure_ascii=not name.isprintable())


def trimmed(taxonomy: Taxonomy) -> Taxonomy:
    """The taxonomy as XML files beside it name its classes: without blanks at the ends.

    Raises:
        TaxonomyError: two names differ in nothing else.
    """
    if all(one.name == one.name.strip() for one in taxonomy):
        return taxonomy
    named = tuple(replace(one, name=one.name.strip()) for one in taxonomy)
    return replace(taxonomy, categories=named)
