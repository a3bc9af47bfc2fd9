"""Small data sets in memory, with images on disk where a test wants them."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.quality.integrity import examine
from maskloom.store.images import write_png

SIZE = (48, 64)
TAXONOMY = Taxonomy.from_names(["cell", "dirt"])


def _block(x0, y0, x1, y1, size=SIZE):
    """A filled rectangle."""
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def _labels(*masks, category=None, **columns):
    """Rows of one sample; the categories alternate unless given."""
    given = [i % 2 for i in range(len(masks))] if category is None else category
    batch = Masks.from_dense(np.array(masks)) if masks else Masks.empty(0, SIZE)
    return Labels(SIZE, rows=Rows.make(batch, given, **columns))


def _dataset(by_key, *, taxonomy=TAXONOMY, samples=None, splits=None):
    """A data set over labels; a value that is an exception is raised when read."""

    def labels_of(sample):
        value = by_key[sample.key]
        if isinstance(value, Exception):
            raise value
        return value

    made = samples or tuple(Sample(key, ImageRef(None)) for key in by_key)
    return Dataset(taxonomy, tuple(made), labels_of, splits or {}, name="toy")


def _found(data, limits=None, **options):
    """Check → findings, without the ones about absent images and unused classes."""
    findings = examine(data, limits, **options).ledger.ranked()
    out = {}
    for finding in findings:
        if finding.check not in ("missing-image", "unused-class"):
            out.setdefault(finding.check, []).append(finding)
    return out


@pytest.fixture
def block():
    """(x0, y0, x1, y1) → a filled rectangle, (48, 64) bool."""
    return _block


@pytest.fixture
def labels():
    """(masks, ..., columns) → labels of one sample."""
    return _labels


@pytest.fixture
def dataset():
    """(key → labels, ...) → data set."""
    return _dataset


@pytest.fixture
def found():
    """(data set, limits) → check → findings."""
    return _found


@pytest.fixture
def good():
    """Two separate objects of two classes."""
    return _labels(_block(2, 2, 20, 20), _block(30, 5, 50, 25))


@pytest.fixture
def image_files(tmp_path):
    """Writes one distinct image per key and returns the samples."""

    def write(*keys, group=None, size=SIZE):
        samples = []
        for i, key in enumerate(keys):
            path = tmp_path / f"{key}.png"
            noise = np.random.default_rng(i).integers(0, 256, (*size, 3), dtype=np.uint8)
            write_png(path, noise)
            samples.append(Sample(key, ImageRef(path), group=group))
        return samples

    return write
