"""The layers of a project: who says something about the samples, and in which form.

`main` is always there. Layers of people (`gold`, `consensus`, `by/NAME`) come to be with the
first thing that is said in them; all others are made by imports. What they say is in entries
and operations.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Connection, exists, func, insert, select, update

from maskloom.errors import UsageError
from maskloom.store.project.address import DEFAULT_LAYER, layer_name
from maskloom.store.project.database import now
from maskloom.store.project.schema import head, layer, op

Form = Literal["rows", "map"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in the database; `id` 0 is one of people in which nothing was said yet."""

    id: int
    name: str
    form: Form = "rows"
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A layer for lists.

    Args:
        name: such as `main` or `model/unet@ab12`.
        form: `rows` or `map`.
        immutable: machine labels, which nobody edits.
        samples: how many samples it says something of.
        objects: how many objects there are.
        sequence: number of its last change; 0 for none.
    """

    name: str
    form: Form
    immutable: bool
    samples: int
    objects: int
    sequence: int


def infos(connection: Connection) -> list[LayerInfo]:
    """All layers, `main` first."""
    rows = connection.execute(
        select(
            layer.c.name,
            layer.c.form,
            layer.c.immutable,
            func.count(head.c.sample_id),
            func.coalesce(func.sum(head.c.objects), 0),
            func.coalesce(func.max(head.c.seq), 0),
        )
        .outerjoin(head, head.c.layer_id == layer.c.id)
        .group_by(layer.c.id, layer.c.name, layer.c.form, layer.c.immutable)
    )
    found = [
        LayerInfo(name, form, bool(fixed), int(n), int(objects), int(seq))
        for name, form, fixed, n, objects, seq in rows
    ]
    return sorted(found, key=lambda one: (one.name != DEFAULT_LAYER, one.name))


def find(connection: Connection, name: str) -> Layer:
    """A layer by its name; one that people just start has the form of `main`.

    `model/unet` is `model/unet@ab12` where no other layer has that name before the `@`.

    Raises:
        UsageError: there is none, or several, and it is not one that people just start.
    """
    if (row := _row(connection, full_name(connection, name))) is not None:
        return Layer(int(row.id), row.name, cast(Form, row.form), bool(row.immutable))
    if _started_by_people(name):
        return Layer(0, name, _form_of_main(connection))
    known = [one.name for one in infos(connection)]
    raise UsageError(
        "no such layer", seen=name, hint=f"known layers: {', '.join(known[:20]) or 'none'}"
    )


def full_name(connection: Connection, name: str) -> str:
    """The name with the `@HASH` that was left out, if it can only be one; else the name itself.

    Raises:
        UsageError: not a name for a layer, or several layers have that name before the `@`.
    """
    if _row(connection, name) is not None or _started_by_people(name) or "@" in name:
        return name
    start = layer.c.name.startswith(f"{name}@", autoescape=True)
    query = select(layer.c.name).where(start).order_by(layer.c.name)
    found = list(connection.execute(query).scalars())
    if len(found) > 1:
        raise UsageError(
            "several layers have this name before the @",
            seen=name,
            hint=f"name one of them: {', '.join(found[:20])}",
        )
    return found[0] if found else name


def _row(connection: Connection, name: str) -> Any:
    return connection.execute(select(layer).where(layer.c.name == layer_name(name))).first()


def _started_by_people(name: str) -> bool:
    return name in (DEFAULT_LAYER, "gold", "consensus") or name.startswith("by/")


def make(
    connection: Connection,
    name: str,
    form: Form | None = None,
    *,
    immutable: bool = False,
    anew: Collection[int] = (),
) -> Layer:
    """The layer of this name, made if it is not there, within a `write` transaction.

    A layer that says nothing yet takes the form that is asked for; without one, a new layer
    takes that of `main`. Each entry keeps the form that it was written in, so that a layer that
    nobody edited may change its form with all that it says.

    Args:
        connection: of the transaction.
        name: of the layer.
        form: of what shall be said in it.
        immutable: whether it is one of a machine.
        anew: ids of samples of which the layer will say something else.

    Raises:
        UsageError: not a name for a layer, or it has another form and says something, or it is
            immutable where it should not be, or the other way round.
    """
    row = _row(connection, name)
    if row is None:
        form = form or _form_of_main(connection)
        values: dict[str, Any] = {"name": name, "form": form, "immutable": immutable}
        made = connection.execute(
            insert(layer).values(**values, created=now()).returning(layer.c.id)
        ).scalar_one()
        return Layer(int(made), name, form, immutable)
    if bool(row.immutable) != immutable:
        raise UsageError(
            "the layer holds machine labels, which stay as they are"
            if row.immutable
            else "the layer is one that people edit",
            seen=name,
            hint="name another layer",
        )
    form = form or cast(Form, row.form)
    if row.form != form:
        _refuse_mixed(connection, row, form, anew)
        connection.execute(update(layer).where(layer.c.id == row.id).values(form=form))
    return Layer(int(row.id), name, form, immutable)


def _refuse_mixed(connection: Connection, row: Any, form: Form, anew: Collection[int]) -> None:
    """A layer has one form: it changes only with everything that the layer says."""
    spoken = set(
        connection.execute(select(head.c.sample_id).where(head.c.layer_id == row.id)).scalars()
    )
    edited = connection.execute(select(exists().where(op.c.layer_id == row.id))).scalar()
    left = len(spoken.difference(anew))
    if not spoken or (not edited and not left):
        return
    why = (
        "people edited it"
        if edited
        else f"{left} of its {len(spoken)} images would keep the old form"
    )
    raise UsageError(
        f"the layer holds {_FORMS[row.form]}, not {_FORMS[form]}, and {why}",
        seen=row.name,
        hint="name another layer, such as --layer by/NAME or --layer gold, or import into a new "
        "project" + ("" if edited else "; --replace with all of its images changes the form"),
    )


def _form_of_main(connection: Connection) -> Form:
    """Second annotators draw what the first ones do."""
    found = connection.execute(select(layer.c.form).where(layer.c.name == DEFAULT_LAYER)).scalar()
    return cast(Form, found or "rows")


_FORMS = {"rows": "objects", "map": "class maps"}
