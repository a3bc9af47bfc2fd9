"""One COCO file parsed and checked: images, categories, and annotations by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.formats.coco_check import (
    BadAnnotation,
    check_annotation,
    check_categories,
    check_images,
    garbled_runs,
    listed,
)
from maskloom.formats.folders import read_json

TOP = frozenset({"images", "annotations", "categories"})
_END = 1 << 16


@dataclass(frozen=True, slots=True)
class CocoFile:
    """One checked file.

    Args:
        path, split: which file, and the split it holds.
        images, categories: by id, in order of the file.
        annotations: by image id, in order of the file.
        head: what else stands at the top of the file (info, licenses, ...).
        skipped: messages about annotations that were left out.
    """

    path: Path
    split: str | None
    images: Mapping[int, Mapping[str, Any]]
    categories: Mapping[int, Mapping[str, Any]]
    annotations: Mapping[int, list[Mapping[str, Any]]]
    head: Mapping[str, Any]
    skipped: tuple[str, ...]


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


def read_file(path: Path, split: str | None, *, skip_bad: bool, like: CocoFile | None) -> CocoFile:
    """Parse and check one file.

    Args:
        path: an instances file, or a results list.
        split: the split it holds.
        skip_bad: leave invalid annotations out.
        like: gives images and categories of a results list.

    Raises:
        FormatError: not JSON, not COCO, or an invalid entry.
    """
    data = read_json(path)
    if isinstance(data, list):
        if like is None:
            raise FormatError(
                "a results list names no images and categories",
                where=path,
                hint="give its ground truth with --set from.like=TRUTH.json",
            )
        data = {"annotations": data}
        images, categories = like.images, like.categories
    elif isinstance(data, dict):
        _refuse_panoptic(data, path)
        images = check_images(listed(data, "images", path), path)
        categories = check_categories(listed(data, "categories", path), path)
    else:
        raise FormatError("neither an object nor a list", where=path, seen=type(data).__name__)
    head = {k: v for k, v in data.items() if k not in TOP}
    by_image, skipped = _index(
        listed(data, "annotations", path),
        images,
        categories,
        path,
        need_id=like is None,
        skip_bad=skip_bad,
    )
    return CocoFile(path, split, images, categories, by_image, head, skipped)


def _refuse_panoptic(data: Mapping[str, Any], path: Path) -> None:
    """Segments in place of masks are no invalid annotations, but another format.

    Raises:
        FormatError: the file is COCO panoptic.
    """
    entries = data.get("annotations")
    if isinstance(entries, list) and any(
        isinstance(entry, dict) and "segments_info" in entry for entry in entries
    ):
        raise FormatError(
            "this is a COCO panoptic file, not one of COCO instances",
            where=path,
            seen='"segments_info" in its annotations',
            hint="read it with --from coco-panoptic",
        )


def _index(
    annotations: Sequence[Mapping[str, Any]],
    images: Mapping[int, Any],
    categories: Mapping[int, Any],
    path: Path,
    *,
    need_id: bool,
    skip_bad: bool,
) -> tuple[dict[int, list[Mapping[str, Any]]], tuple[str, ...]]:
    """Valid annotations by image id."""
    by_image: dict[int, list[Mapping[str, Any]]] = {}
    skipped: list[str] = []
    seen: set[int] = set()

    def refuse(bad: BadAnnotation, name: object) -> None:
        error = bad.error(path, name)
        if not skip_bad:
            raise error
        skipped.append(error.message)

    for i, annotation in enumerate(annotations):
        name = annotation.get("id", f"at position {i}")
        try:
            check_annotation(annotation, images, categories, need_id=need_id)
            if annotation.get("id") in seen:
                raise BadAnnotation("id", "two annotations share an id", annotation["id"])
        except BadAnnotation as bad:
            refuse(bad, name)
            continue
        if "id" in annotation:
            seen.add(annotation["id"])
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    for image_id, own in by_image.items():
        garbled = {id(a): bad for a, bad in garbled_runs(own)}
        for annotation in [a for a in own if id(a) in garbled]:
            refuse(garbled[id(annotation)], annotation.get("id", f"of image {image_id}"))
            own.remove(annotation)
    return by_image, tuple(skipped)
