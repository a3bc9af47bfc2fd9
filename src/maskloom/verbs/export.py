"""`export`: write a layer of a project in a format."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskloom.core.outcome import Outcome
from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.formats.base import ReadOptions


@from_python
def export(
    project: Path,
    dst: Path,
    *,
    to: str,
    allow_loss: bool = False,
    split: str | None = None,
    map_: tuple[str, ...] = (),
    set_: tuple[str, ...] = (),
    workers: int = 1,
    engine: Literal["local", "ray"] = "local",
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
        workers: processes that read the project and compare what was written; 0 is one per core.
            One process writes, and the bytes are the same.
        engine: where workers run, on this machine or on Ray (RAY_ADDRESS names a cluster).

    Raises:
        UsageError: it is no project, the layer or revision is unknown, or an option is.
        DataError: the project is damaged.
        WriteError: dst exists or cannot be written.
    """
    from maskloom.core.options import parse_settings
    from maskloom.formats.detect import PROJECT, load_format
    from maskloom.formats.project import pinned
    from maskloom.formats.readers import open_readers
    from maskloom.formats.target import refuse_nested
    from maskloom.formats.transfer import transfer
    from maskloom.verbs.convert import outcome_of

    target = load_format(to)
    address = pinned(project)
    options = parse_settings(
        set_, {"from": load_format(PROJECT).ReadOptions, "to": target.WriteOptions}
    )
    refuse_nested(address.root, dst)
    # The address is pinned: every worker opens what this process does.
    opening = partial(_opened, str(address), options["from"], split, map_)
    dataset = opening()
    with open_readers(engine, workers, opening) as readers:
        done = transfer(
            dataset,
            dst,
            target,
            options=options["to"],
            allow_loss=allow_loss,
            readers=readers,
        )
    outcome = outcome_of(done, PROJECT, target.name, dst)
    pin = {
        "layer": address.layer,
        "sequence": address.at,
        "content_hash": dataset.content_hash() if done.written else None,
        "taxonomy_hash": dataset.taxonomy.hash,
    }
    said = (f"this is {address}",) if done.written else ()
    results = {**outcome.results, **pin}
    return replace(outcome, results=results, lines=(*outcome.lines, *said))


def _opened(
    address: str, options: ReadOptions, split: str | None, map_: tuple[str, ...]
) -> Dataset:
    """The layer as it is exported, here or in a worker."""
    from maskloom.formats.detect import PROJECT, read_dataset
    from maskloom.formats.rename import renamed

    return renamed(read_dataset(address, PROJECT, options=options, split=split), map_)
