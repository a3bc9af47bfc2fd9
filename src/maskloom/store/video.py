"""Films: their frames one after the other, as OpenCV's FFmpeg decodes them.

A frame comes out upright, 8 bit, in RGB, with its number and the time that the container gives
it. A film is read up to its end or to the first frame that cannot be decoded: those behind it may
be made from it, and show what nobody has filmed. Taking films into a project is
`project/films.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError
from maskloom.store.decoding import MAX_PIXELS

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"})
IMPORT_HINT = "make images of its frames first: maskloom import FILM PROJECT --set from.every=N"
_QUICKTIME = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MATROSKA = b"\x1a\x45\xdf\xa3"
# Matroska tells how long a film is, not how many frames it has: OpenCV multiplies by a mean rate.
_ROUGH = (".mkv", ".webm")
_ROUGHLY = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a film.

    Args:
        index: its number, from 0.
        time_s: when it is shown, from the start of the film.
        pixels: (H, W, 3) uint8 RGB, upright.
    """

    index: int
    time_s: float
    pixels: NDArray[np.uint8]


def is_video(path: Path) -> bool:
    """Whether a file calls itself a film."""
    return path.suffix.lower() in VIDEO_SUFFIXES


class Film:
    """An open film; `opened_film` makes one.

    Args:
        path: of the file.
        capture: of OpenCV.
    """

    def __init__(self, path: Path, capture: Any) -> None:
        import cv2

        self.path, self._capture = path, capture
        self.promised = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.read = 0
        width, height = (
            int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if not 0 < width * height <= MAX_PIXELS:
            raise ImageError(
                f"the film has no frames of 1 to {MAX_PIXELS} pixels",
                where=path,
                seen=f"{width} × {height}",
                hint="check the file",
            )

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """The frames 0, `every`, 2 × `every`, ...; to be asked for once.

        Args:
            every: at least 1.
        """
        import cv2

        while self._capture.grab():
            index, time_ms = self.read, float(self._capture.get(cv2.CAP_PROP_POS_MSEC))
            if index % every == 0:
                found, pixels = self._capture.retrieve()
                if not found or pixels is None:
                    return
                rgb = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
                yield Frame(index, max(0.0, time_ms / 1000), rgb)
            self.read += 1

    @property
    def lost(self) -> str:
        """What is missing after the last frame that was read; empty if nothing seems to be."""
        missing = self.promised - self.read
        slack = 1 + _ROUGHLY * self.promised if self.path.suffix.lower() in _ROUGH else 0
        if missing <= slack:
            return ""
        return (
            f"{self.path}: the film breaks off after {self.read} of {self.promised} frames: it is "
            "cut off or damaged there"
        )


@contextmanager
def opened_film(path: Path) -> Iterator[Film]:
    """A film, closed with the block.

    Raises:
        ImageError: missing, empty, no film, damaged, or of a codec that OpenCV lacks.
    """
    refuse_foreign(path)
    import cv2

    # What codecs mutter about a damaged film is said in one message here.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    spoken = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise ImageError(
                "the film cannot be opened: it is cut off, damaged, or of a codec that is not "
                "installed",
                where=path,
                hint="copy it again, or convert it to H.264 in .mp4",
            )
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield Film(path, capture)
    finally:
        capture.release()
        cv2.utils.logging.setLogLevel(spoken)


def refuse_foreign(path: Path) -> None:
    """Raise ImageError for what is no film by its first bytes.

    FFmpeg goes by content, and among what it knows are lists that name files and addresses
    elsewhere: only containers of pictures come to it.
    """
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise ImageError("no such film", where=path, seen=error.strerror) from error
    if not head:
        raise ImageError("the film is empty", where=path, seen="0 bytes", hint="copy it again")
    known = head[4:8] in _QUICKTIME or head[:4] == _MATROSKA
    if not known and not (head[:4] == b"RIFF" and head[8:] == b"AVI "):
        raise ImageError(
            "not a film: neither MP4, MOV, AVI, MKV nor WebM",
            where=path,
            seen=f"it begins with {head[:4]!r}",
            hint="copy it again or convert it",
        )
