"""Write nnU-Net v2 raw data: dataset.json, imagesTr, labelsTr, and imagesTs, labelsTs of `test`.

Classes get the numbers 1..n, void the highest as `ignore`. Classes that overlap become regions
(`regions.py`). Images become PNG or the kind of
volume that the labels have, as nnU-Net wants one file ending throughout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, codes
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.nnunet.cases import CASES
from maskloom.formats.nnunet.dataset_json import (
    BACKGROUND,
    FILE,
    FOLDS,
    IGNORE,
    NAME,
    labels_of_json,
)
from maskloom.formats.nnunet.images import ChannelPlacer, put_labels
from maskloom.formats.nnunet.regions import NUMBERS, RegionNumbers
from maskloom.formats.shared.folders import write_side_file
from maskloom.formats.shared.json_files import json_line
from maskloom.formats.shared.maps import classes_to_values
from maskloom.formats.shared.volume_write import HOLDS, fitting
from maskloom.store.files import atomic_write_bytes, safe_join
from maskloom.store.images import read_map
from maskloom.store.tiff_volumes import SUFFIXES as TIFF
from maskloom.store.volumes import read_volume

REGIONS = Holds(dense=True, void=True, overlap=True)
_VOLUMES = (".nii.gz", ".nii", ".nrrd", ".mha", *TIFF)


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write nnU-Net data."""

    ending: Literal["auto", ".nii.gz", ".nii", ".nrrd", ".mha", ".tif", ".png"] = field(
        default="auto", metadata={"help": "of all files; auto: .png of images, .nii.gz of volumes"}
    )
    regions: bool = field(default=False, metadata={"help": "write classes that overlap as regions"})


class NnunetWriter:
    """DST/imagesTr/KEY_0000, DST/labelsTr/KEY, DST/dataset.json, DST/taxonomy.json."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        # Where files were is no longer so; those that are written lie where nnU-Net looks for them.
        own = {k: v for k, v in extra.get(NAME, {}).items() if k != CASES}
        self.folds: list[Any] = own.pop(FOLDS, [])
        self.source = own
        self.ending: str = options.ending
        self.images = ChannelPlacer(target, options.images)
        self.cases: dict[str, str] = {}
        self.void = any(c.void for c in taxonomy)
        self.numbers = RegionNumbers(self.source, taxonomy, more=options.regions)
        self.regions = options.regions or self.numbers.known
        self.writes = self._kept_fields()
        self._samples: dict[str, Sample] = {}
        self.ids = {i: n for n, i in enumerate(_ordered(taxonomy), start=1)}
        self.ignore = len(self.ids) + 1

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What classes or regions cannot hold; TIFF keeps the spacing of volumes alone."""
        found = losses_of(
            REGIONS if self.regions else HOLDS["class"], sample.key, labels, self.taxonomy
        )
        found += self._void_losses(sample.key, labels)
        if len(sample.image.affine) == 4 and self._ending(volume=True) in TIFF:
            found.append(Loss(sample.key, "affine", 1, detail="TIFF keeps the spacing alone"))
        if self.regions and (lost := self.numbers.lost(labels)):
            detail = (
                f"{len(lost)} combinations of regions that dataset.json has no number for; "
                "--set to.regions=true gives them one"
            )
            found.append(Loss(sample.key, "overlap", len(lost), sum(lost), detail))
        if not self.regions:
            hint = "--set to.regions=true writes classes that overlap as regions"
            found = [replace(one, detail=hint) if one.kind == "overlap" else one for one in found]
        return found

    def _void_losses(self, key: str, labels: Labels) -> list[Loss]:
        """Several void classes become one, the ignore label."""
        names = tuple(c.name for c in self.taxonomy if c.void)
        if len(names) < 2:
            return []
        pixels = class_map(labels, self.taxonomy)
        count = int(np.count_nonzero(pixels == codes(pixels.dtype)[0]))
        detail = f"one number for all of them: {', '.join(names)}"
        return (
            [Loss(key, "void_classes", pixels=count, detail=detail, names=names)] if count else []
        )

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the labels, and the image with all its channels.

        Raises:
            WriteError: images and volumes in one data set, two samples of one name, or the target
                cannot be written.
        """
        volume = len(labels.size) == 3
        self.ending = self._ending(volume=volume)
        if volume == (self.ending == ".png"):
            raise WriteError(
                f"{'volumes' if volume else 'images'} cannot be {self.ending}",
                where=sample.key,
                hint="nnU-Net wants one file ending: convert images and volumes apart, or leave "
                "out --set to.ending",
            )
        case = _case(sample.key)
        if case in self.cases.values():
            raise WriteError(
                "two samples would have one name; nnU-Net has no folders in imagesTr",
                where=sample.key,
                seen=case,
                hint="give each file a name of its own, or convert split by split",
            )
        path = safe_join(self.target / "labelsTr", case + self.ending)
        put_labels(path, self._values(labels), sample, self._names())
        self.images.put(sample, case, self.ending)
        self.cases[sample.key] = case
        if self.regions and not self.numbers.fixed:
            self._samples[case] = sample

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write dataset.json and the side file, and move the split test."""
        if self.regions:
            self._renumber(self.numbers.settled())
        splits = {
            name: tuple(self.cases[key] for key in keys if key in self.cases)
            for name, keys in splits.items()
        }
        test = splits.get("test", ())
        for case in test:
            _move(self.target, "labels", case + self.ending)
            _move(self.target, "labels", case + ".json")
            for name in self.images.names.get(case, ()):
                _move(self.target, "images", name)
        data = {
            **self.source,
            "channel_names": self.source.get("channel_names") or self.images.channel_names,
            "labels": self._labels(),
            "numTraining": len(self.cases) - len(test),
            "file_ending": self.ending if self.ending != "auto" else ".nii.gz",
        }
        if self.ending in TIFF:
            data.setdefault("overwrite_image_reader_writer", "Tiff3DIO")
        data.pop("regions_class_order", None)
        if self.regions:
            data["regions_class_order"] = self.numbers.order(_ordered(self.taxonomy))
        text = json_line(data, indent=1) + "\n"
        atomic_write_bytes(self.target / FILE, text.encode())
        if folds := self._folds(splits):
            text = json.dumps(folds, indent=1) + "\n"
            atomic_write_bytes(self.target / "splits_final.json", text.encode())
        self._write_side(splits)
        return self.images.warnings()

    def _kept_fields(self) -> tuple[str, ...]:
        """Fields of a source that are written again: of headers, those of files of one kind."""
        header: dict[str, tuple[str, ...]] = {
            ".nrrd": ("volume.nrrd", "volume.nrrd_header"),
            **dict.fromkeys((".nii.gz", ".nii"), ("volume.nifti",)),
        }
        own = header.get(self._ending(volume=True), ())
        return (NAME, *own, *((NUMBERS,) if self.numbers.known else ()))

    def _folds(self, splits: Mapping[str, tuple[str, ...]]) -> list[dict[str, list[str]]]:
        """The first fold, which the splits are, and the others of a set that was read."""
        folds = [
            {
                name: [self.cases[key] for key in fold.get(name, ()) if key in self.cases]
                for name in ("train", "val")
            }
            for fold in self.folds
        ]
        if {"train", "val"} <= set(splits):
            folds[:1] = [{name: list(splits[name]) for name in ("train", "val")}]
        return folds

    def _renumber(self, moved: Mapping[int, int]) -> None:
        """Give what was written the numbers that are now known to be right."""
        if not moved:
            return
        for case, sample in self._samples.items():
            path = safe_join(self.target / "labelsTr", case + self.ending)
            values = read_map(path) if self.ending == ".png" else read_volume(path).array
            table = np.arange(int(values.max(initial=0)) + 1)
            for old, new in moved.items():
                table[old : old + 1] = new
            put_labels(path, fitting(table[values]), sample, {})

    def _ending(self, *, volume: bool) -> str:
        """That of all files: what was asked for, else what was read if it fits, else the usual."""
        if self.ending != "auto":
            return self.ending
        given = self.source.get("file_ending")
        usual = _VOLUMES if volume else (".png",)
        return str(given) if given in usual else usual[0]

    def _write_side(self, splits: Mapping[str, tuple[str, ...]]) -> None:
        """Kinds, colours, keys, the name of void, in the order of dataset.json."""
        void = [c for c in self.taxonomy if c.void]
        names = {c.name: c for c in self.taxonomy if not c.void}
        categories = []
        for one in labels_of_json(self._labels(), self.target / FILE).taxonomy:
            own = next(iter(void), one) if one.void else names.get(one.name, one)
            name = own.name if one.void and len(void) == 1 else one.name
            kept = replace(own, name=name, void=one.void, parent=None, whole=None)
            number = one.id_in(NAME)
            categories.append(kept if number is None else kept.with_id(NAME, number))
        write_side_file(self.target, Taxonomy(tuple(categories)), splits, kind=NAME)

    def _values(self, labels: Labels) -> NDArray[Any]:
        if self.regions:
            return self.numbers.values(labels)
        pixels = class_map(labels, self.taxonomy)
        self.void |= bool((pixels == codes(pixels.dtype)[0]).any())
        return classes_to_values(pixels, self.ids, void=self.ignore, background=0)

    def _labels(self) -> dict[str, Any]:
        """The `labels` of dataset.json."""
        if self.regions:
            return self.numbers.labels(_ordered(self.taxonomy))
        numbered = {self.taxonomy[i].name: n for i, n in self.ids.items()}
        return {BACKGROUND: 0, **numbered, **({IGNORE: self.ignore} if self.void else {})}

    def _names(self) -> dict[int, str]:
        """Number → name of classes; combinations of regions have no names."""
        if self.regions:
            return {}
        names = {n: self.taxonomy[i].name for i, n in self.ids.items()}
        return {**names, **({self.ignore: IGNORE} if self.void else {})}


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> NnunetWriter:
    """A writer into the folder `target`; fields of a dataset.json in `extra` are kept."""
    return NnunetWriter(target, taxonomy, options, extra or {})


def _case(key: str) -> str:
    """The name of a sample in nnU-Net, which has no folders below imagesTr."""
    return key.rpartition("/")[2]


def _ordered(taxonomy: Taxonomy) -> list[int]:
    """Positions of classes, in the order of their own numbers if these are 1..n."""
    own = {i: dict(taxonomy[i].ids).get(NAME) for i in taxonomy.scored}
    numbers = {n for n in own.values() if n is not None}
    if numbers == set(range(1, len(own) + 1)):
        return sorted(own, key=lambda i: own[i] or 0)
    return list(taxonomy.scored)


def _move(target: Path, kind: str, name: str) -> None:
    source, goal = target / f"{kind}Tr" / name, target / f"{kind}Ts" / name
    if source.is_file():
        goal.parent.mkdir(parents=True, exist_ok=True)
        source.replace(goal)
