"""COCO run lengths: strings to the byte, and refusal of whatever is no frame."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskloom.core.masks import Masks
from maskloom.errors import MaskError


def test_runs_of_a_frame_start_with_the_background_of_the_first_column() -> None:
    masks = Masks.from_dense(np.array([[0, 1], [1, 1], [0, 0]]))
    assert masks.to_coco(0, compressed=False) == {"size": [3, 2], "counts": [1, 1, 1, 2, 1]}
    assert masks.to_coco(0) == {"size": [3, 2], "counts": "11110"}


def test_strings_equal_pycocotools_and_read_back(mask_frames: NDArray[np.bool_]) -> None:
    masks = Masks.from_dense(mask_frames)
    peers = coco_mask.encode(np.asfortranarray(mask_frames.transpose(1, 2, 0).view(np.uint8)))
    mine = [masks.to_coco(i) for i in range(3)]
    assert [m["counts"].encode() for m in mine] == [p["counts"] for p in peers]
    assert Masks.from_coco(mine) == Masks.from_coco(peers) == masks
    lists = [masks.to_coco(i, compressed=False) for i in range(3)]
    assert Masks.from_coco([lists[0], mine[1], lists[2]]) == masks


def test_zero_runs_in_a_list_vanish() -> None:
    messy = {"size": [4, 2], "counts": [1, 1, 0, 2, 0, 0, 4, 0]}
    assert Masks.from_coco([messy]) == Masks.from_coco([{"size": [4, 2], "counts": [1, 3, 4]}])


def test_runs_longer_than_32_bits_survive() -> None:
    size = [2**31 - 1, 2**31 - 1]
    pixels = size[0] * size[1]
    masks = Masks.from_coco([{"size": size, "counts": [2**40, 1, pixels - 2**40 - 1]}])
    assert masks.validate().areas.tolist() == [1]
    assert Masks.from_coco([masks.to_coco(0)]) == masks


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, 2], "sum.* 3 for 2 x 3 = 6"),
        ([1, 2, 9], "sum|too long"),
        ([4, 4], "sum.* 8 for 2 x 3 = 6"),
        ([7, -1], "negative"),
        ([2**62, 2**62, 2**62], "too long"),
        ([1.0, 5.0], "whole numbers"),
        ([1.5, 4.5], "whole numbers"),
        ([None, 6], "whole numbers"),
        ([[6]], "whole numbers"),
        ([2**70], "whole numbers"),
        (6, "whole numbers"),
        (None, "whole numbers"),
        ("", "sum.* 0 for"),
        ("6h", "ends inside"),
        ("6 ", "no run-length code"),
        ("6\x7f", "no run-length code"),
        ("é", "no run-length code"),
        ("o" * 40, "too long"),
        ("O", "negative"),
        ("51", None),
    ],
)
def test_what_is_no_frame_is_refused_with_its_row(counts: object, message: str | None) -> None:
    good = {"size": [2, 3], "counts": [6]}
    bad = {"size": [2, 3], "counts": counts}
    if message is None:
        assert Masks.from_coco([good, bad]).areas.tolist() == [0, 1]
        return
    with pytest.raises(MaskError, match=f"row 1.*({message})"):
        Masks.from_coco([good, bad])


@pytest.mark.parametrize(
    "size", [[2], [2, 3, 1], [-1, -6], [2.0, 3.0], ["2", "3"], [2**31, 1], None, [2, [3]]]
)
def test_a_bad_size_is_refused(size: object) -> None:
    with pytest.raises(MaskError, match="row 0, size"):
        Masks.from_coco([{"size": size, "counts": [6]}])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_random_bytes_never_pass_as_another_mask() -> None:
    """What is accepted is the mask that pycocotools reads; the rest is refused."""
    rng = np.random.default_rng(0)
    refused = accepted = 0
    texts = [
        rng.integers(48, 112, rng.integers(1, 12)).astype(np.uint8).tobytes() for _ in range(300)
    ]
    whole = coco_mask.encode(np.asfortranarray(np.eye(5, 4, dtype=np.uint8)))["counts"]
    for text in [*texts, whole]:
        try:
            masks = Masks.from_coco([{"size": [5, 4], "counts": text}])
        except MaskError:
            refused += 1
            continue
        accepted += 1
        peer = coco_mask.decode({"size": [5, 4], "counts": text})
        assert np.array_equal(masks.validate().dense(0), peer.astype(bool))
    assert refused > 200
    assert accepted > 0


@pytest.mark.parametrize("item", [None, 3, {"size": [2, 3]}, {"counts": [6]}, [[0, 0, 1, 1]]])
def test_what_is_no_segmentation_is_refused(item: object) -> None:
    with pytest.raises(MaskError, match="row 0: not a segmentation"):
        Masks.from_coco([item])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("size", "match"),
    [
        ([4, -1], "outside"), ([4, 2**31], "outside"), ([4, 2**70], "frame size|outside"),
        ([4], "frame size"), ([4.0, 4], "frame size"), ("44", "frame size"), (None, "frame size"),
    ],
)  # fmt: skip
def test_a_wrong_frame_among_good_ones_is_named_by_its_row(size, match):
    good = {"size": [4, 4], "counts": [16]}
    with pytest.raises(MaskError, match=match) as caught:
        Masks.from_coco([good, good, {"size": size, "counts": [16]}, good])
    assert "row 2, size" in str(caught.value)
    assert len(Masks.from_coco([])) == 0
