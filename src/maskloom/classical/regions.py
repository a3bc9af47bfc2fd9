"""Foregrounds split into objects by their distance to the background.

Source: distance-transform watershed as in Vincent & Soille 1991 (flooding) with h-maxima of the
distance as markers (Soille, "Morphological Image Analysis", 2003, section 9.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.classical.threshold import OtsuOptions, Side, otsu_foreground
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.segmenter import Prediction, Prompt
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError

_EIGHT = np.ones((3, 3))


@dataclass(frozen=True, slots=True)
class WatershedOptions:
    """Options of `watershed`."""

    category: str = field(default="object", metadata={"help": "what the objects are called"})
    side: Side = field(
        default="auto",
        metadata={"help": "which side of the threshold is foreground; auto: as for otsu"},
    )
    blur: float = field(
        default=1.0, metadata={"help": "sigma of smoothing before the threshold, px"}
    )
    depth: float = field(
        default=1.0, metadata={"help": "how much deeper than the neck an object's centre is, px"}
    )
    min_area: int = field(default=20, metadata={"help": "smaller objects are dropped, px"})
    fill_holes: bool = field(default=True, metadata={"help": "fill holes of the foreground"})

    def __post_init__(self) -> None:
        if self.depth <= 0 or self.min_area < 0 or not 0 <= self.blur <= 100:
            raise UsageError(
                "watershed options out of range",
                seen=f"depth {self.depth}, min_area {self.min_area}, blur {self.blur}",
                hint="depth > 0, min_area ≥ 0, blur 0 to 100",
            )


def split_by_distance(foreground: NDArray[np.bool_], depth: float) -> NDArray[np.int32]:
    """Objects of a binary foreground, parted at their necks.

    Args:
        foreground: (H, W) bool.
        depth: a maximum of the distance becomes an object if it rises this many px above the
            saddle to a higher one.

    Returns:
        (H, W) int32, 0 background, 1..n objects that fill the foreground.
    """
    from scipy import ndimage

    # not OpenCV's precise transform: it changes with the number of its threads
    distance = ndimage.distance_transform_edt(np.pad(foreground, 1))[1:-1, 1:-1]
    return split_at_saddles(np.asarray(distance, np.float32), foreground, depth)


def split_at_saddles(
    surface: NDArray[np.float32], foreground: NDArray[np.bool_], depth: float
) -> NDArray[np.int32]:
    """Objects around the maxima of a surface, parted where it dips between them.

    Args:
        surface: (H, W) float32 ≥ 0, high in the middle of objects.
        foreground: (H, W) bool, what the objects fill.
        depth: a maximum counts if it rises this much above the saddle to a higher one; at most
            half the height of its connected region, so that each region has an object.

    Returns:
        (H, W) int32, 0 background, 1..n.
    """
    from scipy import ndimage
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed

    if not foreground.any():
        return np.zeros(foreground.shape, np.int32)
    surface = np.where(foreground, surface, 0)
    regions, count = ndimage.label(foreground, _EIGHT)
    peaks = np.asarray(ndimage.maximum(surface, regions, np.arange(count + 1)))
    lowered = np.maximum(surface - np.minimum(depth, peaks[regions] / 2), 0)
    flat = reconstruction(lowered, surface, method="dilation")
    markers, _ = ndimage.label(_regional_maxima(flat / depth) & foreground, _EIGHT)
    out: NDArray[np.int32] = watershed(-surface, markers, mask=foreground).astype(np.int32)
    return out


def _regional_maxima(flat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Plateaus without a higher neighbour (8-connected), of a surface in units of the depth."""
    from skimage.morphology import local_maxima

    # Reconstruction leaves plateaus equal only up to rounding; steps of 1/64 restore them.
    out: NDArray[np.bool_] = local_maxima(np.round(flat * 64).astype(np.int32), connectivity=2)
    return out


def drop_small(objects: NDArray[np.int32], min_area: int) -> NDArray[np.int32]:
    """Objects of at least so many px, renumbered 1..n in their old order."""
    areas = np.bincount(objects.ravel())
    keep = areas >= max(1, min_area)
    keep[0] = False
    renumbered = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return renumbered[objects]


class Watershed:
    """Segmenter of touching objects of one category: `watershed` in the registry."""

    Options = WatershedOptions
    name = "watershed"

    def __init__(self, options: WatershedOptions | None = None) -> None:
        self.options = options or WatershedOptions()
        self.taxonomy = Taxonomy.from_names([self.options.category])

    def predict(self, image: NDArray[Any], prompt: Prompt | None = None) -> Prediction:  # noqa: ARG002 - the protocol has it
        """One row per object."""
        from scipy import ndimage

        o = self.options
        foreground = otsu_foreground(image, OtsuOptions(side=o.side, blur=o.blur))
        if o.fill_holes:
            foreground = ndimage.binary_fill_holes(foreground)
        objects = drop_small(split_by_distance(foreground, o.depth), o.min_area)
        masks, ids = Masks.from_id_map(objects)
        rows = Rows.make(masks, np.zeros(len(masks), np.int32), instance=ids)
        return Prediction(Labels(objects.shape, rows=rows, layer="model/watershed"))
