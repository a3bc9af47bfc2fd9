"""Which void class a pixel of a class map came with, where a data set has more than one.

In a class map all void is one code. Beside it `Labels.extra` says which regions are of which void
category; void of no category (255, no data) stands there under an empty key.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, codes
from maskloom.core.masks import Masks
from maskloom.formats.loss import Loss
from maskloom.formats.shared.numbered_files import VOID_CLASSES


def void_classes(
    values: NDArray[Any], classes: NDArray[Any], keys: Mapping[int, str]
) -> dict[str, Any]:
    """The entry of `Labels.extra`, or nothing where all void of an image can be but of one class.

    Args:
        values: (H, W) as stored.
        classes: the class map of them.
        keys: stored value → key of its void category.
    """
    void = classes == codes(classes.dtype)[0]
    if not keys or not void.any():
        return {}
    names = ["", *dict.fromkeys(keys.values())]
    number = np.where(void, 0, -1)
    for value, key in keys.items():
        number[void & (values == value)] = names.index(key)
    if len(names) == 2 and not (number == 0).any():
        return {}
    masks, found = Masks.from_id_map(number, background=-1)
    return {VOID_CLASSES: {names[n]: masks.to_coco(i) for i, n in enumerate(found.tolist())}}


def void_losses(key: str, told: Mapping[str, Any], held: Container[str]) -> list[Loss]:
    """That void classes are dropped which the source tells apart.

    Args:
        key: of the sample.
        told: key of each void class of the image → runs.
        held: keys of those that the target keeps.
    """
    lost = [name for name in told if name not in held]
    if not lost:
        return []
    return [Loss(key, VOID_CLASSES, names=tuple(name or "void of no class" for name in lost))]


def renamed_void(labels: Labels, keys: Mapping[str, str]) -> Labels:
    """The labels, whose void classes have other keys; those that become one are united.

    Args:
        labels: of an image.
        keys: old key → new key.
    """
    if not (told := labels.extra.get(VOID_CLASSES)):
        return labels
    found: dict[str, list[Any]] = {}
    for key, runs in told.items():
        found.setdefault(keys.get(key, key), []).append(runs)
    united = {
        key: own[0] if len(own) == 1 else Masks.from_coco(own).merge().to_coco(0)
        for key, own in found.items()
    }
    return labels.replace(extra={**labels.extra, VOID_CLASSES: united})


def paint_void(values: NDArray[Any], labels: Labels, numbers: Mapping[str, Any]) -> None:
    """Give void pixels what stands for the class that they came with, in place.

    Args:
        values: (H, W) or (H, W, channels) to store.
        labels: of the image.
        numbers: key → what is stored for it; keys that are not there stay as they are.
    """
    pixels = labels.class_map
    told = labels.extra.get(VOID_CLASSES, {})
    if pixels is None or not told:
        return
    void = pixels == codes(pixels.dtype)[0]
    for key, runs in told.items():
        if key in numbers:
            values[void & Masks.from_coco([runs]).dense(0)] = numbers[key]
