"""One block computed, and kept as one file until the image is whole."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels
from maskloom.core.views import class_map, instance_map
from maskloom.errors import DataError
from maskloom.inference.tiling.plan import Block, inside
from maskloom.store.files import atomic_write_bytes


@dataclass(frozen=True, slots=True, eq=False)
class BlockLabels:
    """What a block says.

    Args:
        classes: (h, w) of the core, uint8 or uint16 class map.
        confidence: (h, w) of the core, uint8; None where the segmenter has none.
        objects: (h, w) int32 of the window, 0 none; None of a semantic segmenter.
        category, score: (n,) of objects 1..n.
        stuff: (n,) bool: the object is all that the window has of a stuff category.
        seams: pixels compared where windows overlap, and how many of them differ.
    """

    classes: NDArray[Any]
    confidence: NDArray[np.uint8] | None
    objects: NDArray[np.int32] | None
    category: NDArray[np.int32]
    score: NDArray[np.float64]
    stuff: NDArray[np.bool_]
    seams: tuple[int, int] = (0, 0)


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
    return BlockLabels(classes, confidence, objects, ranked.category, ranked.score, stuff[order])


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


def load_block(path: Path) -> BlockLabels:
    """Read `save_block` back.

    Raises:
        DataError: the file is gone or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            seams = data["seams"]
            return BlockLabels(
                data["classes"],
                data.get("confidence"),
                data.get("objects"),
                data["category"],
                data["score"],
                data["stuff"],
                (int(seams[0]), int(seams[1])),
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            "a finished tile is missing or damaged",
            where=path,
            seen=error,
            hint="remove the .partial folder and predict again",
        ) from error
