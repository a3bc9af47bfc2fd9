"""What `predict` says of what it did, to people and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from statistics import median
from typing import Any

from maskloom.core.outcome import Outcome, Table, counted, was
from maskloom.core.segmenter import Segmenter
from maskloom.inference.asked import RunAuthor, format_name
from maskloom.inference.batch import Predicted
from maskloom.inference.project_layer import LayerAdded
from maskloom.inference.request import PredictRequest
from maskloom.inference.shares import said_of_share
from maskloom.inference.sources import Images
from maskloom.store.files import PARTIAL
from maskloom.store.project.runs import held_out
from maskloom.work.shards import Share

_LINES = 10
"""Images that are spoken of one by one."""


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
    resumed = _resumed(added.resumed, added.new, "from an unfinished call")
    return Outcome(
        results,
        tables=(table,) if added.new else (),
        lines=(*resumed, *(waits or said_of_layer(added, run))),
        warnings=(*_notes(images), *added.warnings),
        failures=added.failures,
    )


def said_of_layer(added: LayerAdded, run: Path | None) -> tuple[str, ...]:
    """Lines for people: where the layer is, and what to do with it.

    Args:
        added: the layer.
        run: the folder of the network, None of a method; what a run of the project was not
            trained on is what it is scored on.
    """
    root = added.address.root
    place, of = quote(str(root)), quote(f"{root}::{added.address.layer}")
    held = None if run is None else held_out(run, root)
    there = f"there already: {of}, {counted(added.images, 'image')}"
    split = f" --split {held}" if held else ""
    names = ", ".join(added.adopted[:8]) + (", ..." if len(added.adopted) > 8 else "")
    took = f"the project had no categories and has the model's now: {names}"
    return (
        *([took] if added.adopted else []),
        f"layer     {of}" if added.new else there,
        f"evaluate  maskloom evaluate {place} {of}{split}",
        f"review    maskloom review {place} {of}{split}",
    )


def _notes(images: Images) -> list[str]:
    if not images.absent:
        return []
    count, first = len(images.absent), images.absent[0]
    are = "is" if count == 1 else "are"
    return [f"{counted(count, 'image')} of the data set {are} not there, e.g. {first}"]


def _resumed(resumed: int, images: int, where: str) -> tuple[str, ...]:
    """What calls before had done: nothing to be warned of."""
    if not resumed:
        return ()
    return (f"{resumed} of {counted(images, 'image')} {was(resumed)} there already ({where})",)


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
    there = f"{request.out}{PARTIAL}"
    cut = said_of_cut(predicted.tiled)
    return Outcome(
        results,
        tables=(Table(f"predictions of {author.name}", ["", "count"], rows),),
        lines=(*_resumed(predicted.resumed, predicted.images, there), *cut, last),
        warnings=(*predicted.warnings, *_notes(images)),
        failures=predicted.failures,
    )


def said_of_cut(tiled: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """A line about each image that was cut; of many images one about all of them."""
    if len(tiled) <= _LINES:
        return tuple(said_of_tiles(key, facts) for key, facts in tiled.items())
    facts = list(tiled.values())
    blends = {one["mode"] == "blend" for one in facts}
    parts = counted(sum(one["tiles"] for one in facts), "window" if blends == {True} else "tile")
    cost = median(one["computed_per_pixel"] for one in facts)
    said = f"{len(facts)} images were cut: {parts}, {cost:.2f} px computed per px (median)"
    seams = [one for one in facts if one["seam_disagreement"] is not None]
    if seams:
        pixels = sum(one["seam_pixels"] for one in seams)
        differing = sum(one["seam_disagreement"] * one["seam_pixels"] for one in seams)
        worst = max(tiled, key=lambda key: tiled[key]["seam_disagreement"] or 0)
        most = tiled[worst]["seam_disagreement"] or 0
        said += f", {differing / max(1, pixels):.2%} of px differ at seams"
        said += f" (most: {most:.2%} of {worst})" if most else ""
    return (said + _odd(facts),)


def said_of_tiles(key: str, facts: Mapping[str, Any]) -> str:
    """One line about an image that was cut: how, and what was noticed at its seams."""
    tile = " × ".join(str(n) for n in facts["tile"])
    cost = f"{facts['computed_per_pixel']:.2f} px computed per px"
    part = "tile" if facts["mode"] == "exact" else "window"
    said = f"{key}: {counted(facts['tiles'], part)} of {tile} px, {cost}"
    share, pixels = facts["seam_disagreement"], facts["seam_pixels"]
    if share is not None and facts["mode"] == "exact":
        differing = f"{round(share * pixels)} of {pixels:,} px"
        said += f", {differing} checked at seams differ from a second reading"
    elif share is not None:
        said += f", windows disagree on {share:.2%} of what they share"
    return said + _odd([facts])


def _odd(facts: Sequence[Mapping[str, Any]]) -> str:
    """What earlier calls had done, and what was contradictory or damaged."""
    said = ""
    if resumed := sum(one["resumed"] for one in facts):
        blocks = counted(sum(one["blocks"] for one in facts), "block")
        said += f", {resumed} of {blocks} {was(resumed)} there already"
    conflicts = sum(sum(one.get("conflicts", {}).values()) for one in facts)
    if conflicts:
        said += f", {counted(conflicts, 'conflict')} of objects at seams"
    damaged = sum(one["damaged_journal_lines"] for one in facts)
    if damaged:
        said += f", {counted(damaged, 'line')} of the journal damaged and done again"
    return said
