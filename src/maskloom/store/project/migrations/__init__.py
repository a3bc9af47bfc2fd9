"""Changes of the database's schema, in order, run by alembic from inside the package.

`versions/` holds one file a change; `env.py` is alembic's door. A change of the *taxonomy* is
another thing: `taxonomies.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Text, column, inspect, select, table

from maskloom.errors import DataError, UsageError
from maskloom.store.project.database import read, write
from maskloom.store.project.sqlite_file import copy_database

if TYPE_CHECKING:
    from alembic.config import Config

    from maskloom.store.project.database import Database, HasDatabase

HEAD = "0001"
SCRIPTS = Path(__file__).parent


def create_tables(connection: Connection) -> None:
    """Make the tables in an empty database.

    Raises:
        UsageError: there are tables already.
    """
    if inspect(connection).get_table_names():
        raise UsageError(
            "the database holds tables already",
            where="[database] url",
            hint="make an empty database for each project",
        )
    _upgrade(connection, SCRIPTS)


def bring_up_to_date(project: HasDatabase, *, scripts: Path = SCRIPTS, head: str = HEAD) -> bool:
    """Check the schema's version and upgrade an older one; whether it did.

    The embedded file is copied first, to `labels.sqlite.VERSION`.

    Args:
        project: whose database.
        scripts: folder of the changes.
        head: the newest version that they make.

    Raises:
        DataError: the schema is of a newer maskloom or none of ours, or it is older and the
            project is open for reading only.
    """
    database = project.database
    with read(project) as connection:
        version = _version(connection)
    if version == head:
        return False
    _refuse_unknown(database, version, scripts)
    if database.readonly:
        raise DataError(
            "the project is of an older maskloom",
            where=database.where,
            seen=f"schema {version}",
            hint="open it once for writing, which upgrades it",
        )
    if path := database.path:
        copy_database(path, path.with_name(f"{path.name}.{version}"))
    with write(project) as connection:
        if _version(connection) == head:
            return False  # somebody else was quicker
        _upgrade(connection, scripts)
    return True


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    versions = table("alembic_version", column("version_num", Text))
    return connection.execute(select(versions.c.version_num)).scalar()


def _refuse_unknown(database: Database, version: str | None, scripts: Path) -> None:
    if version is None:
        raise DataError(
            "the database holds no project",
            where=database.where,
            hint="put back a copy, or check the URL in maskloom.toml",
        )
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(scripts)).walk_revisions()}
    if version not in known:
        raise DataError(
            "the project is of a newer maskloom",
            where=database.where,
            seen=f"schema {version}",
            hint="upgrade maskloom: pip install -U maskloom",
        )


def _upgrade(connection: Connection, scripts: Path) -> None:
    """Run the changes within the caller's transaction."""
    from alembic import command

    command.upgrade(_config(connection, scripts), "head")


def _config(connection: Connection, scripts: Path) -> Config:
    from alembic.config import Config

    config = Config()
    # The configuration's parser takes % for its own.
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
