"""The dataset.json of nnU-Net v2: labels, regions, the ignore label, channels.

A region is a class made of several numbers, so that classes may overlap (BraTS: the whole tumour
holds its core). Source: nnU-Net, documentation/dataset_format.md, region_based_training.md,
ignore_label.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.core.category_names import unique_keys
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.shared.class_names import any_name
from maskloom.formats.shared.folders import read_json

FILE = "dataset.json"
BACKGROUND = "background"
IGNORE = "ignore"
NAME = "nnunet"
FOLDS = "splits_final"
"""In what is kept of a data set: all folds of that file, where it has several."""


@dataclass(frozen=True, slots=True)
class NnunetLabels:
    """What the numbers of a data set mean.

    Args:
        taxonomy: classes or regions, and void where there is an ignore label.
        members: per category its numbers.
        ignore: the number of the ignore label, or None.
        regions: whether a class has several numbers, so that classes may overlap.
    """

    taxonomy: Taxonomy
    members: tuple[tuple[int, ...], ...]
    ignore: int | None
    regions: bool

    @property
    def numbers(self) -> frozenset[int]:
        """All numbers that may occur, that of the background too."""
        return frozenset({0, *(n for own in self.members for n in own)})


def nnunet_name(category: Category) -> str:
    """Names by which nnU-Net tells background and void are those of no class."""
    name = category.name
    if not category.void and (name.lower() == BACKGROUND or name == IGNORE):
        return f"{name.lower()} is not a class there"
    return any_name(category)


def read_dataset_json(path: Path) -> dict[str, Any]:
    """The file, with `labels` and `file_ending`.

    Raises:
        FormatError: it is damaged, or of nnU-Net v1 or the Decathlon.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("labels"), dict):
        raise FormatError("no labels", where=path, hint='write {"labels": {"background": 0}}')
    ending = data.get("file_ending")
    if not isinstance(ending, str) or not ending.startswith("."):
        raise FormatError(
            "no file_ending",
            where=path,
            seen=ending,
            hint="this is nnU-Net v1 or the Decathlon: read it with --from nifti",
        )
    return data


def labels_of_json(labels: Mapping[str, Any], where: Path) -> NnunetLabels:
    """Classes and regions of the `labels` of a dataset.json.

    Raises:
        FormatError: numbers that are none, used twice, or an ignore label that is not the highest.
    """
    members: list[tuple[int, ...]] = []
    names: list[str] = []
    for name, value in labels.items():
        own = value if isinstance(value, list) else [value]
        if not own or not all(type(n) is int and 0 <= n <= 0x7FFFFFFF for n in own):
            raise FormatError(
                "a label is a whole number or a list of them",
                where=f"{where}: labels: {name}",
                seen=value,
            )
        if name.lower() == BACKGROUND:
            if own != [0]:
                raise FormatError("background is 0", where=f"{where}: labels", seen=value)
            continue
        names.append(name)
        members.append(tuple(own))
    regions = any(isinstance(value, list) for value in labels.values())
    _check_numbers(names, members, regions=regions, where=where)
    ignore = next(
        (own[0] for name, own in zip(names, members, strict=True) if name == IGNORE), None
    )
    categories = tuple(
        Category(
            key,
            name,
            "stuff",
            void=name == IGNORE,
            ids=() if regions and name != IGNORE else ((NAME, own[0]),),
        )
        for key, name, own in zip(unique_keys(names), names, members, strict=True)
    )
    return NnunetLabels(Taxonomy(categories), tuple(members), ignore, regions)


def _check_numbers(
    names: list[str], members: list[tuple[int, ...]], *, regions: bool, where: Path
) -> None:
    used = [n for own in members for n in own]
    if not regions and (len(set(used)) < len(used) or 0 in used):
        raise FormatError("two labels share a number", where=f"{where}: labels", seen=sorted(used))
    for name, own in zip(names, members, strict=True):
        if 0 in own:
            raise FormatError("0 is background", where=f"{where}: labels: {name}", seen=own)
        if name == IGNORE and (len(own) > 1 or own[0] != max(used) or used.count(own[0]) > 1):
            raise FormatError(
                "ignore is the highest number, and of no region",
                where=f"{where}: labels: ignore",
                seen=own,
            )
