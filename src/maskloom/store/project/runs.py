"""A project's trained models: folders `runs/1`, `runs/2`, ... beside its labels.

What is in such a folder is `core/run.py`. No database is opened here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from maskloom.core.run import WEIGHTS, Run
from maskloom.errors import CheckpointError
from maskloom.store.files import writing
from maskloom.store.project.address import DEFAULT_LAYER, Address, parse_address
from maskloom.store.project.layout import Layout, is_project


def project_address(data: str | Path) -> Address | None:
    """The address, where a project is named or one of its layers; None of anything else."""
    text = str(data)
    if "\0" in text:
        return None
    if is_project(text):
        return Address(Path(text))
    root = text.rpartition("::")[0]
    return parse_address(text) if root and is_project(root) else None


def with_layer(data: str | Path) -> str:
    """What PROJECT#NUMBER was meant to be: its address with a layer; empty of anything else."""
    root, mark, number = str(data).rpartition("#")
    named = mark and number.isdecimal() and "::" not in root and is_project(root)
    return f"{root}::{DEFAULT_LAYER}#{number}" if named else ""


def claim_run(root: Path) -> Path:
    """A new empty folder `runs/N` under the next free number; no other process gets the same.

    Raises:
        WriteError: it cannot be made.
    """
    folder = Layout(root).runs
    with writing(folder):
        folder.mkdir(exist_ok=True)
        number = 1 + max(_numbers(folder), default=0)
        while True:
            path = folder / str(number)
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            else:
                return path


def runs(root: Path) -> list[Path]:
    """The folders of a project's runs, finished or not, in the order of their numbers."""
    folder = Layout(root).runs
    return [folder / str(number) for number in sorted(_numbers(folder))]


def find_run(path: Path, root: Path | None) -> Path:
    """A run's folder as users name it: a path, or `runs/7` of the project in hand.

    Args:
        path: as typed.
        root: of the project whose data is trained on or predicted, if it is one.

    Returns:
        the folder in the project where it holds a model and the path itself does not.
    """
    if root is not None and not (path / WEIGHTS).is_file() and (root / path / WEIGHTS).is_file():
        return root / path
    return path


def run_of_layer(root: Path, layer: str) -> Path | None:
    """The folder of the project's run that a machine layer was predicted with."""
    for path in runs(root):
        try:
            run = Run.load(path)
        except CheckpointError:
            continue
        if layers_of_run(run, [layer]):
            return path
    return None


def layers_of_run(run: Run, names: Iterable[str]) -> list[str]:
    """Those layers that were predicted with a run, the one with the usual settings first.

    A layer that other settings were used for has a hash of its own: it is told by its name.
    """
    digest, named = f"@{run.weights_sha256[:12]}", f"{run.layer.partition('@')[0]}@"
    found = [n for n in names if n.startswith(named) or n.endswith(digest)]
    return sorted(found, key=lambda name: (not name.endswith(digest), name))


def trained_on(run: Path) -> frozenset[str]:
    """Keys of the samples that a run was trained on, as its list says; none without a list."""
    try:
        lines = (run / "train.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset(line for line in lines if line)


def held_out(run: Path, root: Path) -> str | None:
    """`@runs/N/val.txt`, the samples that a run of the project was not trained on, if it is one."""
    own = run.resolve().parent == Layout(root).runs.resolve()
    return f"@runs/{run.name}/val.txt" if own and (run / "val.txt").is_file() else None


def _numbers(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    names = (entry.name for entry in folder.iterdir() if entry.is_dir())
    return [int(n) for n in names if n.isascii() and n.isdecimal() and str(int(n)) == n]
