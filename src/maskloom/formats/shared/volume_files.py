"""Label volumes beside image volumes: finding, pairing, and whether both lie at one place.

Shared by `nifti` and `nrrd`. Keys are relative paths without suffix. The grid of a sample is
that of its labels; an image of another shape is an error, one that lies elsewhere is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from maskloom.core.sample import ImageRef, Sample
from maskloom.core.volumes import SAME_PLACE, displacement
from maskloom.errors import DataError, FormatError, WriteError
from maskloom.formats.base import ReadOptions
from maskloom.formats.shared.folders import (
    Pair,
    list_files,
    named_folder,
    pair,
    subfolder,
    unique_pairs,
)
from maskloom.store.files import safe_join
from maskloom.store.volume_header import VolumeHeader
from maskloom.store.volumes import (
    VOLUME_SUFFIXES,
    place_volume,
    volume_header,
)

IMAGE_FOLDERS = ("imagesTr", "images", "image", "imgs", "img", "volumes")
LABEL_FOLDERS = ("labelsTr", "labels", "label", "masks", "mask", "segmentations", "annotations")
_SHOWN = 4
SPLITS = ("train", "training", "val", "validation", "valid", "test")


@dataclass(frozen=True, slots=True)
class VolumeRead(ReadOptions):
    """How to read label volumes."""

    images: str | None = field(default=None, metadata={"help": "folder of the images"})
    masks: str | None = field(default=None, metadata={"help": "folder of the label volumes"})
    suffix: str = field(default="", metadata={"help": "end of a label volume's name, e.g. _seg"})
    image_suffix: str = field(default="", metadata={"help": "end of an image's name, e.g. _ct"})
    kind: Literal["auto", "class", "instance"] = field(
        default="auto", metadata={"help": "what the numbers are"}
    )
    taxonomy: Path | None = field(
        default=None,
        metadata={"help": 'JSON: {"categories": [{"id": 1, "name": "liver"}], "void": 255}'},
    )
    category: str | None = field(default=None, metadata={"help": "what objects are (object)"})
    void: int | None = field(default=None, metadata={"help": "id of void voxels"})


@dataclass(frozen=True, slots=True)
class Found:
    """Label volumes with their images.

    Args:
        pairs: sorted by key.
        headers: of the label volumes, by key.
        n_images: how many images lie there; -1 where none are expected.
        warnings: files that were left out.
    """

    pairs: tuple[Pair, ...]
    headers: Mapping[str, VolumeHeader]
    n_images: int
    warnings: tuple[str, ...] = ()


def find_volumes(
    path: Path, options: VolumeRead, images: Path | None, suffixes: Iterable[str]
) -> Found:
    """All label volumes of a folder, or one file.

    Args:
        path: of either.
        options: which folders and names.
        images: folder under which images are looked for instead.
        suffixes: of label volumes.

    Raises:
        FormatError: a header is damaged, unless bad ones are skipped.
        UsageError: a folder that was named is not there.
    """
    listed: list[Pair] = []
    n_images = -1
    for split, masks, usual in _parts(path, options, suffixes):
        labels = list_files(masks, suffixes, ending=options.suffix) if masks.is_dir() else {}
        if masks.is_file():
            ends = [s for s in suffixes if masks.name.lower().endswith(s)]
            labels = {masks.name[: -max(map(len, ends), default=0)]: masks} if ends else {}
        folder = images or usual
        found: dict[str, Path] = {}
        if folder is not None:
            found = list_files(folder, VOLUME_SUFFIXES, ending=options.image_suffix)
            found = {k: p for k, p in found.items() if p not in set(labels.values())}
            n_images = max(n_images, 0) + len(found if images is None else set(found) & set(labels))
        listed += pair(labels, found, split)
    headers: dict[str, VolumeHeader] = {}
    bad = []
    for one in unique_pairs(listed):
        try:
            headers[one.key] = volume_header(one.labels)
        except DataError as error:
            if not options.skip_bad:
                raise
            bad.append(error.message)
    kept = tuple(one for one in unique_pairs(listed) if one.key in headers)
    told = (f"{len(bad)} label volumes are left out, first {bad[0]}",) if bad else ()
    return Found(kept, headers, n_images, told)


def samples_of(found: Found, channels: tuple[str, ...] = ()) -> tuple[Sample, ...]:
    """Samples on the grids of their labels, with what the labels' headers say besides."""
    return tuple(
        Sample(
            one.key,
            ImageRef(
                one.image,
                size=header.size,
                channels=channels,
                spacing=header.spacing,
                unit="mm" if header.spacing else "px",
                affine=header.affine,
            ),
            kind="volume",
            file_name=one.image.name if one.image is not None else one.labels.name,
            extra={"volume": dict(header.kept)} if header.kept else {},
        )
        for one in found.pairs
        for header in [found.headers[one.key]]
    )


def with_image(path: Path, header: VolumeHeader, image: Path | None) -> tuple[str, ...]:
    """Whether labels and image are of one grid; returns notes where they lie apart.

    Raises:
        FormatError: they differ in shape, naming both.
    """
    if image is None or not image.exists():
        return ()
    return grid_notes(path, header, image, volume_header(image))


def grid_notes(
    path: Path, header: VolumeHeader, image: Path, other: VolumeHeader
) -> tuple[str, ...]:
    """`with_image` of headers that were read: of labels at `path`, and of their image.

    Raises:
        FormatError: they differ in shape, naming both.
    """
    if other.size != header.size:
        raise FormatError(
            f"the labels are {_text(header.size)} voxels, their image {_text(other.size)}",
            where=path,
            seen=image.name,
            hint="pair them with their own image, or resample one of them",
        )
    apart = displacement(header.affine, other.affine, header.size)
    if apart <= SAME_PLACE:
        return ()
    if apart == float("inf"):
        silent = path.name if not header.affine else image.name
        return (f"only one of labels and image says where it lies, {silent} does not",)
    places = " and ".join(_place(h) for h in (header, other))
    return (f"labels and image lie up to {apart:.4g} voxels apart: {places}",)


def split_folders(path: Path, find: Any) -> list[tuple[str | None, Path, Path | None]]:
    """`find` applied to every sub-folder that is named like a split, if all others are none."""
    inside = [p for p in sorted(path.iterdir()) if p.is_dir() and p.name.lower() in SPLITS]
    return [(p.name, *two) for p in inside if (two := find(p)) is not None]


class VolumePlacer:
    """Copies, links or re-codes image volumes into one folder, and counts absent ones."""

    def __init__(self, folder: Path, how: str, suffix: str) -> None:
        self.folder = folder
        self.how = how
        self.suffix = suffix
        self.missing = 0
        self.further: list[str] = []

    def put(self, sample: Sample, name: str = "") -> None:
        """Place the image at NAME or KEY + suffix.

        Raises:
            DataError: the image cannot be read.
            WriteError: the target cannot be written, or another image has that name there.
        """
        if self.how == "none":
            return
        source = sample.image.path
        if source is None or not source.exists():
            self.missing += 1
            return
        target = safe_join(self.folder, name or sample.key + self.suffix)
        if target.exists():
            raise WriteError("two images would have one name", where=target, seen=source)
        place_volume(source, target, self.how)
        self.further += sample.extra.get("nnunet", {}).get("channels", ())

    def warnings(self) -> tuple[str, ...]:
        """What could not be placed, and images of other channels, of which one is taken."""
        told = []
        if self.missing:
            told.append(f"{self.missing} images are missing and were not copied")
        if self.further:
            shown = ", ".join(self.further[:_SHOWN]) + (", ..." if self.further[_SHOWN:] else "")
            files = "image file is" if len(self.further) == 1 else "image files are"
            told.append(
                f"{len(self.further)} {files} left out, of channels behind the first: {shown}; "
                "nnunet takes all"
            )
        return tuple(told)


def _parts(
    path: Path, options: VolumeRead, suffixes: Iterable[str]
) -> Sequence[tuple[str | None, Path, Path | None]]:
    """(split, labels, images) of the data set."""
    if path.is_file():
        return [(None, path, None)]
    if options.masks is not None or options.images is not None:
        folder = named_folder(path, options.images, "images") if options.images else None
        usual = subfolder(path, LABEL_FOLDERS)
        masks = path if usual is None or usual == folder else usual
        if options.masks is not None:
            masks = named_folder(path, options.masks, "masks")
        return [(None, masks, folder)]
    here = two_folders(path, suffixes)
    if here is not None:
        return [(None, *here)]
    return split_folders(path, lambda p: two_folders(p, suffixes)) or [(None, path, None)]


def two_folders(path: Path, suffixes: Iterable[str]) -> tuple[Path, Path | None] | None:
    """(labels, images) by their usual names, where label volumes are there."""
    masks = subfolder(path, LABEL_FOLDERS)
    if masks is None or not list_files(masks, suffixes):
        return None
    return masks, subfolder(path, IMAGE_FOLDERS)


def _text(size: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in size[::-1])


def _place(header: VolumeHeader) -> str:
    rows = (" ".join(f"{v:g}" for v in row) for row in header.affine[:3])
    return f"[{'; '.join(rows)}]"
