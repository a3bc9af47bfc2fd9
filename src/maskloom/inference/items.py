"""Images labelled one by one into files of a partial target, by any number of workers.

An item is named by the key and the content of its image: what is there is not labelled again,
and which process labelled it makes no difference. What becomes of the items is `batch.py` and
`project_layer.py`; calls that share a batch are `shares.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from maskloom.core.sample import Sample
from maskloom.core.segmenter import Segmenter
from maskloom.errors import DataError, ImageError, MissingExtra
from maskloom.inference.large import Done, label_large, plans_of
from maskloom.inference.maker import Maker, made
from maskloom.inference.tiling.options import TileOptions
from maskloom.inference.tiling.plan import Plan
from maskloom.inference.tiling.tiled import folder_of
from maskloom.store.files import sha256_file
from maskloom.store.image_kinds import IMAGE_SUFFIXES, of_any_size
from maskloom.store.images import read_image
from maskloom.store.items import item_path, save_item
from maskloom.store.rasters import open_raster
from maskloom.work.executors import Executor, open_executor
from maskloom.work.shards import EachItem, Item, Share, run_items

Plans = Mapping[str, Plan | str]
"""Key → how an image is cut, or why it cannot be; others are labelled whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Where the images of a batch are labelled.

    Args:
        make: builds the segmenter, once in each process that has an image to label; a function
            of a module, or a `partial` of one, where the executor has processes.
        executor: runs it.
        share: of the images, where several calls divide them; None is all.
        tiles: which images are cut into blocks, and how.
        large_maps: whether the target takes class maps that memory should not hold.
    """

    make: Maker
    executor: Executor
    share: Share | None = None
    tiles: TileOptions = field(default_factory=TileOptions)
    large_maps: bool = True

    @classmethod
    def here(cls, segmenter: Segmenter) -> Spread:
        """All images in this process."""
        return cls(lambda: segmenter, open_executor())


class NothingLabelled(DataError):
    """Every image was bad.

    Args:
        failures: each named in a sentence.
    """

    def __init__(self, failures: tuple[str, ...]) -> None:
        self.failures = failures
        first = f": {failures[0].rstrip('.')}" if failures else ""
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        super().__init__(f"no image could be labelled{more}{first}")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Which samples have items now, how many of them had one before, and the bad ones.

    Args:
        done: in the order in which they were given.
        items: key → where its item lies.
        resumed: those of them that had an item.
        failed: key → why, of the others.
        shared: images that this call has made a part of only, as one of several shares.
    """

    done: list[Sample]
    items: Mapping[str, Path]
    resumed: int
    failed: Mapping[str, str]
    shared: int = 0

    @property
    def failures(self) -> tuple[str, ...]:
        """The bad images, each named in a sentence."""
        return tuple(self.failed.values())


def cut_of(samples: Sequence[Sample], spread: Spread) -> Plans:
    """Which images are cut, and how: asked before anything is made, for it tells bad options.

    Args:
        samples: each with an image path.
        spread: how they are labelled.

    Raises:
        MaskloomError: options that cannot be, or a segmenter that cannot be made.
    """
    make = partial(made, spread.make)
    return plans_of(samples, make, spread.tiles, large_maps=spread.large_maps)


def label_items(
    samples: Sequence[Sample], items: Path, spread: Spread, plans: Plans | None = None
) -> Labelled:
    """Label every sample of the spread's share that has no item yet.

    Args:
        samples: each with an image path.
        items: folder of an open journal.
        spread: how, and where.
        plans: of `cut_of`, of these samples and perhaps of others; None asks.

    Raises:
        Cancelled: the run was asked to stop; items stay.
        NothingLabelled: there was nothing but bad images.
        WriteError: the folder cannot be written.
    """
    mine = [s for s in samples if spread.share is None or spread.share.has(s.key)]
    plans = cut_of(samples, spread) if plans is None else plans
    work = EachItem(partial(_labeller, spread.make, items), there=partial(_there, items))
    named = [(s.key, (s.key, s.image.path)) for s in mine if s.key not in plans]
    results = run_items(spread.executor, work, named, "predicting", unit="images")
    found = {item.key: item for item in results} | _label_large(samples, plans, items, spread)
    done = [sample for sample in mine if not found[sample.key].failure]
    failed = {s.key: found[s.key].failure for s in mine if found[s.key].failure}
    if not done and (failed or spread.share is None):
        raise NothingLabelled(tuple(failed.values()))
    results_of = {key: item.value for key, item in found.items() if item.value is not None}
    return Labelled(
        done,
        {s.key: results_of[s.key].path for s in done},
        sum(results_of[s.key].resumed for s in done),
        failed,
        0 if spread.share is None else sum(isinstance(plan, Plan) for plan in plans.values()),
    )


def _label_large(
    samples: Sequence[Sample], plans: Plans, items: Path, spread: Spread
) -> dict[str, Item[Done]]:
    """Label the images that are cut, one after the other, each by all workers and all shares."""
    found: dict[str, Item[Done]] = {}
    for sample in samples:
        plan = plans.get(sample.key)
        if isinstance(plan, str):
            found[sample.key] = Item(sample.key, failure=plan)
        elif plan is not None:
            assert sample.image.path is not None, "only samples with images are predicted"
            found[sample.key] = label_large(
                sample,
                plan,
                folder_of(_item(items, sample.key, sample.image.path), plan),
                make=spread.make,
                executor=spread.executor,
                share=spread.share,
            )
    return found


def item_of(items: Path, sample: Sample) -> Path:
    """Where a sample's item lies if its image is labelled whole."""
    assert sample.image.path is not None, "only samples with images are predicted"
    return _item(items, sample.key, sample.image.path)


def _item(items: Path, key: str, image: Path) -> Path:
    """Where an item lies: by key and content, so that a changed image is labelled again."""
    return item_path(items, f"{key}\n{_content(image)}")


def _content(image: Path) -> str:
    """sha256 of an image's file, or of all files of a zarr image; empty if it is not there."""
    if not image.is_dir():
        if not image.is_file():
            return ""
        status = image.stat()
        return _sha256(image, status.st_size, status.st_mtime_ns)
    files = sorted(p for p in image.rglob("*") if p.is_file())
    said = "".join(f"{p.relative_to(image).as_posix()} {sha256_file(p)}\n" for p in files)
    return hashlib.sha256(said.encode()).hexdigest()


@lru_cache(maxsize=1)
def _sha256(image: Path, size: int, changed_ns: int) -> str:  # noqa: ARG001 - they tell it apart
    """Asked once before and once after a look whether an item is there."""
    return sha256_file(image)


def _there(items: Path, named: tuple[str, Path]) -> Done | None:
    """An item that an earlier call has left."""
    path = _item(items, *named)
    return Done(path, resumed=True) if path.is_file() else None


def _labeller(make: Maker, items: Path) -> Callable[[tuple[str, Path]], Done]:
    return partial(_label, made(make), items)


def _label(segmenter: Segmenter, items: Path, named: tuple[str, Path]) -> Done:
    """Label one image."""
    key, image = named
    path = _item(items, key, image)
    save_item(path, segmenter.predict(_pixels(image)).labels)
    return Done(path, resumed=False)


def _pixels(image: Path) -> NDArray[Any]:
    """(H, W, C) of a file, or of what is read in windows, all of it."""
    if image.suffix.lower() in IMAGE_SUFFIXES and not of_any_size(image):
        return read_image(image)
    try:
        with open_raster(image) as raster:
            return raster.read(0, raster.size[0], 0, raster.size[1])
    except MissingExtra as error:  # of one image; the others may need no such package
        raise ImageError(str(error), where=None) from error
