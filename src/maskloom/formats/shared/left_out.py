"""What `--skip-bad` left out, counted in one line with the first of it."""

from __future__ import annotations

from collections.abc import Sequence

from maskloom.core.outcome import counted, was


def left_out(bad: Sequence[str], noun: str = "invalid annotation") -> tuple[str, ...]:
    """One warning, or none.

    Args:
        bad: a message for each thing that was left out.
        noun: what one of them is.
    """
    if not bad:
        return ()
    return (f"{counted(len(bad), noun)} {was(len(bad))} left out, first: {bad[0]}",)
