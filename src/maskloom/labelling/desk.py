"""What a label server works with: one project, the pictures in memory, and who is in.

Every method blocks and may be called from any thread; the routes that call it are
`faces/labelling*.py`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import select

from maskloom.errors import DataError
from maskloom.labelling.errors import ReadOnly, looking_up
from maskloom.labelling.pictures import Pictures
from maskloom.labelling.sessions import Sessions
from maskloom.labelling.tiles import Source, Thumbnails
from maskloom.store.project import database
from maskloom.store.project.schema import split

if TYPE_CHECKING:
    from maskloom.store.project.pages import SampleRow
    from maskloom.store.project.project import Project


class Desk:
    """One project on the table.

    Args:
        project: open; stays the caller's to close.
        memory: bytes for decoded images; None is a quarter of the machine's, at most 3 GiB.
    """

    def __init__(self, project: Project, *, memory: int | None = None) -> None:
        self.project = project
        self.pictures = Pictures(memory)
        self.thumbnails = Thumbnails(self.pictures)
        self.sessions = Sessions(project)

    def sample(self, id_: int, layer: str = "main") -> SampleRow:
        """A sample and where it stands in a layer.

        Raises:
            Absent: there is no such sample or layer.
        """
        with looking_up():
            return self.project.sample(id_, layer=layer)

    def source(self, id_: int) -> Source:
        """The image file of a sample.

        Raises:
            Absent: there is no such sample.
            DataError: it has no image, or none whose size is known.
        """
        row = self.sample(id_)
        path = self.project.image_path(id_)
        if row.height is None or row.width is None:
            raise DataError("the size of the image is not known", where=row.key)
        return Source(path, (row.height, row.width))

    def split_names(self) -> list[str]:
        """Names of the splits, sorted."""
        names = select(split.c.name).where(split.c.until.is_(None)).distinct()
        with database.read(self.project) as connection:
            return list(connection.execute(names.order_by(split.c.name)).scalars())

    def writable(self) -> None:
        """Pass if the project can be changed.

        Raises:
            ReadOnly: it cannot.
        """
        if self.project.readonly:
            raise ReadOnly(
                "the project is open for reading only",
                where=self.project.root,
                hint="nothing is saved; serve a copy that can be written",
            )


def version_of(source: Source) -> str:
    """A name for the bytes of an image file, without reading them; it changes when they do."""
    try:
        stat = source.path.stat()
    except OSError:
        return "absent"
    said = f"{source.path}\0{stat.st_size}\0{stat.st_mtime_ns}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
