"""One COCO file parsed and checked: images, categories, and annotations by image."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from maskloom.errors import FormatError
from maskloom.formats.coco.annotations import ImageAnnotations
from maskloom.formats.coco.check import check_categories, listed
from maskloom.formats.coco.image_entries import ImageEntries
from maskloom.formats.coco.image_ids import ImageId
from maskloom.formats.coco.images import named_by_address
from maskloom.formats.coco.index import index_annotations
from maskloom.formats.shared.json_outline import Entries, Outline, outline, parse

LIKE = "ground-truth JSON that gives images and categories of a results list"
TOP = frozenset({"images", "annotations", "categories"})
_END = 1 << 16
_CHUNK = 1 << 20


OfImage = TypeVar("OfImage")


@dataclass(frozen=True, slots=True)
class CocoFile(Generic[OfImage]):
    """One checked file.

    Args:
        path, split: which file, and the split it holds.
        images, categories: by id, in order of the file.
        annotations: by image id, each image's in order of the file: `ImageAnnotations`, or
            segments of a panoptic file.
        head: what else stands at the top of the file (info, licenses, ...).
        skipped: messages about annotations that were left out.
        used: ids of categories that annotations name.
    """

    path: Path
    split: str | None
    images: Mapping[ImageId, Mapping[str, Any]]
    categories: Mapping[int, Mapping[str, Any]]
    annotations: Mapping[ImageId, OfImage]
    head: Mapping[str, Any]
    skipped: tuple[str, ...]
    used: frozenset[int]


def json_ends(path: Path) -> str:
    """The first and last 64 KiB of a JSON file, enough to tell what it holds; "" if unreadable.

    The keys of annotations stand behind a hundred thousand images, but near one of the ends.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_END)
            file.seek(max(len(head), path.stat().st_size - _END))
            ends = head + file.read()
    except OSError:
        return ""
    return ends.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")


def says_lvis(text: str) -> bool:
    """Whether the ends of a COCO file are those of LVIS, which has no crowds.

    Args:
        text: see `json_ends`.
    """
    if '"iscrowd"' in text:
        return False
    by_image = '"neg_category_ids"' in text or '"not_exhaustive_category_ids"' in text
    return by_image or ('"synset"' in text and '"frequency"' in text)


def is_without_images(path: Path) -> bool:
    """Whether the ends of a JSON file read like one of the COCO family that lists no image."""
    text = json_ends(path)
    return text.startswith("{") and re.search(r'"images"\s*:\s*\[\s*\]', text) is not None


def is_whole(path: Path) -> bool:
    """Whether `json_ends` shows all of a file."""
    return path.stat().st_size <= 2 * _END


def read_file(
    path: Path,
    split: str | None,
    *,
    skip_bad: bool,
    like: CocoFile[Any] | None,
    named: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> CocoFile[ImageAnnotations]:
    """Check one file; its annotations are parsed when they are asked for.

    Args:
        path: an instances file, or a results list.
        split: the split it holds.
        skip_bad: leave invalid annotations out.
        like: gives images and categories of a results list.
        named: gives the entry of an image its `file_name`, where files lack it.

    Raises:
        FormatError: not JSON, not COCO, or an invalid entry.
    """
    found = outline(path)
    if "" in found.values:
        seen = type(found.values[""]).__name__
        raise FormatError("neither an object nor a list", where=path, seen=seen)
    entries = found.lists.get("")
    images: Mapping[ImageId, Mapping[str, Any]]
    categories: Mapping[int, Mapping[str, Any]]
    if entries is None:
        images = ImageEntries(found, _list(found, "images"), named)
        categories = check_categories(_parsed(found, "categories"), path)
        entries = _list(found, "annotations")
    elif like is not None:
        images, categories = like.images, like.categories
    else:
        raise FormatError(
            "a results list names no images and categories",
            where=path,
            hint="give its ground truth with --set from.like=TRUTH.json",
        )
    indexed = index_annotations(
        found, entries, images, categories, need_id=like is None, skip_bad=skip_bad
    )
    head = found.values | {k: _parsed(found, k) for k in found.lists if k and k not in TOP}
    used = indexed.categories
    return CocoFile(path, split, images, categories, indexed.by_image, head, indexed.skipped, used)


def read_truth(path: Path) -> CocoFile[ImageAnnotations]:
    """The file that gives images and categories of a results list, of COCO or LVIS.

    Raises:
        FormatError: as `read_file`.
    """
    return read_file(path, None, skip_bad=False, like=None, named=named_by_address)


def _list(found: Outline, name: str) -> Entries:
    """A list at the top of the file, which panoptic files have too.

    Raises:
        FormatError: it is not there.
    """
    if name in found.lists:
        return found.lists[name]
    listed(found.values | dict.fromkeys(found.lists), name, found.path)
    raise AssertionError(name)


def _parsed(found: Outline, name: str) -> list[Any]:
    entries = _list(found, name)
    out: list[Any] = []
    for _, _, text in found.chunks(entries, _CHUNK):
        out += parse(b"[" + text + b"]", found.path)
    if name in TOP:
        listed({name: out}, name, found.path)
    return out
