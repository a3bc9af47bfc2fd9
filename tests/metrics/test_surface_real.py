"""Hippocampus volumes (Medical Segmentation Decathlon): ours beside the references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tests.metrics import surface_cases as cases
from tests.metrics.test_surface_references import (
    SINGLE,
    agree,
    agree_on_percentile,
    deepmind,
    medpy,
    monai,
    ours,
)

pytestmark = pytest.mark.shared
OPTIONS = {"tolerance": 1.0, "percentile": 95.0}


@pytest.fixture(scope="module")
def volumes(shared):
    nibabel = pytest.importorskip("nibabel", reason="an oracle that the extra dev brings")
    files = sorted((shared / "hippocampus_msd/labels").glob("*.nii.gz"))
    assert files
    read = [nibabel.load(file) for file in files[::2]]
    return [(np.asarray(one.dataobj).astype(np.uint8), one.header.get_zooms()) for one in read]


def pairs(volumes):
    """Each part against itself shifted, shrunk and smoothed, and the one part against the other."""
    for i, (values, zooms) in enumerate(volumes):
        spacing = tuple(float(z) for z in zooms) if i % 2 else (1.5, 0.9, 1.0)
        for part in (1, 2):
            truth = values == part
            yield truth, np.roll(truth, (1, -1, 2), (0, 1, 2)), spacing
            yield truth, ndimage.binary_erosion(truth), spacing
            yield truth, ndimage.gaussian_filter(truth.astype(float), 1.5) > 0.4, spacing
        yield values == 1, values == 2, spacing


def test_hippocampus_as_the_references_measure_it(volumes):
    found = []
    for truth, predicted, spacing in pairs(volumes):
        case = (truth, predicted, spacing)
        wanted = monai(*case, **OPTIONS)
        agree_on_percentile(
            "monai", case, OPTIONS, wanted.pop("hd_percentile"), by=3e-5, rel=SINGLE
        )
        agree(ours("monai", *case, **OPTIONS), wanted, case[2:], rel=SINGLE)
        agree(ours("medpy", *case), medpy(*case, 95), case[2:])
        scores, wanted = ours("deepmind", *case, **OPTIONS), deepmind(*case, **OPTIONS)
        agree(scores, wanted, case[2:], rel=1e-12)
        found.append(ours("maskloom", *case, **OPTIONS))
    assert len(found) == 7 * len(volumes)
    assert all(one.reason is None for one in found)


def test_two_people_would_be_told_different_numbers(volumes):
    """The conventions differ on the same pair: that is why they have names."""
    values, _ = volumes[0]
    truth = values == 1
    case = (truth, np.roll(truth, 2, 0) | ndimage.binary_erosion(truth), (1.5, 0.9, 1.0))
    hd95 = {name: ours(name, *case).hd_percentile for name in ("monai", "medpy", "deepmind")}
    assert len(set(hd95.values())) == 3
    assert cases.same(ours("maskloom", *case).hd_percentile, hd95["deepmind"])
