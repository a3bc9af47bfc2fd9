"""Mapillary Vistas: SPLIT/images with SPLIT/VERSION/labels and instances, config_VERSION.json.

An instance map holds label * 256 + n in 16 bit, n counted from 0. The configuration is
`config.py`, writing `write.py`. Folders `panoptic` and `polygons` say nearly
the same; they are read where maps are not there or `source` asks for them.

Source: Mapillary Vistas, README.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError, UsageError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.mapillary import panoptic
from maskloom.formats.mapillary import write as mapillary_write
from maskloom.formats.mapillary.config import (
    FORMAT_NAME,
    MAX_LABELS,
    read_config,
    silent_label,
    taxonomy_of,
)
from maskloom.formats.mapillary.polygons import FOLDER as POLYGONS
from maskloom.formats.mapillary.polygons import read_polygons
from maskloom.formats.mapillary.write import IMAGES, KINDS, PACKING, WRITES
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    Pair,
    absences,
    list_files,
    pair,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
    unique_pairs,
)
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.shared.numbered import Numbering
from maskloom.formats.shared.numbered_files import numbered_pairs, read_classes, read_objects

LOOKS_FOR = "config.json or config_v1.2.json with labels, and SPLIT/images, SPLIT/v1.2/labels"
_SOURCES = {"maps": KINDS, panoptic.FOLDER: (panoptic.FOLDER,), POLYGONS: (POLYGONS,)}
_FOLDERS = (*KINDS, panoptic.FOLDER, POLYGONS)
_CONFIG = re.compile(r"config(?:_(v[\d.]+))?\.json")


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read Mapillary Vistas."""

    version: str | None = field(
        default=None, metadata={"help": "v1.2 or v2.0; by default the latest that is there"}
    )
    source: Literal["auto", "maps", "panoptic", "polygons"] = field(
        default="auto",
        metadata={"help": "which of its forms; by default the first of these that is there"},
    )


def detect(path: Path) -> float:
    """Known by the configuration beside folders of splits."""
    if not path.is_dir():
        return 0.0
    versions = _configs(path)
    return 0.96 if any(any(_parts(path, version, _FOLDERS)) for version in versions) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no maps, or a damaged configuration or side file.
        UsageError: no such version.
    """
    version, notes = _version(path, options.version)
    source = _source(path, version, options.source)
    if source != "maps":
        return _read_other(path, options, images, version, source, notes)
    file = _configs(path)[version]
    config = read_config(file)
    side = read_side_file(path)
    taxonomy = (
        Taxonomy.from_json(side, where=path / SIDE_FILE) if side else taxonomy_of(config["labels"])
    )
    silent = silent_label(config["labels"])
    numbers = {v: p for v, p in taxonomy.ids(FORMAT_NAME).items() if v != silent}
    none = frozenset() if silent is None else frozenset({silent})
    meaning = Numbering(PACKING, taxonomy, numbers, none)
    keys = dict(side.get("keys", {}))
    parts = _parts(path, version, KINDS)
    pairs, classes, n_images = numbered_pairs(parts, KINDS, keys, images)
    if not pairs:
        raise FormatError("no labels or instances found", where=path, hint=LOOKS_FOR)
    by_key = {p.key: p.labels for p in pairs}
    strict = not options.skip_bad

    def labels_of(sample: Sample) -> Labels:
        own = by_key[sample.key]
        if own in classes:
            return read_objects(own, classes[own], meaning, sample, strict=strict)
        none = MAX_LABELS if silent is None else silent
        return read_classes(own, numbers, none, taxonomy, sample, strict=strict)

    return Dataset(
        taxonomy,
        samples_of(pairs),
        labels_of,
        side_splits(side, by_key) if side.get("splits") else splits_of(pairs),
        name=path.name,
        warnings=notes + absences(pairs, n_images),
        extra={FORMAT_NAME: {"config": config, "version": version}},
    )


def _read_other(
    path: Path,
    options: Read,
    images: Path | None,
    version: str,
    source: str,
    notes: tuple[str, ...],
) -> Dataset:
    """The data set of the panoptic maps or the polygons."""
    config = read_config(_configs(path)[version])
    taxonomy = taxonomy_of(config["labels"])
    number = silent_label(config["labels"])
    silent = None if number is None else str(config["labels"][number]["name"])
    strict = not options.skip_bad
    found: list[Pair] = []
    n_images = 0
    for split, folder, usual in _parts(path, version, (source,)):
        pictures = list_files(images or usual)
        suffix = ".png" if source == panoptic.FOLDER else ".json"
        found += pair(list_files(folder / source, (suffix,)), pictures, split)
        n_images += len(pictures) if images is None else 0
    pairs = unique_pairs(found)
    by_key = {p.key: p.labels for p in pairs}
    maps = None
    if source == panoptic.FOLDER:
        maps = panoptic.PanopticMaps(list(by_key.values()), taxonomy, silent, strict=strict)
        bad = maps.skipped
        notes += left_out(bad, "invalid segment")

    def labels_of(sample: Sample) -> Labels:
        own = by_key[sample.key]
        if maps is not None:
            return maps.labels(own, sample)
        return read_polygons(own, taxonomy, silent, sample, strict=strict)

    return Dataset(
        taxonomy,
        samples_of(pairs),
        labels_of,
        splits_of(pairs),
        name=path.name,
        warnings=notes + absences(pairs, n_images or sum(p.image is not None for p in pairs)),
        extra={FORMAT_NAME: {"config": config, "version": version}},
    )


def _configs(path: Path) -> dict[str, Path]:
    """Version → configuration; the version of config.json is empty."""
    found = {}
    for file in sorted(path.glob("config*.json")):
        match = _CONFIG.fullmatch(file.name)
        if match is not None:
            found[match[1] or ""] = file
    return found


def _version(path: Path, named: str | None) -> tuple[str, tuple[str, ...]]:
    """The version to be read, and which others are there."""
    present = [v for v in _configs(path) if any(_parts(path, v, _FOLDERS))]
    if named is not None and named not in present:
        known = ", ".join(present) or "none"
        raise UsageError("no such version", where=path, seen=named, hint=f"there are: {known}")
    if not present:
        raise FormatError("no configuration with maps", where=path, hint=LOOKS_FOR)
    chosen = named if named is not None else present[-1]
    others = [v for v in present if v != chosen]
    if not others:
        return chosen, ()
    said = f"read {chosen}, not {', '.join(others)}; choose with --set from.version={others[0]}"
    return chosen, (said,)


def _source(path: Path, version: str, named: str) -> str:
    """Which of its forms is read.

    Raises:
        UsageError: that one is not there.
    """
    present = [name for name, own in _SOURCES.items() if any(_parts(path, version, own))]
    if named != "auto" and named not in present:
        known = ", ".join(present)
        raise UsageError(
            f"no {named} of this version", where=path, seen=version, hint=f"there are: {known}"
        )
    return present[0] if named == "auto" else named


def _parts(path: Path, version: str, names: Iterable[str]) -> Iterator[tuple[str, Path, Path]]:
    """(split, folder of the version, folder of images) of every split that has one of `names`."""
    for folder in sorted(p for p in path.iterdir() if p.is_dir()):
        maps = folder / version if version else folder
        if any((maps / name).is_dir() for name in names):
            yield folder.name, maps, folder / IMAGES


FORMAT = Format(
    FORMAT_NAME,
    "Mapillary Vistas v1.2 and v2.0: label and 16-bit instance maps with config JSON",
    mapillary_write.HOLDS,
    LOOKS_FOR,
    Read,
    mapillary_write.Write,
    detect,
    read,
    mapillary_write.writer,
    kept=Kept(
        WRITES,
        dataset=Facts(notes=("mapillary.version",), opened=("mapillary",)),
    ),
)
