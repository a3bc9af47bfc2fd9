"""Which samples train and which validate: what `--split` and `--val` mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.labels import RowKind
from maskloom.core.splits import hold_out, stratified_split
from maskloom.errors import UsageError
from maskloom.formats.detect import read_dataset
from maskloom.formats.mapping import adopt_taxonomy
from maskloom.formats.rename import renamed

_GROUP = "group:"


@dataclass(frozen=True, slots=True)
class Source:
    """How to open the data.

    Args:
        path: file or folder; `fmt` its format, `options` the format's read options.
        images: where images lie, if not in their usual place.
        renames: OLD=NEW pairs.
        split: training split, or None for all samples.
    """

    path: Path
    fmt: str
    options: Any
    images: Path | None = None
    renames: tuple[str, ...] = ()
    split: str | None = None


def training_data(source: Source, val: str, seed: int) -> tuple[Dataset, Dataset]:
    """(training, validation) under one taxonomy.

    Args:
        source: the data.
        val: a fraction, a split's name, `group:NAME`, or the path of another data set.
        seed: of a random split.

    Raises:
        UsageError: `val` is none of these, or a group or split is on both sides.
    """
    whole = read_dataset(source.path, source.fmt, options=source.options, images=source.images)
    whole = renamed(whole, source.renames)
    train = whole.split(source.split)
    fraction = _fraction(val)
    if fraction is not None:
        return stratified_split(train, fraction, seed)
    if val.startswith(_GROUP):
        return hold_out(train, val.removeprefix(_GROUP))
    if val in whole.splits:
        held = set(whole.splits[val])
        if source.split is None:
            train = train.select(s.key for s in train.samples if s.key not in held)
        elif source.split == val:
            raise UsageError("training and validation are the same split", seen=val)
        return train, whole.split(val)
    if Path(val).exists():
        return train, _other(Path(val), train)
    raise UsageError(
        "--val is no fraction, split, group or data set", seen=val,
        hint=f"splits here: {', '.join(whole.splits) or 'none'}; or give 0.2, group:NAME or a path",
    )


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


def _other(path: Path, train: Dataset) -> Dataset:
    return adopt_taxonomy(read_dataset(path), train.taxonomy)
