"""Components of strips: hand-made, against cc3d and SciPy on the whole, and refusals."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import cc3d
import numpy as np
import pytest
from scipy import ndimage

from maskloom.errors import ImageError, UsageError, WriteError
from maskloom.inference.stitch.components import label_components


def label(image, **options):
    """Ids of the whole, and the components."""
    image = np.asarray(image)
    ids = np.full(image.shape, 99, np.uint32)

    def put(y0: int, strip) -> None:
        ids[y0 : y0 + len(strip)] = strip

    def read(y0: int, y1: int, x0: int, x1: int):
        return image[y0:y1, x0:x1]

    return ids, label_components(read, image.shape, put=put, **options)


def test_corners_connect_by_eight_and_not_by_four() -> None:
    image = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.uint8)
    assert label(image)[0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert label(image, connectivity=4)[0].tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 3]]
    anti = np.fliplr(image)
    assert label(anti, strip=1)[1].count == 1
    assert label(anti, strip=1, connectivity=4)[1].count == 3


def test_arms_that_meet_strips_later_are_one_component_with_its_first_number() -> None:
    image = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 0, 1]], np.uint8)
    ids, found = label(image, strip=1)
    assert ids.tolist() == [[1, 0, 1, 0, 2], [1, 0, 1, 0, 2], [1, 1, 1, 0, 2]]
    assert found.areas.tolist() == [7, 3]
    assert found.boxes.tolist() == [[0, 0, 3, 3], [4, 0, 5, 3]]


def test_ids_follow_the_first_pixel_even_where_an_arm_began_later() -> None:
    image = np.array([[0, 0, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]], np.uint8)
    assert label(image, strip=2)[0].max(1).tolist() == [1, 2, 0, 3]


def test_equal_values_connect_and_unequal_ones_do_not() -> None:
    ids, found = label(np.array([[2, 2, 3], [3, 3, 3], [2, 0, 2]], np.int16), connectivity=4)
    assert ids.tolist() == [[1, 1, 2], [2, 2, 2], [3, 0, 4]]
    assert found.values.tolist() == [2, 3, 2, 2]


def test_negative_values_are_classes_and_come_back_as_they_are() -> None:
    _, found = label(np.array([[-1, 0, 5]], np.int8))
    assert found.values.tolist() == [-1, 5]


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (1, 1), (1, 17), (17, 1)])
@pytest.mark.parametrize("value", [0, 1])
def test_full_and_empty_images_of_any_shape(shape, value) -> None:
    ids, found = label(np.full(shape, value, np.uint8), strip=3)
    there = value * min(1, ids.size)
    assert found.count == there
    assert found.areas.tolist() == [ids.size] * there
    assert (ids == there).all()


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("seed", range(40))
def test_components_are_those_of_cc3d_and_scipy(seed, connectivity, in_raster_order) -> None:
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 60, 2)
    dtype = [np.uint8, np.uint16, np.int32, np.uint64][seed % 4]
    values = rng.integers(1, 1 + seed % 3 + 1, shape)
    image = ((rng.random(shape) < rng.random()) * values).astype(dtype)
    ids, found = label(image, connectivity=connectivity, strip=int(rng.integers(1, shape[0] + 1)))
    classes = image.astype(np.uint8)
    assert np.array_equal(
        ids, in_raster_order(cc3d.connected_components(classes, connectivity=connectivity))
    )
    binary, _ = label(image > 0, connectivity=connectivity, strip=3)
    structure = np.ones((3, 3)) if connectivity == 8 else None
    assert np.array_equal(binary, in_raster_order(ndimage.label(image > 0, structure)[0]))
    assert found.areas.tolist() == np.bincount(ids.ravel())[1:].tolist()
    boxes = [[x.start, y.start, x.stop, y.stop] for y, x in ndimage.find_objects(ids.astype(int))]
    assert found.boxes.tolist() == boxes
    assert (np.concatenate([[0], found.values])[ids] == image).all()


def test_the_height_of_strips_changes_nothing() -> None:
    image = np.random.default_rng(3).random((97, 61)) < 0.6
    first, found = label(image, connectivity=4)
    for strip in (1, 2, 7, 96, 97, 1000):
        ids, again = label(image, connectivity=4, strip=strip)
        assert np.array_equal(ids, first)
        assert np.array_equal(again.areas, found.areas)


def test_turning_by_half_keeps_the_partition(in_raster_order) -> None:
    image = np.random.default_rng(5).integers(0, 3, (40, 55)).astype(np.uint8)
    turned, _ = label(image[::-1, ::-1], strip=7)
    assert np.array_equal(in_raster_order(turned[::-1, ::-1]), label(image, strip=7)[0])


def test_columns_in_fortran_order_and_foreign_bytes_are_read() -> None:
    image = np.random.default_rng(6).integers(0, 3, (20, 30))
    expected = label(image)[0]
    assert np.array_equal(label(np.asfortranarray(image))[0], expected)
    assert np.array_equal(label(image.astype(">u2"))[0], expected)


def test_counting_alone_needs_no_scratch_and_no_put(tmp_path) -> None:
    image = np.eye(5, dtype=bool)
    found = label_components(lambda y0, y1, x0, x1: image[y0:y1, x0:x1], (5, 5), connectivity=4)
    assert found.count == 5


def test_scratch_is_gone_afterwards(tmp_path) -> None:
    label(np.eye(50, dtype=bool), strip=7, scratch=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_pixels_and_options_are_refused(tmp_path) -> None:
    with pytest.raises(ImageError, match="float64"):
        label(np.zeros((3, 3)))
    with pytest.raises(ImageError, match=r"rows 2 to 4.*\(1, 3\)"):
        label_components(
            lambda y0, y1, x0, x1: np.zeros((min(y1, 3) - y0, 3), int), (4, 3), strip=2
        )
    with pytest.raises(ImageError, match="another dtype"):
        dtypes = iter([np.uint8, np.uint16])
        label_components(lambda *_: np.zeros((1, 3), next(dtypes)), (2, 3), strip=1)
    with pytest.raises(UsageError, match="4 or 8"):
        label(np.zeros((3, 3), int), connectivity=6)
    with pytest.raises(UsageError, match="at least one row"):
        label(np.zeros((3, 3), int), strip=0)
    with pytest.raises(WriteError, match="cannot write"):
        label(np.ones((3, 3), int), scratch=tmp_path / "absent")


def test_a_full_target_is_not_told_as_a_full_scratch_folder(tmp_path) -> None:
    def put(y0: int, strip) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "target")

    with pytest.raises(OSError, match="target"):
        label_components(lambda *_: np.ones((2, 2), np.uint8), (2, 2), put=put, scratch=tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_scratch_disk_is_told_in_one_message(monkeypatch, tmp_path) -> None:
    full = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115, PTH123 - closed by the code under test
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    with pytest.raises(WriteError, match="No space left"):
        label(np.ones((3, 3), np.uint8), scratch=tmp_path)
    assert full.closed
