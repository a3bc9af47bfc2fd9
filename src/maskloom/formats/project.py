"""A layer of a project read like a stored format, so that every command takes `PROJECT::LAYER`.

Not one of the formats that users convert to: labels get into a project by `import`, which keeps
history, and out of it by `export`. How a project stores labels is `store/project/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from maskloom.core.dataset import Dataset
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, UsageError
from maskloom.formats.base import Format, ReadOptions, WriteOptions
from maskloom.formats.loss import Holds
from maskloom.store.files import stays_below
from maskloom.store.project.address import Address
from maskloom.store.project.project import Project
from maskloom.store.project.reading import dataset, pinned_address
from maskloom.store.project.runs import project_address, with_layer

NAME = "project"
LOOKS_FOR = "a folder that `maskloom init` or `maskloom import` made"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read a layer."""

    unlabelled: bool = field(
        default=False, metadata={"help": "also give images of which the layer says nothing yet"}
    )


def detect(path: Path) -> float:
    """Certain of a project's folder and of an address of one."""
    return 0.0 if project_address(path) is None else 1.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The layer of an address; `main` of a bare folder.

    Raises:
        UsageError: it is no address, or the layer or revision is unknown.
        DataError: the layer says nothing, or the project is damaged.
    """
    address = project_address(path)
    if address is None:
        hint = _meant(path) or "make one with `maskloom init`"
        raise UsageError("no such project", where=path, hint=hint)
    with Project.open(address.root, readonly=True) as project:
        found = dataset(project, address.layer, address.at, unlabelled=options.unlabelled)
        others = [one.name for one in project.layers() if one.samples]
    if not found.samples:
        raise DataError(
            "the layer has no labels yet",
            where=str(address),
            hint="label or import some"
            + (f", or name a layer that has: {', '.join(others[:10])}" if others else ""),
        )
    return found if images is None else _with_images(found, images)


def pinned(path: Path | str) -> Address:
    """The address with a sequence number, its own or that of now, and the layer's whole name.

    Raises:
        UsageError: it is no address of a project, or that of several layers.
    """
    address = project_address(path)
    if address is None:
        raise UsageError(
            "no such project",
            where=path,
            hint=_meant(path)
            or "make one with `maskloom init`; other data sets are translated by convert",
        )
    with Project.open(address.root, readonly=True) as project:
        return pinned_address(project, address)


def _meant(path: Path | str) -> str:
    """What to write for an address that lacks its layer, or nothing."""
    told = with_layer(path)
    return f"a revision is that of a layer: write {told}" if told else ""


def _with_images(found: Dataset, root: Path) -> Dataset:
    """Images looked for under another folder, by the name that their source gave them."""
    return replace(found, samples=tuple(_placed(sample, root) for sample in found.samples))


def _placed(sample: Sample, root: Path) -> Sample:
    old = sample.image.path
    suffix = Path(sample.file_name).suffix or (old.suffix if old is not None else "")
    names = [name for name in (sample.file_name, sample.key + suffix) if stays_below(name)]
    path = next((root / name for name in names if (root / name).is_file()), None)
    return replace(sample, image=replace(sample.image, path=path))


def _writer(
    target: Path, taxonomy: Taxonomy, options: WriteOptions, extra: Mapping[str, Any]
) -> NoReturn:
    del taxonomy, options, extra
    raise UsageError(
        "a project is not written by conversion",
        where=target,
        hint="use maskloom import SRC PROJECT, which keeps history",
    )


FORMAT = Format(
    NAME,
    "a layer of a maskloom project",
    Holds(**{name: True for name in Holds.__slots__ if name != "max_ids"}),
    LOOKS_FOR,
    Read,
    WriteOptions,
    detect,
    read,
    _writer,
    written=False,
)
