"""Arguments as people write them in Python: a path as text, one string or a mapping for several.

The faces pass what a verb's signature says; here anything else becomes that, or one clear error.
"""

from __future__ import annotations

import functools
import inspect
import json
import operator
import os
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from maskloom.core.outcome import Outcome
from maskloom.errors import UsageError

Verb = TypeVar("Verb", bound=Callable[..., Outcome])
# A verb may import these for type checkers only.
_NAMES = {"Path": Path, "Literal": Literal, "Outcome": Outcome}
_MAP, _SET = "--map", "--set"
_WORDS = {str: "a text", bool: "True or False", int: "a whole number", float: "a number"}


def from_python(verb: Verb) -> Verb:
    """A verb that also takes texts for paths, one string for several, and mappings for pairs.

    Args:
        verb: typed as `faces.signature` reads it.

    Returns:
        The verb, which raises UsageError where an argument cannot be what its type says.
    """
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def called(*args: Any, **kwargs: Any) -> Outcome:
        bound = signature.bind(*args, **kwargs)
        hints = _hints(verb)
        for name, value in bound.arguments.items():
            bound.arguments[name] = _taken(_called(signature, name), value, hints[name])
        return verb(*bound.args, **bound.kwargs)

    return cast("Verb", called)


@functools.cache
def _hints(verb: Callable[..., Outcome]) -> dict[str, Any]:
    return get_type_hints(verb, localns=_NAMES)


def _called(signature: inspect.Signature, name: str) -> str:
    """A parameter as all errors name it: an option as on the command line."""
    option = signature.parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    return "--" + name.rstrip("_").replace("_", "-") if option else name


def _taken(name: str, value: Any, hint: Any) -> Any:
    """The value as its type says."""
    if get_origin(hint) in (Union, types.UnionType):
        if value is None:
            return None
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        return tuple(_one(name, item, kind) for item in _several(name, value))
    return _one(name, value, hint)


def _several(name: str, value: Any) -> Iterable[Any]:
    """The items of what may be one item, or a mapping of OLD to NEW."""
    if value is None:
        return ()
    if isinstance(value, str | os.PathLike):
        return (value,)
    if isinstance(value, Mapping) and name in (_MAP, _SET):
        return [f"{_left(name, key)}={_right(name, new)}" for key, new in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        return value
    raise _wrong(name, "a string or several", value)


def _left(name: str, key: Any) -> str:
    """OLD, exactly: in quotes where the text alone would be read otherwise."""
    if not isinstance(key, str):
        raise _wrong(name, "a mapping of texts", key)
    plain = name != _MAP or (key == key.strip() and not set(key) & {"=", '"'})
    return key if plain else json.dumps(key, ensure_ascii=False)


def _right(name: str, value: Any) -> str:
    """NEW, or the value of a setting as the command line has it."""
    if isinstance(value, str):
        return value
    if name == _SET and isinstance(value, bool):
        return str(value).lower()
    if name == _SET and isinstance(value, int | float | os.PathLike):
        return str(value)
    if name == _SET and isinstance(value, list | tuple):
        return ",".join(_right(name, one) for one in value)
    raise _wrong(name, "a mapping of texts", value)


def _one(name: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        if isinstance(value, str) and value in get_args(kind):
            return value
        raise _wrong(name, f"one of {', '.join(get_args(kind))}", value)
    if kind is Path:
        if isinstance(value, str | os.PathLike) and isinstance(os.fspath(value), str):
            return Path(value)
        raise _wrong(name, "a path", value)
    if kind is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # Numbers of numpy are whole numbers, too; texts and fractions are not.
    if kind is int and not isinstance(value, bool) and hasattr(value, "__index__"):
        return operator.index(value)
    if type(value) is kind or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    raise _wrong(name, _WORDS[kind], value)


def _wrong(name: str, wanted: str, value: Any) -> UsageError:
    shown = value if isinstance(value, str) else f"{value!r}, {type(value).__name__}"
    return UsageError(f"not {wanted}", where=name, seen=shown, hint=f"give {wanted}")
