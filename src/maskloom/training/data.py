"""Which samples train and which validate: what `--split` and `--val` mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, RowKind, codes
from maskloom.core.outcome import counted
from maskloom.core.splits import hold_out, stratified_split
from maskloom.core.views import class_areas
from maskloom.errors import UsageError
from maskloom.formats.detect import PROJECT, is_there, part_of, read_dataset
from maskloom.formats.mapping import adopt_taxonomy
from maskloom.formats.rename import renamed
from maskloom.registry import FORMATS

AUTO = "auto"
SAME = "same"
_AUTO_FRACTION = 0.2
_GROUP = "group:"
_SAME_NOTE = (
    "validated on the training samples: the scores tell whether the model can learn them, not how "
    "it does on other images"
)


@dataclass(frozen=True, slots=True)
class Source:
    """How to open the data.

    Args:
        path: file or folder; `fmt` its format, `options` the format's read options.
        images: where images lie, if not in their usual place.
        renames: OLD=NEW pairs.
        split: training split; None is the split `train` where there is one, else all samples.
        held: keys that a parent run validated on; they are validated on again by `auto`.
    """

    path: Path
    fmt: str
    options: Any
    images: Path | None = None
    renames: tuple[str, ...] = ()
    split: str | None = None
    held: tuple[str, ...] = ()

    def read(self, path: Path) -> Dataset:
        """A data set of this format and these names."""
        dataset = read_dataset(path, self.fmt, options=self.options, images=self.images)
        return renamed(dataset, self.renames)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Training and validation samples under one taxonomy, and what to know about them.

    `whole` is everything that the source says, labelled or not.
    """

    whole: Dataset
    train: Dataset
    validation: Dataset
    notes: tuple[str, ...] = ()


def training_data(source: Source, val: str, seed: int) -> Parts:
    """Part the data.

    Args:
        source: the data.
        val: a fraction, a split's name, `@FILE` of keys, `group:NAME`, the path of another data
            set of the same format, `same`: the training samples themselves, or `auto`: the
            split `val` where there is one, else what the parent run was validated on, else a
            fifth.
        seed: of a random split.

    Raises:
        UsageError: `val` is none of these, or a sample is on both sides.
    """
    everything = source.read(source.path)
    split = source.split or ("train" if "train" in everything.splits else None)
    whole, notes = _labelled(everything) if source.fmt == PROJECT else (everything, [])
    train = part_of(whole, split, of=source.path)
    if val == SAME:
        absent = _absent_classes(train, train)[:1]
        return Parts(everything, train, train, (*notes, *absent, _SAME_NOTE))
    if val == AUTO and "val" in whole.splits and split != "val":
        val = "val"
    if val == AUTO and (again := _present(source.held, train)):
        held = train.select(again)
        train = _without(train, held)
    else:
        val = str(_AUTO_FRACTION) if val == AUTO else val
        train, held = _parted(source, (whole, train), split, val, seed)
    _refuse_shared(train, held, val, same_data=not is_there(val) or val in whole.splits)
    notes += [*_shared_groups(train, held), *_absent_classes(train, held)]
    return Parts(everything, train, held, tuple(notes))


def _parted(
    source: Source, data: tuple[Dataset, Dataset], split: str | None, val: str, seed: int
) -> tuple[Dataset, Dataset]:
    """(training, validation) by a fraction, group, split, list or other data set."""
    whole, train = data
    fraction = _fraction(val)
    if fraction is not None:
        return stratified_split(train, fraction, seed)
    if val.startswith(_GROUP):
        return hold_out(train, val.removeprefix(_GROUP))
    if val in whole.splits or val.startswith("@"):
        held = part_of(whole, val, of=source.path)
        return (_without(train, held) if split is None else train), held
    if is_there(val):
        return train, adopt_taxonomy(source.read(Path(val)), train.taxonomy)
    known = ", ".join(whole.splits) or "none"
    raise UsageError(
        "--val is no fraction, split, group or data set",
        seen=val,
        hint=f"splits here: {known}; or give 0.2, group:NAME or a path",
    )


def _labelled(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Without the samples of a project that nobody has labelled yet, and a note on them."""
    keys = [sample.key for sample, labels in dataset if not _empty(labels)]
    left = len(dataset) - len(keys)
    if not left:
        return dataset, []
    if not keys:
        raise UsageError(
            "no image of the project is labelled yet",
            where=dataset.name,
            hint="label some with `maskloom label`, or name another layer: PROJECT::LAYER",
        )
    kept = set(keys)
    splits = {n: tuple(k for k in members if k in kept) for n, members in dataset.splits.items()}
    chosen = replace(dataset.select(keys), splits={n: m for n, m in splits.items() if m})
    return chosen, [
        f"{counted(left, 'image')} without labels {'is' if left == 1 else 'are'} left out"
    ]


def _empty(labels: Labels) -> bool:
    if not labels.coverage.nothing:
        return False
    if labels.rows is not None:
        return len(labels.rows) == 0
    assert labels.class_map is not None
    return bool(np.isin(labels.class_map, codes(labels.class_map.dtype)).all())


def _present(keys: tuple[str, ...], dataset: Dataset) -> list[str]:
    """Those keys of a parent's validation that are here; none where most are gone."""
    known = {sample.key for sample in dataset.samples}
    found = [key for key in keys if key in known]
    return found if 2 * len(found) >= len(keys) and len(found) < len(known) else []


def _without(train: Dataset, held: Dataset) -> Dataset:
    taken = {s.key for s in held.samples}
    return train.select(s.key for s in train.samples if s.key not in taken)


def guess_task(dataset: Dataset, fmt: str = "") -> str:
    """`instance` if the first labelled samples hold objects of thing classes, else `semantic`.

    Objects in a format that is for panoptic labels alone mean `panoptic`.
    """
    objects = "panoptic" if fmt in FORMATS and FORMATS[fmt].task == ("panoptic",) else "instance"
    for sample in dataset.samples[:20]:
        rows = dataset.labels_of(sample).rows
        if rows is not None and any(
            kind == RowKind.MASK and dataset.taxonomy[c].kind == "thing"
            for c, kind in zip(rows.category.tolist(), rows.kind.tolist(), strict=True)
        ):
            return objects
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
            more = f" and {len(absent) - 8} more classes" if len(absent) > 8 else ""
            notes.append(f"no pixel of {', '.join(absent[:8])}{more} among the {name} samples")
    return notes
