"""`import`: take labels or images into a project."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskloom.core.outcome import Outcome, counted
from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from collections.abc import Collection

    from maskloom.core.dataset import Dataset
    from maskloom.formats.base import Format, ReadOptions
    from maskloom.store.project.imports import Added


_SHARED = ("main", "gold", "consensus")


@from_python
def import_(
    src: Path,
    project: Path,
    *,
    from_: str | None = None,
    layer: str = "main",
    copy: bool = False,
    replace: bool = False,
    split: str | None = None,
    images: Path | None = None,
    map_: tuple[str, ...] = (),
    skip_bad: bool = False,
    set_: tuple[str, ...] = (),
    workers: int = 1,
    engine: Literal["local", "ray"] = "local",
) -> Outcome:
    """Take a data set, a folder of images, or a film into a project: all of it or nothing.

    Nothing that the project holds is changed or lost. Images stay where they are unless --copy.

    Args:
        src: a data set in any known format, another project, images without labels, or a film
            (mp4, mov, avi, mkv, webm), whose frames become images of the project; from.every=N
            takes one of N.
        project: its folder; made if it is absent.
        from_: format of the source, `images` for images alone, or `video`; found by content where
            not given.
        layer: who says it: main, gold, by/NAME, model/NAME@HASH, consensus; any other name makes
            a layer too, and a warning.
        copy: put the images into the project instead of referring to them.
        replace: where the layer has labels already, add these as a new revision of them, also of
            samples that people edited; the result tells how many, and how to read what they said.
            Objects may follow class maps, and the other way round, where nobody edited the layer.
        split: take this split only.
        images: folder under which to look for the images.
        map_: OLD=NEW renames a category; the same NEW twice merges.
        skip_bad: leave invalid annotations out and count them.
        set_: options of the format, from.KEY=VALUE.
        workers: processes that read the source; 0 is one per core. One process takes the labels
            in, and the project is the same.
        engine: where workers run, on this machine or on Ray (RAY_ADDRESS names a cluster).

    Raises:
        UsageError: an option or name is unknown, the layer has labels of these samples already,
            or src and project lie in each other.
        Conflict: people changed one of these samples meanwhile.
        DataError: the source is invalid.
        WriteError: the project cannot be written.
    """
    from maskloom.core.options import parse_settings
    from maskloom.formats.ahead import read_ahead
    from maskloom.formats.bare import refuse_ambiguous
    from maskloom.formats.readers import open_readers
    from maskloom.formats.target import refuse_nested
    from maskloom.store.project.films import NAME as VIDEO
    from maskloom.store.project.imports import MACHINE, made_if_absent
    from maskloom.store.video import is_video

    _refuse_itself(src, project)
    refuse_nested(src, project)
    of_labels: dict[str, object] = {
        "--split": split, "--images": images, "--map": map_, "--layer": layer != "main",
        "--replace": replace,
    }  # fmt: skip
    if from_ in (None, VIDEO) and is_video(src):
        _refuse_label_options(of_labels)
        return _film(src, project, set_)
    fmt = _format_of_labels(src, from_)
    if fmt is None:
        _refuse_label_options({**of_labels, "--set": set_})
        return _images_alone(src, project, copy=copy)
    options = parse_settings(set_, {"from": fmt.ReadOptions})["from"]
    opening = partial(_opened, src, fmt.name, options, images, split, map_, skip_bad=skip_bad)
    found = opening()
    if from_ is None:
        refuse_ambiguous(src, found, fmt)
    with open_readers(engine, workers, opening) as readers, made_if_absent(project) as opened:
        machine = layer.startswith(MACHINE)
        warnings = _unusual(layer, {one.name for one in opened.layers()})
        if readers is not None:
            found = read_ahead(found, readers, fmt)
        added = opened.add(found, layer, copy=copy, replace=replace, immutable=machine)
    return _outcome(added, fmt.name, project, layer, warnings)


def _unusual(layer: str, known: Collection[str]) -> tuple[str, ...]:
    """A word on a layer that came to be under a name of no usual kind, perhaps mistyped."""
    from difflib import get_close_matches

    usual = layer in _SHARED or layer.startswith("by/") or (layer[:6] == "model/" and "@" in layer)
    if usual or layer in known:
        return ()
    near = get_close_matches(layer, [*_SHARED, *known], 1)
    return (
        f"{layer!r} is a new layer of its own; usual names are main, gold, consensus, by/NAME "
        "and model/NAME@HASH" + (f"; did you mean {near[0]}?" if near else ""),
    )


def _refuse_itself(src: Path, project: Path) -> None:
    from maskloom.errors import UsageError
    from maskloom.store.project.runs import project_address

    if "::" in str(project) and not project.exists():
        raise UsageError("name a project here, and the layer by --layer", seen=str(project))
    address = project_address(src)
    if address is not None and address.root.resolve() == project.resolve():
        raise UsageError("a project cannot be imported into itself", seen=str(src))


def _refuse_label_options(given: dict[str, object]) -> None:
    from maskloom.errors import UsageError

    for name, value in given.items():
        if value:
            raise UsageError(
                "images alone have no labels, to which this option belongs",
                where=name,
                hint="leave it out, or name the format of the labels with --from",
            )


def _format_of_labels(src: Path, from_: str | None) -> Format | None:
    """The format of the source; None of images alone."""
    from maskloom.formats import bare
    from maskloom.formats.detect import find_format, load_format

    if from_ == bare.NAME:
        return None
    return find_format(src) if from_ is None else load_format(from_)


def _images_alone(src: Path, project: Path, *, copy: bool) -> Outcome:
    """Take images without labels in."""
    from maskloom.formats import bare
    from maskloom.store.project.imports import add_samples, made_if_absent

    samples, warnings = bare.bare_images(src)
    with made_if_absent(project) as opened:
        added = add_samples(opened, samples, copy=copy)
    return _outcome(added, bare.NAME, project, None, warnings)


def _film(src: Path, project: Path, set_: tuple[str, ...]) -> Outcome:
    """Take the frames of a film in."""
    from dataclasses import replace

    from maskloom.core.options import parse_settings
    from maskloom.store.project.films import NAME, FilmOptions, add_film
    from maskloom.store.project.imports import made_if_absent

    options = parse_settings(set_, {"from": FilmOptions})["from"]
    with made_if_absent(project) as opened:
        added = add_film(opened, src, every=options.every)
    outcome = _outcome(added, NAME, project, None, ())
    line = f"the frames are PNG files in {project / 'images' / src.stem}"
    return replace(outcome, lines=(*outcome.lines, line))


def _opened(
    src: Path,
    fmt: str,
    options: ReadOptions,
    images: Path | None,
    split: str | None,
    map_: tuple[str, ...],
    *,
    skip_bad: bool,
) -> Dataset:
    """The source as it is taken in, here or in a worker."""
    from maskloom.formats.confidence import with_confidence
    from maskloom.formats.detect import read_dataset
    from maskloom.formats.rename import renamed

    dataset = read_dataset(src, fmt, options=options, images=images, split=split, skip_bad=skip_bad)
    return renamed(with_confidence(dataset, src), map_)


def _outcome(
    added: Added, fmt: str, project: Path, layer: str | None, warnings: tuple[str, ...]
) -> Outcome:
    results = {
        "project": project,
        "from": fmt,
        "layer": layer,
        "samples": added.samples,
        "new_samples": added.new_samples,
        "objects": added.objects,
        "without_mask": added.others,
        "sequence": added.sequence,
        "superseded": added.superseded,
    }
    what = counted(added.samples, "image")
    what += f", {counted(added.objects, 'object')}" if added.objects else ""
    if added.others:
        what += f", among them {added.others:,} without a mask (boxes, points, lines)"
    where = "without labels" if layer is None else f"as layer {layer}"
    line = f"{what} {where}: {project} is at sequence number {added.sequence}"
    return Outcome(
        results,
        lines=(line,),
        warnings=(*warnings, *added.warnings),
        failures=added.failures,
    )
