"""npy files read and written by strips."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.errors import ImageError
from maskloom.inference.stitch.components import label_components
from maskloom.inference.stitch.npy_rows import NpyRows, npy_writer


def test_windows_are_those_of_the_array(tmp_path) -> None:
    image = np.arange(35, dtype=np.uint16).reshape(5, 7)
    np.save(tmp_path / "a.npy", image)
    with NpyRows(tmp_path / "a.npy") as rows:
        assert (rows.size, rows.dtype) == ((5, 7), np.uint16)
        assert np.array_equal(rows.read(1, 4, 2, 7), image[1:4, 2:7])
        assert np.array_equal(rows.read(0, 5, 0, 7), image)


def test_strips_in_any_order_make_a_file_that_numpy_reads(tmp_path) -> None:
    image = np.arange(35, dtype=np.int32).reshape(5, 7)
    with npy_writer(tmp_path / "a.npy", (5, 7), np.int32) as put:
        put(3, image[3:])
        assert not (tmp_path / "a.npy").exists()
        put(0, image[:3])
    assert np.array_equal(np.load(tmp_path / "a.npy"), image)


def test_components_from_file_to_file(tmp_path) -> None:
    image = np.random.default_rng(0).random((200, 130)) < 0.4
    np.save(tmp_path / "in.npy", image)
    with NpyRows(tmp_path / "in.npy") as rows, npy_writer(tmp_path / "out.npy", rows.size) as put:
        found = label_components(rows.read, rows.size, put=put, strip=9, scratch=tmp_path)
    ids = np.load(tmp_path / "out.npy")
    assert np.array_equal(ids > 0, image)
    assert np.array_equal(np.bincount(ids.ravel())[1:], found.areas)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.npy", "out.npy"]


def test_an_unfinished_file_never_appears(tmp_path) -> None:
    with (
        pytest.raises(ImageError, match=r"5 rows expected \(saw 2\)"),
        npy_writer(tmp_path / "a.npy", (5, 7)) as put,
    ):
        put(0, np.zeros((2, 7), np.uint32))
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path) -> None:
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2), int))
    np.save(tmp_path / "float.npy", np.zeros((2, 2)))
    np.save(tmp_path / "column.npy", np.asfortranarray(np.zeros((2, 3), int)))
    for name, message in [("text", "not an npy"), ("cube", "not .H, W."), ("float", "float64"),
                          ("column", "C order"), ("absent", "cannot read")]:  # fmt: skip
        with pytest.raises(ImageError, match=message):
            NpyRows(tmp_path / f"{name}.npy")


def test_a_truncated_file_is_named(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((9, 9), np.uint8))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:-5])
    with NpyRows(tmp_path / "a.npy") as rows, pytest.raises(ImageError, match="ends early"):
        rows.read(0, 9, 0, 9)
