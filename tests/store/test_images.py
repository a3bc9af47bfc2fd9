"""Images and label maps: exact values, orientation, and files that are damaged or too large."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import DataError, ImageError, WriteError
from maskloom.store.files import atomic_file, atomic_folder, atomic_write_bytes, safe_join
from maskloom.store.images import image_size, read_image, read_map, write_png

RGB = np.random.default_rng(0).integers(0, 256, (7, 5, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    "array",
    [
        RGB[:, :, 0], RGB[:, :, 1].astype(np.uint16) * 257 + 3,
    ],
)  # fmt: skip
def test_a_map_comes_back_as_written(tmp_path: Path, array: np.ndarray) -> None:
    write_png(tmp_path / "m.png", array)
    back = read_map(tmp_path / "m.png")
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


def test_palette_indexes_stay_indexes_in_maps_and_become_colours_in_images(tmp_path: Path) -> None:
    values = np.array([[0, 1], [2, 1]], np.uint8)
    palette = np.array([[9, 9, 9], [200, 0, 0], [0, 0, 200]], np.uint8)
    write_png(tmp_path / "p.png", values, palette=palette)
    assert np.array_equal(read_map(tmp_path / "p.png"), values)
    assert np.array_equal(read_image(tmp_path / "p.png"), palette[values])


def test_one_bit_maps_are_0_and_255(tmp_path: Path) -> None:
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "b.png")
    assert sorted(np.unique(read_map(tmp_path / "b.png")).tolist()) == [0, 255]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_every_mode_gives_grey_or_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.fromarray(RGB).convert(mode).save(tmp_path / f"i.{suffix}")
    image = read_image(tmp_path / f"i.{suffix}")
    assert image.dtype == np.uint8
    assert image.shape == (7, 5, 1 if mode in ("L", "LA", "1") else 3)


def test_sixteen_bit_colour_keeps_all_bits(tmp_path: Path) -> None:
    import cv2

    deep = np.random.default_rng(1).integers(0, 65536, (4, 6, 3)).astype(np.uint16)
    (tmp_path / "d.png").write_bytes(cv2.imencode(".png", deep[:, :, ::-1])[1].tobytes())
    assert np.array_equal(read_image(tmp_path / "d.png"), deep)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 3), (6, 9, 5)])
def test_tiff_keeps_values(tmp_path: Path, dtype, shape) -> None:
    array = (np.random.default_rng(2).random(shape) * 200).astype(dtype)
    tifffile.imwrite(tmp_path / "t.tif", array, photometric="rgb" if shape[2:] == (3,) else "minisblack",
                     planarconfig="contig" if len(shape) == 3 else None)  # fmt: skip
    image = read_image(tmp_path / "t.tif")
    assert image.dtype == dtype
    assert np.array_equal(image.reshape(shape), array)
    assert image_size(tmp_path / "t.tif") == (6, 9)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_all_eight_orientations_give_the_upright_picture(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16], upright[16:, 32:] = (250, 20, 20), (20, 20, 250)
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = Image.fromarray(upright)
    stored = stored if undo is None else stored.transpose(Image.Transpose(undo))
    path = tmp_path / f"o.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(
            path, np.asarray(stored), photometric="rgb", extratags=[(274, 3, 1, orientation, True)]
        )
    else:
        exif = Image.Exif()
        exif[274] = orientation
        stored.save(path, exif=exif, **({"quality": 95} if suffix == "jpg" else {}))
    image = read_image(path)
    assert image_size(path) == image.shape[:2] == (32, 48)
    assert np.abs(image.astype(int) - upright).mean() < 6


def claimed(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its data do not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(60_000, 60_000), (20_000, 20_000)])
@pytest.mark.parametrize("read", [read_image, read_map, image_size])
def test_a_png_that_claims_too_much_is_refused_before_memory_is_taken(
    tmp_path: Path, size, read
) -> None:
    import tracemalloc

    (tmp_path / "bomb.png").write_bytes(claimed(*size))
    tracemalloc.start()
    with pytest.raises(ImageError, match=r"bomb\.png: the image claims more than"):
        read(tmp_path / "bomb.png")
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize("read", [read_image, read_map])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_truncated_empty_and_foreign_files_are_one_clear_error(
    tmp_path: Path, suffix: str, read
) -> None:
    buffer = io.BytesIO()
    big = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(big).save(buffer, {"png": "PNG", "jpg": "JPEG", "tif": "TIFF"}[suffix])
    whole = buffer.getvalue()
    path = tmp_path / f"x.{suffix}"
    for data, message in (
        (b"", "empty"),
        (b"hello world, no image", ""),
        (whole[: len(whole) // 2], ""),
        (whole[:20], ""),
    ):
        path.write_bytes(data)
        with pytest.raises(ImageError, match=message) as caught:
            read(path)
        assert path.name in caught.value.message
    with pytest.raises(ImageError, match="no such"):
        read(tmp_path / f"absent.{suffix}")


@pytest.mark.parametrize("bad", ["../x", "/etc/passwd", "a/../../x", "", "a\0b", "..\\x"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(DataError):
        safe_join(tmp_path, bad)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="leads out"):
        safe_join(tmp_path / "root", "link/secret.png")
    assert safe_join(tmp_path / "root", "a/b.png") == tmp_path / "root/a/b.png"


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "f.txt"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_file(target) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.txt"]


def test_an_unwritable_target_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteError, match=r"a parent of the target is a file|[Nn]ot a directory"):
        atomic_write_bytes(tmp_path / "file/below.txt", b"x")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "out") as partial:
        (partial / "a").write_bytes(b"1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(tmp_path / "out") as partial:
        (partial / "a").write_bytes(b"1")
    assert (tmp_path / "out/a").read_bytes() == b"1"
    with pytest.raises(WriteError, match="exists"), atomic_folder(tmp_path / "out"):
        pass
