"""Maps of the frames of videos: a folder of maps is a sequence, in the natural order of its names.

Object ids are tracks then: a number is one object in all frames of its folder. DAVIS is known by
its folders; elsewhere `sequences=folder` says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskloom.core.labels import Labels
from maskloom.core.sample import Sample

DAVIS_VOID = 255
FOLDER = "folder"
_SIZES = frozenset({"480p", "1080p", "Full-Resolution"})
_FRAME = re.compile(r"\d{5}")
_DIGITS = re.compile(r"(\d+)")


def is_davis(maps: Iterable[Path]) -> bool:
    """Whether all maps lie as those of DAVIS: Annotations/480p/SEQUENCE/00000.png.

    Source: Perazzi et al. 2016 and Pont-Tuset et al. 2017; the folders of its releases.
    """
    found = False
    for path in maps:
        parts = path.resolve().parts
        if len(parts) < 4 or parts[-3] not in _SIZES or not parts[-4].startswith("Annotations"):
            return False
        if path.suffix != ".png" or not _FRAME.fullmatch(path.stem):
            return False
        found = True
    return found


def as_frames(samples: Iterable[Sample], root: str) -> tuple[Sample, ...]:
    """The samples as frames: the folder is the sequence, the place in natural order the index.

    Args:
        samples: in the order that they keep.
        root: name of the sequence of samples that lie in no folder.

    >>> from maskloom.core.sample import ImageRef
    >>> names = ("cat/f10", "cat/f9", "dog/f1")
    >>> found = as_frames([Sample(n, ImageRef(None)) for n in names], "all")
    >>> [(s.sequence, s.index) for s in found]
    [('cat', 1), ('cat', 0), ('dog', 0)]
    """
    listed = tuple(samples)
    folders: dict[str, list[str]] = {}
    for sample in listed:
        folder, _, name = sample.key.rpartition("/")
        folders.setdefault(folder, []).append(name)
    places = {
        (folder, name): place
        for folder, names in folders.items()
        for place, name in enumerate(sorted(names, key=_natural))
    }
    out = []
    for sample in listed:
        folder, _, name = sample.key.rpartition("/")
        place = places[folder, name]
        out.append(replace(sample, kind="frame", sequence=folder or root, index=place))
    return tuple(out)


def tracked(labels: Labels) -> Labels:
    """Labels whose objects are tracks of their own numbers."""
    rows = labels.rows
    return labels if rows is None else labels.replace(rows=replace(rows, track=rows.instance))


def says_tracks(sample: Sample, labels: Labels) -> bool:
    """Whether maps in folders say who is who: a frame in its sequence's folder, tracks as ids.

    Args:
        sample: written at its key.
        labels: of it.
    """
    rows = labels.rows
    if rows is None or sample.sequence is None:
        return False
    inside = sample.key.rpartition("/")[0] == sample.sequence
    return inside and bool((rows.track == rows.instance).all())


def untracked(labels: Labels) -> Labels:
    """Labels without tracks."""
    rows = labels.rows
    if rows is None:
        return labels
    return labels.replace(rows=replace(rows, track=np.full(len(rows), -1, np.int64)))


def _natural(name: str) -> tuple[tuple[str | int, ...], str]:
    """Numbers in a name count as numbers, so that 9 comes before 10; equal ones go by spelling."""
    parts = _DIGITS.split(name)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name
