"""An image whose blocks are all on disk, and the file that says so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from maskloom.errors import DataError
from maskloom.inference.tiling.forward import Seams
from maskloom.inference.tiling.plan import Plan
from maskloom.store.files import atomic_write_bytes

_WHOLE = "whole.json"


@dataclass(frozen=True, slots=True)
class Tiled:
    """An image whose blocks are all there.

    Args:
        folder: of the blocks.
        plan: how the image is cut.
        resumed: blocks that were there before.
        damaged: lines of the journal that could not be read; their blocks were made again.
        seams: how much windows of a blend disagree where they overlap; of exact blocks, how many
            classes near seams differ from a pass that was cut elsewhere (`check.py`).
        stuff_area: px that a stuff segment of the whole image must have.
        void: pixels that nobody claims are void, not background.
    """

    folder: Path
    plan: Plan
    resumed: int
    damaged: int
    seams: Seams
    stuff_area: int = 0
    void: bool = False

    def block_file(self, index: int) -> Path:
        """Where a block lies."""
        return block_file(self.folder, index)


def is_complete(folder: Path) -> bool:
    """Whether all blocks of an image are there, as far as their files tell by being there."""
    try:
        tiled = open_tiled(folder)
    except DataError:
        return False
    return all(tiled.block_file(index).is_file() for index in range(len(tiled.plan)))


def save_tiled(tiled: Tiled) -> None:
    """Say that an image is whole.

    Raises:
        WriteError: the disk is full.
    """
    seams = tiled.seams
    said = {"plan": tiled.plan.to_json(), "resumed": tiled.resumed, "damaged": tiled.damaged,
            "seams": [seams.pixels, seams.differing], "stuff_area": tiled.stuff_area,
            "void": tiled.void}  # fmt: skip
    atomic_write_bytes(tiled.folder / _WHOLE, json.dumps(said).encode())


def open_tiled(folder: Path) -> Tiled:
    """An image whose blocks are all there.

    Raises:
        DataError: they are not, or the file that says so is damaged.
    """
    try:
        said = json.loads((folder / _WHOLE).read_bytes())
        return Tiled(
            folder,
            Plan.from_json(said["plan"]),
            int(said["resumed"]),
            int(said["damaged"]),
            Seams(*said["seams"]),
            int(said["stuff_area"]),
            bool(said["void"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "the tiles of an image are not whole",
            where=folder,
            seen=error,
            hint="predict again: the same call makes what is missing",
        ) from error


def folder_of(item: Path, plan: Plan) -> Path:
    """The folder of an image's blocks, beside where its item would lie: of one plan alone.

    Calls that share an image but cut it otherwise, on machines that compute otherwise, do not meet.
    """
    text = json.dumps(plan.to_json(), sort_keys=True)
    return item.with_suffix(f".{hashlib.sha256(text.encode()).hexdigest()[:12]}.tiles")


def block_file(folder: Path, index: int) -> Path:
    """Where a block lies."""
    return folder / f"{index:06d}.npz"
