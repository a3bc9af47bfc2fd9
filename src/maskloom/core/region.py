"""One place where two label layers disagree: what, where, how badly and why.

The currency of the review queue: `quality/` finds and ranks regions, `store/project/reviews.py`
keeps them until somebody has decided, `report/` draws them. It holds no pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Disagreement = Literal["missing", "extra", "wrong-class", "boundary"]
DISAGREEMENTS: tuple[Disagreement, ...] = get_args(Disagreement)
ABOUT: dict[Disagreement, str] = {
    "missing": "in the truth, not predicted",
    "extra": "predicted, not in the truth",
    "wrong-class": "in both, under different classes",
    "boundary": "in both, but the outlines differ",
}


@dataclass(frozen=True, slots=True)
class Region:
    """A region in dispute.

    Args:
        sample: key of the sample.
        kind: see `ABOUT`.
        category: key of the truth's category; of the predicted one where the truth has nothing.
        other: key of the other category: predicted instead, or across the outline; None: none.
        box: (x0, y0, x1, y1) in px, pixel edges.
        area: pixels in dispute.
        severity: in [0, 1], as `quality/queue.py` defines it.
        reason: one clause for people.
        object: the file's own id of the object concerned, else its instance id; "" for none.
        row: place of that object in the rows of its side (the prediction's where it is extra,
            else the truth's); None in class maps.
    """

    sample: str
    kind: Disagreement
    category: str
    other: str | None
    box: tuple[int, int, int, int]
    area: int
    severity: float
    reason: str
    object: str = ""
    row: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "sample": self.sample,
            "kind": self.kind,
            "category": self.category,
            "other": self.other,
            "box": list(self.box),
            "area": self.area,
            "severity": self.severity,
            "reason": self.reason,
            "object": self.object or None,
        }
