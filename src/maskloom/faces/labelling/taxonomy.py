"""Route of the classes: adding, renaming, merging and the rest, as recorded migrations."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from maskloom.core.migration_json import migration_from_json, migration_to_json
from maskloom.faces.labelling.guard import session_of
from maskloom.faces.labelling.project import TaxonomyAnswer, taxonomy_answer
from maskloom.labelling.desk import Desk


class MigrationBody(BaseModel):
    """A change of the classes."""

    model_config = ConfigDict(extra="forbid")

    migration: dict[str, Any] = Field(
        description='such as {"kind": "rename", "key": "car", "name": "Car"}; kinds are add, '
        "rename, recolor, reorder, merge, split and retire"
    )
    dry_run: bool = Field(default=False, description="only say what would happen")


class MigratedAnswer(BaseModel):
    """What a migration did, or would do."""

    seq: int | None = Field(description="its number in the project; null of a dry run")
    migration: dict[str, Any] = Field(description="with keys, ids and order written out")
    inverse: dict[str, Any] | None = Field(description="what takes it back; null if nothing can")
    taxonomy: TaxonomyAnswer = Field(description="after it")
    counts: dict[str, Any] = Field(description="samples and objects that it concerns")
    reviews: dict[str, int] = Field(description="reviews that a split left: layer → id")


def add_taxonomy(router: APIRouter, desk: Desk) -> None:
    """Add the route."""

    @router.post("/taxonomy", operation_id="migrate", tags=["project"])
    def migrate(body: MigrationBody, request: Request) -> MigratedAnswer:
        """Change the classes; labels are not touched, old keys are resolved when they are read."""
        if not body.dry_run:
            desk.writable()
        author = session_of(request.state).author
        migration = migration_from_json(body.migration)
        done = desk.project.migrate(migration, author=author, dry_run=body.dry_run)
        return MigratedAnswer(
            seq=done.seq,
            migration=migration_to_json(done.migration),
            inverse=None if done.inverse is None else migration_to_json(done.inverse),
            taxonomy=taxonomy_answer(done.taxonomy),
            counts=dict(done.counts),
            reviews=dict(done.reviews),
        )
