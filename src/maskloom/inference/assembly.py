"""Finished items written as one data set, which appears by rename when it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import LossRefused, MaskloomError
from maskloom.formats.base import Format, LargeWriter, Writer
from maskloom.formats.shared.class_names import refuse_names
from maskloom.inference.finished import Large, load
from maskloom.inference.items import Labelled
from maskloom.inference.sources import Images
from maskloom.store.files import writing
from maskloom.store.images import write_png
from maskloom.store.pyramid import write_pyramid
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
class Assembled:
    """What was written.

    Args:
        objects: rows.
        warnings: of the writer.
        losses: kind → samples.
        tiled: key → how an image was cut and what was noticed at its seams.
    """

    objects: int
    warnings: tuple[str, ...]
    losses: Mapping[str, int]
    tiled: Mapping[str, Mapping[str, Any]]


def assemble(
    author: Author, labelled: Labelled, images: Images, target: Target, partial: Path
) -> Assembled:
    """Write the data set below the partial folder and rename it to the target.

    Args:
        author: whose labels they are.
        labelled: samples, and where their items lie.
        images: that were asked for; their splits are kept.
        target: where to.
        partial: the partial target.

    Raises:
        DataError: an item is damaged.
        LossRefused: the format drops something and loss is not allowed; items are kept.
        WriteError: the target cannot be written.
    """
    whole = partial / "whole" / target.path.name
    with writing(target.path):
        shutil.rmtree(whole.parent, ignore_errors=True)
        whole.parent.mkdir(parents=True)
    assembly = _Assembly(author, target, whole)
    done = labelled.done
    for sample in progress.track(done, f"writing {target.fmt.name}", unit="images"):
        assembly.add(sample, load(labelled.items[sample.key], sample, author.name))
    if assembly.refuses:
        raise _refusal(target, assembly.refused)
    keys = {s.key for s in done}
    splits = {
        name: tuple(k for k in members if k in keys)
        for name, members in (images.splits or {}).items()
    }
    warnings = assembly.writer.finish({name: keys for name, keys in splits.items() if keys})
    with writing(target.path):
        whole.replace(target.path)
    losses = {**assembly.lost, **assembly.refused}
    return Assembled(assembly.objects, warnings, losses, assembly.tiled)


class _Assembly:
    """A data set on its way."""

    def __init__(self, author: Author, target: Target, whole: Path) -> None:
        self.author, self.target = author, target
        refuse_names(author.taxonomy, target.fmt.names, target.fmt.name, target.path)
        self.writer: Writer = target.fmt.writer(whole, author.taxonomy, target.options, {})
        folder = target.path.suffix.lower() != ".json"
        self.beside = whole / "confidence" if folder and target.confidence else None
        self.lost: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.objects = 0
        self.tiled: dict[str, Mapping[str, Any]] = {}

    @property
    def refuses(self) -> bool:
        """Whether something is lost that may not be."""
        return bool(self.refused) and not self.target.allow_loss

    def add(self, sample: Sample, item: Labels | Large) -> None:
        """Write one sample, unless the data set is refused already."""
        if isinstance(item, Large):
            self.tiled[sample.key] = item.facts()
            if item.streamed and self._takes_windows(item):
                self._put_windows(sample, item)
                return
            item = item.labels(self.author.name)
        self._count(sample, item)
        if self.refuses:
            return
        self.writer.put(_sized(sample, item.size), item)
        if self.beside is not None and item.confidence is not None:
            write_png(self.beside / f"{sample.key}.png", item.confidence)

    def _put_windows(self, sample: Sample, large: Large) -> None:
        """An image that is never in memory as a whole."""
        self._count(sample, large.outline())
        if self.refuses:
            return
        size = large.blocks.plan.size
        assert isinstance(self.writer, LargeWriter), "asked before"
        labels = large.map()
        self.writer.put_large(_sized(sample, size), labels)
        confidence: Callable[..., NDArray[Any]] | None = large.confidence
        if self.beside is not None and confidence is not None:
            path = self.beside / f"{sample.key}.tif"
            place = labels.georeference
            path.parent.mkdir(parents=True, exist_ok=True)
            write_pyramid(path, confidence, size, "uint8", reduce="mean", georeference=place)

    def _takes_windows(self, large: Large) -> bool:
        """Whether the writer can; objects of several categories are no map of numbers."""
        one = len(self.author.taxonomy.scored) == 1
        return isinstance(self.writer, LargeWriter) and (large.stitched is None or one)

    def _count(self, sample: Sample, labels: Labels) -> None:
        """What the format cannot hold of these labels."""
        self.objects += 0 if labels.rows is None else len(labels.rows)
        for loss in self.writer.losses(sample, labels):
            if loss.kind == "confidence" and self.beside is not None:
                continue  # kept beside the labels
            table = self.refused if loss.refused else self.lost
            table[loss.kind] = table.get(loss.kind, 0) + 1


def _sized(sample: Sample, size: tuple[int, ...]) -> Sample:
    return replace(sample, image=ImageRef(sample.image.path, size))


def _refusal(target: Target, refused: Mapping[str, int]) -> MaskloomError:
    kinds = ", ".join(f"{kind} in {n} images" for kind, n in sorted(refused.items()))
    return LossRefused(
        f"{target.fmt.name} cannot hold all of the predictions",
        where=target.path,
        seen=kinds,
        hint="choose another --format, or accept it with --allow-loss; what is predicted is kept",
    )
