"""The state of one sample in one layer as pages and the store edit it: objects over tiles.

`apply` makes the next state of an operation, or refuses it as a whole. Labels to documents
are in `document_labels`, the way back in `document_export`, JSON for pages in
`document_json`, ready-made changes in `gestures`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from maskloom.edits.operations import DOCUMENT, Change, Operation, canonical
from maskloom.edits.tiles import Tile, Tiles, shared_pixel, xor_tiles
from maskloom.errors import Conflict, DataError

if TYPE_CHECKING:
    from maskloom.core.labels import Labels
    from maskloom.core.taxonomy import Taxonomy

Form = Literal["rows", "map"]
IMPORTED = re.compile(r"[0-9]+-[0-9]+")
"""Uids of rows of a snapshot; a new object takes another form of uid."""


# What an object and a tile take beside their runs.
_OBJECT_BYTES, _TILE_BYTES = 1000, 200


@dataclass(frozen=True, slots=True)
class Object:
    """One object, or one class of a map.

    Args:
        uid: its name within the document.
        category: key in the taxonomy; None only of an object that does not exist.
        z: higher lies in front.
        tiles: its pixels.
        geometry: the polygon of which the pixels are the filling, or None.
        attributes: plain JSON values.
        origin: the machine row it was accepted from, or None.
        row: position in the snapshot; None of a new one.
        kind, crowd, score: what the snapshot says of the row.
    """

    uid: str
    category: str | None = None
    z: int = 0
    tiles: Tiles = field(default_factory=dict)
    geometry: Mapping[str, Any] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    origin: str | None = None
    row: int | None = None
    kind: str = "mask"
    crowd: bool = False
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """All that one layer says of one sample at one revision; two are equal if their state is.

    Args:
        size_hw: frame (H, W).
        form: "rows", where objects may overlap, or "map", where no pixel is in two.
        revision: counts the states of the sample in the layer.
        objects: what exists, by uid.
        deleted: what was deleted and may come back, by uid.
        fields: state and verdicts that differ from "todo" and none.
        created: uids of all objects that people ever made since the snapshot, in that order, also
            of those that were taken back: an object's number is its own for good.
        labels: what the document was made from.
        initial: its objects then.
    """

    size_hw: tuple[int, int]
    form: Form
    revision: int = field(default=0, compare=False)
    objects: Mapping[str, Object] = field(default_factory=dict)
    deleted: Mapping[str, Object] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    created: tuple[str, ...] = field(default=(), compare=False)
    labels: Labels | None = field(default=None, compare=False, repr=False)
    initial: Mapping[str, Object] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_labels(
        cls, labels: Labels, taxonomy: Taxonomy, snapshot_seq: int, revision: int = 0
    ) -> Document:
        """The document of a snapshot; row i has the uid "SEQ-i", a class its key.

        Args:
            labels: of an image.
            taxonomy: what its categories mean.
            snapshot_seq: the project-wide number of the snapshot.
            revision: that the snapshot made.

        Raises:
            DataError: a volume, or a category that is not in the taxonomy.
        """
        from maskloom.edits import document_labels

        return document_labels.from_labels(labels, taxonomy, snapshot_seq, revision)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], start: Document) -> Document:
        """The document that `to_json` told, which came from `start` by operations."""
        from maskloom.edits import document_json

        return document_json.from_json(data, start)

    def to_labels(self, taxonomy: Taxonomy, layer: str) -> Labels:
        """Labels of this state; what nobody touched is as in the snapshot, field by field.

        Raises:
            TaxonomyError: a category is not in the taxonomy.
        """
        from maskloom.edits import document_export

        return document_export.to_labels(self, taxonomy, layer)

    def to_json(self) -> dict[str, Any]:
        """The form in which pages load it."""
        from maskloom.edits import document_json

        return document_json.to_json(self)

    @property
    def nbytes(self) -> int:
        """About how much memory it takes, its labels included."""
        held = {id(one): one for of in (self.objects, self.deleted, self.initial)
                for one in of.values()}  # fmt: skip
        tiles = {id(runs): len(runs) for one in held.values() for runs in one.tiles.values()}
        labels = self.labels
        arrays = () if labels is None else (labels.class_map, labels.confidence)
        pixels = sum(array.nbytes for array in arrays if array is not None)
        if labels is not None and labels.rows is not None:
            pixels += labels.rows.masks.counts.nbytes
        return pixels + _OBJECT_BYTES * len(held) + sum(tiles.values(), _TILE_BYTES * len(tiles))

    def value(self, uid: str, name: str) -> Any:
        """The value of a field of an object, or of the document (uid "")."""
        if uid == DOCUMENT:
            return self.fields.get(name, "todo" if name == "state" else None)
        if name == "exists":
            return uid in self.objects
        held = self.objects.get(uid) or self.deleted.get(uid) or Object(uid)
        return getattr(held, name)


def apply(document: Document, op: Operation) -> Document:
    """The next state; the given one stays as it is.

    Args:
        document: the state that the operation was made for.
        op: checked by `operations.parse` for a frame of this size.

    Raises:
        Conflict: an old value is not the current one, or an object does not exist.
        DataError: the outcome would not be a sound document.
    """
    objects, deleted = dict(document.objects), dict(document.deleted)
    fields, created = document.fields, document.created
    for i, change in enumerate(op.changes):
        where = f"changes[{i}] {change.object or 'document'}"
        _check_old(document, change, where)
        if change.object == DOCUMENT:
            fields = _with_fields(fields, change)
            continue
        if document.form == "map":
            objects[change.object] = _painted(document, change, where)
            continue
        after = _changed(document, change, where)
        exists = change.set.get("exists", (True, document.value(change.object, "exists")))[1]
        objects.pop(change.object, None)
        deleted.pop(change.object, None)
        if exists:
            objects[change.object] = after
            if after.row is None and change.object not in document.objects:
                created = (*created, *({change.object} - set(created)))
        elif after != Object(change.object):
            deleted[change.object] = after
    if document.form == "map":
        _check_exclusive(objects, {tile for change in op.changes for tile in change.tiles})
    return replace(
        document,
        revision=document.revision + 1,
        objects=objects,
        deleted=deleted,
        fields=fields,
        created=created,
    )


def _check_old(document: Document, change: Change, where: str) -> None:
    """Every old value must be the current one; compared as JSON, where true is not 1."""
    for name, (old, _) in change.set.items():
        current = document.value(change.object, name)
        if old is not current and canonical(old) != canonical(current):
            raise Conflict(
                f"{name} was changed by someone else",
                where=where,
                seen=f"now {canonical(current)[:80].decode(errors='replace')}",
                hint="load the newest revision and decide",
            )


def _with_fields(fields: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Fields of the document; those at their default are left out."""
    new = {**fields, **{name: pair[1] for name, pair in change.set.items()}}
    return {k: v for k, v in new.items() if v is not None and (k, v) != ("state", "todo")}


def _changed(document: Document, change: Change, where: str) -> Object:
    """An object of rows after a change."""
    uid = change.object
    existed, exists = change.set.get("exists", (document.value(uid, "exists"),) * 2)
    if not existed and not exists:
        raise Conflict("the object does not exist", where=where, hint="it may have been deleted")
    before = document.objects.get(uid) or document.deleted.get(uid) or Object(uid)
    if not existed and uid not in document.deleted and IMPORTED.fullmatch(uid):
        raise DataError("a new object with the uid of an imported row", where=where, seen=uid)
    values: dict[str, Any] = {k: new for k, (_, new) in change.set.items() if k != "exists"}
    if change.tiles:
        values["tiles"] = xor_tiles(before.tiles, change.tiles)
        if "geometry" not in change.set and before.geometry is not None:
            raise DataError(
                "pixels of a polygon are painted and its geometry stays",
                where=where,
                hint="set geometry in the same operation",
            )
    after = replace(before, **values)
    if exists and after.category is None:
        raise DataError("an object without a category", where=where)
    if change.set.get("geometry", (None, None))[1] is not None:
        _check_filling(after, document.size_hw, where)
    return after


def _check_filling(held: Object, size_hw: tuple[int, int], where: str) -> None:
    """The pixels of an object with a polygon are the polygon's."""
    from maskloom.edits.grid_polygons import fill_geometry

    assert held.geometry is not None
    if fill_geometry(held.geometry, size_hw, where) != held.tiles:
        raise DataError("the pixels are not those of the polygon", where=where)


def _painted(document: Document, change: Change, where: str) -> Object:
    """A class of a map after a change."""
    before = document.objects.get(change.object)
    if before is None:
        raise Conflict("the class is not in this map", where=where, hint="reload the taxonomy")
    if change.set:
        names = ", ".join(change.set)
        raise DataError("a class of a map has no such field", where=where, seen=names)
    return replace(before, tiles=xor_tiles(before.tiles, change.tiles))


def _check_exclusive(objects: Mapping[str, Object], tiles: set[Tile]) -> None:
    """No pixel of some tiles is in two classes."""
    for tile in tiles:
        layers = [held.tiles[tile] for held in objects.values() if tile in held.tiles]
        pixel = shared_pixel(tile, layers) if len(layers) > 1 else None
        if pixel is not None:
            raise DataError("a pixel in two classes of a map", seen=f"x {pixel[0]}, y {pixel[1]}")
