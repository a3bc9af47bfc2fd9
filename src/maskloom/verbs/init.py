"""`init`: make a project."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Literal

from maskloom.core.outcome import Outcome
from maskloom.verbs.python import from_python


@from_python
def init(
    project: Path,
    *,
    name: str = "",
    taxonomy: Path | None = None,
    database: str = "",
    form: Literal["rows", "map"] = "rows",
) -> Outcome:
    """Make a project: one folder that keeps images, labels, models and their history.

    Args:
        project: the folder; absent or empty.
        name: what to call it; by default as the folder.
        taxonomy: JSON file of what labels may say; without it, imports bring their categories.
        database: URL of an empty PostgreSQL database, for a team; by default one inside.
        form: what people draw on images without labels: objects that may overlap (rows), or one
            class for each pixel (map). Imported labels bring their own.

    Raises:
        WriteError: something is there, or it cannot be written.
        DataError: the taxonomy is invalid.
        UsageError: not a name, or not the URL of an empty database.
    """
    from maskloom.core.taxonomy import Taxonomy
    from maskloom.formats.shared.folders import read_json
    from maskloom.store.project.project import Project

    words = None if taxonomy is None else Taxonomy.from_json(read_json(taxonomy), where=taxonomy)
    with Project.create(project, name=name, taxonomy=words, database=database, form=form) as made:
        known = made.taxonomy()
        results = {
            "project": made.root,
            "id": made.id,
            "name": made.name,
            "sequence": made.sequence(),
            "categories": list(known.keys),
            "taxonomy_hash": known.hash,
        }
    shown = quote(str(project))
    next_ = f"next: maskloom import SRC {shown}, then maskloom label {shown}"
    return Outcome(results, lines=(f"a project: {project}", next_))
