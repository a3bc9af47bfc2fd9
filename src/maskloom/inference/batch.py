"""Many images labelled into one data set: each item by rename, resumable, whole at the end.

Until then everything lies in TARGET.partial: a journal that says which model and settings the
items are of, one file per finished item, and at last the data set itself, which is renamed to
the target. A killed run goes on with the items it has.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.core.sample import ImageRef, Sample
from maskloom.core.segmenter import Segmenter
from maskloom.errors import DataError, LossRefused, MaskloomError
from maskloom.formats.base import Format, Writer
from maskloom.inference.sources import Images
from maskloom.store.files import (
    PARTIAL,
    atomic_write_bytes,
    claim_partial,
    refuse_existing,
    sha256_file,
    writing,
)
from maskloom.store.images import read_image, write_png
from maskloom.store.items import item_path, load_item, save_item
from maskloom.work import progress


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
    """What a batch did: counts, the bad items, and what was lost (kind → samples)."""

    images: int
    objects: int
    resumed: int
    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    losses: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Which samples have items now, how many of them had one before, and the bad ones."""

    done: list[Sample]
    resumed: int
    failures: tuple[str, ...]


def predict_batch(
    segmenter: Segmenter, images: Images, target: Target, settings: Mapping[str, Any]
) -> Predicted:
    """Label every image and write the data set.

    Args:
        segmenter: any.
        images: what to label.
        target: where to.
        settings: whatever else the items depend on; a partial target of others is begun anew.

    Raises:
        DataError: no image could be labelled.
        LossRefused: the format drops something and loss is not allowed; items are kept.
        WriteError: the target exists or cannot be written.
    """
    refuse_existing(target.path)
    partial = target.path.with_name(target.path.name + PARTIAL)
    items = open_journal(partial, {"layer": segmenter.name, **settings})
    labelled = label_items(segmenter, images.samples, items)
    written = _assemble(segmenter, labelled.done, images, target, partial)
    shutil.rmtree(partial, ignore_errors=True)
    return Predicted(
        len(labelled.done),
        written[0],
        labelled.resumed,
        labelled.failures,
        written[1],
        written[2],
    )


def label_items(segmenter: Segmenter, samples: Sequence[Sample], items: Path) -> Labelled:
    """Label every sample that has no item yet.

    Args:
        segmenter: any.
        samples: each with an image path.
        items: folder of an open journal.

    Raises:
        DataError: no image could be labelled; the journal is removed.
    """
    failures: dict[str, str] = {}
    done: list[Sample] = []
    resumed = 0
    for sample in progress.track(samples, "predicting", unit="image"):
        path = item_of(items, sample)
        if path.is_file():
            resumed += 1
        else:
            try:
                save_item(path, segmenter.predict(_pixels(sample)).labels)
            except DataError as error:
                named = error.where is not None
                failures[sample.key] = error.message if named else f"{sample.key}: {error.message}"
                continue
        done.append(sample)
    if not done:
        shutil.rmtree(items.parent, ignore_errors=True)
        raise DataError(
            "no image could be labelled", seen=next(iter(failures.values()), "no images")
        )
    return Labelled(done, resumed, tuple(failures.values()))


def open_journal(partial: Path, wanted: Mapping[str, Any]) -> Path:
    """The folder of items in a partial target; items of other models or settings are removed.

    Raises:
        WriteError: the partial folder is somebody else's or cannot be written.
    """
    journal = partial / "journal.json"
    text = json.dumps(wanted, sort_keys=True, default=str).encode()
    claim_partial(partial, keep=True)
    with writing(partial):
        if not journal.is_file() or journal.read_bytes() != text:
            claim_partial(partial)
        (partial / "items").mkdir(exist_ok=True)
        shutil.rmtree(partial / "whole", ignore_errors=True)
    atomic_write_bytes(journal, text)
    return partial / "items"


def item_of(items: Path, sample: Sample) -> Path:
    """Where a sample's item lies: by key and content, so that a changed image is labelled again."""
    path = sample.image.path
    content = "" if path is None or not path.is_file() else sha256_file(path)
    return item_path(items, f"{sample.key}\n{content}")


def _pixels(sample: Sample) -> Any:
    assert sample.image.path is not None
    return read_image(sample.image.path)


def _assemble(
    segmenter: Segmenter, done: list[Sample], images: Images, target: Target, partial: Path
) -> tuple[int, tuple[str, ...], dict[str, int]]:
    """Write the data set below the partial folder and rename it to the target."""
    whole = partial / "whole" / target.path.name
    with writing(target.path):
        whole.parent.mkdir(parents=True)
    writer: Writer = target.fmt.writer(whole, segmenter.taxonomy, target.options, {})
    lost: dict[str, int] = {}
    refused: dict[str, int] = {}
    objects = 0
    folder = target.path.suffix.lower() != ".json"
    for sample in progress.track(done, f"writing {target.fmt.name}", unit="image"):
        labels = load_item(item_of(partial / "items", sample), segmenter.name)
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
