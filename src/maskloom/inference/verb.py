"""The work behind `predict`: request in, a data set of machine labels out."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from maskloom import registry
from maskloom.core.options import parse_settings
from maskloom.core.outcome import Outcome, Table
from maskloom.core.run import Run
from maskloom.core.segmenter import Segmenter
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import CheckpointError, UsageError
from maskloom.formats.base import Format
from maskloom.formats.detect import PROJECT, load_format
from maskloom.formats.mapping import parse_renames
from maskloom.formats.transfer import refuse_nested
from maskloom.inference.batch import Predicted, Target, predict_batch
from maskloom.inference.sources import Images, find_images, read_options
from maskloom.store.files import refuse_existing
from maskloom.store.project.address import Address
from maskloom.store.project.runs import find_run, project_address, runs


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How a network's output becomes objects."""

    depth: float = field(
        default=0.1,
        metadata={"help": "how far the predicted distance dips between two objects, 0 to 1"},
    )
    min_area: int = field(default=12, metadata={"help": "smaller objects are dropped, px"})
    device: str = field(default="auto", metadata={"help": "auto, cpu, cuda, cuda:1, ..."})

    def __post_init__(self) -> None:
        if not 0 < self.depth < 1 or self.min_area < 0:
            raise UsageError(
                "options out of range",
                seen=f"depth {self.depth}, min_area {self.min_area}",
                hint="depth between 0 and 1, min_area at least 0",
            )


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

    @property
    def project(self) -> Address | None:
        """The address of the source, where it is a project's."""
        return project_address(self.source) if self.from_ in (None, PROJECT) else None

    @property
    def method(self) -> bool:
        """Whether the model is a classical method."""
        return self.model in registry.METHODS


def predict_run(request: PredictRequest) -> Outcome:
    """Find the images, label them, write them.

    Raises:
        MaskloomError: whatever is wrong with source, model, options or target.
    """
    request = _checked(request)
    fmt = None if request.out is None else load_format(_format_name(request))
    settings = _settings(request, fmt)
    images = find_images(
        request.source,
        fmt=request.from_,
        options=settings.get("from"),
        images=request.images,
        split=request.split,
    )
    if request.method:
        segmenter = _method(request.model, settings["model"], images.taxonomy)
    else:
        segmenter = _network(Path(request.model), settings["model"])
    if request.out is None or fmt is None:
        return _to_project(request, segmenter, images, settings["model"])
    if not request.method:
        _refuse_other_taxonomy(segmenter, images.taxonomy, request)
    to = settings["to"]
    if not any(s.removeprefix("to.").startswith("images=") for s in request.set_):
        to = replace(to, images="none")
    target = Target(
        request.out, fmt, to, allow_loss=request.allow_loss, confidence=request.confidence
    )
    predicted = predict_batch(segmenter, images, target, {"options": settings["model"]})
    return _outcome(request, segmenter, images, predicted, fmt.name)


def _checked(request: PredictRequest) -> PredictRequest:
    """The request with its run found; refuses targets that cannot be before anything is read."""
    address = request.project
    if not request.method:
        model = find_run(Path(request.model), None if address is None else address.root)
        _refuse_unknown(model, None if address is None else address.root)
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


def _settings(request: PredictRequest, fmt: Format | None) -> dict[str, Any]:
    options = registry.load("methods", request.model).Options if request.method else DecodeOptions
    targets: dict[str, type] = {"model": options}
    if fmt is not None:
        targets["to"] = fmt.WriteOptions
    reader = read_options(request.source, request.from_)
    if reader is not None:
        targets["from"] = reader
    return parse_settings(request.set_, targets)


def _format_name(request: PredictRequest) -> str:
    if request.format != "auto":
        return request.format
    if request.out is not None and request.out.suffix.lower() == ".json":
        return "coco"
    if request.method:
        task = registry.METHODS[request.model].task
        return "coco" if "instance" in task else "bitmap"
    return "coco" if Run.load(Path(request.model)).task == "instance" else "bitmap"


def _refuse_unknown(path: Path, root: Path | None = None) -> None:
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


def _method(name: str, options: Any, taxonomy: Taxonomy | None) -> Segmenter:
    """A classical method; of a data set with one category it takes the name."""
    factory = registry.load("methods", name)
    unnamed = options.category == factory.Options().category
    if taxonomy is not None and len(taxonomy.scored) == 1 and unnamed:
        options = replace(options, category=taxonomy[taxonomy.scored[0]].name)
    segmenter: Segmenter = factory(options)
    return segmenter


def _network(path: Path, options: DecodeOptions) -> Segmenter:
    _refuse_unknown(path)
    from maskloom.inference.network import NetworkSegmenter

    return NetworkSegmenter.from_run(
        path, options.device, depth=options.depth, min_area=options.min_area
    )


def _refuse_other_taxonomy(
    segmenter: Segmenter, taxonomy: Taxonomy | None, request: PredictRequest
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
            seen=", ".join(unknown[:8]),
            hint=f"map them with --map OLD=NEW to the model's: {known}; or predict the image "
            "folder itself",
        )


def _to_project(
    request: PredictRequest, segmenter: Segmenter, images: Images, options: Any
) -> Outcome:
    """A layer of the project that the images are of."""
    from maskloom.inference.project_layer import (
        LayerRequest,
        predict_layer,
        said_of,
        settings_hash,
    )

    address = request.project
    assert address is not None, "_checked() asks for a target outside projects"
    changed = {
        f.name: getattr(options, f.name)
        for f in fields(options)
        if f.name != "device" and getattr(options, f.name) != getattr(type(options)(), f.name)
    }
    if request.map_:
        changed["map"] = sorted(request.map_)
    run = None if request.method else Run.load(Path(request.model))
    name = request.model if run is None else run.id.partition("@")[0]
    digest = settings_hash(None if run is None else run.weights_sha256, changed)
    wanted = LayerRequest(
        address.root, name, digest, parse_renames(request.map_), request.confidence
    )
    added = predict_layer(segmenter, images.samples, wanted)
    results = {
        "project": str(address.root),
        "layer": added.address.layer,
        "address": str(added.address),
        "images": added.images,
        "new_images": added.new,
        "objects": added.objects,
        "resumed": added.resumed,
        "failed": len(added.failures),
        "taxonomy": segmenter.taxonomy.to_json(),
    }
    rows: list[list[str | int]] = [["images", added.new], ["failed", len(added.failures)]]
    if added.objects:
        rows.insert(1, ["objects", added.objects])
    table = Table(f"predictions of {added.address.layer}", ["", "count"], rows)
    return Outcome(
        results,
        tables=(table,) if added.new else (),
        lines=said_of(added, None if run is None else run.path),
        warnings=(*_notes(images, added.resumed), *added.warnings),
        failures=added.failures,
    )


def _notes(images: Images, resumed: int) -> list[str]:
    notes = []
    if images.absent:
        count, first = len(images.absent), images.absent[0]
        notes.append(f"{count} images of the data set are not there, e.g. {first}")
    if resumed:
        notes.append(f"{resumed} images were labelled by an earlier, broken run")
    return notes


def _outcome(
    request: PredictRequest, segmenter: Segmenter, images: Images, predicted: Predicted, fmt: str
) -> Outcome:
    results = {
        "out": str(request.out),
        "format": fmt,
        "layer": segmenter.name,
        "images": predicted.images,
        "objects": predicted.objects,
        "resumed": predicted.resumed,
        "failed": len(predicted.failures),
        "losses": dict(predicted.losses),
        "taxonomy": segmenter.taxonomy.to_json(),
    }
    rows: list[list[str | int]] = [
        ["images", predicted.images],
        ["failed", len(predicted.failures)],
    ]
    if predicted.objects:
        rows.insert(1, ["objects", predicted.objects])
    return Outcome(
        results,
        tables=(Table(f"predictions of {segmenter.name}", ["", "count"], rows),),
        lines=(f"written as {fmt}: {request.out}",),
        warnings=(*predicted.warnings, *_notes(images, predicted.resumed)),
        failures=predicted.failures,
    )
