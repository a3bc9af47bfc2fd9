"""Files of label maps by split, read into labels.

Shared by `cityscapes`, `kitti` and `mapillary`; what their numbers mean is `numbered.py`, how
they are written `numbered_write.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.shared.folders import Pair, list_files, unique_pairs
from maskloom.formats.shared.maps import ids_to_classes, read_checked
from maskloom.formats.shared.numbered import Numbering, Packing, labels_of_numbers

VOID_CLASSES = "void_classes"
"""In `Labels.extra` of class maps: key → runs of the pixels of each void category."""


def read_objects(
    path: Path, classes: Path | None, meaning: Numbering, sample: Sample, *, strict: bool
) -> Labels:
    """Rows of a map of numbers; notes say where a class map beside it tells otherwise.

    Args:
        path: of the map of numbers.
        classes: of the class map of the same image, if there is one.
        meaning: of the numbers.
        sample: whose labels they are.
        strict: refuse unknown classes; else their pixels are unlabelled.

    Raises:
        FormatError: an unknown class, or maps and image differ in size.
    """
    values = read_checked(path, sample)
    labels = labels_of_numbers(values, meaning, where=path, strict=strict)
    if classes is None:
        return labels
    other = read_checked(classes, sample)
    told = classes_of_numbers(values, meaning.packing)
    if other.shape != told.shape:
        raise FormatError(
            f"the class map is not of the size of {path.name}", where=classes, seen=other.shape
        )
    if not (differ := int(np.count_nonzero(other != told))):
        return labels
    note = f"{differ} px have another class in {classes.name}"
    return labels.replace(extra={**labels.extra, "notes": (*labels.extra.get("notes", ()), note)})


def classes_of_numbers(values: NDArray[Any], packing: Packing) -> NDArray[np.int64]:
    """(H, W) class numbers of a map of numbers."""
    wide = values.astype(np.int64)
    if packing.plain:
        return np.where(wide < packing.step, wide, wide // packing.step)
    return wide // packing.step


def read_classes(
    path: Path,
    ids: Mapping[int, int],
    silent: int,
    taxonomy: Taxonomy,
    sample: Sample,
    *,
    strict: bool,
) -> Labels:
    """A class map; which void class a pixel has is kept beside it.

    Args:
        path: of the map.
        ids: stored value → position.
        silent: the value that says nothing of a pixel.
        taxonomy: of the labels.
        sample: whose labels they are.
        strict: refuse unknown values; else they are void, and counted.

    Raises:
        FormatError: a value without a meaning, colours, or another size than the image's.
    """
    values = read_checked(path, sample)
    size = (int(values.shape[0]), int(values.shape[1]))
    if values.ndim == 3:
        raise FormatError("a class map holds no colours", where=path, seen=values.shape)
    void = {value: place for value, place in ids.items() if taxonomy[place].void}
    table = {**ids, **dict.fromkeys(void, -1), silent: -1}
    unknown = [] if strict else sorted(set(np.unique(values).tolist()) - set(table))
    table |= dict.fromkeys(unknown, -1)
    labels = Labels(size, class_map=ids_to_classes(values, table, len(taxonomy), where=path))
    extra: dict[str, Any] = {}
    if unknown:
        count = int(np.isin(values, unknown).sum())
        extra["notes"] = (f"{count} px of unknown classes are left out",)
    told = np.isin(values, list(void))
    if told.any():
        masks, found = Masks.from_id_map(np.where(told, values.astype(np.int64), -1), background=-1)
        extra[VOID_CLASSES] = {
            taxonomy[void[v]].key: masks.to_coco(i) for i, v in enumerate(found.tolist())
        }
    return labels.replace(extra=extra) if extra else labels


def numbered_pairs(
    folders: Iterable[tuple[str | None, Path, Path]],
    names: tuple[str, str],
    keys: Mapping[str, str],
    images: Path | None,
) -> tuple[list[Pair], dict[Path, Path | None], int]:
    """Maps with their images, the class map beside each map of objects, the number of images.

    Args:
        folders: (split, folder of maps, usual folder of images) of each split.
        names: sub-folders of class maps, and of maps of objects, which have the same file names.
        keys: SPLIT/PLACE → key, where it is not the place.
        images: folder of the images, if the user named one.
    """
    beside: dict[Path, Path | None] = {}
    found: list[Pair] = []
    n_images = 0
    for split, folder, usual in folders:
        pictures = list_files(images or usual)
        classes, objects = (list_files(folder / name, (".png",)) for name in names)
        beside |= {file: classes.get(place) for place, file in objects.items()}
        for place, file in {**classes, **objects}.items():
            key = str(keys.get(f"{split}/{place}", place))
            found.append(Pair(key, file, pictures.get(place), split))
        n_images += len(pictures) if images is None else 0
    pairs = unique_pairs(found)
    return pairs, beside, n_images or sum(p.image is not None for p in pairs)
