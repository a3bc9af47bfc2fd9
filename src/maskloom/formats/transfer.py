"""Copy a data set into another format: losses first, then bytes, then read back and compared.

The target appears by rename when it is whole and what was written has been read again.
Comparing is `compare.py`, renaming categories `rename.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.lazy_samples import keys_of, sorted_by_key
from maskloom.core.outcome import counted
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import WriteError
from maskloom.formats.base import Format, Writer, writer_for
from maskloom.formats.compare import Counts, compare
from maskloom.formats.compare_facts import changed_splits
from maskloom.formats.detect import read_dataset
from maskloom.formats.difference import Difference
from maskloom.formats.facts import FactLosses
from maskloom.formats.loss import Loss
from maskloom.formats.matched import paired
from maskloom.formats.readers import Readers
from maskloom.formats.shared.class_names import refuse_names
from maskloom.formats.tally import LossTotal, Tally
from maskloom.formats.target import staged
from maskloom.work.progress import track


@dataclass(frozen=True, slots=True)
class Transfer:
    """What one conversion did.

    Args:
        images: samples.
        objects: annotated objects of the source; class maps have none.
        exact_objects: objects that came back with the same pixels or place and category, and the
            same score where the target holds scores; None where nothing was written.
        changed_pixels: pixels that came back otherwise; None likewise.
        labelled_pixels: pixels of the source's class maps that are not void.
        losses: per kind.
        warnings: of the source and of the writer.
        written: whether the target is there; False where losses were not allowed.
    """

    images: int
    objects: int = 0
    exact_objects: int | None = None
    changed_pixels: int | None = None
    losses: tuple[LossTotal, ...] = ()
    warnings: tuple[str, ...] = ()
    written: bool = False
    labelled_pixels: int = 0

    @property
    def refused(self) -> tuple[LossTotal, ...]:
        """The losses that must be allowed."""
        return tuple(loss for loss in self.losses if loss.refused)


class _Refused(Exception):
    """Ends a staged write whose losses were not allowed; `counts` are of the source."""

    def __init__(self, losses: Tally, counts: Counts, back: Difference | None = None) -> None:
        self.losses, self.counts, self.back = losses, counts, back
        super().__init__("refused")

    def transfer(self, images: int, warnings: tuple[str, ...]) -> Transfer:
        """What there is to tell of a conversion that was not done."""
        return Transfer(
            images,
            self.counts.objects,
            None if self.back is None else self.back.exact_objects,
            None if self.back is None else self.back.changed_pixels,
            self.losses.totals(),
            warnings,
            labelled_pixels=self.counts.labelled_pixels,
        )


def transfer(
    dataset: Dataset,
    dst: Path,
    fmt: Format,
    *,
    options: Any = None,
    allow_loss: bool = False,
    readers: Readers | None = None,
) -> Transfer:
    """Write a data set in a format; nothing is left behind unless it is whole.

    Args:
        dataset: what to write.
        dst: a folder, or a file where the format has a `file_suffix`; must not exist.
        fmt: of the target.
        options: its `WriteOptions`.
        allow_loss: write although the target cannot hold everything.
        readers: of the same data set, to read and compare; None is this process. The bytes are
            the same.

    Raises:
        WriteError: the target exists or cannot be written, or holds no such name of a class.
        DataError: labels of the source are damaged.
    """
    ordered = sorted_by_key(dataset.samples)
    if not fmt.written:
        writer_for(fmt, dst, dataset.taxonomy)  # says so, by the target's own name
    refuse_names(dataset.taxonomy, fmt.names, fmt.name, dst)
    try:
        with staged(dst, fmt) as partial:
            writer = writer_for(
                fmt, partial, dataset.taxonomy, options=options, extra=dataset.extra
            )
            labelled = _labelled(dataset, ordered, partial, fmt, readers)
            fitting = _fitting(labelled, fmt, dst, ordered)
            facts, counts = FactLosses(fmt, writer), Counts(dataset.taxonomy)
            losses, notes = _write(
                counts.of(fitting), writer, facts, dataset.taxonomy, allow_loss=allow_loss
            )
            losses += facts.of_dataset(dataset)
            if losses.refused and not allow_loss:
                raise _Refused(losses, counts)
            warnings = writer.finish(_splits(dataset)) + notes
            difference = _verify(dataset, partial, fmt, readers)
            losses += _untold(difference, losses)
            if not allow_loss and losses.refused:
                raise _Refused(losses, counts, difference)
    except _Refused as refused:
        return refused.transfer(len(ordered), dataset.warnings)
    return Transfer(
        len(ordered),
        difference.objects,
        difference.exact_objects,
        difference.changed_pixels,
        losses.totals(),
        dataset.warnings + warnings,
        written=True,
        labelled_pixels=difference.labelled_pixels,
    )


def _splits(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """The splits, without those of which nothing was chosen."""
    if not dataset.splits:
        return {}
    chosen = set(keys_of(dataset.samples))
    return {
        n: keys for n, keys in dataset.splits.items() if not keys or not chosen.isdisjoint(keys)
    }


def _labelled(
    dataset: Dataset, ordered: Sequence[Sample], partial: Path, fmt: Format, readers: Readers | None
) -> Iterator[tuple[Sample, Labels]]:
    if readers is not None:
        yield from zip(ordered, readers.labels(list(keys_of(ordered)), partial, fmt), strict=True)
        return
    for sample in track(ordered, "converting", unit="images"):
        yield sample, dataset.labels_of(sample)


def _fitting(
    labelled: Iterator[tuple[Sample, Labels]], fmt: Format, dst: Path, samples: Sequence[Sample]
) -> Iterator[tuple[Sample, Labels]]:
    """The same, refused where the format has no such frames.

    Raises:
        WriteError: a volume for a format of images, or an image for one of volumes.
    """
    for sample, labels in labelled:
        if len(labels.size) not in fmt.dims:
            volume = len(labels.size) == 3
            raise WriteError(
                f"{fmt.name} holds {'images, not volumes' if volume else 'volumes, not images'}",
                where=dst,
                seen=f"{sample.key} of {' × '.join(map(str, labels.size))}",
                hint=_apart(samples)
                or f"write --to {'nifti, nrrd or nnunet' if volume else 'coco, say, or bitmap'}",
            )
        yield sample, labels


def _apart(samples: Sequence[Sample]) -> str:
    """What to do about images and volumes in one data set, which few formats hold together."""
    volumes = sum(sample.kind == "volume" for sample in samples)
    if volumes in (0, len(samples)):
        return ""
    return (
        f"{counted(volumes, 'volume')} and {counted(len(samples) - volumes, 'image')} lie here "
        "together: give the folders or files of each on their own, or list the keys of one kind "
        "in a file and say --split @FILE; volumes go --to nifti, images --to coco, for example"
    )


def _write(
    labelled: Iterator[tuple[Sample, Labels]],
    writer: Writer,
    facts: FactLosses,
    taxonomy: Taxonomy,
    *,
    allow_loss: bool,
) -> tuple[Tally, tuple[str, ...]]:
    """The losses, and what the source's files contradict each other in."""
    losses = Tally()
    contradictions, first = 0, ""
    for sample, labels in labelled:
        losses.add(writer.losses(sample, labels), labels, taxonomy)
        losses += facts.of_image(sample, labels)
        notes = labels.extra.get("notes", ())
        if notes and not contradictions:
            first = f"{sample.key}: {next(iter(notes))}"
        contradictions += len(notes)
        if allow_loss or not losses.refused:
            writer.put(sample, labels)
    if not contradictions:
        return losses, ()
    return losses, (f"{counted(contradictions, 'contradiction')} in the source, first {first}",)


def _untold(difference: Difference, told: Tally) -> list[Loss]:
    """What came back otherwise and was not told beforehand.

    Pixels and scores follow from what was allowed: an overlap changes pixels.
    """
    follows = {"pixels", "score"} if told.refused else set()
    follows |= {total.kind for total in told.totals()}
    return [loss for loss in difference.losses() if loss.kind not in follows]


def _verify(dataset: Dataset, partial: Path, fmt: Format, readers: Readers | None) -> Difference:
    """Read what was written and compare it with the source."""
    back = read_dataset(partial, fmt.name)
    pairs = paired(dataset, back) if readers or dataset.splits else []
    if readers is not None:
        found = readers.difference(pairs, partial, fmt)
    else:
        found = compare(dataset, back, fmt.holds)
    splits = changed_splits(dataset, back, pairs)
    return replace(found, splits=tuple(splits))
