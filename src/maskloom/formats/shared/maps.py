"""Stored label maps to class maps and back: ids, colours, sizes, and what is not known.

Shared by the formats that keep one PNG per image (`camvid`, `bitmap`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import codes, map_dtype
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.store import tiff, webp
from maskloom.store.decoding import decoding, opened, orientation_of
from maskloom.store.image_kinds import is_slide
from maskloom.store.images import image_size, is_tiff, read_map
from maskloom.store.orientation import TURNED

Color = tuple[int, int, int]
_LONGEST_TABLE = 1 << 20
_AT_ONCE = 1 << 20  # pixels


def read_checked(path: Path, sample: Sample, *, colors: bool = False) -> NDArray[Any]:
    """The stored values of a label map: (H, W) integers or (H, W, 3) colours.

    Args:
        path: of the map.
        sample: whose map it is.
        colors: colours of the palette, not indexes.

    Raises:
        ImageError: the file is damaged.
        FormatError: its size is not the image's.
    """
    values = read_map(path, colors=colors)
    if values.dtype.kind == "f":
        raise FormatError("a label map holds whole numbers", where=path, seen=values.dtype)
    check_size_of(path, values.shape[:2], sample)
    return values


def size_of(sample: Sample) -> tuple[int, int] | None:
    """(H, W) from the header of the sample's image, or None where it is not at hand."""
    image = sample.image.path
    return image_size(image) if image is not None and image.is_file() else None


def check_size(
    path: Path, size: tuple[int, ...], expected: tuple[int, int] | None, image: Path | None = None
) -> None:
    """Refuse labels of another size than their image, which is named if it is given.

    Raises:
        FormatError: naming both sizes.
    """
    if expected is not None and tuple(size) != expected:
        raise FormatError(
            f"the mask is {size[1]} × {size[0]} px, its image {expected[1]} × {expected[0]} px",
            where=path,
            seen=image,
            hint="pair it with its own image",
        )


def check_size_of(path: Path, size: tuple[int, ...], sample: Sample) -> None:
    """Refuse labels of another size than the image of a sample, where it is at hand.

    Raises:
        FormatError: naming both sizes, and the EXIF orientation if that is the difference.
    """
    image, expected = sample.image.path, size_of(sample)
    swapped = expected is not None and tuple(size) == expected[::-1] != expected
    if image is not None and expected is not None and swapped and _is_turned(image):
        raise FormatError(
            f"the labels are {size[1]} × {size[0]} px, as the picture is stored; its EXIF "
            f"orientation turns it to {expected[1]} × {expected[0]} px",
            where=path,
            seen=image,
            hint="labels belong to the upright picture; if they fit the stored one, take the "
            "orientation out (exiftool -Orientation= FILE), or name pictures without it by "
            "--images ROOT",
        )
    check_size(path, size, expected, image)


def _is_turned(image: Path) -> bool:
    """Whether the EXIF orientation of a picture swaps its sides."""
    if is_tiff(image):
        return int(decoding(image, lambda: tiff.header(image))[2]) in TURNED
    if is_slide(image):
        return False
    if webp.is_webp(image):
        return webp.header(image).orientation in TURNED
    with opened(image) as picture:
        return orientation_of(image, picture) in TURNED


def ids_to_classes(
    values: NDArray[Any], ids: Mapping[int, int], n_categories: int, *, where: Path, hint: str = ""
) -> NDArray[Any]:
    """A class map from stored ids.

    Args:
        values: (H, W) or (D, H, W) of ids.
        ids: id → position, or -1 for void, or -2 for background.
        n_categories: of the taxonomy.
        where: what to name in errors.
        hint: what to do about an id that is not known; else to name it.

    Raises:
        FormatError: an id is not known; tells the first position and its value.
    """
    dtype = np.dtype(map_dtype(n_categories))
    void, background = codes(dtype)
    code = {-1: void, -2: background}
    index, low, places, length = _places(values, ids)
    table = np.zeros(length, dtype)
    known = np.zeros(length, bool)
    for value, place in places.items():
        table[place] = code.get(ids[value], ids[value])
        known[place] = True
    classes = np.empty(values.shape, dtype)
    # By parts: numpy makes eight bytes of each number that it takes for an index.
    step = max(1, _AT_ONCE * len(values) // max(1, values.size))
    for first in range(0, len(values), step):
        part = index[first : first + step]
        part = part.astype(np.int64) - low if low else part
        if not known.all() and not (inside := _looked_up(known, part)).all():
            place = np.argwhere(~inside)[0].tolist()
            place[0] += first
            at = ", ".join(f"{axis}={v}" for axis, v in zip("xyz", place[::-1], strict=False))
            raise FormatError(
                f"a class id that the taxonomy does not have at {at}",
                where=where,
                seen=int(values[tuple(place)]),
                hint=hint
                or f"known ids: {_listed(sorted(ids))}; name classes with --set taxonomy=FILE",
            )
        classes[first : first + step] = _looked_up(table, part)
    return classes


def _places(
    values: NDArray[Any], ids: Mapping[int, int]
) -> tuple[NDArray[Any], int, dict[int, int], int]:
    """Numbers that less a lowest one are indexes of a table.

    Returns:
        the numbers, the lowest, where each known id stands in the table, its length.
    """
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if high - low < _LONGEST_TABLE:
        return values, low, {v: v - low for v in ids if low <= v <= high}, high - low + 1
    # Ids of 32 bit lie far apart, but few differ.
    found, inverse = np.unique(values, return_inverse=True)
    places = {int(v): i for i, v in enumerate(found.tolist()) if v in ids}
    return inverse.reshape(values.shape), 0, places, len(found)


def _looked_up(table: NDArray[Any], index: NDArray[Any]) -> NDArray[Any]:
    """`table[index]`; of single bytes by OpenCV, thirty times as fast."""
    found: NDArray[Any]
    if index.dtype == np.uint8 and table.dtype.itemsize == 1 and index.size:
        import cv2

        whole = np.zeros(256, np.uint8)
        whole[: len(table)] = table
        flat = np.ascontiguousarray(index).reshape(len(index), -1)
        found = cv2.LUT(flat, whole).reshape(index.shape).view(table.dtype)
    else:
        found = table[index]
    return found


def colors_to_ids(
    values: NDArray[Any],
    colors: Mapping[Color, int],
    *,
    where: Path,
    unknown: int | None = None,
) -> NDArray[np.int32]:
    """(H, W) ids from a colour map (H, W, 3) uint8.

    Args:
        values: the colours.
        colors: their ids.
        where: what to name in errors.
        unknown: id of colours that are not in the table; None refuses them.

    Raises:
        FormatError: a colour is not in the table, or the file has no colours.
    """
    if values.ndim != 3 or values.dtype != np.uint8:
        raise FormatError(
            "not a colour map of 8 bit", where=where, seen=f"{values.dtype} {values.shape}"
        )
    wide = values.astype(np.uint32)
    packed = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    found, inverse = np.unique(packed, return_inverse=True)
    inverse = inverse.reshape(packed.shape)
    table = np.empty(len(found), np.int32)
    for i, code in enumerate(found.tolist()):
        color = (code >> 16, code >> 8 & 255, code & 255)
        if color not in colors and unknown is None:
            y, x = (int(v) for v in np.argwhere(inverse == i)[0])
            raise FormatError(
                f"a colour that the colour table does not have at x={x}, y={y}",
                where=where,
                seen=color,
                hint="add it to label_colors.txt",
            )
        table[i] = colors[color] if unknown is None else colors.get(color, unknown)
    return table[inverse]


def classes_to_values(
    class_map: NDArray[Any], ids: Mapping[int, int], *, void: int, background: int
) -> NDArray[Any]:
    """Stored ids from a class map: uint8 where they fit, else uint16 or int32.

    Args:
        class_map: (H, W) of positions and codes.
        ids: position → id.
        void: id of void pixels.
        background: id of background pixels.
    """
    codes_of = codes(class_map.dtype)
    table = np.zeros(int(np.iinfo(class_map.dtype).max) + 1, np.int64)
    for position, value in ids.items():
        table[position] = value
    table[codes_of[0]], table[codes_of[1]] = void, background
    top = max([*ids.values(), void, background])
    dtype = np.uint8 if top <= 255 else np.uint16 if top <= 65535 else np.int32
    values: NDArray[Any] = table.astype(dtype)[class_map]
    return values


def with_numbers(taxonomy: Taxonomy, ids: Mapping[int, int], void: int, fmt: str) -> Taxonomy:
    """The taxonomy with the numbers that maps use; further void categories get free ones.

    Args:
        taxonomy: of the maps.
        ids: position → number, of what is not void.
        void: the number of void pixels.
        fmt: the format's name.
    """
    free = itertools.count(1 + max([*ids.values(), void]))
    own = dict(ids)
    for i, category in enumerate(taxonomy):
        if category.void:
            own[i] = void if void not in own.values() else next(free)
    return taxonomy.with_ids(fmt, own)


def read_colors(path: Path) -> list[tuple[str, Color]]:
    """The lines `R G B name` of a colour table, in order.

    Raises:
        FormatError: a line is not of this form, or a colour or name repeats.
    """
    classes: list[tuple[str, Color]] = []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError("cannot read the colour table", where=path, seen=error) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = line.split(None, 3)
        good = len(parts) == 4 and all(p.isdigit() and int(p) <= 255 for p in parts[:3])
        if not good:
            raise FormatError(
                "not a line of the form R G B name", where=f"{path}: line {number}", seen=line
            )
        color, name = (int(parts[0]), int(parts[1]), int(parts[2])), parts[3].strip()
        if any(name == n or color == c for n, c in classes):
            raise FormatError(
                "a colour or name is listed twice", where=f"{path}: line {number}", seen=line
            )
        classes.append((name, color))
    return classes


def color_text(taxonomy: Taxonomy, colors: Mapping[int, Color]) -> str:
    """The lines `R G B name` of the categories, in order."""
    return "".join(
        f"{r} {g} {b} {taxonomy[position].name}\n" for position, (r, g, b) in colors.items()
    )


def _listed(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:20])) + (", ..." if len(ids) > 20 else "")
