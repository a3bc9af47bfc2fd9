"""Masks: canonical form, encoding, set algebra, components, placing; against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage.measure import euler_number, label

from maskloom.core.masks import Masks
from maskloom.errors import MaskError

Frames = NDArray[np.bool_]


pixels = hnp.arrays(np.bool_, st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)))


def test_runs_go_down_columns_of_the_tight_box_background_first() -> None:
    masks = Masks.from_dense(np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0]]))
    assert masks.boxes.tolist() == [[1, 1, 4, 3]]
    assert masks.counts.tolist() == [1, 4, 1]
    assert masks.offsets.tolist() == [0, 3]
    assert masks.sizes.tolist() == [[3, 4]]
    assert masks.areas.tolist() == [4]


def test_a_full_crop_starts_with_a_zero_count_and_an_empty_mask_has_none() -> None:
    masks = Masks.from_dense(np.array([[[1, 1], [1, 1]], [[0, 0], [0, 0]]]))
    assert masks.counts.tolist() == [0, 4]
    assert masks.boxes.tolist() == [[0, 0, 2, 2], [0, 0, 0, 0]]


def test_decode_gives_back_every_pixel_in_both_orders(mask_frames: Frames) -> None:
    masks = Masks.from_dense(mask_frames).validate()
    by_column = mask_frames.transpose(0, 2, 1).copy().transpose(0, 2, 1)
    assert Masks.from_dense(by_column) == masks
    assert np.array_equal(masks.decode(), mask_frames)
    assert np.array_equal(masks.decode("F"), mask_frames)
    assert np.array_equal(masks.dense(-1), mask_frames[-1])
    assert masks.areas.tolist() == mask_frames.sum((1, 2)).tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.bool_])
def test_any_whole_number_but_zero_is_inside(dtype: type) -> None:
    values = np.random.default_rng(0).integers(0, 3, (70, 90)).astype(dtype)
    if dtype is np.int8:
        values = -values
    wanted = Masks.from_dense(values != 0)
    assert Masks.from_dense(values) == wanted
    assert Masks.from_dense(np.asfortranarray(values)) == wanted
    assert Masks.from_dense(values[::2, ::-3]) == Masks.from_dense((values != 0)[::2, ::-3].copy())


@pytest.mark.parametrize("bad", [np.zeros((2, 2)), np.full((2, 2), np.nan), np.zeros(3, np.uint8)])
def test_floats_and_other_shapes_are_refused(bad: NDArray[np.float64]) -> None:
    with pytest.raises(MaskError):
        Masks.from_dense(bad)


@settings(max_examples=60, deadline=None)
@given(pixels, st.randoms(use_true_random=False))
def test_set_algebra_agrees_with_numpy(a: Frames, random: object) -> None:
    b = np.roll(~a, 1, axis=2)
    m, n = Masks.from_dense(a), Masks.from_dense(b)
    assert m.union(n) == Masks.from_dense(a | b)
    assert m.intersection(n) == Masks.from_dense(a & b)
    assert m.difference(n) == Masks.from_dense(a & ~b)
    assert m.complement() == Masks.from_dense(~a)
    assert m.merge() == Masks.from_dense(a.any(0))


def test_set_algebra_and_overlaps_agree_with_numpy_on_all_families(mask_frames: Frames) -> None:
    other = np.random.default_rng(1).random(mask_frames.shape) < 0.4
    m, n = Masks.from_dense(mask_frames), Masks.from_dense(other)
    assert m.union(n) == Masks.from_dense(mask_frames | other)
    assert m.intersection(n) == Masks.from_dense(mask_frames & other)
    assert m.difference(n) == Masks.from_dense(mask_frames & ~other)
    assert m.complement() == Masks.from_dense(~mask_frames)
    assert m.merge() == Masks.from_dense(mask_frames.any(0))
    flat, flat_other = mask_frames.reshape(3, -1).astype(int), other.reshape(3, -1).astype(int)
    assert np.array_equal(m.intersections(n), flat @ flat_other.T)


def test_overlapping_pairs_are_those_that_share_pixels() -> None:
    rng = np.random.default_rng(5)
    for density in (0.0, 0.02, 0.3):
        one, other = (rng.random((n, 40, 50)) < density for n in (60, 45))
        for frames in (one, other):
            for frame in frames:  # small boxes, some without a pixel
                y, x = rng.integers(0, 35), rng.integers(0, 45)
                frame[:y] = frame[y + 6 :] = frame[:, :x] = frame[:, x + 5 :] = False
        m, n = Masks.from_dense(one), Masks.from_dense(other)
        wanted = m.intersections(n)
        i, j, shared = m.overlapping(n)
        assert np.array_equal(np.stack([i, j], 1), np.argwhere(wanted))
        assert np.array_equal(shared, wanted[wanted > 0])
    none = Masks.empty(0, (40, 50))
    assert [len(column) for column in none.overlapping(m)] == [0, 0, 0]
    assert [len(column) for column in m.overlapping(none)] == [0, 0, 0]


@pytest.mark.parametrize("connectivity", [4, 8])
def test_components_and_holes_agree_with_scikit_image(
    mask_frames: Frames, connectivity: int
) -> None:
    masks = Masks.from_dense(mask_frames)
    parts, rows = masks.components(connectivity)
    holes, hole_rows = masks.holes(connectivity)
    topology = masks.topology(connectivity)
    parts.validate()
    for i, frame in enumerate(mask_frames):
        # scikit-image takes no single-row frame for Euler numbers; a margin changes neither.
        labels, n = label(np.pad(frame, 1), connectivity=connectivity // 4, return_num=True)
        mine = parts[rows == i]
        wanted, _ = Masks.from_id_map(labels[1:-1, 1:-1])
        assert len(mine) == n == topology[i, 0]
        assert {part.counts.tobytes() + part.boxes.tobytes() for part in each(mine)} == {
            part.counts.tobytes() + part.boxes.tobytes() for part in each(wanted)
        }
        euler = euler_number(np.pad(frame, 1), connectivity=connectivity // 4)
        assert topology[i, 0] - topology[i, 1] == euler
        assert topology[i, 2] == holes[hole_rows == i].areas.sum()
        if topology[i, 1]:
            assert not (holes[hole_rows == i].merge().dense(0) & frame).any()


def each(masks: Masks) -> list[Masks]:
    return [masks[i] for i in range(len(masks))]


def test_a_diagonal_pair_is_one_component_of_8_and_two_of_4() -> None:
    masks = Masks.from_dense(np.eye(2, dtype=np.bool_))
    assert len(masks.components(8)[0]) == 1
    assert len(masks.components(4)[0]) == 2


def test_a_diamond_encloses_a_hole_only_when_its_corners_join() -> None:
    masks = Masks.from_dense(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    assert masks.topology(8).tolist() == [[1, 1, 1]]
    assert masks.topology(4).tolist() == [[4, 0, 0]]
    assert masks.holes(8)[0].boxes.tolist() == [[1, 1, 2, 2]]


@settings(max_examples=60, deadline=None)
@given(pixels, st.integers(-12, 12), st.integers(-12, 12))
def test_shift_and_crop_move_pixels_and_cut_at_the_frame(a: Frames, dx: int, dy: int) -> None:
    _, h, w = a.shape
    wide = np.pad(a, ((0, 0), (12, 12), (12, 12)))
    masks = Masks.from_dense(a)
    assert masks.shift(dx, dy) == Masks.from_dense(wide[:, 12 - dy :, 12 - dx :][:, :h, :w])
    window = (dx, dy, dx + 5, dy + 4)
    padded = np.pad(a, ((0, 0), (12, 20), (12, 20)))
    cut = padded[:, 12 + dy : 16 + dy, 12 + dx : 17 + dx]
    assert masks.crop(window) == Masks.from_dense(cut)


def test_each_mask_can_have_a_move_of_its_own() -> None:
    masks = Masks.from_dense(np.array([[[1, 0, 0]], [[1, 1, 0]]]))
    assert masks.shift([2, 2], [0, 0]).decode().tolist() == [[[0, 0, 1]], [[0, 0, 1]]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_id_map_gives_one_mask_per_id_in_ascending_order(dtype: type, order: str) -> None:
    ids = np.random.default_rng(3).integers(0, 7, (40, 150)).astype(dtype) * 17
    ids[:, 100:] = 5
    masks, found = Masks.from_id_map(np.asarray(ids, order=order))  # type: ignore[call-overload]
    assert found.tolist() == [v for v in np.unique(ids).tolist() if v != 0]
    masks.validate()
    for i, value in enumerate(found):
        assert np.array_equal(masks.dense(i), ids == value)
    assert len(Masks.from_id_map(ids, background=None)[1]) == len(found) + 1


def test_ids_may_be_negative_and_far_apart() -> None:
    ids = np.array([[-(2**62), 0], [3, 2**62]])
    masks, found = Masks.from_id_map(ids, background=3)
    assert found.tolist() == [-(2**62), 0, 2**62]
    assert masks.boxes.tolist() == [[0, 0, 1, 1], [1, 0, 2, 1], [1, 1, 2, 2]]


def test_paint_lets_later_rows_win_and_leaves_the_rest() -> None:
    into = np.full((2, 3), 9, np.uint8)
    Masks.from_dense(np.array([[[1, 1, 0], [0, 0, 0]], [[0, 1, 0], [0, 1, 0]]])).paint(into, [4, 5])
    assert into.tolist() == [[4, 5, 9], [9, 5, 9]]
    with pytest.raises(MaskError, match="does not fit in uint8"):
        Masks.from_dense(np.ones((2, 3), np.bool_)).paint(into, [256])


def test_rows_are_taken_and_joined_without_change(mask_frames: Frames) -> None:
    masks = Masks.from_dense(mask_frames)
    assert Masks.concatenate(each(masks)) == masks
    assert masks[[2, 0]] == Masks.from_dense(mask_frames[[2, 0]])
    assert masks[np.array([True, False, True])] == masks[::2]
    assert masks[-1] == masks[2] == masks[2:]
    assert len(masks[3:]) == len(masks[[]]) == 0
    assert np.shares_memory(masks[1].boxes, masks.boxes)
    with pytest.raises(IndexError):
        masks[3]


def test_equal_pixels_are_equal_bytes_and_equal_hashes() -> None:
    frames = np.random.default_rng(5).random((4, 30, 20)) < 0.5
    a = Masks.from_dense(frames)
    b = Masks.from_coco([a.to_coco(i) for i in range(4)])
    assert a == b
    assert hash(a) == hash(b)
    assert a != a[::-1]
    with pytest.raises(ValueError, match="read-only"):
        a.counts[0] = 1


def test_a_small_mask_in_a_frame_beyond_2_32_pixels_is_fine_but_a_larger_crop_is_not() -> None:
    size = (2**31 - 1, 2**31 - 1)
    far = 2**24
    ring = [(far - 3, far - 2), (far, far - 2), (far, far), (far - 3, far)]
    masks = Masks.from_polygons([[ring]], size, rule="edge").validate()
    assert masks.areas.tolist() == [6]
    assert Masks.from_coco([masks.to_coco(0)]) == masks
    with pytest.raises(MaskError, match=r"2\*\*32"):
        masks.complement()
    with pytest.raises(MaskError, match=r"2\*\*32"):
        Masks.from_coco([{"size": [65536, 65537], "counts": [0, 65536 * 65537]}])


@pytest.mark.parametrize(
    ("boxes", "counts", "offsets", "message"),
    [
        ([[0, 0, 2, 2]], [1, 2, 2], [0, 3], "sum"),
        ([[0, 0, 2, 2]], [1, 0, 3], [0, 3], "zero"),
        ([[0, 0, 2, 2]], [1, 1, 2], [0, 3], "tight"),
        ([[0, 0, 2, 2]], [4], [0, 1], "tight"),
        ([[0, 0, 9, 2]], [0, 18], [0, 2], "inside the frame"),
        ([[2, 0, 1, 2]], [0, 2], [0, 2], "inside the frame"),
        ([[1, 1, 1, 1]], [], [0, 0], "empty"),
        ([[0, 0, 2, 2]], [0, 4], [0, 3], "offsets"),
        ([[0, 0, 2, 2]], [0, 4], [1, 2], "offsets"),
    ],
)
def test_validate_names_the_row_and_the_fault(
    boxes: list[list[int]], counts: list[int], offsets: list[int], message: str
) -> None:
    masks = Masks(
        np.array([[3, 3]], np.int64),
        np.array(boxes, np.int32),
        np.array(counts, np.uint32),
        np.array(offsets, np.int64),
    )
    with pytest.raises(MaskError, match=f"row 0: .*{message}"):
        masks.validate()


def test_wrong_dtypes_shapes_and_frames_are_refused() -> None:
    a, b = Masks.empty(2, (3, 4)), Masks.empty(2, (4, 3))
    with pytest.raises(MaskError, match=r"Masks\.boxes"):
        Masks(a.sizes, a.boxes.astype(np.int64), a.counts, a.offsets)  # type: ignore[arg-type]
    with pytest.raises(MaskError, match="frames differ"):
        a.union(b)
    with pytest.raises(MaskError, match="frames differ"):
        a.iou(b)
    with pytest.raises(MaskError, match="row 2"):
        Masks.concatenate([a, b]).decode()
    with pytest.raises(MaskError, match="4 or 8"):
        a.components(6)
    with pytest.raises(MaskError, match="window"):
        a.crop((0, 0, 1.5, 2))


def test_no_rows_and_no_pixels_work_everywhere() -> None:
    none = Masks.empty(0, (3, 4))
    assert none.decode().shape == (0, 0, 0)
    assert none.union(none) == none
    assert none.iou(Masks.empty(2, (3, 4))).shape == (0, 2)
    assert len(none.components()[0]) == len(none.holes()[0]) == 0
    flat = Masks.from_dense(np.zeros((2, 0, 5), np.bool_))
    assert flat.areas.tolist() == [0, 0]
    assert Masks.from_dense(np.zeros((0, 5, 5), np.bool_)).decode().shape == (0, 0, 0)
    assert Masks.from_id_map(np.zeros((0, 4), np.uint8))[1].size == 0
    assert Masks.empty(1, (2, 2)).rings(0) == []
    assert Masks.from_polygons([[]], (4, 4)).areas.tolist() == [0]
