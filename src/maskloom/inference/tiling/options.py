"""What a user says of tiles."""

from __future__ import annotations

from dataclasses import dataclass

MARGIN = 64


@dataclass(frozen=True, slots=True)
class TileOptions:
    """How images are cut.

    Args:
        tile: side of the blocks, or of the windows of a blend, px; 0: by the memory.
        memory: GiB that one process may take.
        margin: px around a block in which objects are labelled, too.
    """

    tile: int = 0
    memory: float = 2.0
    margin: int = MARGIN
