"""What a stored format is: how it is recognised, read and written, and what it can say.

One file per format defines a `FORMAT` of this type; `registry.FORMATS` names it. Opening data
of any format is `detect.py`, copying between formats is `transfer.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError
from maskloom.formats.kept import Kept
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.shared.class_names import Rule, any_name

ImagePlacement = Literal["copy", "link", "none"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What every reader can be told."""

    group: str | None = field(
        default=None,
        metadata={"help": "regular expression on the key; its first group names the split group"},
    )
    skip_bad: bool = field(
        default=False, metadata={"help": "leave invalid annotations out and count them"}
    )


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What every writer can be told."""

    images: ImagePlacement = field(
        default="copy",
        metadata={"help": "put image files into the target: copy, (hard) link, or none"},
    )


@dataclass(frozen=True, slots=True)
class LargeMap:
    """Labels of an image that is never in memory as a whole, read in windows.

    Args:
        size: (H, W).
        classes: (y0, y1, x0, x1) → (h, w) class map: positions, void and background codes.
        ids: likewise uint32 object ids, 0 none; None of a class map.
        georeference: of the image.
    """

    size: tuple[int, int]
    classes: Callable[[int, int, int, int], NDArray[Any]]
    ids: Callable[[int, int, int, int], NDArray[Any]] | None = None
    georeference: Any = None


@runtime_checkable
class LargeWriter(Protocol):
    """A writer that also takes maps of any size."""

    def put_large(self, sample: Sample, large: LargeMap) -> None:
        """Write the map, and the image if the options say so.

        Raises:
            WriteError: the target cannot be written.
        """


@runtime_checkable
class TagWriter(Protocol):
    """A writer that holds some tags of images and others not."""

    def holds_tag(self, sample: Sample, labels: Labels, name: str, text: str) -> bool:
        """Whether it writes this tag so that reading gives the same."""


@runtime_checkable
class FieldWriter(Protocol):
    """A writer that keeps other fields of a source than its format does at best."""

    writes: tuple[str, ...]
    """Paths in `extra`, as those of `Kept.writes`."""


class Writer(Protocol):
    """Writes one data set, sample by sample, below one target."""

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What the target cannot hold of these labels."""

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the labels, and the image if the options say so.

        Raises:
            WriteError: the target cannot be written.
        """

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write what belongs to the whole; returns warnings, e.g. of missing images."""


@dataclass(frozen=True, slots=True)
class Format:
    """One stored format.

    Args:
        name: what users type.
        about: one line of help.
        holds: what a file of this format can say at best.
        looks_for: by what `detect` knows it, for the message that nothing was found.
        ReadOptions, WriteOptions: frozen dataclasses of plain fields (`--set from.KEY=VALUE`).
        detect: path → 0 (cannot be) .. 1 (certain), from names and headers alone.
        read: (path, options, images root or None) → data set.
        writer: (target, taxonomy, options, the data set's `extra`) → `Writer`.
        file_suffix: of targets that are one file; empty where a target is always a folder.
        dims: 2 for images, 3 for volumes: the frames that its writer takes.
        large: its writer takes maps of any size in windows (`LargeWriter`).
        written: it has a writer; False with `only_read`.
        kept: what its reader keeps in `extra`, and what its writer writes of it.
        names: which names of classes its files hold.
    """

    name: str
    about: str
    holds: Holds
    looks_for: str
    ReadOptions: type[ReadOptions]
    WriteOptions: type[WriteOptions]
    detect: Callable[[Path], float]
    read: Callable[[Path, Any, Path | None], Dataset]
    writer: Callable[..., Writer]
    file_suffix: str = ""
    dims: tuple[int, ...] = (2,)
    large: bool = False
    written: bool = True
    kept: Kept = field(default_factory=Kept)
    names: Rule = any_name


Extra = Mapping[str, Any]


def writer_for(
    fmt: Format,
    target: Path,
    taxonomy: Taxonomy,
    *,
    options: object = None,
    extra: Extra | None = None,
) -> Writer:
    """A writer with the format's default options where none are given."""
    return fmt.writer(
        target, taxonomy, fmt.WriteOptions() if options is None else options, extra or {}
    )


def only_read(name: str) -> Callable[..., Writer]:
    """The writer of a format that is never written.

    Args:
        name: of the format.
    """

    def writer(target: Path, *_: object) -> Writer:
        raise UsageError(
            f"{name} is only read", where=target, hint="`maskloom list formats` names the others"
        )

    return writer
