"""What a target cannot hold of given labels, counted per sample before anything is written.

A loss changes pixels, objects, classes, void, crowd flags or scores: it is refused unless
allowed. A fact changes only the way in which the same thing is said (an author's vertices
where the pixels are exact): it is told, never refused. Facts of whole images are counted by
`facts.py`, objects are named by `concerned.py`, sums are `tally.py`. The table is in
`docs/formats.md`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind, Rows, codes
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_areas, class_map, nothing_but_drawn
from maskloom.core.volumes import stacked
from maskloom.formats.fields import (
    beside_places,
    beyond_defaults,
    marked,
    names_in,
    noted_vertices,
    only_defaults,
)
from maskloom.formats.loss_kinds import FACTS
from maskloom.formats.relations import ordered, torn, touching, unlike_first
from maskloom.formats.shared.slabs import cut, slabs

MOST_NAMED = 100  # objects of one kind of loss


@dataclass(frozen=True, slots=True)
class Holds:
    """What a format can say. Defaults are those of the poorest useful format.

    Args:
        dense: class maps, one class per pixel; else a class map's areas are read as objects.
        instances: which pixels make one object.
        coverage: which part of a frame was labelled, or that nothing was.
        foreign: fields of other formats, too, where it has any.
        looked_for: of which classes alone all objects were sought.
        tags: what people say of whole images (`Sample.tags`), all or some of it.
        max_ids: how many objects one image may have; None is no limit.
    """

    dense: bool = False
    instances: bool = False
    overlap: bool = False
    parts: bool = False
    empty: bool = False
    void: bool = False
    background: bool = True
    crowd: bool = False
    score: bool = False
    attributes: bool = False
    z_order: bool = False
    tracks: bool = False
    drawings: bool = False
    coverage: bool = False
    looked_for: bool = False
    vertices: bool = False
    fields: bool = False
    foreign: bool = True
    confidence: bool = False
    tags: bool = False
    max_ids: int | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """One kind of loss in one sample.

    Args:
        key: the sample; "" of the data set as a whole.
        kind: one of `loss_kinds.KINDS`.
        objects, pixels: how many are concerned.
        detail: a clause for people.
        names: of facts (of the data set, of the image, or of its objects where some are
            concerned) or of classes, which tables show.
        instances: of the first objects that are concerned.
        samples: how many say so, of which `key` is the first.
    """

    key: str
    kind: str
    objects: int = 0
    pixels: int = 0
    detail: str = ""
    names: tuple[str, ...] = ()
    instances: tuple[int, ...] = ()
    samples: int = 1

    @property
    def refused(self) -> bool:
        """Whether it must be allowed by the user."""
        return self.kind not in FACTS


def losses_of(holds: Holds, key: str, labels: Labels, taxonomy: Taxonomy) -> list[Loss]:
    """What a format that holds so much cannot say of these labels.

    Args:
        holds: of the target.
        key: of the sample.
        labels: of an image, or of a volume, which is counted as a tall image.
        taxonomy: what their categories mean.
    """
    labels = stacked(labels)
    found = (
        _map_losses(holds, labels, taxonomy)
        if labels.rows is None
        else _row_losses(holds, labels.rows, taxonomy)
    )
    if not holds.background and (count := _background(labels, taxonomy)):
        found.append(Loss(key, "background", pixels=count))
    if not (labels.coverage.full or holds.coverage or nothing_but_drawn(labels)):
        found.append(Loss(key, "coverage", detail="labelled in part"))
    elif labels.coverage.categories is not None and not holds.looked_for:
        found.append(Loss(key, "looked_for"))
    if labels.confidence is not None and not holds.confidence:
        found.append(Loss(key, "confidence"))
    return [replace(loss, key=key) for loss in found]


def first_instances(rows: Rows, flag: NDArray[Any] | list[int] | list[bool]) -> tuple[int, ...]:
    """The first objects that a loss concerns, for `Loss.instances`.

    Args:
        rows: of the labels.
        flag: which of them, as a mask or positions.
    """
    return tuple(dict.fromkeys(rows.instance[flag][:MOST_NAMED].tolist()))


def _map_losses(holds: Holds, labels: Labels, taxonomy: Taxonomy) -> list[Loss]:
    pixels = labels.class_map
    assert pixels is not None
    found = []
    if not holds.void and (count := int(np.count_nonzero(pixels == codes(pixels.dtype)[0]))):
        found.append(Loss("", "void", pixels=count))
    if holds.instances and not holds.dense:
        found += _invented(labels, taxonomy)
    return found


def _invented(labels: Labels, taxonomy: Taxonomy) -> list[Loss]:
    """Areas of things in a class map, of which a format of objects makes one object each."""
    areas = class_areas(labels, taxonomy)
    things = [i for i in taxonomy.scored if areas[i] and taxonomy[i].kind == "thing"]
    if not things:
        return []
    names = ", ".join(taxonomy[i].name for i in things[:4]) + (", ..." if len(things) > 4 else "")
    detail = f"the class map does not tell objects of {names} apart; each class becomes one"
    return [Loss("", "dense", len(things), int(areas[things].sum()), detail)]


def _background(labels: Labels, taxonomy: Taxonomy) -> int:
    """How many pixels the labels say are background; what they leave open is none."""
    count = 0
    for y0, y1 in slabs(labels.size):
        pixels = class_map(cut(labels, y0, y1), taxonomy)
        count += int(np.count_nonzero(pixels == codes(pixels.dtype)[1]))
    return count


def _row_losses(holds: Holds, rows: Rows, taxonomy: Taxonomy) -> list[Loss]:
    found = []
    areas = rows.masks.areas
    drawn = rows.kind != RowKind.MASK
    flags = {
        "drawings": drawn,
        "crowd": rows.crowd,
        "score": ~np.isnan(rows.score),
        "attributes": marked(beyond_defaults(rows.attributes), len(rows)),
        "tracks": (rows.track >= 0) | (rows.parent >= 0) | (rows.amodal_of >= 0),
        "empty": (areas == 0) & ~drawn,
        "void": np.array([taxonomy[c].void for c in rows.category], bool),
        "vertices": marked(rows.geometry, len(rows)) & ~drawn,
        "fields": marked(beside_places(rows), len(rows)),
    }
    for kind, flag in flags.items():
        if flag.any() and not getattr(holds, kind):
            found.append(_concerning(rows, kind, flag))
    found += _noted(holds, rows)
    if not holds.attributes:
        found += _defaults(rows)
    if not holds.z_order and len(deep := ordered(rows)):
        named = first_instances(rows, deep)
        found.append(Loss("", "z_order", len(deep), instances=named))
    solid = rows if not drawn.any() else rows.take(~drawn)
    found += _merged(holds, solid, taxonomy)
    found += _torn(holds, rows)
    found += _overlaps(holds, solid)
    objects = len(set(solid.instance.tolist()))
    if holds.max_ids is not None and objects > holds.max_ids:
        found.append(Loss("", "ids", objects, detail=f"{objects} objects, at most {holds.max_ids}"))
    return found


def _concerning(rows: Rows, kind: str, flag: NDArray[np.bool_], detail: str = "") -> Loss:
    """The loss of flagged rows."""
    pixels = int(rows.masks.areas[flag].sum())
    who = first_instances(rows, flag)
    told = {
        "attributes": beyond_defaults(rows.attributes),
        "defaults": only_defaults(rows.attributes),
        "fields": beside_places(rows),
    }.get(kind, ())
    names = names_in(told[i] for i in np.flatnonzero(flag).tolist()) if told else ()
    return Loss("", kind, int(flag.sum()), pixels, detail, names, who)


def _noted(holds: Holds, rows: Rows) -> list[Loss]:
    """Vertices that stand in fields alone and go where these are dropped, or parts united."""
    flag = noted_vertices(rows)
    kept = holds.fields and holds.foreign
    if kept and holds.parts:
        return []
    if kept:
        _, first = np.unique(rows.instance, return_index=True)
        flag[first] = False
    return [_concerning(rows, "vertices", flag)] if flag.any() else []


def _defaults(rows: Rows) -> list[Loss]:
    """What rows say that tools say of every object, beside more or alone."""
    flag = marked(only_defaults(rows.attributes), len(rows))
    return [_concerning(rows, "defaults", flag)] if flag.any() else []


def _merged(holds: Holds, rows: Rows, taxonomy: Taxonomy) -> list[Loss]:
    """Objects that a class map merges, or rows of one object that become one."""
    if not holds.instances:
        categories, own, counts = np.unique(rows.category, return_inverse=True, return_counts=True)
        things = np.array([taxonomy[int(c)].kind == "thing" for c in categories], np.bool_)
        merged = (counts > 1) | things
        if not merged.any():
            return []
        named = first_instances(rows, merged[own])
        objects = int(counts[merged].sum())
        detail = f"{objects} objects, {int(merged.sum())} classes"
        return [Loss("", "instances", objects, detail=detail, instances=named)]
    instances = rows.instance.tolist()
    objects = len(set(instances))
    if holds.parts or objects == len(rows):
        return []
    pairs = set(zip(instances, rows.category.tolist(), strict=True))
    mixed = sum(n > 1 for n in Counter(instance for instance, _ in pairs).values())
    detail = f"{mixed} objects have rows of several categories" if mixed else ""
    _, object_of, sizes = np.unique(rows.instance, return_inverse=True, return_counts=True)
    named = first_instances(rows, (sizes > 1)[object_of])
    parts = Loss("", "parts", len(rows) - objects, detail=detail, instances=named)
    return [parts, *_unsaid_of_parts(holds, rows)]


def _unsaid_of_parts(holds: Holds, rows: Rows) -> list[Loss]:
    """What parts say otherwise than the first of their object, which speaks for the united one."""
    why = "parts say otherwise than the first of their object"
    # What is not held is told of every row.
    return [
        _concerning(rows, kind, flag, why)
        for kind, flag in unlike_first(rows).items()
        if flag.any() and getattr(holds, kind)
    ]


def _torn(holds: Holds, rows: Rows) -> list[Loss]:
    """Drawings of one object that become objects of their own, where they are written."""
    apart = torn(rows)
    if holds.parts or not holds.drawings or not len(apart):
        return []
    one, boxes = len(apart) == 1, bool((rows.kind[apart] == RowKind.BOX).all())
    objects = len(np.unique(rows.instance[apart]))
    whose = "one object" if objects == 1 else f"{objects} objects"
    what = ("box" if one else "boxes") if boxes else ("drawing" if one else "drawings")
    become = "becomes an object of its own" if one else "become objects of their own"
    detail = f"{len(apart):,} {what} of {whose} {become}"
    named = first_instances(rows, apart)
    return [Loss("", "parts", len(apart), detail=detail, instances=named)]


def _overlaps(holds: Holds, rows: Rows) -> list[Loss]:
    if holds.overlap or len(rows) < 2:
        return []
    shared, who = touching(rows)
    if not shared:
        return []
    return [Loss("", "overlap", len(who), shared, instances=first_instances(rows, who))]
