"""`--set metric.KEY=VALUE`: what a convention leaves open, or the user knows better."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """Choices beside the convention; the defaults are the conventions' own."""

    max_detections: int = field(
        default=0,
        metadata={
            "help": "predictions kept per image and class (of lvis: per image) for AP; 0 is the "
            "convention's own: 100 for coco, 300 for lvis, no limit for maskloom"
        },
    )
    tolerance: float = field(
        default=1.0,
        metadata={"help": "distance at which surfaces agree, for nsd, in units of spacing"},
    )
    contour_px: float = field(
        default=0.0,
        metadata={
            "help": "distance at which outlines meet, for boundary_f1, in pixels; 0 is the "
            "convention's share of the diagonal"
        },
    )

    weights: str = field(
        default="",
        metadata={
            "help": "CLASS=WEIGHT,...: what classes weigh in weighted_iou, 1 where not named; "
            "without it one over their pixels in the truth"
        },
    )

    def __post_init__(self) -> None:
        for name in ("max_detections", "tolerance", "contour_px"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is 0 or more")


DEFAULTS = MetricSettings()
