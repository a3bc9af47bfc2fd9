"""The run-length code of Label Studio's brush: a stream of bits for the RGBA bytes of an image.

Head: 32 bits number of bytes (4 × height × width, row by row), 5 bits word size - 1, four times
4 bits width of a length - 1. Then blocks: one bit whether one word is repeated, two bits which
width, the length - 1, and one word or as many. The mask is where alpha is not 0.

Source: label-studio-sdk converter/brush.py (Apache-2.0), after thi.ng/rle-pack; written anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, kernel
from maskloom.core.masks import Masks
from maskloom.errors import MaskError
from maskloom.formats.shared.row_runs import mask_of_spans, spans_of_mask

MAX_PIXELS = 2**30 - 1
_WIDTHS = (3, 4, 8, 16)
_HEAD = 32 + 5 + 4 * 4
_FAULTS = (
    "",
    "the brush's bits end inside a block",
    "a block of the brush runs past the image",
)


def decode_brush(values: object, size: tuple[int, int]) -> Masks:
    """The mask of a brush region: where alpha is not 0.

    Args:
        values: bytes as a list of whole numbers 0..255.
        size: (H, W) of the image.

    Raises:
        MaskError: no bytes, a stream for another image, or one that is cut or runs over.
    """
    data = _bytes(values)
    height, width = size
    if data.size * 8 < _HEAD:
        raise MaskError("a brush without its head", seen=f"{data.size} bytes")
    head = int.from_bytes(data[:7].tobytes(), "big")
    number, word = head >> 24, (head >> 19 & 31) + 1
    widths = np.array([(head >> shift & 15) + 1 for shift in (15, 11, 7, 3)], np.int64)
    if number != 4 * height * width:
        raise MaskError(
            f"the brush is for another size than the image, 4 × {height} × {width} bytes",
            seen=number,
        )
    if word != 8:
        raise MaskError("a brush whose words are not bytes", seen=f"{word} bits")
    spans, fault = _alpha_spans(data, number, widths)
    if fault:
        raise MaskError(_FAULTS[fault], seen=f"{data.size} bytes")
    return mask_of_spans(spans, size)


def encode_brush(mask: Masks) -> list[int]:
    """The bytes of a mask row, white where it is inside: those that Label Studio's tools write.

    Raises:
        MaskError: an image of 2**30 pixels or more.
    """
    height, width = (int(side) for side in mask.sizes[0])
    pixels = height * width
    if pixels > MAX_PIXELS:
        raise MaskError("an image of 2**30 pixels or more has no brush", seen=f"{height} × {width}")
    head = (4 * pixels) << 21 | 7 << 16
    for i, width_bits in enumerate(_WIDTHS):
        head |= (width_bits - 1) << 4 * (3 - i)
    if not pixels:
        return _packed(np.array([head]), np.array([_HEAD]))
    edges = np.concatenate([[0], spans_of_mask(mask, (0, 0, width, height)).ravel(), [pixels]])
    lengths = 4 * np.diff(edges)
    values = np.resize(np.array([0, 255]), lengths.size)
    values, lengths = values[lengths > 0], lengths[lengths > 0]
    # A run longer than the widest length goes in pieces of it.
    pieces = -(-lengths // (1 << 16))
    value = np.repeat(values, pieces)
    length = np.full(value.size, 1 << 16, np.int64)
    length[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * (1 << 16)
    which = np.searchsorted(np.array([8, 16, 256]), length)
    bits = np.array(_WIDTHS)[which]
    code = ((1 << 2 | which) << bits | (length - 1)) << 8 | value
    return _packed(np.concatenate([[head], code]), np.concatenate([[_HEAD], 3 + bits + 8]))


def _packed(codes: NDArray[np.int64], bits: NDArray[np.int64]) -> list[int]:
    """Codes of so many bits each, end to end, as bytes; one to eight zeros are at the end."""
    ends = np.cumsum(bits)
    total = int(ends[-1])
    stream = np.zeros(total + 8 - total % 8, np.uint8)
    for place in range(int(bits.max())):
        at = bits > place
        stream[ends[at] - 1 - place] = codes[at] >> place & 1
    packed: list[int] = np.packbits(stream).tolist()
    return packed


def _bytes(values: object) -> Bytes:
    if not isinstance(values, list):
        raise MaskError("a brush is a list of bytes", seen=type(values).__name__)
    try:
        return np.frombuffer(bytes(values), np.uint8)
    except (TypeError, ValueError):
        bad = next(v for v in values if not (type(v) is int and 0 <= v <= 255))
        raise MaskError("a brush is a list of bytes 0..255", seen=bad) from None


@kernel
def _bits(data: Bytes, place: int, count: int) -> int:
    """`count` bits from a place on; there must be as many."""
    value = 0
    for i in range(place, place + count):
        value = value << 1 | (data[i >> 3] >> (7 - (i & 7)) & 1)
    return value


@kernel
def _alpha_spans(data: Bytes, number: int, widths: Ints) -> tuple[Ints, int]:
    """Pixels whose fourth byte is not 0 as spans [start, end), and an index into `_FAULTS`."""
    spans = np.empty((256, 2), np.int64)
    k = 0
    place = _HEAD
    end = data.size * 8
    i = 0
    while i < number:
        if place + 3 > end:
            return spans[:k], 1
        repeated = _bits(data, place, 1)
        bits = widths[_bits(data, place + 1, 2)]
        place += 3
        if place + bits > end:
            return spans[:k], 1
        length = _bits(data, place, bits) + 1
        place += bits
        if i + length > number:
            return spans[:k], 2
        words = 1 if repeated else length
        if place + 8 * words > end:
            return spans[:k], 1
        for n in range(words):
            count = length if repeated else 1
            value = _bits(data, place + 8 * n, 8)
            # The alphas of a pixel p stand at 4 p + 3.
            first, last = i // 4, (i + count) // 4
            i += count
            if value == 0 or last <= first:
                continue
            if k > 0 and spans[k - 1, 1] == first:
                spans[k - 1, 1] = last
                continue
            if k == spans.shape[0]:
                grown = np.empty((2 * k, 2), np.int64)
                grown[:k] = spans
                spans = grown
            spans[k, 0], spans[k, 1] = first, last
            k += 1
        place += 8 * words
    return spans[:k].copy(), 0
