"""What a run begins from, settled and written down before its first step.

    RUN/begun.json   the state of the data (address and sequence number in a project), the run
                     whose weights it starts from, and what that run scores on the same samples

A run that goes on reads it back: the data as they were, the scores as they were judged.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskloom.core.outcome import plain
from maskloom.core.run import Run
from maskloom.errors import CheckpointError
from maskloom.store.files import PARTIAL, atomic_write_bytes, writing
from maskloom.training.request import BEGUN


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a run comes from; everything is plain JSON.

    Args:
        data: address, project id, sequence number and content hash; empty outside projects.
        parent: id, path and hashes of the run to start from; empty if none.
        before: the parent's scores on the validation samples: metrics, per_class, reasons, notes.
        labels: how many samples changed since the parent's data; empty where that is not known.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    parent: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)

    def of_project(self, run: Run) -> bool:
        """Whether a run was trained on the same project."""
        return bool(self.data) and self.data["project"] == run.data.get("project")

    def save(self, out: Path) -> None:
        """Write RUN/begun.json.

        Raises:
            WriteError: the folder cannot be written.
        """
        values = {name: plain(getattr(self, name)) for name in Beginning.__slots__}
        text = json.dumps(values, indent=1, ensure_ascii=False)
        atomic_write_bytes(out / BEGUN, text.encode())


def prepare_folder(out: Path, beginning: Beginning) -> None:
    """Make the run's folder and write down what it begins from.

    Raises:
        WriteError: it cannot be written.
    """
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for left in out.glob(f".*{PARTIAL}"):  # of a killed process
            left.unlink()
    beginning.save(out)


def forget_unbegun(out: Path) -> None:
    """Remove a run's folder that an error left before there was a state to go on from.

    A corrected command is then not refused for what the wrong one left.
    """
    known = {BEGUN, "train.txt", "val.txt"}
    if out.is_dir() and {path.name for path in out.iterdir()} <= known:
        shutil.rmtree(out)


def load_beginning(out: Path) -> Beginning:
    """Read RUN/begun.json; a run of before there was one began from nothing.

    Raises:
        CheckpointError: the file is damaged.
    """
    file = out / BEGUN
    if not file.is_file():
        return Beginning()
    try:
        data = json.loads(file.read_bytes())
        return Beginning(**{name: dict(data[name]) for name in Beginning.__slots__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "what the run began from cannot be read",
            where=file,
            seen=error,
            hint="remove the run's folder and train anew",
        ) from error


def parent_facts(parent: Run, root: Path | None) -> dict[str, Any]:
    """What model.json keeps of the run that the weights came from."""
    path = parent.path.resolve()
    inside = root is not None and path.is_relative_to(root.resolve())
    shown = path.relative_to(root.resolve()) if inside and root is not None else path
    out = {
        "id": parent.id,
        "path": shown.as_posix(),
        "weights_sha256": parent.weights_sha256,
        "data_sha256": parent.data["train"]["sha256"],
    }
    known = {name: parent.data[name] for name in ("address", "sequence") if name in parent.data}
    return out | known
