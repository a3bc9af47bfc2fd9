"""What `predict` says of what it did, to people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskloom.core.outcome import Outcome, Table, counted
from maskloom.core.segmenter import Segmenter
from maskloom.inference.asked import RunAuthor, format_name
from maskloom.inference.batch import Predicted
from maskloom.inference.project_layer import LayerAdded, said_of
from maskloom.inference.request import PredictRequest
from maskloom.inference.shares import said_of_share
from maskloom.inference.sources import Images
from maskloom.work.shards import Share


def layer_outcome(
    author: Segmenter | RunAuthor,
    images: Images,
    added: LayerAdded,
    *,
    run: Path | None,
    share: Share | None,
) -> Outcome:
    """Of predictions that became a layer of a project.

    Args:
        author: whose labels they are.
        images: that were asked for.
        added: what became of them.
        run: the folder of the network, None of a method.
        share: of this call.
    """
    results = {
        "project": str(added.address.root),
        "layer": added.address.layer,
        "address": str(added.address),
        "images": added.images,
        "new_images": added.new,
        "objects": added.objects,
        "resumed": added.resumed,
        "failed": len(added.failures),
        "written": added.written,
        "waiting": list(added.waiting),
        "taxonomy": author.taxonomy.to_json(),
    }
    rows: list[list[str | int]] = [["images", added.new], ["failed", len(added.failures)]]
    if added.objects:
        rows.insert(1, ["objects", added.objects])
    table = Table(f"predictions of {added.address.layer}", ["", "count"], rows)
    waits = (_waits(share, added.new, added.waiting, added.shared),) if not added.written else ()
    return Outcome(
        results,
        tables=(table,) if added.new else (),
        lines=waits or said_of(added, run),
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


def _waits(share: Share | None, images: int, waiting: tuple[int, ...], parts: int) -> str:
    assert share is not None, "only shares wait for others"
    return said_of_share(share, images, waiting, parts)


def file_outcome(
    request: PredictRequest,
    author: Segmenter | RunAuthor,
    images: Images,
    predicted: Predicted,
    share: Share | None,
) -> Outcome:
    """Of predictions that were written as a data set."""
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
    last = (
        written
        if predicted.written
        else _waits(share, predicted.images, predicted.waiting, predicted.shared)
    )
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
    said = f"{key}: {counted(facts['tiles'], 'tile')} of {tile} px, {cost}"
    share, pixels = facts["seam_disagreement"], facts["seam_pixels"]
    if share is not None and facts["mode"] == "exact":
        differing = f"{round(share * pixels)} of {pixels:,} px"
        said += f", {differing} checked at seams differ from a second reading"
    elif share is not None:
        said += f", windows disagree on {share:.2%} of what they share"
    conflicts = sum(facts.get("conflicts", {}).values())
    if conflicts:
        said += f", {counted(conflicts, 'conflict')} of objects at seams"
    if facts["damaged_journal_lines"]:
        lines = counted(facts["damaged_journal_lines"], "line")
        said += f", {lines} of the journal damaged and done again"
    return said
