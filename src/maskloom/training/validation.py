"""Networks judged on validation samples in memory, with the metrics of `evaluate`.

`validate` gives the score that picks the best weights (mIoU of class maps, AP50 of instances, PQ),
`scores_of` what another run reaches on the same samples.
"""

from __future__ import annotations

from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.outcome import counted, was
from maskloom.core.run import SELECTED_BY, Run
from maskloom.core.sample import Sample
from maskloom.core.segmenter import Segmenter
from maskloom.core.views import class_map, instance_rows
from maskloom.errors import ImageError
from maskloom.inference.open_run import open_run
from maskloom.metrics.judging.judge import JudgedTask, Terms, judge
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.panoptic.family import PanopticMetrics
from maskloom.metrics.pixels import PixelMetrics
from maskloom.store.images import read_image
from maskloom.work import progress

TIES_BY = {"semantic": "miou", "instance": "ap", "panoptic": "pq"}
"""AP50 of few objects is soon 1 and stays there, while their outlines still improve."""


def validate(segmenter: Segmenter, dataset: Dataset, task: str) -> dict[str, float]:
    """Scores over a data set; `score` is the one that counts, `tie` tells equal ones apart.

    Raises:
        ImageError: an image is missing or damaged.
    """
    taxonomy = dataset.taxonomy
    pixels = PixelMetrics(taxonomy)
    objects = InstanceMetrics(taxonomy) if task == "instance" else None
    panoptic = PanopticMetrics(taxonomy) if task == "panoptic" else None
    for sample in progress.track(dataset.samples, "validating", unit="image"):
        if sample.image.path is None:
            raise ImageError("validation needs the image", where=sample.key)
        truth = dataset.labels_of(sample)
        labels = segmenter.predict(read_image(sample.image.path)).labels
        pixels.update(class_map(truth, taxonomy), class_map(labels, taxonomy))
        if objects is not None:
            objects.update(instance_rows(truth), instance_rows(labels))
        if panoptic is not None:
            panoptic.update(instance_rows(truth), instance_rows(labels), where=sample.key)
    scores = {k: v for k, v in pixels.result().metrics.items() if v is not None}
    for of_objects in (objects, panoptic):
        if of_objects is not None:
            scores |= {k: v for k, v in of_objects.result().metrics.items() if v is not None}
    scores["score"] = scores.get(SELECTED_BY[task], 0.0)
    scores["tie"] = scores.get(TIES_BY[task], 0.0)
    return scores


def judged_as(task: str) -> JudgedTask:
    """The task of a run as `judge` names it."""
    tasks: dict[str, JudgedTask] = {"instance": "instance", "panoptic": "panoptic"}
    return tasks.get(task, "semantic")


def as_dataset(segmenter: Segmenter, images: Dataset) -> Dataset:
    """The segmenter's labels for the images of a data set, predicted when read."""

    def labels_of(sample: Sample) -> Labels:
        if sample.image.path is None:
            raise ImageError("predicting needs the image", where=sample.key)
        return segmenter.predict(read_image(sample.image.path)).labels

    return Dataset(segmenter.taxonomy, images.samples, labels_of, name=segmenter.name)


def scores_of(parent: Run, validation: Dataset, task: str) -> dict[str, Any]:
    """What a run scores on the validation samples of another.

    Raises:
        CheckpointError: its weights are damaged.
        TaxonomyError: it predicts categories that the data no longer have.
    """
    progress.step(f"scoring {parent.id}, to compare with")
    predicted = as_dataset(open_run(parent.path), validation)
    report = judge(validation, predicted, Terms(task=judged_as(task)))
    seen = _seen_in_training(parent, validation)
    notes = []
    if seen:
        notes.append(
            f"{seen} of the {counted(len(validation), 'validation sample')} {was(seen)} used to "
            f"train {parent.id}: its scores are optimistic"
        )
    return {
        "metrics": dict(report.metrics),
        "per_class": {k: dict(v) for k, v in report.per_class.items()},
        "notes": notes,
    }


def _seen_in_training(parent: Run, validation: Dataset) -> int:
    """How many validation samples the parent was trained on, as far as its list says."""
    file = parent.path / "train.txt"
    if not file.is_file():
        return 0
    trained = set(file.read_text(encoding="utf-8").splitlines())
    return sum(sample.key in trained for sample in validation.samples)
