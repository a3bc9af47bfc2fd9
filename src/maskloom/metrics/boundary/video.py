"""J and F of video objects: how well the masks of numbered objects fit, frame by frame.

An object keeps its number through a sequence; which predicted object is which is not asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints
from maskloom.core.masks import Masks
from maskloom.core.outcome import counted
from maskloom.core.report import Score
from maskloom.errors import DataError
from maskloom.metrics.boundary.bits import (
    Words,
    as_pixels,
    count_bits,
    count_common,
    mask_plane,
    value_plane,
    whole_frame,
)
from maskloom.metrics.boundary.contours import plane_counts
from maskloom.metrics.boundary.object_windows import joint_window, pixels_in
from maskloom.metrics.boundary.planes import disk, gap_for
from maskloom.metrics.boundary.rules import VIDEO_RULES, VideoRules
from maskloom.metrics.boundary.video_values import FRAME, ObjectFrames, Statistics, statistics
from maskloom.metrics.scores import Scores, mean

_Plane = Callable[[int, int], Words]
_Measure = Callable[[int, NDArray[Any] | None], tuple[Score, Score]]
_OF_EACH = ("mean", "recall", "decay")
VIDEO_METRICS = ("j_and_f", "j", "j_recall", "j_decay", "f", "f_recall", "f_decay")


class VideoObjectMetrics:
    """J and F of a data set: update with each frame, merge workers, ask for the result.

    Args:
        rules: of a convention; see `VIDEO_RULES`.
    """

    def __init__(self, rules: VideoRules = VIDEO_RULES["maskloom"]) -> None:
        self.rules = rules
        self.rows = ObjectFrames()
        self.frames = 0

    def update(
        self,
        truth: NDArray[Any],
        predicted: NDArray[Any],
        *,
        sequence: str = "",
        order: int | None = None,
        void: NDArray[Any] | None = None,
    ) -> dict[str, Score]:
        """Measure one frame.

        Args:
            truth: (H, W) bool or whole numbers: 0 is background, n is object n.
            predicted: likewise, with the numbers of the truth.
            sequence: the name of the sequence that the frame is of.
            order: place of the frame; by default the number of updates so far. Frames of a
                sequence are in this order.
            void: (H, W) pixels that are not judged, where not 0.

        Returns:
            j, f and j_and_f of this frame: means over the objects that the truth shows in it.

        Raises:
            DataError: arrays are no maps of objects, or differ in size.

        Source: Perazzi et al. 2016; davis2017-evaluation `db_eval_iou` and `f_measure`. A void
        pixel is of no object there; for J also here, for F as `ContourRules.void` says.
        """
        maps = [as_pixels(truth, what="truth"), as_pixels(predicted, what="prediction")]
        for given, what in ((truth, "truth"), (predicted, "prediction")):
            if given.dtype.kind == "i" and given.size and given.min() < 0:
                raise DataError(f"objects of the {what} are numbered from 1", seen=given.min())
        numbers = _numbers(maps[0], "truth"), _numbers(maps[1], "prediction")

        def plane(side: int, gap: int, number: int) -> Words:
            one = maps[side]
            # A map of a narrower type cannot hold the number, nor need its plane be asked.
            if number > np.iinfo(one.dtype).max:
                return value_plane(np.zeros_like(one), 1, gap)
            return value_plane(one, number, gap)

        def measure(number: int, hidden: NDArray[Any] | None) -> tuple[Score, Score]:
            size = maps[0].shape[0], maps[0].shape[1]
            return self._measure(partial(plane, number=number), hidden, size, whole_frame(maps[0]))

        sizes = {one.shape for one in maps}
        return self._frame(numbers, measure, sizes, (sequence, order), void)

    def update_masks(
        self,
        truth: Mapping[int, Masks],
        predicted: Mapping[int, Masks],
        *,
        size: tuple[int, int],
        sequence: str = "",
        order: int | None = None,
        void: NDArray[np.bool_] | None = None,
    ) -> dict[str, Score]:
        """Measure one frame of objects that may overlap, each within its own part of the frame.

        Args:
            truth: number, 0 or more, → the parts of the object.
            predicted: likewise, with the numbers of the truth.
            size: (H, W) of the frame.
            sequence: as in `update`.
            order: as in `update`.
            void: (H, W) pixels that are not judged.

        Returns:
            as `update`.

        Raises:
            DataError: masks or the void area are of another size.
        """
        given = [masks.sizes for one in (truth, predicted) for masks in one.values()]
        sizes = set(map(tuple, np.unique(np.concatenate([[size], *given]), axis=0).tolist()))

        def measure(number: int, hidden: NDArray[Any] | None) -> tuple[Score, Score]:
            parts = [side.get(number, Masks.empty(0, size)) for side in (truth, predicted)]
            window = joint_window(parts, size)
            shown = [pixels_in(masks, window) for masks in parts]

            def plane(side: int, gap: int) -> Words:
                return mask_plane(shown[side], gap)

            return self._measure(plane, hidden, size, window)

        return self._frame((set(truth), set(predicted)), measure, sizes, (sequence, order), void)

    def _frame(
        self,
        numbers: tuple[set[int], set[int]],
        measure: _Measure,
        sizes: set[tuple[int, ...]],
        place: tuple[str, int | None],
        void: NDArray[Any] | None,
    ) -> dict[str, Score]:
        """Measure and keep the objects of both sides, one by one."""
        hidden = None if void is None else as_pixels(void, what="void area")
        sizes |= set() if hidden is None else {hidden.shape}
        if len(sizes) > 1:
            raise DataError(
                "truth, prediction and void area differ in size",
                seen=" and ".join(sorted(map(str, sizes))),
            )
        sequence, order = place
        order = self.frames if order is None else order
        own: list[tuple[Score, Score]] = []
        self.rows.add(sequence, order, number=FRAME, shown=False, values=(None, None))
        for number in sorted(numbers[0] | numbers[1]):
            shown = number in numbers[0]
            j, f = measure(number, hidden)
            self.rows.add(sequence, order, number=number, shown=shown, values=(j, f))
            if shown:
                own.append((j, f))
        self.frames += 1
        j, f = (mean([values[i] for values in own]) for i in (0, 1))
        return {"j": j, "f": f, "j_and_f": both(j, f)}

    def _measure(
        self, plane: _Plane, hidden: NDArray[Any] | None, size: tuple[int, int], window: Ints
    ) -> tuple[Score, Score]:
        """J and F of the planes of both sides in a window [y0, x0, y1, x1] of the frame."""
        height, width = size
        contour = self.rules.contour
        halves = disk(contour.reach_squared(height, width), height, width)
        gap = gap_for(halves.size)
        t, p = (plane(side, gap) for side in (0, 1))
        void = None if hidden is None else mask_plane(hidden, gap, window)
        judged = (t, p) if void is None else (t & ~void, p & ~void)
        shared = int(count_common(*judged))
        union = int(count_bits(judged[0])) + int(count_bits(judged[1])) - shared
        j = shared / union if union else self.rules.both_empty
        counts = plane_counts(t, p, void, int(window[3] - window[1]), halves, contour)
        return j, counts.f1(contour.both_empty)

    def merge(self, other: VideoObjectMetrics) -> None:
        """Add what another worker measured; each frame needs its own `order`."""
        self.rows.merge(other.rows)
        self.frames += other.frames

    def objects(self) -> dict[tuple[str, int], tuple[Statistics, Statistics]]:
        """J and F statistics of each object by (sequence, number)."""
        above = self.rules.recall_above
        return {
            (name, number): (statistics(j, above), statistics(f, above))
            for name, number, (j, f) in self.rows.objects(self.rules)
        }

    def result(self) -> Scores:
        """Means over objects, however many frames each has; j_and_f is the mean of j and f.

        Source: Pont-Tuset et al. 2017 (DAVIS 2017), section 4.
        """
        found = list(self.objects().values())
        metrics: dict[str, Score] = {}
        for i, name in enumerate("jf"):
            for of in _OF_EACH:
                value = mean([getattr(both[i], of) for both in found])
                metrics[name if of == "mean" else f"{name}_{of}"] = value
        metrics = {"j_and_f": both(metrics["j"], metrics["f"]), **metrics}
        why = "no frame has a value" if found else "the truth shows no object"
        reasons = {name: why for name, value in metrics.items() if value is None}
        return Scores(metrics, reasons, {}, self._notes(len(found)))

    def _notes(self, found: int) -> tuple[str, ...]:
        sequences = counted(len(self.rows.names), "sequence")
        notes = [f"j and f: means over {counted(found, 'object')} of {sequences}"]
        unknown = self.rows.unknown(self.rules)
        if unknown:
            notes.append(
                f"{counted(unknown, 'predicted object')} with a number that the truth does not "
                "ask for: not scored; davis2017-evaluation refuses these"
            )
        return tuple(notes)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What is kept, as arrays."""
        return {**self.rows.state(), "frames": np.array([self.frames], np.int64)}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays are missing, or of another shape or kind.
        """
        frames = state.get("frames", np.zeros(0, np.int64))
        if frames.shape != (1,) or frames.dtype.kind != "i":
            raise ValueError(f"frames are {frames.dtype}{frames.shape}")
        self.rows.load({name: one for name, one in state.items() if name != "frames"})
        self.frames = int(frames.astype(np.int64)[0])


def _numbers(values: NDArray[Any], what: str) -> set[int]:
    """The objects of a map."""
    if values.dtype.itemsize == 1:
        found = np.flatnonzero(np.bincount(values.reshape(-1), minlength=1))
    else:
        found = np.unique(values)
    numbers = set(found.tolist()) - {0}
    if max(numbers, default=0) >= 2**63:
        raise DataError(f"numbers of objects of the {what} end at 2**63 - 1", seen=max(numbers))
    return numbers


def both(j: Score, f: Score) -> Score:
    """The mean of J and F, where both are defined."""
    return None if j is None or f is None else (j + f) / 2
