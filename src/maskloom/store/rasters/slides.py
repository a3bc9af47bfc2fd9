"""Whole-slide images by windows, as OpenSlide reads them: the full level, RGB.

Slides of Leica and 3DHISTECH lay photographs over a plane; what none covers has the slide's own
background colour, white where it names none. Colour profiles are not applied, as in other images.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, MissingExtra
from maskloom.store.images import decoding, refuse_absent
from maskloom.store.rasters.raster import refuse_hostile

_SIDE = 512
_INDEX_BYTES = 1 << 20  # OpenSlide reads no longer one
_COUNTS = re.compile(rb"(?m)^\s*(\w*(?:_COUNT|IMAGENUMBER_[XY]))\s*=\s*\+?0*(\d+)")
_DIGITS = 6
_PHOTOGRAPHS = 1 << 24  # OpenSlide's sums of 32 bits overflow, and the process dies


class SlideChunks:
    """Level 0 of a slide in squares, since slides need not be made of tiles of one size.

    Args:
        path: of the slide; of `.mrxs` its folder lies beside it.
        stored: asked for a label map, which no slide is.

    Raises:
        MissingExtra: OpenSlide is not installed.
        ImageError: missing, empty, damaged, hostile, or of a kind that OpenSlide cannot read.
    """

    orientation = 1
    georeference = None
    channels = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, path: Path, *, stored: bool) -> None:
        if stored:
            raise ImageError(
                "a slide is a photograph, not a label map", where=path, hint="give PNG or TIFF"
            )
        self._path, self._file = path, _opened(path)
        try:
            width, height = self._file.dimensions
            self.size = int(height), int(width)
            self.chunk = min(_SIDE, self.size[0]), min(_SIDE, self.size[1])
            self._background = _background(self._file)
            refuse_hostile(path, self)
        except BaseException:
            self._file.close()
            raise

    def decode(self, row: int, column: int) -> NDArray[Any]:
        """Read the square."""
        y0, x0 = row * self.chunk[0], column * self.chunk[1]
        h, w = min(self.chunk[0], self.size[0] - y0), min(self.chunk[1], self.size[1] - x0)
        try:
            seen = np.asarray(self._file.read_region((x0, y0), 0, (w, h)))
        except _openslide(self._path).OpenSlideError as error:
            raise ImageError(
                f"the slide is damaged or truncated at row {y0}, column {x0}",
                where=self._path,
                seen=error,
                hint="copy it again, with all of its files",
            ) from error
        cover = seen[:, :, 3:].astype(np.uint16)
        color = seen[:, :, :3] * cover + self._background * (255 - cover)
        return ((color + 127) // 255).astype(np.uint8)

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()


def has_openslide() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("openslide") is not None


def slide_size(path: Path) -> tuple[int, int]:
    """(H, W) of the full level.

    Raises:
        MissingExtra: OpenSlide is not installed.
        ImageError: missing, empty, damaged, or of a kind that OpenSlide cannot read.
    """
    with _opened(path) as file:
        width, height = file.dimensions
        return int(height), int(width)


def _opened(path: Path) -> Any:
    refuse_absent(path)
    openslide = _openslide(path)
    _refuse_counts(path)
    try:
        return decoding(path, lambda: openslide.OpenSlide(path))
    except ImageError as error:
        if isinstance(error.__cause__, openslide.OpenSlideUnsupportedFormatError):
            raise ImageError(
                "not a slide that OpenSlide can read",
                where=path,
                hint="copy it again, with all of its files, or convert it to tiled TIFF",
            ) from error
        raise


def _refuse_counts(path: Path) -> None:
    """Refuse a `.mrxs` of absurd numbers: OpenSlide counts up to them, and takes memory for them.

    Raises:
        ImageError: there is one.
    """
    index = path.with_suffix("") / "Slidedat.ini"
    if path.suffix.lower() != ".mrxs" or not index.is_file():
        return
    with index.open("rb") as file:
        text = file.read(_INDEX_BYTES)
    photographs = 1
    for name, number in _COUNTS.findall(text):
        many = len(number) > _DIGITS
        if not many and name.startswith(b"IMAGENUMBER"):
            photographs *= max(1, int(number))
        if many or photographs > _PHOTOGRAPHS:
            raise ImageError(
                "the slide claims more parts than there can be",
                where=index,
                seen=f"{name.decode()} = {number.decode()[:20]}",
                hint="check the file, or copy it again",
            )


def _openslide(path: Path) -> ModuleType:
    try:
        import openslide
    except (ImportError, OSError) as error:  # the package, or the library that it loads
        raise MissingExtra(
            f"{path.suffix} slides need the package 'openslide-python'",
            where=path,
            hint="install it with: pip install 'maskloom[slides]'",
        ) from error
    found: ModuleType = openslide
    return found


def _background(file: Any) -> NDArray[np.uint16]:
    """The slide's own colour of what no photograph covers."""
    name = str(file.properties.get("openslide.background-color", "FFFFFF"))
    return np.frombuffer(bytes.fromhex(name), np.uint8).astype(np.uint16)
