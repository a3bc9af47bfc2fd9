"""Write one label volume per sample, with a `taxonomy.json` that says what the numbers mean.

Shared by `nifti` and `nrrd`, which differ in their file alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map, instance_rows
from maskloom.core.volumes import paint_planes, stacked
from maskloom.errors import UsageError
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.flat import front_order, hidden_objects
from maskloom.formats.shared.folders import write_side_file
from maskloom.formats.shared.maps import classes_to_values, with_numbers
from maskloom.formats.shared.volume_files import VolumePlacer
from maskloom.formats.shared.volume_ids import numbers_of
from maskloom.store.files import safe_join

HOLDS = {
    "class": Holds(dense=True, void=True, coverage=True),
    "instance": Holds(instances=True, max_ids=(1 << 31) - 1),
}
PutVolume = Callable[[Path, NDArray[Any], Sample, Mapping[int, str]], None]
"""File, numbers, sample, and the names of the classes that the numbers mean."""


@dataclass(frozen=True, slots=True)
class VolumeWrite(WriteOptions):
    """How to write label volumes."""

    kind: Literal["auto", "class", "instance"] = field(
        default="auto",
        metadata={"help": "auto: objects of one category as ids of objects; else classes"},
    )


class VolumeWriter:
    """DST/images, DST/labels/KEY + suffix, DST/taxonomy.json."""

    def __init__(
        self,
        target: Path,
        taxonomy: Taxonomy,
        options: Any,
        *,
        fmt: str,
        suffix: str,
        put: PutVolume,
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.kind: str = options.kind
        self.fmt = fmt
        self.suffix = suffix
        self._put = put
        self.images = VolumePlacer(target / "images", options.images, suffix)
        if options.kind == "instance" and len(taxonomy.scored) != 1:
            raise UsageError(
                "volumes of object ids hold one category",
                where=target,
                seen=len(taxonomy.scored),
                hint="use --set to.kind=class, or merge categories with --map OLD=NEW",
            )
        self.ids, self.void, self.background = numbers_of(taxonomy, fmt)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What numbers of the chosen kind cannot hold."""
        kind = self._kind(labels)
        found = losses_of(HOLDS[kind], sample.key, labels, self.taxonomy)
        if kind == "instance":
            found += hidden_objects(sample.key, stacked(labels), self.taxonomy)
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write one label volume, and its image."""
        names: dict[int, str] = {}
        if self._kind(labels) == "instance":
            values = object_ids(labels)
        else:
            names = {number: self.taxonomy[i].name for i, number in self.ids.items()}
            void = [c.name for c in self.taxonomy if c.void]
            names |= {self.void: void[0]} if void else {}
            values = classes_to_values(
                class_map(labels, self.taxonomy),
                self.ids,
                void=self.void,
                background=self.background,
            )
        self._put(self._path(sample.key), values, sample, names)
        self.images.put(sample)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        kind = self.kind if self.kind != "auto" else "class"
        fields: dict[str, Any] = {"kind": f"volume-{kind}", "format": self.fmt}
        taxonomy = self.taxonomy
        if kind == "class":
            fields |= {"void_id": self.void, "background_id": self.background}
            taxonomy = with_numbers(taxonomy, self.ids, self.void, self.fmt)
        write_side_file(self.target, taxonomy, splits, **fields)
        return self.images.warnings()

    def _kind(self, labels: Labels) -> str:
        """The kind of numbers; automatic is decided by the first sample and then kept."""
        if self.kind == "auto":
            one = len(self.taxonomy.scored) == 1
            things = one and self.taxonomy[self.taxonomy.scored[0]].kind == "thing"
            self.kind = "instance" if labels.rows is not None and things else "class"
        return self.kind

    def _path(self, key: str) -> Path:
        return safe_join(self.target / "labels", key + self.suffix)


def object_ids(labels: Labels) -> NDArray[Any]:
    """(D, H, W) of object ids: the rows' own where they fit 31 bit, else 1..n; 0 elsewhere.

    Where objects overlap, the one in front is seen (`flat.front_order`).
    """
    rows = instance_rows(labels)
    rows = rows.take(rows.kind == RowKind.MASK)
    own = rows.instance
    if not len(rows) or own.min() < 1 or own.max() >= 1 << 31:
        _, first, inverse = np.unique(own, return_index=True, return_inverse=True)
        own = np.argsort(np.argsort(first))[inverse] + 1
    order = front_order(rows)
    out = np.zeros(labels.size, np.int32)
    paint_planes(rows.masks[order], rows.plane[order], out, own[order])
    return fitting(out)


def fitting(values: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in the smallest type that holds them: uint8, uint16 or int32."""
    top = int(values.max(initial=0))
    dtype = np.uint8 if top <= 255 else np.uint16 if top <= 65535 else np.int32
    return values.astype(dtype)
