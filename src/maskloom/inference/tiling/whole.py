"""Blocks read as one image again: windows of any layer, or labels where they fit into memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.errors import DataError, ImageError
from maskloom.inference.stitch.assemble import assemble_masks
from maskloom.inference.stitch.fragments import Fragments, block_facts
from maskloom.inference.stitch.instances import join
from maskloom.inference.stitch.objects import Stitched
from maskloom.inference.tiling.blocks import BlockLabels, load_block
from maskloom.inference.tiling.plan import Box, inside
from maskloom.inference.tiling.tiled import Tiled
from maskloom.store.images import MAX_PIXELS

Layer = Literal["classes", "confidence"]
_CACHE_BYTES = 128 << 20


class Blocks:
    """The blocks of an image, the recent ones in memory.

    Args:
        tiled: complete.
        cache_bytes: of arrays that are kept.
    """

    def __init__(self, tiled: Tiled, cache_bytes: int = _CACHE_BYTES) -> None:
        self.tiled = tiled
        self.plan = tiled.plan
        self._room = cache_bytes
        self._recent: OrderedDict[int, BlockLabels] = OrderedDict()

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> BlockLabels:
        found = self._recent.get(index)
        if found is not None:
            self._recent.move_to_end(index)
            return found
        labels = load_block(self.tiled.block_file(index))
        self._recent[index] = labels
        while len(self._recent) > 1 and sum(map(_bytes, self._recent.values())) > self._room:
            self._recent.popitem(last=False)
        return labels

    def window(self, box: Box, take: Callable[[int], NDArray[Any]]) -> NDArray[Any]:
        """Rows and columns of the image, put together from the cores that touch them.

        Args:
            box: within the image.
            take: index of a block → (h, w) array of its core.
        """
        y0, y1, x0, x1 = box
        height, width = self.plan.core
        out: NDArray[Any] | None = None
        for row in range(y0 // height, -(-y1 // height)):
            for column in range(x0 // width, -(-x1 // width)):
                index = row * self.plan.grid[1] + column
                core = self.plan[index].core
                both = max(core[0], y0), min(core[1], y1), max(core[2], x0), min(core[3], x1)
                part = take(index)[inside(core, both)]
                if out is None:
                    out = np.empty((y1 - y0, x1 - x0), part.dtype)
                out[inside(box, both)] = part
        assert out is not None, "a window has pixels"
        return out

    def layer(self, name: Layer) -> Callable[[int, int, int, int], NDArray[Any]]:
        """Reads windows (y0, y1, x0, x1) of a layer that every block has."""

        def read(y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
            return self.window((y0, y1, x0, x1), lambda i: getattr(self[i], name))

        return read

    def fragments(self) -> Iterator[Fragments]:
        """The objects of each block, in raster order."""
        for block in self.plan:
            labels = self[block.index]
            if labels.objects is None:
                raise DataError("tiles of classes hold no objects", where=self.tiled.folder)
            yield Fragments(
                block.core, block.window, labels.objects, labels.category, labels.score,
                labels.stuff,
            )  # fmt: skip

    def ids(self, stitched: Stitched) -> Callable[[int, int, int, int], NDArray[np.uint32]]:
        """Reads windows (y0, y1, x0, x1) of the ids of stitched things, 0 elsewhere."""
        thing = np.concatenate([[False], ~stitched.stuff])
        # ids of things alone, without gaps
        compact = np.where(thing, np.cumsum(thing), 0).astype(np.uint32)

        def take(index: int) -> NDArray[np.uint32]:
            block, labels = self.plan[index], self[index]
            assert labels.objects is not None, "only objects are stitched"
            lookup = compact[stitched.lookup(block.core)]
            return lookup[labels.objects[inside(block.window, block.core)]]

        return lambda y0, y1, x0, x1: self.window((y0, y1, x0, x1), take)


def stitch(blocks: Blocks) -> Stitched:
    """The objects of an image, joined across seams."""
    plan = blocks.plan
    facts = (block_facts(fragments, plan.margin) for fragments in blocks.fragments())
    return join(facts, plan.size, plan.margin)


def whole_labels(blocks: Blocks, layer: str, stitched: Stitched | None = None) -> Labels:
    """The labels of an image as if it had been labelled in one pass.

    Class maps and confidence are arrays of the image's size; objects alone are not.

    Args:
        blocks: of an image that fits into memory.
        layer: of the labels.
        stitched: its objects; None of classes.

    Raises:
        ImageError: a class map that is larger than memory should hold.
    """
    size = blocks.plan.size
    everything = 0, size[0], 0, size[1]
    fits = size[0] * size[1] <= MAX_PIXELS
    confidence = None
    if fits and blocks[0].confidence is not None:
        confidence = blocks.layer("confidence")(*everything)
    if stitched is None:
        if not fits:
            raise ImageError(
                "a class map of this size is written as bitmap only",
                seen=f"{size[1]} × {size[0]} px",
                hint="say --format bitmap with a folder as --out",
            )
        classes = blocks.layer("classes")(*everything)
        return Labels(size, class_map=classes, confidence=confidence, layer=layer)
    masks = assemble_masks(blocks.fragments(), stitched, size)
    kept = np.flatnonzero(~stitched.stuff | (stitched.areas >= blocks.tiled.stuff_area))
    kept = kept[np.argsort(stitched.stuff[kept], kind="stable")]  # things first, as in one pass
    rows = Rows.make(
        masks[kept],
        stitched.category[kept],
        instance=np.arange(1, len(kept) + 1),
        score=stitched.score[kept].clip(0, 1),
    )
    return Labels(
        size, rows=rows, coverage=_coverage(blocks, rows), confidence=confidence, layer=layer
    )


def _coverage(blocks: Blocks, rows: Rows) -> Coverage:
    """All of the image, or where void is what nobody claims, the pixels of the rows."""
    height, width = blocks.plan.size
    if not blocks.tiled.void:
        return FULL
    area = rows.masks.merge() if len(rows) else Masks.empty(1, (height, width))
    return FULL if int(area.areas.sum()) == height * width else Coverage(area=area)


def _bytes(labels: BlockLabels) -> int:
    arrays = (labels.classes, labels.confidence, labels.objects)
    return sum(array.nbytes for array in arrays if array is not None)
