"""Blocks read as one image again: windows of any layer, or labels where they fit into memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels
from maskloom.core.segmenter import Segmenter
from maskloom.inference.tiling.blocks import BlockLabels, load_block
from maskloom.inference.tiling.plan import Box, inside
from maskloom.inference.tiling.run import Tiled

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


def whole_labels(tiled: Tiled, segmenter: Segmenter) -> Labels:
    """The labels of an image that fits into memory, as if it had been labelled in one pass.

    Args:
        tiled: complete, of a segmenter of classes.
        segmenter: whose blocks they are.
    """
    blocks = Blocks(tiled)
    height, width = tiled.plan.size
    everything = 0, height, 0, width
    return Labels(
        tiled.plan.size,
        class_map=blocks.layer("classes")(*everything),
        confidence=blocks.layer("confidence")(*everything),
        layer=segmenter.name,
    )


def _bytes(labels: BlockLabels) -> int:
    arrays = (labels.classes, labels.confidence, labels.objects)
    return sum(array.nbytes for array in arrays if array is not None)
