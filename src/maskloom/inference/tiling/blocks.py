"""One block computed, and kept as one file until the image is whole."""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, Segments, kernel
from maskloom.core.labels import Labels
from maskloom.core.masks import Masks
from maskloom.core.views import class_map, instance_map
from maskloom.errors import DataError
from maskloom.inference.stitch.fragments import nothing_hidden
from maskloom.inference.tiling.plan import Block, inside
from maskloom.store.files import atomic_write_bytes


@dataclass(frozen=True, slots=True, eq=False)
class BlockLabels:
    """What a block says.

    Args:
        classes: (h, w) of the core, uint8 or uint16 class map.
        confidence: (h, w) of the core, uint8; None where the segmenter has none.
        objects: (h, w) int32 of the window, 0 none, the surest on top; None of class maps.
        category, score: (n,) of objects 1..n.
        stuff: (n,) bool: the object is all that the window has of a stuff category.
        seams: pixels compared where windows overlap, and how many of them differ.
        hidden: (S, 4) object, x, y0, y1 in px of the image: spans of the core where an object lies
            behind others. With them no object loses a pixel to another.
    """

    classes: NDArray[Any]
    confidence: NDArray[np.uint8] | None
    objects: NDArray[np.int32] | None
    category: NDArray[np.int32]
    score: NDArray[np.float64]
    stuff: NDArray[np.bool_]
    seams: tuple[int, int] = (0, 0)
    hidden: Segments = field(default_factory=nothing_hidden)


def cut_to_block(labels: Labels, block: Block, taxonomy: Any) -> BlockLabels:
    """What labels of a block's window say of the block.

    Args:
        labels: of the window: a class map, or rows.
        block: core and window.
        taxonomy: of the labels.
    """
    core = inside(block.window, block.core)
    confidence = None if labels.confidence is None else labels.confidence[core]
    classes = class_map(labels, taxonomy)[core]
    if labels.rows is None:
        return BlockLabels(
            classes, confidence, None, np.zeros(0, np.int32), np.zeros(0), np.zeros(0, bool)
        )
    rows = labels.rows
    stuff = np.array([taxonomy[int(c)].kind == "stuff" for c in rows.category], bool)
    # stuff behind things; of things that overlap the surest lies on top
    order = np.lexsort((rows.score, ~stuff))
    ranked = rows.take(order)
    numbered = replace(ranked, instance=np.arange(1, len(ranked) + 1))
    objects = instance_map(numbered, labels.size)
    return BlockLabels(
        classes,
        confidence,
        objects,
        ranked.category,
        ranked.score,
        stuff[order],
        hidden=_hidden(ranked.masks, objects, block),
    )


def _hidden(masks: Masks, objects: NDArray[np.int32], block: Block) -> Segments:
    """Spans of a core where masks 1, 2, ... lie behind others in the map of them."""
    seen = np.bincount(objects.ravel(), minlength=len(masks) + 1)[1:]
    behind = np.flatnonzero(seen < masks.areas)
    if not behind.size:
        return nothing_hidden()
    segments, bounds = masks[behind].segments()
    owners = np.repeat(behind + 1, np.diff(bounds))
    rows, columns = inside(block.window, block.core)
    core = np.array([rows.start, rows.stop, columns.start, columns.stop], np.int64)
    return _behind(objects, segments, owners, core) + np.array(
        [0, block.window[2], block.window[0], block.window[0]], np.int32
    )


@kernel
def _behind(objects: NDArray[np.int32], segments: Segments, owners: Ints, core: Ints) -> Segments:
    """Runs (owner, x, y0, y1) of vertical segments within a box where the map has other objects."""
    room = 0
    for k in range(segments.shape[0]):
        room += (segments[k, 2] - segments[k, 1] + 1) // 2
    out = np.empty((room, 4), np.int32)
    found = 0
    for k in range(segments.shape[0]):
        x = segments[k, 0]
        if x < core[2] or x >= core[3]:
            continue
        past = -1
        for y in range(max(segments[k, 1], core[0]), min(segments[k, 2], core[1])):
            if objects[y, x] == owners[k]:
                continue
            if y == past:
                out[found - 1, 3] = past = y + 1
                continue
            out[found, 0], out[found, 1] = owners[k], x
            out[found, 2], out[found, 3] = y, y + 1
            past = y + 1
            found += 1
    return out[:found].copy()


def save_block(path: Path, labels: BlockLabels) -> None:
    """Write a block by rename.

    Raises:
        WriteError: the disk is full or the folder is gone.
    """
    arrays: dict[str, Any] = {
        "classes": labels.classes,
        "category": labels.category,
        "score": labels.score,
        "stuff": labels.stuff,
        "seams": np.array(labels.seams, np.int64),
        "hidden": labels.hidden,
    }
    if labels.confidence is not None:
        arrays["confidence"] = labels.confidence
    if labels.objects is not None:
        arrays["objects"] = labels.objects
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    atomic_write_bytes(path, buffer.getbuffer())


def load_arrays(path: Path, names: Sequence[str]) -> list[NDArray[Any] | None]:
    """Some fields of a block that `save_block` wrote; no others are decompressed.

    A damaged file is removed, so that the next call makes the block anew.

    Args:
        path: of the block.
        names: of fields of `BlockLabels`; None comes for one that the block lacks.

    Raises:
        DataError: the file is gone or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return [data.get(name) for name in names]
    except (OSError, ValueError, zlib.error, zipfile.BadZipFile, EOFError) as error:
        if not isinstance(error, OSError):  # of which the disk may be the reason
            with contextlib.suppress(OSError):
                path.unlink()
        raise DataError(
            "a finished tile is missing or damaged",
            where=path,
            seen=error,
            hint="predict again: the same call makes this tile anew and keeps the others",
        ) from error
