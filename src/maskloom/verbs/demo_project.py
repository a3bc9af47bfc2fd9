"""The project that `demo` leaves: a photograph to label, and what the network says of it.

No verb of its own: `demo.py` calls it when network and scores are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskloom.core.outcome import Table

NAME = "coins"
HELD_OUT = 1
"""How many of the photograph's parts are the split `val`."""


@dataclass(frozen=True, slots=True)
class DemoProject:
    """What lies ready in the project.

    Args:
        layer: of the network.
        images: how many there are.
        regions: how many disagreements wait in the review.
        first: the worst of them, in words.
    """

    layer: str
    images: int
    regions: int
    first: str


def make_project(work: Path, run: Path) -> DemoProject:
    """Make WORK/project: drawn labels as `main`, the network's as a layer, a review of both.

    The photograph is cut between its rows of coins, so that there is something to train on and
    something to validate on.

    Args:
        work: the demo's folder.
        run: the network.

    Raises:
        MaskloomError: it cannot be written.
    """
    from maskloom.verbs.predict import predict
    from maskloom.verbs.review import review

    root = work / "project"
    images = _import(root, work / "raw")
    layer = predict(str(root), model=str(run)).results["layer"]
    found = review(root, Path(f"{root}::{layer}")).results
    return DemoProject(layer, images, len(found["rows"]), _words(found["rows"]))


def _import(root: Path, raw: Path) -> int:
    """The photograph's parts with their drawn outlines; images are copied into the project."""
    import shutil

    from maskloom.core.dataset import Dataset
    from maskloom.store.demo_data import COIN, real_samples
    from maskloom.store.project import Project

    drawn = list(real_samples(raw, rows=True))
    samples = tuple(sample for sample, _ in drawn)
    labels = {sample.key: said for sample, said in drawn}
    keys = [sample.key for sample in samples]
    splits = {"train": tuple(keys[:-HELD_OUT]), "val": tuple(keys[-HELD_OUT:])}
    dataset = Dataset(COIN, samples, lambda sample: labels[sample.key], splits, name=NAME)
    with Project.create(root, name=NAME) as project:
        project.add(dataset, "main", copy=True, author="drawn by hand")
    shutil.rmtree(raw)
    return len(samples)


def _words(regions: list[dict[str, Any]]) -> str:
    if not regions:
        return "nothing: the network agrees with the labels everywhere"
    worst = regions[0]
    return f"on {worst['sample']}, {worst['reason']}"


def next_steps(out: Path, ready: DemoProject) -> list[tuple[str, str, str]]:
    """(word, command, what it is for), each of which can be copied."""
    from shlex import quote

    from maskloom.core.outcome import counted

    command, run, project = _command(), quote(str(out / "run")), quote(str(out / "project"))
    places = counted(ready.regions, "place") + " where network and labels differ; first "
    places += ready.first
    return [
        ("next", f"{command} predict YOUR_IMAGES --model {run} --out predicted", "your own images"),
        (
            "again",
            f"{command} train {project} --resume-from {run} --steps 60",
            "after labelling: scores before and after",
        ),
        ("label", f"{command} label {project}", places),
    ]


def next_table(out: Path, ready: DemoProject) -> Table:
    """The same for the report."""
    from maskloom.core.outcome import Table

    return Table("What to do next", ("", "command", "for"), next_steps(out, ready))


def _command() -> str:
    """How this command was called, so that the next one can be copied."""
    import shlex
    import shutil
    import sys

    return "maskloom" if shutil.which("maskloom") else shlex.quote(sys.argv[0])
