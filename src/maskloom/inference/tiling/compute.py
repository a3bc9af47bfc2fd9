"""One block from pixels to labels: the forward pass, decoded, cut to what the block says."""

from __future__ import annotations

from dataclasses import replace

from maskloom.core.labels import Labels
from maskloom.core.segmenter import Segmenter
from maskloom.errors import ImageError
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.panoptic import PanopticSegmenter
from maskloom.inference.preprocess import Moments, ReadImage
from maskloom.inference.tiling.blocks import BlockLabels, cut_to_block
from maskloom.inference.tiling.forward import Feed, Seams, blended_logits, exact_logits
from maskloom.inference.tiling.plan import Block, Plan


def block_labels(
    segmenter: Segmenter,
    read: ReadImage,
    plan: Plan,
    block: Block,
    *,
    moments: Moments | None = None,
) -> BlockLabels:
    """Label one block of an image.

    Rules about whole images (how large a stuff segment must be) are not applied here.

    Args:
        segmenter: for which the plan was made.
        read: windows of the image.
        plan: of the image.
        block: of the plan.
        moments: of the whole image, see `preprocess.image_moments`.

    Raises:
        ImageError: pixels that cannot be read or used, or a block that does not fit into memory.
    """
    inner = segmenter.inner if isinstance(segmenter, PanopticSegmenter) else segmenter
    seams = Seams()
    try:
        if isinstance(inner, NetworkSegmenter):
            labels, seams = _of_network(inner, read, plan, block, moments)
        else:
            y0, y1, x0, x1 = block.window
            labels = local(segmenter).predict(read(y0, y1, x0, x1)).labels
    except MemoryError as error:
        height, width = block.window[1] - block.window[0], block.window[3] - block.window[2]
        raise ImageError(
            "a tile does not fit into memory",
            seen=f"{width} × {height} px and what the model sees around them",
            hint="allow less with --set model.memory=GIB, or set a smaller model.tile",
        ) from error
    made = cut_to_block(labels, block, segmenter.taxonomy)
    return replace(made, seams=(seams.pixels, seams.differing))


def local(segmenter: Segmenter) -> Segmenter:
    """The segmenter without the rules that hold for whole images."""
    if not isinstance(segmenter, PanopticSegmenter):
        return segmenter
    return PanopticSegmenter(segmenter.inner, replace(segmenter.decoding, stuff_area=0))


def _of_network(
    segmenter: NetworkSegmenter, read: ReadImage, plan: Plan, block: Block, moments: Moments | None
) -> tuple[Labels, Seams]:
    feed = Feed(
        read, segmenter.engine, segmenter.preprocessing, moments, segmenter.channels.n_classes
    )
    if plan.mode == "exact":
        return segmenter.decode(exact_logits(feed, plan, block.window))[0], Seams()
    logits, seams = blended_logits(feed, plan, block)
    return segmenter.decode(logits)[0], seams
