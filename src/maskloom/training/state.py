"""What a killed run needs to go on bit for bit: one file, written by rename.

Batches and dropout depend on (seed, step) alone, so weights, averages, optimiser moments, the
step and the curves are all there is.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from maskloom.errors import CheckpointError
from maskloom.store.files import atomic_write_bytes

STATE = "state.pt"
_VERSION = 1


@dataclass(slots=True)
class State:
    """A run in the middle.

    Args:
        step: batches done.
        best: highest validation score so far, and the step it is of; `best_tie` is the score that
            tells equal ones apart.
        since_best: validations without a better score.
        seconds: spent on steps, over all sittings.
        validating: seconds spent on validations.
        finished: whether the last step, the time limit or early stopping was reached.
        recent: running means of the losses, for the log.
        curves: column name → one value per logged point; NaN where not measured.
        fixed: what must not change on resume: recipe, seed, steps, data hash, precision, ...
    """

    fixed: dict[str, Any]
    step: int = 0
    best: float = -1.0
    best_step: int = 0
    since_best: int = 0
    best_tie: float = -1.0
    seconds: float = 0.0
    validating: float = 0.0
    finished: bool = False
    recent: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)


def save_state(folder: Path, state: State, tensors: dict[str, Any]) -> None:
    """Write RUN/state.pt.

    Args:
        folder: the run's.
        state: plain values.
        tensors: state dicts of network, averages and optimiser.

    Raises:
        WriteError: the folder cannot be written; the previous state stays.
    """
    buffer = io.BytesIO()
    plain = {name: getattr(state, name) for name in State.__slots__}
    torch.save({"version": _VERSION, "state": plain, "tensors": tensors}, buffer)
    atomic_write_bytes(folder / STATE, buffer.getbuffer())


def load_state(folder: Path) -> tuple[State, dict[str, Any]]:
    """Read RUN/state.pt; code in it is never run.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    file = folder / STATE
    if not file.is_file():
        raise CheckpointError(
            "no state to resume from", where=file, hint="leave out --resume to start anew"
        )
    try:
        data = torch.load(file, map_location="cpu", weights_only=True)
        if data["version"] != _VERSION:
            raise CheckpointError(
                "the state is of another version", where=file, seen=data["version"]
            )
        return State(**data["state"]), data["tensors"]
    except (
        RuntimeError,
        KeyError,
        TypeError,
        EOFError,
        ValueError,
        OSError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        raise CheckpointError(
            "the state is damaged",
            where=file,
            seen=error,
            hint="remove the run's folder and train anew",
        ) from error
