"""Images with their annotations, as label files of tools list them, made a data set.

A format parses its files into `Document`s, cheaply; shapes are asked for when labels are read.
Where images lie is `coco/images.py`, what shapes become `shapes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskloom.core.category_names import positions_of, unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.labels import FULL, Coverage, Labels
from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.coco.images import found_image, image_folders, safe_names
from maskloom.formats.shared.image_names import named_outside
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.shared.maps import check_size_of, size_of
from maskloom.formats.shared.shapes import Shape, rows_of


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The annotations of an image as a file lists them, made one by one, so that one can be bad.

    Args:
        listed: what `make` takes.
        make: (entry, (H, W)) → its shape; raises FormatError for an invalid one.
    """

    listed: Sequence[Any]
    make: Callable[[Any, tuple[int, int]], Shape]

    def __call__(self, size: tuple[int, int]) -> list[Shape]:
        """All shapes, in order."""
        return [self.make(entry, size) for entry in self.listed]


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
        image: where the image lies, if the format knows; None is looked for by its name.
        extra: what the format keeps of the image beyond its shapes, for its own writer.
        sequence, index: of a frame, the sequence it belongs to and its number there.
        tags: what the file says of the image as a whole.
    """

    file_name: str
    path: Path
    shapes: Callable[[tuple[int, int]], Sequence[Shape]]
    size: tuple[int, int] | None = None
    split: str | None = None
    key: str = ""
    coverage: Coverage = FULL
    image: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    sequence: str | None = None
    index: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def dataset_of_documents(
    documents: Iterable[Document],
    taxonomy: Taxonomy,
    path: Path,
    images: Path | None,
    *,
    fmt: str,
    warnings: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    skip_bad: bool = False,
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
        skip_bad: leave invalid annotations out of documents whose shapes are `Entries`, and
            count them in the warnings.

    Raises:
        FormatError (on reading a sample): an invalid shape, an image of another size, a size that
            nobody knows, or a category that the taxonomy lacks.
    """
    listed = list(documents)
    safe = safe_names(one.file_name for one in listed)
    root = images or (path if path.is_dir() else path.parent)
    samples = _samples(listed, safe, root, fmt=fmt, named=images is not None)
    owners = {sample.key: one for sample, one in zip(samples, listed, strict=True)}
    positions = positions_of(taxonomy)
    bad: list[str] = []
    if skip_bad:
        for sample in samples:
            owners[sample.key] = _sound(owners[sample.key], sample, positions, bad)

    def labels_of(sample: Sample) -> Labels:
        return _labels(owners[sample.key], sample, positions)

    ordered = tuple(sorted(samples, key=lambda sample: sample.key))
    return Dataset(
        taxonomy,
        ordered,
        labels_of,
        _splits(owners),
        name=path.name,
        warnings=(*warnings, *left_out(bad), *_absent(ordered, safe)),
        extra={} if extra is None else extra,
    )


def _samples(
    documents: Sequence[Document], safe: Mapping[str, str], root: Path, *, fmt: str, named: bool
) -> list[Sample]:
    """One sample per document, with its image where one of the usual folders has it."""
    names: dict[tuple[Path, str | None], list[str]] = {}
    for one in documents:
        names.setdefault((one.path.parent, one.split), []).append(one.file_name)
    places = {
        (folder, split): image_folders(root, folder / "x", split=split, names=own, named=named)
        for (folder, split), own in names.items()
    }
    samples = []
    for one, key in zip(documents, _keys(documents, safe), strict=True):
        folders = places[one.path.parent, one.split]
        found = one.image or found_image(one.file_name, folders, safe, named=named)
        samples.append(
            Sample(
                key,
                ImageRef(found, one.size),
                kind="image" if one.sequence is None else "frame",
                sequence=one.sequence,
                index=one.index,
                tags=one.tags,
                file_name=one.file_name,
                extra={fmt: one.extra},
            )
        )
    return samples


def taxonomy_of_names(
    names: Iterable[str],
    *,
    stuff: Iterable[str] = (),
    void: Iterable[str] = (),
    ids: Mapping[str, int] | None = None,
    fmt: str,
) -> Taxonomy:
    """Categories in order of their first mention, things unless named as stuff.

    Args:
        names: as the files say them.
        stuff: those of them that are stuff.
        void: those of them whose pixels count nowhere.
        ids: name → the format's own number.
        fmt: the format's name, for its numbers.
    """
    listed = list(dict.fromkeys(names))
    areas, nowhere = set(stuff), set(void)
    numbers = ids or {}
    return Taxonomy(
        tuple(
            Category(
                key,
                name,
                "stuff" if name in areas else "thing",
                void=name in nowhere,
                ids=((fmt, numbers[name]),) if name in numbers else (),
            )
            for key, name in zip(unique_keys(listed), listed, strict=True)
        )
    )


def with_names(taxonomy: Taxonomy, names: Iterable[str], *, void: Iterable[str] = ()) -> Taxonomy:
    """A taxonomy of a side file with the categories that label files name besides."""
    known = {name for one in taxonomy for name in (one.name, *one.aliases)}
    fresh = [name for name in dict.fromkeys(names) if name not in known]
    keys = unique_keys(fresh, taken=taxonomy.keys)
    nowhere = set(void)
    added = [Category(k, n, void=n in nowhere) for k, n in zip(keys, fresh, strict=True)]
    return replace(taxonomy, categories=(*taxonomy, *added)) if added else taxonomy


def _keys(documents: Sequence[Document], safe: Mapping[str, str]) -> list[str]:
    """Keys of samples; where two splits use one key, every key gets its split in front."""
    keys = [one.key or sample_key(safe.get(one.file_name, one.file_name)) for one in documents]
    if len(set(keys)) == len(keys):
        return keys
    return [f"{d.split}/{k}" if d.split else k for d, k in zip(documents, keys, strict=True)]


def _labels(document: Document, sample: Sample, positions: Mapping[str, int]) -> Labels:
    size = _size(document, sample)
    shapes = document.shapes(size)
    for shape in shapes:
        _check_category(shape, positions)
    return Labels(size, rows=rows_of(shapes, size, positions), coverage=document.coverage)


def _size(document: Document, sample: Sample) -> tuple[int, int]:
    """(H, W) of the label file and the image, which must agree."""
    pixels = size_of(sample)
    size = document.size or pixels
    if size is None:
        raise FormatError(
            "neither the label file nor an image tells the size",
            where=document.path,
            seen=document.file_name,
            hint="give the images with --images ROOT",
        )
    check_size_of(document.path, size, sample)
    return size


def _check_category(shape: Shape, positions: Mapping[str, int]) -> None:
    if shape.category not in positions:
        raise FormatError(
            "a category that the file does not declare",
            where=shape.where,
            seen=shape.category,
            hint=f"declared are {', '.join(list(positions)[:10]) or 'none'}",
        )


def _sound(
    document: Document, sample: Sample, positions: Mapping[str, int], bad: list[str]
) -> Document:
    """The document without its invalid entries; what is wrong with them is appended to `bad`."""
    if not isinstance(document.shapes, Entries):
        return document
    size = _size(document, sample)
    entries = document.shapes
    kept = []
    for entry in entries.listed:
        try:
            shape = entries.make(entry, size)
            _check_category(shape, positions)
            rows_of([shape], size, positions)
        except FormatError as error:
            bad.append(error.message)
        else:
            kept.append(entry)
    return replace(document, shapes=Entries(kept, entries.make))


def _splits(owners: Mapping[str, Document]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for key in sorted(owners):
        split = owners[key].split
        if split is not None:
            found.setdefault(split, []).append(key)
    order = {"train": 0, "val": 1, "test": 2}
    return {n: tuple(found[n]) for n in sorted(found, key=lambda n: (order.get(n, 3), n))}


def _absent(samples: Sequence[Sample], outside: Mapping[str, str]) -> tuple[str, ...]:
    out = [named_outside(list(outside))] if outside else []
    # What is not followed is told once.
    lost = [one for one in samples if one.image.path is None and one.file_name not in outside]
    if lost:
        first = lost[0].file_name
        out.append(f"{len(lost)} of {len(samples)} images are missing, first {first!r}")
    return tuple(out)
