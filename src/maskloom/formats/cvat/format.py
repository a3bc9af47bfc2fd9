"""CVAT XML 1.1: "CVAT for images" of tasks, projects and jobs, and "CVAT for video".

Shapes are `shapes.py`, tracks `tracks.py`, what the meta says `meta.py`, writing
`write.py`, tags `tags.py`. Cuboids and skeletons are kept for CVAT alone.

Source: docs.cvat.ai, XML annotation format 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskloom.core.dataset import Dataset
from maskloom.core.labels import FULL, Coverage
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.cvat import write as cvat_write
from maskloom.formats.cvat.kept import SHAPES
from maskloom.formats.cvat.meta import (
    frames_of_meta,
    labels_of_meta,
    size_of_meta,
    taxonomy_of,
    whole,
)
from maskloom.formats.cvat.shapes import shape_of
from maskloom.formats.cvat.tags import UNLABELLED, tags_of, unread_of
from maskloom.formats.cvat.tracks import Entry, frames_of
from maskloom.formats.kept import Facts, Kept, unread_note
from maskloom.formats.shared.class_names import trimmed, xml_name
from maskloom.formats.shared.documents import Document, Entries, dataset_of_documents, with_names
from maskloom.formats.shared.folders import SIDE_FILE, read_side_file
from maskloom.formats.shared.memberships import with_side_splits
from maskloom.formats.shared.safe_xml import Bounds, Element, read_xml_tree, to_lists
from maskloom.formats.shared.shapes import Shape

LOOKS_FOR = "XML with <annotations> of CVAT (<image> or <track>), or a folder with such a file"
BOUNDS = Bounds(1 << 28, elements=5_000_000)
_VERBATIM = frozenset({"attribute"})
_HEAD = 1 << 12
_MAX_SIDE = 2**31 - 1
_BETWEEN = "unknown between keyframes"
_PLAIN_STEMS = ("annotations", "default")


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read CVAT XML."""


def detect(path: Path) -> float:
    """Known by the root element of its XML."""
    if path.is_file():
        return 1.0 if path.suffix.lower() == ".xml" and _is_cvat(path) else 0.0
    return 0.96 if any(_is_cvat(file) for file in _files(path)) else 0.0


def _files(folder: Path) -> list[Path]:
    listed = (p for p in folder.iterdir() if p.suffix.lower() == ".xml" and p.is_file())
    return sorted(p for p in listed if not p.name.startswith("."))


def _is_cvat(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return re.search(rb"<annotations[\s>]", head) is not None


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of an XML file or of a folder.

    Raises:
        FormatError: nothing to read, or what is read is invalid.
    """
    files = [path] if path.is_file() else [f for f in _files(path) if _is_cvat(f)]
    if not files:
        raise FormatError("no CVAT XML", where=path, hint=LOOKS_FOR)
    roots = [_root(file) for file in files]
    documents: list[Document] = []
    warnings: list[str] = []
    for file, root in zip(files, roots, strict=True):
        split = file.stem if file.stem not in _PLAIN_STEMS and len(files) > 1 else None
        documents += _images(root, file, split, warnings)
        documents += _video(root, file, images, warnings, alone=len(files) == 1)
    labels = [label for root in roots for label in labels_of_meta(root)]
    used = [name for root in roots for name in _used(root)]
    side = {} if path.is_file() else read_side_file(path)
    taxonomy = taxonomy_of(labels, used, files[0])
    if side:
        names = (name for one in taxonomy for name in (one.name, *one.aliases))
        taxonomy = with_names(trimmed(Taxonomy.from_json(side, where=path / SIDE_FILE)), names)
    meta = roots[0].child("meta")
    extra = {
        "video": any(document.sequence is not None for document in documents),
        "meta": to_lists(meta.children) if meta is not None else [],
        "labels": {label.text_of("name"): to_lists([label]) for label in labels},
        "others": to_lists([one for root in roots for one in root.children if _is_other(one)]),
    }
    dataset = dataset_of_documents(
        documents,
        taxonomy,
        path,
        images,
        fmt="cvat",
        warnings=_counted(warnings),
        extra={"cvat": extra},
        skip_bad=options.skip_bad,
    )
    return with_side_splits(dataset, side)


def _root(path: Path) -> Element:
    root = read_xml_tree(path, BOUNDS, _VERBATIM)
    if root.tag != "annotations":
        raise FormatError("not a CVAT annotation", where=path, seen=f"<{root.tag}>")
    _trim_labels(root, path, {})
    return root


def _trim_labels(element: Element, path: Path, names: dict[str, str]) -> None:
    """Labels as the meta names them: without blanks at their ends.

    Raises:
        FormatError: two labels differ in nothing else.
    """
    if (told := element.attributes.get("label")) is not None:
        name = told.strip()
        if names.setdefault(name, told) != told:
            raise FormatError(
                "two labels differ in blanks at their ends alone",
                where=path,
                seen=[names[name], told],
                hint="name them apart, or alike if they are one",
            )
        if name != told:
            element.attributes = {**element.attributes, "label": name}
    for child in element.children:
        _trim_labels(child, path, names)


def _is_other(element: Element) -> bool:
    """What is only kept at the top: tracks without a shape that is read, and unknown elements."""
    if element.tag == "track":
        return not any(child.tag in SHAPES for child in element.children)
    return element.tag not in ("version", "meta", "image")


def _used(root: Element) -> Iterable[str]:
    """Labels of shapes in order of their first mention."""
    for owner in root.children:
        listed = [owner] if owner.tag == "track" else owner.children
        for one in listed:
            if one.tag in SHAPES or one.tag == "track":
                yield one.attributes.get("label", "") or UNLABELLED


def _images(
    root: Element, path: Path, split: str | None, warnings: list[str]
) -> Iterable[Document]:
    for image in root.children:
        if image.tag != "image":
            continue
        name = image.attributes.get("name", "")
        where = f"{path}: image {name or image.attributes.get('id')!r}"
        if not name:
            raise FormatError("an image without a name", where=where)
        shapes = [one for one in image.children if one.tag in SHAPES]
        entries = [
            Entry(f"{where}, shape {i} ({one.tag})", one) for i, one in enumerate(shapes, start=1)
        ]
        others = to_lists([one for one in image.children if one.tag not in SHAPES])
        warnings += unread_of(others)
        said = {k: v for k, v in image.attributes.items() if k not in ("name", "width", "height")}
        subset = said.get("subset") or split
        yield Document(
            name,
            path,
            Entries(entries, _shape),
            _size(image, where),
            subset,
            extra={"image": said, "others": others},
            tags=tags_of(others),
        )


def _video(
    root: Element, path: Path, images: Path | None, warnings: list[str], *, alone: bool
) -> Iterable[Document]:
    tracks = [one for one in root.children if one.tag == "track"]
    if not tracks:
        return
    for track in filter(_is_other, tracks):
        warnings += sorted({c.tag for c in track.children} - {"attribute"})
    known, frames = frames_of(root, frames_of_meta(root, path), path)
    size = size_of_meta(root, path)
    sequence = path.stem if not alone else path.absolute().parent.name or path.stem
    suffix = _suffix([images] if images else [path.parent / "images", path.parent])
    warnings += [_BETWEEN] * len(frames.partial)
    for number in known:
        name = f"frame_{number:06d}"
        yield Document(
            name + suffix,
            path,
            Entries(frames.shapes[number], _shape),
            size,
            key=name if alone else f"{sequence}/{name}",
            coverage=Coverage(nothing=True) if number in frames.partial else FULL,
            sequence=sequence,
            index=number,
        )


def _suffix(folders: Sequence[Path]) -> str:
    """The suffix of frames that lie beside the file."""
    found = (p for folder in folders if folder.is_dir() for p in sorted(folder.glob("frame_*")))
    return next((p.suffix for p in found), ".png")


def _shape(entry: Entry, size: tuple[int, int]) -> Shape:
    return shape_of(entry.element, entry.where, size, entry.track)


def _size(image: Element, where: str) -> tuple[int, int]:
    sides = [
        whole(image.attributes.get(side, ""), f"{where}, {side}", least=1)
        for side in ("height", "width")
    ]
    if max(sides) > _MAX_SIDE:
        raise FormatError("a side of more than 2**31 - 1 px", where=where, seen=max(sides))
    return sides[0], sides[1]


def _counted(tags: Sequence[str]) -> list[str]:
    """One warning a kind of what is not read."""
    between = tags.count(_BETWEEN)
    out = unread_note((tag for tag in tags if tag != _BETWEEN), "cvat")
    if between:
        out.append(
            f"{between} frames lie between keyframes of polygons or lines that differ; how CVAT "
            "moves those is not known here: these frames count as labelled in part"
        )
    return out


FORMAT = Format(
    "cvat",
    "CVAT XML 1.1 for images and video (polygons, masks, boxes, tracks)",
    cvat_write.HOLDS,
    LOOKS_FOR,
    Read,
    cvat_write.Write,
    detect,
    read,
    cvat_write.writer,
    file_suffix=".xml",
    kept=Kept(
        ("cvat",),
        Facts(
            notes=("cvat.others", "cvat.image.id", "cvat.image.subset"),
            opened=("cvat", "cvat.image"),
            unread=lambda own: unread_of(own.get("others", ())),
        ),
        Facts(
            notes=("cvat.video", "cvat.labels", "cvat.others"),
            opened=("cvat",),
            unread=lambda own: [one[0] for one in own.get("others", ())],
        ),
    ),
    names=xml_name,
)
