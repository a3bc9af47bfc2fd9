"""NIfTI label volumes (.nii, .nii.gz) beside image volumes, one number per voxel.

The layout of the Medical Segmentation Decathlon (imagesTr, labelsTr, dataset.json), any two
folders, or one folder of labels. Files are read and written by `store/nifti.py`; what the
numbers mean is `shared/volume_ids.py`.

Source: NIfTI-1.1 and NIfTI-2 (nifti.nimh.nih.gov); medicaldecathlon.com, dataset.json.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from maskloom.formats.nrrd.unsaid import segment_facts
from maskloom.formats.shared.folders import (
    absences,
    is_marked,
    list_files,
    read_json,
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
from maskloom.formats.shared.volume_ids import coding_of, decathlon_names, decode, label_numbers
from maskloom.formats.shared.volume_write import HOLDS, VolumeWrite, VolumeWriter
from maskloom.store.nifti import SUFFIXES, read_nifti, write_nifti
from maskloom.store.nifti_extensions import label_names, with_names
from maskloom.store.nifti_header import kept_bytes, kept_of, parse_header
from maskloom.store.volumes import volume_suffix

LOOKS_FOR = "a folder of .nii.gz labels (labelsTr, labels, ...), or one such file"
DATASET_FILE = "dataset.json"


def detect(path: Path) -> float:
    """Known by .nii and .nii.gz files in folders with usual names, or directly below."""
    if path.is_file():
        return 0.5 if volume_suffix(path) in SUFFIXES else 0.0
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"format": "nifti"'):
        return 0.97
    try:
        if two_folders(path, SUFFIXES):
            return 0.8
        if split_folders(path, lambda p: two_folders(p, SUFFIXES)):
            return 0.8
        return 0.45 if list_files(path, SUFFIXES) else 0.0
    except DataError:
        return 0.45


def read(path: Path, options: VolumeRead, images: Path | None) -> Dataset:
    """The data set of a folder or a file; headers are read now, voxels when asked for.

    Raises:
        FormatError: no label volumes, numbers without meaning, or a damaged file.
    """
    found = find_volumes(path, options, images, SUFFIXES)
    if not found.pairs:
        raise FormatError("no label volumes found", where=path, hint=LOOKS_FOR)
    root = path if path.is_dir() else path.parent
    by_key = {one.key: one for one in found.pairs}
    reads = [partial(_numbers, one.labels) for one in found.pairs]
    side = read_side_file(root)
    names = {} if side else _names(root, found)
    coding = coding_of(options, side, names, reads, fmt="nifti", where=path)

    def labels_of(sample: Sample) -> Labels:
        one = by_key[sample.key]
        notes = with_image(one.labels, found.headers[one.key], sample.image.path)
        labels = decode(_numbers(one.labels), coding, where=one.labels)
        return labels.replace(extra={"notes": notes}) if notes else labels

    return Dataset(
        coding.taxonomy,
        samples_of(found),
        labels_of,
        splits_of(found.pairs) or side_splits(side, by_key),
        name=path.name,
        warnings=coding.warnings
        + found.warnings
        + (absences(found.pairs, found.n_images) if found.n_images >= 0 else ()),
    )


def _numbers(path: Path) -> NDArray[Any]:
    return label_numbers(read_nifti(path), path)


def _names(root: Path, found: Found) -> Mapping[int, str]:
    """Names of a dataset.json, else of the label tables inside the files."""
    file = root / DATASET_FILE
    if file.is_file() and (names := decathlon_names(read_json(file), file)):
        return names
    tables: dict[int, str] = {}
    for one in found.pairs:
        raw = kept_of(found.headers[one.key].kept)
        table = {} if raw is None else label_names(raw)
        if not table or any(tables.get(i, name) != name for i, name in table.items()):
            return {}
        tables |= table
    return tables


def put_nifti(path: Path, values: NDArray[Any], sample: Sample, names: Mapping[int, str]) -> None:
    """Write a label volume on the sample's grid, with what its own header said besides.

    Args:
        path: of the file.
        values: (D, H, W) whole numbers.
        sample: whose labels they are.
        names: of the classes that they mean, which a label table in the file must not gainsay.

    Raises:
        WriteError: the target cannot be written.
    """
    kept = sample.extra.get("volume", {})
    raw = kept_of(kept)
    if raw is not None:
        own = parse_header(raw[:540], path)[0].dtype.newbyteorder("=")
        if np.array_equal(again := _cast(values, own), values):
            values = again
        kept = kept_bytes(with_names(raw, names))
    image = sample.image
    write_nifti(
        path,
        values,
        image.affine if len(image.affine) == 4 else (),
        spacing=image.spacing if len(image.spacing) == 3 else (),
        kept=kept,
    )


def _cast(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Whole numbers in the type that a file had; those that it lacks become others."""
    with np.errstate(invalid="ignore"):
        return values.astype(dtype)


def writer(
    target: Path, taxonomy: Taxonomy, options: VolumeWrite, extra: Any = None
) -> VolumeWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return VolumeWriter(target, taxonomy, options, fmt="nifti", suffix=".nii.gz", put=put_nifti)


FORMAT = Format(
    "nifti",
    "NIfTI label volumes (.nii.gz) beside image volumes, with affine",
    HOLDS["class"],
    LOOKS_FOR,
    VolumeRead,
    VolumeWrite,
    detect,
    read,
    writer,
    dims=(3,),
    kept=Kept(
        ("volume.nifti",),
        Facts(
            # What labels do not say of segments is told; lengths become mm everywhere.
            notes=(
                "volume.nrrd.Segment*",
                *(f"volume.nrrd_header.{n}units" for n in ("", "space ")),
            ),
            opened=("volume", "volume.nrrd", "volume.nrrd_header"),
            more=segment_facts,
        ),
    ),
)
