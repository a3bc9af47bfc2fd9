"""Blocks read as one image again: windows of any layer, or labels where they fit into memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from maskloom.inference.tiling.blocks import load_arrays
from maskloom.inference.tiling.plan import Box, inside
from maskloom.inference.tiling.tiled import Tiled
from maskloom.store.images import MAX_PIXELS

Layer = Literal["classes", "confidence"]
_CACHE_BYTES = 128 << 20
_ROW_BYTES = 512 << 20


class Blocks:
    """The blocks of an image, the recent arrays of them in memory.

    An array is decompressed when it is asked for, and no other of its block. A row of blocks of
    one layer stays in memory where it takes up to 512 MiB, so that a pass from the top down in
    slabs decompresses each array once; above that, each slab does so again.

    Args:
        tiled: complete.
        cache_bytes: of arrays that are kept, if a row of blocks takes less.
    """

    def __init__(self, tiled: Tiled, cache_bytes: int = _CACHE_BYTES) -> None:
        self.tiled = tiled
        self.plan = tiled.plan
        self._room = cache_bytes
        self._largest: dict[str, int] = {}
        self._recent: OrderedDict[tuple[int, str], NDArray[Any] | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> Stored:
        return Stored(self, index)

    def array(self, index: int, name: str) -> NDArray[Any] | None:
        """A field of a block, None where the block lacks it; the arrays of windows are kept."""
        return self._kept(
            (index, name), lambda: load_arrays(self.tiled.block_file(index), [name])[0]
        )

    def _kept(
        self, key: tuple[int, str], make: Callable[[], NDArray[Any] | None]
    ) -> NDArray[Any] | None:
        """What was made before, or is made now and kept while there is room."""
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        found = self._recent[key] = make()
        self._largest[key[1]] = max(self._largest.get(key[1], 0), _bytes(found))
        row = self._largest[key[1]] * self.plan.grid[1]
        room = max(self._room, row if row <= _ROW_BYTES else 0)
        held = sum(map(_bytes, self._recent.values()))
        while len(self._recent) > 1 and held > room:
            held -= _bytes(self._recent.popitem(last=False)[1])
        return found

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

        def take(index: int) -> NDArray[Any]:
            found = self.array(index, name)
            if found is None:
                raise DataError(f"a tile holds no {name}", where=self.tiled.block_file(index))
            return found

        return lambda y0, y1, x0, x1: self.window((y0, y1, x0, x1), take)

    def fragments(self) -> Iterator[Fragments]:
        """The objects of each block, in raster order."""
        for block in self.plan:
            labels = self.array(block.index, "objects")
            file = self.tiled.block_file(block.index)
            category, score, stuff, hidden = load_arrays(
                file, ["category", "score", "stuff", "hidden"]
            )
            if labels is None or category is None or score is None or hidden is None:
                raise DataError("a tile holds no objects", where=file)
            yield Fragments(block.core, block.window, labels, category, score, stuff, hidden)

    def overlap(self) -> bool:
        """Whether a block has objects that lie over each other."""
        spans = (load_arrays(self.tiled.block_file(i), ["hidden"])[0] for i in range(len(self)))
        return any(found is not None and len(found) > 0 for found in spans)

    def ids(self, stitched: Stitched) -> Callable[[int, int, int, int], NDArray[np.uint32]]:
        """Reads windows (y0, y1, x0, x1) of the ids of stitched things, 0 elsewhere.

        Of objects that overlap in a block, the surest has the pixel.
        """
        thing = np.concatenate([[False], ~stitched.stuff])
        # ids of things alone, without gaps
        compact = np.where(thing, np.cumsum(thing), 0).astype(np.uint32)

        def take(index: int) -> NDArray[np.uint32]:
            labels = self._kept((index, "core of objects"), lambda: self._core_objects(index))
            assert labels is not None, "only objects are stitched"
            found: NDArray[np.uint32] = compact[stitched.lookup(self.plan[index].core)][labels]
            return found

        return lambda y0, y1, x0, x1: self.window((y0, y1, x0, x1), take)

    def _core_objects(self, index: int) -> NDArray[Any] | None:
        """The objects of a core, in 16 bit where that holds them."""
        block = self.plan[index]
        (labels,) = load_arrays(self.tiled.block_file(index), ["objects"])
        if labels is None:
            return None
        core = labels[inside(block.window, block.core)]
        return core.astype(np.uint16 if core.max() < 1 << 16 else np.int32)


@dataclass(frozen=True, slots=True)
class Stored:
    """One block on disk; a field is read when it is asked for."""

    blocks: Blocks
    index: int

    @property
    def classes(self) -> NDArray[Any] | None:
        """See `BlockLabels`."""
        return self.blocks.array(self.index, "classes")

    @property
    def confidence(self) -> NDArray[Any] | None:
        """See `BlockLabels`."""
        return self.blocks.array(self.index, "confidence")

    @property
    def objects(self) -> NDArray[Any] | None:
        """See `BlockLabels`."""
        return self.blocks.array(self.index, "objects")


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
    if blocks.overlap():
        # as in one pass: where rows are painted, the surest lies in front
        rows = rows.take(np.lexsort((rows.score, ~stitched.stuff[kept])))
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


def _bytes(array: NDArray[Any] | None) -> int:
    return 0 if array is None else array.nbytes
