"""How a project begins, and how its database is opened: what `Project.create` and `open` do.

A new project has its tables, a first taxonomy and the layer `main`. Changes of the schema are
`migrations/`.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from sqlalchemy import insert, select

from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.store.project import database, layers, migrations, schema
from maskloom.store.project.address import DEFAULT_LAYER
from maskloom.store.project.database import Database
from maskloom.store.project.layout import (
    Layout,
    Settings,
    new_folder,
    project_name,
    write_settings,
)

FIRST_SEQ = 1
"""Sequence number of a project's first taxonomy."""


class _Opening:
    """What `database.read` and `write` need of a project."""

    def __init__(self, opened: Database) -> None:
        self.database = opened


def create(
    root: Path, *, name: str, taxonomy: Taxonomy, url: str, form: layers.Form = "rows"
) -> None:
    """Make a project; see `Project.create`."""
    settings = Settings(uuid.uuid4().hex, project_name(name), url)
    if url:
        database.database_url(url)
    with new_folder(root) as folder:
        opened = database.database_of(url, Layout(folder).database, create=True)
        try:
            _fill(opened, settings, taxonomy, form)
        finally:
            opened.close()
        write_settings(folder, settings)


def _fill(opened: Database, settings: Settings, taxonomy: Taxonomy, form: layers.Form) -> None:
    made = {"created": database.now()}
    with database.write_first(opened) as connection:
        migrations.create_tables(connection)
        connection.execute(
            insert(schema.project).values(
                id=1, uuid=settings.id, name=settings.name, seq=FIRST_SEQ, **made
            )
        )
        connection.execute(
            insert(schema.migration).values(
                seq=FIRST_SEQ,
                kind="create",
                payload={"kind": "create"},
                taxonomy=taxonomy.to_json(),
                author="init",
                **made,
            )
        )
        layers.make(connection, DEFAULT_LAYER, form)


def open_database(root: Path, settings: Settings, *, readonly: bool) -> Database:
    """The database of a project, with the newest schema; see `Project.open`."""
    opened = database.database_of(settings.database, Layout(root).database, readonly=readonly)
    try:
        migrations.bring_up_to_date(_Opening(opened))
        with database.read(_Opening(opened)) as connection:
            found = connection.execute(select(schema.project.c.uuid)).scalar()
        if found != settings.id:
            raise DataError(
                "the database is that of another project",
                where=opened.where,
                seen=f"{found}, this project is {settings.id}",
                hint="check id and url in maskloom.toml",
            )
    except BaseException:
        opened.close()
        raise
    return opened
