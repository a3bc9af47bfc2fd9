"""Which blocks an image is cut into, and what each has to read.

A plan is numbers only: it is written down before the first block and read back by whoever goes
on, so that every worker and every sitting cuts alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from maskloom.errors import ImageError, UsageError
from maskloom.inference.tiling.field import Field

Box = tuple[int, int, int, int]
"""Rows and columns of a window: (y0, y1, x0, x1), half open."""

Mode = Literal["exact", "blend"]
OVERLAP = 2
"""Windows of a blend lie at half their size."""

_MOST = 1 << 24  # blocks


@dataclass(frozen=True, slots=True)
class Block:
    """One unit of work.

    Args:
        index: place in the plan, in raster order.
        core: what it says something about; cores partition the image.
        window: the core and the margin in which objects are labelled, too.
    """

    index: int
    core: Box
    window: Box


@dataclass(frozen=True, slots=True)
class Plan:
    """How an image is cut.

    Args:
        size: (H, W) of the image.
        mode: `exact` reads every pixel that the network sees from a block; `blend` averages
            overlapping windows of one size, for networks that see everything.
        core: height and width of blocks, multiples of the stride; the last ones are smaller.
        stride: reads begin at multiples of it, as one pass over the whole image does.
        before, after: rows and columns read beyond the window above and left, below and right.
        margin: px around cores in which objects are labelled, too; 0 of class maps.
        tile: height and width of the windows of a blend; 0 of an exact plan.
    """

    size: tuple[int, int]
    mode: Mode
    core: tuple[int, int]
    stride: int
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    margin: int = 0
    tile: int = 0

    @property
    def grid(self) -> tuple[int, int]:
        """Blocks down and across."""
        return -(-self.size[0] // self.core[0]), -(-self.size[1] // self.core[1])

    def __len__(self) -> int:
        return self.grid[0] * self.grid[1]

    def __iter__(self) -> Iterator[Block]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Block:
        row, column = divmod(index, self.grid[1])
        if index < 0 or row >= self.grid[0]:
            raise IndexError(index)
        y, x = row * self.core[0], column * self.core[1]
        height, width = self.size
        core = (y, min(height, y + self.core[0]), x, min(width, x + self.core[1]))
        return Block(index, core, grown(core, self.margin, self.size))

    def read_box(self, box: Box) -> Box:
        """What an exact pass over a box reads: aligned to the stride, within the padded image."""
        s = self.stride
        padded = [-(-n // s) * s for n in self.size]
        y0, y1, x0, x1 = box
        return (
            max(0, y0 // s * s - self.before[0]),
            min(padded[0], -(-y1 // s) * s + self.after[0]),
            max(0, x0 // s * s - self.before[1]),
            min(padded[1], -(-x1 // s) * s + self.after[1]),
        )

    @property
    def overhead(self) -> float:
        """Pixels computed per pixel of the image."""
        pixels = sum(self._computed(block) for block in self)
        return pixels / (self.size[0] * self.size[1])

    def _computed(self, block: Block) -> int:
        if self.mode == "exact":
            return area(self.read_box(block.window))
        return len(self.tiles_of(block.window)) * self.tile**2

    def tiles_of(self, box: Box) -> list[Box]:
        """The windows of a blend that touch a box, in raster order; they may pass the image."""
        step = self.tile // OVERLAP
        y0, y1, x0, x1 = box

        def starts(low: int, high: int, length: int) -> list[int]:
            last = max(0, -(-(length - self.tile) // step))
            first = max(0, (low - self.tile) // step + 1)
            return [k * step for k in range(first, last + 1) if k * step < high]

        return [
            (y, y + self.tile, x, x + self.tile)
            for y in starts(y0, y1, self.size[0])
            for x in starts(x0, x1, self.size[1])
        ]

    @property
    def windows(self) -> int:
        """How many windows of a blend the image has; 0 of an exact plan."""
        return len(self.tiles_of((0, self.size[0], 0, self.size[1]))) if self.tile else 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON form."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Read `to_json` back."""
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**values)


def exact_plan(
    size: tuple[int, int], field: Field, *, most_px: int, margin: int = 0, tile: int = 0
) -> Plan:
    """Blocks whose reads hold all that the network sees.

    Args:
        size: (H, W) of the image.
        field: bounded.
        most_px: pixels that one pass may take.
        margin: px around cores in which objects are labelled, too.
        tile: side of the cores as the user wants it; 0: as large as `most_px` allows.

    Raises:
        UsageError: a tile smaller than the stride, or so small that blocks are countless.
        ImageError: not even the smallest block fits, or none of the tile that is asked for.
    """
    s = field.stride
    beyond = [b + a + 2 * _up(margin, s) for b, a in zip(field.before, field.after, strict=True)]
    sides = _sides(size, s, beyond, most_px) if tile == 0 else (_tile(tile, s), _tile(tile, s))
    # blocks of one size, not full ones and a rest
    core = tuple(
        _up(-(-n // -(-n // side)), s) if tile == 0 else min(side, _up(n, s))
        for n, side in zip(size, sides, strict=True)
    )
    reads = [min(_up(n, s), c + b) for n, c, b in zip(size, core, beyond, strict=True)]
    other = "set a smaller model.tile" if tile else "use a model that sees less"
    _refuse_unfit(reads, f"a block reads {reads[1]} × {reads[0]} px", most_px, other)
    plan = Plan(size, "exact", (core[0], core[1]), s, field.before, field.after, margin)
    return _countable(plan)


def blend_plan(
    size: tuple[int, int], stride: int, *, tile: int, most_px: int, margin: int = 0
) -> Plan:
    """Blocks of whole cells of half a tile, averaged from overlapping windows.

    Args:
        size: (H, W) of the image.
        stride: of the network.
        tile: side of the windows.
        most_px: pixels whose sums a block may hold.
        margin: px around cores in which objects are labelled, too.

    Raises:
        UsageError: a tile smaller than twice the stride, or so small that blocks are countless.
        ImageError: not even the smallest block fits.
    """
    side = _tile(tile, 2 * stride)
    step = side // OVERLAP
    cells = max(1, (math.isqrt(most_px) - 2 * margin) // step)
    core = tuple(min(cells * step, _up(n, step)) for n in size)
    sums = [min(n, c + 2 * margin) for n, c in zip(size, core, strict=True)]
    said = f"a block of {sums[1]} × {sums[0]} px beside a window of {side} × {side}"
    _refuse_unfit(sums, said, most_px, "set a smaller model.tile")
    return _countable(Plan(size, "blend", (core[0], core[1]), stride, margin=margin, tile=side))


def grown(box: Box, by: int, size: tuple[int, int]) -> Box:
    """A box with `by` px more on each side, within the image."""
    y0, y1, x0, x1 = box
    return max(0, y0 - by), min(size[0], y1 + by), max(0, x0 - by), min(size[1], x1 + by)


def area(box: Box) -> int:
    """Pixels of a box."""
    return (box[1] - box[0]) * (box[3] - box[2])


def inside(outer: Box, inner: Box) -> tuple[slice, slice]:
    """Where a box lies in the array of a larger one."""
    y, x = outer[0], outer[2]
    return slice(inner[0] - y, inner[1] - y), slice(inner[2] - x, inner[3] - x)


def _sides(size: tuple[int, int], stride: int, beyond: list[int], most_px: int) -> tuple[int, int]:
    """Sides of the largest core whose read has at most so many pixels, one stride at least."""
    padded = [_up(n, stride) for n in size]
    side = math.isqrt(most_px)
    reads = [min(side, padded[0]), min(side, padded[1])]
    # what a short side leaves over, the other may take
    for axis in (0, 1):
        reads[axis] = min(padded[axis], most_px // max(reads[1 - axis], 1))
    cores = [
        padded[axis]
        if reads[axis] >= padded[axis]
        else max(1, (reads[axis] - beyond[axis]) // stride) * stride
        for axis in (0, 1)
    ]
    return cores[0], cores[1]


def _refuse_unfit(sides: list[int], said: str, most_px: int, other: str) -> None:
    """Raise ImageError if the largest block has more pixels than the memory allows."""
    if sides[0] * sides[1] <= most_px:
        return
    raise ImageError(
        "the memory allowed does not hold one block of the image",
        seen=f"{said}, {most_px:,} px fit",
        hint=f"allow more with --set model.memory=GIB, or {other}",
    )


def _tile(tile: int, stride: int) -> int:
    if tile < stride:
        raise UsageError(
            "tiles are at least as large as the model's stride",
            where="--set model.tile",
            seen=tile,
            hint=f"{stride} or more; 0 lets the memory decide",
        )
    return _up(tile, stride)


def _countable(plan: Plan) -> Plan:
    if len(plan) > _MOST:
        raise UsageError(
            "the image falls into too many tiles",
            where="--set model.tile",
            seen=f"{len(plan):,}",
            hint="use larger tiles",
        )
    return plan


def _up(n: int, unit: int) -> int:
    return -(-n // unit) * unit
