"""Images of nnU-Net: one file per channel, all of one kind, and labels of that kind."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.sample import Sample
from maskloom.formats.nifti import put_nifti
from maskloom.store.files import safe_join, writing
from maskloom.store.images import channel_names, read_image, write_png
from maskloom.store.metaimage import write_mha
from maskloom.store.nrrd import write_nrrd
from maskloom.store.tiff_volumes import SUFFIXES as TIFF
from maskloom.store.tiff_volumes import spacing_file, write_spacing, write_tiff_volume
from maskloom.store.volume_header import Volume
from maskloom.store.volumes import (
    image_suffix,
    place_volume,
    read_volume,
    volume_suffix,
    write_volume,
)

_SHORT = {"red": "R", "green": "G", "blue": "B"}


class ChannelPlacer:
    """Puts images into DST/imagesTr as KEY_0000 + ending, one file per channel of a volume.

    Colour images stay one file, as nnU-Net reads them.
    """

    def __init__(self, target: Path, how: str) -> None:
        self.folder = target / "imagesTr"
        self.how = how
        self.missing = 0
        self.names: dict[str, list[str]] = {}
        self.channel_names: dict[str, str] = {"0": "image"}

    def put(self, sample: Sample, case: str, ending: str) -> None:
        """Place all channels of one image under the name of its case.

        Raises:
            DataError: the image cannot be read.
            WriteError: the target cannot be written.
        """
        source = sample.image.path
        if self.how == "none":
            return
        if source is None or not source.exists():
            self.missing += 1
            return
        more = sample.extra.get("nnunet", {}).get("channels", ())
        files = [source, *(safe_join(source.parent, name) for name in more)]
        if len(files) == 1 and ending != ".png":
            written = self._volume(source, case, ending)
        else:
            written = [self._name(case, i, ending) for i in range(len(files))]
            for file, name in zip(files, written, strict=True):
                self._one(file, safe_join(self.folder, name), ending)
        self.names[case] = list(written)
        if ending in TIFF and sample.image.spacing:
            path = safe_join(self.folder, written[0])
            write_spacing(path, sample.image.spacing)
            self.names[case].append(spacing_file(path).name)
        if len(written) > 1 or ending != ".png":
            self.channel_names = {str(i): f"channel {i}" for i in range(len(written))}

    def warnings(self) -> tuple[str, ...]:
        """What could not be placed."""
        return (f"{self.missing} images are missing and were not copied",) if self.missing else ()

    def _name(self, key: str, channel: int, ending: str) -> str:
        return f"{key}_{channel:04d}{ending}"

    def _one(self, source: Path, target: Path, ending: str) -> None:
        if ending != ".png":
            place_volume(source, target, self.how)
            return
        if source.suffix.lower() == ".png":
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        else:
            pixels = read_image(source)
            write_png(target, pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        self._color(target)

    def _color(self, image: Path) -> None:
        channels = channel_names(read_image(image).shape[2])
        self.channel_names = {str(i): _SHORT.get(name, name) for i, name in enumerate(channels)}

    def _volume(self, source: Path, key: str, ending: str) -> list[str]:
        """A volume with several values per voxel becomes one file for each."""
        volume = read_volume(source)
        if volume.header.channels == 1:
            name = self._name(key, 0, ending)
            if image_suffix(source).lower() == ending:
                place_volume(source, safe_join(self.folder, name), self.how)
            else:
                write_volume(safe_join(self.folder, name), volume)
            return [name]
        names = [self._name(key, i, ending) for i in range(volume.header.channels)]
        for i, name in enumerate(names):
            part = Volume(np.ascontiguousarray(volume.array[..., i]), volume.header)
            write_volume(safe_join(self.folder, name), part)
        return names


def put_labels(path: Path, values: NDArray[Any], sample: Sample, names: Mapping[int, str]) -> None:
    """Write labels in the kind of file that the name says, a volume on the sample's grid.

    Args:
        path: of the file.
        values: of the labels.
        sample: whose they are.
        names: of the classes that the numbers mean; empty of regions.

    Raises:
        WriteError: the target cannot be written.
    """
    affine = sample.image.affine if len(sample.image.affine) == 4 else ()
    if volume_suffix(path) == ".nrrd":
        write_nrrd(path, values, affine, spacing=sample.image.spacing)
    elif path.suffix in TIFF:
        write_tiff_volume(path, values)
        write_spacing(path, sample.image.spacing)
    elif volume_suffix(path) == ".mha":
        write_mha(path, values, affine, spacing=sample.image.spacing)
    elif volume_suffix(path):
        put_nifti(path, values, sample, names)
    else:
        write_png(path, values)
