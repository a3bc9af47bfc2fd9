"""Where in the page to begin, and where a sample, a review item or a change is: its addresses.

A place is the fragment of the page's address, which never leaves the browser. What the page
does there is `web/app`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from maskloom.edits.operations import Operation
from maskloom.edits.tiles import TILE

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

LIST = "#/"
_GRID = 64


def link(address: str, token: str) -> str:
    """The address that opens the page once; the page then asks where to begin.

    Args:
        address: `http://127.0.0.1:PORT`.
        token: a one-time token.
    """
    return f"{address}/#token={quote(token)}"


def sample_place(sample_id: int, *, layer: str = "main", over: str = "") -> str:
    """Where a sample is.

    Args:
        sample_id: its id.
        layer: the one that is edited.
        over: one that is shown above it.
    """
    asked = {"layer": layer} if layer != "main" else {}
    asked |= {"over": over} if over else {}
    return f"#/s/{sample_id}" + (f"?{urlencode(asked)}" if asked else "")


def item_place(review_id: int | str, item_id: str, *, project: str = "") -> str:
    """Where a review item is: its sample, with the region in view.

    Args:
        review_id: of the review.
        item_id: of the item.
        project: id of the project, for an address that is kept: another project may be served
            there by then, and the page says so.
    """
    place = f"#/review/{quote(str(review_id), safe='')}/{quote(item_id, safe='')}"
    return place + (f"?in={quote(project[:8])}" if project else "")


def first_place(project: Project) -> str:
    """The first thing to fix.

    Of the newest review with an open item its worst one, else the first sample that is begun or
    not begun, else the list.
    """
    for review in sorted(project.reviews(), key=lambda one: one.id, reverse=True):
        if not review.open:
            continue
        items, _ = project.review_items(review.id, offset=0, limit=1, open_only=True)
        if items:
            return item_place(review.id, items[0].id)
    for state in ("doing", "todo"):
        rows, _ = project.page(limit=1, state=state)
        if rows:
            return sample_place(rows[0].id)
    return LIST


def operation_box(operation: Operation) -> tuple[int, int, int, int] | None:
    """The part of the image that a change is about: x0, y0, x1, y1 in px, whole tiles.

    None of a change of words alone, such as a class or a state.
    """
    xs: list[int] = []
    ys: list[int] = []
    for change in operation.changes:
        for tx, ty in change.tiles:
            xs += (tx * TILE, (tx + 1) * TILE)
            ys += (ty * TILE, (ty + 1) * TILE)
        for geometry in change.set.get("geometry", ()):
            for ring in (geometry or {}).get("rings", ()):
                xs += (min(ring[0::2]) // _GRID, -(-max(ring[0::2]) // _GRID))
                ys += (min(ring[1::2]) // _GRID, -(-max(ring[1::2]) // _GRID))
    return (min(xs), min(ys), max(xs), max(ys)) if xs else None
