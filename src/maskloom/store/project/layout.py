"""Where things lie in a project's folder, and its settings in `maskloom.toml`.

A folder is a project when `maskloom.toml` is in it and the mark of an unfinished creation is
not. Nothing here reads labels or opens the database (`database.py`).
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from maskloom.errors import DataError, UsageError, WriteError
from maskloom.store.files import (
    atomic_folder,
    atomic_write_bytes,
    claim_partial,
    sync_folder,
    writing,
)

SETTINGS = "maskloom.toml"
_UNFINISHED = ".maskloom-partial"
_LONGEST_NAME = 200
_LONGEST_FOLDER = 120
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The places in a project's folder."""

    root: Path

    @property
    def settings(self) -> Path:
        """Settings for people: id, name and the URL of the database."""
        return self.root / SETTINGS

    @property
    def database(self) -> Path:
        """The embedded database."""
        return self.root / "labels.sqlite"

    @property
    def taxonomy(self) -> Path:
        """A readable mirror of the taxonomy and its history."""
        return self.root / "taxonomy.json"

    @property
    def images(self) -> Path:
        """Copied images."""
        return self.root / "images"

    @property
    def blobs(self) -> Path:
        """Content-addressed files (`blobs.py`)."""
        return self.root / "blobs"

    @property
    def snapshots(self) -> Path:
        """Parquet parts of imported layers."""
        return self.root / "snapshots"

    @property
    def predictions(self) -> Path:
        """Parquet parts of machine layers."""
        return self.root / "predictions"

    @property
    def runs(self) -> Path:
        """Trained models."""
        return self.root / "runs"

    def uri_of(self, path: Path) -> str:
        """How the database names a file: relative where it moves along with the project.

        That is below the folder that holds the project's, unless that is the root of the file
        system; elsewhere the path is absolute.
        """
        # Text, not paths: this is asked once for each of many images.
        absolute = os.path.abspath(path)  # noqa: PTH100
        for above, prefix in ((str(self.root), ""), (str(self.root.parent), "../")):
            if absolute.startswith(above + os.sep):
                return prefix + absolute[len(above) + 1 :].replace(os.sep, "/")
        return absolute.replace(os.sep, "/")

    def path_of(self, uri: str) -> Path:
        """The file that a name of `uri_of` stands for."""
        return Path(os.path.normpath(os.path.join(self.root, uri)))  # noqa: PTH118


@dataclass(frozen=True, slots=True)
class Settings:
    """What `maskloom.toml` says.

    Args:
        id: 32 hex digits, the same as in the database.
        name: what to call the project.
        database: URL of a PostgreSQL database; empty is the embedded one.
    """

    id: str
    name: str
    database: str = ""


def is_project(path: str | Path) -> bool:
    """Whether a folder is a project."""
    root = Path(path)
    try:
        return (root / SETTINGS).is_file() and not os.path.lexists(root / _UNFINISHED)
    except OSError:
        return False  # no name for a file


def project_root(path: str | Path) -> Path:
    """The absolute folder of an existing project.

    Raises:
        UsageError: it is not a project.
    """
    if not is_project(path):
        raise UsageError(
            "not a project" if os.path.lexists(path) else "no such project",
            where=path,
            hint="make one with `maskloom init`, or name a folder that holds maskloom.toml",
        )
    return plain_path(path)


def plain_path(path: str | Path) -> Path:
    """The absolute path, without `..`, and with links as they are."""
    return Path(os.path.normpath(Path(path).absolute()))


def read_settings(root: Path) -> Settings:
    """The settings of a project.

    Raises:
        DataError: the file cannot be read or says something else than settings.
    """
    path = root / SETTINGS
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            "the settings cannot be read",
            where=path,
            seen=error,
            hint="mend the file or put back a copy of it",
        ) from error
    project, database = data.get("project", {}), data.get("database", {})
    values = [
        table.get(name, "") if isinstance(table, dict) else None
        for table, name in ((project, "id"), (project, "name"), (database, "url"))
    ]
    if not all(isinstance(value, str) for value in values) or not _ID.fullmatch(str(values[0])):
        raise DataError(
            "the settings need id and name under [project] and url under [database]",
            where=path,
            seen=values[:2],
            hint="mend the file or put back a copy of it",
        )
    return Settings(*map(str, values))


def write_settings(root: Path, settings: Settings) -> None:
    """Write `maskloom.toml` whole."""
    # A JSON string without controls is a TOML string.
    name, url = (
        json.dumps(text, ensure_ascii=False) for text in (settings.name, settings.database)
    )
    text = (
        "# A maskloom project. An empty url is the embedded database labels.sqlite;\n"
        "# a team's server is postgresql://USER@HOST/DATABASE.\n\n"
        f'[project]\nid = "{settings.id}"\nname = {name}\n\n[database]\nurl = {url}\n'
    )
    atomic_write_bytes(root / SETTINGS, text.encode())


def project_name(name: str) -> str:
    """The name, if people can read it on one line.

    Raises:
        UsageError: it is too long or holds control characters.
    """
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(
            "not a name for a project",
            seen=name,
            hint=f"use at most {_LONGEST_NAME} printable characters",
        )
    return name


@contextmanager
def new_folder(root: Path) -> Iterator[Path]:
    """A folder to fill, which becomes the project `root` if the block ends well.

    A new folder appears by rename. An empty one that is there already (a mount, the current
    folder of a shell) is filled in place under a mark, and is no project until that is gone.

    Raises:
        WriteError: something else is there, or it cannot be written.
    """
    if not os.path.lexists(root):
        with atomic_folder(root) as folder:
            yield folder
        sync_folder(root.parent)
        return
    mark = root / _UNFINISHED
    if not root.is_dir() or not (os.path.lexists(mark) or not any(root.iterdir())):
        raise WriteError(
            "a project exists there" if is_project(root) else "something else is there",
            where=root,
            hint="choose a new or an empty folder",
        )
    claim_partial(root, keep=True)
    _clear(root)
    try:
        yield root
    except BaseException:
        _clear(root)
        mark.unlink(missing_ok=True)
        raise
    sync_folder(root)
    with writing(root):
        mark.unlink()
    sync_folder(root)


def _clear(root: Path) -> None:
    """Remove what a creation leaves in a folder that was empty."""
    layout = Layout(root)
    with writing(root):
        for path in (layout.settings, layout.taxonomy, layout.database):
            for left in root.glob(f"{path.name}*"):
                left.unlink()


def safe_name(text: str) -> str:
    """A name for a file or folder, different for different texts on every file system.

    Letters stay readable; what a file system could fold or refuse is written as %XX.
    """
    out = "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02x}" for byte in text.encode())
    if out.startswith("."):
        out = f"%2e{out[1:]}"
    if len(out) > _LONGEST_FOLDER:
        return f"{out[:_LONGEST_FOLDER]}-{sha256(text.encode()).hexdigest()[:16]}"
    return out


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-@+")
