"""What to say of a JSON text that is not read: damaged, or sound and beyond what is read."""

from __future__ import annotations

import json
from pathlib import Path

from maskloom.errors import FormatError


def unread_json(path: Path, error: Exception) -> FormatError:
    """The error for the user.

    Args:
        path: of the file.
        error: what `json` raised.
    """
    if isinstance(error, RecursionError):
        return FormatError(
            "values lie in one another too deep to be read",
            where=path,
            seen="hundreds of brackets within brackets",
            hint="take what lies so deep out of the file",
        )
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return FormatError("not valid JSON", where=path, seen=error, hint="copy it again")
    return FormatError(
        "a number of thousands of digits is not read",
        where=path,
        seen=error,
        hint="correct the number in the file",
    )
