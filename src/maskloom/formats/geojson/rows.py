"""Features as rows: which property names the category, what is score, id and attribute.

What properties do not say stands in the member `maskloom` of a feature; coordinates and unknown
members stay verbatim in `source`, so that the same file can be written again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.geojson.features import MEMBER, PIXEL, Collection, Feature, Ring, part_sizes
from maskloom.formats.geojson.noted import GEOMETRY
from maskloom.formats.geojson.place import RULE, Frame, far
from maskloom.formats.shared.shapes import Shape, rows_of

CATEGORY = "category"
UNNAMED = "object"
SCORE = "score"
NAMES = (CATEGORY, "class", "class_name", "classification", "label")
_MAX_ID = 1 << 62


@dataclass(frozen=True, slots=True)
class Naming:
    """Which property names the category.

    Args:
        property: None until one is found.
        name: of areas that have none.
    """

    property: str | None
    name: str

    def settled(self, features: Sequence[Feature]) -> Naming:
        """The first usual property that any of these features has as text, kept from then on."""
        if self.property is not None:
            return self
        for key in NAMES:
            if any(_text(f.properties.get(key)) for f in features):
                return replace(self, property=key)
        return self

    def of(self, feature: Feature) -> str:
        """The category of a feature."""
        if self.property is None:
            return self.name
        return _text(feature.properties.get(self.property)) or self.name


def labels_of_collection(
    found: Collection,
    crs: str,
    frame: Frame,
    naming: Naming,
    positions: Mapping[str, int],
    *,
    shared: bool,
) -> Labels:
    """The areas that meet an image.

    Args:
        found: of a file.
        crs: of its coordinates.
        frame: the image.
        naming: of categories.
        positions: name → position in the taxonomy.
        shared: other images take part of the same file.

    Raises:
        FormatError: the image lies nowhere, no area lies in it, or a polygon cannot be filled.
    """
    if crs != PIXEL and not frame.affine:
        raise FormatError(
            "the image has no transform, so that map coordinates are no pixels",
            where=found.features[0].where if found.features else None,
            hint="georeference it, or say --set from.crs=pixel",
        )
    shapes: list[Shape] = []
    inside: list[Feature] = []
    outside: list[Feature] = []
    for feature in found.features:
        rings = _placed(feature, frame, crs)
        if frame.touches(rings):
            joined = joined_parts(feature.geometry, rings, frame)
            shapes.append(_shape(feature, rings, naming, joined))
            inside.append(feature)
        else:
            outside.append(feature)
    if outside and not shapes and not shared:
        raise FormatError(
            f"none of {len(outside)} areas lies in the image",
            where=found.features[0].where,
            seen=f"coordinates {crs[:40]}, image {(frame.crs or 'without a system')[:40]}",
            hint="say the coordinates' system with --set from.crs=EPSG:CODE",
        )
    rows = rows_of(shapes, frame.size, positions)
    extra: dict[str, Any] = {"geojson": {"crs": crs, "members": dict(found.members)}}
    if outside and not shared:
        extra["notes"] = [left_out(outside, found, "the image")]
    return Labels(frame.size, rows=_with_links(rows, inside), extra=extra)


def left_out(outside: Sequence[Feature], found: Collection, where: str) -> str:
    """Which areas no image shows.

    Args:
        outside: these areas.
        found: of the file that has them.
        where: the image or images.
    """
    told = f"{len(outside)} of {len(found.features)} areas lie outside {where}"
    return f"{told} and are left out, first {outside[0].name}"


def joined_parts(geometry: Mapping[str, Any], rings: Sequence[Ring], frame: Frame) -> Masks | None:
    """The union of polygons that overlap, as GDAL burns one after another; None where none do.

    By the parity of all rings, which `frame.mask` goes by, pixels of two polygons would be lost.
    """
    if sum(n > 0 for n in part_sizes(geometry)) < 2:
        return None
    union = burnt(geometry, rings, frame)
    return None if union == frame.mask(rings) else union


def burnt(geometry: Mapping[str, Any], rings: Sequence[Ring], frame: Frame) -> Masks:
    """One row: the pixels of a geometry, of which each polygon is filled by itself.

    Args:
        geometry: what it says.
        rings: all of its rings as `frame.to_pixels` gives them.
        frame: the image.
    """
    sizes = [n for n in part_sizes(geometry) if n]
    if len(sizes) < 2:
        return frame.mask(rings)
    ends = np.cumsum(sizes).tolist()
    parts = [list(rings[end - n : end]) for n, end in zip(sizes, ends, strict=True)]
    return Masks.from_polygons(parts, frame.size, rule=RULE).merge()


def _placed(feature: Feature, frame: Frame, crs: str) -> tuple[Ring, ...]:
    try:
        rings = tuple(frame.to_pixels(ring, crs) for ring in feature.rings)
    except FormatError as error:
        raise FormatError(
            error.what, where=feature.where, seen=error.seen, hint=error.hint
        ) from error
    if far(rings) and frame.touches(rings):
        raise FormatError(
            "an area that meets the image reaches more than 2**24 px from it",
            where=feature.where,
            hint="clip it to the image",
        )
    return rings


def _shape(
    feature: Feature, rings: tuple[Ring, ...], naming: Naming, joined: Masks | None
) -> Shape:
    own = _own(feature)
    properties = dict(feature.properties)
    named: dict[str, Any] = {}
    if naming.property is not None and _text(properties.get(naming.property)):
        name = properties.pop(naming.property)
        named = {} if isinstance(name, str) else {"category": name}
    else:
        named = {"_unnamed": True}
    score = float(properties.pop(SCORE)) if is_score(properties.get(SCORE)) else math.nan
    number = own.get("instance", feature.members.get("id"))
    number = number if type(number) is int and 0 < number < _MAX_ID else None
    more = own.get("attributes")
    others = {k: v for k, v in feature.members.items() if k != MEMBER}
    members = {"members": others} if others else {}
    return Shape(
        naming.of(feature),
        feature.where,
        vertices=rings if joined is None else (),
        rule=RULE if joined is None else "",
        mask=joined,
        instance=number if "instance" in own else None,
        number=number,
        score=score,
        crowd=own.get("crowd") is True,
        z_order=_link(own, "z_order", 0),
        track=_link(own, "track", -1),
        attributes={**properties, **(more if isinstance(more, dict) else {})},
        source={"geojson": {GEOMETRY: feature.geometry, **members, **named}},
    )


def _with_links(rows: Rows, features: Sequence[Feature]) -> Rows:
    def links(name: str) -> NDArray[np.int64]:
        return np.array([_link(_own(f), name, -1) for f in features], np.int64)

    return replace(rows, parent=links("parent"), amodal_of=links("amodal_of"))


def _own(feature: Feature) -> Mapping[str, Any]:
    own = feature.members.get(MEMBER)
    return own if isinstance(own, dict) else {}


def _link(own: Mapping[str, Any], name: str, default: int) -> int:
    value = own.get(name)
    limit = 1 << 31 if name == "z_order" else _MAX_ID
    return value if type(value) is int and -limit <= value < limit else default


def source_of(rows: Rows, i: int) -> Mapping[str, Any]:
    """What the reader kept of the feature that a row came from."""
    source = rows.source[i] if rows.source else None
    own = source.get("geojson") if source else None
    return own if isinstance(own, Mapping) else {}


def is_named(properties: Mapping[str, Any], also: str) -> bool:
    """Whether a reader would take one of these properties, or the property `also`, for a name."""
    return any(_text(properties.get(key)) for key in (*NAMES, also))


def is_score(value: object) -> bool:
    """Whether a property `score` is one; any other is an attribute."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _text(value: object) -> str:
    """A name; numbers are names, too."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
