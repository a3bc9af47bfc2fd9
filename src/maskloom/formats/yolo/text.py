"""The lines of YOLO label files: `class x y x y ...` or `class x-centre y-centre width height`.

Numbers are fractions of the image's sides. Readers hold them in single precision, multiply by
the side, cut off (Ultralytics) or round (supervision) and fill with OpenCV: written numbers lie
a quarter of a pixel into the pixel that is meant, so that both see the same whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError

Form = Literal["plain", "score", "track", "score-track"]
FORMS: tuple[Form, ...] = ("plain", "score", "track", "score-track")
INTO_PIXEL = 0.25
BEYOND = 0.01
"""How far numbers may lie outside of the image before they are taken for pixels."""
_DECIMALS = 12
_FRESH_DECIMALS = 8
SKIP_HINT = "mend it, or leave such annotations out with --skip-bad"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty.

    Args:
        path, number: where it stands, from 1.
        text: what it says.
    """

    path: Path
    number: int
    text: str

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.path}: line {self.number}"


@dataclass(frozen=True, slots=True)
class LabelLines(Sequence[Line]):
    """The lines of a label file, read anew at each use; none where there is no file."""

    path: Path | None

    def __iter__(self) -> Iterator[Line]:
        if self.path is None:
            return
        try:
            text = self.path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise FormatError("the label file cannot be read", where=self.path, seen=error) from (
                error
            )
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield Line(self.path, number, line)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int) -> Line:  # type: ignore[override]
        return list(self)[index]


@dataclass(frozen=True, slots=True, eq=False)
class YoloRow:
    """One parsed line.

    Args:
        number: of the class, as the file counts.
        values: 4 of a box, or x, y, x, y, ... of at least 3 vertices; fractions.
        score: NaN where there is none.
        track: number of the object's track, -1 where there is none.
    """

    number: int
    values: NDArray[np.float64]
    score: float = math.nan
    track: int = -1

    @property
    def box(self) -> bool:
        """Whether it is a box."""
        return len(self.values) == 4


def parse_line(line: Line, form: Form = "plain") -> YoloRow:
    """A line as class, fractions, score and track.

    Args:
        line: of a label file.
        form: what stands behind the coordinates.

    Raises:
        FormatError: not numbers, not finite, not fractions, or of a number that fits nothing.
    """
    first, *rest = line.text.split()
    try:
        number, values = float(first), np.array(rest, np.float64)
    except ValueError:
        raise FormatError("not numbers", where=line.where, seen=line.text, hint=SKIP_HINT) from None
    if not number.is_integer() or not 0 <= number < 1 << 31:
        raise FormatError("a class is a whole number from 0", where=line.where, seen=first)
    scored, tracked = _ends(len(values), form)
    track, score = -1, math.nan
    if tracked:
        values, track = values[:-1], _track(rest[-1], line)
    if scored:
        values, last = values[:-1], float(values[-1]) if len(values) else math.nan
        if not 0 <= last <= 1:
            hint = "if it is the number of a track say --set from.form=track"
            raise FormatError("a confidence lies in 0 to 1", where=line.where, seen=last, hint=hint)
        score = last
    _check_values(values, line)
    return YoloRow(int(number), values, score, track)


def is_line(line: Line, form: Form) -> bool:
    """Whether a line can be read so."""
    try:
        parse_line(line, form)
    except FormatError:
        return False
    return True


def _ends(count: int, form: Form) -> tuple[bool, bool]:
    """Whether a confidence and a track stand at the end of so many numbers.

    Frames in which nothing is tracked have lines without a track.
    """
    if form == "score-track":
        return count > 4, count > 4 and count % 2 == 0
    if form == "track":
        return False, count % 2 == 1
    return form == "score" or count == 5, False


def _track(text: str, line: Line) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise FormatError("a track has a whole number from 0", where=line.where, seen=text)
    return int(text)


def are_fractions(texts: Sequence[str]) -> bool:
    """Whether texts are numbers in 0 to 1, give or take `BEYOND`."""
    try:
        return all(-BEYOND <= float(text) <= 1 + BEYOND for text in texts)
    except ValueError:
        return False


def _check_values(values: NDArray[np.float64], line: Line) -> None:
    if not np.isfinite(values).all():
        bad = values[~np.isfinite(values)][0]
        raise FormatError("a number is not finite", where=line.where, seen=bad, hint=SKIP_HINT)
    if len(values) % 2:
        raise FormatError(
            "an odd number of coordinates",
            where=line.where,
            seen=len(values),
            hint="mend it; if the last number is a confidence say --set from.scores=true, if it "
            "is that of a track --set from.form=track",
        )
    if len(values) < 4:
        raise FormatError(
            "neither a box of 4 numbers nor a polygon of 3 vertices",
            where=line.where,
            seen=line.text,
            hint=SKIP_HINT,
        )
    outside = (values < -BEYOND) | (values > 1 + BEYOND)
    if outside.any():
        hint = "divide pixels by the image's width and height"
        if not outside[:-1].any():
            hint += "; if the last number is that of a track say --set from.form=score-track"
        raise FormatError(
            "a coordinate is no fraction of the image's side",
            where=line.where,
            seen=float(values[outside][0]),
            hint=hint,
        )
    if len(values) == 4 and (values[2:] < 0).any():
        raise FormatError("a box of negative size", where=line.where, seen=line.text)


def seen_vertices(values: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """(n, 2) pixels as readers compute them, in single precision.

    Args:
        values: x, y, x, y, ... as fractions.
        size: (H, W).
    """
    sides = np.array(size[::-1], np.float32)
    return (values.astype(np.float32).reshape(-1, 2) * sides).astype(np.float64)


def class_and_box(row: YoloRow) -> tuple[int, ...]:
    """What Ultralytics tells rows apart by: of those that are equal it keeps one.

    Source: github.com/ultralytics/ultralytics issues 14858 and 8515.
    """
    points = row.values.astype(np.float32)
    if not row.box:
        pairs = points.reshape(-1, 2)
        low, high = pairs.min(axis=0), pairs.max(axis=0)
        points = np.concatenate([(low + high) / 2, high - low])
    return (row.number, *points.view(np.int32).tolist())


def fractions(pixels: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """An author's (n, 2) pixels as the fractions that they came from, flat."""
    flat = (pixels / np.array(size[::-1], np.float64)).ravel()
    return np.round(flat, _DECIMALS)


def fresh_fractions(
    ring: NDArray[np.float64], size: tuple[int, int], nudge: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.float64]:
    """Whole (n, 2) pixels as fractions that readers cut off or round to the same numbers.

    Args:
        ring: of whole numbers.
        size: (H, W).
        nudge: of x and y, at most 0.2 px, to tell apart rows of one class and box.
    """
    shifted = ring + INTO_PIXEL + np.array(nudge)
    shares: NDArray[np.float64] = shifted / np.array(size[::-1], np.float64)
    return shares.ravel().round(_FRESH_DECIMALS)


def line_text(row: YoloRow) -> str:
    """The line of a row; it is parsed to the same row."""
    return " ".join([str(row.number), *(f"{value:.{_DECIMALS}g}" for value in row.values.tolist())])
