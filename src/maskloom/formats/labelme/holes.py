"""Shapes labelled `_background_`, put back among the shapes of the rows that they cut.

The reader keeps them, and the figures that stand before them, as they were. They are written
again where the file that is made so is read as the very pixels of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskloom.core.labels import RowKind, Rows
from maskloom.errors import FormatError
from maskloom.formats.labelme.annotation_json import area_of, parse_file
from maskloom.formats.shared.shapes import Shape


def with_holes(
    fresh: Sequence[Mapping[str, Any]], holes: object, rows: Rows
) -> list[dict[str, Any]] | None:
    """All shapes of a file, or None where they are not those rows.

    Args:
        fresh: the shapes of the rows.
        holes: what the reader keeps, position in the file → fields of a shape.
        rows: of one image.
    """
    if not isinstance(holes, Mapping) or not len(rows):
        return None
    size = (int(rows.masks.sizes[0][0]), int(rows.masks.sizes[0][1]))
    left = list(fresh)
    whole: list[dict[str, Any]] = []
    count = len(fresh) + sum(isinstance(v, Mapping) and "label" in v for v in holes.values())
    for at in range(count):
        kept = holes.get(str(at), {})
        if not isinstance(kept, Mapping) or not (left or "label" in kept):
            return None
        if "label" in kept:
            whole.append(dict(kept))
            continue
        one = dict(left.pop(0))
        # What was cut has no figure any more; others are drawn as they are now.
        whole.append({**one, **kept} if one["shape_type"] == "mask" else one)
    return whole if not left and _reads_as(whole, rows, size) else None


def _reads_as(shapes: Sequence[Mapping[str, Any]], rows: Rows, size: tuple[int, int]) -> bool:
    try:
        data = {"shapes": shapes, "imagePath": "-"}
        file = parse_file(Path("-"), data, boxes=False, refuse=_refuse)
        read = file.shapes_in(size)
        return len(read) == len(rows) and all(
            _is_row(shape, rows, i, size) for i, shape in enumerate(read)
        )
    except FormatError:
        return False


def _is_row(shape: Shape, rows: Rows, i: int, size: tuple[int, int]) -> bool:
    if shape.kind != rows.kind[i]:
        return False
    return shape.kind != RowKind.MASK or area_of(shape, size) == rows.masks[i]


def _refuse(error: FormatError) -> None:
    raise error
