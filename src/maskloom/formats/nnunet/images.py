"""Images of nnU-Net: one file per channel, all of one kind, and labels of that kind."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.sample import Sample
from maskloom.errors import WriteError
from maskloom.formats.nifti import put_nifti
from maskloom.formats.nnunet.pictures import plain_channels, read_upright
from maskloom.formats.nrrd.write import put_numbers
from maskloom.store.files import safe_join, writing
from maskloom.store.images import channel_names, write_png
from maskloom.store.metaimage import write_mha
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
_ALPHA = ("R", "G", "B", "alpha")


class ChannelPlacer:
    """Puts images into DST/imagesTr as KEY_0000 + ending, one file per channel of a volume.

    Colour images of 8 bit stay one file, as nnU-Net reads them.
    """

    def __init__(self, target: Path, how: str) -> None:
        self.folder = target / "imagesTr"
        self.how = how
        self.missing = 0
        self.absent: list[str] = []
        self.names: dict[str, list[str]] = {}
        self.counts: dict[int, str] = {}
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
        written: list[str] = []
        channels = first = 0
        for file in files:
            first += 1  # the number of a channel stays, also behind one that is not there
            if not file.exists():
                self.absent.append(file.name)
                continue
            place = first - 1
            if ending == ".png":
                names, seen = self._picture(file, case, place)
            elif len(files) == 1:
                names = self._volume(file, case, ending)
                seen = len(names)
            else:
                names, seen = [self._name(case, place, ending)], 1
                place_volume(file, safe_join(self.folder, names[0]), self.how)
            first += len(names) - 1
            written += names
            channels += seen
        self.names[case] = list(written)
        if ending in TIFF and sample.image.spacing:
            path = safe_join(self.folder, written[0])
            write_spacing(path, sample.image.spacing)
            self.names[case].append(spacing_file(path).name)
        self.counts.setdefault(channels, case)
        colored = ending == ".png" and len(files) == 1
        self.channel_names = _colors(channels) if colored else _numbered(channels)

    def warnings(self) -> tuple[str, ...]:
        """What could not be placed, and numbers of channels that differ, as none may there."""
        told = []
        if self.missing:
            told.append(f"{self.missing} images are missing and were not copied")
        if self.absent:
            count = f"{len(self.absent)} image files of further channels are missing"
            told.append(f"{count} and were not copied, first {self.absent[0]}")
        if len(self.counts) > 1:
            listed = ", ".join(f"{n} in {case}" for n, case in sorted(self.counts.items()))
            told.append(f"images have different numbers of channels, nnU-Net wants one: {listed}")
        return tuple(told)

    def _name(self, key: str, channel: int, ending: str) -> str:
        return f"{key}_{channel:04d}{ending}"

    def _picture(self, source: Path, case: str, first: int) -> tuple[list[str], int]:
        """(files that were written, channels in them) of an image that becomes PNG.

        nnU-Net opens pictures as they are stored: what lies on its side is written upright, and
        what PNG cannot hold as one picture as one grey file for each channel.
        """
        target = safe_join(self.folder, self._name(case, first, ".png"))
        if seen := plain_channels(source):
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
            return [target.name], seen
        pixels = read_upright(source)
        count = pixels.shape[2]
        if pixels.dtype not in (np.uint8, np.uint16):
            raise WriteError(
                f"PNG, as which nnU-Net takes images, has no {pixels.dtype} values",
                where=f"{source} of {case}",
                seen=pixels.dtype,
                hint="store the image in 8 or 16 bit, or leave images out: --set to.images=none",
            )
        if count == 1 or (pixels.dtype == np.uint8 and count in (3, 4)):
            write_png(target, pixels[..., 0] if count == 1 else pixels)
            return [target.name], count
        names = [self._name(case, first + i, ".png") for i in range(count)]
        for i, name in enumerate(names):
            write_png(safe_join(self.folder, name), np.ascontiguousarray(pixels[..., i]))
        return names, count

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
        put_numbers(path, values, sample, names)
    elif path.suffix in TIFF:
        write_tiff_volume(path, values)
        write_spacing(path, sample.image.spacing)
    elif volume_suffix(path) == ".mha":
        write_mha(path, values, affine, spacing=sample.image.spacing)
    elif volume_suffix(path):
        put_nifti(path, values, sample, names)
    else:
        write_png(path, values)


def _colors(count: int) -> dict[str, str]:
    """Names of the channels of one picture."""
    names = _ALPHA if count == len(_ALPHA) else channel_names(count)
    return {str(i): _SHORT.get(name, name) for i, name in enumerate(names)}


def _numbered(count: int) -> dict[str, str]:
    return {str(i): f"channel {i}" for i in range(count)}
