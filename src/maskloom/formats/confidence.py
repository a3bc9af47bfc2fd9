"""How sure a model was of each pixel, read from where `predict` writes it: `confidence/KEY.png`.

No label format holds such a map, so it lies beside the labels of any format.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.errors import DataError
from maskloom.store.images import read_image

FOLDER = "confidence"


def with_confidence(dataset: Dataset, path: Path) -> Dataset:
    """The data set with the confidence maps that lie beside its labels; itself if none do.

    Args:
        dataset: read from `path`; labels that have a map keep it.
        path: a folder that may hold `confidence/KEY.png`, or a label file in such a folder or
            one level below.

    Raises:
        DataError (on reading a sample): a map is damaged, not 8-bit grey, or of another size.
    """
    homes = [path.parent, path.parent.parent] if path.is_file() else [path]
    folder = next((home / FOLDER for home in homes if (home / FOLDER).is_dir()), None)
    if folder is None:
        return dataset
    read = dataset.labels_of

    def labels_of(sample: Sample) -> Labels:
        labels = read(sample)
        file = folder / f"{sample.key}.png"
        if labels.confidence is not None or not file.is_file():
            return labels
        pixels = read_image(file)
        if pixels.dtype != np.uint8 or pixels.shape != (*labels.size, 1):
            raise DataError(
                "not a confidence map of these labels",
                where=file,
                seen=f"{pixels.dtype} {pixels.shape}, labels {labels.size}",
                hint="it is 8-bit grey of the size of the labels; remove the folder to do without",
            )
        return labels.replace(confidence=pixels[..., 0])

    return replace(dataset, labels_of=labels_of)
