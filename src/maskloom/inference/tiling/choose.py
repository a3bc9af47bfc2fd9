"""Whether an image is cut, and how: from what the network sees and the memory it may take."""

from __future__ import annotations

from maskloom.core.run import WEIGHTS
from maskloom.core.segmenter import Segmenter
from maskloom.errors import ImageError
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.panoptic import PanopticSegmenter
from maskloom.inference.tiling.field import Field, measure_field
from maskloom.inference.tiling.options import TileOptions
from maskloom.inference.tiling.plan import Plan, area, blend_plan, exact_plan
from maskloom.store.images import MAX_PIXELS

RUNTIME_BYTES = 720 << 20
"""What a process takes before its first block: libraries and decoded storage chunks."""
_WEIGHTS = 3
"""So often a process holds the weights: as they are read, rewritten, and laid out by a library."""
LEAST_GIB = 0.95
"""The smallest memory that leaves room for a block: 90 MiB, about 600² px of a small network."""
_GIB = 1 << 30
_ONE_PASS_PX = 1 << 22


def plan_for(
    segmenter: Segmenter, size: tuple[int, int], options: TileOptions, *, held: int = 0
) -> Plan | None:
    """How an image of this size is cut; None if it is labelled in one pass.

    For a bounded field, cutting changes nothing, and the memory alone decides. For another it
    changes what the network sees: then the size of windows does not depend on the machine, and
    images of up to 2²² pixels are taken whole. Detectors see blocks of a size that was asked
    for, each with its margin, like images of their own. The same run, engine and options
    give the same plan on every machine.

    Args:
        segmenter: any; only networks are cut.
        size: (H, W).
        options: of the user.
        held: bytes of the image that stay in memory while its blocks are computed.

    Raises:
        ImageError: the segmenter cannot be cut and the image is not read as a whole; or see
            `exact_plan`.
        UsageError: see `exact_plan`.
    """
    inner = segmenter.inner if isinstance(segmenter, PanopticSegmenter) else segmenter
    if isinstance(inner, NetworkSegmenter):
        return _of_network(inner, size, options, held)
    pixels = area((0, size[0], 0, size[1]))
    if getattr(inner, "run", None) is not None and options.tile:
        return exact_plan(size, Field(1), most_px=pixels, margin=options.margin, tile=options.tile)
    if pixels > MAX_PIXELS:
        raise ImageError(
            f"{segmenter.name} labels images as a whole, and this one is too large for that",
            seen=f"{size[1]} × {size[0]} px, at most {MAX_PIXELS}",
            hint="set --set model.tile=PX where the model has it, or cut the image",
        )
    return None


def field_of(segmenter: NetworkSegmenter) -> Field:
    """What the segmenter's network sees, measured once, in fp32 by torch, which hands NaN on."""
    if segmenter.field is None:
        segmenter.field = _measured(segmenter)
    return segmenter.field


def _measured(segmenter: NetworkSegmenter) -> Field:
    from maskloom.inference.engines.torch_engine import TorchEngine

    engine = segmenter.engine
    if isinstance(engine, TorchEngine):
        network, device = engine.network, engine.device
    else:
        from maskloom.models import checkpoint

        assert segmenter.run is not None, "other engines run what was exported from a run"
        network, device = checkpoint.load(segmenter.run), "cpu"
    probe = TorchEngine(network, precision="fp32", device=device)
    pre = segmenter.preprocessing
    return measure_field(probe.logits, len(pre.channels), pre.stride)


def _of_network(
    segmenter: NetworkSegmenter, size: tuple[int, int], options: TileOptions, held: int
) -> Plan | None:
    channels = segmenter.channels
    # beside the network's own: its input as read and as scaled, logits, probabilities, and what
    # decodes them
    beside = 8 * len(segmenter.preprocessing.channels) + 12 * (channels.n_classes + 1)
    # Of fp32, whatever the machine computes in: a plan is shared by machines with and without
    # bf16, and only the larger figure keeps all of them within the memory.
    per_pixel = segmenter.engine.bytes_per_pixel_fp32 + beside
    free = options.memory * _GIB - RUNTIME_BYTES - _WEIGHTS * _weights_bytes(segmenter) - held
    most = max(0, int(free / per_pixel))
    pixels = area((0, size[0], 0, size[1]))
    if options.tile == 0 and pixels <= min(most, _ONE_PASS_PX):
        return None
    field = field_of(segmenter)
    if options.tile == 0 and pixels <= (most if field.bounded else _ONE_PASS_PX):
        return None
    margin = max(1, options.margin) if channels.distance else 0
    if field.bounded:
        return exact_plan(size, field, most_px=most, margin=margin, tile=options.tile)
    summed = 4 * (2 * channels.n_classes + 4) + 16  # sums, probabilities, weights, labels
    tile = options.tile or _window(segmenter)
    room = free - tile**2 * per_pixel
    return blend_plan(
        size, field.stride, tile=tile, most_px=max(0, int(room / summed)), margin=margin
    )


def _weights_bytes(segmenter: NetworkSegmenter) -> int:
    """Of the run's file: the same for all engines and machines."""
    file = None if segmenter.run is None else segmenter.run.path / WEIGHTS
    return file.stat().st_size if file is not None and file.is_file() else 0


def _window(segmenter: NetworkSegmenter) -> int:
    """Side of the windows of a blend: what the network was trained on, where that is known."""
    return 512 if segmenter.run is None else max(256, *segmenter.run.recipe.crop)
