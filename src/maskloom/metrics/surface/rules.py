"""What a convention says of distances between surfaces, and the named conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maskloom.core.report import Score
from maskloom.metrics.surface.borders import Surface

_INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class EmptyScores:
    """Scores of a pair of which one mask, or both, has no surface; None is undefined.

    Args:
        asd: from the side that has a surface to the one that has none, and of both together.
        asd_from_empty: from the side that has none.
        hd: the largest distance.
        percentile: the percentile of distances.
        nsd: the share of the surface within the tolerance.
    """

    asd: Score = None
    asd_from_empty: Score = None
    hd: Score = None
    percentile: Score = None
    nsd: Score = None


@dataclass(frozen=True, slots=True)
class SurfaceRules:
    """A convention of surface distances.

    Args:
        surface: `faces`, pixels of the mask with a neighbour outside across a face (4, or 6 in
            volumes); `full`, across a face, edge or corner (8 or 26); `corners`, corners of pixels
            that are not all alike around it, each weighted by the area of the surface there.
        edge_is_outside: a mask that reaches the edge of the image has a surface there.
        percentile_of: the larger of the percentiles of the two `directions`, or the percentile of
            all distances `pooled`.
        percentile: `linear` between the two nearest in order, or the first distance that is
            `reached` by a share of the area (of the points, where they have no area).
        assd: the mean of all distances `pooled`, or of the means of the two `directions`.
        compare: a distance with the tolerance, and a share of the area with the percentile: as
            `double`, distances as `single` (rounded to float32, and the tolerance too), or
            `nearly`, where one part in 10^9 makes no difference.
        one_empty, both_empty: scores where a surface is missing.
        average: mean over `classes` of the means over samples, or over `samples` of the means
            over classes.
    """

    surface: Surface = "faces"
    edge_is_outside: bool = True
    percentile_of: Literal["directions", "pooled"] = "directions"
    percentile: Literal["linear", "reached"] = "linear"
    assd: Literal["pooled", "directions"] = "pooled"
    compare: Literal["double", "single", "nearly"] = "double"
    one_empty: EmptyScores = EmptyScores()
    both_empty: EmptyScores = EmptyScores()
    average: Literal["classes", "samples"] = "classes"


SURFACE_RULES: dict[str, SurfaceRules] = {
    "maskloom": SurfaceRules(
        surface="corners",
        percentile="reached",
        compare="nearly",
        one_empty=EmptyScores(nsd=0.0),
    ),
    "monai": SurfaceRules(
        compare="single",
        one_empty=EmptyScores(_INFINITE, _INFINITE, _INFINITE, None, 0.0),
        average="samples",
    ),
    "torchmetrics": SurfaceRules(
        one_empty=EmptyScores(_INFINITE, _INFINITE, _INFINITE, _INFINITE),
        average="samples",
    ),
    "medpy": SurfaceRules(percentile_of="pooled"),
    "deepmind": SurfaceRules(
        surface="corners",
        percentile="reached",
        assd="directions",
        one_empty=EmptyScores(_INFINITE, None, _INFINITE, _INFINITE, 0.0),
        both_empty=EmptyScores(hd=_INFINITE, percentile=_INFINITE),
    ),
    "metrics-reloaded": SurfaceRules(
        one_empty=EmptyScores(nsd=0.0),
        both_empty=EmptyScores(0.0, 0.0, 0.0, 0.0, 1.0),
    ),
}
"""The conventions by name.

`maskloom`: the surface where it is, weighted by its area, because counts of pixels depend on
spacing and on the direction of a surface; the larger of the two directions, because a small
wrong part must not hide among the other side's distances; distances to nothing are undefined
and counted, never a number; a tolerance of 0.3 includes three steps of 0.1.

`monai` 1.6.1 `compute_hausdorff_distance`, `compute_average_surface_distance`,
`compute_surface_dice` (its defaults: no subvoxels). Its values are float32; percentiles of
infinite distances are NaN there. `torchmetrics` 1.9.0 has the Hausdorff distance alone, wrong
where width and height differ. `medpy` 0.5.2: raises where a mask is empty. `deepmind`:
surface-distance 0.1; its two averages are one number here, their mean. `metrics-reloaded`: at
commit cb38dfc; its NSD against an empty mask measures from the corner of the image and is 0
here.
"""
