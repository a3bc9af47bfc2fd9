"""PASCAL VOC: JPEGImages, Annotations, SegmentationClass, SegmentationObject, ImageSets.

With object maps the labels are objects, without them class maps; XML files alone give boxes of
images whose pixels are not labelled. Maps and XML of one image meet in `read.py`, classes
in `classes.py`, writing is `write.py`.

Source: VOC2012 development kit (Everingham, Winn).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.class_names import xml_name
from maskloom.formats.shared.folders import (
    MAP_SUFFIXES,
    SIDE_FILE,
    is_marked,
    list_files,
    read_side_file,
    side_splits,
)
from maskloom.formats.shared.image_names import image_of, missing_images
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.voc import write as voc_write
from maskloom.formats.voc.classes import LABEL_MAPS, PALETTE, classes_of, label_tails
from maskloom.formats.voc.read import VocFiles, labels_of_files
from maskloom.formats.voc.xml import VocXml, head_facts, read_xml
from maskloom.work.progress import track

CLASSES, OBJECTS, BOXES, IMAGES = voc_write.FOLDERS
LOOKS_FOR = "SegmentationClass (and SegmentationObject) or Annotations/*.xml, beside JPEGImages"
_SETS = ("Segmentation", "Main")
_COLORS = {(int(r), int(g), int(b)): v for v, (r, g, b) in enumerate(PALETTE.tolist())}


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read VOC."""

    boxes: bool = field(
        default=False,
        metadata={"help": "also give images that have an XML file and no maps, as boxes"},
    )


def detect(path: Path) -> float:
    """Known by the side file, or by its folders' names."""
    if not path.is_dir():
        return 0.0
    root = _root(path)
    if is_marked(root, '"kind": "voc"'):
        return 1.0
    beside = [OBJECTS, "ImageSets", *LABEL_MAPS]
    if (root / CLASSES).is_dir() and any((root / name).exists() for name in beside):
        return 0.95
    first = next(iter(sorted((root / BOXES).glob("*.xml"))), None)
    if first is None:
        return 0.0
    with first.open("rb") as file:
        head = file.read(1 << 12)
    # LabelMe's old XML has the same root, and polygons in place of boxes.
    return 0.9 if b"<annotation" in head and b"<polygon" not in head else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no maps and no annotations, or a damaged XML file or label map.
    """
    root = _opened(path)
    side = read_side_file(root)
    class_files = list_files(root / CLASSES, MAP_SUFFIXES)
    object_files = list_files(root / OBJECTS, MAP_SUFFIXES)
    xml_files = list_files(root / BOXES, (".xml",))
    boxes = options.boxes or bool(side.get("boxes")) or not class_files
    pictures = list_files(images or root / IMAGES)
    bare, unknown = _unlabelled(side, root, pictures, xml_files)
    keys = sorted({*class_files, *bare, *(xml_files if boxes else ())})
    parsed, skipped = _parsed({k: xml_files[k] for k in keys if k in xml_files}, options)
    keys = [key for key in keys if key in class_files or key in parsed or key in bare]
    names = [one.name for xml in parsed.values() for one in xml.objects]
    meaning = classes_of(root, side, names, maps=bool(class_files))
    # Beside maps, images that have none are yet to be labelled.
    open_keys = set(keys if class_files else bare)
    sizes = side.get("sizes", {})
    files = {
        key: VocFiles(
            class_files.get(key),
            object_files.get(key),
            xml_files.get(key),
            parsed.get(key),
            looked=key not in open_keys,
            size=tuple(sizes[key]) if key in sizes else None,
            size_told=root / SIDE_FILE,
        )
        for key in keys
    }
    as_rows = bool(object_files) or not class_files

    def labels_of(sample: Sample) -> Labels:
        return labels_of_files(files[sample.key], meaning, sample, as_rows=as_rows, colors=_COLORS)

    splits = side_splits(side, keys) if side else _splits(root, keys)
    return Dataset(
        meaning.taxonomy,
        tuple(_sample(key, image_of(pictures, key)) for key in keys),
        labels_of,
        splits,
        name=path.name,
        warnings=(
            *skipped,
            *_notes(files, set() if boxes else set(xml_files) - set(files), as_rows=as_rows),
            *_unknown(unknown),
            *_absences(keys, pictures, images or root / IMAGES, named=images is not None),
        ),
        extra={"voc": {"parts:actions": tails}} if (tails := label_tails(root)) else {},
    )


def _opened(path: Path) -> Path:
    root = _root(path) if path.is_dir() else path
    if not ((root / CLASSES).is_dir() or (root / BOXES).is_dir()):
        raise FormatError("no VOC data set", where=path, hint=LOOKS_FOR)
    return root


def _root(path: Path) -> Path:
    """The folder itself, or the only VOC… folder in it (VOCdevkit/VOC2012)."""
    if any((path / name).is_dir() for name in (CLASSES, BOXES, OBJECTS)):
        return path
    inside = [
        p for p in sorted(path.glob("VOC*")) if (p / CLASSES).is_dir() or (p / BOXES).is_dir()
    ]
    return inside[0] if len(inside) == 1 else path


def _unlabelled(
    side: Mapping[str, Any], root: Path, pictures: Mapping[str, Path], known: Container[str]
) -> tuple[list[str], list[str]]:
    """Images that nobody labelled: those that are there or of a known size, and the others.

    Raises:
        FormatError: the side file says something else.
    """
    said = side.get("unlabelled", [])
    if not isinstance(said, list) or not all(isinstance(key, str) for key in said):
        raise FormatError("no list of images", where=f"{root / SIDE_FILE}: unlabelled", seen=said)
    found: tuple[list[str], list[str]] = ([], [])
    for key in said:
        there = key in known or key in side.get("sizes", {}) or image_of(pictures, key) is not None
        found[not there].append(key)
    return found


def _unknown(keys: list[str]) -> tuple[str, ...]:
    if not keys:
        return ()
    said = f"{len(keys)} images without labels are neither there nor of a known size"
    return (f"{said}, first {keys[0]!r}: left out",)


def _sample(key: str, image: Path | None) -> Sample:
    return Sample(key, ImageRef(image), file_name=image.name if image is not None else "")


def _parsed(files: Mapping[str, Path], options: Read) -> tuple[dict[str, VocXml], tuple[str, ...]]:
    """Every annotation, and what was left out with --skip-bad."""
    found: dict[str, VocXml] = {}
    bad: list[str] = []
    for key, file in track(list(files.items()), "reading annotations", unit="files"):
        try:
            found[key] = read_xml(file)
        except FormatError as error:
            if not options.skip_bad:
                raise
            bad.append(error.message)
    return found, left_out(bad)


def _splits(root: Path, keys: list[str]) -> dict[str, tuple[str, ...]]:
    """Splits that ImageSets lists; `trainval` only where train and val are not there.

    Lists of one class (cow_train.txt, with -1 and 1) are no splits.
    """
    present = set(keys)
    found: dict[str, tuple[str, ...]] = {}
    for folder in _SETS:
        for file in sorted((root / "ImageSets" / folder).glob("*.txt")):
            members = _members(file, present)
            if members:
                found[file.stem] = members
        if found:
            break
    if "train" in found and "val" in found:
        found.pop("trainval", None)
    order = {"train": 0, "val": 1, "test": 2}
    return {name: found[name] for name in sorted(found, key=lambda n: (order.get(n, 3), n))}


def _members(file: Path, present: set[str]) -> tuple[str, ...]:
    """Keys of a list that are there, once each; nothing of a list of one class."""
    lines = [line.split() for line in file.read_text("utf-8-sig", "replace").splitlines()]
    lines = [parts for parts in lines if parts and not parts[0].startswith("#")]
    if any(len(parts) == 2 and parts[1] in ("-1", "0", "1") for parts in lines):
        return ()
    names = [" ".join(parts).replace("\\", "/") for parts in lines]
    listed = [name if name in present else sample_key(name) for name in names]
    return tuple(dict.fromkeys(name for name in listed if name in present))


def _notes(files: Mapping[str, VocFiles], unmapped: set[str], *, as_rows: bool) -> tuple[str, ...]:
    out = []
    if unmapped:
        said = f"{len(unmapped)} annotations have no maps and are left out"
        out.append(f"{said}; --set from.boxes=true reads their boxes")
    told = sum(bool(own.xml and own.xml.objects) for own in files.values())
    if told and not as_rows:
        out.append(f"the boxes of {told} images are not read: there are class maps only")
    lone = [key for key, own in files.items() if own.classes is not None and own.objects is None]
    if lone and as_rows:
        out.append(f"{len(lone)} images have no object map, first {lone[0]!r}: classes are regions")
    return tuple(out)


def _absences(
    keys: list[str], images: Mapping[str, Path], folder: Path, *, named: bool
) -> tuple[str, ...]:
    out = []
    missing = [key for key in keys if image_of(images, key) is None]
    if missing:
        out.append(missing_images(missing, len(keys), folder / missing[0]))
    unlabelled = len(images) - (len(keys) - len(missing))
    if unlabelled > 0 and not named:
        out.append(f"{unlabelled} images have no labels and are left out")
    return tuple(out)


FORMAT = Format(
    "voc",
    "PASCAL VOC: class and object palette PNGs + XML of boxes and attributes",
    voc_write.HOLDS,
    LOOKS_FOR,
    Read,
    voc_write.Write,
    detect,
    read,
    voc_write.writer,
    kept=Kept(
        ("voc",),
        Facts(notes=("voc.head", "voc.maps"), opened=("voc",), more=head_facts),
        Facts(opened=("voc",)),
    ),
    names=xml_name,
)
