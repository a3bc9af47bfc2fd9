"""The loss matrix is what writing and reading gives; `MASKLOOM_WRITE=1` writes it anew.

No cell may be a loss that nobody told: that fails whatever the file says.
"""

from __future__ import annotations

import json
import os

import pytest

from maskloom import registry
from maskloom.errors import MaskloomError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.matrix import FACETS, PATH, SIGNS, matrix
from maskloom.formats.transfer import transfer

from .matrix_probes import FORMS, PLAIN, WAYS, dataset, kept

WRITTEN = sorted(n for n in registry.FORMATS if load_format(n).written)


def cell(name, facet, folder, form):
    """What becomes of a facet, and why."""
    fmt = load_format(name)
    way = WAYS.get((name, facet), PLAIN)
    source = dataset(facet, folder, form, way, volume=2 not in fmt.dims)
    target = folder / "out"
    try:
        done = transfer(source, target, fmt, options=fmt.WriteOptions(**way.options))
    except MaskloomError as error:
        return "refused", error.message
    told = {loss.kind for loss in done.losses}
    if not done.written:
        return "refused", sorted(told)
    back = read_dataset(target, name)
    if kept(facet, source, back):
        return "exact", sorted(told)
    return ("told" if facet in told else "silent"), sorted(told)


def form_of(name, folders):
    """The first form in which a format holds a plain object."""
    for form in FORMS:
        if cell(name, "plain", folders.mktemp("form"), form)[0] == "exact":
            return form
    raise AssertionError(f"{name} holds no plain object in any form")


def best(name, facet, folders, form):
    """The cell of the form that holds most; one that is lost in silence comes first.

    Class maps are held by some formats only without background, by others only with it.
    """
    forms = ("objects", "classes") if facet == "void" else (form,)
    cells = [cell(name, facet, folders.mktemp("matrix"), one) for one in forms]
    return min(cells, key=lambda one: ("silent", "exact", "told", "refused").index(one[0]))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out = {}
    for name in WRITTEN:
        form = form_of(name, tmp_path_factory)
        for facet in FACETS:
            out[name, facet] = best(name, facet, tmp_path_factory, form)
    return out


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_lost_in_silence(found, name):
    silent = {f: found[name, f][1] for f in FACETS if found[name, f][0] == "silent"}
    assert silent == {}


def test_the_published_matrix_is_what_was_found(found):
    fresh = {n: {f: found[n, f][0] for f in FACETS} for n in WRITTEN}
    if os.environ.get("MASKLOOM_WRITE"):
        PATH.write_text(json.dumps(fresh, indent=1) + "\n", encoding="utf-8")
        matrix.cache_clear()
    assert matrix() == fresh


def page_table():
    """The matrix as the docs show it."""
    lines = ["| | " + " | ".join(FACETS) + " |", "|---" * (len(FACETS) + 1) + "|"]
    for name, own in matrix().items():
        lines.append(f"| {name} | " + " | ".join(SIGNS[own[f]][0] for f in FACETS) + " |")
    return "\n".join(lines)


def test_the_page_shows_the_published_matrix(checkout):
    page = checkout / "docs/formats.md"
    text = page.read_text(encoding="utf-8")
    head, rest = text.split("<!-- matrix -->\n")
    table, tail = rest.split("<!-- /matrix -->")
    if os.environ.get("MASKLOOM_WRITE"):
        table = page_table() + "\n"
        page.write_text(f"{head}<!-- matrix -->\n{table}<!-- /matrix -->{tail}", encoding="utf-8")
    assert table == page_table() + "\n"
