"""Two data sets compared image by image, for the list of what to look at first.

One pass with bounded memory: labels of one image at a time and the worst N regions. How regions
are found is `regions_rows.py` and `regions_maps.py`, how they are ranked `queue.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind
from maskloom.core.region import DISAGREEMENTS, Region
from maskloom.errors import DataError
from maskloom.metrics.judging.align import Comparison
from maskloom.metrics.judging.judge import Task
from maskloom.metrics.judging.scene import blind_spots, surest_on_top
from maskloom.metrics.judging.tasks import task_of
from maskloom.quality.bands import find_dispute
from maskloom.quality.frame import Frame
from maskloom.quality.pairing import Blind, pair_objects
from maskloom.quality.queue import Queue
from maskloom.quality.regions_maps import map_regions
from maskloom.quality.regions_rows import row_regions
from maskloom.quality.settled import Settled
from maskloom.work.progress import track

HELD_OUT = (
    "A model is sure of what it was trained on, errors included: compare with predictions for "
    "images that it never saw."
)
_DOUBTFUL = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Review:
    """What two data sets disagree about.

    Args:
        regions: the worst ones, worst first.
        counts: how many regions of each kind there are in all.
        task: "instance" (objects were paired) or "semantic" (class maps were compared).
        samples: how many images were compared.
        agreement: share of the objects (or counted pixels) of either side on which both agree;
            None where there is nothing to agree on.
        notes: what a reader must know.
    """

    regions: tuple[Region, ...]
    counts: Mapping[str, int]
    task: str
    samples: int
    agreement: float | None
    notes: tuple[str, ...] = ()

    def to_json(self, links: Mapping[int, str]) -> dict[str, Any]:
        """The machine form.

        Args:
            links: place in `regions` → address of the page that shows it.
        """
        return {
            "task": self.task,
            "samples": self.samples,
            "counts": dict(self.counts),
            "agreement": self.agreement,
            "rows": [
                {"rank": i + 1, **region.to_json(), "link": links.get(i)}
                for i, region in enumerate(self.regions)
            ],
            "notes": [HELD_OUT, *self.notes],
        }


def find_regions(
    pair_up: Comparison,
    *,
    task: Task = "auto",
    top: int,
    ours: str = "the truth",
    judged: Iterable[Region] = (),
) -> Review:
    """Go through both data sets once and keep the worst regions.

    The result does not depend on the order of the samples.

    Args:
        pair_up: of `compare`.
        task: instance pairs objects, semantic compares classes of pixels; auto decides by the
            labels.
        top: how many regions to keep.
        ours: what to call the truth in reasons.
        judged: regions that are neither counted nor listed.

    Raises:
        DataError: sizes differ, labels cannot be read, hold no objects or are of a volume.
        TaxonomyError: the prediction uses a category that the truth does not have.
    """
    chosen = task_of(pair_up) if task == "auto" else task
    queue, settled = Queue(top), Settled(judged)
    agreeing = total = 0
    silent = True
    for pair in track(pair_up.pairs, "comparing", unit="images"):
        truth, predicted = pair_up.labels(pair)
        if len(truth.size) != 2:
            raise DataError(
                "regions of volumes are not listed", where=pair.truth.key, seen=truth.size
            )
        frame = Frame(pair.truth.key, truth.size, pair_up.taxonomy, ours)
        compare = _objects if chosen == "instance" else _pixels
        regions, right, of, says = compare(pair_up, (truth, predicted), frame)
        queue.add(settled.fresh(regions))
        agreeing, total = agreeing + right, total + of
        silent = silent and not says
    agreement = agreeing / total if total else None
    return Review(
        tuple(queue.ranked()),
        {kind: queue.counts[kind] for kind in DISAGREEMENTS},
        chosen,
        len(pair_up.pairs),
        agreement,
        (
            *pair_up.notes,
            *_notes(chosen, agreement, silent=silent),
            *_judged(settled.count),
        ),
    )


def _objects(
    pair_up: Comparison, labels: tuple[Labels, Labels], frame: Frame
) -> tuple[Iterable[Region], int, int, bool]:
    """The regions of objects, how many objects agree, of how many, and if certainty is said."""
    truth, predicted = labels
    rows = pair_up.ours.rows(truth, frame.key), pair_up.theirs.rows(predicted, frame.key)
    blind = Blind(**blind_spots(truth.coverage, pair_up.taxonomy))
    pairing = pair_objects(*rows, pair_up.taxonomy, blind)
    kept = _kept(predicted, pair_up)
    pairing = replace(pairing, places=(pairing.places[0], kept[pairing.places[1]]))
    regions = row_regions(pairing, frame, predicted.confidence)
    said = predicted.confidence is not None or not np.isnan(pairing.predicted.score).all()
    return regions, *pairing.agreement, said


def _kept(predicted: Labels, pair_up: Comparison) -> NDArray[np.int64]:
    """Where the rows were that the translation to the common taxonomy keeps."""
    assert predicted.rows is not None
    void = np.array([category.void for category in pair_up.theirs.source], np.bool_)
    return np.flatnonzero(~void[predicted.rows.category])


def _pixels(
    pair_up: Comparison, labels: tuple[Labels, Labels], frame: Frame
) -> tuple[Iterable[Region], int, int, bool]:
    """The regions of class maps, how many pixels agree, of how many, and if certainty is said."""
    truth, predicted = labels
    maps = (
        pair_up.ours.class_map(truth, frame.key),
        pair_up.theirs.class_map(surest_on_top(predicted), frame.key),
    )
    dispute = find_dispute(*maps, len(pair_up.taxonomy), frame.scale)
    confidence = _confidence(predicted)
    regions = map_regions(dispute, confidence, frame)
    return regions, dispute.counted - len(dispute.yx), dispute.counted, confidence is not None


def _confidence(labels: Labels) -> NDArray[np.uint8] | None:
    """How sure each pixel is × 255: as the labels say, or the score of the row on top."""
    if labels.confidence is not None or labels.rows is None:
        return labels.confidence
    if np.isnan(labels.rows.score).all():
        return None
    on_top = surest_on_top(labels).rows
    assert on_top is not None
    drawn = on_top.take(on_top.kind == RowKind.MASK)
    drawn = drawn.take(np.argsort(drawn.z_order, kind="stable"))
    score = np.clip(np.nan_to_num(drawn.score, nan=1.0), 0.0, 1.0)
    out = np.full(labels.size, 255, np.uint8)
    drawn.masks.paint(out, np.rint(score * 255).astype(np.uint8))
    return out


def _notes(task: str, agreement: float | None, *, silent: bool) -> list[str]:
    notes = []
    if silent and agreement is not None:
        notes.append("the prediction does not say how sure it is: every region counts as certain")
    if agreement is not None and agreement < _DOUBTFUL:
        what = "objects" if task == "instance" else "pixels"
        notes.append(
            f"both agree on only {100 * agreement:.0f} % of the {what}: most regions are likely "
            "faults of the prediction, not of the labels"
        )
    return notes


def _judged(count: int) -> list[str]:
    if count == 0:
        return []
    regions, are = ("region", "is") if count == 1 else ("regions", "are")
    return [
        f"{count} {regions} {are} left out, where somebody kept the labels or nobody could tell; "
        "--judged lists them again"
    ]
