"""The work behind `predict`: request in, a data set of machine labels out."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from maskloom.core.outcome import Outcome, Table
from maskloom.core.run import Run
from maskloom.core.segmenter import Segmenter
from maskloom.formats.detect import load_format
from maskloom.formats.mapping import parse_renames
from maskloom.inference.asked import format_name, maker_of, refuse_other_taxonomy, settings_of
from maskloom.inference.batch import Predicted, Target, predict_batch
from maskloom.inference.maker import made
from maskloom.inference.request import PredictRequest, checked
from maskloom.inference.sources import Images, find_images


def predict_run(request: PredictRequest) -> Outcome:
    """Find the images, label them, write them.

    Raises:
        MaskloomError: whatever is wrong with source, model, options or target.
    """
    request = checked(request)
    fmt = None if request.out is None else load_format(format_name(request))
    settings = settings_of(request, fmt)
    images = find_images(
        request.source,
        fmt=request.from_,
        options=settings.get("from"),
        images=request.images,
        split=request.split,
    )
    maker = maker_of(request, settings["model"], images.taxonomy)
    segmenter = made(maker)
    if request.out is None or fmt is None:
        return _to_project(request, segmenter, images, settings["model"])
    if not request.method:
        refuse_other_taxonomy(segmenter, images.taxonomy, request)
    to = settings["to"]
    if not any(s.removeprefix("to.").startswith("images=") for s in request.set_):
        to = replace(to, images="none")
    target = Target(
        request.out, fmt, to, allow_loss=request.allow_loss, confidence=request.confidence
    )
    predicted = predict_batch(segmenter, images, target, {"options": settings["model"]})
    return _outcome(request, segmenter, images, predicted, fmt.name)


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
