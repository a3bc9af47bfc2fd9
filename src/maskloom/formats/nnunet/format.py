"""nnU-Net v2 raw data: imagesTr/KEY_0000, labelsTr/KEY, dataset.json; 2-D and 3-D.

Labels without regions are class maps, with regions rows that overlap. The ignore label is void.
`labelsTs` is the split test; train and val are the first fold of `splits_final.json`.

Source: nnU-Net, documentation/dataset_format.md. Writing is `write.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.nnunet.cases import found_cases, listed_cases, more_channels
from maskloom.formats.nnunet.dataset_json import (
    FILE,
    FOLDS,
    NAME,
    NnunetLabels,
    labels_of_json,
    nnunet_name,
    read_dataset_json,
)
from maskloom.formats.nnunet.folds import read_folds
from maskloom.formats.nnunet.regions import kept_numbers
from maskloom.formats.nnunet.write import Write, writer
from maskloom.formats.shared.folders import (
    Pair,
    read_side_file,
    side_splits,
    splits_of,
)
from maskloom.formats.shared.maps import read_checked
from maskloom.formats.shared.volume_files import Found, samples_of, with_image
from maskloom.formats.shared.volume_ids import VolumeCoding, decode, label_numbers
from maskloom.formats.shared.volume_write import HOLDS
from maskloom.store.tiff_volumes import SUFFIXES as TIFF
from maskloom.store.tiff_volumes import is_tiff_volume
from maskloom.store.volumes import VOLUME_SUFFIXES, read_volume, volume_header

LOOKS_FOR = "dataset.json with file_ending, and labelsTr"
FLAT_ENDINGS = frozenset({".png", ".tif", ".tiff", ".bmp"})


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read nnU-Net data."""


def detect(path: Path) -> float:
    """Known by the file_ending of dataset.json, and labelsTr or a list of cases in it."""
    if not path.is_dir() or not (path / FILE).is_file():
        return 0.0
    text = (path / FILE).read_text("utf-8", "replace")
    known = (path / "labelsTr").is_dir() or '"dataset"' in text
    return 0.95 if known and '"file_ending"' in text else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a DatasetXXX_NAME folder; voxels are read when asked for.

    Raises:
        FormatError: dataset.json is damaged, or no labels are there.
    """
    if not (path / FILE).is_file():
        raise FormatError("no dataset.json", where=path, hint=LOOKS_FOR)
    data = read_dataset_json(path / FILE)
    coding = labels_of_json(data["labels"], path / FILE)
    side = read_side_file(path)
    taxonomy = _told(coding, side, path)
    ending = str(data["file_ending"]).lower()
    if ending not in FLAT_ENDINGS | VOLUME_SUFFIXES:
        raise FormatError(
            "a file ending that is not read",
            where=f"{path / FILE}: file_ending",
            seen=ending,
            hint=f"known: {', '.join(sorted(FLAT_ENDINGS | VOLUME_SUFFIXES))}",
        )
    listed = listed_cases(path, data, images)
    pairs, warnings = listed if listed is not None else found_cases(path, images, ending)
    if not pairs:
        raise FormatError("no label files found", where=path / "labelsTr", hint=LOOKS_FOR)
    deep = _deep(data, ending, pairs[0].labels)
    samples, found, bad = _samples(pairs, data, options, deep=deep)
    by_key = {one.key: one for one in pairs}

    def labels_of(sample: Sample) -> Labels:
        file = by_key[sample.key].labels
        if sample.kind != "volume":
            return _labels(_flat(read_checked(file, sample), file), coding, taxonomy, file)
        notes = with_image(file, found[sample.key], sample.image.path)
        values = label_numbers(read_volume(file), file)
        labels = _labels(values, coding, taxonomy, file)
        return labels.replace(extra={**labels.extra, "notes": notes}) if notes else labels

    folds, told = read_folds(path, by_key)
    first = {
        name: tuple(k for k in own if k in by_key) for name, own in next(iter(folds), {}).items()
    }
    splits = side_splits(side, by_key) or {**first, **splits_of(pairs)}
    return Dataset(
        taxonomy,
        samples,
        labels_of,
        {name: keys for name, keys in splits.items() if keys},
        name=path.name,
        warnings=warnings + told + bad,
        extra={NAME: {**data, **({FOLDS: folds} if len(folds) > 1 else {})}},
    )


def _deep(data: Mapping[str, Any], ending: str, first: Path) -> bool:
    """Whether the files are volumes; those of TIFF are if dataset.json or the first one says so."""
    if ending not in TIFF:
        return ending in VOLUME_SUFFIXES
    said = data.get("overwrite_image_reader_writer")
    readers = {"Tiff3DIO": True, "NaturalImage2DIO": False}
    return readers[said] if said in readers else is_tiff_volume(first)


def _samples(
    pairs: list[Pair], data: Mapping[str, Any], options: Read, *, deep: bool
) -> tuple[tuple[Sample, ...], dict[str, Any], tuple[str, ...]]:
    """(samples, headers of label volumes by key, warnings)."""
    names = data.get("channel_names")
    channels = tuple(str(v) for v in names.values()) if isinstance(names, Mapping) else ()
    if not deep:
        flat = (
            Sample(
                one.key,
                ImageRef(one.image, channels=channels),
                file_name=one.image.name if one.image is not None else "",
                extra=more_channels(one, data),
            )
            for one in pairs
        )
        return tuple(flat), {}, ()
    headers, bad = {}, []
    for one in pairs:
        try:
            headers[one.key] = volume_header(one.labels)
        except DataError as error:
            if not options.skip_bad:
                raise
            bad.append(error.message)
    kept = tuple(one for one in pairs if one.key in headers)
    samples = samples_of(Found(kept, headers, -1), channels)
    samples = tuple(
        _with_extra(sample, more_channels(one, data))
        for sample, one in zip(samples, kept, strict=True)
    )
    told = (f"{len(bad)} label volumes are left out, first {bad[0]}",) if bad else ()
    return samples, headers, told


def _with_extra(sample: Sample, extra: Mapping[str, Any]) -> Sample:
    columns = {name: getattr(sample, name) for name in Sample.__slots__}
    return Sample(**{**columns, "extra": {**sample.extra, **extra}})


def _told(coding: NnunetLabels, side: Mapping[str, Any], path: Path) -> Taxonomy:
    """The side file's categories (kinds, colours, keys) where they have the very same names.

    The void class is `ignore` in dataset.json, whatever its name is.
    """
    if not side:
        return coding.taxonomy
    told = Taxonomy.from_json(side, where=path)
    same = [c.void or c.name for c in told] == [c.void or c.name for c in coding.taxonomy]
    return told if same else coding.taxonomy


def _labels(values: NDArray[Any], coding: NnunetLabels, taxonomy: Taxonomy, where: Path) -> Labels:
    """Class maps, or rows of regions.

    Raises:
        FormatError: a number that dataset.json does not have.
    """
    if not coding.regions:
        ids = {
            own[0]: -1 if c.void else i
            for i, (own, c) in enumerate(zip(coding.members, taxonomy, strict=True))
        }
        return decode(values, VolumeCoding("class", taxonomy, {**ids, 0: -2}), where=where)
    unknown = sorted(set(np.unique(values).tolist()) - coding.numbers)
    if unknown:
        raise FormatError(
            "a number that dataset.json does not have",
            where=where,
            seen=unknown[0],
            hint=f"known: {', '.join(map(str, sorted(coding.numbers)))}",
        )
    planes = values if values.ndim == 3 else values[None]
    masks, category, plane = [Masks.empty(0, planes.shape[1:])], [], []
    for i, own in enumerate(coding.members):
        inside = np.isin(planes, own)
        seen = np.flatnonzero(inside.any(axis=(1, 2)))
        masks.append(Masks.from_dense(inside[seen]))
        category += [i] * len(seen)
        plane += seen.tolist()
    rows = Rows.make(
        Masks.concatenate(masks), category, instance=np.array(category, int) + 1, plane=plane
    )
    return Labels(values.shape, rows=rows, extra=kept_numbers(values, coding))


def _flat(values: NDArray[Any], where: Path) -> NDArray[Any]:
    """The numbers of a label image, of any channel where they are a grey map stored as colour."""
    if values.ndim == 2:
        return values
    if (values != values[..., :1]).any():
        raise FormatError(
            "a label image in colours has no numbers",
            where=where,
            seen=values.shape,
            hint="store one number per pixel, or read the folders with --from bitmap and "
            "--set colors=FILE",
        )
    return values[..., 0]


def _further_images(own: Any) -> list[str]:
    """Names of the image files of all channels but the first, which other formats do not take."""
    names = own.get("channels", ()) if isinstance(own, Mapping) else ()
    return [f"image {name}" for name in names]


FORMAT = Format(
    NAME,
    "nnU-Net v2 raw data: imagesTr, labelsTr, dataset.json; regions, ignore label",
    HOLDS["class"],
    LOOKS_FOR,
    Read,
    Write,
    detect,
    read,
    writer,
    dims=(2, 3),
    kept=Kept(
        ("nnunet", "nnunet_numbers", "volume.nifti"),
        Facts(notes=("nnunet.channels",), opened=("nnunet",), more=_further_images),
        Facts(
            notes=(
                *(f"nnunet.{name}" for name in ("labels", "numTraining", "file_ending")),
                *(f"nnunet.{name}" for name in ("channel_names", "regions_class_order")),
            ),
            opened=("nnunet",),
        ),
    ),
    names=nnunet_name,
)
