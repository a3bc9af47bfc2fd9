"""One thing to be labelled, by reference: image, frame of a sequence, slide, raster or volume."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from maskloom.errors import DataError

_PLAIN = re.compile(r"((?:[\w-]+/)*[\w-]+)\.\w+")
SampleKind = Literal["image", "frame", "slide", "raster", "volume"]


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where the pixels are and what they are.

    Args:
        path: the file, or None where the labels name an image that is not at hand.
        size: (H, W) or (D, H, W) after EXIF orientation; None until the file is read.
        sha256: of the file's bytes, where known.
        channels: their names in order, e.g. ("red", "green", "blue").
        spacing: size of a pixel or voxel along each axis of `size`, in `unit`.
        unit: `px`, `mm`, `um`, `m`.
        affine: 4×4 voxel centre (x, y, z) → RAS+ mm, or 3×3 pixel edge → map coordinates.
        crs: coordinate reference system of a raster, as WKT or EPSG code.
    """

    path: Path | None
    size: tuple[int, ...] | None = None
    sha256: str | None = None
    channels: tuple[str, ...] = ()
    spacing: tuple[float, ...] = ()
    unit: str = "px"
    affine: tuple[tuple[float, ...], ...] = ()
    crs: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a data set.

    Args:
        key: relative path without suffix, `/` between folders; unique in the data set.
        image: reference to its pixels.
        kind: what sort of pixels.
        sequence: name of the sequence a frame belongs to; `index` and `time_s` place it there.
        group: samples that must not be parted by a split (scene, drive, patient).
        tags: slices such as site, device, date.
        file_name: the name that label files use for the image, verbatim.
        extra: fields of the source that maskloom does not interpret.
    """

    key: str
    image: ImageRef
    kind: SampleKind = "image"
    sequence: str | None = None
    index: int | None = None
    time_s: float | None = None
    group: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    file_name: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


def sample_key(relative: Path | str) -> str:
    r"""The key of an image: its path below the data's root, without suffix, `/` between folders.

    Names of Windows have `\\` there; files are looked for and written with `/` in its place.

    Raises:
        DataError: the name names no file, as "." does.
    """
    # The usual name of a hundred thousand images needs no path to be taken apart.
    if isinstance(relative, str) and (plain := _PLAIN.fullmatch(relative)):
        return plain[1]
    path = Path(str(relative).replace("\\", "/"))
    if path.name in ("", ".."):
        raise DataError(
            "not the name of an image", seen=str(relative), hint="name a file below the folder"
        )
    return path.with_suffix("").as_posix()
