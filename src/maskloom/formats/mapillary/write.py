"""Write Mapillary Vistas: label and instance maps by split and version, and the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.mapillary.config import (
    FORMAT_NAME,
    configured,
    silent_label,
)
from maskloom.formats.shared.folders import image_labels_only, write_side_file
from maskloom.formats.shared.json_files import json_line
from maskloom.formats.shared.numbered import (
    Packing,
    losses_of_numbers,
    numbering,
)
from maskloom.formats.shared.numbered_write import IMAGE, SplitFiles, put_maps
from maskloom.store.files import atomic_write_bytes

IMAGES = "images"
KINDS = ("labels", "instances")
WRITES = ("mapillary", "void_classes")
HOLDS = Holds(dense=True, instances=True, void=True, background=False, coverage=True)
PACKING = Packing(step=256, first=0, most=256, plain=False, groups=False)


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write Mapillary Vistas."""

    version: Literal["auto", "v1.2", "v2.0"] = field(
        default="auto", metadata={"help": "folder of the maps; auto: that of the source, else v1.2"}
    )


class MapillaryWriter:
    """DST/SPLIT/VERSION/labels and instances, DST/SPLIT/images, DST/config_VERSION.json."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        said = dict(extra.get(FORMAT_NAME, {}))
        own = str(said.get("version") or "v1.2")
        self.version = own if options.version == "auto" else options.version
        self.config, numbers, whole = configured(taxonomy, said.get("config"))
        self.writes = WRITES if whole else WRITES[1:]
        silent = silent_label(self.config["labels"])
        assert silent is not None
        self.nothing = silent
        self.taxonomy = taxonomy.with_ids(FORMAT_NAME, numbers)
        self.meaning = numbering(PACKING, self.taxonomy, numbers, self.nothing)
        self.palette = np.array([label["color"] for label in self.config["labels"]], np.uint8)
        patterns = {kind: f"{{split}}/{self.version}/{kind}/{{place}}.png" for kind in KINDS}
        self.files = SplitFiles(
            target, {**patterns, IMAGE: f"{{split}}/{IMAGES}/{{place}}"}, options.images
        )

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What numbers of class and object cannot hold."""
        image_labels_only(labels.size, self.target)
        return losses_of_numbers(sample.key, labels, self.meaning, HOLDS)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the maps of one image, the label map last, and place the image."""
        image_labels_only(labels.size, self.target)
        put_maps(
            self.files, KINDS, sample, labels, self.meaning,
            nothing=self.nothing, palette=self.palette,
        )  # fmt: skip

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Name the folders by split, write the configuration and the side file."""
        listed, renamed = self.files.arrange(splits)
        text = json_line(self.config)
        atomic_write_bytes(self.target / f"config_{self.version}.json", text.encode())
        write_side_file(self.target, self.taxonomy, listed, kind=FORMAT_NAME, keys=renamed)
        return self.files.images.warnings()


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> MapillaryWriter:
    """A writer into the folder `target`; `extra` may hold the configuration of the source.

    Raises:
        UsageError: a category is named as what is not labelled.
    """
    if any(c.name == "Unlabeled" and not c.void for c in taxonomy):
        raise UsageError(
            "a category that is not void is named Unlabeled, which says nothing here",
            where=target,
            hint="rename it with --map Unlabeled=NAME",
        )
    return MapillaryWriter(target, taxonomy, options, extra or {})
