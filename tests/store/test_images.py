"""Images and label maps: exact values, orientation, and files that are damaged or too large."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import DataError, ImageError, WriteError
from maskloom.labelling.decoding import weigh
from maskloom.store import decoding
from maskloom.store.files import (
    atomic_file,
    atomic_folder,
    atomic_write_bytes,
    claim_partial,
    safe_join,
)
from maskloom.store.images import image_bytes, image_size, is_color, read_image, read_map, write_png

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


@pytest.mark.parametrize("strip", [1, 16, 1 << 22])
def test_a_picture_is_the_same_in_strips_of_any_height(tmp_path: Path, monkeypatch, strip) -> None:
    monkeypatch.setattr(decoding, "_STRIP_BYTES", strip)
    write_png(tmp_path / "c.png", RGB)
    write_png(tmp_path / "g.png", RGB[:, :, 0])
    assert np.array_equal(read_image(tmp_path / "c.png"), RGB)
    assert np.array_equal(read_image(tmp_path / "g.png"), RGB[:, :, :1])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK"])
def test_the_bytes_of_a_picture_are_told_by_its_header(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("i.jpg" if mode == "CMYK" else "i.png")
    shown = Image.fromarray(RGB[:, :, 0].astype(np.uint16)) if mode == "I;16" else None
    (shown or Image.fromarray(RGB).convert(mode)).save(path)
    assert image_bytes(path) == read_image(path).nbytes


def test_pictures_between_the_limit_of_pillow_and_ours_are_read(tmp_path: Path) -> None:
    Image.new("1", (15_000, 15_000)).save(tmp_path / "a.png")
    assert 2 * Image.MAX_IMAGE_PIXELS < 15_000**2
    limit = Image.MAX_IMAGE_PIXELS
    assert image_size(tmp_path / "a.png") == (15_000, 15_000)
    assert image_bytes(tmp_path / "a.png") == weigh(tmp_path / "a.png").kept == 15_000**2
    assert is_color(tmp_path / "a.png") is False
    assert limit == Image.MAX_IMAGE_PIXELS


def test_reading_a_picture_holds_little_beside_it(tmp_path: Path) -> None:
    """What Pillow decodes is not seen here; of what numpy is given there is one."""
    write_png(tmp_path / "c.png", np.zeros((4000, 3000, 3), np.uint8))
    tracemalloc.start()
    try:
        pixels = read_image(tmp_path / "c.png")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * pixels.nbytes


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
        (b"hello world, no image", "."),
        (whole[: len(whole) // 2], "."),
        (whole[:20], "."),
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
    with pytest.raises(WriteError, match=r"[Aa] parent of the target is a file|[Nn]ot a directory"):
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


def test_leftovers_of_a_call_killed_when_its_folder_was_whole_go_with_the_next(
    tmp_path: Path,
) -> None:
    with atomic_folder(tmp_path / "out") as partial:
        (partial / "a").write_bytes(b"1")
    left = tmp_path / "out.partial"
    claim_partial(left)
    (left / "items").mkdir()
    with pytest.raises(WriteError, match="exists"), atomic_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    claim_partial(left)
    (left / "whole").mkdir()  # somebody is at work
    with pytest.raises(WriteError, match="exists"), atomic_folder(tmp_path / "out"):
        pass
    assert left.is_dir()


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    ("channels", "photometric", "extra", "kept"),
    [
        (2, "minisblack", ["unspecified"], 2),
        (2, "minisblack", ["unassalpha"], 1),
        (4, "rgb", ["unspecified"], 4),
        (4, "rgb", ["assocalpha"], 3),
        (5, "rgb", ["unassalpha", "unspecified"], 4),
    ],
)
def test_of_a_tiff_only_alpha_is_dropped(
    tmp_path: Path, channels: int, photometric: str, extra: list[str], kept: int, planar: str
) -> None:
    array = np.random.default_rng(0).integers(0, 256, (4, 6, channels)).astype(np.uint8)
    stored = array if planar == "contig" else np.moveaxis(array, -1, 0)
    tifffile.imwrite(
        tmp_path / "t.tif", stored, photometric=photometric, extrasamples=extra, planarconfig=planar
    )
    expected = array if kept == channels else array[:, :, :kept]
    if extra == ["unassalpha", "unspecified"]:
        expected = array[:, :, [0, 1, 2, 4]]
    assert np.array_equal(read_image(tmp_path / "t.tif"), expected)


def test_a_tiff_palette_is_colours_in_images_and_indexes_in_maps(tmp_path: Path) -> None:
    values = np.array([[0, 1], [2, 1]], np.uint8)
    colors = np.zeros((3, 256), np.uint16)
    colors[:, 1], colors[:, 2] = (200 * 257, 0, 0), (0, 0, 9 * 257)
    tifffile.imwrite(tmp_path / "p.tif", values, photometric="palette", colormap=colors)
    assert np.array_equal(read_map(tmp_path / "p.tif"), values)
    assert np.array_equal(read_image(tmp_path / "p.tif"), (colors.T // 257)[values])
    assert not is_color(tmp_path / "p.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool])
def test_grey_with_white_as_zero_is_turned_over_in_images(tmp_path: Path, dtype: type) -> None:
    values = np.eye(3, 4).astype(dtype)
    tifffile.imwrite(tmp_path / "w.tif", values, photometric="miniswhite")
    top = np.iinfo(dtype).max if dtype is not bool else 255
    seen = np.where(values, 0 if dtype is bool else top - 1, top)
    assert np.array_equal(read_image(tmp_path / "w.tif")[:, :, 0], seen)
    assert np.array_equal(read_map(tmp_path / "w.tif"), seen if dtype is bool else values)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.int8])
def test_maps_of_a_tiff_hold_any_whole_numbers(tmp_path: Path, dtype: type) -> None:
    values = np.array([[0, np.iinfo(dtype).max], [np.iinfo(dtype).min, 5]], dtype)
    tifffile.imwrite(tmp_path / "m.tif", values)
    back = read_map(tmp_path / "m.tif")
    assert back.dtype == values.dtype
    assert np.array_equal(back, values)


def test_fractions_are_no_map_and_two_channels_neither(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "f.tif", np.zeros((3, 4), np.float32))
    with pytest.raises(ImageError, match=r"whole numbers.*float32.*Store the ids"):
        read_map(tmp_path / "f.tif")
    two = np.zeros((3, 4, 2), np.uint8)
    tifffile.imwrite(tmp_path / "2.tif", two, photometric="minisblack", planarconfig="contig")
    with pytest.raises(ImageError, match="2 channels"):
        read_map(tmp_path / "2.tif")


@pytest.mark.parametrize("imagej", [False, True])
def test_a_tiff_of_several_pages_is_a_volume_and_not_called_damaged(
    tmp_path: Path, imagej: bool
) -> None:
    axes = {"axes": "ZYX"}
    tifffile.imwrite(
        tmp_path / "v.tif", np.zeros((5, 6, 7), np.uint8), imagej=imagej, metadata=axes
    )
    for read in (read_image, read_map):
        with pytest.raises(ImageError, match=r"v\.tif: a TIFF of several pages is a volume"):
            read(tmp_path / "v.tif")


def test_a_folder_that_is_not_ours_is_never_removed(tmp_path: Path) -> None:
    theirs = tmp_path / "out.partial"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("x")
    with pytest.raises(WriteError, match="not maskloom's"), atomic_folder(tmp_path / "out"):
        pass
    with pytest.raises(WriteError, match="not maskloom's"):
        claim_partial(theirs, keep=True)
    assert (theirs / "thesis.txt").read_text() == "x"
    (tmp_path / "link.partial").symlink_to(theirs)
    with pytest.raises(WriteError, match="not maskloom's"), atomic_folder(tmp_path / "link"):
        pass


def test_what_a_killed_run_of_ours_left_is_removed_or_kept_when_asked(tmp_path: Path) -> None:
    partial = tmp_path / "out.partial"
    claim_partial(partial)
    (partial / "item").write_text("1")
    claim_partial(partial, keep=True)
    assert (partial / "item").is_file()
    with atomic_folder(tmp_path / "out") as whole:
        assert not (partial / "item").exists()
        (whole / "a").write_text("2")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a"]


def test_an_empty_partial_folder_may_be_taken(tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    with atomic_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").is_dir()
