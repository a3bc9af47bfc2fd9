"""`export`: write a layer of a project in a format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from maskloom.core.outcome import Outcome


def export(
    project: Path,
    dst: Path,
    *,
    to: str,
    allow_loss: bool = False,
    split: str | None = None,
    map_: tuple[str, ...] = (),
    set_: tuple[str, ...] = (),
) -> Outcome:
    """Write a layer of a project in a format, exactly or not at all.

    The result names the sequence number that was written, so that PROJECT::LAYER#NUMBER gives
    the same labels, taxonomy and splits at any later time. What a later import learns of an image
    itself (its place, size, sha256, tags, group) is not pinned: it is written as known now.

    Args:
        project: PROJECT[::LAYER[#REVISION]]; by default the layer main, as it is now.
        dst: a folder, or a .json file for coco; must not exist.
        to: format of the target.
        allow_loss: write although the target cannot hold everything.
        split: export this split only.
        map_: OLD=NEW renames a category; the same NEW twice merges.
        set_: options, from.KEY=VALUE and to.KEY=VALUE.

    Raises:
        UsageError: it is no project, the layer or revision is unknown, or an option is.
        DataError: the project is damaged.
        WriteError: dst exists or cannot be written.
    """
    from maskloom.core.options import parse_settings
    from maskloom.formats.detect import PROJECT, load_format, read_dataset
    from maskloom.formats.project import pinned
    from maskloom.formats.rename import renamed
    from maskloom.formats.transfer import refuse_nested, transfer
    from maskloom.verbs.convert import outcome_of

    target = load_format(to)
    address = pinned(project)
    options = parse_settings(
        set_, {"from": load_format(PROJECT).ReadOptions, "to": target.WriteOptions}
    )
    refuse_nested(address.root, dst)
    dataset = renamed(
        read_dataset(str(address), PROJECT, options=options["from"], split=split), map_
    )
    done = transfer(dataset, dst, target, options=options["to"], allow_loss=allow_loss)
    outcome = outcome_of(done, PROJECT, target.name, dst)
    pin = {
        "layer": address.layer,
        "sequence": address.at,
        "content_hash": dataset.content_hash() if done.written else None,
        "taxonomy_hash": dataset.taxonomy.hash,
    }
    return replace(
        outcome,
        results={**outcome.results, **pin},
        lines=(*outcome.lines, *([f"this is {address}"] if done.written else [])),
    )
