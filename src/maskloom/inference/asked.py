"""The segmenter that `--model` names, as something that any process can make."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from maskloom import registry
from maskloom.core.options import parse_settings
from maskloom.core.outcome import some_of
from maskloom.core.run import Run
from maskloom.core.segmenter import Segmenter
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import CheckpointError, UsageError
from maskloom.formats.base import Format
from maskloom.formats.mapping import parse_renames
from maskloom.inference.decode import Decoding
from maskloom.inference.maker import Maker, made
from maskloom.inference.request import PredictRequest
from maskloom.inference.sources import read_options
from maskloom.inference.tiling.choose import LEAST_GIB
from maskloom.inference.tiling.options import TileOptions
from maskloom.work.executors import worker_count


@dataclass(frozen=True, slots=True)
class ModelOptions(Decoding):
    """`--set model.KEY=VALUE` of a run: how its outputs become labels, and what it may take."""

    device: str = field(default="auto", metadata={"help": "auto, cpu, cuda, cuda:1, ..."})
    tile: int = field(
        default=0, metadata={"help": "side of the blocks of a large image, px; 0: by the memory"}
    )
    memory: float = field(
        default=2.0,
        metadata={"help": "GiB that one process may take; larger images are cut into blocks"},
    )
    margin: int = field(
        default=64, metadata={"help": "px around a block in which objects are labelled, too"}
    )

    white: float | None = field(
        default=None,
        metadata={
            "help": "value that is white in images of floats or 16 bit; none: as in the training"
        },
    )

    def __post_init__(self) -> None:
        # by name: super() without arguments does not know a class that slots have remade
        Decoding.__post_init__(self)
        for name, fits, hint in (
            ("memory", LEAST_GIB <= self.memory <= 1 << 20, f"give at least {LEAST_GIB} GiB"),
            ("tile", self.tile >= 0, "give a side in px, or 0 for one that fits"),
            ("margin", 0 <= self.margin <= 4096, "give 0 to 4096 px"),
        ):
            if not fits:
                seen = getattr(self, name)
                raise UsageError(f"option {name} is out of range", seen=seen, hint=hint)
        if self.white is not None and not 0 < self.white < math.inf:
            raise UsageError(
                "option white is out of range",
                seen=self.white,
                hint="give what the brightest pixels hold: 1, 255, 65535, ...",
            )

    @property
    def tiles(self) -> TileOptions:
        """The part that decides how large images are cut."""
        return TileOptions(self.tile, self.memory, self.margin)

    @property
    def decoding(self) -> Decoding:
        """The part that decides the labels."""
        names = Decoding.__slots__
        return Decoding(**{name: getattr(self, name) for name in names})


def settings_of(request: PredictRequest, fmt: Format | None) -> dict[str, Any]:
    """The options given with --set: of the model or method, the source and the target."""
    options = registry.load("methods", request.model).Options if request.method else ModelOptions
    targets: dict[str, type] = {"model": options}
    if fmt is not None:
        targets["to"] = fmt.WriteOptions
    reader = read_options(request.source, request.from_)
    if reader is not None:
        targets["from"] = reader
    return parse_settings(request.set_, targets)


def format_name(request: PredictRequest) -> str:
    """The format that is written: as asked, else what holds the labels of the task best."""
    if request.format != "auto":
        return request.format
    json = request.out is not None and request.out.suffix.lower() == ".json"
    if request.method:
        objects = "instance" in registry.METHODS[request.model].task
        return "coco" if objects or json else "bitmap"
    task = Run.load(Path(request.model)).task
    if task == "panoptic":
        return "coco-panoptic"
    return "coco" if task == "instance" or json else "bitmap"


def resolved(request: PredictRequest, options: Any) -> PredictRequest:
    """The request with the engine that `auto` means here in its place.

    Asked once and by whoever starts the call, so that every process computes with one engine and
    the journal names it. Workers have one thread each: theirs is the speed that counts.

    Args:
        request: checked.
        options: of `settings_of`.
    """
    if request.engine != "auto":
        return request
    others = tuple(name for name in request.engines if name != "auto")
    if request.method:  # nothing to choose
        return replace(request, engines=others)
    from maskloom.inference.engines.choose import auto_engine

    threads = None if _alone(request) else 1
    name = auto_engine(Run.load(Path(request.model)), device=options.device, threads=threads)
    return replace(request, engines=(name, *others))


def maker_of(request: PredictRequest, options: Any, taxonomy: Taxonomy | None) -> Maker:
    """What makes the segmenter.

    Args:
        request: of `resolved`.
        options: of `settings_of`.
        taxonomy: of the data; a method takes the name of its one category.
    """
    if request.method:
        factory = registry.load("methods", request.model)
        unnamed = options.category == factory.Options().category
        if taxonomy is not None and len(taxonomy.scored) == 1 and unnamed:
            options = replace(options, category=taxonomy[taxonomy.scored[0]].name)
        return partial(factory, options)
    from maskloom.inference.open_run import open_run

    return partial(
        open_run,
        Path(request.model),
        device=options.device,
        engine=request.engine,
        decoding=options.decoding,
        white=options.white,
    )


@dataclass(frozen=True, slots=True)
class RunAuthor:
    """Whose labels they are, where other processes make the segmenter."""

    name: str
    taxonomy: Taxonomy


def author_of(request: PredictRequest, make: Maker) -> Segmenter | RunAuthor:
    """Whose labels they are; the segmenter itself where this process labels."""
    if request.method or _alone(request):
        return made(make)
    run = Run.load(Path(request.model))
    return RunAuthor(run.layer, run.taxonomy)


def _alone(request: PredictRequest) -> bool:
    return request.cluster == "local" and worker_count(request.workers) == 1


def refuse_other_taxonomy(
    segmenter: Segmenter | RunAuthor, taxonomy: Taxonomy | None, request: PredictRequest
) -> None:
    """A model must know what the data's labels are called, or be told."""
    if taxonomy is None:
        return
    targets = segmenter.taxonomy.match(taxonomy, parse_renames(request.map_))
    unknown = [c.name for c, t in zip(taxonomy, targets, strict=True) if t is None and not c.void]
    if unknown:
        known = ", ".join(segmenter.taxonomy[i].name for i in segmenter.taxonomy.scored)
        raise CheckpointError(
            "the model was trained on other categories than the data has",
            where=request.model,
            seen=some_of(unknown, 8),
            hint=f"map them with --map OLD=NEW to the model's: {known}; or predict the image "
            "folder itself",
        )
