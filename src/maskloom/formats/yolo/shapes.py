"""Lines of YOLO label files as shapes, and what their usual reader makes of them otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from maskloom.core.labels import Labels, RowKind
from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MaskError
from maskloom.formats.shared.shapes import Shape
from maskloom.formats.yolo.text import (
    Line,
    YoloRow,
    class_and_box,
    fractions,
    seen_vertices,
)


def shape_maker(
    names: Mapping[int, str], rule: str, parse: Callable[[Line], YoloRow]
) -> Callable[[Line, tuple[int, int]], Shape]:
    """(line, (H, W)) → its shape; a FormatError tells what is wrong with the line.

    Args:
        names: class number → name.
        rule: how polygons become pixels.
        parse: reads a line.
    """

    def shape_of(line: Line, size: tuple[int, int]) -> Shape:
        row = parse(line)
        if row.number not in names:
            raise FormatError(
                "a class that has no name",
                where=line.where,
                seen=row.number,
                hint=f"known are {', '.join(map(str, sorted(names)[:20]))}",
            )
        height, width = size
        sides = np.array([width, height], np.float64)
        if row.box:
            middle, extent = row.values[:2] * sides, row.values[2:] * sides
            corners = np.stack([middle - extent / 2, middle + extent / 2])
            box = [*corners[0].tolist(), *extent.tolist()]
            return Shape(
                names[row.number], line.where, RowKind.BOX, (corners,), "box",
                score=row.score, track=row.track, number=row.track, source={"bbox": box},
            )  # fmt: skip
        try:
            mask = Masks.from_polygons([[seen_vertices(row.values, size)]], size, rule=rule)
        except MaskError as error:
            raise FormatError(error.what, where=line.where, seen=error.seen) from error
        vertices = row.values.reshape(-1, 2) * sides
        return Shape(
            names[row.number], line.where, vertices=(vertices,), rule=rule, mask=mask,
            score=row.score, track=row.track, number=row.track,
        )  # fmt: skip

    return shape_of


def polygons_to_the_edge(labels: Labels) -> int:
    """How many polygons end in a 1, at the lower edge of the image."""
    parts = [own.parts[0] for own in labels.rows.geometry if own] if labels.rows else []
    height = labels.size[0]
    return sum(len(part) > 3 and float(part[-1, 1]) == height for part in parts)


def misread_lines(labels: Labels, classes: Sequence[int]) -> Iterator[str]:
    """What Ultralytics makes of an image's lines otherwise than they say.

    Args:
        labels: as read.
        classes: number of each position of the taxonomy.
    """
    rows = labels.rows
    if rows is None or len(rows) < 2:
        return
    size = (int(labels.size[0]), int(labels.size[1]))
    told = set()
    for i, geometry in enumerate(rows.geometry):
        if geometry is not None:
            values = fractions(geometry.parts[0], size)
            told.add(class_and_box(YoloRow(classes[int(rows.category[i])], values)))
    if len(told) < len(rows):
        yield (
            f"{len(rows) - len(told)} lines equal others in class and box, which Ultralytics drops"
        )
    boxes = int((rows.kind == RowKind.BOX).sum())
    if 0 < boxes < len(rows):
        yield f"{boxes} boxes stand beside polygons, and Ultralytics takes them for polygons"
