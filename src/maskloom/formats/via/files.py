"""Files of the VGG Image Annotator to images and regions, all versions in the form of VIA 2.

VIA 1 lists regions in an object, VIA 2 in a list, alone or in a project; VIA 3 keeps regions of
all files in one table, where numbers say the shape. Regions of time (video, audio) are left out.

Source: robots.ox.ac.uk/~vgg/software/via, CodeDoc of 2.x and _via_metadata.js of 3.x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.formats.tags import tags_of_pairs

IMAGES, ATTRIBUTES = "_via_img_metadata", "_via_attributes"
_FIELDS = {2: ("x", "y", "width", "height"), 3: ("cx", "cy", "r"), 4: ("cx", "cy", "rx", "ry")}
_NAMES = {2: "rect", 3: "circle", 4: "ellipse"}
_POINT, _LISTED = 1, {5: "polyline", 6: "polyline", 7: "polygon"}
_STILL = 2


@dataclass(frozen=True, slots=True)
class ViaImage:
    """One image: its name, its regions, and other fields of its entry.

    Regions are those of VIA 2, but that VIA 3 says `xy` in place of `shape_attributes`.
    """

    name: str
    regions: Sequence[Any]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ViaFile:
    """One parsed file.

    Args:
        path: of it.
        images: in its order.
        project: what stands beside the images in a project of VIA 2; empty of other files.
        left_out: regions of time.
    """

    path: Path
    images: tuple[ViaImage, ...]
    project: Mapping[str, Any] = field(default_factory=dict)
    left_out: int = 0


def looks_like_via(text: str) -> bool:
    """Whether the ends of a JSON file read like one of VIA."""
    if not text.startswith("{"):
        return False
    return (
        f'"{IMAGES}"' in text
        or ('"file_attributes"' in text and '"regions"' in text)
        or ('"loc_prefix"' in text and '"project"' in text)
    )


def parse_file(path: Path, data: object) -> ViaFile:
    """Images and regions of a parsed file of any version.

    Raises:
        FormatError: it is of none, or tells twice of one image.
    """
    if not isinstance(data, dict):
        raise FormatError("not a VIA file", where=path, seen=type(data).__name__)
    if isinstance(data.get("file"), dict) and isinstance(data.get("metadata"), dict):
        found = _third(path, data)
    else:
        listed = data.get(IMAGES, data)
        if not isinstance(listed, dict):
            raise FormatError(f"{IMAGES} is an object", where=path, seen=type(listed).__name__)
        images = [_image(f"{path}: {key}", entry) for key, entry in listed.items()]
        rest = {k: v for k, v in data.items() if k not in (IMAGES, "_via_image_id_list")}
        found = ViaFile(path, tuple(images), rest if IMAGES in data else {})
    names = [image.name for image in found.images]
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise FormatError("two entries tell of one image", where=path, seen=twice)
    return found


def tags_of(own: Mapping[str, Any]) -> dict[str, str]:
    """Tags of an image: its file attributes that have a value.

    Args:
        own: what is kept of an entry.
    """
    said = own.get("file_attributes")
    return tags_of_pairs(said.items()) if isinstance(said, dict) else {}


def _image(where: str, entry: object) -> ViaImage:
    name = entry.get("filename") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(name, str) or not name:
        raise FormatError("an entry without a filename", where=where, seen=name)
    regions = entry.get("regions", [])
    if isinstance(regions, dict):
        regions = list(regions.values())
    if not isinstance(regions, list):
        raise FormatError("regions are a list", where=where, seen=type(regions).__name__)
    own = {k: v for k, v in entry.items() if k not in ("filename", "regions")}
    return ViaImage(name, regions, own)


def _third(path: Path, data: Mapping[str, Any]) -> ViaFile:
    """A project of VIA 3: files, views of one or more of them, regions by view."""
    attributes = _object(data, "attribute", path)
    files = {str(key): one for key, one in _object(data, "file", path).items()}
    views = _object(data, "view", path)
    names: dict[str, str] = {}
    for view, one in views.items():
        listed = one.get("fid_list") if isinstance(one, dict) else None
        own = files.get(str(listed[0])) if isinstance(listed, list) and len(listed) == 1 else None
        if isinstance(own, dict) and own.get("type", _STILL) == _STILL:
            name = own.get("fname") or own.get("src")
            if not isinstance(name, str) or not name:
                raise FormatError("a file without a name", where=f"{path}: view {view}", seen=name)
            names[str(view)] = name
    regions: dict[str, list[Any]] = {view: [] for view in names}
    of_files: dict[str, dict[str, Any]] = {view: {} for view in names}
    left_out = 0
    for key, entry in data["metadata"].items():
        where = f"{path}: metadata {key}"
        view = str(entry.get("vid")) if isinstance(entry, dict) else ""
        if view not in names or entry.get("z"):
            left_out += 1
            continue
        values = _named(entry.get("av"), attributes, where)
        if entry.get("xy"):
            regions[view].append({"xy": entry["xy"], "region_attributes": values})
        else:
            of_files[view] |= values
    images = [ViaImage(names[v], regions[v], {"file_attributes": of_files[v]}) for v in names]
    return ViaFile(path, tuple(images), left_out=left_out)


def _object(data: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise FormatError(f"{name} is an object", where=path, seen=type(found).__name__)
    return found


def _named(values: object, attributes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Attribute name → value; options by what they say."""
    if not isinstance(values, dict):
        raise FormatError("av is an object", where=where, seen=values)
    out: dict[str, Any] = {}
    for key, value in values.items():
        one = attributes.get(str(key), {})
        options = one.get("options") if isinstance(one, dict) else None
        name = one.get("aname", key) if isinstance(one, dict) else key
        chosen = options.get(str(value), value) if isinstance(options, dict) else value
        out[str(name)] = chosen
    return out


def shape_fields(name: str) -> tuple[int, tuple[str, ...]]:
    """VIA 3's number of a shape, and its fields in order; none of a shape that lists points.

    Args:
        name: of a shape of VIA 2.
    """
    if name == "point":
        return _POINT, ("cx", "cy")
    kinds = {told: kind for kind, told in (_NAMES | _LISTED).items()}
    return kinds[name], _FIELDS.get(kinds[name], ())


def shape_of_numbers(xy: object, where: str) -> dict[str, Any]:
    """shape_attributes of VIA 2 from the numbers of VIA 3: kind, then coordinates.

    Raises:
        FormatError: not numbers, or of no shape.
    """
    if not isinstance(xy, list) or not xy or any(type(v) not in (int, float) for v in xy):
        raise FormatError("xy is a list of numbers", where=where, seen=xy)
    kind, *values = xy
    if kind in _FIELDS and len(values) == len(_FIELDS[kind]) + (kind == 4 and len(values) == 5):
        turn = {"theta": values[4]} if len(values) == 5 else {}
        return {"name": _NAMES[kind], **dict(zip(_FIELDS[kind], values, strict=False)), **turn}
    if kind == _POINT and len(values) == 2:
        return {"name": "point", "cx": values[0], "cy": values[1]}
    if kind in _LISTED and len(values) % 2 == 0:
        return {"name": _LISTED[kind], "all_points_x": values[::2], "all_points_y": values[1::2]}
    raise FormatError("an unknown shape of VIA 3", where=where, seen=xy)
