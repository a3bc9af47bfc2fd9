"""What `--skip-bad` left out, counted in one line with the first of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from maskloom.core.outcome import counted, was

# Advice that was taken already.
_ADVICE = re.compile(r"(?<=[.?!]) [^.?!]*--skip-bad\.?$")


class LeftOut(str):
    """The warning, which also has the message for each thing that was left out."""

    __slots__ = ("messages",)
    messages: tuple[str, ...]


def left_out(bad: Sequence[str], noun: str = "invalid annotation") -> tuple[str, ...]:
    """One warning, or none.

    Args:
        bad: a message for each thing that was left out.
        noun: what one of them is.

    Returns:
        A `LeftOut`, so that `check` finds all of them.
    """
    if not bad:
        return ()
    messages = tuple(_ADVICE.sub("", one) for one in bad)
    count = len(messages)
    warning = LeftOut(f"{counted(count, noun)} {was(count)} left out, first: {messages[0]}")
    warning.messages = messages
    return (warning,)
