"""What the numbers and colours of VOC maps mean: the 20 classes, or a label map beside them.

0 is background and 255 void. A label map is `labelmap.txt` (lines name:r,g,b:parts:actions, as
CVAT and Datumaro write), `labels.txt` or `class_names.txt` (a name a line, as labelme writes).

Source: VOC2012 development kit, VOCinit.m and VOClabelcolormap.m.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import folded, positions_of, unique_keys
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.shared.class_names import trimmed
from maskloom.formats.shared.documents import with_names

NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
VOID_VALUE = 255
MAX_VALUE = 254
LABEL_MAPS = ("labelmap.txt", "labels.txt", "class_names.txt")
_BACKGROUND = frozenset({"background", "_background_", "__background__"})
_VOID = frozenset({"ignored", "ignore", "__ignore__", "void"})
_VOID_COLOR = (224, 224, 192)

Color = tuple[int, int, int]


def color_map() -> NDArray[np.uint8]:
    """(256, 3) RGB of the values 0..255: bits of the value spread over the channels."""
    values = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for shift in range(8):
        for channel in range(3):
            bit = values >> (3 * shift + channel) & 1
            colors[:, channel] |= (bit << (7 - shift)).astype(np.uint8)
    return colors


PALETTE = color_map()


@dataclass(frozen=True, slots=True)
class Classes:
    """How stored values become classes.

    Args:
        taxonomy: of the labels.
        ids: stored value → position, -1 void, -2 background.
        colors: RGB → stored value, for maps that were saved in colours.
    """

    taxonomy: Taxonomy
    ids: Mapping[int, int]
    colors: Mapping[Color, int]

    def position(self, name: str) -> int:
        """The category that an XML file names; every such name is in the taxonomy."""
        return positions_of(self.taxonomy)[name]


def classes_of(root: Path, side: Mapping[str, Any], named: Iterable[str], *, maps: bool) -> Classes:
    """The classes of a data set.

    Args:
        root: folder in which a label map may lie.
        side: `taxonomy.json` that maskloom wrote, or an empty mapping.
        named: names that XML files use; what is not known yet is added behind the others.
        maps: whether there are class maps; without, only classes in use are listed.

    Raises:
        FormatError: a label map is damaged.
    """
    if side:
        taxonomy = trimmed(Taxonomy.from_json(side, where=root))
        ids = {v: i for i, c in enumerate(taxonomy) if (v := dict(c.ids).get("voc")) is not None}
        return _with_codes(with_names(taxonomy, named), ids, _palette_colors())
    file = next((root / name for name in LABEL_MAPS if (root / name).is_file()), None)
    named = tuple(named)
    if file is not None:
        return _listed(_read_label_map(file), named)
    spelt = {n: _as_spelt(n, named) for n in NAMES}
    names = {v: spelt[n] for v, n in enumerate(NAMES, 1) if maps or spelt[n] in named}
    taxonomy = _taxonomy(names, {})
    ids = {value: i for i, value in enumerate(names)}
    return _with_codes(with_names(taxonomy, named), ids, _palette_colors())


def _as_spelt(name: str, named: Collection[str]) -> str:
    """One of the 20 classes as the XML files spell it, where they do in one way."""
    spellings = {other for other in named if folded(other) == name}
    return name if name in spellings or len(spellings) != 1 else spellings.pop()


def label_tails(root: Path) -> dict[str, str]:
    """Name → `parts:actions` of a label map, which nothing here reads, where they say anything.

    Raises:
        FormatError: the label map is damaged.
    """
    file = next((root / name for name in LABEL_MAPS if (root / name).is_file()), None)
    found = [] if file is None else _lines_of(file)
    parted = [[*line.strip().split(":", 2), "", ""] for _, line in found]
    return {name.strip(): tail for name, _, tail, *_ in parted if tail.strip(":")}


def label_map_text(names: Mapping[int, str], tails: Mapping[str, str]) -> str:
    """`labelmap.txt` of value → name, with the colours of the VOC palette; gaps are filled.

    The n-th label is value n. Colons give way to underlines, and names that mean something else
    here (background, void) get their value behind them.
    """
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    reserved = _BACKGROUND | _VOID
    taken: set[str] = set()
    for value in range(1, max(names, default=0) + 1):
        name = names.get(value, f"unused-{value}")
        plain = " ".join(name.replace(":", "_").split()).lstrip("# ")
        # Only what means something else here is known whatever its case.
        clash = plain in taken or plain.lower() in reserved
        plain = f"{plain}-{value}" if clash or not plain else plain
        taken.add(plain)
        lines.append(
            f"{plain}:{','.join(map(str, PALETTE[value].tolist()))}:{tails.get(name, ':')}"
        )
    return "\n".join(lines) + "\n"


def _listed(lines: list[tuple[str, Color | None]], named: Iterable[str]) -> Classes:
    """Classes of a label map: background is 0 whether it is listed or not."""
    if not any(name.lower() in _BACKGROUND for name, _ in lines):
        lines = [("background", (0, 0, 0)), *lines]
    # labelme lists __ignore__ first, as -1.
    lines = lines[1:] if lines[0][0].lower() == "__ignore__" else lines
    names: dict[int, str] = {}
    void, ground = [], [0]
    colors = _palette_colors()
    for value, (name, color) in enumerate(lines):
        if color is not None:
            colors[color] = value
        if name.lower() in _VOID:
            void.append(value)
        elif name.lower() in _BACKGROUND:
            ground.append(value)
        else:
            names[value] = name
    shown = {value: color for value, (_, color) in enumerate(lines) if color is not None}
    ids: dict[int, int] = {value: i for i, value in enumerate(names)}
    ids |= {value: -2 for value in ground if value not in names}
    ids |= dict.fromkeys(void, -1)
    return _with_codes(with_names(_taxonomy(names, shown), named), ids, colors)


def _lines_of(path: Path) -> list[tuple[int, str]]:
    """The lines of a label map that say something, with their numbers."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError("cannot read the label map", where=path, seen=error) from error
    numbered = enumerate(lines, 1)
    return [(n, line) for n, line in numbered if line.strip() and line.lstrip()[0] != "#"]


def _read_label_map(path: Path) -> list[tuple[str, Color | None]]:
    found: list[tuple[str, Color | None]] = []
    for number, line in _lines_of(path):
        name, *rest = line.strip().split(":")
        color: Color | None = None
        if rest and rest[0]:
            parts = rest[0].split(",")
            if len(parts) != 3 or not all(p.strip().isdigit() and int(p) <= 255 for p in parts):
                raise FormatError(
                    "not a line of the form name:r,g,b:parts:actions",
                    where=f"{path}: line {number}",
                    seen=line,
                )
            color = (int(parts[0]), int(parts[1]), int(parts[2]))
        if not name or name.strip() in (n for n, _ in found):
            raise FormatError(
                "a label without a name, or listed twice", where=f"{path}: line {number}", seen=line
            )
        found.append((name.strip(), color))
    if len(found) > MAX_VALUE:
        raise FormatError("more labels than VOC maps can hold", where=path, seen=len(found))
    return found


def _taxonomy(names: Mapping[int, str], colors: Mapping[int, Color]) -> Taxonomy:
    keys = unique_keys(names.values())
    return Taxonomy(
        tuple(
            Category(key, name, "thing", colors.get(value) or _shown(value), ids=(("voc", value),))
            for key, (value, name) in zip(keys, names.items(), strict=True)
        )
    )


def _with_codes(taxonomy: Taxonomy, ids: Mapping[int, int], colors: Mapping[Color, int]) -> Classes:
    table = {v: -1 if p >= 0 and taxonomy[p].void else p for v, p in ids.items()}
    return Classes(taxonomy, {0: -2, **table, VOID_VALUE: -1}, {**colors, _VOID_COLOR: VOID_VALUE})


def _palette_colors() -> dict[Color, int]:
    return {(int(r), int(g), int(b)): v for v, (r, g, b) in enumerate(PALETTE.tolist())}


def _shown(value: int) -> Color:
    r, g, b = PALETTE[value].tolist()
    return (int(r), int(g), int(b))
