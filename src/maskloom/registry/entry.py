"""What a table says of one name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Entry:
    """One name: where its factory lives, what it is for, what it needs.

    `kind` is of models: whether the network gives logits of pixels or boxes with masks.
    """

    target: str
    about: str
    task: tuple[str, ...] = ()
    extra: str = ""
    kind: Literal["dense", "detector"] = "dense"
