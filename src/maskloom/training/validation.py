"""The score that picks the best weights: mIoU of class maps, AP50 of instances.

The same metrics as `evaluate`, on the network in memory instead of files.
"""

from __future__ import annotations

from maskloom.core.dataset import Dataset
from maskloom.core.views import class_map, instance_rows
from maskloom.errors import ImageError
from maskloom.inference.network import NetworkSegmenter
from maskloom.metrics.instances import InstanceMetrics
from maskloom.metrics.pixels import PixelMetrics
from maskloom.store.images import read_image
from maskloom.work import progress


def validate(segmenter: NetworkSegmenter, dataset: Dataset) -> dict[str, float]:
    """Scores over a data set; `score` is the one that counts.

    Raises:
        ImageError: an image is missing or damaged.
    """
    taxonomy = dataset.taxonomy
    pixels = PixelMetrics(taxonomy)
    objects = InstanceMetrics(taxonomy) if segmenter.channels.distance else None
    for sample in progress.track(dataset.samples, "validating", unit="image"):
        if sample.image.path is None:
            raise ImageError("validation needs the image", where=sample.key)
        truth = dataset.labels_of(sample)
        labels = segmenter.predict(read_image(sample.image.path)).labels
        pixels.update(class_map(truth, taxonomy), class_map(labels, taxonomy))
        if objects is not None:
            objects.update(instance_rows(truth), instance_rows(labels))
    scores = {k: v for k, v in pixels.result().metrics.items() if v is not None}
    if objects is not None:
        scores |= {k: v for k, v in objects.result().metrics.items() if v is not None}
    scores["score"] = scores.get("miou" if objects is None else "ap50", 0.0)
    return scores
