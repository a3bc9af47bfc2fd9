"""Zarr arrays and OME-Zarr images by windows, and what is refused of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from maskloom.errors import ImageError, MissingExtra
from maskloom.store.rasters import open_raster, raster_size

RNG = np.random.default_rng(3)


def agree(path: Path, whole: np.ndarray, kind: str = "image") -> None:
    whole = whole.reshape(*whole.shape[:2], -1)
    height, width = whole.shape[:2]
    with open_raster(path, kind=kind) as raster:
        assert (raster.size, raster.channels) == ((height, width), whole.shape[2])
        assert raster_size(path) == raster.size
        assert raster.dtype == whole.dtype.newbyteorder("=")
        for _ in range(8):
            y0, x0 = RNG.integers(0, height), RNG.integers(0, width)
            y1, x1 = RNG.integers(y0 + 1, height + 1), RNG.integers(x0 + 1, width + 1)
            part = raster.read(y0, y1, x0, x1)
            assert part.dtype.isnative
            assert part.flags.c_contiguous
            assert np.array_equal(part, whole[y0:y1, x0:x1])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float32"])
@pytest.mark.parametrize("shape", [(45, 70), (45, 70, 3), (45, 70, 5)])
def test_plain_arrays_are_rows_columns_channels(tmp_path: Path, version, dtype, shape) -> None:
    array = (RNG.random(shape) * 200).astype(dtype)
    chunks = (16, 32, 2)[: len(shape)]
    zarr.create_array(str(tmp_path / "a.zarr"), data=array, chunks=chunks, zarr_format=version)
    agree(tmp_path / "a.zarr", array)


def test_named_axes_may_have_any_order(tmp_path: Path) -> None:
    array = RNG.integers(0, 255, (3, 40, 50)).astype(np.uint8)
    zarr.create_array(str(tmp_path / "a.zarr"), data=array, chunks=(1, 16, 16), zarr_format=3,
                      dimension_names=["c", "y", "x"])  # fmt: skip
    agree(tmp_path / "a.zarr", np.moveaxis(array, 0, -1))
    turned = array.transpose(2, 0, 1)
    made = zarr.create_array(
        str(tmp_path / "b.zarr"), data=turned, chunks=(16, 3, 16), zarr_format=2
    )
    made.attrs["_ARRAY_DIMENSIONS"] = ["x", "c", "y"]
    agree(tmp_path / "b.zarr", np.moveaxis(array, 0, -1))


def test_shards_are_read_by_their_chunks(tmp_path: Path) -> None:
    array = RNG.integers(0, 255, (100, 120)).astype(np.uint16)
    zarr.create_array(str(tmp_path / "a.zarr"), data=array, chunks=(16, 16), shards=(64, 64))
    agree(tmp_path / "a.zarr", array)
    with open_raster(tmp_path / "a.zarr") as raster:
        assert raster.chunk == (16, 16)


def ome(path: Path, array: np.ndarray, axes: list[Any] | None, version: str) -> None:
    """An OME-Zarr image of two levels."""
    form = 3 if version == "0.5" else 2
    group = zarr.create_group(str(path), zarr_format=form)
    chunks = (1,) * (array.ndim - 2) + (16, 16)
    group.create_array("0", data=array, chunks=chunks)
    group.create_array("1", data=array[..., ::2, ::2], chunks=chunks)
    scales = {"version": version, "datasets": [{"path": "0"}, {"path": "1"}]}
    if axes is not None:
        scales["axes"] = axes
    group.attrs.update(
        {"ome": {"multiscales": [scales]}} if form == 3 else {"multiscales": [scales]}
    )


@pytest.mark.parametrize("version", ["0.1", "0.3", "0.4", "0.5"])
def test_of_ome_zarr_the_largest_level_is_read(tmp_path: Path, version: str) -> None:
    array = RNG.integers(0, 255, (1, 3, 1, 40, 50)).astype(np.uint8)
    names: list[Any] | None = ["t", "c", "z", "y", "x"]
    if version in ("0.4", "0.5"):
        names = [{"name": name, "type": "space"} for name in names]
    ome(tmp_path / "o.zarr", array, None if version == "0.1" else names, version)
    agree(tmp_path / "o.zarr", np.moveaxis(array[0, :, 0], 0, -1))


def test_several_slices_or_times_are_not_one_image(tmp_path: Path) -> None:
    ome(tmp_path / "o.zarr", np.zeros((1, 1, 5, 20, 20), np.uint8), None, "0.1")
    with pytest.raises(ImageError, match="5 along z"):
        open_raster(tmp_path / "o.zarr")


def test_a_level_outside_the_folder_is_refused(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "secret"), data=np.zeros((4, 4), np.uint8))
    group = zarr.create_group(str(tmp_path / "o.zarr"), zarr_format=2)
    group.attrs["multiscales"] = [{"datasets": [{"path": "../secret"}], "axes": ["y", "x"]}]
    with pytest.raises(ImageError, match="leads out"):
        open_raster(tmp_path / "o.zarr")


@pytest.mark.parametrize(
    "attributes", [{}, {"multiscales": []}, {"ome": 3}, {"multiscales": [{"datasets": 1}]}]
)
def test_other_groups_are_refused(tmp_path: Path, attributes: dict[str, Any]) -> None:
    zarr.create_group(str(tmp_path / "o.zarr")).attrs.update(attributes)
    with pytest.raises(ImageError, match="not an OME-Zarr image"):
        open_raster(tmp_path / "o.zarr")


def test_axes_that_nobody_named_are_not_guessed(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=np.zeros((3, 40, 50), np.uint8))
    with pytest.raises(ImageError, match="have no names"):
        open_raster(tmp_path / "a.zarr")


def test_chunks_that_were_never_written_are_the_fill_value(tmp_path: Path) -> None:
    made = zarr.create_array(str(tmp_path / "a.zarr"), shape=(40, 40), chunks=(16, 16),
                             dtype="uint8", fill_value=9)  # fmt: skip
    made[:16, :16] = 1
    want = np.full((40, 40), 9, np.uint8)
    want[:16, :16] = 1
    agree(tmp_path / "a.zarr", want)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kept", [0, 1, 30, 200])
def test_a_chunk_that_is_cut_is_named(tmp_path: Path, version: int, kept: int) -> None:
    array = RNG.integers(0, 255, (40, 40)).astype(np.uint8)
    zarr.create_array(str(tmp_path / "a.zarr"), data=array, chunks=(16, 16), zarr_format=version)
    chunk = tmp_path / "a.zarr" / ("c/1/1" if version == 3 else "1.1")
    chunk.write_bytes(chunk.read_bytes()[:kept])
    with open_raster(tmp_path / "a.zarr") as raster:
        assert np.array_equal(raster.read(0, 16, 0, 40)[:, :, 0], array[:16])
        with pytest.raises(ImageError, match="chunk at row 16, column 16"):
            raster.read(0, 40, 0, 40)


def edited(path: Path, **changes: Any) -> None:
    """Change a zarr 2 header, behind zarr's back."""
    head = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps({**head, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [1 << 40, 1 << 40]}, "more than"),
        ({"shape": [1 << 18, 1 << 18], "chunks": [1 << 17, 1 << 17]}, "too large for chunks"),
        ({"shape": [8000, 10, 5000], "chunks": [10, 10, 10]}, "more than 4096 channels"),
        ({"dtype": "<f8"}, "float64"),
        ({"filters": [{"id": "pickle", "protocol": 5}]}, "pickle"),
        ({"compressor": {"id": "pickle", "protocol": 5}}, "pickle"),
        (
            {"filters": [{"id": "astype", "encode_dtype": "|u1", "decode_dtype": "|u1"}]},
            "not trusted",
        ),
        ({"shape": "x"}, "damaged"),
        ({"shape": [0, 5]}, "no pixels"),
    ],
)
def test_hostile_headers_are_refused(tmp_path: Path, changes, message: str) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=np.zeros((40, 40), np.uint8), zarr_format=2)
    edited(path, **changes)
    with pytest.raises(ImageError, match=message):
        open_raster(path)


def test_maps_may_be_any_whole_numbers(tmp_path: Path) -> None:
    ids = RNG.integers(0, 1 << 31, (40, 40)).astype(np.uint32)
    zarr.create_array(str(tmp_path / "a.zarr"), data=ids, chunks=(16, 16))
    agree(tmp_path / "a.zarr", ids, "map")
    with pytest.raises(ImageError, match="uint32"):
        open_raster(tmp_path / "a.zarr")


def test_a_folder_without_zarr_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(ImageError):
        open_raster(tmp_path / "a.zarr")


def test_without_zarr_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.zarr").mkdir()
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(MissingExtra, match=r"maskloom\[zarr\]"):
        open_raster(tmp_path / "a.zarr")
