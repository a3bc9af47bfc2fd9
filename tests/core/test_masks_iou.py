"""IoU of Masks against pycocotools, with and without crowds."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from maskloom.core.masks import Masks
from maskloom.errors import MaskError


def test_iou_of_two_overlapping_bars_is_a_third() -> None:
    a = Masks.from_dense(np.array([[1, 1, 0]]))
    b = Masks.from_dense(np.array([[0, 1, 1]]))
    assert a.iou(b).tolist() == [[1 / 3]]
    assert a.iou(b, crowd=[True]).tolist() == [[0.5]]
    assert a.intersections(b).tolist() == [[1]]


def test_two_empty_masks_take_the_named_value() -> None:
    none = Masks.empty(1, (2, 2))
    assert none.iou(none).tolist() == [[0.0]]
    assert np.isnan(none.iou(none, empty=float("nan"))).all()


@pytest.mark.parametrize("seed", range(20))
def test_iou_equals_pycocotools_to_the_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 60, 2))
    a = rng.random((6, *size)) < rng.random((6, 1, 1)) ** 3
    b = rng.random((8, *size)) < rng.random((8, 1, 1)) ** 3
    a[0] = b[0] = False
    crowd = rng.random(8) < 0.5
    peers = [
        coco_mask.encode(np.asfortranarray(x.transpose(1, 2, 0).view(np.uint8))) for x in (a, b)
    ]
    m, n = Masks.from_dense(a), Masks.from_dense(b)
    assert np.array_equal(m.iou(n), coco_mask.iou(*peers, [0] * 8))
    assert np.array_equal(m.iou(n, crowd), coco_mask.iou(*peers, crowd.astype(int).tolist()))


def test_crowd_flags_must_match_the_columns() -> None:
    a = Masks.empty(2, (3, 3))
    with pytest.raises(MaskError, match="2 flags"):
        a.iou(a, crowd=[True])
