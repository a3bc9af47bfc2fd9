"""Write CamVid: SegNet index maps for its eleven classes, colour maps for any others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maskloom.core.labels import Labels, codes
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import UsageError, WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.camvid.classes import SEGNET, is_void
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only
from maskloom.formats.shared.maps import classes_to_values, color_text
from maskloom.formats.shared.numbered_files import VOID_CLASSES
from maskloom.formats.shared.void_classes import paint_void, void_losses
from maskloom.store.files import atomic_write_bytes, safe_join
from maskloom.store.images import write_png

HOLDS = Holds(dense=True, void=True, background=False, coverage=True)
Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write CamVid."""

    layout: Literal["auto", "index", "color"] = field(
        default="auto",
        metadata={"help": "index: ids 0..11 of the eleven classes; color: RGB + label_colors.txt"},
    )


class CamvidWriter:
    """Labels to DST/labels (index maps: DST/labels is named SPLITannot at the end)."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.eleven = _eleven(taxonomy)
        if options.layout == "index" and self.eleven is None:
            raise UsageError(
                "index maps hold the eleven CamVid classes only",
                where=target,
                seen=", ".join(c.name for c in taxonomy)[:80],
                hint="use --set to.layout=color",
            )
        self.index = self.eleven is not None and options.layout != "color"
        self.colors = _colors(taxonomy)
        self.images = ImagePlacer(target / "images", options.images)
        self.keys: dict[str, str] = {}

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What a class map without background cannot hold."""
        image_labels_only(labels.size, self.target)
        told = labels.extra.get(VOID_CLASSES, {})
        held = () if self.index else self._voids()
        found = losses_of(HOLDS, sample.key, labels, self.taxonomy)
        return [*found, *(void_losses(sample.key, told, held) or self._unnamed(sample.key, labels))]

    def _unnamed(self, key: str, labels: Labels) -> list[Loss]:
        """That the only void class of the data becomes `Void`, as no table can tell its name."""
        own = [c for c in self.taxonomy if c.void]
        if self.index or len(own) != 1 or is_void(own[0].name):
            return []
        classes = class_map(labels, self.taxonomy)
        count = int((classes == codes(classes.dtype)[0]).sum())
        return [Loss(key, VOID_CLASSES, pixels=count, names=(own[0].name,))] if count else []

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write one label map."""
        image_labels_only(labels.size, self.target)
        if set(sample.key) & set("\r\n"):
            raise WriteError(
                "a line of a list cannot hold this name",
                where=self.target,
                seen=repr(sample.key),
                hint="rename the image",
            )
        classes = class_map(labels, self.taxonomy)
        void, background = codes(classes.dtype)
        if self.index:
            assert self.eleven is not None
            values = classes_to_values(classes, self.eleven, void=11, background=11)
        else:
            table = np.zeros((int(np.iinfo(classes.dtype).max) + 1, 3), np.uint8)
            for position, color in self.colors.items():
                table[position] = color
            table[[void, background]] = self.colors[self._void()]
            values = table[classes]
            paint_void(values, labels, self._voids())
        write_png(self._label(sample.key), values)
        suffix = sample.image.path.suffix if sample.image.path is not None else ".png"
        self.keys[sample.key] = suffix
        self.images.put(sample)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Name the folders by split and write the lists and the colour table."""
        if not self.index:
            listed = {i: c for i, c in self.colors.items() if i >= 0}
            text = color_text(self.taxonomy, listed)
            if -1 in self.colors:
                text += "{} {} {} Void\n".format(*self.colors[-1])
            atomic_write_bytes(self.target / "label_colors.txt", text.encode())
        self._arrange(splits or {"train": tuple(sorted(self.keys))})
        return self.images.warnings()

    def _arrange(self, splits: Mapping[str, tuple[str, ...]]) -> None:
        placed: set[str] = set()
        for split, members in splits.items():
            lines = []
            for key in members:
                if key not in self.keys or key in placed:
                    continue
                placed.add(key)
                name = key.removeprefix(f"{split}/")
                labels = safe_join(self.target, f"{split}annot/{name}.png")
                self._move(self._label(key), labels)
                suffix = self.keys[key]
                image = safe_join(self.images.folder, f"{key}{suffix}")
                if image.is_file():
                    self._move(image, safe_join(self.target, f"{split}/{name}{suffix}"))
                lines.append(f"{split}/{name}{suffix} {split}annot/{name}.png\n")
            if lines:
                listed = safe_join(self.target, f"{split}.txt")
                atomic_write_bytes(listed, "".join(lines).encode())
        rest = sorted(set(self.keys) - placed)
        if rest:
            self._arrange({"rest" if splits else "train": tuple(rest)})
        for folder in (self.target / "labels", self.images.folder):
            if folder.is_dir() and not any(p.is_file() for p in folder.rglob("*")):
                _remove_empty(folder)

    def _move(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)

    def _label(self, key: str) -> Path:
        return safe_join(self.target / "labels", f"{key}.png")

    def _void(self) -> int:
        return next((i for i, c in enumerate(self.taxonomy) if c.void and i in self.colors), -1)

    def _voids(self) -> dict[str, Color]:
        """Key → colour of the void classes that are known as such by their names."""
        own = {i: c for i, c in enumerate(self.taxonomy) if c.void}
        return {c.key: self.colors[i] for i, c in own.items() if i in self.colors}


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> CamvidWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return CamvidWriter(target, taxonomy, options)


def _eleven(taxonomy: Taxonomy) -> dict[int, int] | None:
    """Position → SegNet id, if every category that is not void is one of the eleven, so spelt.

    These maps have no names beside them.
    """
    named = {category.name: place for place, category in enumerate(SEGNET)}
    places = {i: named.get(c.name) for i, c in enumerate(taxonomy) if not c.void}
    found = {i: p for i, p in places.items() if p is not None and not SEGNET[p].void}
    return found if len(found) == len(places) else None


def _colors(taxonomy: Taxonomy) -> dict[int, Color]:
    """A distinct colour per position; -1 is void where no category is."""
    colors: dict[int, Color] = {}
    taken: set[Color] = set()
    for i, (category, color) in enumerate(zip(taxonomy, taxonomy.colors(), strict=True)):
        if category.void and not is_void(category.name):
            continue  # a table tells void by its name: this would come back as a class
        chosen = color
        step = 0
        while chosen in taken or (chosen == (0, 0, 0) and not category.void):
            step += 1
            chosen = (color[0], color[1] ^ (step & 255), color[2] ^ (step >> 8))
        taken.add(chosen)
        colors[i] = chosen
    if not any(c.void and is_void(c.name) for c in taxonomy):
        if taxonomy.find("void") is not None:
            raise WriteError(
                "a category that is not void is named Void",
                where="camvid",
                hint="rename it with --map Void=NAME",
            )
        colors[-1] = (0, 0, 0)
    return colors


def _remove_empty(folder: Path) -> None:
    for sub in sorted(folder.rglob("*"), reverse=True):
        sub.rmdir()
    folder.rmdir()
