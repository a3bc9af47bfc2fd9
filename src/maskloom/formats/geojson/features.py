"""GeoJSON text to features: rings of areas in the file's own coordinates, checked.

Source: RFC 7946, and the `crs` member of the 2008 specification, which GDAL and QGIS still write.
Where coordinates lie in an image is `place.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError

LON_LAT = "EPSG:4326"
PIXEL = "pixel"
MEMBER = "maskloom"
MAX_BYTES = 1 << 28
Ring = NDArray[np.float64]
_LON_LAT_NAMES = frozenset({"CRS84", "EPSG:4326", "EPSG::4326", "4326", "WGS84"})
_AREAS = ("Polygon", "MultiPolygon", "GeometryCollection")


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One area.

    Args:
        where: file and name, for messages.
        name: position in the file, and id if it has one.
        rings: (n, 2) vertices (x, y) of all rings of all parts, each without its last, which is
            its first; none is an area without extent.
        geometry: verbatim.
        properties: verbatim.
        members: others than type, geometry and properties: `id`, `bbox`, foreign ones.
    """

    where: str
    name: str
    rings: tuple[Ring, ...]
    geometry: Mapping[str, Any]
    properties: Mapping[str, Any]
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """One file.

    Args:
        features: in order.
        crs: EPSG code, WKT or URN of the coordinates; "pixel" where they are pixel edges.
        members: others of the file than these.
        unplaced: names of features without a geometry, which say nothing about pixels.
        bad: messages of features that were left out.
    """

    features: tuple[Feature, ...]
    crs: str
    members: Mapping[str, Any]
    unplaced: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()


def read_collection(path: Path, *, skip_bad: bool = False) -> Collection:
    """The features of a file.

    Args:
        path: a FeatureCollection, a feature or a geometry.
        skip_bad: leave invalid features out.

    Raises:
        FormatError: not GeoJSON, too large, or an invalid feature, which is named.
    """
    data = _parsed(path)
    kind = data.get("type")
    if kind == "FeatureCollection":
        listed = data.get("features")
    else:
        bare = {"type": "Feature", "geometry": data, "properties": {}}
        listed = [data] if kind == "Feature" else [bare] if kind in _AREAS else None
    if not isinstance(listed, list):
        raise FormatError("not a FeatureCollection", where=path, seen=kind)
    found: list[Feature] = []
    bad: list[str] = []
    unplaced: list[str] = []
    for i, one in enumerate(listed):
        try:
            feature = _feature(one, path, i)
        except FormatError as error:
            if not skip_bad:
                raise
            bad.append(error.message)
            continue
        found += [] if feature is None else [feature]
        unplaced += [_name(one, i)] if feature is None else []
    own = data if kind == "FeatureCollection" else {}
    members = {k: v for k, v in own.items() if k not in ("type", "features", "crs")}
    return Collection(tuple(found), _crs(data, path), members, tuple(unplaced), tuple(bad))


def _parsed(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FormatError(
                f"a GeoJSON file of more than {MAX_BYTES >> 20} MiB",
                where=path,
                seen=f"{size >> 20} MiB",
                hint="split it, for example with ogr2ogr -spat",
            )
        data = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", where=path) from error
    except RecursionError as error:
        raise FormatError("JSON nested too deep", where=path) from error
    except ValueError as error:
        raise FormatError("not valid JSON", where=path, seen=error, hint="copy it again") from error
    if not isinstance(data, dict):
        raise FormatError("not a GeoJSON object", where=path, seen=type(data).__name__)
    return data


def _feature(one: object, path: Path, number: int) -> Feature | None:
    if not isinstance(one, dict) or one.get("type") != "Feature":
        raise FormatError("not a feature", where=f"{path}: features[{number}]", seen=one)
    name = _name(one, number)
    where = f"{path}: {name}"
    properties = one.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise FormatError("properties are an object", where=f"{where}, properties", seen=properties)
    geometry = one.get("geometry")
    if geometry is None:
        return None
    rings = tuple(rings_of(geometry, f"{where}, geometry"))
    members = {k: v for k, v in one.items() if k not in ("type", "geometry", "properties")}
    return Feature(where, name, rings, geometry, properties or {}, members)


def _name(one: Mapping[str, Any], number: int) -> str:
    own = one.get("id")
    return f"features[{number}]" + (f", id {own}" if isinstance(own, str | int) else "")


def part_sizes(geometry: Mapping[str, Any]) -> list[int]:
    """How many rings each polygon of a geometry has, which `rings_of` lists one after another."""
    if geometry["type"] == "GeometryCollection":
        return [n for one in geometry["geometries"] for n in part_sizes(one)]
    coordinates = geometry["coordinates"]
    return [len(part) for part in ([coordinates] if geometry["type"] == "Polygon" else coordinates)]


def rings_of(geometry: object, where: str, depth: int = 0) -> Iterator[Ring]:
    """Every ring of a parsed geometry.

    Args:
        geometry: Polygon, MultiPolygon or a collection of these.
        where: named in errors.
        depth: of collections in collections, of which there are none.

    Raises:
        FormatError: another geometry, or a ring that is none.
    """
    kind = geometry.get("type") if isinstance(geometry, dict) else geometry
    if not isinstance(geometry, dict) or kind not in _AREAS:
        raise FormatError(
            "only areas are masks: Polygon and MultiPolygon",
            where=where,
            seen=kind,
            hint="buffer points and lines in a GIS, or leave them out with --skip-bad",
        )
    if kind == "GeometryCollection":
        inside = geometry.get("geometries")
        if not isinstance(inside, list) or depth:
            raise FormatError("a collection holds plain geometries", where=where, seen=inside)
        for one in inside:
            yield from rings_of(one, where, 1)
        return
    coordinates = geometry.get("coordinates")
    parts = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not all(isinstance(part, list) for part in parts):
        raise FormatError("coordinates are lists of rings", where=where, seen=coordinates)
    for p, part in enumerate(parts):
        for r, ring in enumerate(part):
            yield _ring(ring, f"{where}, part {p}, ring {r}")


def _ring(ring: object, where: str) -> Ring:
    try:
        points = np.array(ring)
    except ValueError:
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] not in (2, 3, 4) or points.dtype.kind not in "iuf":
        raise FormatError("a ring is a list of positions [x, y]", where=where, seen=ring)
    points = points[:, :2].astype(np.float64)
    if not np.isfinite(points).all():
        bad = points[~np.isfinite(points).all(axis=1)][0].tolist()
        raise FormatError("a position is not finite", where=where, seen=bad)
    if len(points) < 4 or (points[0] != points[-1]).any():
        raise FormatError(
            "a ring has at least four positions, and the last is the first",
            where=where,
            seen=f"{len(points)} positions, from {points[:1].tolist()} to {points[-1:].tolist()}",
            hint="close it (RFC 7946, 3.1.6)",
        )
    return points[:-1]


def _crs(data: Mapping[str, Any], path: Path) -> str:
    """The system of the coordinates: WGS 84, lon before lat, unless the file says otherwise."""
    own = data.get(MEMBER)
    if isinstance(own, dict) and own.get("crs") == PIXEL:
        return PIXEL
    if "crs" not in data or data["crs"] is None:
        return LON_LAT
    crs = data["crs"]
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name: object = None
    if isinstance(properties, dict):
        name = properties.get("name") if crs.get("type") == "name" else properties.get("code")
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise FormatError(
            "the coordinate system is not named",
            where=f"{path}: crs",
            seen=crs,
            hint="say it with --set from.crs=EPSG:CODE",
        )
    text = str(name)
    if any(text == n or text.endswith((f":{n}", f"/{n}")) for n in _LON_LAT_NAMES):
        return LON_LAT
    return f"EPSG:{text}" if text.isdigit() else text
