"""One block from pixels to labels: the forward pass, decoded, cut to what the block says."""

from __future__ import annotations

from dataclasses import replace

from maskloom.errors import ImageError
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.preprocess import Moments, ReadImage
from maskloom.inference.tiling.blocks import BlockLabels, cut_to_block
from maskloom.inference.tiling.forward import Feed, Seams, blended_logits, exact_logits
from maskloom.inference.tiling.plan import Block, Plan


def block_labels(
    segmenter: NetworkSegmenter,
    read: ReadImage,
    plan: Plan,
    block: Block,
    *,
    moments: Moments | None = None,
) -> BlockLabels:
    """Label one block of an image.

    Args:
        segmenter: a network.
        read: windows of the image.
        plan: of the image.
        block: of the plan.
        moments: of the whole image, see `preprocess.image_moments`.

    Raises:
        ImageError: pixels that cannot be read or used, or a block that does not fit into memory.
    """
    feed = Feed(
        read, segmenter.engine, segmenter.preprocessing, moments, segmenter.channels.n_classes
    )
    seams = Seams()
    try:
        if plan.mode == "exact":
            logits = exact_logits(feed, plan, block.window)
        else:
            logits, seams = blended_logits(feed, plan, block.window)
        labels, _ = segmenter.decode(logits)
    except MemoryError as error:
        height, width = block.window[1] - block.window[0], block.window[3] - block.window[2]
        raise ImageError(
            "a tile does not fit into memory",
            seen=f"{width} × {height} px and what the model sees around them",
            hint="allow less with --set model.memory=GIB, or set a smaller model.tile",
        ) from error
    made = cut_to_block(labels, block, segmenter.taxonomy)
    return replace(made, seams=(seams.pixels, seams.differing))
