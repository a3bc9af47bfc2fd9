from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, ImageError
from maskloom.formats.confidence import with_confidence
from maskloom.store.images import write_png


@pytest.fixture
def data():
    """Two samples of 4 × 6 px, one in a folder."""
    samples = (Sample("a", ImageRef(None)), Sample("deep/b", ImageRef(None)))
    labels = Labels((4, 6), class_map=np.zeros((4, 6), np.uint8))
    return Dataset(Taxonomy.from_names(["x"]), samples, lambda s: labels)


def confidences(dataset):
    return [dataset.labels_of(sample).confidence for sample in dataset.samples]


def test_maps_beside_labels_are_found_by_key(data, tmp_path):
    sure = np.arange(24, dtype=np.uint8).reshape(4, 6)
    write_png(tmp_path / "confidence" / "deep" / "b.png", sure)
    first, second = confidences(with_confidence(data, tmp_path))
    assert first is None
    assert np.array_equal(second, sure)


@pytest.mark.parametrize("file", ["labels.json", "annotations/instances.json"])
def test_maps_lie_beside_a_label_file_or_the_folder_it_is_in(data, tmp_path, file):
    write_png(tmp_path / "confidence" / "a.png", np.full((4, 6), 7, np.uint8))
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("{}")
    assert confidences(with_confidence(data, tmp_path / file))[0].max() == 7


def test_without_a_folder_nothing_changes(data, tmp_path):
    assert with_confidence(data, tmp_path) is data
    assert with_confidence(data, tmp_path / "project::main") is data


def test_a_map_that_the_labels_have_stays(data, tmp_path):
    write_png(tmp_path / "confidence" / "a.png", np.full((4, 6), 7, np.uint8))
    own = Labels((4, 6), class_map=np.zeros((4, 6), np.uint8), confidence=np.ones((4, 6), np.uint8))
    told = with_confidence(Dataset(data.taxonomy, data.samples, lambda s: own), tmp_path)
    assert confidences(told)[0].max() == 1


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((6, 4), np.uint8), np.zeros((4, 6), np.uint16), np.zeros((4, 6, 3), np.uint8)],
)
def test_a_map_of_another_size_or_type_is_refused(data, tmp_path, pixels):
    write_png(tmp_path / "confidence" / "a.png", pixels)
    told = with_confidence(data, tmp_path)
    with pytest.raises(DataError, match=r"a\.png: not a confidence map of these labels"):
        told.labels_of(data.samples[0])


def test_a_damaged_map_is_an_image_error(data, tmp_path):
    (tmp_path / "confidence").mkdir()
    (tmp_path / "confidence" / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError):
        with_confidence(data, tmp_path).labels_of(data.samples[0])
