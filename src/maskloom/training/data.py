"""Which samples train and which validate: what `--split` and `--val` mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import RowKind
from maskloom.core.splits import hold_out, stratified_split
from maskloom.core.views import class_areas
from maskloom.errors import UsageError
from maskloom.formats.detect import part_of, read_dataset
from maskloom.formats.mapping import adopt_taxonomy
from maskloom.formats.rename import renamed

AUTO = "auto"
_AUTO_FRACTION = 0.2
_GROUP = "group:"


@dataclass(frozen=True, slots=True)
class Source:
    """How to open the data.

    Args:
        path: file or folder; `fmt` its format, `options` the format's read options.
        images: where images lie, if not in their usual place.
        renames: OLD=NEW pairs.
        split: training split; None is the split `train` where there is one, else all samples.
    """

    path: Path
    fmt: str
    options: Any
    images: Path | None = None
    renames: tuple[str, ...] = ()
    split: str | None = None

    def read(self, path: Path) -> Dataset:
        """A data set of this format and these names."""
        dataset = read_dataset(path, self.fmt, options=self.options, images=self.images)
        return renamed(dataset, self.renames)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Training and validation samples under one taxonomy, and what to know about them."""

    train: Dataset
    validation: Dataset
    notes: tuple[str, ...] = ()


def training_data(source: Source, val: str, seed: int) -> Parts:
    """Part the data.

    Args:
        source: the data.
        val: a fraction, a split's name, `@FILE` of keys, `group:NAME`, the path of another data
            set of the same format, or `auto`: the split `val` where there is one, else a fifth.
        seed: of a random split.

    Raises:
        UsageError: `val` is none of these, or a sample is on both sides.
    """
    whole = source.read(source.path)
    split = source.split or ("train" if "train" in whole.splits else None)
    train = part_of(whole, split)
    if val == AUTO:
        val = "val" if "val" in whole.splits and split != "val" else str(_AUTO_FRACTION)
    fraction = _fraction(val)
    if fraction is not None:
        train, held = stratified_split(train, fraction, seed)
    elif val.startswith(_GROUP):
        train, held = hold_out(train, val.removeprefix(_GROUP))
    elif val in whole.splits or val.startswith("@"):
        held = part_of(whole, val)
        if split is None:
            taken = {s.key for s in held.samples}
            train = train.select(s.key for s in train.samples if s.key not in taken)
    elif Path(val).exists():
        held = adopt_taxonomy(source.read(Path(val)), train.taxonomy)
    else:
        known = ", ".join(whole.splits) or "none"
        raise UsageError(
            "--val is no fraction, split, group or data set",
            seen=val,
            hint=f"splits here: {known}; or give 0.2, group:NAME or a path",
        )
    _refuse_shared(train, held, val, same_data=not Path(val).exists() or val in whole.splits)
    return Parts(train, held, (*_shared_groups(train, held), *_absent_classes(train, held)))


def guess_task(dataset: Dataset) -> str:
    """`instance` if the first labelled samples hold objects of thing classes, else `semantic`."""
    for sample in dataset.samples[:20]:
        rows = dataset.labels_of(sample).rows
        if rows is not None and any(
            kind == RowKind.MASK and dataset.taxonomy[c].kind == "thing"
            for c, kind in zip(rows.category.tolist(), rows.kind.tolist(), strict=True)
        ):
            return "instance"
    return "semantic"


def _fraction(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _refuse_shared(train: Dataset, held: Dataset, val: str, *, same_data: bool) -> None:
    """Within one data set a key is a sample; between two, the image file is."""
    if same_data:
        shared = {s.key for s in train.samples} & {s.key for s in held.samples}
    else:
        files = [{s.image.path for s in part.samples if s.image.path} for part in (train, held)]
        shared = {str(path) for path in files[0] & files[1]}
    if shared:
        raise UsageError(
            f"{len(shared)} samples are in training and in validation",
            where=f"--val {val}",
            seen=min(shared),
            hint="name another --split or --val",
        )


def _shared_groups(train: Dataset, held: Dataset) -> list[str]:
    shared = {s.group for s in train.samples if s.group} & {s.group for s in held.samples}
    if not shared:
        return []
    names = ", ".join(sorted(str(g) for g in shared)[:5])
    return [
        f"groups on both sides of the split ({names}): scores on near copies of training images "
        "are optimistic; --val group:NAME holds one out"
    ]


def _absent_classes(train: Dataset, held: Dataset) -> list[str]:
    """A class that validation lacks is not in its mean; one that training lacks is not learned."""
    taxonomy = train.taxonomy
    notes = []
    for name, part in (("training", train), ("validation", held)):
        areas = np.zeros(len(taxonomy), np.int64)
        for sample in part.samples:
            areas += class_areas(part.labels_of(sample), taxonomy)
        absent = [taxonomy[i].name for i in taxonomy.scored if areas[i] == 0]
        if absent:
            notes.append(f"no pixel of {', '.join(absent[:8])} among the {name} samples")
    return notes
