"""Labels of one sample as one file, written by rename: what a batch keeps until it is whole.

Not a format for people: only what a machine author says (masks, classes, scores, confidence, and
the area outside of which it says nothing).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.labels import FULL, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.store.files import atomic_write_bytes

_MASKS = ("sizes", "boxes", "counts", "offsets")
_COLUMNS = ("category", "instance", "score")


def item_path(folder: Path, key: str) -> Path:
    """Where the item of a sample key lies; any key makes a short, safe name."""
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"


def save_item(path: Path, labels: Labels) -> None:
    """Write labels by temp file and rename.

    Raises:
        WriteError: the target cannot be written.
    """
    arrays: dict[str, Any] = {"size": np.array(labels.size, np.int64)}
    if labels.confidence is not None:
        arrays["confidence"] = labels.confidence
    if labels.class_map is not None:
        arrays["class_map"] = labels.class_map
    if labels.rows is not None:
        arrays |= {name: getattr(labels.rows.masks, name) for name in _MASKS}
        arrays |= {name: getattr(labels.rows, name) for name in _COLUMNS}
    if labels.coverage.area is not None:
        arrays |= {f"area_{name}": getattr(labels.coverage.area, name) for name in _MASKS}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    atomic_write_bytes(path, buffer.getbuffer())


def load_item(path: Path, layer: str) -> Labels:
    """Read labels back.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError("an item of a batch is damaged", where=path, seen=error) from error
    rows = None
    if "counts" in arrays:
        masks = Masks(**{name: arrays[name] for name in _MASKS})
        rows = Rows.make(masks, arrays["category"], **{n: arrays[n] for n in _COLUMNS[1:]})
    coverage = FULL
    if "area_counts" in arrays:
        coverage = Coverage(area=Masks(**{name: arrays[f"area_{name}"] for name in _MASKS}))
    return Labels(
        tuple(int(n) for n in arrays["size"]),
        rows=rows,
        class_map=arrays.get("class_map"),
        coverage=coverage,
        confidence=arrays.get("confidence"),
        layer=layer,
    )
