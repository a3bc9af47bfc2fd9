"""A verb's signature as a click command.

Adds to click what the command-line contract asks for: several values after one repeatable
option (`--map A=B C=D`), comma lists, and refusal of empty paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from maskloom.errors import UsageError
from maskloom.faces.signature import Parameter, Signature

Run = Callable[[Signature, dict[str, Any], str | None], int]


class VerbCommand(click.Command):
    """One verb on the command line; `run` gets the verb's own argument names."""

    def __init__(self, signature: Signature, run: Run) -> None:
        self.signature = signature
        self.run = run
        json_option = click.Option(
            ["--json"],
            metavar="FILE",
            help="Write the machine form to FILE ('-' is stdout).",
        )
        super().__init__(
            signature.verb,
            params=[*(_click_parameter(item) for item in signature.parameters), json_option],
            callback=self._call,
            help=signature.text,
            short_help=signature.about,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spread values that share one flag before click sees them."""
        return super().parse_args(ctx, spread(args, self.signature))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What stands without a name is explained too, with the words that it may be."""
        rows = [
            (
                usage_word(item),
                item.help + f" One of: {', '.join(item.choices)}." * bool(item.choices),
            )
            for item in self.signature.positionals
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)

    def _call(self, **values: Any) -> int:
        json_path = values.pop("json")
        arguments = {
            item.name: _value(item, values[_key(item)])
            for item in self.signature.parameters
            if not (item.repeated and not values[_key(item)] and not item.required)
        }
        defaults = {
            item.name: item.default
            for item in self.signature.parameters
            if item.name not in arguments
        }
        return self.run(self.signature, arguments | defaults, json_path)


@dataclass(slots=True)
class _Piece:
    """Some words of a command line: one bare word, one whole option, or a run of values."""

    words: list[str]
    bare: bool = False
    flag: str = ""
    extra: list[str] = field(default_factory=list)


def spread(words: Sequence[str], signature: Signature) -> list[str]:
    """Rewrite `--map A=B C=D` as `--map A=B --map C=D`.

    After a KEY=VALUE value only further KEY=VALUE words are taken; otherwise every word up
    to the next option is, less the trailing ones that missing positional arguments need.
    """
    pieces = _pieces(words, signature)
    _refuse_twice(pieces, signature)
    bare = sum(piece.bare for piece in pieces)
    short = max(0, sum(item.required for item in signature.positionals) - bare)
    out: list[list[str]] = []
    for piece in reversed(pieces):
        keep = len(piece.extra) - min(short, len(piece.extra))
        short -= len(piece.extra) - keep
        repeated = [word for value in piece.extra[:keep] for word in (piece.flag, value)]
        out.append([*piece.words, *repeated, *piece.extra[keep:]])
    return [word for group in reversed(out) for word in group]


def _refuse_twice(pieces: Sequence[_Piece], signature: Signature) -> None:
    """Raise UsageError for an option of one value that is given twice: the last would win."""
    repeated = {item.flag for item in signature.options if item.repeated}
    single = {item.flag for item in signature.options if item.kind is not bool} - repeated
    seen: set[str] = set()
    for piece in pieces:
        flag = "" if piece.bare else piece.words[0].partition("=")[0]
        if flag in seen:
            raise UsageError("the option takes one value, once", where=flag, hint="give it once")
        seen |= {flag} & single


def _pieces(words: Sequence[str], signature: Signature) -> list[_Piece]:
    repeated = {item.flag for item in signature.options if item.repeated}
    single = {item.flag for item in signature.options if item.kind is not bool} - repeated
    single.add("--json")
    pieces: list[_Piece] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            pieces += [_Piece([word]), *(_Piece([rest], bare=True) for rest in words[at:])]
            break
        flag, equals, value = word.partition("=")
        if not _is_option(word):
            pieces.append(_Piece([word], bare=True))
        elif flag in repeated:
            taken = [word] if equals else list(words[at - 1 : at + 1])
            at += len(taken) - 1
            extra = _run(words[at:], value if equals else taken[-1])
            at += len(extra)
            pieces.append(_Piece(taken, flag=flag, extra=extra))
        elif flag in single and not equals:
            pieces.append(_Piece(list(words[at - 1 : at + 1])))
            at += 1
        else:
            pieces.append(_Piece([word]))
    return pieces


def _run(words: Iterable[str], first: str) -> list[str]:
    values = takewhile(lambda word: not _is_option(word), words)
    return list(takewhile(lambda word: "=" in word, values) if "=" in first else values)


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def usage_word(item: Parameter) -> str:
    """A positional argument as a usage line shows it: `SRC`, `[DST]`, `FILES...`."""
    word = item.public.upper() + ("..." if item.repeated else "")
    return word if item.required else f"[{word}]"


def _key(item: Parameter) -> str:
    # click keeps parameters by Python name; `json` is the faces' own.
    return f"verb_{item.name}"


def _click_parameter(item: Parameter) -> click.Parameter:
    settings: dict[str, Any] = {}
    if not item.required and not item.repeated:
        settings["default"] = item.default
    if item.positional:
        settings["nargs"] = -1 if item.repeated else 1
        return click.Argument(
            [_key(item)],
            type=_click_type(item),
            required=item.required,
            metavar=usage_word(item),
            **settings,
        )
    if item.kind is bool and not item.repeated:
        off = f"/--no-{item.flag[2:]}" if item.default is not False else ""
        return click.Option([_key(item), item.flag + off], is_flag=True, help=item.help, **settings)
    return click.Option(
        [_key(item), item.flag],
        type=_click_type(item),
        required=item.required,
        multiple=item.repeated,
        metavar=None if item.choices else item.type.removesuffix(",...").upper(),
        show_default=_shown(item),
        help=item.help + (" May be given several times." if item.repeated else ""),
        **settings,
    )


def _click_type(item: Parameter) -> click.ParamType[Any] | type:
    if item.choices:
        return click.Choice(item.choices)
    return str if item.kind is Path else item.kind


def _shown(item: Parameter) -> bool:
    return not item.required and not item.repeated and item.default not in (None, "", False)


def _value(item: Parameter, value: Any) -> Any:
    if item.repeated:
        parts = (part for one in value for part in _split(item, one))
        return tuple(_path(item, part) if item.kind is Path else part for part in parts)
    return _path(item, value) if item.kind is Path and value is not None else value


def _split(item: Parameter, value: Any) -> list[Any]:
    """`a,b` is two values; in KEY=VALUE the comma is the value's own."""
    if item.kind is str and "=" not in value:
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value]


def _path(item: Parameter, value: str | Path) -> Path:
    # An empty word, often an unset shell variable, would silently mean the working directory.
    if str(value) == "":
        name = item.public.upper() if item.positional else item.flag
        raise UsageError("the path is empty", where=name, hint="give a file or folder")
    return Path(value)
