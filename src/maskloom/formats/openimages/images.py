"""Images of Open Images that nothing is drawn in: listed in its tables, with a picture at hand.

Of an image without drawings only what people verified to be absent is known. The table of all
images has 9 million lines: those without a picture here are left out.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from maskloom.formats.openimages.tables import Table, columns_of
from maskloom.formats.shared.json_files import SPLITS
from maskloom.store.files import stays_below

SUFFIXES = (".jpg", ".png", ".jpeg")


def picture_of(image: str, root: Path, split: str | None) -> Path | None:
    """The picture of an image in one of the usual places, if it is there."""
    if not stays_below(image):
        return None
    names = [split, {"val": "validation"}.get(split or "", split)] if split else []
    places = [f"images/{name}" for name in names] + [str(name) for name in names] + ["images", "."]
    files = (root / place / f"{image}{suffix}" for place in places for suffix in SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def undrawn(
    tables: Sequence[Table], root: Path, drawn: Container[str]
) -> dict[str, tuple[Path, str | None]]:
    """Image → (table that lists it, split) of pictures at hand in which nothing is drawn.

    Args:
        tables: of images and of labels of whole images.
        root: below which pictures lie.
        drawn: images that are left out.

    Raises:
        FormatError: a table does not parse.
    """
    listing = [table for table in tables if table.kind in ("images", "labels")]
    pictures = set(_pictures(root)) if listing else set()
    found: dict[str, tuple[Path, str | None]] = {}
    for table in sorted(listing, key=lambda one: one.kind != "images"):
        for image, subset in columns_of(table.path, ("ImageID", "Subset")):
            if image in pictures and image not in drawn and image not in found:
                split = SPLITS.get(subset.lower(), subset) if subset else table.split
                found[image] = (table.path, split or None)
    return found


def _pictures(root: Path) -> Iterator[str]:
    """Names without suffix in the usual places."""
    inner = sorted(p for p in (root / "images").glob("*") if p.is_dir())
    named = [root / name for name in SPLITS if (root / name).is_dir()]
    for folder in (*inner, *named, root / "images", root):
        if folder.is_dir():
            for path in folder.iterdir():
                if path.suffix.lower() in SUFFIXES and path.is_file():
                    yield path.stem
