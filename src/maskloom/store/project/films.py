"""Films on their way into a project: frames become PNG files of its own, then samples.

Every other verb sees images as usual, which are decoded once and the same for everybody. Frames
have the names that CVAT gives them, below a folder that is named as the film. Decoding is
`store/video.py`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import DataError, ImageError, UsageError, WriteError
from maskloom.store.files import atomic_write_bytes, safe_join, sync_folder
from maskloom.store.images import png_bytes
from maskloom.store.project import database, recording, samples
from maskloom.store.project.imports import Added
from maskloom.store.project.incoming import refuse_hostile
from maskloom.store.project.journal import Journal
from maskloom.store.project.lock import writer_lock
from maskloom.store.video import Film, Frame, opened_film
from maskloom.work.progress import bar

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

NAME = "video"


@dataclass(frozen=True, slots=True)
class FilmOptions:
    """How to read a film."""

    every: int = field(
        default=1, metadata={"help": "take one frame of so many of a film: 0, N, 2 N, ..."}
    )


def add_film(project: Project, path: Path, *, every: int = 1) -> Added:
    """Take the frames of a film in, of which no layer says anything yet.

    Args:
        project: open for writing.
        path: of the film.
        every: take frames 0, `every`, 2 × `every`, ...

    Raises:
        UsageError: every frame is in the project already, or `every` is below 1.
        ImageError: no film, or none of its frames can be decoded.
        DataError: another image has the name of a frame.
        WriteError: the project cannot be written.
    """
    if every < 1:
        raise UsageError("one frame of how many?", where="from.every", seen=every)
    if project.readonly:
        raise WriteError("the project is open for reading only", where=project.root)
    with writer_lock(project.root), Journal(project) as journal:
        with database.read(project) as connection:
            kept = recording.with_image(connection)
        with opened_film(path) as film:
            found = _placed(project, journal, film, kept, every)
            lost = film.lost
            if not film.read:
                raise ImageError(
                    "no frame of the film can be decoded", where=path, hint="copy it again"
                )
        if not found:
            raise UsageError("every frame is in the project already", where=path, seen=film.read)
        sync_folder(project.layout.images / path.stem)
        with database.write(project) as connection:
            placed = samples.add(connection, project.layout, found)
            sequence = database.next_seq(connection)
    return Added(len(found), placed.new, 0, sequence, failures=(lost,) if lost else ())


def _placed(
    project: Project, journal: Journal, film: Film, kept: Mapping[str, str | None], every: int
) -> list[Sample]:
    """The frames that the project does not have yet, each with its file."""
    found = []
    with bar("decoding", film.promised or None, "frames") as progress:
        for frame in film.frames(every):
            key = f"{film.path.stem}/frame_{frame.index:06d}"
            if kept.get(key) is None:
                found.append(_sample(project, journal, key, film.path.stem, frame))
            progress.advance(every)
    return found


def _sample(project: Project, journal: Journal, key: str, name: str, frame: Frame) -> Sample:
    target = safe_join(project.layout.images, key + ".png")
    data = png_bytes(frame.pixels)
    if not os.path.lexists(target):
        journal.note(target)
        atomic_write_bytes(target, data)
    elif target.read_bytes() != data:
        raise DataError(
            "another image has the name of this frame in the project",
            where=target,
            hint="rename the film",
        )
    height, width = frame.pixels.shape[:2]
    sample = Sample(
        key,
        ImageRef(target, (height, width), hashlib.sha256(data).hexdigest()),
        kind="frame",
        sequence=name,
        index=frame.index,
        time_s=frame.time_s,
        group=name,
        file_name=key + ".png",
    )
    refuse_hostile([sample])
    return sample
