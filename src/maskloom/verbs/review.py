"""`review`: the worst disagreements between two sets of labels, first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal

from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maskloom.core.outcome import Outcome
    from maskloom.core.region import Region
    from maskloom.metrics.judging.align import Comparison
    from maskloom.quality.review import Review
    from maskloom.store.project.address import Address


@from_python
def review(
    truth: Path,
    predicted: Path,
    *,
    top: int = 50,
    task: Literal["auto", "semantic", "instance"] = "auto",
    from_: str | None = None,
    predicted_from: str | None = None,
    taxonomy: Path | None = None,
    void: str | None = None,
    missing: Literal["error", "empty", "skip"] = "error",
    split: str | None = None,
    images: Path | None = None,
    report: Path | None = None,
    judged: bool = False,
    store: bool = True,
    skip_bad: bool = False,
    map_: tuple[str, ...] = (),
    set_: tuple[str, ...] = (),
) -> Outcome:
    """List the worst disagreements between labels and predictions: what to look at first.

    Each region is missing (in the truth, not predicted), extra (predicted, not in the truth),
    of a wrong class, or an outline that differs. Its severity, 0 to 1, is how sure the
    prediction is × how much of the thing is in dispute × reach / (reach + 0.75 % of the
    image's diagonal); an object reaches as far as the circle of its area, an outline as far as
    it is off. Void and unlabelled parts are no faults. Use predictions for images that the
    model was not trained on: of others it is sure, errors included.

    Args:
        truth: the labels in question: a project, a layer of one, or a data set in any format.
        predicted: what to compare them with, likewise.
        top: how many regions to list.
        task: semantic (regions of pixels) or instance (objects); auto decides by the labels.
        from_: format of the truth, if it should not be detected.
        predicted_from: format of the prediction, if it should not be detected.
        taxonomy: JSON file that names the ids of bare label maps on both sides.
        void: id or name of the class whose pixels count nowhere.
        missing: what to do with samples without a prediction: refuse (error), compare them with
            nothing (empty), or skip them.
        split: look at this split of the truth only; @FILE lists keys, e.g. @runs/1/val.txt.
        images: where the images lie, if not with the labels; only the report shows them.
        report: HTML file to write, with close-ups of the worst regions.
        judged: list also regions where an earlier review was answered with "keep the labels" or
            "cannot be judged"; otherwise the same disagreement is not listed again.
        store: keep the list as a review in the project that TRUTH is (in).
        skip_bad: leave invalid annotations out instead of refusing the file.
        map_: OLD=NEW says which category of the truth a predicted one is.
        set_: KEY=VALUE of the truth's format (from.KEY) or the prediction's (predicted.KEY).

    Returns:
        results: rows (rank, sample, kind, category, other, box, area, severity, reason, link),
        counts per kind, agreement, and the id of the stored review.

    Raises:
        MaskloomError: data that cannot be read or do not belong together.
    """
    from maskloom.errors import UsageError
    from maskloom.formats.mapping import parse_renames
    from maskloom.metrics.judging.align import compare
    from maskloom.quality.review import find_regions
    from maskloom.verbs.sides import Sides, side_warnings

    if top < 1:
        raise UsageError("nothing to list", where="--top", seen=top, hint="give 1 or more")
    home, other = _layer(truth, from_), _layer(predicted, predicted_from)
    if store and home is not None:
        _refuse_unwritable(home)
    paths = _pinned(truth, home), _pinned(predicted, other)
    sides = Sides(paths, (from_, predicted_from), taxonomy, void, split, images, skip_bad)
    (ours, theirs), _ = sides.read(set_)
    pair_up = compare(ours, theirs, missing=missing, renames=parse_renames(map_))
    called = "the truth" if home is None else home.layer
    settled = [] if judged or home is None else _settled(home)
    found = find_regions(pair_up, task=task, top=top, ours=called, judged=settled)
    kept, links = None, {}
    if store and home is not None and found.regions:
        kept, project = _store(home, other or str(predicted), found.regions)
        links = _links(kept, len(found.regions), project)
    compared = {"truth": paths[0], "predicted": paths[1], "review": kept}
    outcome = _outcome(found, pair_up, compared, (home, links), report)
    warnings = side_warnings((ours, theirs), pictures=report is not None)
    return replace(outcome, warnings=(*warnings, *outcome.warnings))


def _layer(path: Path, fmt: str | None) -> Address | None:
    """The layer of a project that a path names, as it is now; None for other data."""
    from maskloom.formats.project import NAME, pinned
    from maskloom.store.project.runs import project_address

    if fmt not in (None, NAME) or project_address(path) is None:
        return None
    return pinned(path)


def _pinned(path: Path, layer: Address | None) -> Path:
    """What is read: a layer as it is at one number, however people go on."""
    return path if layer is None else Path(str(layer))


def _refuse_unwritable(home: Address) -> None:
    """Say so before the work, not after it."""
    from maskloom.errors import WriteError
    from maskloom.store.project import Project

    try:
        Project.open(home.root).close()
    except WriteError as error:
        hint = "say --no-store to list without keeping the review"
        raise WriteError(error.what, where=error.where, seen=error.seen, hint=hint) from error


def _settled(home: Address) -> list[Region]:
    """What earlier reviews of the layer were answered with for good."""
    from maskloom.store.project import Project
    from maskloom.store.project.review_items import settled_regions

    with Project.open(home.root, readonly=True) as project:
        return settled_regions(project, home.layer)


def _store(home: Address, predicted: Address | str, regions: Sequence[Region]) -> tuple[int, str]:
    """Keep the list in the project; returns the ids of the review and of the project."""
    from maskloom.store.project import Project

    if not isinstance(predicted, str) and predicted.root.resolve() != home.root.resolve():
        predicted = str(predicted)
    with Project.open(home.root) as project:
        return project.add_review(home, predicted, regions).id, project.id


def _outcome(
    found: Review,
    pair_up: Comparison,
    compared: Mapping[str, Any],
    kept: tuple[Address | None, Mapping[int, str]],
    report: Path | None,
) -> Outcome:
    """What was found, for people and programs; writes the report."""
    from maskloom.core.outcome import Outcome
    from maskloom.quality.review import HELD_OUT
    from maskloom.quality.review_page import region_table, verdict, write_page

    home, links = kept
    lines = [verdict(found), *([HELD_OUT] if found.regions else [])]
    results = {**compared, **found.to_json(links)}
    warnings = found.notes
    if report is not None:
        names = _called(compared["truth"]), _called(compared["predicted"])
        warnings = (*warnings, *write_page(report, pair_up, found, links, names))
        results["report"] = report
        lines.append(f"report  {report}")
    if links and home is not None:
        lines += [f"open    maskloom label {quote(str(home.root))}", f"first   {links[0]}"]
    tables = (region_table(found, pair_up.taxonomy),) if found.regions else ()
    return Outcome(results, tables=tables, lines=tuple(lines), warnings=tuple(warnings))


def _called(path: Path) -> str:
    """A path or an address without the folders above it."""
    root, mark, layer = str(path).rpartition("::")
    return f"{Path(root).name}{mark}{layer}" if mark else path.name


def _links(review_id: int, n: int, project: str) -> dict[int, str]:
    """Place in the list → address of the page that shows it."""
    from maskloom.labelling import PORT
    from maskloom.labelling.places import item_place
    from maskloom.store.project.reviews import item_id

    # The server need not run yet; this is where it will be unless told otherwise.
    page = f"http://127.0.0.1:{PORT}/"
    ids = (item_id(review_id, i + 1) for i in range(n))
    return {i: page + item_place(review_id, one, project=project) for i, one in enumerate(ids)}
