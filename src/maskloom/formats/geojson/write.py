"""Write one FeatureCollection per image: exact areas, in map coordinates where there is a map.

How coordinates are chosen is `geometry.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maskloom.core.labels import Labels, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.errors import WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.geojson.features import LON_LAT, MEMBER, PIXEL
from maskloom.formats.geojson.geometry import Said, geometry_of
from maskloom.formats.geojson.place import Frame
from maskloom.formats.geojson.rows import (
    CATEGORY,
    SCORE,
    UNNAMED,
    is_named,
    is_score,
    source_of,
)
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.shared.json_files import json_line
from maskloom.store.files import atomic_write_bytes, safe_join

BOUNDS = "bbox"  # in the coordinates of the file, so that it is wrong in others
HOLDS = Holds(
    instances=True,
    overlap=True,
    parts=True,
    empty=True,
    crowd=True,
    score=True,
    attributes=True,
    z_order=True,
    tracks=True,
    vertices=True,
    fields=True,
)


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write areas."""

    crs: Literal["auto", "image", "lonlat", "pixel"] = field(
        default="auto",
        metadata={"help": "auto: as read, else the image's; lonlat: RFC 7946; pixel: pixel edges"},
    )
    category: str = field(default=CATEGORY, metadata={"help": "property that names the category"})


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """What one image becomes, and what that does not say."""

    labels: Labels
    text: str
    losses: tuple[Loss, ...]


class GeoJsonWriter:
    """DST/images, DST/labels/KEY.geojson, DST/taxonomy.json."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.options = options
        own = extra.get("geojson")
        self.category = options.category
        if options.category == CATEGORY and isinstance(own, Mapping):
            self.category = str(own.get("category", CATEGORY))
        self.images = ImagePlacer(target / "images", options.images)
        self._last: _Written | None = None

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What areas cannot say; vertices that fill otherwise under GDAL's rule are facts."""
        found = losses_of(HOLDS, sample.key, labels, self.taxonomy)
        found += _foreign(sample.key, labels.rows)
        if any(loss.refused for loss in found):
            return found
        return [*found, *self._made(sample, labels).losses]

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the areas of one image."""
        image_labels_only(labels.size, self.target, painted=False)
        text = self._made(sample, labels).text
        atomic_write_bytes(self._path(sample.key), text.encode())
        self.images.put(sample)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        write_side_file(self.target, self.taxonomy, splits, kind="geojson")
        return self.images.warnings()

    def _made(self, sample: Sample, labels: Labels) -> _Written:
        """The text of a file; losses and bytes are asked for one after the other."""
        if self._last is None or self._last.labels is not labels:
            self._last = self._make(sample, labels)
        return self._last

    def _make(self, sample: Sample, labels: Labels) -> _Written:
        frame = _frame_of(sample, labels)
        own = labels.extra.get("geojson")
        own = own if isinstance(own, Mapping) else {}
        crs = self._crs(frame, own)
        rows = instance_rows(labels)
        digits = frame.digits(crs)
        systems = (crs, own.get("crs"))
        said = [geometry_of(rows, i, frame, systems, digits) for i in range(len(rows))]
        moved = systems[0] != systems[1]
        losses = _unsaid(sample.key, rows, said, moved=moved)
        features = [self._feature(rows, i, one, moved=moved) for i, one in enumerate(said)]
        members = {k: v for k, v in dict(own.get("members", {})).items() if k != MEMBER}
        gone: tuple[str, ...] = (BOUNDS,) if moved and members.pop(BOUNDS, None) is not None else ()
        if crs == PIXEL and (own.get("crs") or PIXEL) != PIXEL and not frame.crs:
            gone += ("crs",)  # the image does not say it either
        if gone:
            losses.append(Loss(sample.key, "fields", names=gone))
        head = {"type": "FeatureCollection", **_system(crs), MEMBER: _frame(frame, crs), **members}
        text = _json(head)[:-1] + ',"features":['
        text += ",".join("\n" + _json(feature) for feature in features) + "\n]}\n"
        return _Written(labels, text, tuple(losses))

    def _crs(self, frame: Frame, own: Mapping[str, Any]) -> str:
        asked = self.options.crs
        if frame.system == PIXEL and asked in ("image", "lonlat"):
            raise WriteError(
                "the image has no place in the world, so that its areas have no map coordinates",
                where=self.target,
                hint="georeference it, or leave out --set to.crs=",
            )
        if asked == "pixel":
            return PIXEL
        if asked == "lonlat":
            return LON_LAT
        # A transform alone, as of a world file, places what the source's own system names.
        known = asked == "auto" and frame.affine and own.get("crs")
        return str(own["crs"]) if known else frame.system

    def _feature(self, rows: Rows, i: int, said_of: Said, *, moved: bool) -> dict[str, Any]:
        source = source_of(rows, i)
        attributes = dict((rows.attributes[i] if rows.attributes else None) or {})
        name = self.taxonomy[int(rows.category[i])].name
        said = source.get("category")  # a number, as it was
        properties: dict[str, Any] = {self.category: said if str(said) == name else name}
        if source.get("_unnamed") and name == UNNAMED and not is_named(attributes, self.category):
            properties = {}  # it came without a name, and is read so again
        if not np.isnan(rows.score[i]):
            properties[SCORE] = float(rows.score[i])
        # What would not be read as an attribute stands where only we look.
        names = [*properties, *([SCORE] if is_score(attributes.get(SCORE)) else [])]
        taken = {k: attributes.pop(k) for k in names if k in attributes}
        own: dict[str, Any] = {"instance": int(rows.instance[i])}
        if rows.crowd[i]:
            own["crowd"] = True
        for name, default in (("z_order", 0), ("track", -1), ("parent", -1), ("amodal_of", -1)):
            if (value := int(getattr(rows, name)[i])) != default:
                own[name] = value
        if taken:
            own["attributes"] = taken
        left = {MEMBER, BOUNDS} if moved else {MEMBER}
        members = {k: v for k, v in dict(source.get("members", {})).items() if k not in left}
        return {
            "type": "Feature",
            **members,
            MEMBER: own,
            "properties": {**properties, **attributes},
            "geometry": said_of.geometry,
        }

    def _path(self, key: str) -> Path:
        return safe_join(self.target / "labels", f"{key}.geojson")


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
) -> GeoJsonWriter:
    """A writer into the folder `target`; `extra` names the property of categories."""
    return GeoJsonWriter(target, taxonomy, replace(options), extra)


def _unsaid(key: str, rows: Rows, said: list[Said], *, moved: bool) -> list[Loss]:
    """Vertices and fields of the source's own geometries that are not written."""
    found = []
    if redrawn := [i for i, one in enumerate(said) if not one.vertices]:
        who = first_instances(rows, redrawn)
        found.append(Loss(key, "vertices", len(redrawn), instances=who))
    names = [one.unsaid for one in said]
    if moved:
        members = [dict(source_of(rows, i).get("members", {})) for i in range(len(rows))]
        names = [
            (*own, BOUNDS) if BOUNDS in has else own
            for own, has in zip(names, members, strict=True)
        ]
    if lost := [i for i, own in enumerate(names) if own]:
        told = tuple(dict.fromkeys(name for own in names for name in own))
        pixels, who = int(rows.masks.areas[lost].sum()), first_instances(rows, lost)
        found.append(Loss(key, "fields", len(lost), pixels, names=told, instances=who))
    return found


def _foreign(key: str, rows: Rows | None) -> list[Loss]:
    """Fields of other formats, for which features have no place."""
    if rows is None or not any(rows.source):
        return []
    foreign = [sorted(set(own or ()) - {"geojson"}) for own in rows.source]
    at = [i for i, own in enumerate(foreign) if own]
    names = tuple(dict.fromkeys(name for own in foreign for name in own))
    return [Loss(key, "fields", len(at), int(rows.masks.areas[at].sum()), names=names)] * bool(at)


def _system(crs: str) -> dict[str, Any]:
    """The member that GDAL and QGIS read; WGS 84 has none (RFC 7946, 4)."""
    if crs in (LON_LAT, PIXEL):
        return {}
    name = crs.replace("EPSG:", "urn:ogc:def:crs:EPSG::") if crs.startswith("EPSG:") else crs
    return {"crs": {"type": "name", "properties": {"name": name}}}


def _frame_of(sample: Sample, labels: Labels) -> Frame:
    """Where the image lies, by what was read, else by its own header."""
    from maskloom.store.rasters.placement import placement_of

    size, image = (int(labels.size[0]), int(labels.size[1])), sample.image
    if not image.affine and image.path is not None and image.path.is_file():
        place = placement_of(image.path)
        if place is not None and place.size == size:
            return Frame(size, place.affine, place.crs)
    return Frame(size, image.affine, image.crs)


def _frame(frame: Frame, crs: str) -> dict[str, Any]:
    """What the file must say to be read without its image."""
    out: dict[str, Any] = {"size": list(frame.size)} | ({"crs": PIXEL} if crs == PIXEL else {})
    place = {"affine": [list(row) for row in frame.affine], "image_crs": frame.crs}
    return out | place if frame.affine else out


def _json(value: object) -> str:
    return json_line(value, separators=(",", ":"))
