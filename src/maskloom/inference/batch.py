"""Many images labelled into one data set: each item by rename, resumable, whole at the end.

Until then everything lies in TARGET.partial: a journal that says which model and settings the
items are of, one file per finished item, and at last the data set itself, which is renamed to
the target. A killed run goes on with the items it has. Labelling the items is `items.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskloom.core.sample import Sample
from maskloom.core.segmenter import Segmenter
from maskloom.errors import MaskloomError
from maskloom.inference.assembly import Author, Target, assemble
from maskloom.inference.items import (
    Labelled,
    Plans,
    Spread,
    cut_of,
    item_of,
    label_items,
)
from maskloom.inference.partial import discard, discard_if_empty, open_journal
from maskloom.inference.shares import Failure, assembling, failed_in_shares, finish_share
from maskloom.inference.sources import Images
from maskloom.store.files import PARTIAL, refuse_existing


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
        shared: large images that the share made its part of.
        tiled: key → how an image was cut and what was noticed at its seams.
    """

    images: int
    objects: int
    resumed: int
    failures: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    losses: Mapping[str, int] = field(default_factory=dict)
    written: bool = True
    waiting: tuple[int, ...] = ()
    shared: int = 0
    tiled: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


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
        settings: whatever else the items depend on; a partial target of others is refused.
        spread: which workers label; None is this process.

    Raises:
        Cancelled: the run was asked to stop; items stay.
        DataError: no image could be labelled.
        LossRefused: the format drops something and loss is not allowed; items are kept.
        UsageError: an option that does not fit the model, or another call is at work for the
            same target.
        WriteError: the target exists, cannot be written, or has unfinished work of others.
    """
    refuse_existing(target.path)
    spread = spread_of(author, spread)
    share = spread.share
    partial = target.path.with_name(target.path.name + PARTIAL)
    wanted = {"layer": author.name, **settings}
    plans = cut_of(images.samples, spread)
    with open_journal(partial, wanted, shared=share is not None) as items:
        try:
            labelled = label_items(images.samples, items, spread, plans)
        except MaskloomError:
            if share is None:
                discard_if_empty(partial)
            raise
        if share is None:
            return _written(author, labelled, images, target, partial)
        waiting = finish_share(partial, share, failures_of(labelled, images.samples, items))
        left = Predicted(
            len(labelled.done),
            0,
            labelled.resumed,
            labelled.failures,
            written=False,
            waiting=waiting,
            shared=labelled.shared,
        )
        if waiting:
            return left
        with assembling(partial, target.path) as mine:
            if not mine:
                return left
            whole = label_all(images.samples, items, spread, plans)
            # What the other calls have labelled is no earlier, broken run.
            whole = replace(whole, resumed=labelled.resumed)
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


def failures_of(labelled: Labelled, samples: Sequence[Sample], items: Path) -> dict[str, Failure]:
    """What a share could not label, and which items these would have become."""
    bad = [sample for sample in samples if sample.key in labelled.failed]
    return {s.key: Failure(labelled.failed[s.key], item_of(items, s).name) for s in bad}


def label_all(samples: Sequence[Sample], items: Path, spread: Spread, plans: Plans) -> Labelled:
    """What all shares have labelled; an image that came later, or was mended, is labelled now.

    An image that failed as it is now is not tried again: it may have ended the worker.

    Raises:
        DataError: no image could be labelled.
    """
    assert spread.share is not None
    recorded = failed_in_shares(items.parent, spread.share.of)
    known = {
        s.key: recorded[s.key].why
        for s in samples
        if s.key in recorded and recorded[s.key].item == item_of(items, s).name
    }
    good = [sample for sample in samples if sample.key not in known]
    labelled = label_items(good, items, replace(spread, share=None), plans)
    failed = {**known, **labelled.failed}
    return replace(labelled, failed={s.key: failed[s.key] for s in samples if s.key in failed})


def _written(
    author: Segmenter | Author, labelled: Labelled, images: Images, target: Target, partial: Path
) -> Predicted:
    made = assemble(author, labelled, images, target, partial)
    discard(partial)
    return Predicted(
        len(labelled.done),
        made.objects,
        labelled.resumed,
        labelled.failures,
        made.warnings,
        made.losses,
        tiled=made.tiled,
    )
