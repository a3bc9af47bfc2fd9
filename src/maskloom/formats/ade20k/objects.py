"""What an image of ADE20K holds, before it is rows: objects, parts of them, what is hidden.

The maps code class = R // 10 * 256 + G, and an object by the rank of its B among those above 0.
`release_2017.py` and `release_2020.py` make `AdeObject`s of the files of the two releases.

Source: ADE20K, loadAde20K.m.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.shared.maps import check_size
from maskloom.store.images import read_map

FORMAT_NAME = "ade20k"
MAX_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class AdeFiles:
    """The files of one image: `facts` is the text or JSON file, `parts` are by level from 1."""

    maps: Path
    facts: Path
    parts: tuple[Path, ...] = ()

    @property
    def json(self) -> bool:
        """Whether they are of the release of 2020, which has JSON files."""
        return self.facts.suffix == ".json"


@dataclass(frozen=True, slots=True, eq=False)
class AdeObject:
    """One object or part.

    Args:
        number: its instance id in the image, from 1.
        name: of its class, in full.
        level: 0 of objects, 1 of their parts, 2 of parts of parts, ...
        mask: one row of what is visible.
        parent: number of what it is a part of; -1 none.
        hidden: one row of what others hide of it, if that is known.
        attributes: that the file lists.
        source: fields that are not interpreted.
    """

    number: int
    name: str
    level: int
    mask: Masks
    parent: int = -1
    hidden: Masks | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)


def read_coded(path: Path, expected: tuple[int, int] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """(H, W) class indexes and (H, W) ranks of objects, 0 of what is not labelled.

    Raises:
        FormatError: the map has no colours, or not the expected size (H, W).
    """
    values = read_map(path)
    if values.ndim != 3 or values.dtype != np.uint8:
        seen = f"{values.dtype} {values.shape}"
        raise FormatError("not a colour map of class and object", where=path, seen=seen)
    check_size(path, values.shape[:2], expected)
    classes = values[..., 0].astype(np.int32) // 10 * 256 + values[..., 1]
    blue = values[..., 2]
    table = np.zeros(256, np.int32)
    present = np.unique(blue)
    present = present[present > 0]
    table[present] = np.arange(1, len(present) + 1)
    return classes, table[blue]


def lenient_text(path: Path) -> str:
    """The text of a file that is UTF-8, as most are, or Latin-1.

    Raises:
        FormatError: it cannot be read, or is huge.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"a file of more than {MAX_BYTES} bytes", where=path)
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", where=path) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def labels_of_objects(
    objects: Sequence[AdeObject],
    taxonomy: Taxonomy,
    labelled: NDArray[np.bool_],
    *,
    amodal: bool,
    notes: Sequence[str] = (),
) -> Labels:
    """Rows of an image, the deepest parts first, so that objects are painted over their parts.

    Args:
        objects: of the image.
        taxonomy: knows their names.
        labelled: (H, W) pixels that are labelled; others lie outside the coverage.
        amodal: what is hidden makes rows of its own; else it is kept as runs in `source`.
        notes: what the files contradict each other in.
    """
    size = (int(labelled.shape[0]), int(labelled.shape[1]))
    ordered = sorted(objects, key=lambda one: -one.level)
    whole = [one for one in ordered if one.hidden is not None] if amodal else []
    top = max((one.number for one in ordered), default=0)
    listed = [*whole, *ordered]
    masks = [one.mask.union(one.hidden) for one in whole if one.hidden is not None]
    masks += [one.mask for one in ordered]
    place = {c.name: i for i, c in enumerate(taxonomy)}
    number = [*range(top + 1, top + 1 + len(whole)), *(one.number for one in ordered)]
    rows = Rows.make(
        Masks.concatenate([Masks.empty(0, size), *masks]),
        np.array([place[one.name] for one in listed], np.int32),
        instance=np.array(number, np.int64),
        parent=np.array([one.parent for one in listed], np.int64),
        amodal_of=np.array([one.number for one in whole] + [-1] * len(ordered), np.int64),
        attributes=tuple(dict(one.attributes) or None for one in listed),
        source=tuple([None] * len(whole) + [_source(one, amodal=amodal) for one in ordered]),
    )
    coverage = FULL if labelled.all() else Coverage(area=Masks.from_dense(labelled))
    extra = {"notes": tuple(notes)} if notes else {}
    return Labels(size, rows=rows, coverage=coverage, extra=extra)


def _source(one: AdeObject, *, amodal: bool) -> dict[str, Any]:
    kept = dict(one.source)
    if one.hidden is not None and not amodal:
        kept["hidden"] = one.hidden.to_coco(0)
    return {FORMAT_NAME: kept}
