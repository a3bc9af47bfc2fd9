"""ADE20K, full annotation, 2017 and 2020/2021: objects, parts of objects, what is hidden of them.

Read only. The files of an image are X.jpg, X_seg.png, X_parts_LEVEL.png and X_atr.txt (2017) or
X.json with a folder X of masks (2020). The 150 classes of the scene parsing benchmark come as
plain index maps: read those as `bitmap`.

Source: ADE20K (Zhou et al. 2017, 2019).
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from maskloom.core.category_names import unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.ade20k import release_2017 as ade20k_2017
from maskloom.formats.ade20k import release_2020 as ade20k_2020
from maskloom.formats.ade20k.objects import FORMAT_NAME, AdeFiles, labels_of_objects
from maskloom.formats.base import Format, ReadOptions, WriteOptions, only_read
from maskloom.formats.loss import Holds
from maskloom.formats.shared.folders import (
    Pair,
    absences,
    list_files,
    samples_of,
    splits_of,
    unique_pairs,
)
from maskloom.formats.shared.json_files import SPLITS
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.shared.maps import size_of
from maskloom.work.progress import track

LOOKS_FOR = "*_seg.png beside *_atr.txt (2017) or *.json (2020)"
_PARTS = re.compile(r"(.+)_parts_(\d+)\.png")
_SEG = "_seg.png"
_FOLDERS = 64
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read ADE20K."""

    parts: bool = field(default=True, metadata={"help": "also read parts of objects"})
    amodal: bool = field(
        default=False,
        metadata={"help": "hidden extents (2020) are rows of their own, not a field of the object"},
    )


def detect(path: Path) -> float:
    """Known by the files beside a label map: here, one folder down, or in the folders of splits."""
    if not path.is_dir():
        return 0.0
    root = _trunk(path)
    splits = [folder for folder in _inside(root) if folder.name.lower() in SPLITS]
    if root.name.lower() in SPLITS:
        splits.append(root)
    # A folder of many data sets must not pass for the one that lies deep in it.
    looked = [root, *_inside(root)[:_FOLDERS]]
    looked += [f for split in splits for f, _ in itertools.islice(_folders(split), _FOLDERS)]
    for folder in looked:
        names = sorted(p.name for p in folder.iterdir())
        if any(_facts(folder, name[: -len(_SEG)], names) for name in _maps(names)):
            return 0.97
    return 0.0


def _trunk(path: Path) -> Path:
    """The first folder that does not hold one folder alone, as `ADE20K_2021_17_01/images/ADE`."""
    for _ in range(_DEPTH):
        inside = _inside(path)
        if len(inside) != 1 or inside[0].name.lower() in SPLITS or _maps(_names_in(path)):
            break
        path = inside[0]
    return path


def _inside(path: Path) -> list[Path]:
    return [p for p in sorted(path.iterdir()) if p.is_dir() and not p.name.startswith(".")]


def _names_in(path: Path) -> list[str]:
    return [p.name for p in path.iterdir()]


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no label maps, or a damaged text or JSON file.
    """
    scenes: dict[Path, dict[str, str]] = {}
    files, names, warnings = _named(_files(path), options, scenes)
    if not files:
        raise FormatError("no label maps found", where=path, hint=LOOKS_FOR)
    pictures = list_files(images or path, (".jpg", ".jpeg"))
    pairs = []
    by_map = {}
    for place, own in files.items():
        split, key = _split(place)
        pairs.append(Pair(key, own.maps, pictures.get(place) or pictures.get(key), split))
        by_map[own.maps] = own
    found = unique_pairs(pairs)
    by_key = {p.key: by_map[p.labels] for p in found}
    taxonomy = _taxonomy(names)

    def labels_of(sample: Sample) -> Labels:
        own = by_key[sample.key]
        release = ade20k_2020 if own.json else ade20k_2017
        objects, labelled, notes = release.read_objects(
            own, size_of(sample), parts=options.parts, strict=not options.skip_bad
        )
        return labels_of_objects(objects, taxonomy, labelled, amodal=options.amodal, notes=notes)

    return Dataset(
        taxonomy,
        tuple(
            replace(one, tags=scenes.get(by_key[one.key].facts, {})) for one in samples_of(found)
        ),
        labels_of,
        splits_of(found),
        name=path.name,
        warnings=warnings + absences(found, len(pictures) if images is None else len(found)),
    )


def _named(
    files: Mapping[str, AdeFiles], options: Read, scenes: dict[Path, dict[str, str]]
) -> tuple[dict[str, AdeFiles], dict[str, int | None], tuple[str, ...]]:
    """The files whose facts can be read, class name → index or None, and what was left out.

    Tags of images are put into `scenes`, by the file that says them.
    """
    found: dict[str, int | None] = {}
    good: dict[str, AdeFiles] = {}
    bad: list[str] = []
    for place, own in track(list(files.items()), "reading names", unit="files"):
        try:
            names = list(_names(own, options, scenes))
        except FormatError as error:
            if not options.skip_bad:
                raise
            bad.append(error.message)
            continue
        good[place] = own
        found |= {name: index for name, index in names if index is not None or name not in found}
    return good, found, left_out(bad, "image")


def _names(
    files: AdeFiles, options: Read, scenes: dict[Path, dict[str, str]]
) -> Iterator[tuple[str, int | None]]:
    if files.json:
        entries, scenes[files.facts] = ade20k_2020.read_annotation(files.facts)
        for one in entries:
            if options.parts or not one["parts"]["part_level"]:
                index = one.get("name_ndx")
                yield one["name"].strip(), index if type(index) is int else None
        return
    for (level, _), line in ade20k_2017.read_lines(files.facts).items():
        if options.parts or not level:
            yield line.name, None


def _taxonomy(found: Mapping[str, int | None]) -> Taxonomy:
    """The classes that occur, by name; the index that a JSON file tells is their id.

    WordNet names list synonyms; the first is an alias, as people type it.
    """
    names = sorted(found)
    return Taxonomy(
        tuple(
            Category(
                key,
                name,
                "thing",
                aliases=(name.split(",")[0].strip(),) if "," in name else (),
                ids=() if (index := found[name]) is None else ((FORMAT_NAME, index),),
            )
            for key, name in zip(unique_keys(names), names, strict=True)
        )
    )


def _split(place: str) -> tuple[str | None, str]:
    """The split that a folder names, and the key below it."""
    parts = place.split("/")
    for i, part in enumerate(parts[:-1]):
        if part.lower() in SPLITS:
            return SPLITS[part.lower()], "/".join(parts[i + 1 :])
    return None, place


def _folders(path: Path) -> Iterator[tuple[Path, list[str]]]:
    for parent, folders, names in os.walk(path):
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        yield Path(parent), sorted(n for n in names if not n.startswith("."))


def _maps(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.endswith(_SEG) and len(name) > len(_SEG)]


def _facts(folder: Path, stem: str, names: Iterable[str]) -> Path | None:
    """The text or JSON file of an image."""
    present = set(names)
    return next(
        (folder / name for name in (f"{stem}.json", f"{stem}_atr.txt") if name in present), None
    )


def _files(path: Path) -> Mapping[str, AdeFiles]:
    """Place below the path → files of every image."""
    found: dict[str, AdeFiles] = {}
    for folder, names in _folders(path):
        parts: dict[str, dict[int, Path]] = {}
        for name in names:
            if match := _PARTS.fullmatch(name):
                parts.setdefault(match[1], {})[int(match[2])] = folder / name
        for name in _maps(names):
            stem = name[: -len(_SEG)]
            facts = _facts(folder, stem, names)
            if facts is None:
                continue
            levels = parts.get(stem, {})
            if sorted(levels) != list(range(1, len(levels) + 1)):
                raise FormatError(
                    "levels of parts are missing", where=folder / name, seen=sorted(levels)
                )
            place = (folder / stem).relative_to(path).as_posix()
            found[place] = AdeFiles(folder / name, facts, tuple(levels[k] for k in sorted(levels)))
    return dict(sorted(found.items()))


FORMAT = Format(
    FORMAT_NAME,
    "ADE20K 2017 and 2020: objects, parts and what is hidden of them (read only)",
    Holds(instances=True, overlap=True, attributes=True, tracks=True, coverage=True, fields=True),
    LOOKS_FOR,
    Read,
    WriteOptions,
    detect,
    read,
    only_read(FORMAT_NAME),
    written=False,
)
