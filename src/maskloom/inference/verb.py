"""The work behind `predict`: request in, a data set of machine labels out."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from maskloom.core.outcome import Outcome
from maskloom.core.run import Run
from maskloom.core.segmenter import Segmenter
from maskloom.formats.detect import load_format
from maskloom.formats.mapping import parse_renames
from maskloom.inference.asked import (
    RunAuthor,
    author_of,
    format_name,
    maker_of,
    refuse_other_taxonomy,
    resolved,
    settings_of,
)
from maskloom.inference.assembly import Target
from maskloom.inference.batch import predict_batch
from maskloom.inference.items import Spread
from maskloom.inference.request import PredictRequest, checked
from maskloom.inference.said import file_outcome, layer_outcome
from maskloom.inference.sources import Images, find_images
from maskloom.inference.tiling.options import TileOptions
from maskloom.work.executors import open_executor
from maskloom.work.shards import Share

_CUT = frozenset({"device", "memory", "tile", "margin"})
"""Options that decide where images are cut; what is cut is kept by its plan."""


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
    request = resolved(request, settings["model"])
    make = maker_of(request, settings["model"], images.taxonomy)
    share = None if request.shard is None else Share.parse(request.shard)
    author = author_of(request, make)
    with open_executor(request.cluster, request.workers) as executor:
        tiles = getattr(settings["model"], "tiles", TileOptions())
        large = fmt is not None and fmt.large
        spread = Spread(make, executor, share, tiles, large)
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
        depends = {
            "options": _deciding(settings["model"], _CUT),
            "engine": _engine(request, author),
        }
        predicted = predict_batch(author, images, target, depends, spread=spread)
    return file_outcome(request, author, images, predicted, share)


def _deciding(options: Any, without: frozenset[str]) -> dict[str, Any]:
    """Options that decide the labels."""
    return {f.name: getattr(options, f.name) for f in fields(options) if f.name not in without}


def _engine(request: PredictRequest, author: Segmenter | RunAuthor) -> str:
    """What computes the network; the last bits of its logits depend on it."""
    chosen = getattr(author, "engine", None) if request.engine == "auto" else None
    return request.engine if chosen is None else str(chosen.name)


def _to_project(
    request: PredictRequest,
    author: Segmenter | RunAuthor,
    images: Images,
    options: Any,
    spread: Spread,
) -> Outcome:
    """A layer of the project that the images are of."""
    from maskloom.inference.project_layer import LayerRequest, predict_layer, settings_hash

    address = request.project
    assert address is not None, "checked() asks for a target outside projects"
    run = None if request.method else Run.load(Path(request.model))
    # of objects, the last ones at seams depend on where an image is cut
    whole = run is None or run.task == "semantic"
    usual = type(options)()
    given = _deciding(options, frozenset({"device", "memory"} if whole else {"device"}))
    changed = {name: value for name, value in given.items() if value != getattr(usual, name)}
    engine = _engine(request, author)
    if engine != "torch":
        changed["engine"] = engine
    if request.map_:
        changed["map"] = sorted(request.map_)
    name = request.model if run is None else run.id.partition("@")[0]
    digest = settings_hash(None if run is None else run.weights_sha256, changed)
    wanted = LayerRequest(
        address.root,
        name,
        digest,
        parse_renames(request.map_),
        request.confidence,
        {"engine": engine},
    )
    added = predict_layer(author, images.samples, wanted, spread=spread)
    return layer_outcome(
        author, images, added, run=None if run is None else run.path, share=spread.share
    )
