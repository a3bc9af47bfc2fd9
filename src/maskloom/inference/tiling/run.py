"""An image labelled block by block, by any number of workers, so that a kill costs a block each.

    FOLDER/journal       what the blocks are of, and which are done
    FOLDER/INDEX.npz     a finished block, see `blocks.py`

A block depends on the image, the segmenter and the plan alone: what is missing is computed, in
any order, anywhere, and gives the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from maskloom.inference.maker import Maker, made
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.panoptic import PanopticSegmenter
from maskloom.inference.preprocess import Moments, image_moments
from maskloom.inference.tiling.blocks import save_block
from maskloom.inference.tiling.compute import block_labels
from maskloom.inference.tiling.forward import Seams
from maskloom.inference.tiling.plan import Plan
from maskloom.store.rasters import open_raster
from maskloom.work import progress
from maskloom.work.executors import Executor
from maskloom.work.journal import Journal


@dataclass(frozen=True, slots=True)
class Tiled:
    """An image whose blocks are all there.

    Args:
        folder: of the blocks.
        plan: how the image is cut.
        resumed: blocks that were there before.
        damaged: lines of the journal that could not be read; their blocks were made again.
        seams: how much windows of a blend disagree.
    """

    folder: Path
    plan: Plan
    resumed: int
    damaged: int
    seams: Seams

    def block_file(self, index: int) -> Path:
        """Where a block lies."""
        return block_file(self.folder, index)


def label_tiled(
    maker: Maker,
    image: Path,
    folder: Path,
    *,
    plan: Plan,
    executor: Executor,
    of: Mapping[str, Any],
) -> Tiled:
    """Compute every block that is not there yet.

    Args:
        maker: of the segmenter, for which the plan was made.
        image: a file that `open_raster` reads.
        folder: where the blocks go; a folder of other blocks is emptied.
        plan: of the image.
        executor: runs the blocks.
        of: what else the blocks depend on.

    Raises:
        ImageError: the image is damaged, or a block does not fit into memory.
        WriteError: the disk is full; finished blocks stay.
    """
    journal = Journal(folder / "journal", {"plan": plan.to_json(), **of})
    if not journal.open():
        for old in folder.glob("*.npz"):
            old.unlink()
    seams = Seams()
    missing = []
    for index in range(len(plan)):
        if not _is_there(journal, folder, index):
            missing.append(index)
        else:
            seams += Seams(*journal[str(index)]["seams"])
    resumed = len(plan) - len(missing)
    if missing:
        work = partial(_compute, maker, image, folder, plan, _moments(maker, image))
        shards = [(index,) for index in missing]
        with progress.bar(f"tiles of {image.name}", len(plan), "tile") as bar:
            bar.advance(resumed)
            for _, done in executor.map(work, shards):
                for index, size, found in done:
                    journal.add(str(index), bytes=size, seams=found)
                    seams += Seams(*found)
                    bar.advance()
    return Tiled(folder, plan, resumed, journal.damaged, seams)


def discard(folder: Path) -> None:
    """Remove the blocks of an image."""
    shutil.rmtree(folder, ignore_errors=True)


def block_file(folder: Path, index: int) -> Path:
    """Where a block lies."""
    return folder / f"{index:06d}.npz"


def _is_there(journal: Journal, folder: Path, index: int) -> bool:
    """Whether a block is done and its file as large as it was written."""
    if str(index) not in journal:
        return False
    file = block_file(folder, index)
    return file.is_file() and file.stat().st_size == journal[str(index)].get("bytes")


def _moments(maker: Maker, image: Path) -> Moments | None:
    segmenter = made(maker)
    inner = segmenter.inner if isinstance(segmenter, PanopticSegmenter) else segmenter
    if not isinstance(inner, NetworkSegmenter) or not inner.preprocessing.per_image:
        return None
    with open_raster(image) as raster:
        return image_moments(raster.read, raster.size, inner.preprocessing)


def _compute(
    maker: Maker,
    image: Path,
    folder: Path,
    plan: Plan,
    moments: Moments | None,
    indexes: Sequence[int],
) -> list[tuple[int, int, tuple[int, int]]]:
    """Compute blocks and write their files: (index, bytes, seams) of each."""
    segmenter = made(maker)
    out = []
    with open_raster(image) as raster:
        for index in indexes:
            labels = block_labels(segmenter, raster.read, plan, plan[index], moments=moments)
            file = block_file(folder, index)
            save_block(file, labels)
            out.append((index, file.stat().st_size, labels.seams))
    return out
