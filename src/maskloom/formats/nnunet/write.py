"""Write nnU-Net v2 raw data: dataset.json, imagesTr, labelsTr, and imagesTs, labelsTs of `test`.

Classes get the numbers 1..n, void the highest as `ignore`. Classes that overlap become regions:
every combination of them that occurs has a number of its own. Images become PNG or the kind of
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

from maskloom.core.labels import Labels, RowKind, Rows, codes
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map, instance_rows
from maskloom.core.volumes import stacked
from maskloom.errors import DataError, UsageError, WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.nnunet.cases import CASES
from maskloom.formats.nnunet.dataset_json import BACKGROUND, FILE, IGNORE, NAME, labels_of_json
from maskloom.formats.nnunet.images import ChannelPlacer, put_labels
from maskloom.formats.shared.folders import write_side_file
from maskloom.formats.shared.json_files import json_line
from maskloom.formats.shared.maps import classes_to_values
from maskloom.formats.shared.volume_write import HOLDS, fitting
from maskloom.store.files import atomic_write_bytes, safe_join
from maskloom.store.tiff_volumes import SUFFIXES as TIFF

REGIONS = Holds(dense=True, void=True, overlap=True)
_MOST_REGIONS = 62
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
        self.source = {k: v for k, v in extra.get(NAME, {}).items() if k != CASES}
        self.ending: str = options.ending
        self.images = ChannelPlacer(target, options.images)
        self.cases: dict[str, str] = {}
        self.void = any(c.void for c in taxonomy)
        self.combinations: dict[int, int] = {0: 0}
        known = _combinations(self.source, taxonomy)
        self.regions = options.regions or known is not None
        if known is not None:
            self.combinations = known
        if self.regions and len(taxonomy) > _MOST_REGIONS:
            raise UsageError(f"at most {_MOST_REGIONS} regions are written", seen=len(taxonomy))
        self.fixed = known is not None
        self.ids = {i: n for n, i in enumerate(_ordered(taxonomy), start=1)}
        self.ignore = len(self.ids) + 1

    def has(self, key: str) -> bool:
        """Whether the labels are there."""
        folders = [self.target / f"labels{tail}" for tail in ("Tr", "Ts")]
        return any(safe_join(f, _case(key) + self.ending).is_file() for f in folders)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What classes or regions cannot hold; TIFF keeps the spacing of volumes alone."""
        found = losses_of(
            REGIONS if self.regions else HOLDS["class"], sample.key, labels, self.taxonomy
        )
        if len(sample.image.affine) == 4 and self._ending(volume=True) in TIFF:
            found.append(Loss(sample.key, "affine", 1, detail="TIFF keeps the spacing alone"))
        if self.fixed:
            bits = self._bits(labels)
            values, counts = np.unique(bits, return_counts=True)
            lost = [
                n
                for v, n in zip(values.tolist(), counts.tolist(), strict=True)
                if v not in self.combinations
            ]
            if lost:
                detail = f"{len(lost)} combinations of regions that dataset.json has no number for"
                found.append(Loss(sample.key, "overlap", len(lost), sum(lost), detail))
        return found

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

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write dataset.json and the side file, and move the split test."""
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
        if self.regions:
            data["regions_class_order"] = self._order()
        text = json_line(data, indent=1) + "\n"
        atomic_write_bytes(self.target / FILE, text.encode())
        if {"train", "val"} <= set(splits):
            folds = [{name: list(splits[name]) for name in ("train", "val")}]
            atomic_write_bytes(
                self.target / "splits_final.json", (json.dumps(folds, indent=1) + "\n").encode()
            )
        self._write_side(splits)
        return self.images.warnings()

    def _ending(self, *, volume: bool) -> str:
        """That of all files: what was asked for, else what was read if it fits, else the usual."""
        if self.ending != "auto":
            return self.ending
        given = self.source.get("file_ending")
        usual = _VOLUMES if volume else (".png",)
        return str(given) if given in usual else usual[0]

    def _write_side(self, splits: Mapping[str, tuple[str, ...]]) -> None:
        """Kinds, colours and keys, in the order and with the names of dataset.json."""
        void = [c for c in self.taxonomy if c.void]
        names = {c.name: c for c in self.taxonomy if not c.void}
        categories = []
        for one in labels_of_json(self._labels(), self.target / FILE).taxonomy:
            own = next(iter(void), one) if one.void else names.get(one.name, one)
            kept = replace(own, name=one.name, void=one.void, parent=None, whole=None)
            number = one.id_in(NAME)
            categories.append(kept if number is None else kept.with_id(NAME, number))
        write_side_file(self.target, Taxonomy(tuple(categories)), splits, kind=NAME)

    def _values(self, labels: Labels) -> NDArray[Any]:
        if self.regions:
            return self._region_values(labels)
        pixels = class_map(labels, self.taxonomy)
        self.void |= bool((pixels == codes(pixels.dtype)[0]).any())
        return classes_to_values(pixels, self.ids, void=self.ignore, background=0)

    def _region_values(self, labels: Labels) -> NDArray[Any]:
        """Numbers of the combinations that occur; new ones are numbered as they come."""
        bits = self._bits(labels)
        found, places = np.unique(bits, return_inverse=True)
        for combination in found.tolist():
            if combination not in self.combinations and not self.fixed:
                self.combinations[combination] = 1 + max(self.combinations.values(), default=0)
        numbers = np.array([self.combinations.get(v, 0) for v in found.tolist()], np.int64)
        return fitting(numbers[places].reshape(labels.size))

    def _bits(self, labels: Labels) -> NDArray[np.int64]:
        """(H, W) of the tall image: one bit per category; void alone, over all others."""
        tall = stacked(labels)
        rows = instance_rows(tall)
        out = np.zeros(tall.size, np.int64)
        for i in np.flatnonzero(rows.kind == RowKind.MASK).tolist():
            _paint_bit(rows, i, out)
        void = [i for i, c in enumerate(self.taxonomy) if c.void]
        pixels = class_map(tall, self.taxonomy)
        hidden = pixels == codes(pixels.dtype)[0]
        if hidden.any():
            if not void:
                raise DataError("void without a category", hint="name one: --map OLD=ignore")
            out[hidden] = 1 << void[0]
        return out

    def _labels(self) -> dict[str, Any]:
        """The `labels` of dataset.json."""
        if self.fixed:
            return dict(self.source["labels"])
        if not self.regions:
            numbered = {self.taxonomy[i].name: n for i, n in self.ids.items()}
            return {BACKGROUND: 0, **numbered, **({IGNORE: self.ignore} if self.void else {})}
        out: dict[str, Any] = {BACKGROUND: 0}
        for i in _ordered(self.taxonomy):
            own = sorted(n for bits, n in self.combinations.items() if bits >> i & 1)
            out[self.taxonomy[i].name] = own or [1 + max(self.combinations.values(), default=0)]
        return out

    def _names(self) -> dict[int, str]:
        """Number → name of classes; combinations of regions have no names."""
        if self.regions:
            return {}
        names = {n: self.taxonomy[i].name for i, n in self.ids.items()}
        return {**names, **({self.ignore: IGNORE} if self.void else {})}

    def _order(self) -> list[int]:
        """Which number each region paints in turn: that of its smallest combination."""
        if self.fixed and "regions_class_order" in self.source:
            return list(self.source["regions_class_order"])
        order = []
        for i in _ordered(self.taxonomy):
            own = [(bits.bit_count(), n) for bits, n in self.combinations.items() if bits >> i & 1]
            order.append(min(own)[1] if own else 1)
        return order


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> NnunetWriter:
    """A writer into the folder `target`; fields of a dataset.json in `extra` are kept."""
    return NnunetWriter(target, taxonomy, options, extra or {})


def _case(key: str) -> str:
    """The name of a sample in nnU-Net, which has no folders below imagesTr."""
    return key.rpartition("/")[2]


def _paint_bit(rows: Rows, i: int, out: NDArray[np.int64]) -> None:
    x0, y0, x1, y1 = rows.masks.boxes[i].tolist()
    inside = rows.masks[i].crop([x0, y0, x1, y1]).dense(0) if x1 > x0 else None
    if inside is not None:
        out[y0:y1, x0:x1][inside] |= 1 << int(rows.category[i])


def _ordered(taxonomy: Taxonomy) -> list[int]:
    """Positions of classes, in the order of their own numbers if these are 1..n."""
    own = {i: dict(taxonomy[i].ids).get(NAME) for i in taxonomy.scored}
    numbers = {n for n in own.values() if n is not None}
    if numbers == set(range(1, len(own) + 1)):
        return sorted(own, key=lambda i: own[i] or 0)
    return list(taxonomy.scored)


def _combinations(source: Mapping[str, Any], taxonomy: Taxonomy) -> dict[int, int] | None:
    """Bits of categories → number, of the regions that the source had; None if not the same."""
    if not isinstance(source.get("labels"), Mapping):
        return None
    coding = labels_of_json(source["labels"], Path(FILE))
    if not coding.regions or [c.name for c in coding.taxonomy] != [c.name for c in taxonomy]:
        return None
    return {
        sum(1 << i for i, own in enumerate(coding.members) if n in own): n
        for n in sorted(coding.numbers, reverse=True)
    }


def _move(target: Path, kind: str, name: str) -> None:
    source, goal = target / f"{kind}Tr" / name, target / f"{kind}Ts" / name
    if source.is_file():
        goal.parent.mkdir(parents=True, exist_ok=True)
        source.replace(goal)
