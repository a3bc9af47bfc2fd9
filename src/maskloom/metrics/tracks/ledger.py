"""Which sequences a family has seen, and whether their objects say who is who.

Scores of sequences need a track of every object on both sides; where none has one, the data are
no sequences of objects, and where some lack one, an identity cannot be known.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.outcome import counted

State = dict[str, NDArray[np.generic]]
_SIDES = ("truth", "prediction")


class Ledger:
    """Sequences with the lowest order of their samples, and objects with and without a track."""

    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        self.objects = np.zeros((2, 2), np.int64)

    def note(self, sequence: str, order: int, truth: Rows, predicted: Rows) -> bool:
        """Note a frame.

        Args:
            sequence: its name.
            order: place of the sample in the data set.
            truth: its objects.
            predicted: likewise.

        Returns:
            whether each of them has a track.
        """
        self.orders[sequence] = min(order, self.orders.get(sequence, order))
        lost = [int((rows.track < 0).sum()) for rows in (truth, predicted)]
        self.objects += [[len(truth) - lost[0], lost[0]], [len(predicted) - lost[1], lost[1]]]
        return not any(lost)

    @property
    def silent(self) -> bool:
        """No object of the truth has a track, or none of the prediction's objects."""
        (true, _), (found, lost) = self.objects.tolist()
        return not true or (not found and lost > 0)

    def notes(self, scores: str) -> tuple[str, ...]:
        """Why there are no scores, where that is for the prediction alone."""
        if not self.silent or not self.objects[0, 0]:
            return ()
        return (f"{scores} are not given: no object of the prediction has a track",)

    def lost(self) -> str:
        """Who lacks a track though others have one; empty where nobody does."""
        return " and ".join(
            f"{counted(without, 'object')} of the {side} without a track"
            for side, (_, without) in zip(_SIDES, self.objects.tolist(), strict=True)
            if without
        )

    def merge(self, other: Ledger) -> None:
        """Add what another worker noted."""
        for name, order in other.orders.items():
            self.orders[name] = min(order, self.orders.get(name, order))
        self.objects += other.objects

    def state(self) -> State:
        """What is noted, as arrays."""
        names = sorted(self.orders)
        orders = np.array([self.orders[name] for name in names], np.int64)
        found: State = {"seen": np.array(names, np.str_), "orders": orders}
        return {**found, "objects": self.objects.copy()}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays are missing, or of another shape or kind.
        """
        if not {"seen", "orders", "objects"} <= set(state):
            raise ValueError(f"sequences are missing from {sorted(state)}")
        names, orders, objects = (state[name] for name in ("seen", "orders", "objects"))
        kinds = names.dtype.kind + orders.dtype.kind + objects.dtype.kind
        if kinds != "Uii" or names.shape != orders.shape or objects.shape != (2, 2):
            raise ValueError(f"sequences are {names.dtype}{names.shape}, objects {objects.shape}")
        pairs = zip(names, orders.astype(np.int64), strict=True)
        self.orders = {str(name): int(order) for name, order in pairs}
        self.objects = objects.astype(np.int64)
