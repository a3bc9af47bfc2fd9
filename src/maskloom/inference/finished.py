"""Items of a batch read again: labels, or an image of any size in windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.formats.base import LargeMap
from maskloom.inference.stitch.objects import Stitched
from maskloom.inference.tiling.tiled import Tiled, open_tiled
from maskloom.inference.tiling.whole import Blocks, stitch, whole_labels
from maskloom.store.items import load_item
from maskloom.store.rasters import open_raster

STREAMED_PX = 1 << 26
"""Images of more pixels are written in windows, by formats that can."""


@dataclass(frozen=True, slots=True, eq=False)
class Large:
    """An image that was cut.

    Args:
        blocks: of it.
        stitched: its objects; None of classes.
        image: the file.
    """

    blocks: Blocks
    stitched: Stitched | None
    image: Path

    @property
    def tiled(self) -> Tiled:
        """How it was cut."""
        return self.blocks.tiled

    @property
    def streamed(self) -> bool:
        """Whether it is better not put together in memory."""
        height, width = self.blocks.plan.size
        return height * width > STREAMED_PX

    def facts(self) -> dict[str, Any]:
        """How it was cut and what was noticed at its seams, as plain JSON."""
        tiled, plan = self.blocks.tiled, self.blocks.plan
        out: dict[str, Any] = {
            "mode": plan.mode,
            "tiles": len(plan) if plan.mode == "exact" else plan.windows,
            "blocks": len(plan),
            "tile": list(plan.core if plan.mode == "exact" else (plan.tile, plan.tile)),
            "computed_per_pixel": round(plan.overhead, 3),
            "resumed": tiled.resumed,
            "damaged_journal_lines": tiled.damaged,
            "seam_pixels": tiled.seams.pixels,
            "seam_disagreement": tiled.seams.share,
        }
        if self.stitched is not None:
            out["conflicts"] = asdict(self.stitched.conflicts)
        return out

    @property
    def confidence(self) -> Callable[[int, int, int, int], NDArray[Any]] | None:
        """Reads windows of the confidence, if there is one."""
        return None if self.blocks[0].confidence is None else self.blocks.layer("confidence")

    def map(self) -> LargeMap:
        """Its labels in windows."""
        with open_raster(self.image) as raster:
            georeference = raster.georeference
        ids = None if self.stitched is None else self.blocks.ids(self.stitched)
        return LargeMap(self.blocks.plan.size, self.blocks.layer("classes"), ids, georeference)

    def labels(self, layer: str) -> Labels:
        """Its labels in memory.

        Raises:
            ImageError: they are larger than memory should hold.
        """
        return whole_labels(self.blocks, layer, self.stitched)

    def outline(self) -> Labels:
        """Labels of the same kind without a pixel: what they hold, for asking what is lost."""
        size = self.blocks.plan.size
        if self.stitched is None:
            # one row of pixels; kinds of loss do not depend on how many there are
            return Labels((1, size[1]), class_map=self.blocks.layer("classes")(0, 1, 0, size[1]))
        n = len(self.stitched)
        rows = Rows.make(
            Masks.empty(n, size),
            self.stitched.category,
            instance=np.arange(1, n + 1),
            score=self.stitched.score,
        )
        return Labels(size, rows=rows)


def load(item: Path, sample: Sample, layer: str) -> Labels | Large:
    """The item of a sample.

    Args:
        item: where it lies, see `items.Labelled`.
        sample: with an image path.
        layer: of the labels.

    Raises:
        DataError: it is damaged.
    """
    if item.suffix != ".tiles":
        return load_item(item, layer)
    assert sample.image.path is not None, "only samples with images are predicted"
    blocks = Blocks(open_tiled(item))
    stitched = None if blocks[0].objects is None else stitch(blocks)
    return Large(blocks, stitched, sample.image.path)
