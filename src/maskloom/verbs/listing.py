"""`list`: what maskloom knows by name, and what can be set."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

from maskloom.core.outcome import Outcome, Table
from maskloom.verbs.python import from_python

What = Literal[
    "models", "methods", "formats", "metrics", "losses", "augmentations", "refinements",
    "layers", "runs",
]  # fmt: skip


@from_python
def list_(what: What, project: Path | None = None, *, options: str | None = None) -> Outcome:
    """List models, methods, formats and more; or the layers or runs of a project.

    Args:
        what: the kind of thing; layers and runs are of a project.
        project: whose layers or runs to list.
        options: one name, whose options to show with their defaults.

    Returns:
        results: rows with name, task, about, extra, installed and what belongs to the kind;
            options with key, type, default and help, of models only where asked for by name.

    Raises:
        UsageError: there is no such name, or a project is missing or superfluous.
        MissingExtra: the options belong to a model that is not installed.
    """
    from maskloom import registry

    if what in ("layers", "runs"):
        return _of_project(what, project)
    if project is not None:
        raise _misplaced(f"{what} are not of a project", str(project))
    tables = {**registry.TABLES, "metrics": registry.METRICS, "refinements": registry.REFINEMENTS}
    entries = tables[what]
    if options is not None:
        _known(what, options, list(entries))
        entries = {options: entries[options]}
    rows = [_row(what, name, entry, asked=options is not None) for name, entry in entries.items()]
    heading = {"models": "needs", "formats": "files"}.get(what, "options")
    shown = [
        (row["name"], ", ".join(row["task"]), row["about"], _last(row, heading)) for row in rows
    ]
    note = "options of one: maskloom list formats --options NAME" if what == "formats" else ""
    out = [Table(what.capitalize(), ("name", "task", "about", heading), shown, note=note)]
    if options is not None:
        settable = rows[0].get("options", [])
        cells = [(o["key"], o["type"], o["default"], o["help"]) for o in settable]
        note = "set with --set KEY=VALUE" if cells else "nothing here can be set"
        heads = ("option", "type", "default", "meaning")
        out.append(Table(f"Options of {options}", heads, cells, note=note))
    elif what == "formats":
        out.append(_losses())
    lines = () if rows else (f"There are no {what} yet.",)
    return Outcome(results={"what": what, "rows": rows}, tables=tuple(out), lines=lines)


def _losses() -> Table:
    """The loss matrix, as tests found it."""
    from maskloom.formats.matrix import narrow

    head, rows, note = narrow()
    return Table("What written formats hold", ("format", head), rows, note=f"{note}\n{_volumes()}")


def _volumes() -> str:
    """Which formats take volumes; what is not named takes images alone."""
    from maskloom import registry
    from maskloom.formats.detect import load_format

    dims = {name: load_format(name).dims for name in sorted(registry.FORMATS)}
    alone = ", ".join(name for name, own in dims.items() if own == (3,))
    both = " and ".join(name for name, own in dims.items() if own == (2, 3))
    told = f"{alone} take volumes alone, {both} images and volumes, all others images alone"
    return fill(told, 80)


def _of_project(what: What, project: Path | None) -> Outcome:
    from maskloom.verbs.listing_project import list_layers, list_runs

    if project is None:
        raise _misplaced(f"{what} of which project?", None)
    return list_layers(project) if what == "layers" else list_runs(project)


def _misplaced(what: str, seen: str | None) -> Exception:
    from maskloom.errors import UsageError

    return UsageError(what, seen=seen, hint="write maskloom list layers PROJECT, or runs PROJECT")


def _row(what: What, name: str, entry: Any, *, asked: bool) -> dict[str, Any]:
    from maskloom import registry

    row: dict[str, Any] = {
        "name": name,
        "task": list(entry.task),
        "about": entry.about,
        "extra": entry.extra or None,
        "installed": registry.installed(entry.extra),
    }
    if what == "formats":
        row |= _format(name)
    elif what == "methods":
        row["options"] = _described(registry.load("methods", name).Options, "method.")
    elif what in ("losses", "augmentations"):
        row["options"] = _recipe(only=name)
    elif what == "models" and asked:
        own = _described(registry.load("models", name).Options, "model.")
        row["options"] = [*own, *_recipe()]
    return row


def _format(name: str) -> dict[str, Any]:
    """What a format holds, and the options of its reader and writer."""
    from maskloom.formats.detect import load_format
    from maskloom.formats.matrix import matrix

    fmt = load_format(name)
    return {
        "written": fmt.written,
        "dims": list(fmt.dims),
        "matrix": dict(matrix().get(name, {})) if fmt.written else None,
        "holds": {item.name: getattr(fmt.holds, item.name) for item in fields(fmt.holds)},
        "looks_for": fmt.looks_for,
        "options": [*_described(fmt.ReadOptions, "from."), *_described(fmt.WriteOptions, "to.")],
    }


def _recipe(only: str | None = None) -> list[dict[str, Any]]:
    """The recipe's options, or the one that a loss or augmentation is set by."""
    from maskloom.core.recipe import Recipe

    rows = _described(Recipe, "")
    return rows if only is None else [row for row in rows if row["key"] == only]


def _described(options: type, prefix: str) -> list[dict[str, Any]]:
    from maskloom.core.options import describe_options

    return [
        {"key": prefix + o.key, "type": o.type, "default": o.default, "help": o.help}
        for o in describe_options(options)
    ]


def _last(row: dict[str, Any], heading: str) -> str:
    if heading == "files":
        return "read, written" if row["written"] else "read"
    if heading == "needs":
        if row["extra"] is None:
            return ""
        return f"maskloom[{row['extra']}]" + ("" if row["installed"] else " (not installed)")
    return " ".join(option["key"] for option in row.get("options", []))


def _known(what: str, name: str, names: list[str]) -> None:
    from difflib import get_close_matches

    from maskloom.errors import UsageError

    if name not in names:
        listed = ", ".join(sorted(names)) or "none"
        near = get_close_matches(name, names, 1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"unknown name among {what}",
            where="--options",
            seen=name,
            hint=f"{guess}known: {listed}",
        )
