"""Which category the name of a mask tells: NUMBER_CATEGORY.png, four digits or more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from maskloom.core.outcome import counted
from maskloom.errors import FormatError

_SHOWN = 3


def name_of(path: Path) -> str | None:
    """The category in NUMBER_CATEGORY.png, as it is spelt."""
    match = re.fullmatch(r"[0-9]{4,}_(.*\S.*)", path.stem, re.DOTALL)
    return match.group(1).strip() if match else None


def unnamed(files: Mapping[str, list[Path]], other: str) -> tuple[str, ...]:
    """A warning about masks that name no category where others do, or that nearly do."""
    told = {p: name_of(p) for listed in files.values() for p in listed}
    loose = [p for p, name in told.items() if name is None]
    if len(loose) == len(told):
        loose = [p for p in loose if re.match(r"[0-9]+_.*[^\W\d_]{2}", p.stem)]
    if not loose:
        return ()
    shown = ", ".join(f"{p.parent.name}/{p.name}" for p in loose[:_SHOWN])
    more = f" and {len(loose) - _SHOWN} more" if len(loose) > _SHOWN else ""
    return (
        f"{counted(len(loose), 'mask')} named otherwise than NUMBER_CATEGORY.png (four digits or "
        f"more) and taken as {other!r}: {shown}{more}",
    )


def category_of(path: Path, names: Mapping[str, int], other: str | None) -> int:
    """The position of a mask's category.

    Args:
        path: of the mask.
        names: what files name → position.
        other: the category of masks that name none; None refuses them.

    Raises:
        FormatError: the file names none of several categories.
    """
    name = name_of(path)
    if len(names) == 1:
        return 0
    if other is not None:
        return names[other if name is None else name]
    if name is None or name not in names:
        raise FormatError(
            "an object whose name tells no category of the taxonomy",
            where=path,
            seen=name,
            hint=f"name it NUMBER_KEY.png with a key of {', '.join(list(names)[:10])}",
        )
    return names[name]
