"""Takes a data set into a project as one layer's snapshot: all of it becomes visible, or nothing.

Labels and images are streamed into files that nobody names yet; then one transaction adds
samples, categories, splits and entries. Killed at any moment, the project is as it was, and the
next import removes the files (`journal.py`). Reading back is `reading.py`.
"""

from __future__ import annotations

import dataclasses
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, RowKind
from maskloom.core.sample import Sample
from maskloom.errors import DataError, ImageError, UsageError, WriteError
from maskloom.store.project import adoption, database, layers, recording, samples, taxonomies
from maskloom.store.project.address import Address, layer_name
from maskloom.store.project.adoption import Adoption
from maskloom.store.project.beside import under_keys
from maskloom.store.project.entries import Said, Snapshot
from maskloom.store.project.incoming import Door, Incoming, refuse_hostile
from maskloom.store.project.journal import Journal
from maskloom.store.project.known_images import under_known_keys
from maskloom.store.project.layout import is_project, safe_name
from maskloom.store.project.lock import writer_lock
from maskloom.store.project.reading import pinned
from maskloom.store.project.recording import Request, Staged
from maskloom.work.progress import step, track

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

MACHINE = "model/"
"""Layers of machines begin so; their files lie apart."""


@dataclass(frozen=True, slots=True)
class Added:
    """What an import did.

    Args:
        samples: how many the data set has.
        new_samples: how many of them the project did not have.
        objects: those without a mask, too.
        sequence: number of the snapshot in the project.
        warnings: what was noticed and let pass.
        failures: images without labels that cannot be read and were left out.
        superseded: samples that people changed, of which the layer says something else now.
        others: annotations without a mask: boxes, points, lines.
    """

    samples: int
    new_samples: int
    objects: int
    sequence: int
    warnings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    superseded: int = 0
    others: int = 0


def add(
    project: Project,
    dataset: Dataset,
    layer: str,
    *,
    copy: bool = False,
    replace: bool = False,
    author: str = "import",
    immutable: bool = False,
) -> Added:
    """Add the labels of a data set as a layer; see `Project.add`.

    Raises:
        UsageError: the layer says something of a sample already, and `replace` is not given; or
            it is immutable, or of another form.
        Conflict: people changed one of these samples meanwhile.
        DataError: the data set is invalid, or does not fit the samples that are there.
        WriteError: the project cannot be written.
    """
    request = Request(layer_name(layer), replace, author, immutable)
    ordered = _ordered(project, dataset.samples)
    with writer_lock(project.root), Journal(project) as journal:
        with database.read(project) as connection:
            known = under_known_keys(connection, project.layout, dataset)
            if known is not dataset:
                dataset, ordered = known, _ordered(project, known.samples)
            keys = [sample.key for sample in ordered]
            recording.refuse_said(connection, request, keys)
            before = recording.standing(connection, request, keys)
            planned = adoption.plan(connection, dataset.taxonomy)
            kept = recording.with_image(connection)
        door = Door(project.layout, copy=copy, kept=kept, journal=journal)
        with _snapshot(project, request, dataset, planned, journal) as snapshot:
            staged = _stage(dataset, ordered, door, snapshot)
            step(f"recording the import as {request.layer}")
            door.sync()
            with database.write(project) as connection:
                recording.refuse_said(connection, request, keys)
                recording.refuse_moved(before, recording.standing(connection, request, keys))
                begun = pinned(connection, None, where=project.root)
                people = recording.edited(connection, request, keys)
                adoption.record(connection, dataset.taxonomy, planned, author)
                placed, seq = recording.record(connection, project.layout, request, staged)
    taxonomies.mirror(project)
    noticed = (
        *(heard := door.heard(dataset.warnings)),
        *planned.warnings,
        *door.warnings(len(ordered), heard),
        *_superseded(people, Address(project.root, request.layer, begun)),
    )
    counts = len(ordered), placed.new, staged.objects
    return Added(*counts, seq, noticed, superseded=len(people), others=staged.others)


def _snapshot(
    project: Project, request: Request, dataset: Dataset, planned: Adoption, journal: Journal
) -> Snapshot:
    """The files of the import, with what the data set says beside labels."""
    extra = under_keys(dataset.extra, planned.keys)
    return Snapshot(
        project.layout,
        _part_path(project, request.layer),
        keys=planned.keys,
        facts={"extra": extra, "splits": list(dataset.splits)},
        journal=journal,
    )


def _superseded(people: Sequence[str], before: Address) -> tuple[str, ...]:
    if not people:
        return ()
    return (
        f"{len(people)} samples that people edited or finished say the imported labels now, first "
        f"{people[0]!r}; read what they said as {before}",
    )


def add_samples(project: Project, found: Sequence[Sample], *, copy: bool = False) -> Added:
    """Add images of which no layer says anything yet.

    Args:
        project: open for writing.
        found: each with an image that is at hand.
        copy: put the images into the project instead of referring to them.

    Raises:
        UsageError: every image is in the project already.
        DataError: an image is damaged, or has another size than the one of its name.
        WriteError: the project cannot be written.
    """
    ordered = _ordered(project, found)
    with writer_lock(project.root), Journal(project) as journal:
        with database.read(project) as connection:
            kept = recording.with_image(connection)
            if all(kept.get(sample.key) is not None for sample in ordered):
                raise UsageError(
                    "every image is in the project already", where=project.root, seen=len(ordered)
                )
        door = Door(project.layout, copy=copy, kept=kept, journal=journal)
        taken = [door.take(sample) for sample in track(ordered, "importing", unit="images")]
        readable = [one.sample for one in taken if one.sample.image.size is not None]
        if not readable:
            raise ImageError(f"no image can be read, first {taken[0].fault.rstrip('.')}")
        door.sync()
        with database.write(project) as connection:
            placed = samples.add(connection, project.layout, readable)
            sequence = database.next_seq(connection)
    failures = tuple(one.fault for one in taken if one.sample.image.size is None)
    return Added(
        len(readable), placed.new, 0, sequence, door.warnings(len(ordered)), failures=failures
    )


def _part_path(project: Project, layer: str) -> Path:
    """Where the annotations of a new snapshot go."""
    layout = project.layout
    folder = layout.predictions if layer.startswith(MACHINE) else layout.snapshots
    return folder / safe_name(layer) / f"{uuid.uuid4().hex}.parquet"


@contextmanager
def made_if_absent(root: Path) -> Iterator[Project]:
    """A project to import into, made where there is none; one that was made goes if that fails.

    Raises:
        WriteError: it cannot be made or written.
    """
    from maskloom.store.project.project import Project

    if is_project(root):
        with Project.open(root) as project:
            yield project
        return
    folder_was_there, unused = root.is_dir(), False
    try:
        with Project.create(root) as project:
            begun = project.sequence()
            try:
                yield project
            except BaseException:
                unused = project.sequence() == begun
                raise
    finally:
        if unused:
            shutil.rmtree(root, ignore_errors=True)
            if folder_was_there:
                root.mkdir(exist_ok=True)


def _ordered(project: Project, found: Iterable[Sample]) -> list[Sample]:
    """By key, so that neither files nor ids depend on the order of a folder."""
    if project.readonly:
        raise WriteError("the project is open for reading only", where=project.root)
    ordered = sorted(found, key=lambda s: s.key)
    if not ordered:
        raise DataError("there is nothing to import", where=project.root)
    refuse_hostile(ordered)
    return ordered


def _stage(dataset: Dataset, ordered: Sequence[Sample], door: Door, snapshot: Snapshot) -> Staged:
    """Write the labels of every sample, one after the other."""
    found: list[Sample] = []
    said: list[Said] = []
    form: layers.Form | None = None
    objects = others = 0
    for sample in track(ordered, "importing", unit="images"):
        taken = door.take(sample)
        labels = _labels_of(dataset, sample, taken)
        own: layers.Form = "map" if labels.rows is None else "rows"
        form = form or own
        if own != form:
            raise DataError(
                "some images have class maps and others objects", where=sample.key, seen=own
            )
        if labels.rows is not None:
            objects += len(np.unique(labels.rows.instance))
            others += int((labels.rows.kind != RowKind.MASK).sum())
        found.append(_sized(taken, labels))
        said.append(snapshot.put(sample.key, labels))
    path = snapshot.finish()
    rows = snapshot.rows
    return Staged(found, said, form or "rows", path, rows, dataset.splits, objects, others)


def _labels_of(dataset: Dataset, sample: Sample, taken: Incoming) -> Labels:
    """The labels, even where the reader fails on a damaged image that it only measures."""
    try:
        return dataset.labels_of(sample)
    except ImageError:
        if not taken.fault:
            raise
    absent = dataclasses.replace(sample.image, path=None)
    return dataset.labels_of(dataclasses.replace(sample, image=absent))


def _sized(taken: Incoming, labels: Labels) -> Sample:
    """The sample with the size of its labels, which must be its image's."""
    size = taken.sample.image.size
    if size is not None and not taken.fault and tuple(size) != tuple(labels.size):
        raise DataError(
            "labels have another size than their image",
            where=taken.sample.key,
            seen=f"{labels.size}, image {size}",
            hint="pair them with their own image",
        )
    image = dataclasses.replace(taken.sample.image, size=tuple(labels.size))
    return dataclasses.replace(taken.sample, image=image)
