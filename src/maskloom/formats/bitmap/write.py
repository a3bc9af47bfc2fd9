"""Write one map per image, with a `taxonomy.json` that says what the numbers mean.

Maps are PNG; one whose object ids need 32 bit is TIFF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, codes
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import UsageError
from maskloom.formats.base import LargeMap, WriteOptions
from maskloom.formats.bitmap.frames import FOLDER, says_tracks, untracked
from maskloom.formats.bitmap.numbering import (
    BESIDE,
    FOREGROUND,
    numbers_of,
    renumbered,
    void_numbers,
)
from maskloom.formats.bitmap.object_ids import PNG_IDS, TIFF_IDS, id_losses, object_ids
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.flat import hidden_objects
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.shared.maps import classes_to_values
from maskloom.formats.shared.numbered_files import VOID_CLASSES
from maskloom.formats.shared.void_classes import paint_void, void_losses
from maskloom.store.files import safe_join
from maskloom.store.image_kinds import full_ending, ome_part
from maskloom.store.images import write_png
from maskloom.store.pyramid import write_pyramid

HOLDS = {
    "class": Holds(dense=True, void=True, coverage=True),
    "binary": Holds(dense=True),
    "instance": Holds(instances=True),
}

_SOME_FRAMES = (
    "not all maps are frames of videos in folders of their own, so that the folders do not say it: "
    "read them with --set from.sequences=folder"
)


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write maps."""

    masks: str = field(default="masks", metadata={"help": "folder of the maps; . is the target"})
    kind: Literal["auto", "class", "instance", "binary"] = field(
        default="auto",
        metadata={
            "help": "auto: of one category objects as instance maps, areas without void as 0/255; "
            "else classes"
        },
    )


class BitmapWriter:
    """DST/images, DST/masks/KEY.png (.tif of 32 bit), DST/taxonomy.json.

    Args:
        target: the folder.
        taxonomy: of the labels.
        options: how to write.
        most: the highest object id; what PNG holds, unless the caller can write TIFF.
        framed: folders of its maps are read as sequences again.
    """

    def __init__(
        self,
        target: Path,
        taxonomy: Taxonomy,
        options: Write,
        *,
        most: int = PNG_IDS,
        framed: bool = False,
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.most = most
        self.kind: str = options.kind
        self._free = options.kind == "auto"
        self.masks = options.masks
        self.folder = target if options.masks == "." else safe_join(target, options.masks)
        self.images = ImagePlacer(target / "images", options.images)
        self._framed = framed
        self._said: list[bool] = []
        if options.kind in ("binary", "instance") and len(taxonomy.scored) != 1:
            raise UsageError(
                f"{options.kind} maps hold one category",
                where=target,
                seen=len(taxonomy.scored),
                hint="use --set to.kind=class, or merge categories with --map OLD=NEW",
            )
        if options.masks == "." and options.images != "none":
            raise UsageError(
                "maps and images cannot share the target folder",
                where=target,
                hint="add --set to.images=none, or name a folder of maps",
            )
        self.ids, self.void, self.background = numbers_of(taxonomy)
        self.voids = void_numbers(taxonomy, self.ids, self.void, self.background)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What a map of the chosen kind cannot hold."""
        kind = self.kind_of(labels)
        if kind != "instance":
            told = labels.extra.get(VOID_CLASSES, {})
            return [
                *losses_of(HOLDS[kind], sample.key, labels, self.taxonomy),
                *void_losses(sample.key, told, self.voids),
            ]
        holds = replace(HOLDS[kind], max_ids=self.most)
        if self._framed and says_tracks(sample, labels):
            labels = untracked(labels)
        return [
            *losses_of(holds, sample.key, labels, self.taxonomy),
            *hidden_objects(sample.key, labels, self.taxonomy),
            *id_losses(sample.key, labels, self.taxonomy, self.most),
        ]

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write one map."""
        self._said.append(says_tracks(sample, labels))
        values = self.values(self._path(sample.key), labels)
        if values.dtype == np.uint32:
            write_pyramid(
                self._deep_path(sample.key),
                lambda y0, y1, x0, x1: values[y0:y1, x0:x1],
                (int(values.shape[0]), int(values.shape[1])),
                values.dtype,
            )
        else:
            write_png(self._path(sample.key), values)
        self._place(sample)

    def values(self, path: Path, labels: Labels, *, most: int | None = None) -> NDArray[Any]:
        """The map of some labels, of the chosen kind: bool, uint8 or as wide as it must be.

        Args:
            path: of the map, named in errors.
            labels: of an image.
            most: the highest object id; None is that of the writer.
        """
        image_labels_only(labels.size, self.target)
        kind = self.kind_of(labels)
        if kind == "instance":
            return object_ids(labels, self.taxonomy, path, self.most if most is None else most)
        if kind == "binary":
            inside: NDArray[Any] = class_map(labels, self.taxonomy) == self.taxonomy.scored[0]
            return inside
        values = self._stored(class_map(labels, self.taxonomy))
        paint_void(values, labels, self.voids)
        return values

    def _stored(self, classes: NDArray[Any]) -> NDArray[Any]:
        """The numbers of a class map, in a type that holds those of all void classes, too."""
        ids = self.ids | self.void_ids()
        return classes_to_values(classes, ids, void=self.void, background=self.background)

    def void_ids(self) -> dict[int, int]:
        """Position → number of each void category."""
        return {i: self.voids[c.key] for i, c in enumerate(self.taxonomy) if c.void}

    def put_large(self, sample: Sample, large: LargeMap) -> None:
        """Write one map of any size as DST/masks/KEY.tif, tiled and with reduced levels.

        Object ids may pass 65,535 there: they are stored in 32 bit.
        """
        read, dtype = self.large_values(sample.key, large)
        path = self._deep_path(sample.key)
        write_pyramid(path, read, large.size, dtype, georeference=large.georeference)
        self._place(sample)

    def _place(self, sample: Sample) -> None:
        """The image as KEY and its whole ending, `.ome.tif` in one, as it is read again."""
        source, name = sample.image.path, ""
        if source is not None and ome_part(source):
            name = sample.key + full_ending(source, sample.key)
        self.images.put(sample, name)

    def large_values(self, key: str, large: LargeMap) -> tuple[Any, np.dtype[Any]]:
        """(reads windows of what is stored, its type).

        Raises:
            UsageError: object ids are asked for, and there are none.
        """
        if self.kind == "auto":
            one = len(self.taxonomy.scored) == 1
            self.kind = "instance" if one and large.ids is not None else "class"
        if self.kind == "instance" and large.ids is None:
            raise UsageError(
                "instance maps hold objects, and the labels are a class map",
                where=key,
                hint="leave out --set to.kind=instance",
            )
        if self.kind == "instance" and large.ids is not None:
            return large.ids, np.dtype(np.uint32)
        return self._value_reader(large)

    def _value_reader(self, large: LargeMap) -> tuple[Any, np.dtype[Any]]:
        """(reads windows of what is stored for classes, its type)."""

        def binary(y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
            found: NDArray[Any] = large.classes(y0, y1, x0, x1) == self.taxonomy.scored[0]
            return found.astype(np.uint8) * np.uint8(255)

        def values(y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
            return self._stored(large.classes(y0, y1, x0, x1))

        if self.kind == "binary":
            return binary, np.dtype(np.uint8)
        return values, values(0, 1, 0, 1).dtype

    def finish(self, splits: Mapping[str, tuple[str, ...]], **more: Any) -> tuple[str, ...]:
        """Write the side file, and in it what another format adds."""
        fields = {"kind": self.kind if self.kind != "auto" else "class", **more}
        fields["masks"] = self.masks
        taxonomy = self.taxonomy
        if fields["kind"] == "class":
            fields |= {"void_id": self.void, "background_id": self.background}
            taxonomy = taxonomy.with_ids("bitmap", self.ids | self.void_ids())
        told: tuple[str, ...] = ()
        if fields["kind"] == "instance" and self._framed and any(self._said):
            if all(self._said):
                fields["sequences"] = FOLDER
            else:
                told = (_SOME_FRAMES,)
        write_side_file(self.target, taxonomy, splits, **fields)
        told += renumbered(self.taxonomy, self.ids) if fields["kind"] == "class" else ()
        return told + self.images.warnings()

    def kind_of(self, labels: Labels) -> str:
        """The kind of map; automatic is decided by the first sample and then kept.

        But maps of 0/255 hold no void: the first pixel of it makes class maps of them, whose
        numbers agree with what is written.
        """
        if self.kind == "auto":
            one = len(self.taxonomy.scored) == 1
            plain = not any(c.void for c in self.taxonomy)
            if labels.rows is not None and one:
                self.kind = "instance"
            elif one and plain and not self._leaves_open(labels):
                self.kind = "binary"
            else:
                self.kind = "class"
                if one and plain and not self.taxonomy[self.taxonomy.scored[0]].ids:
                    self._number_as_binary()
        elif self._free and self.kind == "binary" and self._leaves_open(labels):
            self.kind = "class"
            self._number_as_binary()
        return self.kind

    def _number_as_binary(self) -> None:
        self.ids = {self.taxonomy.scored[0]: FOREGROUND}
        self.void, self.background = BESIDE, 0
        self.voids = void_numbers(self.taxonomy, self.ids, BESIDE, 0)

    def _leaves_open(self, labels: Labels) -> bool:
        """Whether some pixel is neither a class nor background."""
        if not labels.coverage.full:
            return True
        classes = class_map(labels, self.taxonomy)
        return bool((classes == codes(classes.dtype)[0]).any())

    def _path(self, key: str) -> Path:
        return safe_join(self.folder, f"{key}.png")

    def _deep_path(self, key: str) -> Path:
        return safe_join(self.folder, f"{key}.tif")


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> BitmapWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return BitmapWriter(target, taxonomy, options, most=TIFF_IDS, framed=True)
