"""Polygon files of Mapillary Vistas v2.0: SPLIT/VERSION/polygons, one JSON for each image.

Each polygon is an object of its own, over those before it; Pillow paints them, outline included.
A ring is a list of points, or of one list of all coordinates, as Datumaro writes it. Pixels under
no polygon are not labelled.

Source: Mapillary Vistas, README, "polygons"; Datumaro's reader of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskloom.core.labels import FULL, Coverage, Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.shared.folders import read_json
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.shared.maps import check_size_of
from maskloom.formats.shared.shapes import Shape, checked_vertices, rows_of
from maskloom.store.images import MAX_PIXELS

FOLDER = "polygons"
RULE = "pil"
MAX_BYTES = 1 << 26
_HEIGHTS = ("height", "heigth")  # the second is what v2.0 has


def read_polygons(
    path: Path, taxonomy: Taxonomy, silent: str | None, sample: Sample, *, strict: bool
) -> Labels:
    """The rows of one polygon file.

    Args:
        path: of the file.
        taxonomy: of the configuration.
        silent: name of the label that says nothing of a pixel, if there is one.
        sample: whose labels they are.
        strict: refuse invalid objects; else they are left out, and counted in the notes.

    Raises:
        FormatError: not of its form, an unknown label, or of another size than the image.
    """
    data, size = _checked(path)
    check_size_of(path, size, sample)
    shapes: list[Shape] = []
    bad: list[str] = []
    positions = {n: i for i, one in enumerate(taxonomy) for n in (*one.aliases, one.name)}
    for n, entry in enumerate(data["objects"]):
        try:
            shape = _shape(entry, f"{path}: objects[{n}]", positions, silent, n)
            if shape is not None and not strict:
                rows_of([shape], size, positions)
        except FormatError as error:
            if strict:
                raise
            bad.append(error.message)
            continue
        if shape is not None:
            shapes.append(shape)
    rows = rows_of(shapes, size, positions)
    area = rows.masks.merge() if len(rows) else rows.masks
    whole = len(rows) and int(area.areas.sum()) == size[0] * size[1]
    coverage = FULL if whole else Coverage(area=area) if len(rows) else Coverage(nothing=True)
    notes = left_out(bad, "invalid object")
    return Labels(size, rows=rows, coverage=coverage, extra={"notes": notes} if notes else {})


def _checked(path: Path) -> tuple[Mapping[str, Any], tuple[int, int]]:
    """A file as it was parsed, and (H, W)."""
    if path.stat().st_size > MAX_BYTES:
        raise FormatError(f"a polygon file of more than {MAX_BYTES} bytes", where=path)
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("objects"), list):
        raise FormatError('no list "objects"', where=path, hint="is it a polygon file of Vistas?")
    height = next((data[name] for name in _HEIGHTS if name in data), None)
    width = data.get("width")
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise FormatError(
            "height and width are whole numbers above 0", where=path, seen=(height, width)
        )
    if height * width > MAX_PIXELS:
        raise FormatError(f"more than {MAX_PIXELS} pixels", where=path, seen=f"{width} × {height}")
    return data, (height, width)


def _shape(
    entry: Any, where: str, positions: Mapping[str, int], silent: str | None, n: int
) -> Shape | None:
    """One object; None of the label that says nothing."""
    label = entry.get("label") if isinstance(entry, dict) else None
    if not isinstance(label, str):
        raise FormatError("an object without a label", where=where, seen=entry)
    if label == silent:
        return None
    if label not in positions:
        raise FormatError("a label that the configuration does not list", where=where, seen=label)
    ring = entry.get("polygon")
    flat = isinstance(ring, list) and len(ring) == 1 and isinstance(ring[0], list)
    number = entry.get("id")
    known = isinstance(number, int) and not isinstance(number, bool) and number >= 0
    return Shape(
        label,
        where,
        vertices=(checked_vertices(ring[0] if flat else ring, f"{where}, polygon"),),
        rule=RULE,
        number=number + 1 if known else None,
        z_order=n,
        source={"id": number} if known else {},
    )
