"""Makes the first stroke as quick as the second: compiled kernels are loaded before it comes."""

from __future__ import annotations

import numpy as np


def warm_up() -> None:
    """Load, or compile, what saving an operation and sending a document need.

    Takes about half a second, and some seconds after an installation; in a thread of its own it
    delays nobody.
    """
    from maskloom.edits.document import Document, apply
    from maskloom.edits.gestures import create_object, make, replace_pixels
    from maskloom.edits.grid_polygons import fill_geometry
    from maskloom.edits.operations import parse, to_json
    from maskloom.edits.tiles import TILE, encode_tile

    size = (TILE, TILE)
    document = Document(size, "rows")
    triangle = {"rule": "grid", "rings": [[64, 64, 640, 64, 64, 640]]}
    filled = fill_geometry(triangle, size, None)
    dab = {(0, 0): encode_tile(np.eye(TILE, dtype=np.bool_))}
    drawn = make(document, "main", "polygon", [create_object("a", filled, "x", geometry=triangle)])
    document = apply(document, parse(to_json(drawn), size))
    painted = make(document, "main", "brush", [replace_pixels(document, "a", dab)])
    apply(document, parse(to_json(painted), size)).to_json()
