"""Where the exports of a run lie, what they say of themselves, and whether they are of its weights.

Making them needs torch and is `inference/export.py`; reading them needs nothing.
"""

from __future__ import annotations

import importlib.util
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maskloom.core.run import Run
from maskloom.errors import CheckpointError, MissingExtra
from maskloom.inference.engines.seal import check_seal, read_seal
from maskloom.version import __version__

Target = Literal["onnx", "openvino", "torch-export"]
TARGETS: tuple[Target, ...] = ("onnx", "openvino", "torch-export")
FOLDER = "exports"
_PLACES = {"onnx": "model.onnx", "openvino": "openvino/model.xml", "torch-export": "model.pt2"}
IMAGE, LOGITS = "image", "logits"
"""Names of the input (1, C, H, W), normalised, and of the output (1, K, H, W)."""
ALIVE = "alive_bytes_per_pixel"
"""The key under which an export says what its maps take, see `engines/footprint.py`."""
ABOUT = "maskloom.json"
"""The description inside a program of torch, which is a zip archive."""
State = Literal["current", "older weights", "damaged"]


@dataclass(frozen=True, slots=True)
class Found:
    """An export that lies in a run's folder.

    Args:
        to: what it is for.
        path: the file to open.
        size_bytes: of all its files.
        state: of the run's weights or of earlier ones; damaged if it cannot be opened.
    """

    to: Target
    path: Path
    size_bytes: int
    state: State


def export_path(run: Run, to: Target, folder: Path | None = None) -> Path:
    """The file that is opened, in the run's folder `exports` or another."""
    return (folder or run.path / FOLDER) / _PLACES[to]


def is_current(run: Run, path: Path) -> bool:
    """Whether there is an export of the run's weights; a damaged one is not looked through.

    Raises:
        CheckpointError: there is something else.
    """
    return path.is_file() and read_seal(path).weights_sha256 == run.weights_sha256


def found_exports(run: Run) -> list[Found]:
    """The exports in a run's folder, read through and compared with their hashes."""
    found = []
    for to in TARGETS:
        path = export_path(run, to)
        if path.is_file():
            files = path.parent.iterdir() if to == "openvino" else (path,)
            size = sum(file.stat().st_size for file in files)
            found.append(Found(to, path, size, _state(run, to, path)))
    return found


def _state(run: Run, to: Target, path: Path) -> State:
    try:
        if to == "torch-export":
            weights = _archived(path)["weights_sha256"]
        else:
            weights = check_seal(path).weights_sha256
    except (CheckpointError, OSError, ValueError, KeyError, zipfile.BadZipFile):
        return "damaged"
    return "current" if weights == run.weights_sha256 else "older weights"


def _archived(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        name = next((one for one in archive.namelist() if one.endswith(ABOUT)), ABOUT)
        if archive.testzip() is not None:
            raise ValueError("a checksum of the archive is wrong")
        about: dict[str, str] = json.loads(archive.read(name))
        return about


def description(run: Run) -> dict[str, str]:
    """What an export says of itself: all that a program needs to feed it and to read its output."""
    pre = run.preprocessing
    texts = {
        "version": __version__,
        "run": run.id,
        "model": run.model,
        "task": run.task,
        "weights_sha256": run.weights_sha256,
        "stride": str(pre.stride),
    }
    values = {
        "channels": list(pre.channels),
        "background": run.background,
        "preprocessing": pre.to_json(),
        "taxonomy": run.taxonomy.to_json(),
    }
    return texts | {k: json.dumps(v, ensure_ascii=False) for k, v in values.items()}


def importable(package: str) -> bool:
    """Whether a package is installed; it is not imported."""
    return importlib.util.find_spec(package) is not None


def missing(package: str | None, extra: str, why: str) -> MissingExtra:
    """The error for a package that is not installed."""
    return MissingExtra(
        f"{why} needs the package {package!r}",
        hint=f"install it with: pip install 'maskloom[{extra}]'",
    )
