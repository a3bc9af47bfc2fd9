"""A verb's parameters, read once from its signature and docstring for every face.

Nothing is declared twice: parameters before `*` are positional, the rest are options;
types are str, int, float, bool, Path, Literal of strings, `X | None` and tuples of one
kind; help is the docstring's Args. A trailing underscore (`from_`) is Python's alone.
"""

from __future__ import annotations

import importlib
import inspect
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from maskloom.core.options import type_name
from maskloom.core.outcome import Outcome
from maskloom.errors import UsageError
from maskloom.verbs import VERBS

REQUIRED: Final = inspect.Parameter.empty
_PLAIN = (str, int, float, bool, Path)
# A verb may import these for type checkers only.
_NAMES = {"Path": Path, "Literal": Literal, "Outcome": Outcome}
_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Source|Note|Notes|Examples?):\s*$")
_ENTRY = re.compile(r"^(\*{0,2}\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a verb, as every face sees it.

    Args:
        name: in Python, e.g. `from_`.
        kind: str, int, float, bool, Path or a Literal of strings; of one item if repeated.
        default: `REQUIRED` if there is none.
        help: from the docstring.
        positional: written before `*`.
        repeated: a tuple of items.
        nullable: None is a value.
    """

    name: str
    kind: Any
    default: Any
    help: str
    positional: bool
    repeated: bool
    nullable: bool

    @property
    def public(self) -> str:
        """The name in JSON: `from`, `allow_loss`."""
        return self.name.rstrip("_")

    @property
    def flag(self) -> str:
        """The name on the command line: `--from`, `--allow-loss`."""
        return "--" + self.public.replace("_", "-")

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is REQUIRED

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a Literal; empty for other kinds."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def type(self) -> str:
        """The kind as people read it: `text`, `path`, `int`, `a|b`, `text,...`."""
        return type_name(self.kind) + (",..." if self.repeated else "")

    @property
    def annotation(self) -> Any:
        """The full Python type, for pydantic."""
        # Built at run time, so by item access: mypy reads the subscript of a type as a hint.
        whole = tuple.__class_getitem__((self.kind, ...)) if self.repeated else self.kind
        return whole | None if self.nullable else whole


@dataclass(frozen=True, slots=True)
class Signature:
    """A verb with everything a face needs to offer it."""

    verb: str
    about: str
    long: bool
    text: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., Outcome]

    @property
    def positionals(self) -> tuple[Parameter, ...]:
        """The parameters written without a name."""
        return tuple(item for item in self.parameters if item.positional)

    @property
    def options(self) -> tuple[Parameter, ...]:
        """The parameters written with a name."""
        return tuple(item for item in self.parameters if not item.positional)

    def arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """Public names → Python names, defaults filled in."""
        filled = {item.name: item.default for item in self.parameters if not item.required}
        names = {item.public: item.name for item in self.parameters}
        return filled | {names[public]: value for public, value in values.items()}

    def public(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Python names → public names, in order of declaration."""
        return {item.public: arguments[item.name] for item in self.parameters}


def load_verb(verb: str) -> Signature:
    """Import one verb's module, and no other, and read its signature.

    Raises:
        UsageError: there is no such verb.
    """
    if verb not in VERBS:
        raise UsageError("unknown verb", seen=verb, hint=f"known verbs: {', '.join(VERBS)}")
    entry = VERBS[verb]
    module, _, name = entry.target.partition(":")
    function = getattr(importlib.import_module(module), name)
    return read_signature(function, verb=verb, about=entry.about, long=entry.long)


def read_signature(
    function: Callable[..., Outcome], *, verb: str, about: str = "", long: bool = False
) -> Signature:
    """Read a typed function.

    Raises:
        TypeError: a parameter has no type, or one that a command line cannot spell.
    """
    hints = get_type_hints(function, localns=_NAMES)
    text, helps = _docstring(function)
    parameters = tuple(
        _parameter(item, hints, helps) for item in inspect.signature(function).parameters.values()
    )
    return Signature(verb, about or text.partition("\n")[0], long, text, parameters, function)


def _parameter(item: inspect.Parameter, hints: dict[str, Any], helps: dict[str, str]) -> Parameter:
    if item.name not in hints:
        raise TypeError(f"parameter {item.name!r} of a verb has no type")
    kind, nullable, repeated = hints[item.name], False, False
    if get_origin(kind) in (Union, types.UnionType):
        rest = [one for one in get_args(kind) if one is not type(None)]
        nullable = len(rest) < len(get_args(kind))
        kind = rest[0] if len(rest) == 1 else kind
    if get_origin(kind) is tuple and get_args(kind)[1:] == (Ellipsis,):
        kind, repeated = get_args(kind)[0], True
    named = get_origin(kind) is Literal and all(isinstance(one, str) for one in get_args(kind))
    if kind not in _PLAIN and not named:
        raise TypeError(f"parameter {item.name!r} of a verb has the type {hints[item.name]!r}")
    return Parameter(
        name=item.name,
        kind=kind,
        default=item.default,
        help=helps.get(item.name, ""),
        positional=item.kind is not inspect.Parameter.KEYWORD_ONLY,
        repeated=repeated,
        nullable=nullable,
    )


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """The text before the first section, and the Args entries with lines joined."""
    body: list[str] = []
    helps: dict[str, list[str]] = {}
    section, margin, current = "", 0, ""
    for line in (inspect.getdoc(function) or "").splitlines():
        header = _SECTION.match(line)
        if header:
            section, margin, current = header[1], 0, ""
        elif not section:
            body.append(line)
        elif section == "Args" and line.strip():
            indent = len(line) - len(line.lstrip())
            margin = margin or indent
            entry = _ENTRY.match(line.strip()) if indent == margin else None
            if entry:
                current = entry[1].lstrip("*")
                helps[current] = [entry[2]]
            elif current:
                helps[current].append(line.strip())
    joined = {name: " ".join(part for part in parts if part) for name, parts in helps.items()}
    return "\n".join(body).strip(), joined
