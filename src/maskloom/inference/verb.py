"""The work behind `predict`: request in, a data set of machine labels out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskloom import registry
from maskloom.core.options import parse_settings
from maskloom.core.outcome import Outcome, Table
from maskloom.core.segmenter import Segmenter
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import CheckpointError, UsageError
from maskloom.formats.detect import load_format
from maskloom.formats.mapping import parse_renames
from maskloom.formats.transfer import refuse_nested
from maskloom.inference.batch import Predicted, Target, predict_batch
from maskloom.inference.sources import Images, find_images, read_options


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
    """The arguments of the verb, as plain fields."""

    source: str
    model: str
    out: Path
    format: str
    from_: str | None
    split: str | None
    images: Path | None
    map_: tuple[str, ...]
    allow_loss: bool
    confidence: bool
    set_: tuple[str, ...]


def predict_run(request: PredictRequest) -> Outcome:
    """Find the images, label them, write them.

    Raises:
        MaskloomError: whatever is wrong with source, model, options or target.
    """
    refuse_nested(Path(request.source), request.out)
    method = request.model in registry.METHODS
    model_options = registry.load("methods", request.model).Options if method else DecodeOptions
    reader = read_options(request.source, request.from_)
    fmt = load_format(_format_name(request, method=method))
    targets: dict[str, type] = {"model": model_options, "to": fmt.WriteOptions}
    if reader is not None:
        targets["from"] = reader
    settings = parse_settings(request.set_, targets)
    images = find_images(
        request.source,
        fmt=request.from_,
        options=settings.get("from"),
        images=request.images,
        split=request.split,
    )
    if method:
        segmenter = _method(request.model, settings["model"], images.taxonomy)
    else:
        segmenter = _network(Path(request.model), settings["model"])
        _refuse_other_taxonomy(segmenter, images.taxonomy, request)
    to = settings["to"]
    if not any(s.removeprefix("to.").startswith("images=") for s in request.set_):
        to = replace(to, images="none")
    target = Target(
        request.out, fmt, to, allow_loss=request.allow_loss, confidence=request.confidence
    )
    predicted = predict_batch(segmenter, images, target, {"options": settings["model"]})
    return _outcome(request, segmenter, images, predicted, fmt.name)


def _format_name(request: PredictRequest, *, method: bool) -> str:
    if request.format != "auto":
        return request.format
    if request.out.suffix.lower() == ".json":
        return "coco"
    if method:
        task = registry.METHODS[request.model].task
        return "coco" if "instance" in task else "bitmap"
    from maskloom.core.run import Run

    _refuse_unknown(Path(request.model))
    return "coco" if Run.load(Path(request.model)).task == "instance" else "bitmap"


def _refuse_unknown(path: Path) -> None:
    if not path.is_dir():
        known = ", ".join(registry.METHODS)
        raise UsageError(
            "neither a method nor the folder of a run",
            where="--model",
            seen=path,
            hint=f"give a run's folder or one of: {known}; models are trained first",
        )


def _method(name: str, options: Any, taxonomy: Taxonomy | None) -> Segmenter:
    """A classical method; of a data set with one category it takes the name."""
    factory = registry.load("methods", name)
    if taxonomy is not None and len(taxonomy.scored) == 1 and options == factory.Options():
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


def _outcome(
    request: PredictRequest, segmenter: Segmenter, images: Images, predicted: Predicted, fmt: str
) -> Outcome:
    warnings = list(predicted.warnings)
    if images.absent:
        warnings.append(
            f"{len(images.absent)} images of the data set are not there, e.g. {images.absent[0]}"
        )
    if predicted.resumed:
        warnings.append(f"{predicted.resumed} images were labelled by an earlier, broken run")
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
        warnings=tuple(warnings),
        failures=predicted.failures,
    )
