"""What `predict` was asked for, and the errors that can be told before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from maskloom import registry
from maskloom.errors import UsageError
from maskloom.formats.detect import PROJECT
from maskloom.formats.target import refuse_nested
from maskloom.store.files import refuse_existing
from maskloom.store.project.address import Address
from maskloom.store.project.runs import find_run, project_address, runs

NETWORK_ENGINES = ("torch", "onnx", "openvino", "auto")
CLUSTERS = ("local", "ray")


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """The arguments of the verb, as plain fields; after `checked`, paths are resolved."""

    source: str
    model: str
    out: Path | None
    format: str
    from_: str | None
    split: str | None
    images: Path | None
    map_: tuple[str, ...]
    allow_loss: bool
    confidence: bool
    set_: tuple[str, ...]
    engines: tuple[str, ...] = ()
    workers: int = 1
    shard: str | None = None

    @property
    def project(self) -> Address | None:
        """The address of the source, where it is a project's."""
        return project_address(self.source) if self.from_ in (None, PROJECT) else None

    @property
    def engine(self) -> str:
        """What computes a network."""
        return next((name for name in self.engines if name in NETWORK_ENGINES), "torch")

    @property
    def cluster(self) -> Literal["local", "ray"]:
        """Where the work is spread."""
        return "ray" if "ray" in self.engines else "local"

    @property
    def method(self) -> bool:
        """Whether the model is a classical method."""
        return self.model in registry.METHODS


def checked(request: PredictRequest) -> PredictRequest:
    """The request with its run found; refuses targets that cannot be before anything is read."""
    _refuse_engines(request)
    address = request.project
    if not request.method:
        model = find_run(Path(request.model), None if address is None else address.root)
        refuse_unknown(model, None if address is None else address.root)
        request = replace(request, model=str(model))
    if request.out is not None:
        refuse_nested(Path(request.source), request.out)
        refuse_existing(request.out)
    elif address is None:
        raise UsageError(
            "no project, so where should the labels be written?",
            where=request.source,
            hint="say --out DST; only projects keep predictions as layers of their own",
        )
    return request


def refuse_unknown(path: Path, root: Path | None = None) -> None:
    """Raise UsageError, with what is near and what there is, unless a run's folder is there."""
    if path.is_dir():
        return
    own = [] if root is None else [f"runs/{one.name}" for one in runs(root)]
    near = get_close_matches(str(path), [*registry.METHODS, *own], 1)
    guess = f"did you mean {near[0]}? " if near else ""
    trained = (
        f"runs of the project: {', '.join(own[-20:]) or 'none yet'}" if root else "a run's folder"
    )
    raise UsageError(
        "neither a method nor the folder of a run",
        where="--model",
        seen=path,
        hint=f"{guess}give one of: {', '.join(registry.METHODS)}; or {trained}",
    )


def _refuse_engines(request: PredictRequest) -> None:
    """Names that are unknown, two of a kind, or an engine of networks for a method."""
    for kind in (NETWORK_ENGINES, CLUSTERS):
        if len(named := [name for name in request.engines if name in kind]) > 1:
            raise UsageError("two engines of one kind", where="--engine", seen=", ".join(named))
    known = (*NETWORK_ENGINES, *CLUSTERS)
    for name in request.engines:
        if name not in known:
            raise UsageError(
                "unknown engine",
                where="--engine",
                seen=name,
                hint=f"{', '.join(NETWORK_ENGINES)} compute a network; ray spreads the work",
            )
        if request.method and name in NETWORK_ENGINES and name != "auto":
            raise UsageError(
                "a method has no network to compute",
                where="--engine",
                seen=name,
                hint="leave out --engine",
            )
