"""Images with their annotations, as label files of tools list them, made a data set.

A format parses its files into `Document`s, cheaply; shapes are asked for when labels are read.
Where images lie is `coco_images.py`, what shapes become `shapes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.labels import FULL, Coverage, Labels
from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.core.taxonomy import Category, Taxonomy, unique_keys
from maskloom.errors import FormatError
from maskloom.formats.coco_images import found_image, image_folders, safe_names
from maskloom.formats.maps import check_size, size_of
from maskloom.formats.shapes import Shape, rows_of


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """What a format knows of one image.

    Args:
        file_name: of the image, as the label file says it.
        path: the label file.
        shapes: (H, W) → its shapes, in order; raises FormatError for an invalid one.
        size: (H, W) as the label file says it; None is asked of the image.
        split: that it belongs to.
        key: of the sample; "" is the file name without its suffix.
        coverage: of its labels.
        extra: what the format keeps of the image beyond its shapes, for its own writer.
    """

    file_name: str
    path: Path
    shapes: Callable[[tuple[int, int]], Sequence[Shape]]
    size: tuple[int, int] | None = None
    split: str | None = None
    key: str = ""
    coverage: Coverage = FULL
    extra: Mapping[str, Any] = field(default_factory=dict)


def dataset_of_documents(
    documents: Iterable[Document],
    taxonomy: Taxonomy,
    path: Path,
    images: Path | None,
    *,
    fmt: str,
    warnings: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> Dataset:
    """One data set of all documents; labels are made when asked for.

    Args:
        documents: of one format.
        taxonomy: its categories, found by name.
        path: what was opened.
        images: folder under which images lie, if the user named one.
        fmt: the format's name, under which `Document.extra` is kept in `Sample.extra`.
        warnings: of the reader.
        extra: of the data set.

    Raises:
        FormatError (on reading a sample): an invalid shape, an image of another size, a size that
            nobody knows, or a category that the taxonomy lacks.
    """
    listed = list(documents)
    root = images or (path if path.is_dir() else path.parent)
    safe = safe_names(one.file_name for one in listed)
    keys = _keys(listed, safe)
    places: dict[tuple[Path, str | None], list[Path]] = {}
    names: dict[tuple[Path, str | None], list[str]] = {}
    for one in listed:
        names.setdefault((one.path.parent, one.split), []).append(one.file_name)
    for (folder, split), own in names.items():
        places[folder, split] = image_folders(
            root, folder / "x", split=split, names=own, named=images is not None
        )
    owners: dict[str, Document] = {}
    samples = []
    for one, key in zip(listed, keys, strict=True):
        found = found_image(
            one.file_name, places[one.path.parent, one.split], safe, named=images is not None
        )
        owners[key] = one
        samples.append(
            Sample(key, ImageRef(found, one.size), file_name=one.file_name, extra={fmt: one.extra})
        )
    positions = {category.name: i for i, category in enumerate(taxonomy)}

    def labels_of(sample: Sample) -> Labels:
        return _labels(owners[sample.key], sample, positions)

    ordered = tuple(sorted(samples, key=lambda sample: sample.key))
    return Dataset(
        taxonomy,
        ordered,
        labels_of,
        _splits(owners),
        name=path.name,
        warnings=(*warnings, *_absent(ordered, safe)),
        extra={} if extra is None else extra,
    )


def taxonomy_of_names(
    names: Iterable[str],
    *,
    stuff: Iterable[str] = (),
    ids: Mapping[str, int] | None = None,
    fmt: str,
) -> Taxonomy:
    """Categories in order of their first mention, things unless named as stuff.

    Args:
        names: as the files say them.
        stuff: those of them that are stuff.
        ids: name → the format's own number.
        fmt: the format's name, for its numbers.
    """
    listed = list(dict.fromkeys(names))
    areas = set(stuff)
    numbers = ids or {}
    return Taxonomy(
        tuple(
            Category(
                key,
                name,
                "stuff" if name in areas else "thing",
                ids=((fmt, numbers[name]),) if name in numbers else (),
            )
            for key, name in zip(unique_keys(listed), listed, strict=True)
        )
    )


def _keys(documents: Sequence[Document], safe: Mapping[str, str]) -> list[str]:
    """Keys of samples; where two splits use one key, every key gets its split in front."""
    keys = [one.key or sample_key(safe.get(one.file_name, one.file_name)) for one in documents]
    if len(set(keys)) == len(keys):
        return keys
    return [f"{d.split}/{k}" if d.split else k for d, k in zip(documents, keys, strict=True)]


def _labels(document: Document, sample: Sample, positions: Mapping[str, int]) -> Labels:
    pixels = size_of(sample)
    size = document.size or pixels
    if size is None:
        raise FormatError(
            "neither the label file nor an image tells the size",
            where=document.path,
            seen=document.file_name,
            hint="give the images with --images ROOT",
        )
    check_size(document.path, size, pixels)
    shapes = document.shapes(size)
    for shape in shapes:
        if shape.category not in positions:
            raise FormatError(
                "a category that the file does not declare",
                where=shape.where,
                seen=shape.category,
                hint=f"declared are {', '.join(list(positions)[:10]) or 'none'}",
            )
    return Labels(size, rows=rows_of(shapes, size, positions), coverage=document.coverage)


def _splits(owners: Mapping[str, Document]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for key in sorted(owners):
        split = owners[key].split
        if split is not None:
            found.setdefault(split, []).append(key)
    order = {"train": 0, "val": 1, "test": 2}
    return {n: tuple(found[n]) for n in sorted(found, key=lambda n: (order.get(n, 3), n))}


def _absent(samples: Sequence[Sample], outside: Mapping[str, str]) -> tuple[str, ...]:
    out = []
    if outside:
        out.append(
            f"{len(outside)} file names lead out of the data's folder and are not followed, first "
            f"{next(iter(outside))!r}; --images ROOT looks for them by their last part"
        )
    missing = [sample.file_name for sample in samples if sample.image.path is None]
    if missing:
        out.append(f"{len(missing)} of {len(samples)} images are missing, first {missing[0]!r}")
    return tuple(out)
