"""What a verb shows beside its main result: a part of the machine form, and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from maskloom.core.outcome import Table


class Beside(Protocol):
    """One such part."""

    @property
    def name(self) -> str:
        """Its key in the results."""

    def results(self) -> Any:
        """The machine form."""

    def notes(self) -> tuple[str, ...]:
        """What a reader must know of it."""

    def tables(self) -> tuple[Table, ...]:
        """The same for people."""
