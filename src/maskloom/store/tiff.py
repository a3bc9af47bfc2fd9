"""TIFF pages to arrays: which channels count, palettes, and grey stored with white as 0.

Errors of the decoder pass through; `images.py` is the door that words them and turns pictures
upright, `rasters/segments.py` reads windows of large files by the same rules. Volumes and
georeferences are not here.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, MissingExtra
from maskloom.store.decoding import lost_ids
from maskloom.store.image_bombs import refuse_bombs

_ORIENTATION_TAG = 274
# TIFF 6.0, tag 262
_WHITE_IS_ZERO, _PALETTE, _CMYK = 0, 3, 5
# TIFF 6.0, tag 254: bits of what goes with another page: smaller copies of it, and masks
_BESIDE = 1 | 4
# TIFF 6.0, tag 338: associated and unassociated alpha; 0 is a channel like any other
_ALPHA = (1, 2)
_MAX_PLANES = 1 << 12
# TIFF 6.0 and its supplement 2, tag 259
_JPEG = (6, 7)
_PIXELS = (np.uint8, np.uint16, np.float32)
_WHOLE = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)


def header(path: Path) -> tuple[int, int, int]:
    """(H, W, orientation 1..8) of the first page as stored."""
    with opened_planes(path) as (page, *_):
        return int(page.imagelength), int(page.imagewidth), orientation(page)


def channels(path: Path) -> int:
    """How many channels a pixel has, alpha aside, from the header."""
    with opened_planes(path) as planes:
        return sum(int(page.samplesperpixel) - len(_alpha(page)) for page in planes)


def read_pixels(path: Path) -> tuple[NDArray[Any], int]:
    """An image (H, W, C) uint8, uint16 or float32 without alpha, and its orientation.

    Raises:
        ImageError: a volume, CMYK, or another pixel type.
        MissingExtra: tifffile cannot decode it; `rasters/` may.
    """
    with opened_planes(path) as planes:
        refuse_cmyk(planes[0], path)
        shown = [as_pixels(page, _channels_last(page, path), path) for page in planes]
        whole = shown[0] if len(shown) == 1 else np.concatenate(shown, axis=2)
        return whole, orientation(planes[0])


def read_stored(path: Path) -> tuple[NDArray[Any], int]:
    """A label map (H, W) of whole numbers or (H, W, 3) uint8 as stored, and its orientation.

    Palette indexes stay indexes; only 1-bit files are read as they look, 0 black and 255 white.

    Raises:
        ImageError: a volume or channels in pages, fractions, or neither one channel nor three.
        MissingExtra: tifffile cannot decode it; `rasters/` may.
    """
    with opened_page(path) as page:
        array = as_map(page, _channels_last(page, path), path)
        return array[:, :, 0] if array.shape[2] == 1 else array, orientation(page)


def refuse_cmyk(page: Any, path: Path) -> None:
    """Raise ImageError if the channels of a page are inks."""
    if page.photometric == _CMYK:
        raise ImageError("a CMYK TIFF", where=path, hint="convert it to RGB")


def as_pixels(page: Any, stored: NDArray[Any], path: Path) -> NDArray[Any]:
    """The picture that samples of a page show: a rule of single pixels, so of any part of it.

    Args:
        page: the page that they come from.
        stored: (h, w, S) decoded samples, alpha included.
        path: named in errors.

    Returns:
        (h, w, C) uint8, uint16 or float32.

    Raises:
        ImageError: another pixel type.
    """
    array = np.delete(stored, _alpha(page), axis=2)
    if page.photometric == _PALETTE:
        array = _colored(array[:, :, 0], page.colormap)
    if page.photometric == _WHITE_IS_ZERO and array.dtype.kind in "bu":
        top = array.dtype.type((1 << int(page.bitspersample)) - 1)
        array = ~array if array.dtype == bool else top - array
    array = _one_bit(array)
    if array.dtype not in _PIXELS:
        raise ImageError(
            "a TIFF of an unsupported pixel type",
            where=path,
            seen=array.dtype,
            hint="store it as uint8, uint16 or float32",
        )
    return array


def as_map(page: Any, stored: NDArray[Any], path: Path) -> NDArray[Any]:
    """The label map in samples of a page, as `read_stored` reads it, of any part of it.

    Args:
        page: the page that they come from.
        stored: (h, w, S) decoded samples, alpha included.
        path: named in errors.

    Returns:
        (h, w, 1) whole numbers or (h, w, 3) of a colour map.

    Raises:
        ImageError: fractions, neither one channel nor three, or JPEG, which loses ids.
    """
    if page.compression in _JPEG:
        raise lost_ids(path, "JPEG")
    array = np.delete(stored, _alpha(page), axis=2)
    if array.dtype == bool and page.photometric == _WHITE_IS_ZERO:
        array = ~array
    array = _one_bit(array)
    if array.dtype not in _WHOLE:
        raise ImageError(
            "a label map holds whole numbers of up to 32 bit",
            where=path,
            seen=array.dtype,
            hint="store the ids as uint8 or uint16",
        )
    if array.shape[2] not in (1, 3):
        raise ImageError(
            "a label map has one channel, or three of a colour",
            where=path,
            seen=f"{array.shape[2]} channels",
        )
    return array


@contextmanager
def opened_page(path: Path) -> Iterator[Any]:
    """The only page, but for its overviews, thumbnails and masks.

    Raises:
        ImageError: a volume, or channels in pages of their own.
    """
    with opened_planes(path) as planes:
        if len(planes) > 1:
            raise ImageError(
                "channels in pages of their own are no label map",
                where=path,
                seen=f"{len(planes)} channels",
                hint="store the map as a page of one channel",
            )
        yield planes[0]


@contextmanager
def opened_planes(path: Path) -> Iterator[tuple[Any, ...]]:
    """The only page, but for its overviews, thumbnails and masks; or one page for each channel.

    Raises:
        ImageError: a volume.
    """
    import tifffile

    # OME descriptions name further files, wherever they like: none is followed.
    with tifffile.TiffFile(path, _multifile=False) as file:
        if planes := _channel_planes(file):
            yield planes
            return
        page: Any = file.pages[0]
        if page.imagedepth > 1 or _has_more_pages(file) or _has_more_planes(file):
            raise ImageError(
                "a TIFF of several pages is a volume",
                where=path,
                seen=f"{len(file.pages)} pages of {page.imagewidth} × {page.imagelength}",
                hint="store each page as an image of its own",
            )
        yield (page,)


def _channel_planes(file: Any) -> tuple[Any, ...]:
    """The pages that a description calls channels of one picture, as OME and ImageJ write them.

    Empty where there is no such description, or pages of depths or times, too.
    """
    first = file.pages[0]
    if not (file.is_ome or file.is_imagej) or first.samplesperpixel != 1 or not len(file.series):
        return ()
    found = file.series[0]
    pages = found.pages
    if found.axes != "CYX" or not 1 < len(pages) == found.shape[0] <= _MAX_PLANES:
        return ()
    if any(page is None or page.parent is not file for page in pages):
        return ()
    return tuple(page.aspage() for page in pages)


def _has_more_pages(file: Any) -> bool:
    """Whether a page follows that is as large as the first and no overview or mask by its tag.

    Asked before `series`, which leaves pages without tags of their own.
    """
    first = file.pages[0]
    for page in itertools.islice(file.pages, 1, None):
        own = page.keyframe  # of a page without tags the one that it shares them with
        large = own.imagelength >= first.imagelength and own.imagewidth >= first.imagewidth
        if large and not int(own.subfiletype) & _BESIDE:
            return True
    return False


def _has_more_planes(file: Any) -> bool:
    """Whether the first page is one plane of many by a description, as ImageJ and OME write it."""
    found = file.series[0] if len(file.series) else None
    # series that tifffile makes by the look of pages count masks among them
    if found is None or found.kind in ("generic", "uniform"):
        return False
    return bool(math.prod(found.shape) > math.prod(file.pages[0].shape))


def has_codec(page: Any) -> bool:
    """Whether tifffile can decode a page with what is installed."""
    import tifffile

    alone = importlib.util.find_spec("imagecodecs") is None
    if alone and page.bitspersample not in (1, 8, 16, 32, 64):
        return False
    try:
        codec: Any = tifffile.TIFF.DECOMPRESSORS
        predictor: Any = tifffile.TIFF.UNPREDICTORS
        return all((codec[page.compression], predictor[page.predictor]))
    except KeyError:
        return False


def orientation(page: Any) -> int:
    """Orientation 1..8 by tag 274, 1 where there is none."""
    tag = page.tags.get(_ORIENTATION_TAG)
    return int(tag.value) if tag is not None else 1


def _alpha(page: Any) -> list[int]:
    """Positions of alpha among the channels."""
    first = int(page.samplesperpixel) - len(page.extrasamples)
    return [first + i for i, kind in enumerate(page.extrasamples) if int(kind) in _ALPHA]


def _channels_last(page: Any, path: Path) -> NDArray[Any]:
    if not has_codec(page):
        raise MissingExtra("tifffile lacks the codec of this TIFF", where=path)
    refuse_bombs(page, path)
    array: NDArray[Any] = page.asarray()
    if "S" in page.axes and page.axes.index("S") == 0:
        array = np.moveaxis(array, 0, -1)
    return array.reshape(*array.shape[:2], -1)


def _colored(indexes: NDArray[Any], colormap: NDArray[Any]) -> NDArray[np.uint8]:
    """The colours of a palette of 16-bit values; some writers store 8-bit ones."""
    table = np.asarray(colormap).T
    if table.max(initial=0) > np.iinfo(np.uint8).max:
        table = table >> 8
    out: NDArray[np.uint8] = table.astype(np.uint8)[indexes]
    return out


def _one_bit(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.uint8) * np.uint8(255) if array.dtype == bool else array
