"""Tiles and polygons pixel by pixel, slow and sharing nothing with the package."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from fractions import Fraction

TILE = 256

Pixel = tuple[int, int]
"""x, y."""


def encode(pixels: set[Pixel]) -> bytes:
    """Runs of a tile, pixel by pixel."""
    counts, value = [0], False
    for place in range(TILE * TILE):
        inside = divmod(place, TILE) in pixels
        if inside != value:
            counts.append(0)
            value = inside
        counts[-1] += 1
    out = bytearray()
    for count in counts:
        while count > 127:
            out.append(count & 127 | 128)
            count >>= 7  # noqa: PLW2901
        out.append(count)
    return bytes(out)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def cut(pixels: Iterable[Pixel]) -> dict[str, str]:
    """Tiles of a mask."""
    tiles: dict[str, set[Pixel]] = {}
    for x, y in pixels:
        tiles.setdefault(f"{x // TILE},{y // TILE}", set()).add((x % TILE, y % TILE))
    return {key: b64(encode(own)) for key, own in sorted(tiles.items())}


def toggles(own: set[Pixel]) -> list[int]:
    """Places where the value changes; those of noise are left to the runs."""
    places = [x * TILE + y for x, y in own]
    inside = set(places)
    out = [p for p in inside if p - 1 not in inside]
    out += [p + 1 for p in inside if p + 1 not in inside and p + 1 < TILE * TILE]
    return sorted(out) if len(out) <= 64 else []


def fill(rings: list[list[int]], height: int, width: int) -> set[Pixel]:
    """Even-odd parity at pixel centres, by fractions: left and upper ties are inside."""
    pixels: set[Pixel] = set()
    for column in range(width):
        x = 64 * column + 32
        crossings = []
        for ring in rings:
            points = list(zip(ring[::2], ring[1::2], strict=True))
            for (xa, ya), (xb, yb) in zip(points, points[1:] + points[:1], strict=True):
                if min(xa, xb) <= x < max(xa, xb):
                    crossings.append(ya + Fraction((yb - ya) * (x - xa), xb - xa))
        for row in range(height):
            y = 64 * row + 32
            if sum(crossing <= y for crossing in crossings) % 2:
                pixels.add((column, row))
    return pixels


def rectangle(x0: int, y0: int, x1: int, y1: int) -> set[Pixel]:
    return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}
