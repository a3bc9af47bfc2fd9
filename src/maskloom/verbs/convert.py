"""`convert`: translate labels between formats."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskloom.core.outcome import Outcome, Table, counted
from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.formats.base import ReadOptions
    from maskloom.formats.tally import LossTotal
    from maskloom.formats.transfer import Transfer
    from maskloom.work.shards import Share


@from_python
def convert(
    src: Path,
    dst: Path,
    *,
    to: str,
    from_: str | None = None,
    allow_loss: bool = False,
    map_: tuple[str, ...] = (),
    split: str | None = None,
    images: Path | None = None,
    skip_bad: bool = False,
    set_: tuple[str, ...] = (),
    workers: int = 1,
    engine: Literal["local", "ray"] = "local",
    shard: str | None = None,
) -> Outcome:
    """Translate labels between formats, exactly or not at all.

    What was written is read back and compared before it appears. What the target cannot hold is
    counted; without --allow-loss a conversion that loses anything writes nothing and ends with 1.

    Args:
        src: a data set in any known format, or PROJECT[::LAYER[#REVISION]].
        dst: a folder, or a .json file for coco; must not exist.
        to: format of the target.
        from_: format of the source; found by content where not given.
        allow_loss: write although the target cannot hold everything.
        map_: OLD=NEW renames a category; the same NEW twice merges.
        split: convert this split only.
        images: folder under which to look for the images.
        skip_bad: leave invalid annotations out and count them.
        set_: options of the formats, from.KEY=VALUE and to.KEY=VALUE.
        workers: processes that read the source and compare what was written; 0 is one per core.
            One process writes, and the bytes are the same.
        engine: where workers run, on this machine or on Ray (RAY_ADDRESS names a cluster).
        shard: i/N: convert only the i-th of N shares, each into a data set of its own: the images
            whose keys fall to it by their hash. A share without images writes nothing, and ends
            with 0.

    Raises:
        UsageError: an option or name is unknown, or dst lies in src.
        DataError: the source is invalid.
        WriteError: dst exists or cannot be written.
    """
    from maskloom.core.options import parse_settings
    from maskloom.formats.detect import load_format
    from maskloom.formats.readers import open_readers
    from maskloom.formats.target import refuse_nested
    from maskloom.formats.transfer import transfer
    from maskloom.work.shards import Share

    target = load_format(to)
    source = load_format(from_ or _found(src, target.name))
    options = parse_settings(set_, {"from": source.ReadOptions, "to": target.WriteOptions})
    refuse_nested(src, dst)
    opening = partial(
        _opened,
        src,
        source.name,
        options["from"],
        images,
        split,
        map_,
        skip_bad=skip_bad,
        share=None if shard is None else Share.parse(shard),
    )
    dataset = opening()
    if shard is not None and not dataset.samples:
        return _empty_share(dataset, shard, source.name, target.name, dst)
    with open_readers(engine, workers, opening) as readers:
        done = transfer(
            dataset, dst, target, options=options["to"], allow_loss=allow_loss, readers=readers
        )
    return outcome_of(done, source.name, target.name, dst)


def _found(src: Path, to: str) -> str:
    """The source's format by content; who writes panoptic files wants them where they lie."""
    from maskloom.formats.detect import detect_format, panoptic_format

    wanted = panoptic_format(src)
    return wanted if wanted == to else detect_format(src).name


def _opened(
    src: Path,
    fmt: str,
    options: ReadOptions,
    images: Path | None,
    split: str | None,
    map_: tuple[str, ...],
    *,
    skip_bad: bool,
    share: Share | None,
) -> Dataset:
    """The source as it is converted, here or in a worker."""
    from maskloom.formats.detect import read_dataset
    from maskloom.formats.rename import renamed

    dataset = read_dataset(src, fmt, options=options, images=images, split=split, skip_bad=skip_bad)
    if share is not None:
        dataset = dataset.within(sample.key for sample in dataset.samples if share.has(sample.key))
    return renamed(dataset, map_)


def _empty_share(dataset: Dataset, shard: str, source: str, target: str, dst: Path) -> Outcome:
    """A share to which no image falls is done: its job among many has not failed."""
    from maskloom.formats.transfer import Transfer

    outcome = outcome_of(Transfer(0, warnings=dataset.warnings), source, target, dst)
    line = f"no image falls to share {shard}: nothing was written"
    return replace(outcome, lines=(line,), found=False)


def outcome_of(done: Transfer, source: str, target: str, dst: Path) -> Outcome:
    """What a transfer from one format to another did, for people and programs."""
    results = {
        "from": source,
        "to": target,
        "target": dst,
        "written": done.written,
        "images": done.images,
        **_counts(done),
        "losses": {
            loss.kind: {
                "samples": loss.samples,
                "objects": loss.objects,
                "pixels": loss.pixels,
                "refused": loss.refused,
                "example": loss.example,
                "first": [asdict(one) for one in loss.first],
            }
            for loss in done.losses
        },
    }
    tables = _tables(done, target)
    if not done.written:
        line = f"nothing was written: {target} cannot hold everything; --allow-loss writes the rest"
        return Outcome(results, tables, (line, *_hints(done, source)), done.warnings, found=True)
    return Outcome(results, tables, (_written(done, dst),), done.warnings)


def _tables(done: Transfer, target: str) -> tuple[Table, ...]:
    """What is lost, with an object to look at; and what is only said no more."""
    lost = [
        (loss.kind, loss.what, loss.samples, loss.objects, loss.pixels, _first(loss))
        for loss in done.refused
    ]
    told = [
        (loss.kind, loss.what, loss.samples, loss.objects)
        for loss in done.losses
        if not loss.refused
    ]
    word = "lost, as was allowed" if done.written else "refused unless --allow-loss"
    columns = ("kind", "what", "images", "objects", "pixels", "first")
    tables = (
        Table(f"What {target} cannot hold: {word}", columns, lost),
        Table(f"What {target} drops, the pixels stay exact: told only", columns[:4], told),
    )
    return tuple(table for table in tables if table.rows)


def _first(loss: LossTotal) -> str | None:
    """An object that is concerned, else the image."""
    if loss.first:
        return str(loss.first[0])
    return None if loss.named else loss.example.partition(": ")[0] or None


def _hints(done: Transfer, source: str) -> tuple[str, ...]:
    """Options that keep what was refused."""
    from maskloom.formats.detect import load_format

    options = {one.name for one in fields(load_format(source).ReadOptions)}
    if "ignored" in options and any(loss.kind == "ignored" for loss in done.refused):
        return (
            "--set from.ignored=true reads the classes that scores ignore as classes, not void",
        )
    return ()


def _counts(done: Transfer) -> dict[str, int]:
    """Objects and pixels, as far as they are known: what was not written cannot come back."""
    counts = {"objects": done.objects, "labelled_pixels": done.labelled_pixels or None}
    back = {"exact_objects": done.exact_objects, "changed_pixels": done.changed_pixels}
    return {name: n for name, n in {**counts, **back}.items() if n is not None}


def _written(done: Transfer, dst: Path) -> str:
    """What is there now, in one line whose numbers agree with the table of losses."""
    images, changed = counted(done.images, "image"), counted(done.changed_pixels or 0, "pixel")
    if done.labelled_pixels and not done.objects:
        labelled = counted(done.labelled_pixels, "labelled pixel")
        return f"{images} to {dst}: {labelled}, {done.changed_pixels or 0:,} changed"
    objects = f"{done.exact_objects or 0:,} of {counted(done.objects, 'object')}"
    if any(loss.kind == "instances" for loss in done.losses):
        # A class map has no objects: its pixels are compared with the class that is seen on top,
        # so that what was covered counts as lost (overlap) and not as changed.
        return (
            f"{images} to {dst} as class maps: {objects} can still be told, "
            f"of the class seen on top {changed} changed"
        )
    return f"{images} to {dst}: {objects} exact, {changed} changed"
