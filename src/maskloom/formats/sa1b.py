"""SA-1B: a JSON file of masks without classes beside each image; it is read only.

Masks are COCO runs. What the model that drew them says of each (`predicted_iou`,
`stability_score`, `crop_box`, `point_coords`) is kept as attributes.

Source: Kirillov et al., Segment Anything (2023), data set card; segment-anything README.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from maskloom.core.category_names import unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.masks import Masks
from maskloom.core.sample import sample_key
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError, MaskError
from maskloom.formats.base import Format, ReadOptions, WriteOptions, only_read
from maskloom.formats.coco.check import is_id, is_number
from maskloom.formats.coco.file import json_ends
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.loss import Holds
from maskloom.formats.shared.documents import Document, Entries, dataset_of_documents
from maskloom.formats.shared.json_files import files_like, some_look_like, split_of, strict_json
from maskloom.formats.shared.shapes import Shape

LOOKS_FOR = 'JSON files with one "image" and its "annotations" of runs, as SA-1B has them'
_MAX_SIDE = 2**31 - 1
_FACTS = ("predicted_iou", "stability_score", "crop_box", "point_coords")


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read SA-1B."""

    category: str = field(default="object", metadata={"help": "what the objects are"})


def detect(path: Path) -> float:
    """Known by the keys of its JSON."""
    if path.is_file():
        return 1.0 if path.suffix.lower() == ".json" and _looks(json_ends(path)) else 0.0
    return 0.94 if some_look_like(path, _looks) else 0.0


def _looks(text: str) -> bool:
    """One image with its size, no categories, and annotations of runs, if any."""
    if '"images"' in text or '"categories"' in text or not text.startswith("{"):
        return False
    one = re.search(r'"image"\s*:\s*\{[^{}]*"(width|height|image_id)"', text)
    listed = re.search(r'"annotations"\s*:\s*\[\s*(\]|\{)', text)
    runs = '"counts"' in text or re.search(r'"annotations"\s*:\s*\[\s*\]', text)
    return bool(one and listed and runs)


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a file or of a folder of files.

    Raises:
        FormatError: nothing to read, or what is read is invalid.
    """
    if not options.category.strip():
        raise FormatError("the category has no name", where="--set category=")
    files = files_like(path, _looks)
    taxonomy = Taxonomy((Category(unique_keys([options.category])[0], options.category),))
    documents = [_document(key, file, options.category) for key, file in files.items()]
    return dataset_of_documents(
        documents, taxonomy, path, images, fmt="sa1b", skip_bad=options.skip_bad
    )


def _document(key: str, path: Path, category: str) -> Document:
    data = strict_json(path)
    image = data.get("image") if isinstance(data, dict) else None
    if not isinstance(image, dict) or not isinstance(data.get("annotations"), list):
        raise FormatError('no "image" and "annotations"', where=path, hint=LOOKS_FOR)
    sides = [image.get(name) for name in ("height", "width")]
    if not all(is_id(side) and 0 < side <= _MAX_SIDE for side in sides):  # type: ignore[operator]
        raise FormatError("height and width are positive whole numbers", where=path, seen=sides)
    name = image.get("file_name")
    name = name if isinstance(name, str) and name else f"{path.stem}.jpg"
    size = (int(sides[0]), int(sides[1]))  # type: ignore[arg-type]
    listed = data["annotations"]
    _refuse_doubles(listed, path)
    return Document(
        name,
        path,
        Entries(listed, partial(_shape, path=path, category=category)),
        size,
        split_of(key),
        # The file's own place: names of images are bare.
        key if "/" in key else sample_key(name) if "/" not in name else "",
        extra={"image": image},
    )


def _refuse_doubles(listed: Iterable[Any], path: Path) -> None:
    seen: set[int] = set()
    for one in listed:
        number = one.get("id") if isinstance(one, dict) else None
        if is_id(number) and number in seen:
            raise FormatError("two annotations share an id", where=path, seen=number)
        seen.add(number) if isinstance(number, int) else None


def _shape(said: Any, size: tuple[int, int], *, path: Path, category: str) -> Shape:
    if not isinstance(said, dict):
        raise FormatError("an annotation is a JSON object", where=path, seen=said)
    where = f"{path}: annotation {said.get('id')}"
    number = said.get("id")
    if number is not None and not is_id(number):
        raise FormatError("an annotation id is a whole number", where=where, seen=number)
    for name in ("predicted_iou", "stability_score", "area"):
        if said.get(name) is not None and not is_number(said[name]):
            raise FormatError("not a finite number", where=f"{where}, {name}", seen=said[name])
    source: dict[str, Any] = {"sa1b": {k: v for k, v in said.items() if k not in _FACTS}}
    source["sa1b"].pop("segmentation", None)
    for name in ("id", "area", "bbox"):
        if name in source["sa1b"]:
            source[name] = source["sa1b"].pop(name)
    return Shape(
        category,
        where,
        mask=_mask(said.get("segmentation"), f"{where}, segmentation", size),
        number=number,
        attributes={name: said[name] for name in _FACTS if name in said},
        source={k: v for k, v in source.items() if v or k != "sa1b"},
    )


def _mask(runs: object, where: str, size: tuple[int, int]) -> Masks:
    if not isinstance(runs, Mapping) or not isinstance(runs.get("counts"), str | list):
        raise FormatError("a mask without runs", where=where, seen=runs)
    sides = runs.get("size")
    sides = sides if isinstance(sides, list) and all(map(is_id, sides)) else []
    try:
        # Checked before anything is made of them; a mask without a pixel lies in any frame.
        as_many = len(sides) == 2 and sides[0] * sides[1] == size[0] * size[1]
        mask = Masks.from_coco([runs]) if as_many else None
    except (MaskError, TypeError) as error:
        raise FormatError(f"not COCO runs: {error}", where=where) from error
    if mask is not None and not int(mask.areas[0]):
        return Masks.empty(1, size)
    if mask is None or sides != list(size):
        raise FormatError(
            f"the runs are for another size than the image, {list(size)}",
            where=where,
            seen=runs.get("size"),
        )
    return mask


_SIDES = ("width", "height")
FORMAT = Format(
    "sa1b",
    "SA-1B: a JSON file of masks per image, without classes (read only)",
    Holds(instances=True, overlap=True, empty=True, attributes=True, fields=True),
    LOOKS_FOR,
    Read,
    WriteOptions,
    detect,
    read,
    only_read("sa1b"),
    written=False,
    kept=Kept(
        image=Facts(
            notes=tuple(f"sa1b.image.{name}" for name in ("image_id", "file_name", *_SIDES)),
            opened=("sa1b", "sa1b.image"),
        )
    ),
)
