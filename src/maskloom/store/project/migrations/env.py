"""Alembic's door: runs the changes on the connection that the caller holds, and only there."""

from alembic import context

from maskloom.store.project.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
