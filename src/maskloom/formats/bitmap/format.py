"""A folder of images and a folder of PNG maps of class ids, object ids, 0/255 or colours.

A bare folder of maps without images is a data set too. What the numbers mean comes from
`taxonomy.json` beside them, from the option `taxonomy`, or from the ids that occur
(`ids.py`); which files belong together is `files.py`, which are frames of one video `frames.py`.
Writing is `write.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.base import Format
from maskloom.formats.bitmap import write as bitmap_write
from maskloom.formats.bitmap.files import MapOptions, bare_maps, layout, pairs_of
from maskloom.formats.bitmap.frames import DAVIS_VOID, FOLDER, as_frames, is_davis, tracked
from maskloom.formats.bitmap.ids import Coding, coding_of, decode
from maskloom.formats.bitmap.names import META_FILE, has_colors
from maskloom.formats.bitmap.numbers import flat, packed, scanned
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    Pair,
    absences,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
)
from maskloom.formats.shared.maps import read_checked
from maskloom.store.images import is_color, read_map

LOOKS_FOR = "images + masks (or labels, annotations, PedMasks, ...), or a folder of PNG maps"


@dataclass(frozen=True, slots=True)
class Read(MapOptions):
    """How to read maps."""

    threshold: int | None = field(
        default=None,
        metadata={"help": "of grey masks: values from this one on are foreground, e.g. 128"},
    )
    invert: bool = field(
        default=False, metadata={"help": "of binary masks: 0 is foreground, the rest background"}
    )
    offset: int = field(
        default=0,
        metadata={
            "help": "added to stored class ids but void, e.g. 1 for released COCO-stuff maps"
        },
    )
    sequences: Literal["auto", "none", "folder"] = field(
        default="auto",
        metadata={
            "help": "whether each folder of maps is a video, its object ids tracks; auto knows "
            "DAVIS (Annotations/480p/NAME/00000.png) and kind=mots"
        },
    )


def detect(path: Path) -> float:
    """Known by the side file, by folder names with matching files, or as a bare folder of maps."""
    if not path.is_dir():
        return 0.0
    side = path / SIDE_FILE
    if side.is_file():
        text = side.read_text("utf-8", "replace")
        if any(f'"kind": "{kind}"' in text for kind in ("class", "instance", "binary")):
            return 0.97
    if layout(path):
        return 0.8
    first = next(iter(bare_maps(path)), None)
    if first is None or (path / "images").is_dir():
        return 0.0
    try:
        return 0.0 if is_color(first) else 0.4
    except DataError:
        return 0.4


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no maps, ids without meaning, or a damaged side file.
    """
    pairs, n_images = pairs_of(path, options, images)
    if not pairs:
        raise FormatError("no label maps found", where=path, hint=LOOKS_FOR)
    by_key = {p.key: p.labels for p in pairs}
    side = read_side_file(path) or read_side_file(pairs[0].labels.parent)
    told = _told(options, side, path, pairs[0].labels)
    colored = told.colors is not None or told.kind == "color"

    def stored(file: Path) -> NDArray[Any]:
        return _prepared(read_map(file, colors=colored), told, file)

    files = list(by_key.values())
    framed = _framed(options, side, files)
    if framed and _numbers_objects(told, side, files, stored):
        told = replace(told, kind="instance", void=DAVIS_VOID)
    coding = coding_of(told, side, files, where=path, read=stored)
    coding = replace(coding, warnings=(*coding.warnings, *packed(files)))

    def labels_of(sample: Sample) -> Labels:
        file = by_key[sample.key]
        values = _prepared(read_checked(file, sample, colors=colored), told, file)
        labels = decode(values, coding, where=file, strict=not options.skip_bad)
        return tracked(labels) if framed else labels

    found = _dataset(path, pairs, coding, side, labels_of, n_images)
    return replace(found, samples=as_frames(found.samples, path.name)) if framed else found


def _framed(options: Read, side: Mapping[str, Any], files: Sequence[Path]) -> bool:
    """Whether folders are sequences: as the options or the side file say, or as DAVIS has them."""
    if options.sequences == "auto":
        known = side.get("sequences") == FOLDER or options.kind == "mots"
        return known or is_davis(files)
    return options.sequences == FOLDER


def _numbers_objects(
    told: Read,
    side: Mapping[str, Any],
    files: Sequence[Path],
    stored: Callable[[Path], NDArray[Any]],
) -> bool:
    """Whether maps of which nothing is said are those of DAVIS 2017; of 2016 they are 0 and 255."""
    said = side or told.kind != "auto" or told.taxonomy or told.colors or told.void is not None
    if said or not is_davis(files):
        return False
    return not scanned(files, stored).all <= {0, DAVIS_VOID}


def _told(options: Read, side: Mapping[str, Any], path: Path, first: Path) -> Read:
    """The options with what they imply: a threshold binary masks, a file of names its names."""
    if options.threshold is not None or options.invert:
        if options.kind not in ("auto", "binary") or options.colors is not None:
            raise UsageError(
                "threshold and invert are for binary masks",
                where="kind",
                seen=options.kind,
                hint="leave out kind and colors",
            )
        return replace(options, kind="binary")
    meta = path / META_FILE
    bare = options.colors is None and options.taxonomy is None and not side
    if not bare or not meta.is_file():
        return options
    # Names of a data set in colours stand beside the colours, unless its maps hold ids.
    if has_colors(meta) and is_color(first):
        return replace(options, colors=meta)
    return replace(options, taxonomy=meta)


def _prepared(values: NDArray[Any], options: Read, where: Path) -> NDArray[Any]:
    """Grey or inverted masks as 0 and 1, shifted ids as they are meant; void stays."""
    cut = options.threshold is not None or options.invert
    if not (cut or options.offset):
        return values
    if values.ndim == 3:
        values = flat(values, where)
    most = int(np.iinfo(values.dtype).max)
    if cut:
        inside = values > 0 if options.threshold is None else values >= options.threshold
        out = (inside != options.invert).astype(values.dtype)
        void = options.void
    else:
        void = most if options.void is None else options.void
        wide = values.astype(np.int64) + options.offset
        lost = (values != void) & ((wide < 0) | (wide > most) | (wide == void))
        if lost.any():
            raise FormatError(
                "an id plus the offset is no id, or that of void",
                where=where,
                seen=int(values[lost][0]),
                hint="correct --set offset=",
            )
        out = wide.astype(values.dtype)
    return out if void is None else np.where(values == void, values, out)


def _dataset(
    path: Path,
    pairs: list[Pair],
    coding: Coding,
    side: Mapping[str, Any],
    labels_of: Any,
    n_images: int,
) -> Dataset:
    return Dataset(
        coding.taxonomy,
        samples_of(pairs),
        labels_of,
        splits_of(pairs) or side_splits(side, (p.key for p in pairs)),
        name=path.name,
        warnings=coding.warnings + (absences(pairs, n_images) if n_images >= 0 else ()),
        extra={"bitmap": {"kind": coding.kind}},
    )


FORMAT = Format(
    "bitmap",
    "image folder + folder of PNG maps (class index, instance id, binary or colour)",
    bitmap_write.HOLDS["class"],
    LOOKS_FOR,
    Read,
    bitmap_write.Write,
    detect,
    read,
    bitmap_write.writer,
    large=True,
    kept=Kept(("void_classes",), dataset=Facts(notes=("bitmap",))),
)
