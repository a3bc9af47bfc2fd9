"""The work behind `predict`: request in, a data set of machine labels out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from maskloom.core.outcome import Outcome, Table, counted
from maskloom.core.run import Run
from maskloom.core.segmenter import Segmenter
from maskloom.formats.detect import load_format
from maskloom.formats.mapping import parse_renames
from maskloom.inference.asked import (
    ModelOptions,
    RunAuthor,
    author_of,
    format_name,
    maker_of,
    refuse_other_taxonomy,
    settings_of,
)
from maskloom.inference.assembly import Target
from maskloom.inference.batch import Predicted, predict_batch
from maskloom.inference.items import Spread
from maskloom.inference.request import PredictRequest, checked
from maskloom.inference.shares import said_of_share
from maskloom.inference.sources import Images, find_images
from maskloom.inference.tiling.options import TileOptions
from maskloom.work.executors import open_executor
from maskloom.work.shards import Share

_NOT_THE_LABELS = frozenset({"device", "memory"})
"""Options of a run that leave its labels as they are."""


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
    make = maker_of(request, settings["model"], images.taxonomy)
    share = None if request.shard is None else Share.parse(request.shard)
    author = author_of(request, make)
    with open_executor(request.cluster, request.workers) as executor:
        spread = Spread(make, executor, share, _tiles(settings["model"]))
        if request.out is None or fmt is None:
            return _to_project(request, author, images, settings["model"], spread)
        if not request.method:
            refuse_other_taxonomy(author, images.taxonomy, request)
        to = settings["to"]
        if not any(s.removeprefix("to.").startswith("images=") for s in request.set_):
            to = replace(to, images="none")
        target = Target(
            request.out, fmt, to, allow_loss=request.allow_loss, confidence=request.confidence
        )
        depends = {"options": settings["model"], "engine": _engine(request, author)}
        predicted = predict_batch(author, images, target, depends, spread=spread)
    return _outcome(request, author, images, predicted, share)


def _tiles(options: Any) -> TileOptions:
    return options.tiles if isinstance(options, ModelOptions) else TileOptions()


def _engine(request: PredictRequest, author: Segmenter | RunAuthor) -> str:
    """What computes the network; the last bits of its logits depend on it."""
    chosen = getattr(author, "engine", None)
    return request.engine if chosen is None else f"{chosen.name} {chosen.precision}"


def _to_project(
    request: PredictRequest,
    author: Segmenter | RunAuthor,
    images: Images,
    options: Any,
    spread: Spread,
) -> Outcome:
    """A layer of the project that the images are of."""
    from maskloom.inference.project_layer import (
        LayerRequest,
        predict_layer,
        said_of,
        settings_hash,
    )

    address = request.project
    assert address is not None, "checked() asks for a target outside projects"
    changed = {
        f.name: getattr(options, f.name)
        for f in fields(options)
        if f.name not in _NOT_THE_LABELS
        and getattr(options, f.name) != getattr(type(options)(), f.name)
    }
    if request.map_:
        changed["map"] = sorted(request.map_)
    run = None if request.method else Run.load(Path(request.model))
    name = request.model if run is None else run.id.partition("@")[0]
    digest = settings_hash(None if run is None else run.weights_sha256, changed)
    wanted = LayerRequest(
        address.root, name, digest, parse_renames(request.map_), request.confidence
    )
    added = predict_layer(author, images.samples, wanted, spread=spread)
    results = {
        "project": str(address.root),
        "layer": added.address.layer,
        "address": str(added.address),
        "images": added.images,
        "new_images": added.new,
        "objects": added.objects,
        "resumed": added.resumed,
        "failed": len(added.failures),
        "taxonomy": author.taxonomy.to_json(),
    }
    rows: list[list[str | int]] = [["images", added.new], ["failed", len(added.failures)]]
    if added.objects:
        rows.insert(1, ["objects", added.objects])
    table = Table(f"predictions of {added.address.layer}", ["", "count"], rows)
    return Outcome(
        results,
        tables=(table,) if added.new else (),
        lines=(
            said_of(added, None if run is None else run.path)
            if added.written
            else (_waits(spread.share, added.new, added.waiting),)
        ),
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


def _waits(share: Share | None, images: int, waiting: tuple[int, ...]) -> str:
    assert share is not None, "only shares wait for others"
    return said_of_share(share, images, waiting)


def _outcome(
    request: PredictRequest,
    author: Segmenter | RunAuthor,
    images: Images,
    predicted: Predicted,
    share: Share | None,
) -> Outcome:
    name = format_name(request)
    results = {
        "out": str(request.out),
        "format": name,
        "layer": author.name,
        "images": predicted.images,
        "objects": predicted.objects,
        "resumed": predicted.resumed,
        "failed": len(predicted.failures),
        "losses": dict(predicted.losses),
        "tiled": dict(predicted.tiled),
        "written": predicted.written,
        "waiting": list(predicted.waiting),
        "taxonomy": author.taxonomy.to_json(),
    }
    rows: list[list[str | int]] = [
        ["images", predicted.images],
        ["failed", len(predicted.failures)],
    ]
    if predicted.objects:
        rows.insert(1, ["objects", predicted.objects])
    written = f"written as {name}: {request.out}"
    last = written if predicted.written else _waits(share, predicted.images, predicted.waiting)
    return Outcome(
        results,
        tables=(Table(f"predictions of {author.name}", ["", "count"], rows),),
        lines=(*(said_of_tiles(key, facts) for key, facts in predicted.tiled.items()), last),
        warnings=(*predicted.warnings, *_notes(images, predicted.resumed)),
        failures=predicted.failures,
    )


def said_of_tiles(key: str, facts: Mapping[str, Any]) -> str:
    """One line about an image that was cut: how, and what was noticed at its seams."""
    tile = " × ".join(str(n) for n in facts["tile"])
    cost = f"{facts['computed_per_pixel']:.2f} px computed per px"
    said = f"{key}: {counted(facts['tiles'], 'tile')} of {tile}, {cost}"
    if facts["mode"] == "exact":
        said += ", as one pass gives it"
    elif facts["seam_disagreement"] is not None:
        said += f", windows disagree on {facts['seam_disagreement']:.2%} of what they share"
    conflicts = sum(facts.get("conflicts", {}).values())
    if conflicts:
        said += f", {counted(conflicts, 'conflict')} of objects at seams"
    if facts["damaged_journal_lines"]:
        lines = counted(facts["damaged_journal_lines"], "line")
        said += f", {lines} of the journal damaged and done again"
    return said
