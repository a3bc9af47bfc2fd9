"""NRRD label volumes: plain numbers (.nrrd) and segmentations of 3D Slicer (.seg.nrrd).

Plain volumes are class maps or objects as in `nifti`; segmentations are objects that may overlap
(`segments.py`). A segmentation that is cropped is put back onto the grid of its image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, FormatError
from maskloom.formats.base import Format
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.nrrd.scene import image_grid, with_scene_images
from maskloom.formats.nrrd.segments import moved_offset, rows_of, segments_of, taxonomy_of
from maskloom.formats.nrrd.unsaid import EMPTY, FACTS, empty_facts
from maskloom.formats.nrrd.write import HOLDS, PLAIN, SEGMENTS, Write, writer
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    absences,
    is_marked,
    list_files,
    read_side_file,
    side_splits,
    splits_of,
)
from maskloom.formats.shared.volume_files import (
    Found,
    VolumeRead,
    find_volumes,
    samples_of,
    split_folders,
    two_folders,
    with_image,
)
from maskloom.formats.shared.volume_ids import coding_of, decode, whole_numbers
from maskloom.store.nrrd import read_nrrd
from maskloom.store.volume_header import VolumeHeader

LOOKS_FOR = "a folder of .seg.nrrd or .nrrd labels (labels, segmentations, ...), or one such file"


def detect(path: Path) -> float:
    """Known by .seg.nrrd files, or .nrrd files in folders with usual names."""
    if path.is_file():
        name = path.name.lower()
        return 0.9 if name.endswith(SEGMENTS) else 0.5 if name.endswith(PLAIN) else 0.0
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"format": "nrrd"'):
        return 0.97
    try:
        two = two_folders(path, [SEGMENTS, PLAIN])
        if two or split_folders(path, lambda p: two_folders(p, [SEGMENTS, PLAIN])):
            return 0.8
        if list_files(path, [SEGMENTS]):
            return 0.75
        return 0.45 if list_files(path, [PLAIN]) else 0.0
    except DataError:
        return 0.45


def read(path: Path, options: VolumeRead, images: Path | None) -> Dataset:
    """The data set of a folder or a file; headers are read now, voxels when asked for.

    Raises:
        FormatError: no label volumes, numbers without meaning, or a damaged file.
    """
    found = find_volumes(path, options, images, _suffixes(path))
    if images is None and options.images is None:
        found = with_scene_images(found, options.image_suffix)
    if not found.pairs:
        raise FormatError("no label volumes found", where=path, hint=LOOKS_FOR)
    root = path if path.is_dir() else path.parent
    side = read_side_file(root)
    segmented = [bool(_segments(found, one.key)) for one in found.pairs]
    if any(segmented) and not all(segmented):
        plain = found.pairs[segmented.index(False)].labels
        raise FormatError(
            "segmentations and plain numbers in one data set",
            where=path,
            seen=plain.name,
            hint="read them apart: --set from.suffix= and --set from.masks=",
        )
    make = _segmentations if any(segmented) else _numbers
    data = make(path, found, options, side)
    keys = [one.key for one in found.pairs]
    return replace(
        data,
        splits=splits_of(found.pairs) or side_splits(side, keys),
        name=path.name,
        warnings=data.warnings
        + found.warnings
        + (absences(found.pairs, found.n_images) if found.n_images >= 0 else ()),
    )


def _suffixes(path: Path) -> list[str]:
    """.seg.nrrd alone where there are any: plain ones beside them are images."""
    if path.is_file():
        return [SEGMENTS, PLAIN]
    return [SEGMENTS] if any(path.rglob(f"*{SEGMENTS}")) else [PLAIN]


def _segments(found: Found, key: str) -> tuple[Any, ...]:
    header = found.headers[key]
    file = next(one.labels for one in found.pairs if one.key == key)
    return segments_of(header.kept.get("nrrd", {}), header.channels, file)


def _numbers(path: Path, found: Found, options: VolumeRead, side: Mapping[str, Any]) -> Dataset:
    by_key = {one.key: one for one in found.pairs}
    reads = [partial(_values, one.labels) for one in found.pairs]
    coding = coding_of(options, side, {}, reads, fmt="nrrd", where=path)

    def labels_of(sample: Sample) -> Labels:
        one = by_key[sample.key]
        notes = with_image(one.labels, found.headers[one.key], sample.image.path)
        labels = decode(_values(one.labels), coding, where=one.labels)
        return labels.replace(extra={"notes": notes}) if notes else labels

    return Dataset(coding.taxonomy, samples_of(found), labels_of, warnings=coding.warnings)


def _values(path: Path) -> NDArray[Any]:
    return whole_numbers(read_nrrd(path).array, path)


def _segmentations(
    path: Path, found: Found, options: VolumeRead, side: Mapping[str, Any]
) -> Dataset:
    del options
    segments = {one.key: _segments(found, one.key) for one in found.pairs}
    told = Taxonomy.from_json(side, where=path / SIDE_FILE) if side else None
    taxonomy = taxonomy_of(list(segments.values()), told)
    by_key = {one.key: one for one in found.pairs}
    grids = {one.key: image_grid(found.headers[one.key], one.image) for one in found.pairs}

    def labels_of(sample: Sample) -> Labels:
        one = by_key[sample.key]
        grid = grids[one.key]
        notes = () if grid else with_image(one.labels, found.headers[one.key], sample.image.path)
        array = read_nrrd(one.labels).array
        if grid:
            array = _placed(array, *grid)
        own = segments[one.key]
        rows = rows_of(array, own, taxonomy, one.labels)
        seen = set(rows.instance.tolist())
        empty = [part.name for n, part in enumerate(own, start=1) if n not in seen]
        extra = {
            **({"notes": notes} if notes else {}),
            **({"nrrd": {EMPTY: empty}} if empty else {}),
        }
        return Labels(array.shape[:3], rows=rows, extra=extra)

    samples = tuple(
        _on_grid(one, *grid) if (grid := grids[one.key]) else one for one in samples_of(found)
    )
    return Dataset(taxonomy, samples, labels_of)


def _on_grid(sample: Sample, header: VolumeHeader, first: tuple[int, int, int]) -> Sample:
    """The sample of a cropped segmentation, on the whole grid of its image."""
    volume = sample.extra.get("volume", {})
    pairs = moved_offset(volume.get("nrrd", {}), first)
    return replace(
        sample,
        image=replace(sample.image, size=header.size, affine=header.affine),
        extra={**sample.extra, "volume": {**volume, "nrrd": pairs}},
    )


def _placed(array: NDArray[Any], header: VolumeHeader, first: tuple[int, int, int]) -> NDArray[Any]:
    out = np.zeros((*header.size, *array.shape[3:]), array.dtype)
    z, y, x = first
    d, h, w = array.shape[:3]
    out[z : z + d, y : y + h, x : x + w] = array
    return out


FORMAT = Format(
    "nrrd",
    "NRRD label volumes and segmentations of 3D Slicer (.seg.nrrd), which may overlap",
    HOLDS,
    LOOKS_FOR,
    VolumeRead,
    Write,
    detect,
    read,
    writer,
    dims=(3,),
    # Volumes of numbers drop what is said of segments: their writer tells it.
    kept=Kept(
        ("volume.nrrd", "volume.nrrd_header", FACTS, "nrrd"),
        Facts(notes=(f"nrrd.{EMPTY}",), opened=("nrrd",), more=empty_facts),
    ),
)
