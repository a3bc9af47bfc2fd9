"""`--set [prefix.]KEY=VALUE` strings into frozen options dataclasses, and back into help.

Every format, method and model declares its options as one frozen dataclass of plain fields
(int, float, bool, str, Path, Literal, X | None, tuples); a field's help is its metadata
`{"help": ...}`. Nothing here knows which options exist.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from maskloom.errors import UsageError

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


@dataclasses.dataclass(frozen=True, slots=True)
class OptionRow:
    """One documented option: its key, type, default (as text) and help."""

    key: str
    type: str
    default: str
    help: str


def parse_settings(
    settings: Sequence[str],
    targets: Mapping[str, type],
    bases: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build one options object per prefix from `[prefix.]KEY=VALUE` strings.

    Args:
        settings: what the user typed; a later setting of the same key wins.
        targets: prefix ("from", "to", "model", "method", ...) → options dataclass.
        bases: prefix → instance whose values stand where nothing was set, instead of defaults.

    Returns:
        prefix → instance, one for every target, defaults where nothing was set.

    Raises:
        UsageError: a setting without "=", an unknown or ambiguous key, a bad value or a
            missing one; the message lists what is known.
    """
    fields = {prefix: _fields(cls) for prefix, cls in targets.items()}
    values: dict[str, dict[str, Any]] = {prefix: {} for prefix in targets}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                "a setting must read KEY=VALUE", where="--set", seen=setting, hint=_known(fields)
            )
        prefix, key = _place(name.strip(), fields)
        values[prefix][fields[prefix][key].name] = _value(
            text.strip(), _hints(targets[prefix])[fields[prefix][key].name], where=f"--set {name}"
        )
    return {
        prefix: _build(cls, prefix, values[prefix], (bases or {}).get(prefix))
        for prefix, cls in targets.items()
    }


def describe_options(cls: type) -> list[OptionRow]:
    """The options of a dataclass, in order of declaration, for help and reference pages."""
    hints = _hints(cls)
    return [
        OptionRow(
            key, type_name(hints[item.name]), _default(item), str(item.metadata.get("help", ""))
        )
        for key, item in _fields(cls).items()
    ]


def type_name(hint: Any) -> str:
    """A type as people read it: `int`, `box|polygon`, `int or none`, `float,float`.

    >>> type_name(Literal["box", "polygon"])
    'box|polygon'
    >>> type_name(tuple[int, ...])
    'int,...'
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "|".join(str(choice) for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join("none" if kind is type(None) else type_name(kind) for kind in arguments)
    if origin is tuple:
        return ",".join("..." if kind is Ellipsis else type_name(kind) for kind in arguments)
    return {str: "text", Path: "path"}.get(hint) or str(getattr(hint, "__name__", hint))


def _fields(cls: type) -> dict[str, dataclasses.Field[Any]]:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"options must be a dataclass, not {cls!r}")
    return {item.name.rstrip("_"): item for item in dataclasses.fields(cls) if item.init}


def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _default(item: dataclasses.Field[Any]) -> str:
    if item.default is not dataclasses.MISSING:
        value = item.default
    elif item.default_factory is not dataclasses.MISSING:
        value = item.default_factory()
    else:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _place(name: str, fields: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    head, dot, tail = name.partition(".")
    if dot:
        key = tail.replace("-", "_")
        if head in fields and key in fields[head]:
            return head, key
        raise _unknown(name, fields)
    key = name.replace("-", "_")
    owners = [prefix for prefix, known in fields.items() if key in known]
    if not owners:
        raise _unknown(name, fields)
    if len(owners) > 1:
        raise UsageError(
            "an ambiguous setting",
            where="--set",
            seen=name,
            hint=f"write one of {', '.join(f'{owner}.{key}' for owner in owners)}",
        )
    return owners[0], key


def _unknown(name: str, fields: Mapping[str, Mapping[str, Any]]) -> UsageError:
    full = [f"{prefix}.{key}" for prefix, known in fields.items() for key in known]
    near = difflib.get_close_matches(
        name.replace("-", "_"), [*full, *(item.partition(".")[2] for item in full)], n=1
    )
    guess = f"did you mean {near[0]!r}? " if near else ""
    return UsageError("an unknown setting", where="--set", seen=name, hint=guess + _known(fields))


def _known(fields: Mapping[str, Mapping[str, Any]]) -> str:
    full = sorted(f"{prefix}.{key}" for prefix, known in fields.items() for key in known)
    return f"known settings: {', '.join(full)}" if full else "nothing here can be set"


def _build(cls: type, prefix: str, values: Mapping[str, Any], base: Any = None) -> Any:
    missing = [
        key
        for key, item in _fields(cls).items()
        if base is None and item.name not in values and _default(item) == "required"
    ]
    if missing:
        raise UsageError(
            "a required setting is missing",
            where="--set",
            seen=", ".join(f"{prefix}.{key}" for key in missing),
            hint=f"add --set {prefix}.{missing[0]}=VALUE",
        )
    try:
        return cls(**values) if base is None else dataclasses.replace(base, **values)
    except ValueError as error:
        raise UsageError(str(error), where=f"--set {prefix}") from error


def _value(text: str, hint: Any, *, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(text, arguments, where=where)
    if origin is Literal:
        return _choice(text, hint, where)
    if origin is tuple:
        return _tuple(text, arguments, hint, where=where)
    return _scalar(text, hint, where)


def _choice(text: str, hint: Any, where: str) -> Any:
    for choice in get_args(hint):
        if str(choice) == text:
            return choice
    raise _bad(text, hint, where)


def _scalar(text: str, hint: Any, where: str) -> Any:
    if hint is bool:
        if text.lower() not in _TRUE | _FALSE:
            raise _bad(text, hint, where)
        return text.lower() in _TRUE
    if hint in (int, float):
        return _number(text, hint, where)
    if hint is Path:
        if not text:
            raise _bad(text, hint, where)
        return Path(text)
    if hint is str:
        return text
    raise TypeError(f"{where}: an option of type {hint!r} cannot be set from text")


def _number(text: str, hint: type[int] | type[float], where: str) -> int | float:
    try:
        number = hint(text)
    except ValueError:
        raise _bad(text, hint, where) from None
    if math.isnan(number):
        raise _bad(text, hint, where)
    return number


def _union(text: str, arguments: tuple[Any, ...], *, where: str) -> Any:
    if type(None) in arguments and text.lower() in ("none", "null", ""):
        return None
    kinds = [kind for kind in arguments if kind is not type(None)]
    for kind in kinds:
        try:
            return _value(text, kind, where=where)
        except UsageError:
            if kind is kinds[-1]:
                raise
    raise TypeError(f"{where}: an option of no type at all")


def _tuple(text: str, arguments: tuple[Any, ...], hint: Any, *, where: str) -> tuple[Any, ...]:
    parts = [part.strip() for part in text.split(",")] if text else []
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_value(part, arguments[0], where=where) for part in parts)
    if len(parts) != len(arguments):
        raise _bad(text, hint, where)
    return tuple(
        _value(part, kind, where=where) for part, kind in zip(parts, arguments, strict=True)
    )


def _bad(text: str, hint: Any, where: str) -> UsageError:
    return UsageError("a bad value", where=where, seen=text, hint=f"expected {type_name(hint)}")
