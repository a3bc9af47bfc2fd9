"""The image of a segmentation as Slicer saves scenes: `c.seg.nrrd` beside `c.nrrd`, and its grid.

A segmentation may be cropped to its segments; where in its image it lies, both places say.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from maskloom.core.outcome import counted, was
from maskloom.core.volumes import SAME_PLACE, displacement
from maskloom.errors import DataError
from maskloom.formats.nrrd.segments import segments_of
from maskloom.formats.nrrd.write import PLAIN, SEGMENTS
from maskloom.formats.shared.folders import Pair
from maskloom.formats.shared.volume_files import LABEL_FOLDERS, Found
from maskloom.store.volume_header import VolumeHeader
from maskloom.store.volumes import VOLUME_SUFFIXES, volume_header

_LABELS = frozenset(name.lower() for name in LABEL_FOLDERS)


def with_scene_images(found: Found, ending: str) -> Found:
    """The same, with the images that lie beside segmentations for which there is no folder.

    Args:
        found: segmentations, or volumes of numbers, which stay as they are.
        ending: of the names of images.
    """
    if found.n_images >= 0:
        return found
    pairs, told = [], []
    notes: tuple[str, ...] = ()
    for one in found.pairs:
        image = _beside(one, ending)
        note = "" if image is None else _unfit(found.headers[one.key], image)
        told += [note] if note else []
        pairs.append(one if image is None or note else replace(one, image=image))
    if told:
        count = counted(len(told), "file")
        notes = (f"{count} beside segmentations {was(len(told))} not taken for images: {told[0]}",)
    return replace(found, pairs=tuple(pairs), warnings=(*found.warnings, *notes))


def _beside(one: Pair, ending: str) -> Path | None:
    """The file that has the name of a segmentation without `.seg`; none in a folder of labels."""
    folder = one.labels.parent
    if not one.labels.name.lower().endswith(SEGMENTS) or folder.name.lower() in _LABELS:
        return None
    name = one.key.rpartition("/")[2] + ending
    usual = [PLAIN, *sorted(VOLUME_SUFFIXES - {PLAIN})]
    files = (folder / (name + suffix) for suffix in usual)
    return next((path for path in files if path.is_file() and path != one.labels), None)


def _unfit(header: VolumeHeader, image: Path) -> str:
    """Why a file is not the image of a segmentation, or nothing."""
    try:
        other = volume_header(image)
        if segments_of(other.kept.get("nrrd", {}), other.channels, image):
            return f"{image.name}: it is a segmentation"
    except DataError as error:
        return error.message
    fits = other.size == header.size or image_grid(header, image) is not None
    return "" if fits else f"{image.name}: its grid does not hold that of the segmentation"


def image_grid(
    header: VolumeHeader, image: Path | None
) -> tuple[VolumeHeader, tuple[int, int, int]] | None:
    """The image's header and where in it (z, y, x) a cropped segmentation begins; None if whole."""
    if image is None or not image.exists() or not header.affine:
        return None
    other = volume_header(image)
    if other.size == header.size or not other.affine:
        return None
    matrix = np.array(other.affine)
    start = np.linalg.solve(matrix, np.array(header.affine)[:, 3])[:3]
    first = np.rint(start).astype(int)
    moved = matrix.copy()
    moved[:, 3] = matrix @ np.array([*first, 1])
    place = tuple(tuple(float(v) for v in row) for row in moved)
    z, y, x = (int(v) for v in first[::-1])
    fits = all(
        a >= 0 and a + n <= side
        for a, n, side in zip((z, y, x), header.size, other.size, strict=True)
    )
    return (
        (other, (z, y, x))
        if fits and displacement(place, header.affine, header.size) <= SAME_PLACE
        else None
    )
