"""How native threads behave beside other work on the same cores."""

from __future__ import annotations

import os


def yield_while_waiting() -> None:
    """Let OpenMP threads sleep at barriers instead of spinning.

    A network of small layers meets hundreds of barriers a step; when another process holds a
    core, spinning there costs many times the work itself. Takes effect only before the first
    native library with OpenMP is loaded, and never against the user's own setting.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
