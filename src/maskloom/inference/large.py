"""Images of a batch that are cut into blocks: which they are, and how they are labelled.

Their items are folders of blocks beside the files of the others. Calls that share a batch share
each of these images: every call makes its part of the blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maskloom.core.sample import Sample
from maskloom.errors import ImageError, MissingExtra
from maskloom.inference.maker import Maker
from maskloom.inference.tiling.choose import plan_for
from maskloom.inference.tiling.options import TileOptions
from maskloom.inference.tiling.plan import Plan
from maskloom.inference.tiling.run import label_tiled
from maskloom.inference.tiling.tiled import is_complete
from maskloom.store.images import MAX_PIXELS
from maskloom.store.rasters import held_bytes, raster_size
from maskloom.work.executors import Executor
from maskloom.work.shards import Item, Share


@dataclass(frozen=True, slots=True)
class Done:
    """An item.

    Args:
        path: of its file, or of the folder of blocks of an image that was cut.
        resumed: whether an earlier call had left it.
    """

    path: Path
    resumed: bool


_SURELY_SMALL = 1 << 20
"""Pixels that every network takes in one pass; the segmenter is not asked about these."""


def plans_of(
    samples: Sequence[Sample], make: Maker, options: TileOptions, *, large_maps: bool = True
) -> dict[str, Plan | str]:
    """Which images are cut, and how.

    Args:
        samples: each with an image path.
        make: of the segmenter; called if an image may be large.
        options: of the user.
        large_maps: whether the target takes class maps that memory should not hold.

    Returns:
        key → plan, or why there can be none; an image that is not here is labelled whole, and a
        damaged one is left to that.
    """
    out: dict[str, Plan | str] = {}
    for sample in samples:
        assert sample.image.path is not None, "only samples with images are predicted"
        try:
            size = raster_size(sample.image.path)
        except (ImageError, MissingExtra):
            continue
        if options.tile == 0 and size[0] * size[1] <= _SURELY_SMALL:
            continue
        try:
            plan = plan_for(make(), size, options, held=held_bytes(sample.image.path))
        except ImageError as error:
            out[sample.key] = f"{sample.key}: {error.message}"
            continue
        if plan is not None:
            out[sample.key] = plan
            if plan.margin == 0 and size[0] * size[1] > MAX_PIXELS and not large_maps:
                out[sample.key] = (
                    f"{sample.key}: a class map of {size[1]} × {size[0]} px is written as bitmap "
                    "only. Say --format bitmap with a folder as --out."
                )
    return out


def label_large(
    sample: Sample,
    plan: Plan,
    folder: Path,
    *,
    make: Maker,
    executor: Executor,
    share: Share | None = None,
) -> Item[Done]:
    """Label one image block by block.

    Args:
        sample: with an image path.
        plan: of the image.
        folder: its item, of this plan.
        make: of the segmenter.
        executor: runs the blocks.
        share: of the blocks, where several calls divide them.

    Returns:
        the item, or why there is none.

    Raises:
        WriteError: the disk is full; finished blocks stay.
    """
    assert sample.image.path is not None, "only samples with images are predicted"
    if is_complete(folder):
        return Item(sample.key, Done(folder, resumed=True))
    try:
        label_tiled(make, sample.image.path, folder, plan=plan, executor=executor, share=share)
    except (ImageError, MissingExtra) as error:
        named = error.message if error.where is not None else f"{sample.key}: {error.message}"
        return Item(sample.key, failure=named)
    return Item(sample.key, Done(folder, resumed=False))
