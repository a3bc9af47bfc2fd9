"""The loss matrix: what each format holds, as the tests found it by writing and reading.

`matrix.json` is written by `tests/formats/test_matrix.py` and never by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from textwrap import wrap
from typing import Literal

FACETS: Mapping[str, tuple[str, str]] = {
    "holes": ("ho", "holes in objects"),
    "parts": ("pa", "objects of several parts that do not touch"),
    "overlap": ("ov", "pixels of several objects"),
    "void": ("vo", "void pixels of class maps"),
    "unlabelled": ("un", "pixels beside objects that nobody labelled"),
    "z_order": ("z", "order in depth of objects that overlap"),
    "crowd": ("cr", "regions of many objects"),
    "group": ("gr", "several annotations of one object"),
    "many": ("my", "more than 255 objects of a class in an image"),
    "lines": ("1p", "lines one pixel wide"),
    "vertices": ("ve", "an author's vertices, finer than pixels, under a rule of the format"),
    "attributes": ("at", "attributes"),
    "scores": ("sc", "scores"),
    "tracks": ("tr", "identity over a sequence"),
    "ids": ("id", "object ids above 255 stay apart"),
    "affine": ("af", "place in the world: affine, CRS, spacing"),
    "flags": ("fl", "tags of whole images that are true or false"),
    "tags": ("ta", "tags of whole images with any text"),
}
"""Facet → its heading in a narrow table, and what it means."""

Cell = Literal["exact", "told", "refused"]
SIGNS: Mapping[str, tuple[str, str]] = {
    "exact": ("●", "exact"),
    "told": ("○", "dropped and told, the pixels are exact"),
    "refused": ("·", "refused unless --allow-loss"),
}
"""Cell → its sign, and what it means."""

_WIDE, _COLUMNS = 2, 80
PATH = Path(__file__).with_name("matrix.json")


@cache
def matrix() -> Mapping[str, Mapping[str, Cell]]:
    """Format → facet → cell, of every format that is written."""
    found: Mapping[str, Mapping[str, Cell]] = json.loads(PATH.read_text("utf-8"))
    return found


def narrow() -> tuple[str, list[tuple[str, str]], str]:
    """The matrix for 80 columns: one heading for all facets, (format, signs) rows, a legend."""
    head = " ".join(short.ljust(_WIDE) for short, _ in FACETS.values()).rstrip()
    rows = [
        (name, " ".join(SIGNS[own[facet]][0].ljust(_WIDE) for facet in FACETS).rstrip())
        for name, own in matrix().items()
    ]
    signs = ", ".join(f"{sign} {meaning}" for sign, meaning in SIGNS.values())
    facets = "; ".join(f"{short} {meaning}" for short, meaning in FACETS.values())
    return head, rows, "\n".join([*wrap(signs, _COLUMNS), *wrap(facets, _COLUMNS)])
