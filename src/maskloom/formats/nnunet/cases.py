"""Which files are the cases of nnU-Net data: those of its folders, or those of dataset.json.

`"dataset": {"case": {"images": [...], "label": ...}}` names files anywhere below the folder, one
image for each channel; with it imagesTr and labelsTr are not looked at.

Source: nnU-Net, nnunetv2/utilities/utils.py, get_filenames_of_train_images_and_targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.formats.nnunet.dataset_json import FILE, NAME
from maskloom.formats.shared.folders import Pair, list_files, pair, unique_pairs
from maskloom.store.files import safe_join

CASES = "dataset"


def found_cases(path: Path, images: Path | None, ending: str) -> tuple[list[Pair], tuple[str, ...]]:
    """Label files with the first channel of their images, and warnings."""
    found: list[Pair] = []
    warnings = []
    parts = [("Tr", None), ("Ts", "test")]
    for tail, split in parts:
        labels = list_files(path / f"labels{tail}", [ending])
        firsts = list_files(images or path / f"images{tail}", [ending], ending="_0000")
        found += pair(labels, firsts, split)
        absent = [key for key in labels if key not in firsts]
        if absent:
            warnings.append(
                f"{len(absent)} of {len(labels)} images are missing, first {absent[0]!r}"
            )
        if images is None and (open_images := len(firsts) - len(labels) + len(absent)):
            warnings.append(f"{open_images} images have no labels and are left out")
    return unique_pairs(found), tuple(warnings)


def listed_cases(
    path: Path, data: Mapping[str, Any], images: Path | None
) -> tuple[list[Pair], tuple[str, ...]] | None:
    """Likewise of a dataset.json that lists its cases; None of one that does not.

    Raises:
        FormatError: an entry that is none, a label file that is not there, or channels of one case
            in several folders.
        DataError: a path that leads out of the folder.
    """
    if CASES not in data:
        return None
    listed = data[CASES]
    if not isinstance(listed, Mapping):
        raise FormatError("not cases by name", where=f"{path / FILE}: {CASES}", seen=type(listed))
    found, absent = [], []
    for key, own in sorted(listed.items()):
        where = f"{path / FILE}: {CASES}: {key}"
        names = own.get("images") if isinstance(own, Mapping) else None
        label = own.get("label") if isinstance(own, Mapping) else None
        texts = [label, *names] if isinstance(names, list) and names else [None]
        if not all(isinstance(text, str) for text in texts):
            raise FormatError(
                "a case has a label and a list of images",
                where=where,
                seen=own,
                hint='write {"images": ["a/t1.nii.gz"], "label": "a/seg.nii.gz"}',
            )
        labels = safe_join(path, str(label))
        if not labels.is_file():
            raise FormatError("a label file that is not there", where=where, seen=label)
        files = [safe_join(images or path, name) for name in names or ()]
        if len({file.parent for file in files}) > 1:
            raise FormatError(
                "channels of one case lie in several folders",
                where=where,
                seen=names,
                hint="put the images of a case into one folder",
            )
        there = files[0] if files[0].is_file() else None
        absent += [key] if there is None else []
        found.append(Pair(key, labels, there))
    if not absent:
        return found, ()
    return found, (f"{len(absent)} of {len(found)} images are missing, first {absent[0]!r}",)


def more_channels(one: Pair, data: Mapping[str, Any]) -> dict[str, Any]:
    """Names of the files of the second channel and those behind it.

    Args:
        one: the case.
        data: dataset.json.
    """
    if one.image is None:
        return {}
    names: list[str] = []
    if CASES in data:
        names += [Path(name).name for name in data[CASES][one.key]["images"][1:]]
        return {NAME: {"channels": names}} if names else {}
    stem, mark, ending = one.image.name.rpartition("_0000")
    while (one.image.parent / f"{stem}_{len(names) + 1:04d}{ending}").is_file() and mark:
        names.append(f"{stem}_{len(names) + 1:04d}{ending}")
    return {NAME: {"channels": names}} if names else {}
