"""Every published case gives its published numbers, and the page lists them.

`MASKLOOM_WRITE=1` writes the table in docs/metrics/replayed.md anew.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from tests.metrics.replay import coco, objects, pixels, surfaces
from tests.metrics.replay.cases import difference

REPLAYS = [
    pytest.param(one, id=f"{one.name}", marks=[pytest.mark.shared] * one.shared)
    for one in sorted(
        (*coco.REPLAYS, *objects.REPLAYS, *pixels.REPLAYS, *surfaces.REPLAYS),
        key=lambda one: one.name,
    )
]
HEAD = (
    "| source | case | scores | data | numbers | allowed | off by |\n|---|---|---|---|---|---|---|"
)


@pytest.fixture(scope="module")
def found():
    """Rows of the cases that ran."""
    return {}


@pytest.mark.parametrize("one", REPLAYS)
def test_a_published_case_gives_its_numbers(one, found, request):
    shared = request.getfixturevalue("shared") if one.shared else Path()
    pairs = list(one.pairs(shared))
    assert pairs
    off = [difference(*pair) for pair in pairs]
    wrong = [pair for pair, by in zip(pairs, off, strict=True) if not by <= one.within]
    assert wrong == []
    found[one.name] = row_of(one, len(pairs), max(off))


def row_of(one, n, off):
    data = "shared" if one.shared else ""
    cells = (one.source, one.case, one.scores, data, n, f"{one.within:g}", said(one, off))
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def said(one, off):
    """The last bits of another processor must not change the page."""
    return "0" if one.within == 0 else "< 1e-12" if off < 1e-12 else f"{off:.0e}"


def test_no_two_cases_have_one_name():
    names = [param.values[0].name for param in REPLAYS]
    assert len(set(names)) == len(names)


def test_the_page_lists_what_was_found(found, checkout):
    """Cases that cannot run on this machine keep the row that they have."""
    page = checkout / "docs/metrics/replayed.md"
    text = page.read_text(encoding="utf-8")
    head, rest = text.split("<!-- replayed -->\n")
    table, tail = rest.split("<!-- /replayed -->")
    rows = table.splitlines()
    fresh = [HEAD]
    for param in REPLAYS:
        one = param.values[0]
        start = f"| {one.source} | {one.case} | {one.scores} |"
        old = next((row for row in rows if row.startswith(start)), f"{start} never ran |")
        fresh.append(found.get(one.name, old))
    fresh = "\n".join(fresh) + "\n"
    if os.environ.get("MASKLOOM_WRITE"):
        table = fresh
        page.write_text(
            f"{head}<!-- replayed -->\n{table}<!-- /replayed -->{tail}", encoding="utf-8"
        )
    assert table == fresh


def test_a_number_that_differs_is_seen():
    assert difference(0.5, 0.25) == 0.25
    assert difference(None, 0.0) == difference(math.inf, 3.0) == difference(0.0, None) == math.inf
    assert difference(None, None) == difference(math.inf, math.inf) == 0.0
    assert not difference(math.nan, 1.0) <= 1e-3


@pytest.mark.parametrize("spacing", [None, (0.85, 1.2)])
def test_surface_dice_of_monai_rises_with_the_tolerance(spacing):
    predicted, truth = (surfaces.boxes((480, 640), [(0, 480), (x, 640)]) for x in (50, 60))
    rising = [surfaces.nsd(truth, predicted, t, spacing) for t in (0, 1, 9, 10)]
    assert rising == sorted(set(rising))
