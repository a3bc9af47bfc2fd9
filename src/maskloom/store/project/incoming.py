"""Images at the door of a project: named safely, copied or referred to, hashed and measured.

Files stay as they are, with their EXIF orientation; the size that is kept is the upright one,
as `store.images.read_image` gives the pixels. Rows of the database are `samples.py`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maskloom.core.sample import Sample
from maskloom.errors import DataError, FormatError, ImageError
from maskloom.store.endings import has_end
from maskloom.store.files import (
    atomic_file,
    places_beside,
    safe_join,
    sha256_file,
    stays_below,
    sync_folder,
)
from maskloom.store.image_kinds import files_beside, full_ending
from maskloom.store.images import image_size
from maskloom.store.project.journal import Journal
from maskloom.store.project.layout import Layout
from maskloom.store.volumes import volume_header, volume_suffix

_MISSING = re.compile(r"(\d+) of \d+ images are missing, first")
_OUTSIDE = re.compile(r"file names that lead out of the data's folder are not followed: (\d+)")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A sample on its way in.

    Args:
        sample: with what was found out about its image.
        missing: the image is not at hand.
        fault: what is wrong with the image file; empty if nothing seems to be.
    """

    sample: Sample
    missing: bool = False
    fault: str = ""


def refuse_hostile(samples: Iterable[Sample]) -> None:
    """Keys become names of files, here or in an export: none may lead out of a folder.

    Raises:
        DataError: one does.
    """
    for sample in samples:
        if not stays_below(sample.key):
            raise DataError(
                "the name of an image leads out of the data's folder",
                where=ascii(sample.file_name) if sample.file_name else None,
                seen=ascii(sample.key),
                hint="give the image a name below its folder",
            )


class Door:
    """Takes samples in, one after the other.

    Args:
        layout: of the project.
        copy: put the images into the project instead of referring to them.
        kept: key → sha256 of the images that the project has already, which stay; None of one
            that was faulty or not there, whose place a sound one takes.
        journal: learns of every copy before it is there.
    """

    def __init__(
        self, layout: Layout, *, copy: bool, kept: Mapping[str, str | None], journal: Journal
    ) -> None:
        self._layout = layout
        self._copy = copy
        self._kept = kept
        self._journal = journal
        self._folders: dict[Path, Path] = {}
        self._filled: set[Path] = set()
        self.missing: list[str] = []
        self.others: list[str] = []
        self.faults: list[str] = []

    def take(self, sample: Sample) -> Incoming:
        """Look at the image of a sample.

        Raises:
            WriteError: the copy cannot be written.
            DataError: another image has its name in the project.
        """
        path = sample.image.path
        if path is None or not path.is_file():
            if sample.key not in self._kept:
                self.missing.append(sample.key)
            return Incoming(sample, missing=True)
        fault = ""
        size: tuple[int, ...] | None = None
        try:
            size = volume_header(path).size if volume_suffix(path) else image_size(path)
            fault = "" if has_end(path) else f"{path}: the file seems to be cut off"
        except (ImageError, FormatError) as error:
            fault = error.message
        if fault:
            self.faults.append(fault)
        if fault:
            # Referred to, without a hash: whoever mends it has it here, copied or not.
            image = replace(sample.image, path=self._plain(path), size=size or sample.image.size)
            return Incoming(replace(sample, image=image), fault=fault)
        path, digest = self._placed(sample, self._plain(path))
        if self._kept.get(sample.key, digest) not in (None, digest):
            self.others.append(sample.key)
        image = replace(sample.image, path=path, sha256=digest, size=size)
        return Incoming(replace(sample, image=image))

    def sync(self) -> None:
        """Make the copies last through a power cut, before anything names them."""
        for folder in sorted(self._filled):
            sync_folder(folder)

    def heard(self, said: Sequence[str]) -> tuple[str, ...]:
        """What a reader said, but of images that it missed and the project has."""
        counts = ((line, _MISSING.match(line)) for line in said)
        most = len(self.missing)
        return tuple(line for line, told in counts if not told or int(told[1]) <= most)

    def warnings(self, n: int, heard: Sequence[str] = ()) -> tuple[str, ...]:
        """One line for each kind of thing that was noticed among `n` samples and not said yet."""
        found = []
        # Nor are those missing besides that a reader did not look for.
        outside = sum(int(told[1]) for line in heard if (told := _OUTSIDE.match(line)))
        if len(self.missing) > outside and not any(map(_MISSING.match, heard)):
            found.append(
                f"{len(self.missing)} of {n} images are missing, first {self.missing[0]!r}"
            )
        if self.others:
            found.append(
                f"{len(self.others)} of {n} images are other files than the project has under "
                f"these names, first {self.others[0]!r}; the project's stay"
            )
        if self.faults:
            found.append(f"{len(self.faults)} of {n} images are damaged, first {self.faults[0]}")
        return tuple(found)

    def _plain(self, path: Path) -> Path:
        """The path with links of its folder resolved; a link that is the image stays one."""
        folder = self._folders.get(path.parent)
        if folder is None:
            folder = self._folders[path.parent] = path.parent.resolve()
        return folder / path.name

    def _placed(self, sample: Sample, path: Path) -> tuple[Path, str]:
        """Where the project refers to the image, and the sha256 of its bytes."""
        inside = path.is_relative_to(self._layout.images)
        if not self._copy or self._kept.get(sample.key) is not None or inside:
            return path, sha256_file(path)
        target = safe_join(self._layout.images, sample.key + full_ending(path, sample.key))
        self._filled.add(target.parent)
        # Only what is made here is noted: people's own files are never taken back.
        if os.path.lexists(target):
            digest = sha256_file(path)
            if not target.is_file() or sha256_file(target) != digest:
                raise DataError(
                    "another image has this name in the project",
                    where=target,
                    seen=path,
                    hint="give each image its own name",
                )
            return target, digest
        for part, place in zip(files_beside(path), places_beside(path, target), strict=True):
            self._filled.add(place.parent)
            self._journal.note(place)
            _copied(part, place)
        self._journal.note(target)
        return target, _copied(path, target)


def _copied(source: Path, target: Path) -> str:
    """Copy a file whole and synced; the sha256 of its bytes."""
    digest = hashlib.sha256()
    try:
        file = source.open("rb")
    except OSError as error:
        raise ImageError("the image cannot be read", where=source, seen=error.strerror) from error
    with file, atomic_file(target) as temporary, temporary.open("wb") as copy:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()
