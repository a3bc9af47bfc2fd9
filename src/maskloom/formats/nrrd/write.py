"""Write NRRD: objects as segmentations of 3D Slicer, class maps as volumes of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.base import WriteOptions, Writer
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.nrrd.layers import layers_of
from maskloom.formats.nrrd.segments import file_pairs, plain_pairs, segments_of
from maskloom.formats.nrrd.unsaid import dropped
from maskloom.formats.shared.folders import write_side_file
from maskloom.formats.shared.volume_files import VolumePlacer
from maskloom.formats.shared.volume_write import VolumeWrite, VolumeWriter
from maskloom.store.files import safe_join
from maskloom.store.nrrd import write_nrrd
from maskloom.store.nrrd_header import KEPT

SEGMENTS, PLAIN = ".seg.nrrd", ".nrrd"
HOLDS = Holds(dense=True, instances=True, overlap=True)


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write label volumes."""

    kind: Literal["auto", "class", "instance", "segments"] = field(
        default="auto",
        metadata={"help": "auto: objects as segments of Slicer, class maps as numbers of classes"},
    )


class SegmentWriter:
    """DST/images, DST/labels/KEY.seg.nrrd, DST/taxonomy.json."""

    def __init__(self, target: Path, taxonomy: Taxonomy, how: str) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.images = VolumePlacer(target / "images", how, PLAIN)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What segments cannot hold; the side file says which of them are void."""
        holds = replace(HOLDS, void=labels.rows is not None)
        return losses_of(holds, sample.key, labels, self.taxonomy)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write one segmentation, and its image."""
        kept = dict(sample.extra.get("volume", {}).get("nrrd", {}))
        path = self._path(sample.key)
        array, pairs = layers_of(labels, self.taxonomy, segments_of(kept, 1 << 16, path))
        put_nrrd(path, array, sample, file_pairs(kept, pairs))
        self.images.put(sample)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        write_side_file(self.target, self.taxonomy, splits, kind="volume-segments", format="nrrd")
        return self.images.warnings()

    def _path(self, key: str) -> Path:
        return safe_join(self.target / "labels", key + SEGMENTS)


class NrrdWriter:
    """A writer of segmentations or of numbers, as the first labels are."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        segments = SegmentWriter(target, taxonomy, options.images)
        self._kinds: dict[str, Writer] = {"segments": segments}
        if options.kind != "segments":
            kind = VolumeWrite(
                options.images, kind="class" if options.kind == "auto" else options.kind
            )
            self._kinds["numbers"] = VolumeWriter(
                target, taxonomy, kind, fmt="nrrd", suffix=PLAIN, put=put_numbers
            )
        self.kind = {"auto": "", "segments": "segments"}.get(options.kind, "numbers")

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What the chosen kind cannot hold."""
        found = self._chosen(labels).losses(sample, labels)
        return found if self.kind == "segments" else found + dropped(sample, labels.extra)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write one label volume, and its image."""
        self._chosen(labels).put(sample, labels)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        return self._kinds[self.kind or "segments"].finish(splits)

    def _chosen(self, labels: Labels) -> Writer:
        self.kind = self.kind or ("segments" if labels.rows is not None else "numbers")
        return self._kinds[self.kind]


def put_nrrd(path: Path, array: NDArray[Any], sample: Sample, pairs: Mapping[str, str]) -> None:
    """Write voxels on the sample's grid."""
    image = sample.image
    write_nrrd(
        path,
        array,
        image.affine if len(image.affine) == 4 else (),
        spacing=image.spacing if len(image.spacing) == 3 else (),
        pairs=pairs,
        header=sample.extra.get("volume", {}).get(KEPT),
    )


def put_numbers(path: Path, array: NDArray[Any], sample: Sample, names: Mapping[int, str]) -> None:
    """Write a volume of numbers with the pairs that its own header had, but those of segments."""
    del names
    kept = sample.extra.get("volume", {}).get("nrrd", {})
    put_nrrd(path, array, sample, plain_pairs(kept))


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> NrrdWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return NrrdWriter(target, taxonomy, options)
