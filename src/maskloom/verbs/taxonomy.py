"""`taxonomy`: what a project's labels may say, its history, and one recorded change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.migrations import Migration
    from maskloom.core.outcome import Outcome, Table
    from maskloom.core.taxonomy import Taxonomy
    from maskloom.store.project.taxonomies import Migrated
    from maskloom.store.project.taxonomy_log import Recorded

_FEW = 3
"""How many names of a change are shown before the rest is counted."""


@from_python
def taxonomy(
    project: Path,
    *,
    add: str | None = None,
    rename: str | None = None,
    recolor: str | None = None,
    reorder: tuple[str, ...] = (),
    merge: str | None = None,
    split: str | None = None,
    retire: str | None = None,
    undo: int | None = None,
    dry_run: bool = False,
    author: str | None = None,
) -> Outcome:
    """Show the categories of a project and their history, or change one thing about them.

    No label is rewritten: a merged category is resolved when labels are read, so reading an
    earlier state gives the earlier taxonomy. Each change is recorded and, where no label loses
    by it, can be undone.

    Args:
        project: the project's folder.
        add: name of a new category.
        rename: KEY=NAME gives a category another name; its key stays for ever.
        recolor: KEY=#rrggbb gives a category another colour.
        reorder: keys in their new order; those not listed follow.
        merge: KEY=INTO makes a category part of another; the old key goes on being understood.
        split: KEY=NEW1,NEW2,... makes new categories; labels keep the old one until somebody
            has decided, and become a review.
        retire: a category that is no longer offered; its labels stay.
        undo: number of a change in the history to take back.
        dry_run: only say what would happen, with counts of the labels concerned.
        author: who does it; by default the user of the system.

    Returns:
        results: the taxonomy, its history or, of a change, its number, counts and inverse.

    Raises:
        MaskloomError: a change that cannot be, or a project that cannot be opened or written.
    """
    from maskloom.errors import UsageError
    from maskloom.store.project import Project

    given = {
        "add": add, "rename": rename, "recolor": recolor, "reorder": reorder or None,
        "merge": merge, "split": split, "retire": retire, "undo": undo,
    }  # fmt: skip
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise UsageError(
            "one change at a time", seen=", ".join(f"--{name}" for name in chosen),
            hint="give the changes one after the other; each can be undone by itself",
        )  # fmt: skip
    with Project.open(project, readonly=dry_run or not chosen) as opened:
        if not chosen:
            return _shown(opened.taxonomy(), _history(opened))
        from maskloom.store.project import taxonomies

        who = author or _user()
        if undo is not None:
            done = taxonomies.undo(opened, undo, author=who, dry_run=dry_run)
        else:
            step = _migration(chosen[0], given[chosen[0]], opened.taxonomy())
            done = opened.migrate(step, author=who, dry_run=dry_run)
        return _changed(done, project, dry_run=dry_run)


def _history(project: Any) -> list[Recorded]:
    from maskloom.store.project import taxonomies

    return taxonomies.history(project)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "command line"


def _migration(kind: str, value: Any, now: Taxonomy) -> Migration:
    """The change that an option asks for; categories may be called by key or name."""
    from maskloom.core.migrations import Migration

    if kind == "add":
        return Migration("add", name=value)
    if kind == "reorder":
        return Migration("reorder", keys=tuple(_key(now, one) for one in value))
    if kind == "retire":
        return Migration("retire", _key(now, value))
    old, new = _pair(kind, value)
    key = _key(now, old)
    if kind == "rename":
        return Migration("rename", key, new)
    if kind == "recolor":
        return Migration("recolor", key, color=_color(new))
    if kind == "merge":
        return Migration("merge", key, into=_key(now, new))
    names = tuple(name.strip() for name in new.split(",") if name.strip())
    return Migration("split", key, names=names)


def _pair(kind: str, text: str) -> tuple[str, str]:
    from maskloom.errors import UsageError

    old, equals, new = (part.strip() for part in text.partition("="))
    if not (old and equals and new):
        forms = {"rename": "KEY=NAME", "recolor": "KEY=#rrggbb", "merge": "KEY=INTO"}
        form = forms.get(kind, "KEY=NEW1,NEW2")
        raise UsageError(f"not {form}", where=f"--{kind}", seen=text, hint=f"write {form}")
    return old, new


def _key(now: Taxonomy, name: str) -> str:
    from maskloom.core.category_names import refuse_ambiguous
    from maskloom.errors import TaxonomyError

    if name in now.keys:  # what `taxonomy` shows first and asks for
        return name
    refuse_ambiguous(now, name, where="taxonomy")
    position = now.find(name)
    if position is None:
        raise TaxonomyError(
            "no such category", seen=name, hint=f"known: {', '.join(now.keys[:30]) or 'none'}"
        )
    return now[position].key


def _color(text: str) -> tuple[int, int, int]:
    import re

    from maskloom.errors import UsageError

    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise UsageError("not a colour", where="--recolor", seen=text, hint="write KEY=#3366cc")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _shown(now: Taxonomy, history: list[Recorded]) -> Outcome:
    from maskloom.core.outcome import Outcome, Table

    lines = [
        (one.seq, _words(one.payload), one.author, one.created[:16].replace("T", " "),
         one.undo)
        for one in history
    ]  # fmt: skip
    results = {
        "taxonomy": now.to_json(),
        "history": [
            {**one.payload, "seq": one.seq, "author": one.author, "created": one.created,
             "undoable": one.undoable, "undo": one.undo or None}
            for one in history
        ],
    }  # fmt: skip
    columns = ("number", "change", "by", "when (UTC)", "can be undone")
    return Outcome(results, tables=(_table(now), Table("History", columns, lines)))


def _table(now: Taxonomy, only: frozenset[str] | None = None) -> Table:
    """The categories of these keys; of all without."""
    from maskloom.core.outcome import Table

    rows = [
        (c.key, c.name, "void" if c.void else c.kind, "#{:02x}{:02x}{:02x}".format(*color),
         "retired" if c.retired else "", ", ".join(c.aliases))
        for c, color in zip(now, now.colors(), strict=True)
        if only is None or c.key in only
    ]  # fmt: skip
    return Table(
        "Categories" if only is None else "Changed",
        ("key", "name", "kind", "colour", "", "also called"),
        rows,
    )


def _changed(done: Migrated, project: Path, *, dry_run: bool) -> Outcome:
    from maskloom.core.migration_json import migration_to_json
    from maskloom.core.outcome import Outcome, counted

    payload = migration_to_json(done.migration)
    results = {
        "dry_run": dry_run, "seq": done.seq, "migration": payload,
        "inverse": None if done.inverse is None else migration_to_json(done.inverse),
        "counts": dict(done.counts), "reviews": dict(done.reviews),
        "taxonomy": done.taxonomy.to_json(),
    }  # fmt: skip
    what = _words(payload)
    lines = [
        f"would {what}; nothing was changed" if dry_run else f"done, as number {done.seq}: {what}"
    ]
    if done.counts.get("samples"):
        objects, images = done.counts["objects"], done.counts["samples"]
        lines.append(f"concerns {counted(objects, 'object')} on {counted(images, 'image')}")
    if done.inverse is None:
        lines.append("cannot be undone" if not dry_run else "it could not be undone")
    elif not dry_run:
        lines.append(f"undo    maskloom taxonomy {quote(str(project))} --undo {done.seq}")
    if done.reviews and not dry_run:
        lines.append(f"review  maskloom label {quote(str(project))}")
    step = done.migration
    touched = frozenset((step.key, step.into, *(c.key for c in step.categories)))
    changed = _table(done.taxonomy, touched)
    return Outcome(results, tables=(changed,) if changed.rows else (), lines=tuple(lines))


def _some(names: Sequence[str]) -> str:
    """The first few; a list of 80 classes would hide the rest of a table."""
    more = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {more:,} more" if more > 0 else "")


def _words(payload: Mapping[str, Any]) -> str:
    """A change as a clause for people."""
    kind, key = str(payload["kind"]), payload.get("key", "")
    names = _some([str(c["name"]) for c in payload.get("categories", ())])
    about = {
        "create": "begin",
        "add": f"add {names}",
        "rename": f"rename {key} to {payload.get('name')}",
        "recolor": f"recolour {key}",
        "reorder": f"reorder to {_some(payload.get('keys', ()))}",
        "merge": f"merge {key} into {payload.get('into')}",
        "unmerge": f"take {key} out of {payload.get('into')} again",
        "split": f"split {key} into {names}",
        "remove": f"remove {_some(payload.get('keys') or (key,))}",
        "restore": f"offer {key} again",
    }.get(kind, f"{kind} {key}")
    undone = payload.get("undoes")
    return about if undone is None else f"{about} (undoes {undone})"
