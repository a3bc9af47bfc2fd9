"""Small verbs with every kind of parameter."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

from maskloom.core.outcome import Outcome, Table
from maskloom.errors import LossRefused, UsageError
from maskloom.work.progress import step, track


def copy(
    src: Path,
    dst: Path | None = None,
    *,
    to: Literal["upper", "lower"],
    from_: str | None = None,
    times: int = 1,
    scale: float | None = None,
    allow_loss: bool = False,
    map_: tuple[str, ...] = (),
    metrics: tuple[str, ...] = (),
    files: tuple[Path, ...] = (),
) -> Outcome:
    """Copy a thing.

    More about it, in
    two lines.

    Args:
        src: what to read,
            on two lines: really.
        to (str): the case.
        map_: OLD=NEW.

    Returns:
        Everything.
    """
    print("a library prints")  # noqa: T201
    warnings.warn("a library warns", FutureWarning, stacklevel=1)
    step("copying")
    given = dict(locals())
    table = Table("The table", ("name", "value"), [("a", 1.5), ("bb", None)], note="a note")
    return Outcome(
        {
            "types": {name: type(value).__name__ for name, value in given.items()},
            "nan": float("nan"),
        },
        tables=(table,),
        lines=("a line",),
        warnings=("odd",),
    )


def fail(*, how: str = "found", steps: int = 2) -> Outcome:
    """Fail in a named way."""
    for _ in track(range(steps), "failing"):
        pass
    errors: dict[str, BaseException] = {
        "usage": UsageError("a bad thing", where="f.json: id 3", seen=7, hint="mend it"),
        "loss": LossRefused("3 holes would be lost", hint="allow it"),
        "full": OSError(28, "No space left on device", "out.bin"),
        "absent": FileNotFoundError(2, "No such file or directory", "in.bin"),
        "memory": MemoryError("8 GiB"),
        "bug": KeyError("x\x1b[31m"),
        "interrupt": KeyboardInterrupt(),
    }
    if how in errors:
        raise errors[how]
    return Outcome({"how": how}, found=how == "found", failures=("a.png: bad",) * (how == "item"))
