"""Every real set is read, and holds what its papers say; `MASKLOOM_WRITE=1` writes the page."""

from __future__ import annotations

import os

import pytest

from maskloom.errors import DataError
from maskloom.formats.detect import detect_format, read_dataset

from .read_sets import REFUSED, SETS, Set

pytestmark = pytest.mark.shared
NAMES = [" ".join((one.path, *one.options)) for one in SETS]
COLORS = "60 16 152 Building\n132 41 246 Land\n110 193 228 Road\n254 221 58 Vegetation\n"
COLORS += "226 169 41 Water\n155 155 155 Unlabeled\n0 0 0 stray\n"


@pytest.fixture(scope="module")
def found(shared, tmp_path_factory):
    """(format, images, objects or None) of every set, read once."""
    table = tmp_path_factory.mktemp("colors") / "colors.txt"
    table.write_text(COLORS)
    return {name: read(one, shared, table) for name, one in zip(NAMES, SETS, strict=True)}


def read(one: Set, shared, table):
    path = shared / one.path
    settings = [f"colors={table}" if text == "COLORS" else text for text in one.options]
    settings = [text.replace("like=", f"like={shared}/") for text in settings]
    fmt = one.fmt if settings else detect_format(path).name
    images, objects, dense = 0, 0, 0
    for _, labels in read_dataset(path, fmt, settings=settings):
        images += 1
        dense += labels.rows is None
        objects += 0 if labels.rows is None else len(labels.rows)
    return fmt, images, None if dense else objects


@pytest.mark.parametrize(("name", "one"), list(zip(NAMES, SETS, strict=True)))
def test_a_set_is_read_and_holds_what_is_said_of_it(found, name, one):
    fmt, images, objects = found[name]
    assert (fmt, images) == (one.fmt, one.images)
    assert one.objects is None or objects == one.objects


@pytest.mark.parametrize("one", REFUSED, ids=lambda one: one.path)
def test_what_is_no_whole_set_of_masks_is_refused_in_one_message(shared, one):
    with pytest.raises(DataError) as error:
        list(read_dataset(shared / one.path))
    assert one.said in error.value.message


def page_table(found):
    """The rows of the page."""
    lines = [
        "| set | format | options | images | objects | expected | by |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in zip(NAMES, SETS, strict=True):
        fmt, images, objects = found[name]
        options = "<br>".join(f"`{text}`" for text in one.options) or "-"
        wanted = f"{one.images}" + ("" if one.objects is None else f", {one.objects}")
        shown = "class maps" if objects is None else objects
        lines.append(
            f"| {one.path} | {fmt} | {options} | {images} | {shown} | {wanted} | {one.said} |"
        )
    lines += ["", "| refused | says |", "|---|---|"]
    lines += [f"| {one.path} | {one.said} |" for one in REFUSED]
    return "\n".join(lines) + "\n"


def test_the_page_shows_what_was_read(found, checkout):
    page = checkout / "docs/formats/read.md"
    head, rest = page.read_text(encoding="utf-8").split("<!-- read -->\n")
    table, tail = rest.split("<!-- /read -->")
    if os.environ.get("MASKLOOM_WRITE"):
        table = page_table(found)
        page.write_text(f"{head}<!-- read -->\n{table}<!-- /read -->{tail}", encoding="utf-8")
    assert table == page_table(found)
