"""What the conventions say about bands, contours and video objects, as data.

No function asks for the name of a convention: it asks for a field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from maskloom.core.report import Score
from maskloom.errors import UsageError

Unit = Literal["diagonal", "px"]
Void = Literal["removed", "apart"]
"""Void pixels become background of both sides before an outline is taken ("removed"), or an
outline is only where both of its sides are judged ("apart")."""


def _refuse_length(value: float, what: str, *, lowest: float) -> None:
    if not lowest <= value < math.inf:
        least = "0 or more" if lowest == 0 else "more than 0"
        raise UsageError(f"the {what} is a number, {least}", seen=value)


@dataclass(frozen=True, slots=True)
class BoundaryRules:
    """Which pixels of a mask are its band, for Boundary IoU.

    Args:
        distance: width of the band.
        unit: of `distance`: a share of the frame's diagonal, or pixels.
        metric: "chessboard": pixels nearer than or as near as the width to the outside, which
            begins at the frame's edge; "euclidean": pixels nearer than the width, not as near,
            to a pixel of the mask that has an outside neighbour at an edge.
        void: what becomes of pixels that are not judged.
        both_empty: the value where neither mask has a pixel.
        pooled: over a data set, pixels are summed before they are divided, by class; else
            the values of samples are averaged.
    """

    distance: float = 0.02
    unit: Unit = "diagonal"
    metric: Literal["chessboard", "euclidean"] = "chessboard"
    void: Void = "apart"
    both_empty: Score = None
    pooled: bool = True

    def __post_init__(self) -> None:
        _refuse_length(self.distance, "width of a band", lowest=math.ulp(0.0))

    def width(self, height: int, width: int) -> float:
        """The band's width in px: whole and at least 1 by chessboard, any number else."""
        if self.unit == "px":
            reach = self.distance
        else:
            reach = self.distance * math.sqrt(height * height + width * width)
        return max(1, round(reach)) if self.metric == "chessboard" else reach


@dataclass(frozen=True, slots=True)
class ContourRules:
    """Which pixels are a mask's contour, and which of two contours meet, for Boundary F1.

    Args:
        tolerance: greatest distance, Euclidean from pixel to pixel, at which they meet.
        unit: of `tolerance`: a share of the frame's diagonal, or pixels.
        round_up: the tolerance is the next whole number of pixels.
        least_px: the tolerance is no less than this.
        one_to_one: a pixel meets one other alone, and as many meet as can.
        contour: "inner": pixels of the mask with an outside neighbour at an edge; "between":
            pixels that differ from the one right, below or right below; "given": the mask is
            a contour already.
        frame_edge: beyond the frame is outside; "inner" only.
        void: what becomes of pixels that are not judged.
        both_empty: the value where neither mask has a contour.
        pooled: over a data set, pixels are summed before they are divided, by class; else
            the values of samples are averaged.
    """

    tolerance: float = 0.008
    unit: Unit = "diagonal"
    round_up: bool = False
    least_px: float = 0.0
    one_to_one: bool = False
    contour: Literal["inner", "between", "given"] = "inner"
    frame_edge: bool = False
    void: Void = "apart"
    both_empty: Score = None
    pooled: bool = False

    def __post_init__(self) -> None:
        _refuse_length(self.tolerance, "tolerance", lowest=0.0)
        _refuse_length(self.least_px, "least tolerance", lowest=0.0)

    def reach_squared(self, height: int, width: int) -> float:
        """Square of the tolerance in a frame, in px²."""
        if self.unit == "px":
            reach = self.tolerance
        else:
            reach = self.tolerance * math.sqrt(height * height + width * width)
        reach = max(math.ceil(reach) if self.round_up else reach, self.least_px)
        return reach * reach

    def within(self, tolerance_px: float) -> ContourRules:
        """The same with another tolerance, in pixels."""
        return replace(self, tolerance=tolerance_px, unit="px", least_px=0.0)


BOUNDARY_RULES: dict[str, BoundaryRules] = {
    "maskloom": BoundaryRules(),
    "boundary-iou-api": BoundaryRules(void="removed"),
    "metrics-reloaded": BoundaryRules(
        1.0, "px", "euclidean", void="removed", both_empty=1.0, pooled=False
    ),
}
"""Named rules of bands.

- `maskloom`: the band of Cheng et al. 2021, and none along void: where the truth says nothing,
  no outline was drawn, and a band there would agree with itself.
- `boundary-iou-api`: Cheng et al. 2021 (bowenc0221/boundary-iou-api, `mask_to_boundary`).
  It scores objects; the data-set-level quotient by class is ours.
- `metrics-reloaded`: MetricsReloaded `boundary_iou`, its default width of 1 px: the border
  itself. Both empty is 1; a class that neither map of a sample shows is left out all the same.
"""

CONTOUR_RULES: dict[str, ContourRules] = {
    "maskloom": ContourRules(least_px=1.0),
    "davis": ContourRules(0.008, round_up=True, contour="between", void="removed", both_empty=1.0),
    "bsds": ContourRules(
        0.0075, one_to_one=True, contour="between", void="removed", both_empty=0.0, pooled=True
    ),
    "pixels": ContourRules(2.0, "px"),
}
"""Named rules of contours.

- `maskloom`: contours that a flip of the image leaves where they are, which "between" does not;
  the tolerance of DAVIS not rounded up, which up to doubles it, but at least the pixel that
  labels are made of; no contour along void and at the frame's edge, where nobody drew one;
  nothing to find is no score.
- `davis`: Perazzi et al. 2016, davis2017-evaluation `f_measure`.
- `bsds`: Martin, Fowlkes, Malik 2004 and BSDS500 `correspondPixels`; the pairs are the most that
  there can be (`pairing.py` says where the original differs), no thinning.
- `pixels`: `maskloom` with a tolerance in pixels, 2 unless `within` says another.
"""


@dataclass(frozen=True, slots=True)
class VideoRules:
    """What counts of a video object, for J and F.

    Args:
        contour: how F is measured.
        drop_first: the first frame of a sequence is not scored: it was given.
        drop_last: the last frame of a sequence is not scored.
        first_names: objects are those up to the highest number in a sequence's first frame, or
            those that it shows where that number is none of a palette; else those that the truth
            shows in any frame.
        both_empty: J of a frame where neither side shows the object.
        recall_above: a frame counts for recall where its value is above.
    """

    contour: ContourRules = CONTOUR_RULES["maskloom"]
    drop_first: bool = False
    drop_last: bool = False
    first_names: bool = False
    both_empty: Score = None
    recall_above: float = 0.5


VIDEO_RULES: dict[str, VideoRules] = {
    "maskloom": VideoRules(),
    "davis2017": VideoRules(
        CONTOUR_RULES["davis"], drop_first=True, drop_last=True, first_names=True, both_empty=1.0
    ),
}
"""Named rules of video objects.

- `maskloom`: every frame that is handed in counts, and a frame that shows an object on neither
  side has no value: in DAVIS an object that is mostly away scores near 1 whatever is predicted.
- `davis2017`: davis2017-evaluation, semi-supervised task.
"""
