"""What stands behind the coordinates of a line: nothing, a confidence, the number of a track.

Ultralytics ends lines of predictions with a confidence where it was asked for, and those of
`track` with the number of the track: `class x y width height confidence track`, which is as long
as the line of a triangle. Numbers of tracks are whole and count from 1. One of 2 or more is no
fraction and so certain; whether a last 1 is one, the other lines of the data tell, or nobody.

Source: ultralytics, engine/results.py (Results.save_txt), trackers/track.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from maskloom.errors import FormatError
from maskloom.formats.yolo.text import Form, LabelLines, Line, YoloRow, are_fractions, parse_line

FORM = (
    "what stands behind the coordinates: plain is nothing, or a confidence behind a box; score, "
    "track and score-track as `yolo track save_txt save_conf` writes them; auto asks all lines"
)
_TRACK = re.compile(r"[1-9]\d{0,17}")


@dataclass(slots=True)
class Evidence:
    """What the lines of a data set say of their ends; of boxes, triangles and polygons.

    Args:
        box_score: a number behind a box is a fraction, and no number of a track.
        even_plain: the last number of an even count is no number of a track.
        tracks: counts of numbers of lines of which the last is whole and above 1, and no other.
        ones: likewise where it is 1.
        polygons: lines of eight numbers and more, an even count.
        twice: counts of numbers (5, or 6 for even ones) at which a 1 ends two lines of a file,
            where each track stands once.
    """

    box_score: bool = False
    even_plain: bool = False
    tracks: set[int] = field(default_factory=set)
    ones: set[int] = field(default_factory=set)
    polygons: bool = False
    twice: set[int] = field(default_factory=set)

    def add(self, texts: Sequence[str]) -> None:
        """Take a line in, without its class."""
        last, count = texts[-1], len(texts)
        even, box = count % 2 == 0, count == 5
        self.polygons |= even and count > 6
        if _TRACK.fullmatch(last) is None:
            if (box or even) and are_fractions(texts):
                self.box_score |= box
                self.even_plain |= even
        elif are_fractions(texts[:-1]):
            (self.ones if last == "1" else self.tracks).add(count)

    def certain(self) -> Form | None:
        """What lines end in where numbers of tracks leave no doubt.

        Long lines that are all of one length are poses, as far as anybody knows.
        """
        even = {count for count in self.tracks if count % 2 == 0}
        odd = self.tracks - even
        if even and (6 in even or len(even | {n for n in self.ones if n % 2 == 0}) > 1):
            return None if self.even_plain or odd else "score-track"
        if odd and (5 in odd or len(odd | {n for n in self.ones if n % 2}) > 1):
            return None if self.box_score or even else "track"
        return None

    def of_ones(self, count: int) -> Form | None:
        """What a line of so many numbers ends in that has a 1 there; None is not known."""
        if count == 5:
            return "plain" if self.box_score or 5 in self.twice else None
        if self.even_plain or self.polygons or 6 in self.twice:
            return "plain"
        return "score-track" if self.box_score else None


@dataclass(slots=True)
class Endings:
    """Reads lines of one data set, all of whose files are asked once, where a line leaves doubt.

    Args:
        files: all label files.
        said: what the user says, or `auto`.
        own: maskloom wrote them, and what is in doubt are coordinates.
    """

    files: Sequence[Path | None]
    said: Form | Literal["auto"] = "auto"
    own: bool = False
    _evidence: Evidence | None = None

    def parse(self, line: Line) -> YoloRow:
        """The line; a FormatError tells what is wrong with it, or that it is in doubt."""
        return parse_line(line, self.form(line))

    def form(self, line: Line) -> Form:
        """What a line ends in.

        Raises:
            FormatError: neither it nor any other tells.
        """
        texts = line.text.split()[1:]
        if self.said != "auto":
            return self.said
        odd = len(texts) > 5 and len(texts) % 2
        if len(texts) < 5 or not (odd or _TRACK.fullmatch(texts[-1])):
            return "plain"
        if self._evidence is None:
            self._evidence = evidence_of(self.files)
        certain = self._evidence.certain()
        if certain is not None or odd or texts[-1] != "1" or self.own:
            return certain or "plain"
        known = self._evidence.of_ones(len(texts))
        if known is None:
            raise _doubt(line, len(texts))
        return known

    @property
    def doubtful(self) -> bool:
        """Whether all polygons end in 1, which may be the number of a track."""
        known = self._evidence
        return known is not None and not (
            self.own or known.even_plain or 6 in known.twice or known.certain()
        )


def evidence_of(files: Iterable[Path | None]) -> Evidence:
    """What all lines say; files that cannot be read say nothing here."""
    found = Evidence()
    for path in files:
        ones: Counter[int] = Counter()
        try:
            for line in LabelLines(path):
                texts = line.text.split()[1:]
                if len(texts) >= 5:
                    found.add(texts)
                    ones[len(texts) if len(texts) % 2 else 6] += texts[-1] == "1"
        except FormatError:
            continue
        found.twice |= {count for count, n in ones.items() if n > 1}
    return found


def _doubt(line: Line, count: int) -> FormatError:
    if count == 5:
        return FormatError(
            "behind the box, 1 may be a confidence or the number of a track",
            where=line.where,
            seen=line.text,
            hint="say --set from.form=plain (confidence) or --set from.form=track",
        )
    return FormatError(
        "six numbers may be a triangle, or a box with a confidence and the track 1",
        where=line.where,
        seen=line.text,
        hint="say --set from.form=plain (triangle) or --set from.form=score-track",
    )
