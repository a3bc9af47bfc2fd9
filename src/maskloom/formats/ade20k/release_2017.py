"""ADE20K of 2017: objects of X_seg.png and parts of X_parts_LEVEL.png, named by X_atr.txt.

A line of the text file is: number # level # occluded # class # name as typed # "attributes".
Which object a part belongs to is not said: it is the one that covers most of it.

Source: ADE20K, loadAde20K.m and its description of the data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.ade20k.objects import AdeFiles, AdeObject, lenient_text, read_coded


class Line(NamedTuple):
    """One line of a text file."""

    number: int
    level: int
    occluded: bool
    name: str
    raw_name: str
    attributes: tuple[str, ...]


def read_lines(path: Path) -> dict[tuple[int, int], Line]:
    """(level, number) → line of a text file.

    Raises:
        FormatError: a line is not of the form, or is there twice.
    """
    found: dict[tuple[int, int], Line] = {}
    for n, text in enumerate(lenient_text(path).splitlines(), 1):
        if not text.strip():
            continue
        parts = [part.strip() for part in text.split("#", 5)]
        good = len(parts) >= 5 and all(part.isdigit() for part in parts[:3]) and parts[3]
        if not good:
            raise FormatError(
                "not a line of the form NUMBER # LEVEL # OCCLUDED # CLASS # NAME # ATTRIBUTES",
                where=f"{path}: line {n}",
                seen=text,
            )
        listed = parts[5].strip('"').split(",") if len(parts) > 5 else []
        attributes = tuple(name.strip() for name in listed if name.strip())
        line = Line(int(parts[0]), int(parts[1]), parts[2] == "1", parts[3], parts[4], attributes)
        if (line.level, line.number) in found:
            raise FormatError("an object is listed twice", where=f"{path}: line {n}", seen=text)
        found[line.level, line.number] = line
    return found


def read_objects(
    files: AdeFiles, expected: tuple[int, int] | None, *, parts: bool, strict: bool
) -> tuple[list[AdeObject], NDArray[np.bool_], list[str]]:
    """The objects of an image, the pixels that are labelled, and what was left out.

    Args:
        files: of the image.
        expected: (H, W) of the image, if it is at hand.
        parts: read parts, too.
        strict: refuse objects without a line; else they are left out.

    Raises:
        FormatError: an object without a line, or maps of another size.
    """
    lines = read_lines(files.facts)
    found: list[AdeObject] = []
    notes: list[str] = []
    labelled = np.zeros((0, 0), np.bool_)
    above: list[AdeObject] = []
    for level, path in enumerate((files.maps, *(files.parts if parts else ()))):
        classes, ranks = read_coded(path, expected if level == 0 else labelled.shape)
        if level == 0:
            labelled = ranks > 0
        own: list[AdeObject] = []
        masks, numbers = Masks.from_id_map(ranks, background=0)
        listed = sum(key[0] == level for key in lines)
        if listed != len(numbers):
            notes.append(f"{path.name} has {len(numbers)} objects, {files.facts.name} {listed}")
        for i, number in enumerate(numbers.tolist()):
            line = lines.get((level, number))
            if line is None:
                text = f"object {number} of {path.name} has no line"
                if strict:
                    raise FormatError(text, where=files.facts, hint="add it, or say --skip-bad")
                notes.append(f"left out: {text}")
                continue
            index = _most(classes[ranks == number])
            own.append(_object(line, masks[[i]], len(found) + len(own) + 1, above, index))
        found += own
        above = own
    return found, labelled, notes


def _object(line: Line, mask: Masks, number: int, above: list[AdeObject], index: int) -> AdeObject:
    source: dict[str, Any] = {"number": line.number, "raw_name": line.raw_name, "class": index}
    attributes = {"occluded": line.occluded} | dict.fromkeys(line.attributes, True)
    parent = -1
    if line.level and above:
        shared = mask.intersections(Masks.concatenate([one.mask for one in above]))[0]
        parent = above[int(shared.argmax())].number if shared.any() else -1
    return AdeObject(number, line.name, line.level, mask, parent, None, attributes, source)


def _most(values: NDArray[Any]) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])
