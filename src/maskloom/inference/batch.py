"""Many images labelled into one data set: each item by rename, resumable, whole at the end.

Until then everything lies in TARGET.partial: a journal that says which model and settings the
items are of, one file per finished item, and at last the data set itself, which is renamed to
the target. A killed run goes on with the items it has. Labelling the items is `items.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from maskloom.core.sample import ImageRef, Sample
from maskloom.core.segmenter import Segmenter
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, LossRefused, MaskloomError
from maskloom.formats.base import Format, Writer
from maskloom.inference.items import (
    Labelled,
    Spread,
    discard,
    item_of,
    label_items,
    open_journal,
)
from maskloom.inference.shares import assembling, failed_in_shares, finish_share
from maskloom.inference.sources import Images
from maskloom.store.files import PARTIAL, refuse_existing, writing
from maskloom.store.images import write_png
from maskloom.store.items import load_item
from maskloom.work import progress


class Author(Protocol):
    """Whose labels they are: what is written needs no more of a segmenter than this."""

    @property
    def name(self) -> str:
        """Of the layer."""
        ...

    @property
    def taxonomy(self) -> Taxonomy:
        """What the labels mean."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where and how predictions are written.

    Args:
        path: file or folder; must not exist.
        fmt: the format, `options` its write options.
        allow_loss: write even if the format drops something.
        confidence: also write TARGET/confidence/KEY.png (probability of the winner × 255).
    """

    path: Path
    fmt: Format
    options: Any
    allow_loss: bool = False
    confidence: bool = True


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a batch did: counts, the bad items, and what was lost (kind → samples).

    Args:
        images: labelled; of one share those of the share, unless it wrote the target.
        objects: written.
        resumed: of the images, those that an earlier call had labelled.
        failures: the bad images, each named in a sentence.
        warnings: of the writer.
        losses: kind → samples.
        written: whether the target is there; a share leaves that to the last one.
        waiting: numbers of the shares that are not done yet.
    """

    images: int
    objects: int
    resumed: int
    failures: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    losses: Mapping[str, int] = field(default_factory=dict)
    written: bool = True
    waiting: tuple[int, ...] = ()


def predict_batch(
    author: Segmenter | Author,
    images: Images,
    target: Target,
    settings: Mapping[str, Any],
    *,
    spread: Spread | None = None,
) -> Predicted:
    """Label every image and write the data set; of a share, label it and write if it is the last.

    Args:
        author: whose labels they are; without a spread, the segmenter itself.
        images: what to label.
        target: where to.
        settings: whatever else the items depend on; a partial target of others is begun anew.
        spread: which workers label; None is this process.

    Raises:
        Cancelled: the run was asked to stop; items stay.
        DataError: no image could be labelled.
        LossRefused: the format drops something and loss is not allowed; items are kept.
        WriteError: the target exists or cannot be written.
    """
    refuse_existing(target.path)
    spread = spread_of(author, spread)
    share = spread.share
    partial = target.path.with_name(target.path.name + PARTIAL)
    wanted = {"layer": author.name, **settings}
    items = open_journal(partial, wanted, shared=share is not None)
    try:
        labelled = label_items(images.samples, items, spread)
    except DataError:
        if share is None:
            discard(partial)
        raise
    if share is None:
        return _written(author, labelled, images, target, partial)
    waiting = finish_share(partial, share, labelled.failed)
    left = Predicted(
        len(labelled.done), 0, labelled.resumed, labelled.failures, written=False, waiting=waiting
    )
    if waiting:
        return left
    with assembling(partial, target.path) as mine:
        if not mine:
            return left
        whole = label_all(images.samples, items, spread)
        return _written(author, whole, images, target, partial)


def spread_of(author: Segmenter | Author, spread: Spread | None) -> Spread:
    """The spread, or this process with the author as the segmenter.

    Raises:
        TypeError: there is no spread, and the author cannot predict.
    """
    if spread is not None:
        return spread
    if not isinstance(author, Segmenter):
        raise TypeError(f"{author.name} does not predict: give a spread that can make a segmenter")
    return Spread.here(author)


def label_all(samples: Sequence[Sample], items: Path, spread: Spread) -> Labelled:
    """What all shares have labelled; an image that came later is labelled now.

    Raises:
        DataError: no image could be labelled.
    """
    assert spread.share is not None
    known = failed_in_shares(items.parent, spread.share.of)
    good = [sample for sample in samples if sample.key not in known]
    labelled = label_items(good, items, replace(spread, share=None))
    failed = {**known, **labelled.failed}
    return replace(labelled, failed={s.key: failed[s.key] for s in samples if s.key in failed})


def _written(
    author: Segmenter | Author, labelled: Labelled, images: Images, target: Target, partial: Path
) -> Predicted:
    objects, warnings, losses = _assemble(author, labelled.done, images, target, partial)
    discard(partial)
    return Predicted(
        len(labelled.done), objects, labelled.resumed, labelled.failures, warnings, losses
    )


def _assemble(
    author: Segmenter | Author, done: list[Sample], images: Images, target: Target, partial: Path
) -> tuple[int, tuple[str, ...], dict[str, int]]:
    """Write the data set below the partial folder and rename it to the target."""
    whole = partial / "whole" / target.path.name
    with writing(target.path):
        shutil.rmtree(whole.parent, ignore_errors=True)
        whole.parent.mkdir(parents=True)
    writer: Writer = target.fmt.writer(whole, author.taxonomy, target.options, {})
    lost: dict[str, int] = {}
    refused: dict[str, int] = {}
    objects = 0
    folder = target.path.suffix.lower() != ".json"
    for sample in progress.track(done, f"writing {target.fmt.name}", unit="image"):
        labels = load_item(item_of(partial / "items", sample), author.name)
        objects += 0 if labels.rows is None else len(labels.rows)
        for loss in writer.losses(sample, labels):
            # confidence is kept beside the labels, see below
            if loss.kind == "confidence" and folder and target.confidence:
                continue
            table = refused if loss.refused else lost
            table[loss.kind] = table.get(loss.kind, 0) + 1
        if refused and not target.allow_loss:
            continue
        sized = Sample(
            sample.key,
            ImageRef(sample.image.path, labels.size),
            sample.kind,
            sample.sequence,
            sample.index,
            sample.time_s,
            sample.group,
            sample.tags,
            sample.file_name,
            sample.extra,
        )
        writer.put(sized, labels)
        if folder and target.confidence and labels.confidence is not None:
            write_png(whole / "confidence" / f"{sample.key}.png", labels.confidence)
    if refused and not target.allow_loss:
        raise _refusal(target, refused)
    keys = {s.key for s in done}
    splits = {
        name: tuple(k for k in members if k in keys)
        for name, members in (images.splits or {}).items()
    }
    warnings = writer.finish({name: members for name, members in splits.items() if members})
    with writing(target.path):
        whole.replace(target.path)
    return objects, warnings, {**lost, **refused}


def _refusal(target: Target, refused: Mapping[str, int]) -> MaskloomError:
    kinds = ", ".join(f"{kind} in {n} images" for kind, n in sorted(refused.items()))
    return LossRefused(
        f"{target.fmt.name} cannot hold all of the predictions",
        where=target.path,
        seen=kinds,
        hint="choose another --format, or accept it with --allow-loss; what is predicted is kept",
    )
