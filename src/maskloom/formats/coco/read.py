"""COCO files to one data set: categories, samples, splits; labels are decoded on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maskloom.core.category_names import unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.coco.file import CocoFile, OfImage
from maskloom.formats.coco.image_ids import ImageId
from maskloom.formats.coco.samples import CocoSamples
from maskloom.formats.shared.left_out import left_out

Decode = Callable[[CocoFile[OfImage], ImageId, Mapping[int, int], Sample], Labels]
Alike = Callable[[CocoFile[OfImage], CocoFile[OfImage], ImageId], bool]


def dataset_of(
    files: Sequence[CocoFile[OfImage]],
    path: Path,
    images: Path | None,
    decode: Decode[OfImage],
    alike: Alike[OfImage] | None = None,
) -> Dataset:
    """One data set of all files; labels are decoded when asked for.

    Args:
        files: of one format.
        path: what was opened.
        images: folder under which images lie, if the user named one.
        decode: (file, image id, category id → position, sample) → labels.
        alike: whether two files say the same of an image of this id; such an image is one sample
            of both splits.

    Raises:
        FormatError: files disagree about categories.
    """
    categories = _shared_categories(files)
    taxonomy, doubled = _taxonomy(categories, files)
    positions = {value: i for i, value in enumerate(categories)}
    found = CocoSamples(files, path, images, alike)

    def labels_of(sample: Sample) -> Labels:
        file, image_id = found.owner(sample.key)
        return decode(file, image_id, positions, sample)

    return Dataset(
        taxonomy,
        found.samples,
        labels_of,
        found.splits(),
        name=path.name,
        warnings=doubled + _left_out(files) + found.warnings(),
        extra={"coco": _kept(files, taxonomy, categories)},
    )


def _kept(
    files: Sequence[CocoFile[Any]], taxonomy: Taxonomy, shared: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """Heads of files and fields of categories; `own` are those of files that say others."""
    keys = dict(zip(shared, taxonomy.keys, strict=True))

    def fields(categories: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
        return {
            keys[value]: {k: v for k, v in one.items() if k not in ("id", "name")}
            for value, one in categories.items()
        }

    heads = {f.split or "": dict(f.head) for f in files}
    own = {f.split or "": fields(f.categories) for f in files if f.categories != shared}
    return {"heads": heads, "categories": fields(shared), **({"own": own} if own else {})}


def _left_out(files: Sequence[CocoFile[Any]]) -> tuple[str, ...]:
    return tuple(line for file in files for line in left_out(file.skipped))


def _shared_categories(files: Sequence[CocoFile[Any]]) -> dict[int, Mapping[str, Any]]:
    shared: dict[int, Mapping[str, Any]] = {}
    for file in files:
        for value, category in file.categories.items():
            other = shared.setdefault(value, category)
            if other["name"] != category["name"]:
                raise FormatError(
                    f"category {value} has another name than in {files[0].path.name}",
                    where=file.path,
                    seen=f"{category['name']}, {other['name']}",
                    hint="read the files one by one",
                )
    return shared


def _taxonomy(
    categories: Mapping[int, Mapping[str, Any]], files: Sequence[CocoFile[Any]]
) -> tuple[Taxonomy, tuple[str, ...]]:
    """The categories, with a warning where two have one name and so one gets another."""
    used = frozenset[int]().union(*(f.used for f in files))
    names: dict[int, str] = {}
    taken: set[str] = set()
    # One that labels use keeps its name before one that none uses.
    for value in sorted(categories, key=lambda v: v not in used):
        name = own = str(categories[value]["name"])
        count = 1
        while name in taken:
            count += 1
            name = f"{own} ({count})"
        taken.add(name)
        names[value] = name
    doubled = [f"{v} is now {n!r}" for v, n in names.items() if n != categories[v]["name"]]
    keys = unique_keys(names[value] for value in categories)
    return Taxonomy(
        tuple(
            Category(
                key,
                names[value],
                "stuff" if c.get("isthing") == 0 else "thing",
                ids=(("coco", value),),
            )
            for key, (value, c) in zip(keys, categories.items(), strict=True)
        )
    ), (f"categories share a name: {', '.join(doubled)}",) if doubled else ()
