"""What a GeoTIFF says of itself besides its pixels and its place: GDAL's items and TIFF's texts.

Statistics of pixels are left out: they follow from the pixels, and new ones have others.

Source: GDAL, GeoTIFF driver, "Metadata"; TIFF 6.0, section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import escape, quoteattr

from maskloom.store import tiff
from maskloom.store.images import decoding
from maskloom.store.rasters.raster import Georeference
from maskloom.store.rasters.segments import GEO_TAGS, page_georeference

_GDAL_METADATA, _ASCII, _DOUBLE, _MOST_BYTES = 42112, 2, 12, 1 << 20
_TEXTS = {
    "TIFFTAG_DOCUMENTNAME": 269,
    "TIFFTAG_IMAGEDESCRIPTION": 270,
    "TIFFTAG_SOFTWARE": 305,
    "TIFFTAG_DATETIME": 306,
    "TIFFTAG_ARTIST": 315,
    "TIFFTAG_HOSTCOMPUTER": 316,
    "TIFFTAG_COPYRIGHT": 33432,
}
_RESOLUTION = (282, 283, 296)
_STATISTICS = "STATISTICS_"
Item = dict[str, str]


def metadata_of(path: Path, band: int = 1) -> dict[str, Any]:
    """What the header of a GeoTIFF says, as JSON can hold it; members that say nothing are absent.

    Args:
        path: of the file.
        band: from 1: whose description, unit and scale are wanted.

    Returns:
        `tags`: code → [type, count, value] of its place; `items` of GDAL; `texts` of TIFF by name;
        `resolution`: dots of x and y, and their unit.

    Raises:
        ImageError: the file is damaged.
    """
    found: dict[str, Any] = decoding(path, lambda: _read(path, band))
    return found


def tags_of_metadata(said: Mapping[str, Any]) -> Georeference:
    """TIFF tags of items and texts, to be written.

    Args:
        said: as `metadata_of` gives it; what is of another form is left out.
    """
    found: dict[int, tuple[int, int, Any]] = {}
    items = [item for item in _list(said.get("items")) if isinstance(item, Mapping)]
    if items:
        lines = ["<GDALMetadata>", *map(_line, items), "</GDALMetadata>", ""]
        found[_GDAL_METADATA] = _text("\n".join(lines))
    texts = said.get("texts")
    for name, text in texts.items() if isinstance(texts, Mapping) else ():
        if name in _TEXTS and isinstance(text, str):
            found[_TEXTS[name]] = _text(text)
    return found


def place_tags(said: Mapping[str, Any]) -> Georeference | None:
    """TIFF tags of a place, to be written; None where there are none, or not of their form."""
    tags = said.get("tags")
    if not isinstance(tags, Mapping):
        return None
    found: dict[int, tuple[int, int, Any]] = {}
    for code in GEO_TAGS:
        match tags.get(str(code)):
            case [2, int(count), str(text)] if len(text.encode()) < count:
                found[code] = _ASCII, count, text
            case [3 | 12 as kind, int(count), list(values)] if 0 < count == len(values) and all(
                type(v) in (int, float) for v in values
            ):
                found[code] = kind, count, tuple(values) if kind == _DOUBLE else _shorts(values)
    return found or None


def names_in(said: Any) -> tuple[str, ...]:
    """How people call what a header says."""
    if not isinstance(said, Mapping):
        return ()
    items = [item for item in _list(said.get("items")) if isinstance(item, Mapping)]
    names = [str(item.get("name", "")) for item in items]
    texts = said.get("texts")
    names += list(map(str, texts)) if isinstance(texts, Mapping) else []
    names += ["the map's own GeoTIFF tags"] if said.get("tags") else []
    return tuple(dict.fromkeys(names))


def _read(path: Path, band: int) -> dict[str, Any]:
    with tiff.opened_page(path) as page:
        tags = page_georeference(page) if tiff.orientation(page) == 1 else None
        xml = page.tags.get(_GDAL_METADATA)
        texts = {
            name: tag.value.rstrip("\0")
            for name, code in _TEXTS.items()
            if (tag := page.tags.get(code)) is not None
            and isinstance(tag.value, str)
            and tag.value.strip("\0 ")
            and not _of_a_program(tag.value)
        }
        items = [] if xml is None else _items(xml.value, band)
        dots = [getattr(page.tags.get(code), "value", None) for code in _RESOLUTION]
    placed = {
        str(code): [kind, count, value if isinstance(value, str) else _numbers(value)]
        for code, (kind, count, value) in (tags or {}).items()
    }
    # One dot to one of no unit says nothing.
    told = dots[0] is not None and (dots[:2] != [(1, 1)] * 2 or dots[2] not in (None, 1))
    resolution = [list(v) if isinstance(v, tuple) else v and int(v) for v in dots] if told else []
    every = {"tags": placed, "items": items, "texts": texts, "resolution": resolution}
    return {k: v for k, v in every.items() if v}


def _items(xml: object, band: int) -> list[Item]:
    """Items of the file and of one band; none of what GDAL could not read either."""
    text = xml if isinstance(xml, str) else ""
    if len(text) > _MOST_BYTES:
        return []
    found: list[Item] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Item":
            found.append({**attributes, "text": ""})

    def data(part: str) -> None:
        if found and not found[-1].get("closed"):
            found[-1]["text"] += part

    def end(tag: str) -> None:
        if tag == "Item" and found:
            found[-1]["closed"] = "yes"

    def refuse(*_: object) -> None:
        raise ValueError("GDAL writes no document type")

    parser = ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = data
    try:
        parser.ParseFile(BytesIO(text.rstrip("\0").encode()))
    except (ExpatError, ValueError):
        return []
    own = [{k: v for k, v in item.items() if k != "closed"} for item in found]
    return [
        item | ({"sample": "0"} if "sample" in item else {})
        for item in own
        if item.get("sample", str(band - 1)) == str(band - 1)
        and not item.get("name", "").startswith(_STATISTICS)
    ]


def _line(item: Mapping[str, Any]) -> str:
    names = [name for name in ("name", "sample", "role", "domain", "format") if name in item]
    attributes = "".join(f" {name}={quoteattr(str(item[name]))}" for name in names)
    return f"  <Item{attributes}>{escape(str(item.get('text', '')))}</Item>"


def _of_a_program(text: str) -> bool:
    """Whether a description is a note of the program that wrote the file, about its shape."""
    ome = text.startswith("<?xml") and "<OME" in text
    return ome or text.startswith(('{"shape"', "ImageJ=", "<OME"))


def _text(text: str) -> tuple[int, int, bytes]:
    data = text.encode() + b"\0"
    return _ASCII, len(data), data


def _shorts(values: list[float]) -> tuple[int, ...]:
    return tuple(int(v) & 0xFFFF for v in values)


def _numbers(value: Any) -> list[float | int]:
    return list(value) if isinstance(value, tuple | list) else [value]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
