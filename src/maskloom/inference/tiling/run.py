"""An image labelled block by block, by any number of workers, so that a kill costs a block each.

    FOLDER/journal       how the image is cut, and which blocks are done
    FOLDER/INDEX.npz     a finished block, see `blocks.py`
    FOLDER/whole.json    that all are there, and what was noticed

A block depends on the image, the segmenter and the plan alone: what is missing is computed, in
any order, anywhere, and gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from maskloom.errors import ImageError
from maskloom.inference.maker import Maker, made
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.panoptic import PanopticSegmenter
from maskloom.inference.preprocess import Moments, image_moments
from maskloom.inference.tiling.blocks import save_block
from maskloom.inference.tiling.check import checked_seams
from maskloom.inference.tiling.compute import block_labels
from maskloom.inference.tiling.forward import Seams
from maskloom.inference.tiling.plan import Plan
from maskloom.inference.tiling.tiled import Tiled, block_file, save_tiled
from maskloom.store.rasters import Raster, open_raster
from maskloom.work import progress
from maskloom.work.executors import Executor
from maskloom.work.journal import Journal
from maskloom.work.shards import Share

Made = tuple[int, int, tuple[int, int]]
"""A block that was written: its index, bytes, and pixels compared and differing at seams."""


def label_tiled(
    make: Maker,
    image: Path,
    folder: Path,
    *,
    plan: Plan,
    executor: Executor,
    share: Share | None = None,
) -> Tiled | None:
    """Compute every block that is not there yet.

    Args:
        make: of the segmenter, for which the plan was made.
        image: a file that `open_raster` reads.
        folder: where the blocks go: of one image, segmenter and plan; any others are removed.
        plan: of the image.
        executor: runs the blocks.
        share: of the blocks, where several calls divide them.

    Returns:
        the image; None if blocks of other shares are missing.

    Raises:
        ImageError: the image is damaged, or a block does not fit into memory.
        WriteError: the disk is full; finished blocks stay.
    """
    journal = Journal(folder / "journal", {"plan": plan.to_json()})
    if not journal.open():
        for old in folder.glob("*.npz"):
            old.unlink()
    missing = [index for index in range(len(plan)) if not _is_there(journal, folder, index)]
    resumed = len(plan) - len(missing)
    mine = [i for i in missing if share is None or i % share.of == share.number - 1]
    moments = _moments(make, image)
    if mine:
        work = partial(_compute, make, image, folder, plan, moments)
        with progress.bar(f"tiles of {image.name}", len(plan), "tiles") as bar:
            bar.advance(resumed)
            for index, size, found in _computed(work, mine, executor, image):
                journal.add(str(index), bytes=size, seams=found)
                bar.advance()
    if share is not None and len(mine) < len(missing):
        return None
    seams = sum((Seams(*journal[str(i)]["seams"]) for i in range(len(plan))), Seams())
    tiled = Tiled(folder, plan, resumed, journal.damaged, seams, *_rules(make))
    close_rasters()  # pictures are held as a whole: never twice
    if plan.mode == "exact":
        with open_raster(image) as raster:
            tiled = replace(tiled, seams=checked_seams(made(make), raster.read, tiled, moments))
    save_tiled(tiled)
    return tiled


def _computed(
    work: Callable[[tuple[int, ...]], list[Made]],
    indexes: Sequence[int],
    executor: Executor,
    image: Path,
) -> Iterator[Made]:
    """The blocks as they are done.

    Raises:
        ImageError: workers died over one.
    """
    for part in executor.parts(work, [(index,) for index in indexes]):
        if part.lost:
            raise ImageError(
                f"tile {part.items[0]} could not be done: {part.lost}",
                where=image,
                hint="give the workers more memory, use fewer of them, or smaller tiles "
                "(--set model.memory=GIB); finished tiles are kept",
            )
        yield from part.value or ()


def _is_there(journal: Journal, folder: Path, index: int) -> bool:
    """Whether a block is done and its file as large as it was written."""
    if str(index) not in journal:
        return False
    file = block_file(folder, index)
    return file.is_file() and file.stat().st_size == journal[str(index)].get("bytes")


def _moments(make: Maker, image: Path) -> Moments | None:
    segmenter = made(make)
    inner = segmenter.inner if isinstance(segmenter, PanopticSegmenter) else segmenter
    if not isinstance(inner, NetworkSegmenter) or not inner.preprocessing.per_image:
        return None
    with open_raster(image) as raster:
        return image_moments(raster.read, raster.size, inner.preprocessing)


def _rules(make: Maker) -> tuple[int, bool]:
    """`stuff_area` and `void` of a segmenter: what holds for images and not for blocks."""
    segmenter = made(make)
    if not isinstance(segmenter, PanopticSegmenter):
        return 0, False
    return segmenter.decoding.stuff_area, not segmenter.inner.channels.background


def _compute(
    make: Maker,
    image: Path,
    folder: Path,
    plan: Plan,
    moments: Moments | None,
    indexes: Sequence[int],
) -> list[Made]:
    """Compute blocks and write their files."""
    segmenter = made(make)
    raster = _opened(image, image.stat().st_mtime_ns)
    out = []
    for index in indexes:
        labels = block_labels(segmenter, raster.read, plan, plan[index], moments=moments)
        file = block_file(folder, index)
        save_block(file, labels)
        out.append((index, file.stat().st_size, labels.seams))
    return out


_open: dict[tuple[Path, int], Raster] = {}


def _opened(image: Path, changed_ns: int) -> Raster:
    """The raster that this process works on, kept open: a block's chunks serve the next one."""
    wanted = image, changed_ns
    if wanted not in _open:
        close_rasters()
        _open[wanted] = open_raster(image)
    return _open[wanted]


def close_rasters() -> None:
    """Let go of the image that this process has kept open."""
    for raster in _open.values():
        raster.close()
    _open.clear()
